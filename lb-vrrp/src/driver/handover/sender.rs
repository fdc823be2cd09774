// SPDX-License-Identifier: MIT OR Apache-2.0
//! The old process: offers its routers.

use std::os::fd::{AsFd as _, OwnedFd};

use lb_host::descriptors;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::message::{FORMAT, Message, Offer, SharedRouters};
use super::{ANSWER, HandoverError, PREPARATION, Payload};

/// What became of the routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) enum Outcome {
    /// The new process drives them; the driver of this process has ended.
    HandedOver,
    /// The new process runs without routers; this one still drives its own.
    Declined,
}

/// The routers of a driver, ready for a handover; see
/// [`Driver::prepare_handover`](crate::driver::Driver::prepare_handover). Dropping this, or
/// the future of [`Sender::offer`], cancels the handover.
#[derive(Debug)]
pub struct RouterHandover {
    pub(in crate::driver) routers: SharedRouters,
    pub(in crate::driver) sockets: Vec<OwnedFd>,
    /// Passes the connection to the advert thread.
    pub(in crate::driver) connection: oneshot::Sender<OwnedFd>,
    pub(in crate::driver) outcome: oneshot::Receiver<Result<Outcome, HandoverError>>,
}

/// The old process's end of the connection, after the request of a new process.
#[derive(Debug)]
pub struct Sender {
    stream: UnixStream,
    pid: u32,
}

impl Sender {
    /// Receives the request of the new process on `stream`. A process of another format is refused.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if no valid request arrives within 10 s.
    pub async fn accept(stream: UnixStream) -> Result<Self, HandoverError> {
        Self::accept_after(Vec::new(), stream).await
    }

    /// The same on a stream of which another protocol, such as HTTP, has read these bytes.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_after(ahead: Vec<u8>, stream: UnixStream) -> Result<Self, HandoverError> {
        let (request, _) = descriptors::receive_after(ahead, &stream, ANSWER).await?;
        let (format, pid) = match Message::decode(&request)? {
            Message::Request { format, pid } => (format, pid),
            other => return Err(other.unexpected()),
        };
        let sender = Self { stream, pid };
        if format != FORMAT {
            let (theirs, ours) = (format, FORMAT);
            let reason =
                format!("the running process uses handover format {ours}, the new one {theirs}");
            sender.refuse(reason).await;
            return Err(HandoverError::Format { theirs, ours });
        }
        Ok(sender)
    }

    /// Process id of the new process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Refuses the request, and returns the error that the new process reports.
    pub async fn refuse(self, reason: String) -> HandoverError {
        let refused = Message::Refused {
            reason: reason.clone(),
        };
        // Without it the new process receives the end of the connection.
        let _ = refused.send(&self.stream, &[], ANSWER).await;
        HandoverError::Refused { reason }
    }

    /// Offers the routers of a driver and what the program adds, and waits until the new process runs.
    /// Call [`Driver::finish_handover`](crate::driver::Driver::finish_handover) after that if
    /// [the routers were handed over](HandedOver::has_routers), and
    /// [`shutdown`](crate::driver::Driver::shutdown) otherwise.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if the new process refused, failed, ended or was too slow. This process
    /// continues to drive its routers; peers have observed nothing.
    pub async fn offer(
        self,
        routers: Option<RouterHandover>,
        payload: Payload,
    ) -> Result<HandedOver, HandoverError> {
        let Payload {
            document,
            mut descriptors,
        } = payload;
        let mut offer = Offer {
            pid: std::process::id(),
            document,
            descriptors: descriptors.len(),
            routers: None,
        };
        let mut driver = None;
        if let Some(routers) = routers {
            offer.routers = Some(routers.routers);
            descriptors.extend(routers.sockets);
            driver = Some((routers.connection, routers.outcome));
        }
        let offer = Message::Offer(offer);
        offer.send(&self.stream, &descriptors, ANSWER).await?;
        drop(descriptors);
        let outcome = match driver {
            Some((connection, outcome)) => {
                let duplicate = self.stream.as_fd().try_clone_to_owned();
                let duplicate =
                    duplicate.map_err(HandoverError::system("duplicate the connection"))?;
                // Fails if the driver has ended, and so does the outcome.
                let _ = connection.send(duplicate);
                outcome.await.unwrap_or(Err(HandoverError::Closed))?
            }
            None => match Message::receive(&self.stream, PREPARATION).await?.0 {
                Message::Running { .. } => Outcome::Declined,
                other => return Err(other.unexpected()),
            },
        };
        Ok(HandedOver {
            stream: self.stream,
            pid: self.pid,
            has_routers: outcome == Outcome::HandedOver,
        })
    }
}

/// The old process's end of the connection, when the new process runs.
#[derive(Debug)]
pub struct HandedOver {
    stream: UnixStream,
    pid: u32,
    has_routers: bool,
}

impl HandedOver {
    /// Process id of the new process.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the new process drives the routers; otherwise this process still does.
    #[must_use]
    pub const fn has_routers(&self) -> bool {
        self.has_routers
    }

    /// Reports to the new process that this one has ended all that it did, with a last document.
    ///
    /// # Errors
    ///
    /// [`HandoverError`] if the new process is gone.
    pub async fn confirm_end(self, document: String) -> Result<(), HandoverError> {
        let ended = Message::Ended { document };
        ended.send(&self.stream, &[], ANSWER).await
    }
}
