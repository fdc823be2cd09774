// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TCP connections of checks that only connect: one epoll for all of them, which is one descriptor
//! for the runtime, so that a probe needs neither a task nor an allocation.

use std::future::pending;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use socket2::Socket;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use crate::connect::system;
use crate::outcome::Failure;

/// Ends of connections read in one call.
const EVENTS: usize = 256;

/// Waits for the ends of connection attempts. A socket that is closed is not waited for any more.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Made with the first connection.
    epoll: Option<AsyncFd<OwnedFd>>,
    /// Tokens of attempts that have ended.
    ended: Vec<u64>,
}

impl Connections {
    /// Reports the end of a connection attempt as `token`, once.
    pub(super) fn watch(&mut self, socket: &Socket, token: u64) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::Local(system("epoll", &error));
        let epoll = match &mut self.epoll {
            Some(epoll) => epoll,
            none => {
                self.ended.reserve_exact(EVENTS);
                none.insert(open().map_err(failed)?)
            }
        };
        // Edge-triggered: an end that is ignored is not reported for ever.
        let flags = epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(epoll, socket, epoll::EventData::new_u64(token), flags)
            .map_err(|e| failed(e.into()))
    }

    /// Waits until [`next`](Self::next) has a token.
    ///
    /// # Cancel safety
    /// No end is lost when the future is dropped.
    pub(super) async fn wait(&mut self) {
        let Some(epoll) = &self.epoll else {
            return pending().await;
        };
        while self.ended.is_empty() {
            let Ok(mut guard) = epoll.readable().await else {
                // The runtime ends.
                return pending().await;
            };
            if !read_ends(epoll, &mut self.ended) {
                guard.clear_ready_matching(Ready::READABLE);
            }
        }
    }

    /// Reads what has ended by now, without waiting.
    pub(super) fn read_ended(&mut self) {
        if let Some(epoll) = &self.epoll
            && self.ended.is_empty()
        {
            read_ends(epoll, &mut self.ended);
        }
    }

    /// The token of a connection attempt that has ended.
    pub(super) fn next(&mut self) -> Option<u64> {
        self.ended.pop()
    }
}

/// Opens an epoll and registers it in the runtime.
fn open() -> io::Result<AsyncFd<OwnedFd>> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    #[expect(
        deprecated,
        reason = "the descriptor of an `OwnedFd` never changes, and the newer function is `unsafe`"
    )]
    AsyncFd::with_interest(epoll, Interest::READABLE)
}

/// Reads the tokens of what has ended, without waiting; returns whether there may be more.
fn read_ends(epoll: &AsyncFd<OwnedFd>, ended: &mut Vec<u64>) -> bool {
    let mut buffer = [const { MaybeUninit::uninit() }; EVENTS];
    match epoll::wait(epoll, &mut buffer, Some(&Timespec::default())) {
        Ok((events, room)) => {
            ended.extend(events.iter().map(|event| event.data.u64()));
            room.is_empty()
        }
        // An interrupted call is repeated.
        Err(error) => error == Errno::INTR,
    }
}
