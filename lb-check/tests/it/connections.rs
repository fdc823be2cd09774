// SPDX-License-Identifier: MIT OR Apache-2.0
//! `TCP_CHECK` called, as a task of the scheduler, and as a connection of the scheduler itself: the same
//! outcomes. And what only the connections of the scheduler have.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lb_check::{
    CheckEvent, CheckEvents, HealthCheck, LocalError, Outcome, Policy, ProbeSpec, Reason,
    Scheduler, SchedulerOptions, SubscriptionId, Target, TcpCheck, Verdict,
};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::peers::{closed, deaf};

/// The time to connect; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(30);

/// The ways to make a probe.
const WAYS: [Way; 3] = [Way::Call, Way::Task, Way::Connection];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// By a call of `check`.
    Call,
    /// By a scheduler that calls `check` in a task.
    Task,
    /// By a scheduler that connects itself.
    Connection,
}

/// A `TCP_CHECK` of which the scheduler does not know that it only connects.
#[derive(Debug)]
struct Opaque(TcpCheck);

#[async_trait]
impl HealthCheck for Opaque {
    fn kind(&self) -> &str {
        "OPAQUE"
    }

    async fn check(&self, target: &Target) -> Outcome {
        self.0.check(target).await
    }
}

impl Way {
    /// Probes a target once, and makes sure that this ends in time.
    async fn probe(self, target: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = self.probe_within(target, STEP, LONG).await;
        let took = started.elapsed();
        assert!(took < 10 * STEP, "{self:?} took {took:?}");
        outcome
    }

    async fn probe_within(self, target: &Target, limit: Duration, deadline: Duration) -> Outcome {
        let tcp = TcpCheck::new(limit);
        let check: Arc<dyn HealthCheck> = match self {
            Self::Call => return timeout(deadline, tcp.check(target)).await.unwrap(),
            Self::Task => Arc::new(Opaque(tcp)),
            Self::Connection => Arc::new(tcp),
        };
        let policy = policy().with_retries(0).with_deadline(deadline);
        let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
        let spec = ProbeSpec::new(check, target.clone(), policy);
        scheduler.subscribe(id(1), spec).await.unwrap();
        let outcome = match next(&mut events).await {
            CheckEvent::Changed { outcome, .. } => outcome,
            CheckEvent::CannotRun { error, .. } => Outcome::local(error),
            event => panic!("{event:?}"),
        };
        scheduler.shutdown().await;
        outcome
    }
}

fn id(n: u64) -> SubscriptionId {
    SubscriptionId::new(n)
}

fn policy() -> Policy {
    Policy::default()
        .with_interval(LONG)
        .with_warmup(Duration::ZERO)
}

async fn next(events: &mut CheckEvents) -> CheckEvent {
    let event = timeout(LONG, events.recv()).await;
    event.expect("an event in time").expect("a scheduler")
}

/// The next first verdict: its subscription, the status and the result that made it.
async fn verdict(events: &mut CheckEvents) -> (u64, bool, Outcome) {
    loop {
        match next(events).await {
            CheckEvent::Changed {
                id,
                up,
                outcome,
                first: true,
                ..
            } => return (id.get(), up, outcome),
            // The place in the interval may come right after the first probe.
            CheckEvent::Attempt { .. } => {}
            event => panic!("{event:?}"),
        }
    }
}

fn failed(way: Way, outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.verdict, Verdict::Fail(reason), "{way:?}");
}

/// How many connections from addresses that begin like this one are still attempted.
fn attempts(source: [u8; 3]) -> usize {
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let attempted = |line: &&str| {
        // `sl local remote state`; 02 is SYN_SENT.
        let mut words = line.split_whitespace();
        let (local, state) = (words.nth(1).unwrap(), words.nth(1).unwrap());
        let local = local.split(':').next().unwrap();
        let local = u32::from_str_radix(local, 16).unwrap().to_ne_bytes();
        local.starts_with(&source) && state == "02"
    };
    table.lines().skip(1).filter(attempted).count()
}

async fn wait_for_attempts(source: [u8; 3], expected: usize, way: Way) {
    let begin = Instant::now();
    while attempts(source) != expected {
        assert!(begin.elapsed() < LONG, "{way:?}: {}", attempts(source));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn listener_passes_and_sees_a_reset_only() {
    for way in WAYS {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let target = Target::new(listener.local_addr().unwrap());
        let accepted = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_to_end(&mut Vec::new()).await
        });
        let outcome = way.probe(&target).await;
        assert!(outcome.is_pass(), "{way:?}");
        assert!(!outcome.latency.is_zero(), "{way:?}");
        assert!(outcome.latency < STEP, "{way:?}");
        let error = accepted.await.unwrap().unwrap_err();
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::ConnectionReset,
            "{way:?}: closed with a reset"
        );
    }
}

#[tokio::test]
async fn closed_port_refuses() {
    for way in WAYS {
        failed(way, &way.probe(&closed()).await, Reason::L4Refused);
    }
}

#[tokio::test]
async fn silent_target_fails_after_the_connect_timeout() {
    for way in WAYS {
        let (target, _sockets) = deaf();
        let started = Instant::now();
        let outcome = way.probe(&target).await;
        failed(way, &outcome, Reason::L4Timeout);
        assert!(started.elapsed() >= STEP, "{way:?}");
        assert!(outcome.latency >= STEP, "{way:?} {:?}", outcome.latency);
    }
}

#[tokio::test]
async fn earlier_deadline_has_its_own_reason() {
    for way in [Way::Task, Way::Connection] {
        let (target, _sockets) = deaf();
        let outcome = way.probe_within(&target, LONG, STEP).await;
        failed(way, &outcome, Reason::Timeout);
        assert!(outcome.latency >= STEP, "{way:?} {:?}", outcome.latency);
    }
    // Equal limits: the connection has timed out. Those of a task are two timers that run out together.
    let (target, _sockets) = deaf();
    let outcome = Way::Connection.probe_within(&target, STEP, STEP).await;
    failed(Way::Connection, &outcome, Reason::L4Timeout);
}

#[tokio::test]
async fn unreachable_target_fails_at_once() {
    // The class E addresses are not routed, and Linux refuses the last one of all.
    let target = Target::new("255.255.255.255:80".parse().unwrap());
    let called = Way::Call.probe(&target).await;
    assert!(matches!(called.verdict, Verdict::Fail(_)), "{called:?}");
    for way in [Way::Task, Way::Connection] {
        assert_eq!(way.probe(&target).await.verdict, called.verdict, "{way:?}");
    }
}

#[tokio::test]
async fn source_device_and_mark_of_the_target_are_used() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let target = Target::new(listener.local_addr().unwrap());
    for way in WAYS {
        let source = target
            .clone()
            .with_source("127.0.0.9:0".parse().unwrap())
            .with_device("lo");
        assert!(way.probe(&source).await.is_pass(), "{way:?}");
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), Ipv4Addr::new(127, 0, 0, 9), "{way:?}");
    }
    // An address that is not of this host, an interface that does not exist: errors of this host.
    for target in [
        target.clone().with_source("192.0.2.9:0".parse().unwrap()),
        target.clone().with_device("no-such-if"),
    ] {
        let called = Way::Call.probe(&target).await.verdict;
        assert!(
            matches!(called, Verdict::Local(LocalError::System { .. })),
            "{called:?}"
        );
        for way in [Way::Task, Way::Connection] {
            assert_eq!(way.probe(&target).await.verdict, called, "{way:?}");
        }
    }
    // A mark takes a privilege.
    let marked = target.with_mark(7);
    let called = Way::Call.probe(&marked).await.verdict;
    for way in [Way::Task, Way::Connection] {
        assert_eq!(way.probe(&marked).await.verdict, called, "{way:?}");
    }
}

#[tokio::test]
async fn cancelled_connections_are_closed() {
    const SOURCE: [u8; 3] = [127, 0, 2];
    let (target, _sockets) = deaf();
    let target = target.with_source("127.0.2.1:0".parse().unwrap());
    for way in [Way::Task, Way::Connection] {
        let tcp = TcpCheck::new(LONG);
        let check: Arc<dyn HealthCheck> = match way {
            Way::Task => Arc::new(Opaque(tcp)),
            _ => Arc::new(tcp),
        };
        let spec = Arc::new(ProbeSpec::new(check, target.clone(), policy()));
        let (scheduler, _events) = Scheduler::start(SchedulerOptions::default());
        for round in 0..2 {
            scheduler.subscribe(id(1), Arc::clone(&spec)).await.unwrap();
            wait_for_attempts(SOURCE, 1, way).await;
            if round == 0 {
                scheduler.unsubscribe(id(1)).await.unwrap();
                wait_for_attempts(SOURCE, 0, way).await;
            }
        }
        scheduler.shutdown().await;
        assert_eq!(attempts(SOURCE), 0, "{way:?}");
    }
}

/// Many connections under way, at most as many as allowed, each with a verdict of its own; a task does not
/// wait for them.
#[tokio::test]
async fn many_connections_are_bounded_and_delay_no_task() {
    const SOURCE: [u8; 3] = [127, 0, 1];
    let (silent, _sockets) = deaf();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let open = Target::new(listener.local_addr().unwrap());
    let mut options = SchedulerOptions::default();
    options.max_connections = 20;
    let (scheduler, mut events) = Scheduler::start(options);
    let tcp: Arc<dyn HealthCheck> = Arc::new(TcpCheck::new(STEP));
    // Other marks would need a privilege: the sources make them different targets.
    let specs = (0..100_u8).map(|n| {
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, 1, n), 0));
        let target = silent.clone().with_source(source);
        let policy = policy().with_retries(0);
        (
            id(u64::from(n)),
            ProbeSpec::new(Arc::clone(&tcp), target, policy),
        )
    });
    scheduler.subscribe_all(specs).await.unwrap();
    wait_for_attempts(SOURCE, 20, Way::Connection).await;
    let opaque = ProbeSpec::new(Arc::new(Opaque(TcpCheck::new(STEP))), open, policy());
    scheduler.subscribe(id(1000), opaque).await.unwrap();
    let (id, up, _) = verdict(&mut events).await;
    assert_eq!((id, up), (1000, true));
    for _ in 0..100 {
        let stats = scheduler.stats();
        let ended = stats.passed + stats.failed + stats.local;
        // The task may be under way again.
        assert!(stats.started - ended <= 21, "{stats:?}");
        let (_, up, outcome) = verdict(&mut events).await;
        failed(Way::Connection, &outcome, Reason::L4Timeout);
        assert!(!up);
    }
    assert!(scheduler.stats().failed >= 100);
}

/// A thousand targets of which each third refuses: the verdicts are not mixed up.
#[tokio::test]
async fn each_connection_has_its_own_verdict() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let closed = closed().address.port();
    let accepting = tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let tcp: Arc<dyn HealthCheck> = Arc::new(TcpCheck::new(LONG));
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let refuses = |n: u16| n.is_multiple_of(3);
    let specs = (0..1000_u16).map(|n| {
        let [high, low] = n.to_be_bytes();
        let port = if refuses(n) { closed } else { port };
        let target = Target::new((Ipv4Addr::new(127, 0, 10 + high, low), port).into());
        let policy = policy().with_retries(0);
        (
            id(u64::from(n)),
            ProbeSpec::new(Arc::clone(&tcp), target, policy),
        )
    });
    scheduler.subscribe_all(specs).await.unwrap();
    for _ in 0..1000 {
        let (id, up, _) = verdict(&mut events).await;
        assert_eq!(up, !refuses(u16::try_from(id).unwrap()), "{id}");
    }
    accepting.abort();
}
