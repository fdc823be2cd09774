// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks over datagrams against scripted servers on loopback.

mod ping;
mod sip;
mod udp;

#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "radius")]
mod radius;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use lb_check::{HealthCheck, Outcome, Reason, Target, Verdict};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// One probe may take this; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(400);

/// A server on loopback that answers each datagram with any number of them; the datagrams that come
/// arrive at the receiver.
async fn serve<F>(answers: F) -> (Target, mpsc::UnboundedReceiver<Vec<u8>>)
where
    F: Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
{
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    serve_on(socket, answers)
}

fn serve_on<F>(socket: UdpSocket, answers: F) -> (Target, mpsc::UnboundedReceiver<Vec<u8>>)
where
    F: Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
{
    let target = Target::new(socket.local_addr().unwrap());
    let (requests, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // Another socket, whose datagrams must not count.
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            for answer in answers(&buffer[..length]) {
                let _ = other.send_to(&answer, peer).await;
                let _ = other.send_to(b"foreign", peer).await;
            }
            for answer in answers(&buffer[..length]) {
                let _ = socket.send_to(&answer, peer).await;
            }
            let _ = requests.send(buffer[..length].to_vec());
        }
    });
    (target, received)
}

/// A server that only receives.
async fn silent() -> (Target, mpsc::UnboundedReceiver<Vec<u8>>) {
    serve(|_| Vec::new()).await
}

/// A server whose answers are sent by another socket: no answer at all.
async fn foreign<F>(answers: F) -> Target
where
    F: Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
{
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(socket.local_addr().unwrap());
    tokio::spawn(async move {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            for answer in answers(&buffer[..length]) {
                let _ = other.send_to(&answer, peer).await;
            }
        }
    });
    target
}

/// A port of loopback that no socket has.
async fn closed() -> Target {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    Target::new(socket.local_addr().unwrap())
}

/// Runs a check and makes sure that it ended in time.
async fn check(check: &impl HealthCheck, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    let took = started.elapsed();
    assert!(took < 10 * STEP, "took {took:?}");
    assert!(outcome.latency <= took);
    outcome
}

fn passed(outcome: &Outcome) {
    assert_eq!(outcome.verdict, Verdict::Pass);
}

fn failed(outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.verdict, Verdict::Fail(reason));
}

fn unexpected(outcome: &Outcome, text: &str) {
    failed(outcome, Reason::L7Unexpected(text.to_owned()));
}

/// A check from the lines of another one is the same check.
fn round_trip(check: &impl HealthCheck) {
    let block = lb_check::Arguments::block(check.kind(), check.lines().unwrap());
    let mut context = lb_check::CheckContext::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    context.connect_timeout = STEP;
    // What the configuration reads itself.
    let mut own = block.clone();
    own.children.retain(|line| line.name != "connect_timeout");
    let registry = lb_check::Registry::builtin();
    let built = registry
        .get(check.kind())
        .unwrap()
        .build(&own, &context)
        .unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    assert_eq!(built.check.identity(), check.identity());
    assert_eq!(built.check.lines(), check.lines());
}

/// The messages of the findings of a block.
fn findings(kind: &str, lines: &[(&str, &[&str])]) -> Vec<String> {
    let lines = lines
        .iter()
        .map(|(name, values)| lb_check::Arguments::line(*name, values.iter().copied()));
    let block = lb_check::Arguments::block(kind, lines);
    let context = lb_check::CheckContext::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let registry = lb_check::Registry::builtin();
    let found = match registry.get(kind).unwrap().build(&block, &context) {
        Ok(built) => built.findings,
        Err(findings) => findings,
    };
    found.iter().map(ToString::to_string).collect()
}
