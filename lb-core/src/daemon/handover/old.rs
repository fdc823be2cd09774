// SPDX-License-Identifier: MIT OR Apache-2.0
//! The old process: offers a handover, and ends after it.

use lb_vrrp::driver::handover::{HandedOver, HandoverError, Payload, RouterHandover, Sender};
use sd_notify::NotifyState;
use tokio::net::UnixStream;

use super::super::report;
use super::super::routers::Routers;
use super::super::running::{Running, systemd};
use super::super::stop::LAST_MAILS;

impl Running {
    /// Offers a handover to the process on this connection, and waits for it in a task.
    pub(in crate::daemon) async fn offer_handover(&mut self, stream: UnixStream, ahead: Vec<u8>) {
        let is_busy = self.handover.is_some();
        let offer = if is_busy {
            Err("another upgrade is in progress".to_owned())
        } else {
            self.handover_offer().await
        };
        let task = tokio::spawn(hand_over(stream, ahead, offer));
        if !is_busy {
            self.handover = Some(task);
        }
    }

    async fn handover_offer(&self) -> Result<(Option<RouterHandover>, Payload), String> {
        let routers = match &self.parts.routers {
            Some(routers) => {
                let prepared = routers.driver.prepare_handover().await;
                Some(prepared.map_err(|error| report::chain(&error))?)
            }
            None => None,
        };
        let lock = self.parts.lock.duplicate();
        let socket = self.parts.listening.socket.try_clone();
        let descriptors = vec![
            lock.map_err(|error| report::chain(&error))?,
            socket.map_err(|error| error.to_string())?,
        ];
        Ok((routers, Payload::new(self.known_state()?, descriptors)))
    }

    /// The state of the director as a document.
    fn known_state(&self) -> Result<String, String> {
        serde_json::to_string(&self.director.known()).map_err(|error| error.to_string())
    }

    /// Ends the daemon, and leaves addresses, table, lock and control socket to the new process.
    pub(in crate::daemon) async fn finish_handover(mut self, new: HandedOver) {
        let pid = new.pid();
        tracing::info!(pid, "handing over to the new process");
        self.parts.listening.disown_file();
        if let Some(Routers { driver, .. }) = self.parts.routers.take() {
            let ended = if new.has_routers() {
                driver.finish_handover().await
            } else {
                driver.shutdown().await
            };
            if let Err(error) = ended {
                tracing::error!("cannot end the virtual routers: {}", report::chain(&error));
            }
        }
        let remaining = self.parts.wind_down(None, false, &mut self.failures).await;
        let _ = remaining.serving.await;
        // systemd must learn the main process id before this process ends.
        systemd(&[NotifyState::MainPid(pid)]);
        let mut known = self.director.known();
        if let Some(notifier) = &remaining.notifier {
            known.fifos = notifier.owned_fifos().await;
        }
        let known = serde_json::to_string(&known).unwrap_or_default();
        if let Err(error) = new.confirm_end(known).await {
            // The new process also detects the end of the connection.
            tracing::debug!(%error, "cannot confirm the end of the handover");
        }
        if let Some(notifier) = remaining.notifier {
            notifier.release().await;
        }
        if let Some(mailer) = remaining.mailer {
            mailer.shutdown(LAST_MAILS).await;
        }
        tracing::info!(pid, "handed over to the new process");
    }
}

/// Waits until the process on this connection runs, or refuses it.
async fn hand_over(
    stream: UnixStream,
    ahead: Vec<u8>,
    offer: Result<(Option<RouterHandover>, Payload), String>,
) -> Result<HandedOver, HandoverError> {
    let sender = Sender::accept_after(ahead, stream).await?;
    match offer {
        Ok((routers, payload)) => sender.offer(routers, payload).await,
        Err(reason) => Err(sender.refuse(reason).await),
    }
}
