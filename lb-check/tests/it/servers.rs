// SPDX-License-Identifier: MIT OR Apache-2.0
//! TCP, HTTP and genhash against real servers on loopback, most of them bad ones.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lb_check::{
    HealthCheck, HttpGet, InvalidAnswer, Md5Digest, Outcome, Protocol, Reason, Target, Url,
    Verdict, genhash,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::peers::{closed, deaf};

/// The classic page of 177 bytes, and its digest.
const PAGE: &str = "<html><body><h1>It works!</h1>\n\
    <p>This is the default web page for this server.</p>\n\
    <p>The web server software is running but no content has been added, yet.</p>\n\
    </body></html>\n";
const DIGEST: &str = "21dde95d9d269cbb2fa6560309dca40c";
const EMPTY_DIGEST: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// One step may take this; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(400);

#[derive(Debug, Clone)]
enum Server {
    /// Sends this and closes.
    Sends(Vec<u8>),
    /// Accepts and sends nothing.
    Hangs,
    /// Sends this, then nothing more.
    SendsAndHangs(Vec<u8>),
    /// Sends a byte every 200 ms.
    Drips(Vec<u8>),
    /// Sends this, then a reset.
    Resets(Vec<u8>),
}

fn answers(header: &str, body: &str) -> Server {
    Server::Sends(format!("{header}\r\n\r\n{body}").into_bytes())
}

fn ok(body: &str) -> Server {
    answers("HTTP/1.0 200 OK", body)
}

impl Server {
    /// Listens on loopback; the requests that come arrive at the receiver.
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
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut request).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let _ = requests.send(String::from_utf8(request).unwrap());
        match self {
            Self::Sends(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Self::Hangs => sleep(Duration::from_secs(60)).await,
            Self::SendsAndHangs(bytes) => {
                let _ = stream.write_all(&bytes).await;
                sleep(Duration::from_secs(60)).await;
            }
            Self::Drips(bytes) => {
                for byte in bytes {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_millis(200)).await;
                }
            }
            Self::Resets(bytes) => {
                let _ = stream.write_all(&bytes).await;
                socket2::SockRef::from(&stream)
                    .set_linger(Some(Duration::ZERO))
                    .unwrap();
            }
        }
    }
}

fn digest(text: &str) -> Md5Digest {
    text.parse().unwrap()
}

/// Fetches `/` once, with the classic page's digest.
async fn get(server: Server) -> Outcome {
    let (target, _requests) = server.start().await;
    let url = Url::new("/").with_digest(digest(DIGEST));
    check(&HttpGet::new([url], STEP), &target).await
}

/// Runs a check and makes sure that it ended in time.
async fn check(check: &impl HealthCheck, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    assert!(
        started.elapsed() < 10 * STEP,
        "took {:?}",
        started.elapsed()
    );
    outcome
}

fn failed(outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.verdict, Verdict::Fail(reason));
}

fn wrong_digest(outcome: &Outcome) -> Md5Digest {
    match outcome.verdict {
        Verdict::Fail(Reason::L7Digest { expected, got }) => {
            assert_eq!(expected, digest(DIGEST));
            got
        }
        ref verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn the_classic_page_passes() {
    assert_eq!(PAGE.len(), 177);
    let outcome = get(ok(PAGE)).await;
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.detail.as_deref(), Some("/"));
    let whole = answers(
        "HTTP/1.1 200 OK\r\nContent-Length: 177",
        &format!("{PAGE}and more"),
    );
    assert_eq!(
        get(whole).await.verdict,
        Verdict::Pass,
        "hashed up to the content length"
    );
}

#[tokio::test]
async fn the_request_is_keepaliveds() {
    let (target, mut requests) = ok(PAGE).start().await;
    let urls = [
        Url::new("/a"),
        Url::new("/b").with_virtualhost("b.example.org"),
    ];
    let get = HttpGet::new(urls, STEP).with_protocol(Protocol::Http11);
    assert!(check(&get, &target).await.is_pass());
    assert_eq!(
        requests.recv().await.unwrap(),
        format!(
            "GET /a HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: {}\r\n\r\n",
            target.address
        )
    );
    assert!(
        requests
            .recv()
            .await
            .unwrap()
            .ends_with("Host: b.example.org\r\n\r\n")
    );
}

#[tokio::test]
async fn a_wrong_page_and_the_quirks_of_the_digest() {
    let lower = answers(
        "HTTP/1.1 200 OK\r\ncontent-length: 177",
        &format!("{PAGE}extra"),
    );
    // md5sum of the page and "extra"
    assert_eq!(
        wrong_digest(&get(lower).await),
        digest("3e9159ba71bc60988e4eada9bec53ae5")
    );
    let chunked = format!("b1\r\n{PAGE}\r\n0\r\n\r\n");
    let chunked = answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", &chunked);
    // genhash of keepalived 2.2.7 prints this for the same bytes
    assert_eq!(
        wrong_digest(&get(chunked).await),
        digest("11f3d142e6aef25602ca02648e9595ab")
    );
    let empty = answers("HTTP/1.0 200 OK\r\nContent-Length: 0", PAGE);
    assert_eq!(wrong_digest(&get(empty).await), digest(EMPTY_DIGEST));
}

#[tokio::test]
async fn the_status_decides() {
    let moved = answers("HTTP/1.1 302 Found\r\nLocation: /elsewhere", "");
    failed(&get(moved.clone()).await, Reason::L7Status(302));
    failed(
        &get(answers("HTTP/1.1 503 Busy", PAGE)).await,
        Reason::L7Status(503),
    );
    let (target, _requests) = moved.start().await;
    let url = Url::new("/").with_status(200..=200).with_status(300..=399);
    assert!(check(&HttpGet::new([url], STEP), &target).await.is_pass());
}

#[tokio::test]
async fn all_pages_have_to_be_right_in_order() {
    let (target, mut requests) = ok(PAGE).start().await;
    let urls = [
        Url::new("/1"),
        Url::new("/2").with_digest(digest(EMPTY_DIGEST)),
        Url::new("/3"),
    ];
    let outcome = check(&HttpGet::new(urls, STEP), &target).await;
    assert!(matches!(
        outcome.verdict,
        Verdict::Fail(Reason::L7Digest { .. })
    ));
    assert_eq!(outcome.detail.as_deref(), Some("/2"));
    assert!(requests.recv().await.unwrap().starts_with("GET /1 "));
    assert!(requests.recv().await.unwrap().starts_with("GET /2 "));
    assert!(requests.try_recv().is_err(), "the third is not asked for");
}

#[tokio::test]
async fn no_answer_ends_in_time() {
    let url = || Url::new("/").with_digest(digest(DIGEST));
    failed(
        &check(&HttpGet::new([url()], STEP), &closed()).await,
        Reason::L4Refused,
    );
    let (target, _sockets) = deaf();
    failed(
        &check(&HttpGet::new([url()], STEP), &target).await,
        Reason::L4Timeout,
    );
    failed(&get(Server::Hangs).await, Reason::L7Timeout);
    failed(&get(Server::Sends(Vec::new())).await, Reason::L7NoData);
    failed(&get(Server::Resets(Vec::new())).await, Reason::L4Reset);
}

#[tokio::test]
async fn half_an_answer_ends_in_time() {
    let half = b"HTTP/1.0 200 OK\r\n\r\n<html>".to_vec();
    failed(
        &get(Server::SendsAndHangs(half.clone())).await,
        Reason::L7Timeout,
    );
    failed(&get(Server::Resets(half)).await, Reason::L4Reset);
    // A complete answer whose connection stays open is not complete.
    let open = format!("HTTP/1.1 200 OK\r\nContent-Length: 177\r\n\r\n{PAGE}").into_bytes();
    failed(&get(Server::SendsAndHangs(open)).await, Reason::L7Timeout);
}

#[tokio::test]
async fn http_get_slow_server_fails_by_the_total_limit() {
    let drip = format!("HTTP/1.0 200 OK\r\n\r\n{PAGE}").into_bytes();
    let started = Instant::now();
    failed(&get(Server::Drips(drip)).await, Reason::Timeout);
    assert!(started.elapsed() >= 3 * STEP, "three steps for one page");
}

#[tokio::test]
async fn what_is_not_http_is_invalid() {
    let invalid = |what| Reason::L7Invalid(what);
    let garbage = Server::Sends(vec![0xa5; 3000]);
    failed(&get(garbage).await, invalid(InvalidAnswer::StatusLine));
    let endless = Server::Sends(vec![b'x'; 100_000]);
    failed(&get(endless).await, invalid(InvalidAnswer::StatusLine));
    let mail = answers("220 mail.example.org ESMTP", "");
    failed(&get(mail).await, invalid(InvalidAnswer::StatusLine));
    let line_feeds = Server::Sends(format!("HTTP/1.0 200 OK\n\n{PAGE}").into_bytes());
    failed(
        &get(line_feeds).await,
        invalid(InvalidAnswer::HeaderNotEnded),
    );
}

/// An answer whose header, with the empty line, has `length` bytes.
fn with_header_of(length: usize) -> Server {
    let (start, end) = ("HTTP/1.0 200 OK\r\nCookie: ", "\r\n\r\n");
    let fill = "c".repeat(length - start.len() - end.len());
    Server::Sends(format!("{start}{fill}{end}{PAGE}").into_bytes())
}

#[tokio::test]
async fn a_header_may_have_4095_bytes() {
    assert_eq!(get(with_header_of(4095)).await.verdict, Verdict::Pass);
    for length in [4096, 5000, 50_000] {
        let reason = Reason::L7Invalid(InvalidAnswer::HeaderTooLong);
        failed(&get(with_header_of(length)).await, reason);
    }
}

async fn hash(server: Server) -> Result<genhash::Report, genhash::Error> {
    let (target, _requests) = server.start().await;
    let mut options = genhash::GenhashOptions::new(target.address.ip(), target.address.port(), "/");
    options.timeout = STEP;
    options.verbose = true;
    genhash::run(&options).await
}

#[tokio::test]
async fn genhash_prints_what_http_get_compares() {
    let report = hash(answers(
        "HTTP/1.0 404 Not Found\r\nContent-Length: 177",
        PAGE,
    ))
    .await
    .unwrap();
    assert_eq!(report.digest, digest(DIGEST), "the status does not matter");
    assert_eq!(report.body, PAGE.as_bytes());
    assert_eq!(
        report.header,
        b"HTTP/1.0 404 Not Found\r\nContent-Length: 177\r\n\r\n"
    );
    assert!(!report.elapsed.is_zero());
    let moved = hash(answers("HTTP/1.1 302 Found\r\nLocation: /x", ""))
        .await
        .unwrap();
    assert_eq!(moved.digest, digest(EMPTY_DIGEST));
    // genhash of keepalived 2.2.7: the digest of "body"
    let garbage = hash(answers("220 hello", "body")).await.unwrap();
    assert_eq!(garbage.digest, digest("841a2d689ad86bd1611447453c22c6fc"));
}

#[tokio::test]
async fn genhash_without_data_is_an_error() {
    for server in [
        Server::Sends(Vec::new()),
        Server::Sends(format!("HTTP/1.0 200 OK\n\n{PAGE}").into_bytes()),
        with_header_of(4096),
    ] {
        let error = hash(server).await.unwrap_err();
        assert_eq!(error, genhash::Error::NoData);
        assert_eq!(error.to_string(), "no data received from remote webserver");
    }
    let options =
        genhash::GenhashOptions::new(Ipv4Addr::LOCALHOST.into(), closed().address.port(), "/");
    let error = genhash::run(&options).await.unwrap_err();
    let reason = Reason::L4Refused;
    let stage = genhash::Stage::Connect;
    assert_eq!(error, genhash::Error::Failed { reason, stage });
}
