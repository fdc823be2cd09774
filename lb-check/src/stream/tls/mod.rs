// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS of checks and genhash, by rustls with ring.
//!
//! Without [`TlsSettings::verify`] no certificate is verified, as keepalived verifies none: the check asks whether
//! the server answers; names and dates of certificates are no part of it.

mod client;
mod expiry;
mod sessions;
mod unverified;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::classify;
use crate::outcome::Failure;
use crate::{LocalError, Reason};

pub use self::client::{TlsClient, TlsClientError, TlsSettings};
pub(crate) use self::expiry::{expiry, expiry_warning};

/// Makes a connection a TLS connection within `limit`. Without a name none is sent.
pub(super) async fn handshake(
    stream: TcpStream,
    client: Option<&TlsClient>,
    name: Option<&str>,
    peer: IpAddr,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, Failure> {
    let Some(client) = client.or(client::PLAIN.as_ref()) else {
        let error = "no version of TLS is available".to_owned();
        return Err(Failure::Local(LocalError::Other(error)));
    };
    let server = stream.peer_addr();
    let server = server.unwrap_or_else(|_| SocketAddr::new(peer, 0));
    let connector = TlsConnector::from(client.config(server));
    let handshake = connector.connect(server_name(name, peer), stream);
    match timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            let reason = "the server closed the connection during the handshake";
            Err(Failure::Target(Reason::Tls(reason.to_owned())))
        }
        Ok(Err(error)) => Err(failure(&error).unwrap_or_else(|| classify("TLS handshake", &error))),
        Err(_) => Err(Failure::Target(Reason::L7Timeout)),
    }
}

/// The failure for an error of TLS; none for one of the connection under it.
pub(super) fn failure(error: &io::Error) -> Option<Failure> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(Failure::Target(Reason::Tls(error.to_string())))
}

/// The name for the handshake; rustls sends no address.
fn server_name(name: Option<&str>, peer: IpAddr) -> ServerName<'static> {
    name.and_then(|name| ServerName::try_from(name.to_owned()).ok())
        .unwrap_or_else(|| ServerName::IpAddress(peer.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_are_sent() {
        let peer = IpAddr::from([192, 0, 2, 1]);
        let sent = |name| match server_name(name, peer) {
            ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
            _ => None,
        };
        assert_eq!(
            sent(Some("www.example.net")).as_deref(),
            Some("www.example.net")
        );
        for none in [None, Some("192.0.2.7"), Some("no name"), Some("")] {
            assert_eq!(sent(none), None, "{none:?}");
        }
    }
}
