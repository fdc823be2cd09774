// SPDX-License-Identifier: MIT OR Apache-2.0
//! 200 hostile servers at once: memory and descriptors are bounded, each probe ends at its deadline, and other
//! checks are not late. A minute in a soak, some seconds otherwise.

mod server;

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use lb_check::{
    Arguments, CheckContext, CheckEvent, HttpGet, Outcome, Policy, ProbeSpec, Registry, Scheduler,
    SchedulerOptions, SubscriptionId, Target, Url,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{sleep, sleep_until};

use self::server::{Dialect, Hostility};

const SERVERS: u8 = 200;
/// Checks of good servers beside them.
const OTHERS: u8 = 20;
/// Longest time of one step of a check.
const STEP: Duration = Duration::from_millis(300);
const DEADLINE: Duration = Duration::from_millis(700);
const HTTP: Dialect = Dialect {
    first_line: "HTTP/1.1 200 OK\r\n",
    further_line: "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaa\r\n",
    end: "\r\n",
};

/// A kind of check that meets the hostile servers.
struct Case {
    /// As a configuration names it, with the lines of its block.
    kind: &'static str,
    lines: fn() -> Vec<Arguments>,
    dialect: Dialect,
    /// Whether servers of these kinds do not fail it.
    accepts: &'static [Hostility],
    /// Servers of these kinds fail it or not, by the moment at which they do what they do.
    either: &'static [Hostility],
}

/// Each kind of check that connects. All servers are good enough for a check that only connects.
const CASES: [Case; 3] = [
    Case {
        kind: "TCP_CHECK",
        lines: Vec::new,
        dialect: HTTP,
        accepts: &Hostility::ALL,
        // The reset comes before or after the connection is seen.
        either: &[Hostility::ResetAtOnce],
    },
    Case {
        kind: "HTTP_GET",
        lines: || vec![Arguments::block("url", [Arguments::line("path", ["/"])])],
        dialect: HTTP,
        // A finite answer, which nothing decodes.
        accepts: &[Hostility::CompressedBomb],
        either: &[],
    },
    Case {
        kind: "SSL_GET",
        lines: || vec![Arguments::block("url", [Arguments::line("path", ["/"])])],
        dialect: HTTP,
        accepts: &[],
        either: &[],
    },
];

/// Runs the test in a process of its own, for its memory and its descriptors; true inside of it.
fn is_alone(test: &str) -> bool {
    if std::env::var_os("LB_CHECK_ALONE").is_some() {
        return true;
    }
    let test = format!("hostile::{test}");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture"])
        .env("LB_CHECK_ALONE", "1")
        .status();
    assert!(status.unwrap().success());
    false
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().split_whitespace().next();
    number.unwrap().parse().unwrap()
}

/// A server that answers well.
async fn good_server(ip: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\ngood").await;
            });
        }
    });
    address
}

/// All servers, on a thread of their own: hostile ones, then good ones.
fn start_servers() -> (Vec<SocketAddr>, Vec<SocketAddr>) {
    let (ready, addresses) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let (mut hostile, mut good) = (Vec::new(), Vec::new());
            for number in 0..SERVERS {
                let (hostility, case) = role(number);
                let ip = Ipv4Addr::new(127, 0, 1, number);
                hostile.push(hostility.start(ip, case.dialect).await.unwrap());
            }
            for number in 0..OTHERS {
                good.push(good_server(Ipv4Addr::new(127, 0, 2, number)).await);
            }
            ready.send((hostile, good)).unwrap();
            std::future::pending::<()>().await;
        });
    });
    addresses.recv().unwrap()
}

/// The kind of a hostile server, and the check that meets it: each pair within the first few.
fn role(number: u8) -> (Hostility, &'static Case) {
    let number = usize::from(number);
    let hostility = Hostility::ALL[number % Hostility::ALL.len()];
    (
        hostility,
        &CASES[number / Hostility::ALL.len() % CASES.len()],
    )
}

/// Whether the verdict of a hostile server is not certain.
fn may_change(number: u8) -> bool {
    number < SERVERS && {
        let (hostility, case) = role(number);
        case.either.contains(&hostility)
    }
}

fn hostile_probe(number: u8, address: SocketAddr) -> ProbeSpec {
    let (_, case) = role(number);
    let registry = Registry::builtin();
    let factory = registry.get(case.kind).unwrap();
    let mut context = CheckContext::new(address);
    context.connect_timeout = STEP;
    let block = Arguments::block(case.kind, (case.lines)());
    let built = factory.build(&block, &context).unwrap();
    assert!(built.findings.is_empty(), "{:?}", built.findings);
    let policy = Policy::default()
        .with_interval(Duration::from_secs(1))
        .with_retries(0)
        .with_deadline(DEADLINE);
    ProbeSpec::new(built.check, Target::new(address), policy)
}

fn good_probe(address: SocketAddr) -> ProbeSpec {
    let check = HttpGet::new([Url::new("/")], Duration::from_secs(5));
    let policy = Policy::default()
        .with_interval(Duration::from_millis(250))
        .with_deadline(Duration::from_secs(10));
    ProbeSpec::new(std::sync::Arc::new(check), Target::new(address), policy)
}

#[test]
fn hostile_servers_cost_bounded_memory_and_delay_no_other_check() {
    if !is_alone("hostile_servers_cost_bounded_memory_and_delay_no_other_check") {
        return;
    }
    let soak = std::env::var_os("LB_SOAK").is_some();
    let time = Duration::from_secs(if soak { 60 } else { 6 });
    let (hostile, good) = start_servers();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(meet(&hostile, &good, time));
}

async fn meet(hostile: &[SocketAddr], good: &[SocketAddr], time: Duration) {
    let descriptors = open_descriptors();
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let numbered = |addresses: &[SocketAddr]| -> Vec<(u8, SocketAddr)> {
        (0..).zip(addresses.iter().copied()).collect()
    };
    let hostile = numbered(hostile).into_iter().map(|(number, address)| {
        let id = SubscriptionId::new(u64::from(number));
        (id, hostile_probe(number, address))
    });
    let good = numbered(good).into_iter().map(|(number, address)| {
        let id = SubscriptionId::new(u64::from(SERVERS) + u64::from(number));
        (id, good_probe(address))
    });
    scheduler.subscribe_all(hostile.chain(good)).await.unwrap();
    let begin = tokio::time::Instant::now();
    // All have been probed then.
    let warm = begin + Duration::from_secs(3);
    let mut look = tokio::time::interval(Duration::from_millis(50));
    let (mut most_descriptors, mut warm_memory, mut most_memory) = (0, 0, 0);
    let (mut slowest, mut verdicts) = (Duration::ZERO, HashMap::new());
    let mut end = std::pin::pin!(sleep_until(begin + time));
    loop {
        tokio::select! {
            () = &mut end => break,
            now = look.tick() => {
                most_descriptors = most_descriptors.max(open_descriptors());
                let memory = resident();
                if now < warm {
                    warm_memory = warm_memory.max(memory);
                }
                most_memory = most_memory.max(memory);
            }
            event = events.recv() => {
                let event = event.unwrap();
                let id = event.id().get();
                let outcome: Option<Outcome> = match event {
                    CheckEvent::Changed { up, outcome, .. } => {
                        let before = verdicts.insert(id, up);
                        let either = u8::try_from(id).is_ok_and(may_change);
                        assert!(before.is_none() || either, "{id} has another verdict: {outcome}");
                        Some(outcome)
                    }
                    CheckEvent::Attempt { outcome, .. } => Some(outcome),
                    other => panic!("{other:?}"),
                };
                let latency = outcome.map_or(Duration::ZERO, |outcome| outcome.latency);
                slowest = slowest.max(latency);
            }
        }
    }
    let stats = scheduler.stats();
    scheduler.shutdown().await;
    // Nothing of a probe is left: the sockets of the servers close when they see it.
    let limit = Instant::now() + Duration::from_secs(30);
    while open_descriptors() > descriptors {
        assert!(Instant::now() < limit, "descriptors stay open");
        sleep(Duration::from_millis(20)).await;
    }
    let figures = format!(
        "{stats:?}, slowest {slowest:?}, {most_descriptors} descriptors, {most_memory} KiB after {warm_memory} KiB"
    );
    for number in 0..SERVERS {
        let (hostility, case) = role(number);
        let expected = case.accepts.contains(&hostility);
        let verdict = verdicts.get(&u64::from(number));
        let right = verdict == Some(&expected) || verdict.is_some() && may_change(number);
        assert!(right, "{hostility:?} {}: {verdict:?}", case.kind);
    }
    for number in 0..OTHERS {
        let id = u64::from(SERVERS) + u64::from(number);
        assert_eq!(verdicts.get(&id), Some(&true), "good server {number}");
    }
    // Ten times what each takes.
    assert!(slowest < 10 * DEADLINE, "{figures}");
    assert_eq!((stats.local, stats.attempts_lost), (0, 0));
    // Of the other checks there are four in a second; those that are late by 100 ms are few among all.
    assert!(stats.late * 20 <= stats.started, "{figures}");
    // A probe has one descriptor, and its server one; a probe may start before its server has noticed the
    // end of the one before.
    let probes = 2 * (usize::from(SERVERS) + usize::from(OTHERS));
    assert!(most_descriptors <= descriptors + 2 * probes, "{figures}");
    // What is read is not kept: 200 servers send 100 MB in a second.
    let growth = most_memory.saturating_sub(warm_memory);
    assert!(growth < 8 * 1024, "{figures}");
}
