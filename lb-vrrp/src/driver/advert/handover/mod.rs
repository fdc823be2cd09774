// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advert thread during a handover, in the old process and in the new one.

mod receiver;
mod sender;

use std::os::fd::OwnedFd;
use std::task::Poll;
use std::time::Instant;

pub(super) use self::receiver::Waiting;
pub(super) use self::sender::Handover;

use super::super::handover::{Connection, HandoverError, Message};
use super::AdvertThread;

type Received = Option<(Message, Vec<OwnedFd>)>;

impl AdvertThread {
    /// The next message, or `None` if it is later than `until`. Otherwise waits for a message, that time,
    /// or a command, and returns `Pending`.
    fn poll_message(
        &mut self,
        connection: &mut Connection,
        until: Instant,
    ) -> Result<Poll<Received>, HandoverError> {
        let system = || HandoverError::system("wait for the other process");
        self.timer.arm(Some(until)).map_err(system())?;
        match connection.receive() {
            Poll::Ready(message) => Ok(Poll::Ready(Some(message?))),
            Poll::Pending if self.timer.is_due(Instant::now()) => Ok(Poll::Ready(None)),
            Poll::Pending => {
                self.reactor.wait().map_err(system())?;
                Ok(Poll::Pending)
            }
        }
    }
}
