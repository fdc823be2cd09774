// SPDX-License-Identifier: MIT OR Apache-2.0
//! Documents with descriptors beside them, on a stream.
//!
//! A frame is its length and its number of descriptors, then the descriptors, some beside each of
//! a few bytes of no meaning, then the document.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::UpgradeError;

/// Descriptors beside one byte; the kernel takes 253.
const BESIDE: usize = 200;
/// More than anybody has.
const DESCRIPTORS: usize = 16 * 1024;
/// More than anybody says.
const DOCUMENT: usize = 64 * 1024 * 1024;

/// Sends a document.
pub(super) async fn send(
    stream: &UnixStream,
    document: &impl Serialize,
    descriptors: &[OwnedFd],
    limit: Duration,
) -> Result<(), UpgradeError> {
    let document = serde_json::to_vec(document)?;
    let sent = async {
        let mut head = Vec::new();
        for number in [document.len(), descriptors.len()] {
            let number = u32::try_from(number).map_err(io::Error::other)?;
            head.extend(number.to_le_bytes());
        }
        write(stream, &head).await?;
        for some in descriptors.chunks(BESIDE) {
            let some: Vec<BorrowedFd<'_>> = some.iter().map(|of| of.as_fd()).collect();
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
        write(stream, &document).await
    };
    bounded(limit, sent).await
}

/// Receives a document and the descriptors beside it.
pub(super) async fn receive<T: DeserializeOwned>(
    stream: &UnixStream,
    limit: Duration,
) -> Result<(T, Vec<OwnedFd>), UpgradeError> {
    let received = async {
        let mut head = [0; 8];
        read(stream, &mut head).await?;
        let [a, b, c, d, e, f, g, h] = head;
        let number = |bytes| {
            usize::try_from(u32::from_le_bytes(bytes))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        };
        let (length, wanted) = (number([a, b, c, d])?, number([e, f, g, h])?);
        if length > DOCUMENT || wanted > DESCRIPTORS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut descriptors = Vec::new();
        while descriptors.len() < wanted {
            let before = descriptors.len();
            stream
                .async_io(Interest::READABLE, || {
                    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BESIDE))];
                    let mut beside = RecvAncillaryBuffer::new(&mut space);
                    let mut byte = [0];
                    let mut bytes = [IoSliceMut::new(&mut byte)];
                    recvmsg(stream, &mut bytes, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
                    for message in beside.drain() {
                        if let RecvAncillaryMessage::ScmRights(some) = message {
                            descriptors.extend(some);
                        }
                    }
                    Ok(())
                })
                .await?;
            if descriptors.len() == before {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut document = vec![0; length];
        read(stream, &mut document).await?;
        Ok((document, descriptors))
    };
    let (document, descriptors) = bounded(limit, received).await?;
    Ok((serde_json::from_slice(&document)?, descriptors))
}

async fn bounded<T>(
    limit: Duration,
    exchange: impl Future<Output = io::Result<T>>,
) -> Result<T, UpgradeError> {
    match tokio::time::timeout(limit, exchange).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => UpgradeError::Gone,
            _ => error.into(),
        }),
        Err(_elapsed) => Err(UpgradeError::Late { limit }),
    }
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
        let document = "x".repeat(1_000_000);
        let sending = async { send(&here, &document, &descriptors, LIMIT).await.unwrap() };
        let receiving = async { receive::<String>(&there, LIMIT).await.unwrap() };
        let ((), (received, descriptors)) = tokio::join!(sending, receiving);
        assert_eq!(received, document);
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
    async fn an_end_in_the_middle_and_nonsense_are_told_apart() {
        let (here, there) = UnixStream::pair().unwrap();
        write(&here, &[9, 0, 0, 0, 0, 0, 0, 0, b'1']).await.unwrap();
        drop(here);
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, UpgradeError::Gone), "{error}");

        let (here, there) = UnixStream::pair().unwrap();
        write(&here, &[0xff; 8]).await.unwrap();
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, UpgradeError::Io(_)), "{error}");

        let (here, there) = UnixStream::pair().unwrap();
        send(&here, &"text", &[], LIMIT).await.unwrap();
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, UpgradeError::Decode(_)), "{error}");
    }
}
