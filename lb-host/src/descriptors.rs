// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages with descriptors beside them, on a stream between two processes.
//!
//! A message is its length and its number of descriptors, 4 bytes each in little-endian order, then
//! the descriptors, some beside each of a few bytes without meaning, then the bytes of the message.
//!
//! ```
//! use std::fs::File;
//! use std::io::Read as _;
//! use std::time::Duration;
//! use lb_host::descriptors::{receive, send};
//! use tokio::net::UnixStream;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = UnixStream::pair()?;
//! let limit = Duration::from_secs(5);
//! let zeros = File::open("/dev/zero")?;
//! send(&here, b"zeros", &[zeros.into()], limit).await?;
//! let (message, descriptors) = receive(&there, limit).await?;
//! assert_eq!(message, b"zeros");
//! for descriptor in descriptors {
//!     let mut byte = [7];
//!     File::from(descriptor).read_exact(&mut byte)?;
//!     assert_eq!(byte, [0]);
//! }
//! # Ok(())
//! # }
//! ```

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// Descriptors beside one byte; the kernel takes 253.
const BESIDE: usize = 200;
/// Largest number of descriptors beside a message.
const DESCRIPTORS: usize = 16 * 1024;
/// Largest message, in bytes; guards against a corrupt length.
const LENGTH: usize = 64 * 1024 * 1024;
/// Bytes of the two numbers before a message.
const HEADER: usize = 8;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// The bytes of a message, and the descriptors beside it.
pub type Message = (Vec<u8>, Vec<OwnedFd>);

/// Why a message could not be sent or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The other process closed the connection.
    #[error("the other process closed the connection")]
    Closed,
    /// The message exceeds 64 MiB or 16,384 descriptors.
    #[error("a message of {length} bytes and {descriptors} descriptors is too large")]
    TooLarge {
        /// Length in bytes.
        length: usize,
        /// Number of descriptors.
        descriptors: usize,
    },
    /// This process reached its limit of open files, and some descriptors were lost.
    #[error("descriptors lost at the limit of open files")]
    Truncated,
    /// The message was not complete in time.
    #[error("no complete message within {limit:?}")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// Another system error.
    #[error("the connection to the other process failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// Sends a message with descriptors, within a limit.
///
/// # Errors
/// [`ExchangeError`]; the other process may have received a part of the message.
pub async fn send(
    stream: &UnixStream,
    message: &[u8],
    descriptors: &[OwnedFd],
    limit: Duration,
) -> Result<(), ExchangeError> {
    let mut outgoing = Outgoing::new(message, descriptors)?;
    let sent = async {
        loop {
            stream.writable().await?;
            let advance = || outgoing.advance(stream.as_fd());
            match stream.try_io(Interest::WRITABLE, advance) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Ok(sent?),
            }
        }
    };
    bounded(limit, sent).await
}

/// Receives a message and the descriptors beside it, within a limit.
///
/// # Errors
/// [`ExchangeError`]; descriptors that have arrived are closed.
pub async fn receive(stream: &UnixStream, limit: Duration) -> Result<Message, ExchangeError> {
    receive_after(Vec::new(), stream, limit).await
}

/// Receives a message of which another protocol on the same stream has read these bytes, and none of a
/// later message.
///
/// # Errors
/// As [`receive`].
pub async fn receive_after(
    ahead: Vec<u8>,
    stream: &UnixStream,
    limit: Duration,
) -> Result<Message, ExchangeError> {
    let mut incoming = Incoming {
        ahead,
        ..Incoming::default()
    };
    let received = async {
        // The whole message may be there, and nothing readable after it.
        if !incoming.ahead.is_empty()
            && let Some(message) = incoming.receive(stream)?
        {
            return Ok(message);
        }
        loop {
            stream.readable().await?;
            let mut received = Ok(None);
            let advance = || {
                received = incoming.receive(stream);
                match received {
                    Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
                    _ => Ok(()),
                }
            };
            // The outcome is in `received`.
            let _ = stream.try_io(Interest::READABLE, advance);
            if let Some(message) = received? {
                return Ok(message);
            }
        }
    };
    bounded(limit, received).await
}

/// Sends a message with descriptors by a socket that does not block, for threads without a runtime. It
/// has to fit into the buffer of the socket.
///
/// # Errors
/// [`ExchangeError`]; the other process may have received a part of the message.
pub fn send_at_once(
    socket: impl AsFd,
    message: &[u8],
    descriptors: &[OwnedFd],
) -> Result<(), ExchangeError> {
    let sent = Outgoing::new(message, descriptors)?.advance(socket.as_fd());
    Ok(sent?)
}

/// A message of which a part has been sent.
struct Outgoing<'a> {
    header: [u8; HEADER],
    message: &'a [u8],
    descriptors: &'a [OwnedFd],
    /// Bytes of the header and of the message that have been sent.
    sent: usize,
    /// Descriptors that have been sent.
    passed: usize,
}

impl<'a> Outgoing<'a> {
    fn new(message: &'a [u8], descriptors: &'a [OwnedFd]) -> Result<Self, ExchangeError> {
        check_size(message.len(), descriptors.len())?;
        let mut header = [0; HEADER];
        let numbers = [message.len(), descriptors.len()];
        for (place, number) in header.chunks_mut(HEADER / 2).zip(numbers) {
            let number = u32::try_from(number).map_err(io::Error::other)?;
            place.copy_from_slice(&number.to_le_bytes());
        }
        Ok(Self {
            header,
            message,
            descriptors,
            sent: 0,
            passed: 0,
        })
    }

    /// Sends what the socket takes, until all is sent.
    fn advance(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        loop {
            let header = self.header.get(self.sent..).unwrap_or_default();
            let descriptors = self.descriptors.get(self.passed..).unwrap_or_default();
            let body = self.message.get(self.sent.saturating_sub(HEADER)..);
            let body = body.unwrap_or_default();
            if !header.is_empty() {
                self.sent += write(socket, header, &[])?;
            } else if !descriptors.is_empty() {
                let some = descriptors.iter().take(BESIDE);
                let some: Vec<BorrowedFd<'_>> = some.map(|descriptor| descriptor.as_fd()).collect();
                write(socket, b"d", &some)?;
                self.passed += some.len();
            } else if !body.is_empty() {
                self.sent += write(socket, body, &[])?;
            } else {
                return Ok(());
            }
        }
    }
}

/// A message of which a part has been received.
#[derive(Debug, Default)]
pub struct Incoming {
    /// Bytes that were read before.
    ahead: Vec<u8>,
    bytes: Vec<u8>,
    /// Length of the message, and number of descriptors beside it.
    expected: Option<(usize, usize)>,
    descriptors: Vec<OwnedFd>,
}

impl Incoming {
    /// Receives the next message, by a socket that does not block; `None` until it is complete.
    ///
    /// # Errors
    /// [`ExchangeError`]; descriptors that have arrived are closed.
    pub fn receive(&mut self, socket: impl AsFd) -> Result<Option<Message>, ExchangeError> {
        match self.advance(socket.as_fd()) {
            Ok(()) => {
                let Self {
                    bytes, descriptors, ..
                } = std::mem::take(self);
                Ok(Some((bytes, descriptors)))
            }
            Err(ExchangeError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => {
                *self = Self::default();
                Err(error)
            }
        }
    }

    fn advance(&mut self, socket: BorrowedFd<'_>) -> Result<(), ExchangeError> {
        loop {
            let Some((length, descriptors)) = self.expected else {
                self.read(socket, HEADER)?;
                if let Some((header, [])) = self.bytes.split_first_chunk::<HEADER>() {
                    let [a, b, c, d, e, f, g, h] = *header;
                    let numbers = [[a, b, c, d], [e, f, g, h]];
                    let [length, descriptors] = numbers.map(u32::from_le_bytes);
                    let length = usize::try_from(length).map_err(io::Error::other)?;
                    let descriptors = usize::try_from(descriptors).map_err(io::Error::other)?;
                    check_size(length, descriptors)?;
                    self.expected = Some((length, descriptors));
                    self.bytes.clear();
                }
                continue;
            };
            if self.descriptors.len() < descriptors {
                let before = self.descriptors.len();
                if read(socket, &mut [0], &mut self.descriptors)?.truncated {
                    return Err(ExchangeError::Truncated);
                }
                if self.descriptors.len() == before {
                    return Err(ExchangeError::Closed);
                }
            } else if self.bytes.len() < length {
                self.read(socket, length)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Reads on, up to `length` bytes in all.
    fn read(&mut self, socket: BorrowedFd<'_>, length: usize) -> Result<(), ExchangeError> {
        let missing = length.saturating_sub(self.bytes.len()).min(CHUNK);
        if !self.ahead.is_empty() {
            let count = missing.min(self.ahead.len());
            self.bytes.extend(self.ahead.drain(..count));
            return Ok(());
        }
        let mut chunk = [0; CHUNK];
        let chunk = chunk.get_mut(..missing).unwrap_or_default();
        let count = read(socket, chunk, &mut Vec::new())?.count;
        if count == 0 {
            return Err(ExchangeError::Closed);
        }
        self.bytes
            .extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}

const fn check_size(length: usize, descriptors: usize) -> Result<(), ExchangeError> {
    if length > LENGTH || descriptors > DESCRIPTORS {
        return Err(ExchangeError::TooLarge {
            length,
            descriptors,
        });
    }
    Ok(())
}

async fn bounded<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, ExchangeError>>,
) -> Result<T, ExchangeError> {
    let exchanged = timeout(limit, exchange).await;
    exchanged.unwrap_or(Err(ExchangeError::TimedOut { limit }))
}

/// Sends bytes with descriptors beside the first of them; returns how many bytes.
fn write(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BESIDE))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    Ok(sendmsg(socket, &[IoSlice::new(bytes)], &mut beside, flags)?)
}

/// What a call of the kernel has received.
struct Read {
    count: usize,
    /// Descriptors were lost.
    truncated: bool,
}

fn read(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<Read> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BESIDE))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [IoSliceMut::new(bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(socket, &mut bytes, &mut beside, flags)?;
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            descriptors.extend(some);
        }
    }
    Ok(Read {
        count: received.bytes,
        truncated: received.flags.contains(ReturnFlags::CTRUNC),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn many_descriptors_arrive_in_their_order() {
        let (here, there) = UnixStream::pair().unwrap();
        let descriptors: Vec<OwnedFd> = (0..450)
            .map(|number| {
                let mut file = tempfile::tempfile().unwrap();
                write!(file, "{number}").unwrap();
                file.into()
            })
            .collect();
        let message = b"x".repeat(1_000_000);
        let sending = async { send(&here, &message, &descriptors, LIMIT).await.unwrap() };
        let receiving = async { receive(&there, LIMIT).await.unwrap() };
        let ((), (received, descriptors)) = tokio::join!(sending, receiving);
        assert!(received == message);
        assert_eq!(descriptors.len(), 450);
        for (number, descriptor) in descriptors.into_iter().enumerate() {
            let mut text = String::new();
            let mut file = File::from(descriptor);
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, number.to_string());
        }
    }

    #[tokio::test]
    async fn end_within_a_message_excess_and_silence_are_distinguished() {
        // One byte of nine, and no descriptor of one.
        for bytes in [
            &[9, 0, 0, 0, 0, 0, 0, 0, b'1'],
            &[0, 0, 0, 0, 1, 0, 0, 0][..],
        ] {
            let (here, there) = UnixStream::pair().unwrap();
            write(here.as_fd(), bytes, &[]).unwrap();
            drop(here);
            let error = receive(&there, LIMIT).await.unwrap_err();
            assert!(matches!(error, ExchangeError::Closed), "{error}");
        }

        let (here, there) = UnixStream::pair().unwrap();
        write(here.as_fd(), &[0xff; 8], &[]).unwrap();
        let error = receive(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, ExchangeError::TooLarge { .. }), "{error}");

        let (_here, there) = UnixStream::pair().unwrap();
        let error = receive(&there, Duration::from_millis(10))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no complete message within 10ms");
    }

    #[tokio::test]
    async fn a_message_that_no_process_would_receive_is_not_sent() {
        let (here, there) = UnixStream::pair().unwrap();
        let error = send(&here, &vec![0; LENGTH + 1], &[], LIMIT)
            .await
            .unwrap_err();
        assert!(matches!(error, ExchangeError::TooLarge { .. }), "{error}");
        drop(here);
        let error = receive(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Closed), "{error}");
    }

    #[tokio::test]
    async fn message_continues_bytes_that_were_read_before() {
        let (here, there) = UnixStream::pair().unwrap();
        send(&here, b"hello", &[], LIMIT).await.unwrap();
        let mut all = [0; HEADER + 5];
        there.readable().await.unwrap();
        assert_eq!(there.try_read(&mut all).unwrap(), all.len());
        for count in [1, HEADER, HEADER + 2, HEADER + 5] {
            let (ahead, rest) = all.split_at(count);
            if !rest.is_empty() {
                write(here.as_fd(), rest, &[]).unwrap();
            }
            let received = receive_after(ahead.to_vec(), &there, LIMIT).await;
            assert_eq!(received.unwrap().0, b"hello", "after {count} bytes");
        }
    }

    #[test]
    fn thread_without_a_runtime_receives_a_message_in_parts() {
        let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        let mut incoming = Incoming::default();
        assert!(incoming.receive(&there).unwrap().is_none());
        for part in [&[3][..], &[0, 0, 0, 0, 0, 0, 0, b'a'], b"b"] {
            write(here.as_fd(), part, &[]).unwrap();
            assert!(incoming.receive(&there).unwrap().is_none());
        }
        write(here.as_fd(), b"c", &[]).unwrap();
        let file = tempfile::tempfile().unwrap();
        send_at_once(&here, b"second", &[file.into()]).unwrap();
        drop(here);
        let (message, descriptors) = incoming.receive(&there).unwrap().unwrap();
        assert_eq!((&*message, descriptors.len()), (&b"abc"[..], 0));
        let (message, descriptors) = incoming.receive(&there).unwrap().unwrap();
        assert_eq!((&*message, descriptors.len()), (&b"second"[..], 1));
        let error = incoming.receive(&there).unwrap_err();
        assert!(matches!(error, ExchangeError::Closed), "{error}");
    }

    #[test]
    fn message_that_the_socket_has_no_room_for_is_an_error() {
        let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = send_at_once(&here, &vec![0; LENGTH], &[]).unwrap_err();
        assert!(matches!(error, ExchangeError::Io(_)), "{error}");
    }
}
