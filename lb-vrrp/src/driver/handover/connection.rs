// SPDX-License-Identifier: MIT OR Apache-2.0
//! The switch between two advert threads: a socket, a token, and memory for what is handed over.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::task::Poll;

use nix::fcntl::OFlag;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::pipe2;
use socket2::{Domain, Socket, Type};

use super::estate::Estate;
use crate::driver::reactor::{Reactor, Watch};

/// The longest message: one byte for each router, or a reason.
const MESSAGE: usize = 64 * 1024;
/// More than anybody hands over; what is longer is not read.
const DOCUMENT: u64 = 256 * 1024 * 1024;

/// What the two threads say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) enum Message {
    /// New to old: it has all that it can have beforehand.
    Ready,
    /// Old to new: what is handed over is in memory there, and the token of that number is there to
    /// be picked up, or was taken back already.
    Frozen {
        number: u8,
        offset: u64,
        length: u64,
    },
    /// New to old: it drives these routers, by their place in the document; the others are left
    /// for the old one to end.
    Running(Vec<bool>),
    /// New to old: it cannot.
    Refused(String),
}

impl Message {
    fn to_bytes(&self) -> Vec<u8> {
        let (tag, rest) = match self {
            Self::Ready => (1, Vec::new()),
            Self::Frozen {
                number,
                offset,
                length,
            } => {
                let mut rest = vec![*number];
                rest.extend(offset.to_le_bytes());
                rest.extend(length.to_le_bytes());
                (2, rest)
            }
            Self::Running(kept) => (3, kept.iter().map(|kept| u8::from(*kept)).collect()),
            Self::Refused(reason) => (4, reason.as_bytes().to_vec()),
        };
        let mut bytes = vec![tag];
        bytes.extend(rest);
        bytes.truncate(MESSAGE);
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        Some(match tag {
            1 => Self::Ready,
            2 => {
                let (number, rest) = rest.split_first()?;
                let (offset, length) = rest.split_first_chunk()?;
                Self::Frozen {
                    number: *number,
                    offset: u64::from_le_bytes(*offset),
                    length: u64::from_le_bytes(length.try_into().ok()?),
                }
            }
            3 => Self::Running(rest.iter().map(|kept| *kept != 0).collect()),
            4 => Self::Refused(String::from_utf8_lossy(rest).into_owned()),
            _ => return None,
        })
    }
}

/// One end of it.
#[derive(Debug)]
pub(in crate::driver) struct Switch {
    socket: Watch<Socket>,
    token: OwnedFd,
    /// What the token is put down with; only the old thread has it.
    pen: Option<OwnedFd>,
    memory: File,
    /// Where the next document goes: an earlier one may still be being read.
    end: u64,
    buffer: Box<[u8]>,
}

impl Switch {
    /// Makes both ends: the old thread's, and what the new one needs for
    /// [`from_passed`](Self::from_passed).
    pub(in crate::driver) fn new(reactor: &Reactor) -> io::Result<(Self, [OwnedFd; 3])> {
        let (ours, theirs) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
        let (token, pen) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let memory = memfd_create(c"vrrp-hand-over", MFdFlags::MFD_CLOEXEC)?;
        theirs.set_nonblocking(true)?;
        let passed = [theirs.into(), token.try_clone()?, memory.try_clone()?];
        Ok((Self::make(reactor, ours, token, Some(pen), memory)?, passed))
    }

    /// The new thread's end.
    pub(in crate::driver) fn from_passed(
        reactor: &Reactor,
        [socket, token, memory]: [OwnedFd; 3],
    ) -> io::Result<Self> {
        Self::make(reactor, socket.into(), token, None, memory)
    }

    fn make(
        reactor: &Reactor,
        socket: Socket,
        token: OwnedFd,
        pen: Option<OwnedFd>,
        memory: OwnedFd,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: reactor.watch(socket)?,
            token,
            pen,
            memory: memory.into(),
            end: 0,
            buffer: vec![0; MESSAGE].into_boxed_slice(),
        })
    }

    /// Old: writes what is handed over, puts the token of this number down, and says so.
    pub(in crate::driver) fn put_down(&mut self, number: u8, estate: &Estate) -> io::Result<()> {
        let bytes = serde_json::to_vec(estate)?;
        let offset = self.end;
        self.memory.write_all_at(&bytes, offset)?;
        let length = u64::try_from(bytes.len()).map_err(io::Error::other)?;
        self.end += length;
        // Who hears of it finds it.
        let pen = self.pen.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        nix::unistd::write(pen, &[number])?;
        self.send(&Message::Frozen {
            number,
            offset,
            length,
        })
    }

    /// New: what was handed over.
    pub(in crate::driver) fn read(&self, offset: u64, length: u64) -> io::Result<Estate> {
        let length = usize::try_from(length.min(DOCUMENT)).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.memory.read_exact_at(&mut bytes, offset)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Picks up the token that is there; says its number. Of two that try only one succeeds.
    pub(in crate::driver) fn pick_up(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match nix::unistd::read(self.token.as_fd(), &mut byte) {
                Ok(count) => return Ok(byte.first().copied().filter(|_| count == 1)),
                Err(nix::Error::EAGAIN) => return Ok(None),
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(in crate::driver) fn send(&self, message: &Message) -> io::Result<()> {
        let bytes = message.to_bytes();
        self.socket.get().send(&bytes).map(drop)
    }

    /// What the other side says; `None` when it has gone.
    pub(in crate::driver) fn message(&mut self) -> Poll<io::Result<Option<Message>>> {
        if !self.socket.is_ready() {
            return Poll::Pending;
        }
        match self.socket.get().read(&mut self.buffer) {
            Ok(0) => Poll::Ready(Ok(None)),
            Ok(length) => {
                let message = self.buffer.get(..length).and_then(Message::parse);
                // What is not understood is of no use: as if it had gone.
                Poll::Ready(Ok(message))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.clear();
                Poll::Pending
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Poll::Ready(Ok(None)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::driver::timer::Lateness;

    fn estate(seconds: u64) -> Estate {
        Estate {
            at: Duration::from_secs(seconds),
            routers: Vec::new(),
            objects: Vec::new(),
            statics: crate::StaticItems::default(),
            ports: Vec::new(),
            lateness: Lateness::default(),
        }
    }

    fn next(reactor: &Reactor, switch: &mut Switch) -> Option<Message> {
        loop {
            if let Poll::Ready(message) = switch.message() {
                return message.unwrap();
            }
            reactor.wait().unwrap();
        }
    }

    /// What was handed over in a message.
    fn handed_over(switch: &Switch, message: Option<Message>) -> (u8, u64) {
        let Some(Message::Frozen {
            number,
            offset,
            length,
        }) = message
        else {
            panic!("nothing handed over: {message:?}");
        };
        (number, switch.read(offset, length).unwrap().at.as_secs())
    }

    #[test]
    fn the_token_is_picked_up_once() {
        let reactor = Reactor::new().unwrap();
        let (mut old, passed) = Switch::new(&reactor).unwrap();
        let mut new = Switch::from_passed(&reactor, passed).unwrap();
        assert_eq!(new.pick_up().unwrap(), None, "before it was put down");
        new.send(&Message::Ready).unwrap();
        assert_eq!(next(&reactor, &mut old), Some(Message::Ready));

        // The old one takes it back, and hands over something else.
        old.put_down(1, &estate(1_000_000)).unwrap();
        assert_eq!(old.pick_up().unwrap(), Some(1));
        assert_eq!(new.pick_up().unwrap(), None);
        old.put_down(2, &estate(2)).unwrap();
        let first = next(&reactor, &mut new);
        assert_eq!(handed_over(&new, first), (1, 1_000_000));
        let second = next(&reactor, &mut new);
        assert_eq!(handed_over(&new, second), (2, 2));
        assert_eq!(new.pick_up().unwrap(), Some(2));
        assert_eq!(old.pick_up().unwrap(), None);
        let running = Message::Running(vec![true, false]);
        new.send(&running).unwrap();
        assert_eq!(next(&reactor, &mut old), Some(running));
        drop(new);
        assert_eq!(next(&reactor, &mut old), None);
    }

    #[test]
    fn a_token_outlives_who_put_it_down() {
        let reactor = Reactor::new().unwrap();
        let (mut old, passed) = Switch::new(&reactor).unwrap();
        let mut new = Switch::from_passed(&reactor, passed).unwrap();
        old.put_down(7, &estate(3)).unwrap();
        drop(old);
        let message = next(&reactor, &mut new);
        assert_eq!(handed_over(&new, message), (7, 3));
        assert_eq!(new.pick_up().unwrap(), Some(7));
        assert_eq!(next(&reactor, &mut new), None);
        assert_eq!(
            new.pick_up().unwrap(),
            None,
            "nobody puts one down any more"
        );
    }

    #[test]
    fn messages() {
        for message in [
            Message::Ready,
            Message::Frozen {
                number: 7,
                offset: u64::MAX,
                length: 9,
            },
            Message::Running(Vec::new()),
            Message::Running(vec![true, false, true]),
            Message::Refused("no".to_owned()),
        ] {
            assert_eq!(Message::parse(&message.to_bytes()), Some(message));
        }
        for bytes in [&b""[..], b"\0", b"\x02123"] {
            assert_eq!(Message::parse(bytes), None);
        }
    }
}
