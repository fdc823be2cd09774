// SPDX-License-Identifier: MIT OR Apache-2.0
//! `SSL_GET` and genhash against scripted TLS servers on loopback, with a certificate that is expired and for
//! another name.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lb_check::genhash::{self, GenhashOptions};
use lb_check::{
    Arguments, CheckContext, HealthCheck, HttpGet, Outcome, Reason, Registry, Target, Tls, Url,
    Verdict,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

const PEM: &[u8] = include_bytes!("../data/tls.pem");
const HELLO: &str = "5d41402abc4b2a76b9719d911017c592";
/// One step may take this; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(800);

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The server ends with close_notify, and reports whether the client does.
    Notify,
    /// The server closes the connection without it.
    Close,
    /// The server keeps the connection open.
    Hang,
    /// The server resets the connection.
    Reset,
    /// The server accepts the connection and sends nothing of TLS.
    Silent,
    /// The server answers in plain HTTP.
    Plain,
    /// The server closes the connection before TLS.
    Early,
}

/// What the server saw of a connection.
#[derive(Debug, PartialEq)]
struct Seen {
    request: String,
    /// The server name.
    name: Option<String>,
    /// Whether the client sent close_notify.
    notified: bool,
}

struct Server {
    answer: String,
    end: End,
    acceptor: TlsAcceptor,
    seen: mpsc::UnboundedSender<Seen>,
}

/// Listens on loopback.
async fn start(
    answer: &str,
    end: End,
    version: &'static SupportedProtocolVersion,
) -> (Target, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(PEM).collect::<Result<Vec<_>, _>>();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.unwrap(), PrivateKeyDer::from_pem_slice(PEM).unwrap())
        .unwrap();
    let (seen, received) = mpsc::unbounded_channel();
    let server = Arc::new(Server {
        answer: answer.to_owned(),
        end,
        acceptor: TlsAcceptor::from(Arc::new(config)),
        seen,
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = Arc::clone(&server);
            tokio::spawn(async move { server.serve(stream).await });
        }
    });
    (Target::new(address), received)
}

impl Server {
    async fn serve(&self, mut stream: TcpStream) {
        match self.end {
            End::Early => return,
            End::Silent => return sleep(60 * STEP).await,
            End::Plain => {
                let _ = stream.write_all(self.answer.as_bytes()).await;
                // What the client sends is read: an unread rest would be a reset.
                let _ = stream.read(&mut [0; 4096]).await;
                return;
            }
            _ => {}
        }
        let Ok(mut stream) = self.acceptor.accept(stream).await else {
            return;
        };
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let _ = stream.write_all(self.answer.as_bytes()).await;
        let _ = stream.flush().await;
        let mut notified = false;
        match self.end {
            End::Hang => sleep(60 * STEP).await,
            End::Reset => {
                socket2::SockRef::from(stream.get_ref().0)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            }
            End::Notify => {
                let _ = stream.shutdown().await;
                notified = matches!(stream.read(&mut [0; 1]).await, Ok(0));
            }
            _ => {}
        }
        let name = stream.get_ref().1.server_name().map(str::to_owned);
        let _ = self.seen.send(Seen {
            request: String::from_utf8(request).unwrap(),
            name,
            notified,
        });
    }
}

fn page(body: &str) -> String {
    format!("HTTP/1.0 200 OK\r\nServer: lab\r\n\r\n{body}")
}

fn hello() -> Url {
    Url::new("/").with_digest(HELLO.parse().unwrap())
}

/// Runs a check and makes sure that it ended in time.
async fn run(check: &HttpGet, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    let took = started.elapsed();
    assert!(took < 10 * STEP, "took {took:?}");
    outcome
}

fn ssl_get(url: Url) -> HttpGet {
    HttpGet::new([url], STEP).with_tls(Tls::default())
}

#[tokio::test]
async fn page_over_tls_passes_whatever_its_certificate() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for end in [End::Notify, End::Close] {
            let (target, mut seen) = start(&page("hello"), end, version).await;
            let check = ssl_get(hello());
            assert_eq!(check.kind(), "SSL_GET");
            let outcome = run(&check, &target).await;
            assert!(outcome.is_pass(), "{version:?} {end:?}: {outcome}");
            let seen = seen.recv().await.unwrap();
            let host = format!("Host: {}\r\n\r\n", target.address);
            assert!(seen.request.starts_with("GET / HTTP/1.0\r\n"), "{seen:?}");
            assert!(seen.request.ends_with(&host), "{seen:?}");
            assert_eq!((seen.name, seen.notified), (None, false));
        }
    }
}

#[tokio::test]
async fn status_and_digest_are_judged_as_without_tls() {
    let (target, _seen) = start(&page("other"), End::Notify, &rustls::version::TLS13).await;
    let outcome = run(&ssl_get(hello()), &target).await;
    assert!(
        matches!(outcome.verdict, Verdict::Fail(Reason::L7Digest { .. })),
        "{outcome}"
    );
    assert!(run(&ssl_get(Url::new("/")), &target).await.is_pass());
    let answer = "HTTP/1.1 404 Not Found\r\n\r\n";
    let (target, _seen) = start(answer, End::Notify, &rustls::version::TLS13).await;
    let outcome = run(&ssl_get(Url::new("/")), &target).await;
    assert_eq!(outcome.verdict, Verdict::Fail(Reason::L7Status(404)));
    let url = Url::new("/").with_status(404..=404);
    assert!(run(&ssl_get(url), &target).await.is_pass());
}

#[tokio::test]
async fn failures_of_tls_and_of_the_connection_have_their_reasons() {
    let outcome = async |answer: &str, end| {
        let (target, _seen) = start(answer, end, &rustls::version::TLS13).await;
        run(&ssl_get(hello()), &target).await.verdict
    };
    let hello = page("hello");
    assert_eq!(
        outcome(&hello, End::Silent).await,
        Verdict::Fail(Reason::L7Timeout)
    );
    assert_eq!(
        outcome(&hello, End::Hang).await,
        Verdict::Fail(Reason::L7Timeout)
    );
    let early = outcome(&hello, End::Early).await;
    assert!(
        matches!(&early, Verdict::Fail(Reason::Tls(_) | Reason::L4Reset)),
        "{early:?}"
    );
    let plain = outcome(&hello, End::Plain).await;
    assert!(matches!(&plain, Verdict::Fail(Reason::Tls(_))), "{plain:?}");
    let reset = outcome("", End::Reset).await;
    assert_eq!(reset, Verdict::Fail(Reason::L4Reset));
    assert_eq!(
        outcome("", End::Close).await,
        Verdict::Fail(Reason::L7NoData)
    );
}

/// The check that a block makes.
fn built(lines: Vec<Arguments>, context: &CheckContext) -> Arc<dyn HealthCheck> {
    let registry = Registry::builtin();
    let factory = registry.get("SSL_GET").unwrap();
    let url = Arguments::block("url", [Arguments::line("path", ["/"])]);
    let block = Arguments::block("SSL_GET", lines.into_iter().chain([url]));
    let built = factory.build(&block, context).unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    assert_eq!(built.retry_delay, Duration::from_secs(3));
    built.check
}

/// The server name is that of `sni_name`, else the host name of the page, the check or the virtual server,
/// not that of the real server.
#[tokio::test]
async fn server_name_is_sent_where_that_is_asked_for() {
    let (target, mut seen) = start(&page("hello"), End::Notify, &rustls::version::TLS13).await;
    let mut context = CheckContext::new(target.address);
    context.virtualhost = Some("real.example".to_owned());
    context.service_virtualhost = Some("service.example".to_owned());
    let word = |keyword: &str| Arguments::line(keyword, [""; 0]);
    let line = |keyword: &str, value: &str| Arguments::line(keyword, [value]);
    let names = [
        (vec![], None, "real.example"),
        (vec![line("enable_sni", "off")], None, "real.example"),
        (
            vec![word("enable_sni")],
            Some("service.example"),
            "real.example",
        ),
        (
            vec![word("enable_sni"), line("virtualhost", "check.example")],
            Some("check.example"),
            "check.example",
        ),
        (
            vec![
                line("sni_name", "own.example"),
                line("virtualhost", "check.example"),
            ],
            Some("own.example"),
            "check.example",
        ),
        (
            vec![word("sni_name")],
            Some("service.example"),
            "real.example",
        ),
    ];
    for (lines, name, host) in names {
        let check = built(lines.clone(), &context);
        assert!(check.check(&target).await.is_pass());
        let seen = seen.recv().await.unwrap();
        assert_eq!(seen.name.as_deref(), name, "{lines:?}");
        let host = format!("\r\nHost: {host}\r\n");
        assert!(seen.request.contains(&host), "{seen:?}");
    }
    let url = Url::new("/").with_virtualhost("page.example");
    let mut tls = Tls::default();
    tls.sends_host = true;
    tls.virtualhost = Some("check.example".to_owned());
    let check = HttpGet::new([url], STEP).with_tls(tls);
    assert!(check.check(&target).await.is_pass());
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.name.as_deref(), Some("page.example"));
}

#[tokio::test]
async fn close_notify_is_sent_where_that_is_asked_for() {
    let (target, mut seen) = start(&page("hello"), End::Notify, &rustls::version::TLS12).await;
    let context = CheckContext::new(target.address);
    for (lines, notified) in [
        (vec![], false),
        (vec![Arguments::line("tls_compliant", [""; 0])], true),
        (vec![Arguments::line("tls_compliant", ["no"])], false),
    ] {
        let check = built(lines.clone(), &context);
        assert!(check.check(&target).await.is_pass());
        assert_eq!(seen.recv().await.unwrap().notified, notified, "{lines:?}");
    }
    let mut url = Url::new("/");
    url.close_notify = true;
    assert!(run(&ssl_get(url), &target).await.is_pass());
    assert!(seen.recv().await.unwrap().notified);
}

#[tokio::test]
async fn genhash_over_tls_has_the_digest_and_sends_the_name_if_asked() {
    let (target, mut seen) = start(&page("hello"), End::Close, &rustls::version::TLS13).await;
    let mut options = GenhashOptions::new(target.address.ip(), target.address.port(), "/");
    options.tls = true;
    options.virtualhost = Some("www.example.net".to_owned());
    for sni in [false, true] {
        options.sni = sni;
        let report = genhash::run(&options).await.unwrap();
        assert_eq!(report.digest.to_string(), HELLO);
        let seen = seen.recv().await.unwrap();
        assert_eq!(seen.name.is_some(), sni, "{seen:?}");
    }
    let (target, _seen) = start("", End::Close, &rustls::version::TLS13).await;
    options.port = target.address.port();
    let error = genhash::run(&options).await.unwrap_err();
    assert_eq!(error, genhash::Error::NoData);
}
