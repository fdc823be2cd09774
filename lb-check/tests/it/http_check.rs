// SPDX-License-Identifier: MIT OR Apache-2.0
//! `HTTP_CHECK` against scripted servers on loopback.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lb_check::{
    Arguments, CheckContext, HealthCheck, HttpCheck, HttpVersion, Outcome, Reason, Registry,
    Target, Verdict,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Longest time of a step of these checks, and of a whole check three times that.
const STEP: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
enum Server {
    /// Sends this after the request and closes.
    Sends(Vec<u8>),
    /// Sends this, and nothing more.
    SendsAndHangs(Vec<u8>),
    /// Sends a byte each 100 ms.
    Drips(Vec<u8>),
    /// Sends this, then a reset.
    Resets(Vec<u8>),
    /// Resets the connection before the request is read.
    ResetsEarly,
    /// Sends the first part, then the second one without end.
    Floods(Vec<u8>, Vec<u8>),
}

fn sends(text: &str) -> Server {
    Server::Sends(text.as_bytes().to_vec())
}

fn reset(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

impl Server {
    /// Listens on loopback; the requests arrive at the receiver.
    async fn start(self) -> (Target, mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().serve(stream, requests.clone()));
            }
        });
        (Target::new(address), received)
    }

    async fn serve(self, mut stream: TcpStream, requests: mpsc::UnboundedSender<String>) {
        if matches!(self, Self::ResetsEarly) {
            return reset(&stream);
        }
        let mut request = Vec::new();
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let _ = requests.send(String::from_utf8(request).unwrap());
        match self {
            Self::ResetsEarly => {}
            Self::Sends(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Self::SendsAndHangs(bytes) => {
                let _ = stream.write_all(&bytes).await;
                sleep(120 * STEP).await;
            }
            Self::Drips(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
            Self::Resets(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
                sleep(Duration::from_millis(50)).await;
                reset(&stream);
            }
            Self::Floods(first, more) => {
                let mut sent = stream.write_all(&first).await;
                while sent.is_ok() {
                    sent = stream.write_all(&more).await;
                }
            }
        }
    }
}

/// Runs a check and makes sure that it ends in time.
async fn run(check: &HttpCheck, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    let took = started.elapsed();
    assert!(took < 10 * STEP, "took {took:?}");
    outcome
}

async fn outcome(server: Server, change: impl FnOnce(&mut HttpCheck)) -> Outcome {
    let (target, _requests) = server.start().await;
    let mut check = HttpCheck::new("/health", STEP);
    change(&mut check);
    run(&check, &target).await
}

fn failed(outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.verdict, Verdict::Fail(reason), "{outcome}");
}

fn unexpected(outcome: &Outcome) -> &str {
    match &outcome.verdict {
        Verdict::Fail(Reason::L7Unexpected(text)) => text,
        verdict => panic!("{verdict:?}"),
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nX-Status: fine\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    1\r\nh\r\n1\r\ne\r\n2;x=y\r\nll\r\n1\r\no\r\n0\r\nX-End: 1\r\n\r\n";
const SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const MD5: &str = "5d41402abc4b2a76b9719d911017c592";

#[tokio::test]
async fn the_request_is_the_one_that_is_configured() {
    let (target, mut requests) = sends(OK).start().await;
    let mut check = HttpCheck::new("/health?a=b", STEP);
    assert!(run(&check, &target).await.is_pass());
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("GET /health?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        &*format!("host: {}", target.address),
        "connection: close",
        "accept: */*",
    ] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
    assert!(!request.contains("encoding"), "{request}");
    check.method = "POST".to_owned();
    check.virtualhost = Some("www.example.net".to_owned());
    check.body = Some("ping".to_owned());
    check.headers = vec![("x-probe".to_owned(), "yes".to_owned())];
    check.version = HttpVersion::Http10;
    assert!(run(&check, &target).await.is_pass());
    let request = requests.recv().await.unwrap();
    assert!(
        request.starts_with("POST /health?a=b HTTP/1.0\r\n"),
        "{request}"
    );
    for line in ["host: www.example.net", "x-probe: yes", "content-length: 4"] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
}

#[tokio::test]
async fn status_and_headers_are_compared() {
    let answer = |status: &str| sends(&format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    assert!(outcome(answer("204 No Content"), |_| ()).await.is_pass());
    failed(
        &outcome(answer("302 Found"), |_| ()).await,
        Reason::L7Status(302),
    );
    failed(
        &outcome(answer("503 Busy"), |_| ()).await,
        Reason::L7Status(503),
    );
    let only = |check: &mut HttpCheck| check.expectation.status = vec![401..=401, 500..=503];
    assert!(outcome(answer("503 Busy"), only).await.is_pass());
    failed(
        &outcome(answer("200 OK"), only).await,
        Reason::L7Status(200),
    );
    let header = |name: &'static str, value: Option<&'static str>| {
        move |check: &mut HttpCheck| {
            let value = value.map(str::to_owned);
            check.expectation.headers = vec![(name.to_owned(), value)];
        }
    };
    assert!(outcome(sends(OK), header("x-status", None)).await.is_pass());
    assert!(
        outcome(sends(OK), header("X-Status", Some("fine")))
            .await
            .is_pass()
    );
    let wrong = outcome(sends(OK), header("X-Status", Some("bad"))).await;
    assert_eq!(unexpected(&wrong), "X-Status: fine");
    let none = outcome(sends(OK), header("X-Other", None)).await;
    assert_eq!(unexpected(&none), "no header X-Other");
}

#[tokio::test]
async fn the_decoded_body_is_compared() {
    for answer in [OK, CHUNKED, "HTTP/1.0 200 OK\r\n\r\nhello"] {
        for digest in [SHA256, &"0".repeat(64)] {
            let expect = |check: &mut HttpCheck| {
                check.expectation.sha256 = Some(digest.parse().unwrap());
            };
            let outcome = outcome(sends(answer), expect).await;
            assert_eq!(outcome.is_pass(), digest == SHA256, "{answer:?}: {outcome}");
        }
        for digest in [MD5, &"0".repeat(32)] {
            let expect = |check: &mut HttpCheck| {
                check.expectation.md5 = Some(digest.parse().unwrap());
            };
            let outcome = outcome(sends(answer), expect).await;
            assert_eq!(outcome.is_pass(), digest == MD5, "{answer:?}: {outcome}");
        }
        let text = |text: &str| {
            let text = Some(text.to_owned());
            |check: &mut HttpCheck| check.expectation.text = text
        };
        assert!(
            outcome(sends(answer), text("ell")).await.is_pass(),
            "{answer:?}"
        );
        let wrong = outcome(sends(answer), text("Hell")).await;
        assert_eq!(unexpected(&wrong), "hello", "{answer:?}");
    }
}

#[cfg(feature = "regex")]
#[tokio::test]
async fn the_regular_expression_sees_the_body_alone() {
    for (pattern, no_match, passes) in [
        ("^hello$", false, true),
        ("^h.llo", true, false),
        ("X-Status", false, false),
        ("X-Status", true, true),
    ] {
        let mut regex = lb_check::PageRegex::new(pattern, []).unwrap();
        regex.no_match = no_match;
        let expect = |check: &mut HttpCheck| check.expectation.regex = Some(regex);
        let outcome = outcome(sends(OK), expect).await;
        assert_eq!(outcome.is_pass(), passes, "{pattern} {no_match}: {outcome}");
        if !passes {
            let text = if no_match { "match" } else { "no match" };
            failed(&outcome, Reason::L7Regex(text.to_owned()));
        }
    }
}

/// Every phase of an answer can be the last one.
#[tokio::test]
async fn resets_in_each_phase_are_failures() {
    let text = |check: &mut HttpCheck| check.expectation.text = Some("x".to_owned());
    failed(&outcome(Server::ResetsEarly, text).await, Reason::L4Reset);
    for bytes in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nX: y",
        "HTTP/1.1 200 OK\r\n\r\nhel",
    ] {
        let server = Server::Resets(bytes.as_bytes().to_vec());
        failed(&outcome(server, text).await, Reason::L4Reset);
    }
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".to_vec();
    failed(&outcome(Server::Resets(chunk), text).await, Reason::L4Reset);
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    closed.bind(&address.into()).unwrap();
    let target = Target::new(closed.local_addr().unwrap().as_socket().unwrap());
    let refused = run(&HttpCheck::new("/", STEP), &target).await;
    failed(&refused, Reason::L4Refused);
}

#[tokio::test]
async fn answers_that_are_cut_or_no_http_are_failures() {
    let sha256 = |check: &mut HttpCheck| check.expectation.sha256 = Some(SHA256.parse().unwrap());
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\nX: y\r\n",
        &OK[..OK.len() - 1],
        &CHUNKED[..80],
    ] {
        let outcome = outcome(sends(bytes), sha256).await;
        assert_ne!(outcome.verdict, Verdict::Pass, "{bytes:?}");
        assert!(
            matches!(outcome.verdict, Verdict::Fail(_)),
            "{bytes:?}: {outcome}"
        );
    }
    for bytes in [
        "220 mail.example ESMTP\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\0\0\0\0",
    ] {
        let outcome = outcome(sends(bytes), sha256).await;
        let text = unexpected(&outcome);
        assert!(text.len() <= 80, "{bytes:?}: {text}");
    }
}

#[tokio::test]
async fn a_content_length_ends_the_answer() {
    let sha256 = |check: &mut HttpCheck| check.expectation.sha256 = Some(SHA256.parse().unwrap());
    let server = Server::SendsAndHangs(OK.as_bytes().to_vec());
    assert!(outcome(server, sha256).await.is_pass());
    let server = Server::SendsAndHangs(CHUNKED.as_bytes().to_vec());
    assert!(outcome(server, sha256).await.is_pass());
}

#[tokio::test]
async fn slow_and_silent_servers_end_at_the_deadline() {
    let text = |check: &mut HttpCheck| check.expectation.text = Some("x".to_owned());
    for bytes in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nhel"] {
        let server = Server::SendsAndHangs(bytes.as_bytes().to_vec());
        failed(&outcome(server, text).await, Reason::Timeout);
    }
    let server = Server::Drips(OK.as_bytes().to_vec());
    failed(&outcome(server, text).await, Reason::Timeout);
}

#[tokio::test]
async fn endless_answers_are_bounded() {
    let text = |check: &mut HttpCheck| check.expectation.text = Some("x".to_owned());
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let endless = outcome(
        Server::Floods(head.clone(), b"X: yyyyyyyy\r\n".to_vec()),
        text,
    )
    .await;
    unexpected(&endless);
    let endless = outcome(Server::Floods(head, vec![b'y'; 4096]), text).await;
    unexpected(&endless);
    let body = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let endless = outcome(Server::Floods(body.clone(), vec![b'y'; 4096]), text).await;
    assert_eq!(unexpected(&endless), "y".repeat(60));
    let sha256 = |check: &mut HttpCheck| {
        check.expectation.sha256 = Some(SHA256.parse().unwrap());
        check.total_timeout = 9 * STEP;
    };
    let endless = outcome(Server::Floods(body, vec![b'y'; 65536]), sha256).await;
    assert!(
        matches!(
            endless.verdict,
            Verdict::Fail(Reason::L7Unexpected(_) | Reason::Timeout)
        ),
        "{endless}"
    );
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let endless = outcome(Server::Floods(chunks.clone(), b"1\r\ny\r\n".to_vec()), text).await;
    assert!(matches!(endless.verdict, Verdict::Fail(_)), "{endless}");
    let endless = outcome(Server::Floods(chunks, b"1".to_vec()), text).await;
    assert!(matches!(endless.verdict, Verdict::Fail(_)), "{endless}");
}

/// A server of HTTP/2 without TLS.
async fn http2() -> Target {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = async |request: Request<Incoming>| {
                let text = format!("{} {}", request.method(), request.uri());
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
            };
            let io = TokioIo::new(stream);
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(io, service_fn(answer)));
        }
    });
    Target::new(address)
}

#[tokio::test]
async fn http2_is_spoken_with_prior_knowledge() {
    let target = http2().await;
    let mut check = HttpCheck::new("/health", STEP);
    check.version = HttpVersion::Http2;
    check.virtualhost = Some("www.example.net".to_owned());
    check.expectation.text = Some("GET http://www.example.net/health".to_owned());
    let outcome = run(&check, &target).await;
    assert!(outcome.is_pass(), "{outcome}");
    check.expectation.status = vec![404..=404];
    failed(&run(&check, &target).await, Reason::L7Status(200));
    // A server of HTTP/1 is none of HTTP/2, and the other way round.
    let (other, _requests) = sends(OK).start().await;
    let outcome = run(&check, &other).await;
    assert!(matches!(outcome.verdict, Verdict::Fail(_)), "{outcome}");
    check.version = HttpVersion::Http11;
    let outcome = run(&check, &target).await;
    assert!(matches!(outcome.verdict, Verdict::Fail(_)), "{outcome}");
}

fn line(name: &str, values: &[&str]) -> Arguments {
    Arguments::line(name, values.iter().copied())
}

fn context() -> CheckContext {
    CheckContext::new("192.0.2.61:80".parse().unwrap())
}

#[test]
fn a_block_is_printed_as_it_is_read() {
    let registry = Registry::builtin();
    let factory = registry.get("HTTP_CHECK").unwrap();
    let block = Arguments::block(
        "HTTP_CHECK",
        [
            line("path", &["/health"]),
            line("method", &["POST"]),
            line("virtualhost", &["www.example.net"]),
            line("header", &["X-Probe", "yes, please"]),
            line("body", &["ping"]),
            line("http_protocol", &["1.0"]),
            line("status_code", &["200-299", "401"]),
            line("expect_header", &["Server"]),
            line("expect_header", &["X-Status", "fine"]),
            line("text", &["all is well"]),
            line("digest", &[MD5]),
            line("sha256", &[SHA256]),
            line("timeout", &["2.5"]),
        ],
    );
    let built = factory.build(&block, &context()).unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    assert_eq!(built.deadline, Duration::from_secs(3));
    let lines = built.check.lines().unwrap();
    for line in &block.children {
        assert!(lines.contains(line), "{line:?} in {lines:?}");
    }
    let again = Arguments::block("HTTP_CHECK", lines);
    let again = factory.build(&again, &context()).unwrap();
    assert!(
        again
            .findings
            .iter()
            .all(|finding| finding.to_string().contains("connect_timeout")),
        "{:?}",
        again.findings
    );
    assert_eq!(again.check.identity(), built.check.identity());
}

#[test]
fn wrong_lines_are_findings() {
    let registry = Registry::builtin();
    let factory = registry.get("HTTP_CHECK").unwrap();
    let block = Arguments::block(
        "HTTP_CHECK",
        [
            line("path", &["/"]),
            line("path", &["health"]),
            line("method", &["GE T"]),
            line("header", &["X"]),
            line("header", &["X:", "y"]),
            line("http_protocol", &["3"]),
            line("sha256", &["00"]),
            line("timeout", &["0"]),
            line("verify", &["off"]),
            line("pth", &["/"]),
        ],
    );
    let built = factory.build(&block, &context()).unwrap();
    let found: Vec<_> = built.findings.iter().map(ToString::to_string).collect();
    let expected = [
        "'health' is not a path that begins with /",
        "'GE T' is not a method of HTTP",
        "'header' needs a name and a value",
        "'X:' is not the name of a header",
        "'3' is not 1.0, 1.1 or 2",
        "'00' is not 64 hexadecimal digits",
        "'0' is not a number of seconds, from 0.001 to 3600",
        "unknown keyword 'pth' in HTTP_CHECK",
        "'verify' has no effect in HTTP_CHECK without tls",
    ];
    assert_eq!(found, expected);
    let empty = Arguments::block("HTTP_CHECK", []);
    let errors = factory.build(&empty, &context()).unwrap_err();
    assert_eq!(errors[0].to_string(), "HTTP_CHECK needs 'path'");
}
