// SPDX-License-Identifier: MIT OR Apache-2.0
//! Documents of the handover as messages with descriptors.

use std::os::fd::OwnedFd;
use std::time::Duration;

use lb_host::descriptors;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::UpgradeError;

/// Sends a document.
pub(super) async fn send(
    stream: &UnixStream,
    document: &impl Serialize,
    descriptors: &[OwnedFd],
    limit: Duration,
) -> Result<(), UpgradeError> {
    let document = serde_json::to_vec(document)?;
    Ok(descriptors::send(stream, &document, descriptors, limit).await?)
}

/// Receives a document and the descriptors beside it.
pub(super) async fn receive<T: DeserializeOwned>(
    stream: &UnixStream,
    limit: Duration,
) -> Result<(T, Vec<OwnedFd>), UpgradeError> {
    let (document, descriptors) = descriptors::receive(stream, limit).await?;
    Ok((serde_json::from_slice(&document)?, descriptors))
}

#[cfg(test)]
mod tests {
    use lb_host::descriptors::ExchangeError;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn end_of_the_connection_and_garbage_are_distinguished() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, UpgradeError::Gone), "{error}");

        let (here, there) = UnixStream::pair().unwrap();
        here.writable().await.unwrap();
        here.try_write(&[0xff; 8]).unwrap();
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        let expected = matches!(
            error,
            UpgradeError::Exchange(ExchangeError::TooLarge { .. })
        );
        assert!(expected, "{error}");

        let (here, there) = UnixStream::pair().unwrap();
        send(&here, &"text", &[], LIMIT).await.unwrap();
        let error = receive::<u32>(&there, LIMIT).await.unwrap_err();
        assert!(matches!(error, UpgradeError::Decode(_)), "{error}");
    }
}
