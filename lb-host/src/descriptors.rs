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
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
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
    check_size(message.len(), descriptors.len())?;
    let sent = async {
        for number in [message.len(), descriptors.len()] {
            let number = u32::try_from(number).map_err(io::Error::other)?;
            write(stream, &number.to_le_bytes()).await?;
        }
        for some in descriptors.chunks(BESIDE) {
            let some: Vec<BorrowedFd<'_>> =
                some.iter().map(|descriptor| descriptor.as_fd()).collect();
            stream
                .async_io(Interest::WRITABLE, || {
                    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BESIDE))];
                    let mut beside = SendAncillaryBuffer::new(&mut space);
                    beside.push(SendAncillaryMessage::ScmRights(&some));
                    let byte = [IoSlice::new(b"d")];
                    Ok(sendmsg(stream, &byte, &mut beside, SendFlags::NOSIGNAL)?)
                })
                .await?;
        }
        Ok(write(stream, message).await?)
    };
    bounded(limit, sent).await
}

/// Receives a message and the descriptors beside it, within a limit.
///
/// # Errors
/// [`ExchangeError`]; descriptors that have arrived are closed.
pub async fn receive(
    stream: &UnixStream,
    limit: Duration,
) -> Result<(Vec<u8>, Vec<OwnedFd>), ExchangeError> {
    let received = async {
        let (length, expected) = (read_number(stream).await?, read_number(stream).await?);
        check_size(length, expected)?;
        let mut descriptors = Vec::new();
        while descriptors.len() < expected {
            let before = descriptors.len();
            let truncated = stream
                .async_io(Interest::READABLE, || {
                    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BESIDE))];
                    let mut beside = RecvAncillaryBuffer::new(&mut space);
                    let mut byte = [0];
                    let mut bytes = [IoSliceMut::new(&mut byte)];
                    let flags = RecvFlags::CMSG_CLOEXEC;
                    let received = recvmsg(stream, &mut bytes, &mut beside, flags)?;
                    for message in beside.drain() {
                        if let RecvAncillaryMessage::ScmRights(some) = message {
                            descriptors.extend(some);
                        }
                    }
                    Ok(received.flags.contains(ReturnFlags::CTRUNC))
                })
                .await?;
            if truncated {
                return Err(ExchangeError::Truncated);
            }
            if descriptors.len() == before {
                return Err(ExchangeError::Closed);
            }
        }
        let mut message = vec![0; length];
        read(stream, &mut message).await?;
        Ok((message, descriptors))
    };
    bounded(limit, received).await
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

async fn write(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_number(stream: &UnixStream) -> io::Result<usize> {
    let mut bytes = [0; 4];
    read(stream, &mut bytes).await?;
    usize::try_from(u32::from_le_bytes(bytes)).map_err(io::Error::other)
}

async fn read(stream: &UnixStream, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.readable().await?;
        match stream.try_read(bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes = bytes.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
            write(&here, bytes).await.unwrap();
            drop(here);
            let error = receive(&there, LIMIT).await.unwrap_err();
            assert!(matches!(error, ExchangeError::Closed), "{error}");
        }

        let (here, there) = UnixStream::pair().unwrap();
        write(&here, &[0xff; 8]).await.unwrap();
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
}
