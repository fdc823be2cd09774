// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new process: requests the handover and replaces the old process.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use lb_vrrp::driver::{DriverOptions, Offer};
use lb_vrrp::spec::Configuration;
use tokio::net::UnixStream;

use super::documents::{Answer, FORMAT, Hello, Phase};
use super::{UpgradeError, frame};
use crate::control::{self, ClientError, ControlServer};
use crate::director::Known;

use super::super::error::RunError;
use super::super::lock::ControlLock;
use super::super::routers::Routers;

/// Time limit for an answer of the old process.
const ANSWER: Duration = Duration::from_secs(10);
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
    stream: UnixStream,
    pid: u32,
    lock: OwnedFd,
    socket: OwnedFd,
    routers: Option<Offer>,
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
        let hello = Hello {
            format: FORMAT,
            pid: std::process::id(),
        };
        frame::send(&stream, &hello, &[], ANSWER).await?;
        let (answer, descriptors) = frame::receive(&stream, ANSWER).await?;
        let (pid, routers, known) = match answer {
            Answer::Offer {
                pid,
                routers,
                known,
            } => (pid, routers, known),
            Answer::Refused { reason } => return Err(UpgradeError::Refused { reason }),
        };
        let mut descriptors = descriptors.into_iter();
        let (Some(lock), Some(socket)) = (descriptors.next(), descriptors.next()) else {
            return Err(UpgradeError::Gone);
        };
        let routers = routers.map(|document| Offer::new(document, descriptors.collect()));
        tracing::info!(pid, "taking over from a running daemon");
        Ok(Some(Self {
            stream,
            pid,
            lock,
            socket,
            routers,
            known,
        }))
    }

    /// Replaces the old process: takes over its virtual routers, if both processes have some, then
    /// lock, control socket, table and ledger when the old process has released them. After an error
    /// the old process continues.
    pub(in crate::daemon) async fn replace(
        self,
        control: &Path,
        routers: Configuration,
        options: DriverOptions,
    ) -> Result<Claim, RunError> {
        // Steps that can fail precede the handover of the routers.
        let lock = ControlLock::take_over(self.lock, control)?;
        let server = ControlServer::take_over(self.socket, control)?;
        let routers = match self.routers {
            Some(offer) if !routers.is_empty() => {
                Some(Routers::take_over(offer, routers, options).await?)
            }
            _ => None,
        };
        let committed = frame::send(&self.stream, &Phase::Committed, &[], ANSWER).await;
        let done = match committed {
            Ok(()) => frame::receive(&self.stream, END).await,
            Err(error) => Err(error),
        };
        let mut last = self.known;
        match done {
            Ok((Phase::Done { known }, _)) => last = known,
            Ok((Phase::Committed, _)) | Err(UpgradeError::Gone) => {}
            // Without routers nothing has been handed over yet.
            Err(error) if routers.is_none() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the old process did not confirm the end of the handover")
            }
        }
        server.own_file();
        if let Err(error) = lock.sign() {
            tracing::warn!(%error, "cannot write the process id into the lock");
        }
        tracing::info!(pid = self.pid, "took over from the old process");
        Ok(Claim {
            lock,
            server,
            routers,
            known: last,
            is_handover: true,
        })
    }
}
