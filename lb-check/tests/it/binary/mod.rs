// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of binary protocols against scripted servers on loopback.

#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(feature = "sql")]
mod mysql;
#[cfg(feature = "sql")]
mod pgsql;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lb_check::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, HealthCheck, Outcome, Reason, Registry,
    Target, Verdict,
};
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// One step may take this; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(800);

/// What a server does with a connection.
#[derive(Clone, Debug)]
enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes one by one, in packets of their own.
    Drip(Vec<u8>),
    /// Waits for this number of bytes, and keeps them.
    Receive(usize),
    /// Makes the connection a TLS connection.
    #[cfg(feature = "tls")]
    Tls,
    /// Resets the connection.
    Reset,
    /// Sends nothing any more, and keeps the connection.
    Hang,
    /// Sends this byte without end.
    Endless(u8),
}

/// A scripted server.
struct Server {
    target: Target,
    /// What the last connection sent.
    received: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// Listens on loopback; each connection gets these steps, and is closed after the last one.
    async fn start(steps: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = Target::new(listener.local_addr().unwrap());
        let received = Arc::new(Mutex::default());
        let steps: Vec<Step> = steps.into_iter().collect();
        tokio::spawn({
            let received = Arc::clone(&received);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).unwrap();
                    tokio::spawn(serve(stream, steps.clone(), Arc::clone(&received)));
                }
            }
        });
        Self { target, received }
    }

    fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap().clone()
    }
}

/// A plain connection, or one over TLS.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn reset(&self);
}

impl Wire for TcpStream {
    fn reset(&self) {
        SockRef::from(self)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

#[cfg(feature = "tls")]
impl Wire for tokio_rustls::server::TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

async fn serve(stream: TcpStream, steps: Vec<Step>, received: Arc<Mutex<Vec<u8>>>) {
    received.lock().unwrap().clear();
    #[cfg(feature = "tls")]
    if let Some(at) = steps.iter().position(|step| matches!(step, Step::Tls)) {
        let mut stream = stream;
        play(&mut stream, &steps[..at], &received).await;
        let Ok(mut stream) = acceptor().accept(stream).await else {
            return;
        };
        if play(&mut stream, &steps[at + 1..], &received).await {
            end(&mut stream, &received).await;
        }
        return;
    }
    let mut stream = stream;
    if play(&mut stream, &steps, &received).await {
        end(&mut stream, &received).await;
    }
}

/// Returns whether the connection is still there.
async fn play(stream: &mut impl Wire, steps: &[Step], received: &Mutex<Vec<u8>>) -> bool {
    for step in steps {
        match step {
            Step::Send(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.flush().await;
            }
            Step::Drip(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return false;
                    }
                    let _ = stream.flush().await;
                    tokio::task::yield_now().await;
                }
            }
            Step::Receive(count) => {
                let mut bytes = vec![0; *count];
                if stream.read_exact(&mut bytes).await.is_err() {
                    return false;
                }
                received.lock().unwrap().extend(bytes);
            }
            #[cfg(feature = "tls")]
            Step::Tls => {}
            Step::Reset => {
                stream.reset();
                return false;
            }
            Step::Hang => sleep(100 * STEP).await,
            Step::Endless(byte) => {
                let bytes = [*byte; 4096];
                while stream.write_all(&bytes).await.is_ok() {}
            }
        }
    }
    true
}

/// Reads the rest: unread bytes would make the end a reset.
async fn end(stream: &mut impl Wire, received: &Mutex<Vec<u8>>) {
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(10 * STEP, stream.read_to_end(&mut rest)).await;
    received.lock().unwrap().extend(rest);
}

#[cfg(feature = "tls")]
fn acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    const PEM: &[u8] = include_bytes!("../../data/tls.pem");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(PEM).collect::<Result<Vec<_>, _>>();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.unwrap(), PrivateKeyDer::from_pem_slice(PEM).unwrap())
        .unwrap();
    // A server of gRPC refuses clients that do not offer it; others offer nothing.
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config).into()
}

/// Runs a check and makes sure that it ended in time.
async fn run(check: &dyn HealthCheck, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    assert!(
        started.elapsed() < 10 * STEP,
        "took {:?}",
        started.elapsed()
    );
    outcome
}

/// The reason of a failure.
async fn reason(check: &dyn HealthCheck, steps: impl IntoIterator<Item = Step>) -> Reason {
    let server = Server::start(steps).await;
    failure(run(check, &server.target).await)
}

fn failure(outcome: Outcome) -> Reason {
    match outcome.verdict {
        Verdict::Fail(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// An address without a listener.
fn closed() -> Target {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).unwrap();
    Target::new(socket.local_addr().unwrap().as_socket().unwrap())
}

/// The failures that each check has: `dialogue` is one that passes.
async fn assert_failures(check: &dyn HealthCheck, dialogue: &[Step]) {
    let server = Server::start(dialogue.to_vec()).await;
    let outcome = run(check, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");
    assert_eq!(failure(run(check, &closed()).await), Reason::L4Refused);
    // In each phase: a reset, silence, and the end.
    for phase in 0..dialogue.len() {
        if !matches!(dialogue[phase], Step::Send(_) | Step::Drip(_)) {
            continue;
        }
        let before = || dialogue[..phase].to_vec();
        let with = |step| before().into_iter().chain([step]);
        assert_eq!(
            reason(check, with(Step::Reset)).await,
            Reason::L4Reset,
            "{phase}"
        );
        assert_eq!(
            reason(check, with(Step::Hang)).await,
            Reason::L7Timeout,
            "{phase}"
        );
        let ended = reason(check, before()).await;
        assert!(
            matches!(ended, Reason::L7NoData | Reason::L7Closed),
            "{phase}: {ended}"
        );
        // Without end: other protocols begin with a letter.
        for byte in [0, b'H', 0xff] {
            let endless = reason(check, with(Step::Endless(byte))).await;
            assert!(
                matches!(
                    endless,
                    Reason::L7Unexpected(_) | Reason::L7TooLong(_) | Reason::L7Error { .. }
                ),
                "{phase} {byte}: {endless}"
            );
        }
    }
    // One byte at a time.
    let slow = dialogue.iter().map(|step| match step {
        Step::Send(bytes) => Step::Drip(bytes.clone()),
        other => other.clone(),
    });
    let server = Server::start(slow).await;
    let outcome = run(check, &server.target).await;
    assert!(outcome.is_pass(), "{outcome}");
}

/// Builds the check of a block, with its findings.
fn build(kind: &str, lines: &[(&str, &str)]) -> Result<BuiltCheck, Vec<ArgumentError>> {
    let mut context = CheckContext::new("192.0.2.61:1".parse().unwrap());
    context.connect_timeout = STEP;
    let lines = lines
        .iter()
        .map(|(name, value)| Arguments::line(*name, (!value.is_empty()).then_some(*value)));
    let block = Arguments::block(kind, lines);
    let registry = Registry::builtin();
    registry.get(kind).unwrap().build(&block, &context)
}

/// Makes sure that the lines of a built check make an equal one, and that nothing shows the `secret`.
fn assert_round_trip(kind: &str, lines: &[(&str, &str)], secret: Option<&str>) {
    let built = build(kind, lines).unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    let identity = built.check.identity();
    let own = built.check.lines().unwrap();
    let own: Vec<(&str, &str)> = own
        .iter()
        .filter(|line| line.name != "connect_timeout")
        .map(|line| (&*line.name, line.values.first().map_or("", String::as_str)))
        .collect();
    assert_eq!(build(kind, &own).unwrap().check.identity(), identity);
    if let Some(secret) = secret {
        let debug = format!("{:?}", built.check);
        assert!(
            !debug.contains(secret) && !identity.contains(secret),
            "{debug} {identity}"
        );
        // Another password is another check.
        let other: Vec<_> = own
            .iter()
            .map(|(name, value)| (*name, if *value == secret { "other" } else { *value }))
            .collect();
        assert_ne!(build(kind, &other).unwrap().check.identity(), identity);
    }
}

/// The messages of the findings of a block that gives no check.
fn errors(kind: &str, lines: &[(&str, &str)]) -> Vec<String> {
    let errors = match build(kind, lines) {
        Ok(built) => built.findings,
        Err(errors) => errors,
    };
    errors.iter().map(ToString::to_string).collect()
}
