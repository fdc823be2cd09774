// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a daemon, and the steps that it shares with a handover.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::control::Listening;
use crate::mail::Mailer;

use super::lock::ControlLock;
use super::notify::{LAST_SCRIPTS, Notifier};
use super::plane::{Job, Plane};
use super::report::LoggedFailures;
use super::routers::Routers;
use super::running::{Parts, Running};
use super::{report, stage, stop_delay::stop_delay};

/// How long a reload and a handover wait for the mail server.
pub(super) const LAST_MAILS: Duration = Duration::from_secs(5);

/// The parts that end last.
pub(super) struct Left {
    pub(super) mailer: Option<Mailer>,
    pub(super) notifier: Option<Notifier>,
    /// The server of the control socket, which is about to end.
    pub(super) serving: JoinHandle<()>,
    lock: ControlLock,
    _held: Listening,
}

impl Parts {
    /// Ends the checks and the data plane, whose table goes at that time or stays, and has the
    /// control socket answer no more.
    pub(super) async fn wind_down(
        mut self,
        table_goes: Option<Instant>,
        flush: bool,
        failures: &mut LoggedFailures,
    ) -> Left {
        self.serving.abort();
        drop(self.addresses);
        self.checks.shutdown().await;
        if let Some(plane) = self.plane {
            if let Some(at) = table_goes {
                tokio::time::sleep_until(at).await;
            }
            stop_plane(plane, table_goes.is_none(), failures).await;
            if table_goes.is_some() {
                self.table_settings.stop(flush).await;
            }
        }
        if table_goes.is_some() {
            self.accept_local.stop();
        }
        Left {
            mailer: self.mailer,
            notifier: self.notifier,
            serving: self.serving,
            lock: self.lock,
            _held: self.listening,
        }
    }
}

impl Running {
    /// Stops the parts in order: adverts, addresses, checks, table, mails and scripts.
    pub(super) async fn stop(mut self, keep: bool) {
        tracing::info!(keep, "stopping");
        // `child_wait_time` bounds each wait for other hosts and programs.
        let longest = self.director.global().runtime.child_wait;
        let delay = stop_delay(
            self.director.routers(),
            self.director.roles(),
            &self.director.desired_table(),
            self.director.desired_sync_daemons(),
        );
        let table_goes = Instant::now() + delay.min(longest);
        if let Some(notifier) = &self.parts.notifier {
            // As in keepalived, before the last lines.
            notifier.end_readers().await;
        }
        if !keep {
            self.director.handle_stop();
        }
        if let Some(Routers { driver, mut events }) = self.parts.routers.take() {
            let (finished, mut done) = oneshot::channel();
            tokio::spawn(async move { finished.send(driver.shutdown().await) });
            loop {
                tokio::select! {
                    Some(event) = events.recv() => self.handle_vrrp(&event),
                    result = &mut done => {
                        if let Ok(Err(error)) = result {
                            tracing::error!("virtual routers: {}", report::chain(&error));
                        }
                        break;
                    }
                }
            }
            while let Ok(Some(event)) = events.try_recv() {
                self.handle_vrrp(&event);
            }
        }
        self.director.handle_routers_stopped();
        self.drain().await;
        let scripts_end = Instant::now() + LAST_SCRIPTS.min(longest);
        let table_goes = (!keep).then_some(table_goes);
        let flush = self.director.global().ipvs.flush_on_stop;
        let left = self
            .parts
            .wind_down(table_goes, flush, &mut self.failures)
            .await;
        let mails = async {
            if let Some(mailer) = left.mailer {
                mailer.shutdown(longest).await;
            }
        };
        let scripts = async {
            if let Some(notifier) = left.notifier {
                notifier.shutdown(scripts_end).await;
            }
        };
        tokio::join!(mails, scripts);
        let shutdown = self.director.global().runtime.shutdown_script.as_ref();
        stage::run("shutdown", shutdown).await;
        // The server removes its socket as it is dropped; the lock must not be freed before.
        let _ = left.serving.await;
        left.lock.remove();
        tracing::info!("stopped");
    }
}

async fn stop_plane(mut plane: Plane, keep: bool, failures: &mut LoggedFailures) {
    if plane.is_busy()
        && let Some(done) = plane.done().await
    {
        report::log_done(done, failures);
    }
    if !keep {
        plane.give(Job::Stop);
        if let Some(done) = plane.done().await {
            report::log_done(done, failures);
        }
    }
    plane.end().await;
}
