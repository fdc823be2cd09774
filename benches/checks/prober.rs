// SPDX-License-Identifier: MIT OR Apache-2.0
//! lb-check in a process of its own, and the replacement of its checks.

use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    HealthCheck, HttpGet, Policy, ProbeSpec, Scheduler, SchedulerOptions, SchedulerStats,
    SharedCheck, SubscriptionId, Target, TcpCheck, Tls, Url,
};
use nix::time::{ClockId, clock_gettime};
use tests_kernel::net::Netns;
use tests_kernel::process::Background;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::Outcome;
use super::case::{Case, pinned, target};
use super::server::Kind;

const TIMEOUT: Duration = Duration::from_secs(3);
/// How often the process prints its counts.
const REPORT: Duration = Duration::from_millis(500);
/// Checks of a set that is replaced, and how often each runs.
const REPLACED: u32 = 10_000;
const INTERVAL: Duration = Duration::from_secs(10);

/// Starts a process that checks.
pub(crate) fn start(netns: &Netns, case: Case) -> Outcome<Background> {
    let program = std::env::current_exe()?.into_os_string();
    let port = case.kind.port().to_string();
    let words = [
        program,
        "--prober".into(),
        port.into(),
        case.targets.to_string().into(),
    ];
    Ok(Background::spawn(&mut pinned(netns, &words))?)
}

/// Checks until the process is killed. The arguments are the port, which stands for the kind, and the number of
/// targets.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> Outcome {
    let port: u16 = arguments.next().unwrap_or_default().parse()?;
    let targets: u32 = arguments.next().unwrap_or_default().parse()?;
    let kinds = [Kind::Tcp, Kind::Http, Kind::Https];
    let kind = kinds.into_iter().find(|kind| kind.port() == port);
    let kind = kind.ok_or("no such port")?;
    runtime()?.block_on(async {
        let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
        let policy = Policy::default().with_interval(Duration::from_secs(1));
        scheduler
            .subscribe_all(specs(kind, targets, policy))
            .await?;
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        loop {
            let stats = Stats::from(scheduler.stats());
            println!("{} {} {}", stats.started, stats.late, stats.skipped);
            sleep(REPORT).await;
        }
    })
}

/// Probes as a configuration file makes them: one check and one policy for all.
fn specs(kind: Kind, targets: u32, policy: Policy) -> Vec<(SubscriptionId, ProbeSpec)> {
    let check: Arc<dyn HealthCheck> = match kind {
        Kind::Tcp => Arc::new(TcpCheck::new(TIMEOUT)),
        Kind::Http => Arc::new(HttpGet::new([page()], TIMEOUT)),
        Kind::Https => Arc::new(HttpGet::new([page()], TIMEOUT).with_tls(Tls::default())),
    };
    let check = SharedCheck::new(check);
    let policy = Arc::new(policy);
    (0..targets)
        .map(|number| {
            let target = Target::new(target(number, kind));
            let spec = ProbeSpec::with_shared(check.clone(), target, Arc::clone(&policy));
            (SubscriptionId::new(number.into()), spec)
        })
        .collect()
}

fn page() -> Url {
    Url::new("/").with_status(200..=200)
}

/// Counts of the scheduler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    started: u64,
    late: u64,
    skipped: u64,
}

impl From<SchedulerStats> for Stats {
    fn from(stats: SchedulerStats) -> Self {
        Self {
            started: stats.started,
            late: stats.late,
            skipped: stats.skipped,
        }
    }
}

impl Stats {
    /// The counts that a process printed last.
    pub(crate) fn last_of(process: &Background) -> Outcome<Self> {
        let text = process.text();
        let line = text.lines().last().unwrap_or_default();
        let numbers: Result<Vec<u64>, _> = line.split(' ').map(str::parse).collect();
        match numbers?.as_slice() {
            [started, late, skipped] => Ok(Self {
                started: *started,
                late: *late,
                skipped: *skipped,
            }),
            _ => Err(format!("no counts in {line:?}").into()),
        }
    }

    /// Hundredths of the probes since then that were late or skipped.
    pub(crate) fn late_since(self, before: &Self) -> f64 {
        let as_f64 = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let skipped = self.skipped - before.skipped;
        let bad = self.late - before.late + skipped;
        100.0 * as_f64(bad) / as_f64((self.started - before.started + skipped).max(1))
    }
}

/// What the replacement of a set of checks by an equal one took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement {
    pub(crate) checks: u32,
    /// CPU time of the scheduler.
    pub(crate) cpu: Duration,
    pub(crate) skipped: u64,
    pub(crate) late: u64,
}

/// Replaces all checks of a scheduler that runs in this thread. The targets refuse.
pub(crate) fn replace() -> Outcome<Replacement> {
    runtime()?.block_on(async {
        let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let policy = Policy::default().with_interval(INTERVAL).with_retries(0);
        let set = || specs(Kind::Tcp, REPLACED, policy.clone());
        scheduler.subscribe_all(set()).await?;
        sleep(INTERVAL).await;
        let replacement = set();
        let before = scheduler.stats();
        let begin = cpu_time()?;
        scheduler.subscribe_all(replacement).await?;
        // The scheduler is the only other task that is ready.
        for _ in 0..10 {
            yield_now().await;
        }
        let cpu = cpu_time()?.saturating_sub(begin);
        sleep(INTERVAL).await;
        let after = scheduler.stats();
        Ok(Replacement {
            checks: REPLACED,
            cpu,
            skipped: after.skipped - before.skipped,
            late: after.late - before.late,
        })
    })
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The CPU time of this thread so far.
fn cpu_time() -> nix::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
