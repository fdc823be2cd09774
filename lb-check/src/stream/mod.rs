// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connection to a target, plain or over TLS.
//!
//! [`Stream`] is the connection with its bytes as they come; [`Connection`] reads and writes with limits of time
//! and length, for protocols that are dialogues.
#![allow(
    dead_code,
    unused_imports,
    reason = "each check uses a part, and which checks are built depends on the features"
)]

mod reader;
#[cfg(feature = "tls")]
mod tls;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
#[cfg(feature = "tls")]
use tokio_rustls::client::TlsStream;

use crate::Target;
use crate::connect::{Close, classify, connect};
use crate::outcome::Failure;

pub(crate) use self::reader::Connection;
#[cfg(feature = "tls")]
#[cfg(feature = "tls")]
pub(crate) use self::tls::expiry_warning;
#[cfg(feature = "tls")]
pub use self::tls::{TlsClient, TlsClientError, TlsSettings};

/// TLS of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TlsRequest<'a> {
    /// The server name that is sent; without one none is sent.
    pub(crate) name: Option<&'a str>,
    /// Whether the connection ends with close_notify.
    pub(crate) close_notify: bool,
}

/// A connection to a target, plain or over TLS.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP. The state of TLS is large: a plain connection reserves no room for it.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects, and makes the handshake of TLS if `tls` is given. Connecting and the handshake may take `limit`
    /// each.
    pub(crate) async fn open(
        target: &Target,
        tls: Option<TlsRequest<'_>>,
        limit: Duration,
        close: Close,
    ) -> Result<Self, Failure> {
        let stream = Self::Plain(connect(target, limit, close).await?);
        match tls {
            None => Ok(stream),
            Some(tls) => stream.start_tls(target.address.ip(), tls, limit).await,
        }
    }

    /// As [`open`](Self::open), with the client's own settings of TLS.
    #[cfg(feature = "tls")]
    pub(crate) async fn open_with(
        target: &Target,
        tls: Option<(&TlsClient, TlsRequest<'_>)>,
        limit: Duration,
        close: Close,
    ) -> Result<Self, Failure> {
        let stream = connect(target, limit, close).await?;
        let Some((client, request)) = tls else {
            return Ok(Self::Plain(stream));
        };
        let (client, peer) = (Some(client), target.address.ip());
        let handshake = tls::handshake(stream, client, request.name, peer, limit);
        Ok(Self::Tls(Box::new(Box::pin(handshake).await?)))
    }

    /// When the certificate of the server expires, since 1970.
    #[cfg(feature = "tls")]
    pub(crate) fn expiry(&self) -> Option<Duration> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let certificates = stream.get_ref().1.peer_certificates()?;
                tls::expiry(certificates.first()?)
            }
        }
    }

    /// Makes a plain connection a TLS connection within `limit`; one that uses TLS stays as it is.
    #[cfg(feature = "tls")]
    pub(crate) async fn start_tls(
        self,
        peer: IpAddr,
        request: TlsRequest<'_>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        match self {
            Self::Plain(stream) => {
                // A future of its own: without TLS no room is reserved for the handshake.
                let handshake = Box::pin(tls::handshake(stream, None, request.name, peer, limit));
                Ok(Self::Tls(Box::new(handshake.await?)))
            }
            Self::Tls(_) => Ok(self),
        }
    }

    /// Refuses TLS, which this program was built without.
    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_async, reason = "as with the feature `tls`")]
    pub(crate) async fn start_tls(
        self,
        _: IpAddr,
        _: TlsRequest<'_>,
        _: Duration,
    ) -> Result<Self, Failure> {
        let error = "this program was built without TLS".to_owned();
        Err(Failure::Local(crate::LocalError::Other(error)))
    }

    /// Ends the connection in an orderly way within `limit`: close_notify over TLS, then FIN. A peer that has
    /// closed the connection is no failure.
    pub(crate) async fn close(&mut self, limit: Duration) {
        let _ = timeout(limit, self.shutdown()).await;
    }

    /// Ends the connection with a reset: nothing is left in TIME_WAIT.
    pub(crate) fn reset(self) {
        // The connection ends in any case; with FIN if the option cannot be set.
        let _ = SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO));
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The failure for an error of an established connection.
pub(crate) fn failure(operation: &'static str, error: &io::Error) -> Failure {
    #[cfg(feature = "tls")]
    if let Some(failure) = tls::failure(error) {
        return failure;
    }
    classify(operation, error)
}
