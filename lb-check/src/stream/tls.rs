// SPDX-License-Identifier: MIT OR Apache-2.0
//! TLS of checks and genhash, by rustls with ring.
//!
//! No certificate is verified, as keepalived verifies none: the check asks whether the server answers; names
//! and dates of certificates are no part of it.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect::classify;
use crate::outcome::Failure;
use crate::{LocalError, Reason};

/// The configuration that all checks share, with the sessions that servers offer.
static CONFIG: LazyLock<Option<Arc<ClientConfig>>> = LazyLock::new(config);

/// Makes a connection a TLS connection within `limit`. Without a name none is sent.
pub(super) async fn handshake(
    stream: TcpStream,
    name: Option<&str>,
    peer: IpAddr,
    limit: Duration,
) -> Result<TlsStream<TcpStream>, Failure> {
    let Some(config) = CONFIG.clone() else {
        let error = "no version of TLS is available".to_owned();
        return Err(Failure::Local(LocalError::Other(error)));
    };
    let handshake = TlsConnector::from(config).connect(server_name(name, peer), stream);
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

/// A configuration that accepts any server; none if the provider has no version of TLS, which ring has.
fn config() -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Unverified(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = builder.dangerous();
    let builder = builder.with_custom_certificate_verifier(verifier);
    Some(Arc::new(builder.with_no_client_auth()))
}

/// Accepts any certificate and any signature of a handshake: a signature by a key that nothing vouches for
/// proves nothing.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
