// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new process: requests the handover and replaces the old process.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use lb_vrrp::driver::DriverOptions;
use lb_vrrp::driver::handover::{HandoverError, Receiver};
use lb_vrrp::spec::Configuration;

use super::UpgradeError;
use crate::control::{self, ClientError, ControlServer};
use crate::director::Known;

use super::super::error::RunError;
use super::super::lock::ControlLock;
use super::super::routers::Routers;

/// Time limit for the old process to finish its changes of the table.
const END: Duration = Duration::from_secs(70);

/// Lock and control socket of a daemon, with the state of the process that it replaces.
#[derive(Debug)]
pub(in crate::daemon) struct Claim {
    pub(in crate::daemon) lock: ControlLock,
    pub(in crate::daemon) server: ControlServer,
    /// Virtual routers of the old process, running.
    pub(in crate::daemon) routers: Option<Routers>,
    /// State that the director continues from.
    pub(in crate::daemon) known: Known,
    /// Whether this process replaces an old one.
    pub(in crate::daemon) is_handover: bool,
}

/// A running daemon that has offered a handover.
#[derive(Debug)]
pub(in crate::daemon) struct OldProcess {
    offer: Receiver,
    lock: OwnedFd,
    socket: OwnedFd,
    known: Known,
}

impl OldProcess {
    /// Requests a handover from the daemon on the control socket; `None` without a daemon.
    pub(in crate::daemon) async fn request_handover(
        control: &Path,
    ) -> Result<Option<Self>, UpgradeError> {
        let stream = match control::request_handover(control).await {
            Ok(stream) => stream,
            Err(ClientError::Connect { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut offer = Receiver::request(stream).await?;
        let mut descriptors = offer.take_descriptors().into_iter();
        let (Some(lock), Some(socket)) = (descriptors.next(), descriptors.next()) else {
            return Err(UpgradeError::NoSocket);
        };
        let known = serde_json::from_str(offer.document())?;
        tracing::info!(pid = offer.pid(), "replacing a running daemon");
        Ok(Some(Self {
            offer,
            lock,
            socket,
            known,
        }))
    }

    /// Replaces the old process: continues its virtual routers, if both processes have some, and takes
    /// lock, control socket, table and ledger when the old process has ended. After an error the old
    /// process continues.
    pub(in crate::daemon) async fn replace(
        mut self,
        control: &Path,
        routers: Configuration,
        options: DriverOptions,
    ) -> Result<Claim, RunError> {
        // Steps that can fail precede the handover of the routers.
        let lock = ControlLock::from_handover(self.lock, control)?;
        let server = ControlServer::from_handover(self.socket, control)?;
        let routers = if self.offer.offers_routers() && !routers.is_empty() {
            Some(Routers::from_handover(&mut self.offer, routers, options).await?)
        } else {
            None
        };
        let pid = self.offer.pid();
        let ended = match self.offer.confirm_running().await {
            Ok(()) => self.offer.wait_end(END).await,
            Err(error) => Err(error),
        };
        let mut known = self.known;
        match ended {
            Ok(document) => match serde_json::from_str(&document) {
                Ok(last) => known = last,
                Err(error) => {
                    tracing::warn!(%error, "cannot decode the last state of the old process")
                }
            },
            Err(HandoverError::Closed) => {}
            // Without routers nothing has been handed over yet.
            Err(error) if routers.is_none() => return Err(UpgradeError::from(error).into()),
            Err(error) => {
                tracing::warn!(%error, "the old process did not confirm the end of the handover");
            }
        }
        server.own_file();
        if let Err(error) = lock.sign() {
            tracing::warn!(%error, "cannot write the process id into the lock");
        }
        tracing::info!(pid, "replaced the old process");
        Ok(Claim {
            lock,
            server,
            routers,
            known,
            is_handover: true,
        })
    }
}
