// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection of a request: TCP, or TLS over it.

use std::time::Duration;

use super::exchange::{Head, Part, Stage, exchange};
use crate::connect::Close;
use crate::outcome::Failure;
#[cfg(feature = "tls")]
use crate::stream::TlsClient;
use crate::stream::{Stream, TlsRequest};
use crate::{Reason, Target};

/// TLS of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Security<'a> {
    pub(super) request: TlsRequest<'a>,
    /// `None` = a client that shows no certificate and accepts any server.
    #[cfg(feature = "tls")]
    pub(super) client: Option<&'a TlsClient>,
}

/// Connects and makes one exchange, over TLS if so; `stage` shows how far it has come. Returns when the
/// certificate of the server expires, since 1970.
pub(super) async fn fetch(
    target: &Target,
    tls: Option<Security<'_>>,
    step: Duration,
    request: &[u8],
    stage: &mut Stage,
    on_head: impl FnMut(&Head<'_>) -> Result<(), Reason> + Send,
    on_part: impl FnMut(Part<'_>) + Send,
) -> Result<Option<Duration>, Failure> {
    let mut stream = open(target, tls, step).await?;
    #[cfg(feature = "tls")]
    let expiry = stream.expiry();
    #[cfg(not(feature = "tls"))]
    let expiry = None;
    exchange(&mut stream, step, request, stage, on_head, on_part).await?;
    if tls.is_some_and(|tls| tls.request.close_notify) {
        stream.close(step).await;
    }
    Ok(expiry)
}

async fn open(
    target: &Target,
    tls: Option<Security<'_>>,
    step: Duration,
) -> Result<Stream, Failure> {
    #[cfg(feature = "tls")]
    if let Some((client, tls)) = tls.and_then(|tls| Some((tls.client?, tls.request))) {
        return Stream::open_with(target, Some((client, tls)), step, Close::Orderly).await;
    }
    let request = tls.map(|tls| tls.request);
    Stream::open(target, request, step, Close::Orderly).await
}
