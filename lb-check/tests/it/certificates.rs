// SPDX-License-Identifier: MIT OR Apache-2.0
//! Certificates: what is verified, what is shown, when a warning is given; and sessions that are resumed.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lb_check::{
    Arguments, CheckContext, HealthCheck, HttpCheck, HttpGet, HttpTls, HttpVersion, Outcome,
    Reason, Registry, Target, Tls, TlsClient, TlsClientError, TlsSettings, Url, Verdict,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const STEP: Duration = Duration::from_secs(2);
const NAME: &str = "www.example.net";
const DAY: u64 = 24 * 60 * 60;

/// An authority with its file, and the folder of all files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, PEM.
struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().to_string_lossy().into_owned();
        let names = &mut parameters.distinguished_name;
        names.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(parameters, key).unwrap();
        let authority = Self { issuer, folder };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    /// Issues a certificate that is valid for this number of days; a negative one has expired then.
    fn issue(&self, name: &str, days: i64) -> Issued {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let now = SystemTime::now();
        let day = Duration::from_secs(DAY);
        let end = if days < 0 {
            now - day * u32::try_from(-days).unwrap()
        } else {
            now + day * u32::try_from(days).unwrap()
        };
        parameters.not_before = (now - day * 100).into();
        parameters.not_after = end.into();
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn settings(&self, verify: bool) -> TlsSettings {
        let mut settings = TlsSettings::default();
        settings.verify = verify;
        settings.ca = Some(self.folder.path().join("ca.pem"));
        settings
    }
}

/// What a server saw of a connection.
#[derive(Debug, PartialEq)]
struct Seen {
    kind: HandshakeKind,
    /// Whether the client showed a certificate.
    certificate: bool,
}

struct Server<'a> {
    issued: &'a Issued,
    /// The authority of the clients, which must show a certificate then.
    clients: Option<&'a Authority>,
    version: &'static SupportedProtocolVersion,
    http2: bool,
}

impl<'a> Server<'a> {
    fn new(issued: &'a Issued) -> Self {
        Self {
            issued,
            clients: None,
            version: &rustls::version::TLS13,
            http2: false,
        }
    }

    async fn start(&self) -> (Target, mpsc::UnboundedReceiver<Seen>) {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[self.version])
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let pem = self.issued.certificate.as_bytes();
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.issued.key.as_bytes()).unwrap();
        let mut config = builder.with_single_cert(chain.unwrap(), key).unwrap();
        if self.http2 {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (seen, received) = mpsc::unbounded_channel();
        let http2 = self.http2;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let connection = stream.get_ref().1;
                let _ = seen.send(Seen {
                    kind: connection.handshake_kind().unwrap(),
                    certificate: connection.peer_certificates().is_some(),
                });
                if http2 {
                    use http_body_util::Full;
                    use hyper::body::Bytes;
                    let answer = async |_| {
                        let body = Full::new(Bytes::from("hello"));
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(body))
                    };
                    let io = hyper_util::rt::TokioIo::new(stream);
                    let executor = hyper_util::rt::TokioExecutor::new();
                    let builder = hyper::server::conn::http2::Builder::new(executor);
                    let service = hyper::service::service_fn(answer);
                    tokio::spawn(builder.serve_connection(io, service));
                    continue;
                }
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_buf(&mut request).await {
                        Ok(1..) => {}
                        _ => break,
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await;
                let _ = stream.shutdown().await;
            }
        });
        (Target::new(address), received)
    }
}

/// A check with TLS for [`NAME`].
fn check(settings: TlsSettings) -> HttpCheck {
    let mut check = HttpCheck::new("/", STEP);
    check.virtualhost = Some(NAME.to_owned());
    check.expectation.text = Some("hello".to_owned());
    check.tls = Some(HttpTls::new(TlsClient::shared(settings).unwrap()));
    check
}

fn tls_error(outcome: &Outcome) -> &str {
    match &outcome.verdict {
        Verdict::Fail(Reason::Tls(text)) => text,
        verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn certificates_are_verified_unless_that_is_off() {
    let authority = Authority::new();
    let other = Authority::new();
    let good = authority.issue(NAME, 30);
    let expired = authority.issue(NAME, -1);
    let wrong_name = authority.issue("other.example.net", 30);
    let unknown = other.issue(NAME, 30);
    for (issued, error) in [
        (&good, None),
        (&expired, Some("expired")),
        (&wrong_name, Some("not valid for")),
        (&unknown, Some("UnknownIssuer")),
    ] {
        let (target, _seen) = Server::new(issued).start().await;
        let outcome = check(authority.settings(true)).check(&target).await;
        match error {
            None => assert!(outcome.is_pass(), "{outcome}"),
            Some(error) => {
                let text = tls_error(&outcome);
                assert!(text.contains(error), "{text}");
            }
        }
        let outcome = check(authority.settings(false)).check(&target).await;
        assert!(outcome.is_pass(), "{error:?}: {outcome}");
    }
    // The name of the block goes before the host name.
    let (target, _seen) = Server::new(&wrong_name).start().await;
    let mut named = check(authority.settings(true));
    named.tls.as_mut().unwrap().name = Some("other.example.net".to_owned());
    assert!(named.check(&target).await.is_pass());
    // An address is verified, too.
    let address = authority.issue("127.0.0.1", 30);
    let (target, _seen) = Server::new(&address).start().await;
    let mut unnamed = check(authority.settings(true));
    unnamed.virtualhost = None;
    assert!(unnamed.check(&target).await.is_pass());
}

#[tokio::test]
async fn a_server_of_http2_is_checked_over_tls() {
    let authority = Authority::new();
    let issued = authority.issue(NAME, 30);
    let mut server = Server::new(&issued);
    server.http2 = true;
    let (target, _seen) = server.start().await;
    let mut settings = authority.settings(true);
    settings.http2 = true;
    let mut check = check(settings);
    check.version = HttpVersion::Http2;
    let outcome = check.check(&target).await;
    assert!(outcome.is_pass(), "{outcome}");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    let clients = Authority::new();
    let issued = authority.issue(NAME, 30);
    let client = clients.issue("client.example.net", 30);
    let certificate = clients.write("client.pem", &client.certificate);
    let key = clients.write("client.key", &client.key);
    let mut server = Server::new(&issued);
    server.clients = Some(&clients);
    let (target, mut seen) = server.start().await;
    // The client learns after its handshake that it is refused.
    let outcome = check(authority.settings(true)).check(&target).await;
    assert!(!outcome.is_pass(), "{outcome}");
    let mut settings = authority.settings(true);
    settings.certificate = Some(certificate.clone());
    settings.key = Some(key.clone());
    let outcome = check(settings.clone()).check(&target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert!(seen.recv().await.unwrap().certificate);
    // SSL_GET shows that of the block SSL.
    settings.verify = false;
    settings.ca = None;
    let mut context = CheckContext::new(target.address);
    context.tls_client = Some(TlsClient::load(settings).unwrap());
    let registry = Registry::builtin();
    let url = Arguments::block("url", [Arguments::line("path", ["/"])]);
    let block = Arguments::block("SSL_GET", [url]);
    let factory = registry.get("SSL_GET").unwrap();
    let built = factory.build(&block, &context).unwrap();
    let outcome = built.check.check(&target).await;
    assert!(outcome.is_pass(), "{outcome}");
    context.tls_client = None;
    let without = factory.build(&block, &context).unwrap();
    assert!(!without.check.check(&target).await.is_pass());
    assert_ne!(without.check.identity(), built.check.identity());
}

#[test]
fn files_that_cannot_be_used_are_errors() {
    let authority = Authority::new();
    let one = authority.issue(NAME, 30);
    let other = authority.issue(NAME, 30);
    let certificate = authority.write("one.pem", &one.certificate);
    let key = authority.write("other.key", &other.key);
    let empty = authority.write("empty.pem", "");
    let missing = authority.folder.path().join("missing.pem");
    let load = |certificate: &PathBuf, key: Option<&PathBuf>| {
        let mut settings = TlsSettings::default();
        settings.certificate = Some(certificate.clone());
        settings.key = key.cloned();
        TlsClient::load(settings).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        load(&certificate, Some(&empty)),
        TlsClientError::NoKey(empty.clone())
    );
    assert_eq!(
        load(&certificate, None),
        TlsClientError::NoKey(certificate.clone())
    );
    assert_eq!(
        load(&empty, Some(&key)),
        TlsClientError::NoCertificate(empty.clone())
    );
    let error = load(&missing, Some(&key));
    assert!(
        matches!(error, TlsClientError::Unreadable { .. }),
        "{error}"
    );
    assert_eq!(error.path(), Some(missing.as_path()));
    let error = load(&certificate, Some(&key));
    assert!(matches!(error, TlsClientError::Unusable { .. }), "{error}");
    let mut settings = TlsSettings::default();
    settings.ca = Some(missing);
    assert!(TlsClient::load(settings).is_err());
}

#[tokio::test]
async fn a_passing_check_warns_days_before_the_end_of_the_certificate() {
    let authority = Authority::new();
    for (days, warns) in [(30, false), (9, true)] {
        let issued = authority.issue(NAME, days);
        let (target, _seen) = Server::new(&issued).start().await;
        let mut http = check(authority.settings(true));
        assert_eq!(http.check(&target).await.warning, None);
        http.tls.as_mut().unwrap().certificate_warning = Some(10);
        let outcome = http.check(&target).await;
        assert!(outcome.is_pass(), "{outcome}");
        let text = outcome.warning.unwrap_or_default();
        assert_eq!(text.starts_with("certificate expires on "), warns, "{text}");
    }
    // SSL_GET warns and passes.
    let expired = authority.issue(NAME, -1);
    let (target, _seen) = Server::new(&expired).start().await;
    let mut tls = Tls::default();
    tls.certificate_warning = Some(10);
    let check = HttpGet::new([Url::new("/")], STEP).with_tls(tls);
    // With a session that is resumed, too.
    for _ in 0..3 {
        let outcome = check.check(&target).await;
        assert!(outcome.is_pass(), "{outcome}");
        let text = outcome.warning.unwrap();
        assert!(text.starts_with("certificate expired on "), "{text}");
    }
}

#[tokio::test]
async fn sessions_are_resumed_by_clients_that_do_not_verify() {
    let authority = Authority::new();
    let issued = authority.issue(NAME, 30);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut server = Server::new(&issued);
        server.version = version;
        let (target, mut seen) = server.start().await;
        let (other, mut other_seen) = server.start().await;
        let ssl_get = HttpGet::new([Url::new("/")], STEP).with_tls(Tls::default());
        for kind in [
            HandshakeKind::Full,
            HandshakeKind::Resumed,
            HandshakeKind::Resumed,
        ] {
            let outcome = ssl_get.check(&target).await;
            assert!(outcome.is_pass(), "{outcome}");
            assert_eq!(seen.recv().await.unwrap().kind, kind, "{version:?}");
        }
        // Another server at the same address has sessions of its own.
        assert!(ssl_get.check(&other).await.is_pass());
        assert_eq!(other_seen.recv().await.unwrap().kind, HandshakeKind::Full);
        // A client that verifies sees the certificate each time.
        let verifying = check(authority.settings(true));
        for _ in 0..2 {
            let outcome = verifying.check(&target).await;
            assert!(outcome.is_pass(), "{outcome}");
            assert_eq!(seen.recv().await.unwrap().kind, HandshakeKind::Full);
        }
    }
}
