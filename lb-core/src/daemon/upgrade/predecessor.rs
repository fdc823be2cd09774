// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new side: what the running daemon offers, and the way to its place.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use lb_vrrp::driver;
use tokio::net::UnixStream;

use super::documents::{Answer, FORMAT, Hello, Word};
use super::{UpgradeError, frame};
use crate::control::{self, ClientError, ControlServer};
use crate::director::Known;

use super::super::error::RunError;
use super::super::lock::ControlLock;
use super::super::routers::Routers;

/// How long the running daemon may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to end what it does to the table.
const END: Duration = Duration::from_secs(70);

/// What a daemon needs to have its control socket for itself.
#[derive(Debug)]
pub(in crate::daemon) struct Claim {
    pub(in crate::daemon) lock: ControlLock,
    pub(in crate::daemon) server: ControlServer,
    /// Virtual routers that run already.
    pub(in crate::daemon) routers: Option<Routers>,
    /// What the director goes on from.
    pub(in crate::daemon) known: Known,
    /// Another process has ended for this one.
    pub(in crate::daemon) succeeds: bool,
}

/// A running daemon that has made an offer.
#[derive(Debug)]
pub(in crate::daemon) struct Predecessor {
    stream: UnixStream,
    pid: u32,
    lock: OwnedFd,
    socket: OwnedFd,
    routers: Option<driver::Offer>,
    known: Known,
}

impl Predecessor {
    /// Asks the daemon on the control socket; `None` if nobody is there.
    pub(in crate::daemon) async fn ask(control: &Path) -> Result<Option<Self>, UpgradeError> {
        let stream = match control::hand_over(control).await {
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
        let routers = routers.map(|document| driver::Offer::new(document, descriptors.collect()));
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

    /// Takes its place: first its virtual routers, if both have some, then the rest when it has
    /// ended that. An error means that it runs on.
    pub(in crate::daemon) async fn succeed(
        self,
        control: &Path,
        routers: driver::Configuration,
        options: driver::Options,
    ) -> Result<Claim, RunError> {
        // What can fail comes before the routers change hands.
        let lock = ControlLock::take_over(self.lock, control)?;
        let server = ControlServer::take_over(self.socket, control)?;
        let routers = match self.routers {
            Some(offer) if !routers.is_empty() => {
                Some(Routers::take_over(offer, routers, options).await?)
            }
            _ => None,
        };
        let committed = frame::send(&self.stream, &Word::Committed, &[], ANSWER).await;
        let done = match committed {
            Ok(()) => frame::receive(&self.stream, END).await,
            Err(error) => Err(error),
        };
        let mut last = self.known;
        match done {
            Ok((Word::Done { known }, _)) => last = known,
            Ok((Word::Committed, _)) | Err(UpgradeError::Gone) => {}
            // Without routers nothing has changed hands yet.
            Err(error) if routers.is_none() => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the old process has not said that it is done"),
        }
        server.own();
        if let Err(error) = lock.sign() {
            tracing::warn!(%error, "process id not written to the lock");
        }
        tracing::info!(pid = self.pid, "took over");
        Ok(Claim {
            lock,
            server,
            routers,
            known: last,
            succeeds: true,
        })
    }
}
