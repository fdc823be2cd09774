// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of a daemon that a new process replaces.

use sd_notify::NotifyState;
use tokio::net::UnixStream;

use super::report;
use super::routers::Routers;
use super::running::{Running, systemd};
use super::stop::LAST_MAILS;
use super::upgrade::{HandedOver, Offered, offer_to};

impl Running {
    /// Offers a handover to the process on this connection.
    pub(super) async fn offer(&mut self, stream: UnixStream) {
        if self.handover.is_some() {
            let busy = "another upgrade is under way".to_owned();
            tokio::spawn(offer_to(stream, Err(busy)));
            return;
        }
        let offered = self.offered().await;
        self.handover = Some(tokio::spawn(offer_to(stream, offered)));
    }

    async fn offered(&self) -> Result<Offered, String> {
        let routers = match &self.parts.routers {
            Some(routers) => {
                let offer = routers.handle.offer().await;
                Some(offer.map_err(|error| report::chain(&error))?)
            }
            None => None,
        };
        let lock = self.parts.lock.pass();
        let socket = self.parts.listening.socket.try_clone();
        Ok(Offered {
            lock: lock.map_err(|error| report::chain(&error))?,
            socket: socket.map_err(|error| error.to_string())?,
            routers,
            known: self.director.known(),
        })
    }

    /// Ends the daemon, and leaves addresses, table, lock and control socket to the new process.
    pub(super) async fn leave(mut self, to: HandedOver) {
        let pid = to.pid;
        tracing::info!(pid, "handing over");
        self.parts.listening.give_up();
        if let Some(Routers { handle, .. }) = self.parts.routers.take() {
            let ended = if to.routers {
                handle.release().await
            } else {
                handle.shutdown().await
            };
            if let Err(error) = ended {
                tracing::error!("virtual routers: {}", report::chain(&error));
            }
        }
        let left = self.parts.wind_down(None, &mut self.failures).await;
        let _ = left.serving.await;
        // The service manager has to know the new main process.
        systemd(&[NotifyState::MainPid(pid)]);
        to.done(self.director.known()).await;
        if let Some(mailer) = left.mailer {
            mailer.shutdown(LAST_MAILS).await;
        }
        tracing::info!(pid, "handed over");
    }
}
