// SPDX-License-Identifier: MIT OR Apache-2.0
//! Thousands of targets under a paused clock: the start rate, and a set of checks that is replaced.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{
    CheckEvents, HealthCheck, Outcome, Policy, ProbeSpec, Scheduler, SchedulerOptions,
    SubscriptionId, Target,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(5);

/// Passes, and records when.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<(SocketAddr, Instant)>>);

#[async_trait]
impl HealthCheck for Recorder {
    fn kind(&self) -> &str {
        "RECORDER"
    }

    fn identity(&self) -> String {
        "RECORDER".to_owned()
    }

    async fn check(&self, target: &Target) -> Outcome {
        let now = Instant::now();
        self.0.lock().unwrap().push((target.address, now));
        Outcome::pass()
    }
}

impl Recorder {
    /// Takes the starts so far, by target.
    fn take(&self) -> HashMap<SocketAddr, Vec<Instant>> {
        let mut starts: HashMap<_, Vec<_>> = HashMap::new();
        for (address, at) in self.0.lock().unwrap().drain(..) {
            starts.entry(address).or_default().push(at);
        }
        starts
    }

    /// New specifications, equal to those before.
    fn specs(self: &Arc<Self>, count: u16, policy: &Policy) -> Vec<(SubscriptionId, ProbeSpec)> {
        let spec = |number: u16| {
            let address = SocketAddr::from(([192, 0, 2, 1], 1000 + number));
            let check: Arc<dyn HealthCheck> = Arc::<Self>::clone(self);
            let spec = ProbeSpec::new(check, Target::new(address), policy.clone());
            (SubscriptionId::new(number.into()), spec)
        };
        (0..count).map(spec).collect()
    }
}

fn ignore(mut events: CheckEvents) {
    tokio::spawn(async move { while events.recv().await.is_some() {} });
}

#[tokio::test(start_paused = true)]
async fn replaced_set_of_equal_checks_skips_and_delays_none() {
    const COUNT: u16 = 10_000;
    let recorder = Arc::new(Recorder::default());
    let policy = Policy::default().with_interval(INTERVAL);
    let (scheduler, events) = Scheduler::start(SchedulerOptions::default());
    ignore(events);
    let specs = recorder.specs(COUNT, &policy);
    scheduler.subscribe_all(specs).await.unwrap();
    sleep(2 * INTERVAL).await;
    recorder.take();

    // Undisturbed: each target has one place in the interval.
    sleep(2 * INTERVAL).await;
    let before = recorder.take();
    for _ in 0..4 {
        scheduler
            .subscribe_all(recorder.specs(COUNT, &policy))
            .await
            .unwrap();
        sleep(INTERVAL / 2).await;
    }
    let after = recorder.take();

    let stats = scheduler.stats();
    assert_eq!((stats.skipped, stats.late), (0, 0), "{stats:?}");
    assert_eq!(stats.subscriptions, u64::from(COUNT));
    assert_eq!(before.len(), usize::from(COUNT));
    for (target, starts) in &before {
        let moved: Vec<_> = starts.iter().map(|at| *at + 2 * INTERVAL).collect();
        assert_eq!(after.get(target), Some(&moved), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn starts_are_limited_but_not_below_the_rate_of_the_intervals() {
    let recorder = Arc::new(Recorder::default());
    let mut options = SchedulerOptions::default();
    options.max_starts_per_second = 1000;
    // All targets at once; the interval needs 50 starts a second.
    let policy = Policy::default()
        .with_interval(60 * SECOND)
        .with_warmup(Duration::ZERO);
    let (scheduler, events) = Scheduler::start(options.clone());
    ignore(events);
    let specs = recorder.specs(3000, &policy);
    scheduler.subscribe_all(specs).await.unwrap();
    sleep(SECOND).await;
    let starts = recorder.0.lock().unwrap().len();
    assert!((1090..=1110).contains(&starts), "{starts}");
    sleep(3 * SECOND).await;
    assert_eq!(recorder.take().len(), 3000);
    scheduler.shutdown().await;

    // 2000 starts a second are needed, and none is skipped or late.
    let recorder = Arc::new(Recorder::default());
    let (scheduler, events) = Scheduler::start(options);
    ignore(events);
    let policy = Policy::default().with_interval(INTERVAL);
    let specs = recorder.specs(10_000, &policy);
    scheduler.subscribe_all(specs).await.unwrap();
    sleep(4 * INTERVAL).await;
    let starts: usize = recorder.take().values().map(Vec::len).sum();
    assert!((39_900..=40_100).contains(&starts), "{starts}");
    let stats = scheduler.stats();
    assert_eq!((stats.skipped, stats.late), (0, 0), "{stats:?}");
}
