// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection of a request: TCP, or TLS over it.

use std::time::Duration;

use super::exchange::{Head, exchange};
use crate::connect::Close;
use crate::outcome::Failure;
use crate::stream::{Stream, TlsRequest};
use crate::{Reason, Target};

/// Connects and makes one exchange, over TLS if so.
pub(super) async fn fetch(
    target: &Target,
    tls: Option<TlsRequest<'_>>,
    step: Duration,
    request: &[u8],
    on_head: impl FnMut(&Head<'_>) -> Result<(), Reason> + Send,
    on_body: impl FnMut(&[u8]) + Send,
) -> Result<(), Failure> {
    let mut stream = Stream::open(target, tls, step, Close::Orderly).await?;
    exchange(&mut stream, step, request, on_head, on_body).await?;
    if tls.is_some_and(|tls| tls.close_notify) {
        stream.close(step).await;
    }
    Ok(())
}
