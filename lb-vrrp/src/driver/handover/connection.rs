// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection of two advert threads.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::task::Poll;

use lb_host::descriptors::{Incoming, send_at_once};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{HandoverError, Message, State};
use crate::driver::reactor::{Reactor, Watch};

/// Largest state, in bytes; guards against a corrupt file.
const LENGTH: u64 = 256 * 1024 * 1024;

/// One end of the connection, for a thread that waits with a [`Reactor`].
#[derive(Debug)]
pub(in crate::driver) struct Connection {
    socket: Watch<OwnedFd>,
    incoming: Incoming,
}

impl Connection {
    pub(in crate::driver) fn new(
        reactor: &Reactor,
        socket: OwnedFd,
    ) -> Result<Self, HandoverError> {
        let watched = reactor.watch(socket);
        Ok(Self {
            socket: watched.map_err(HandoverError::system("watch the connection"))?,
            incoming: Incoming::default(),
        })
    }

    pub(in crate::driver) fn send(&self, message: &Message) -> Result<(), HandoverError> {
        Ok(send_at_once(self.socket.get(), &message.encode()?, &[])?)
    }

    /// Sends a state; as a file, whose size does not matter to the buffer of the socket.
    pub(in crate::driver) fn send_state(
        &self,
        attempt: u8,
        state: &State,
    ) -> Result<(), HandoverError> {
        let bytes = serde_json::to_vec(state)?;
        let write = || {
            let file = File::from(memfd_create(c"vrrp-handover", MFdFlags::MFD_CLOEXEC)?);
            file.write_all_at(&bytes, 0)?;
            Ok::<_, io::Error>(file)
        };
        let file = write().map_err(HandoverError::system("write the state of the routers"))?;
        let message = Message::State { attempt }.encode()?;
        Ok(send_at_once(self.socket.get(), &message, &[file.into()])?)
    }

    /// The next message, with its descriptors.
    pub(in crate::driver) fn receive(
        &mut self,
    ) -> Poll<Result<(Message, Vec<OwnedFd>), HandoverError>> {
        if !self.socket.is_ready() {
            return Poll::Pending;
        }
        match self.incoming.receive(self.socket.get()) {
            Ok(Some((message, descriptors))) => {
                let message = Message::decode(&message);
                Poll::Ready(message.map(|message| (message, descriptors)))
            }
            Ok(None) => {
                self.socket.clear();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }

    /// Reads the state that came with a message.
    pub(in crate::driver) fn read_state(descriptors: Vec<OwnedFd>) -> Result<State, HandoverError> {
        let missing = HandoverError::Descriptors {
            actual: 0,
            expected: 1,
        };
        let file = File::from(descriptors.into_iter().next().ok_or(missing)?);
        let read = || {
            let length = file.metadata()?.len().min(LENGTH);
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        };
        let bytes = read().map_err(HandoverError::system("read the state of the routers"))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;
    use crate::driver::handover::HostState;
    use crate::status::Lateness;

    fn pair(reactor: &Reactor) -> (Connection, Connection) {
        let (here, there) = UnixStream::pair().unwrap();
        let connect = |socket: UnixStream| Connection::new(reactor, socket.into()).unwrap();
        (connect(here), connect(there))
    }

    fn next(
        reactor: &Reactor,
        connection: &mut Connection,
    ) -> Result<(Message, Vec<OwnedFd>), HandoverError> {
        loop {
            if let Poll::Ready(message) = connection.receive() {
                return message;
            }
            reactor.wait().unwrap();
        }
    }

    #[test]
    fn messages_and_states_arrive_also_after_the_end_of_the_sender() {
        let reactor = Reactor::new().unwrap();
        let (old, mut new) = pair(&reactor);
        assert!(new.receive().is_pending());
        let state = State {
            at: Duration::from_secs(3),
            routers: Vec::new(),
            objects: Vec::new(),
            ports: Vec::new(),
            lateness: Lateness::default(),
            host: HostState::default(),
        };
        old.send_state(7, &state).unwrap();
        let commit = Message::Commit { attempt: 7 };
        old.send(&commit).unwrap();
        drop(old);
        let (message, descriptors) = next(&reactor, &mut new).unwrap();
        assert_eq!(message, Message::State { attempt: 7 });
        let state = Connection::read_state(descriptors).unwrap();
        assert_eq!(state.at, Duration::from_secs(3));
        assert_eq!(next(&reactor, &mut new).unwrap().0, commit);
        let end = next(&reactor, &mut new).unwrap_err();
        assert!(matches!(end, HandoverError::Closed), "{end}");
    }

    #[test]
    fn state_without_its_file_and_garbage_are_errors() {
        let reactor = Reactor::new().unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let mut new = Connection::new(&reactor, there.into()).unwrap();
        send_at_once(&here, b"garbage", &[]).unwrap();
        let error = next(&reactor, &mut new).unwrap_err();
        assert!(matches!(error, HandoverError::Document(_)), "{error}");
        let error = Connection::read_state(Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the offer has 0 of 1 descriptors");
    }
}
