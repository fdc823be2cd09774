// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of the old process, which the new process replaces.

use sd_notify::NotifyState;
use tokio::net::UnixStream;

use super::super::report;
use super::super::routers::Routers;
use super::super::running::{Running, systemd};
use super::super::stop::LAST_MAILS;
use super::sender::{HandoverOffer, NewProcess, offer_handover};

impl Running {
    /// Offers a handover to the process on this connection.
    pub(in crate::daemon) async fn offer_handover(&mut self, stream: UnixStream) {
        if self.handover.is_some() {
            let busy = "another upgrade is under way".to_owned();
            tokio::spawn(offer_handover(stream, Err(busy)));
            return;
        }
        let offer = self.handover_offer().await;
        self.handover = Some(tokio::spawn(offer_handover(stream, offer)));
    }

    async fn handover_offer(&self) -> Result<HandoverOffer, String> {
        let routers = match &self.parts.routers {
            Some(routers) => {
                let offer = routers.driver.offer().await;
                Some(offer.map_err(|error| report::chain(&error))?)
            }
            None => None,
        };
        let lock = self.parts.lock.duplicate();
        let socket = self.parts.listening.socket.try_clone();
        Ok(HandoverOffer {
            lock: lock.map_err(|error| report::chain(&error))?,
            socket: socket.map_err(|error| error.to_string())?,
            routers,
            known: self.director.known(),
        })
    }

    /// Ends the daemon, and leaves addresses, table, lock and control socket to the new process.
    pub(in crate::daemon) async fn hand_over(mut self, to: NewProcess) {
        let pid = to.pid;
        tracing::info!(pid, "handing over to the new process");
        self.parts.listening.disown_file();
        if let Some(Routers { driver, .. }) = self.parts.routers.take() {
            let ended = if to.routers {
                driver.release().await
            } else {
                driver.shutdown().await
            };
            if let Err(error) = ended {
                tracing::error!("cannot end the virtual routers: {}", report::chain(&error));
            }
        }
        let remaining = self.parts.wind_down(None, &mut self.failures).await;
        let _ = remaining.serving.await;
        // systemd must learn the main process id before this process ends.
        systemd(&[NotifyState::MainPid(pid)]);
        to.confirm_end(self.director.known()).await;
        if let Some(notifier) = remaining.notifier {
            notifier.release().await;
        }
        if let Some(mailer) = remaining.mailer {
            mailer.shutdown(LAST_MAILS).await;
        }
        tracing::info!(pid, "handed over to the new process");
    }
}
