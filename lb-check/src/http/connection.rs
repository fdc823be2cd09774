// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection of a request: TCP, or TLS over it.

use std::io;
use std::time::Duration;

use super::exchange::{Head, exchange};
use crate::connect::{Close, classify, connect};
use crate::outcome::Failure;
use crate::{Reason, Target};

/// TLS of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct TlsRequest<'a> {
    /// The server name that is sent.
    pub(super) name: Option<&'a str>,
    /// Whether the connection ends with close_notify.
    pub(super) close_notify: bool,
}

/// Connects and makes one exchange, over TLS if so.
pub(super) async fn fetch(
    target: &Target,
    tls: Option<TlsRequest<'_>>,
    step: Duration,
    request: &[u8],
    on_head: impl FnMut(&Head<'_>) -> Result<(), Reason> + Send,
    on_body: impl FnMut(&[u8]) + Send,
) -> Result<(), Failure> {
    let stream = connect(target, step, Close::Orderly).await?;
    match tls {
        None => exchange(stream, step, request, on_head, on_body).await,
        // The state of TLS is large: without TLS no room is kept for it.
        #[cfg(feature = "tls")]
        Some(tls) => {
            let over_tls = async {
                let peer = target.address.ip();
                let mut stream = super::tls::handshake(stream, tls.name, peer, step).await?;
                exchange(&mut stream, step, request, on_head, on_body).await?;
                if tls.close_notify {
                    super::tls::close(&mut stream, step).await;
                }
                Ok(())
            };
            Box::pin(over_tls).await
        }
        #[cfg(not(feature = "tls"))]
        Some(_) => {
            let error = "this program was built without TLS".to_owned();
            Err(Failure::Local(crate::LocalError::Other(error)))
        }
    }
}

/// What an error of a connection means.
pub(super) fn failure(operation: &'static str, error: &io::Error) -> Failure {
    #[cfg(feature = "tls")]
    if let Some(failure) = super::tls::failure(error) {
        return failure;
    }
    classify(operation, error)
}
