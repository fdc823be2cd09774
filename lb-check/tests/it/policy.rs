// SPDX-License-Identifier: MIT OR Apache-2.0
//! Effects of a policy in the scheduler, under a paused clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{
    CheckEvent, HealthCheck, Outcome, Policy, ProbeSpec, Reason, Scheduler, SchedulerOptions,
    SubscriptionId, Target, Verdict,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
/// More than the grain of a timer.
const GRAIN: Duration = Duration::from_millis(3);

/// The behaviour of a check by the number of its probe.
type Behaviour = fn(usize) -> Option<bool>;

/// Passes, fails, or (`None`) never ends, by the number of the probe; notes when each began.
#[derive(Debug)]
struct Scripted {
    behaviour: Behaviour,
    starts: Mutex<Vec<Instant>>,
}

#[async_trait]
impl HealthCheck for Scripted {
    fn kind(&self) -> &str {
        "SCRIPTED"
    }

    fn identity(&self) -> String {
        "SCRIPTED".to_owned()
    }

    async fn check(&self, _: &Target) -> Outcome {
        let number = {
            let mut starts = self.starts.lock().unwrap();
            starts.push(Instant::now());
            starts.len() - 1
        };
        match (self.behaviour)(number) {
            Some(true) => Outcome::pass(),
            Some(false) => Outcome::fail(Reason::L4Refused),
            None => std::future::pending().await,
        }
    }
}

/// Runs one check for a time; returns when its probes began, and its events.
async fn run(
    behaviour: Behaviour,
    policy: Policy,
    time: Duration,
) -> (Vec<Instant>, Vec<CheckEvent>) {
    let check = Arc::new(Scripted {
        behaviour,
        starts: Mutex::default(),
    });
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let target = Target::new("192.0.2.1:80".parse().unwrap());
    let spec = ProbeSpec::new(Arc::clone(&check) as _, target, policy);
    scheduler
        .subscribe(SubscriptionId::new(1), spec)
        .await
        .unwrap();
    sleep(time).await;
    scheduler.shutdown().await;
    let mut all = Vec::new();
    while let Some(event) = events.recv().await {
        all.push(event);
    }
    let starts = check.starts.lock().unwrap().clone();
    (starts, all)
}

fn gaps(starts: &[Instant]) -> Vec<Duration> {
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn policy() -> Policy {
    Policy::default()
        .with_interval(5 * SECOND)
        .with_deadline(2 * SECOND)
        .with_warmup(Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn fast_and_down_intervals_are_times_between_probes() {
    let policy = policy()
        .with_fall(3)
        .with_rise(3)
        .with_fast_interval(SECOND)
        .with_down_interval(20 * SECOND);
    // One pass; three failures; one failure while down; three passes; further passes.
    let (starts, events) = run(
        |number| Some(!(1..=4).contains(&number)),
        policy,
        90 * SECOND,
    )
    .await;
    let gaps = gaps(&starts);
    // The first regular place comes within an interval.
    let expected = [1, 1, 20, 20, 1, 1];
    for (gap, expected) in gaps.iter().skip(1).zip(expected) {
        let expected = expected * SECOND;
        assert!(
            (expected..expected + GRAIN).contains(gap),
            "{gap:?} instead of {expected:?} in {gaps:?}"
        );
    }
    let regular = gaps.get(8..).unwrap();
    assert!(regular.len() > 3, "{gaps:?}");
    assert!(
        regular
            .iter()
            .all(|gap| (5 * SECOND - GRAIN..5 * SECOND + GRAIN).contains(gap)),
        "{gaps:?}"
    );
    let changes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            CheckEvent::Changed { up, attempts, .. } => Some((*up, *attempts)),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [(true, 1), (false, 3), (true, 3)]);
}

#[tokio::test(start_paused = true)]
async fn fast_interval_is_kept_by_probes_that_end_at_their_deadline() {
    let policy = policy().with_fall(4).with_fast_interval(3 * SECOND);
    let (starts, events) = run(|_| None, policy, 12 * SECOND).await;
    for gap in gaps(&starts).iter().take(3) {
        assert!((3 * SECOND..3 * SECOND + GRAIN).contains(gap), "{gap:?}");
    }
    let timeout = |outcome: &Outcome| outcome.verdict == Verdict::Fail(Reason::Timeout);
    assert!(
        matches!(
            &events[..],
            [CheckEvent::Attempt { attempt: 1, .. }, .., CheckEvent::Changed { up: false, attempts: 4, first: true, outcome, .. }]
            if timeout(outcome)
        ),
        "{events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn jitter_moves_each_probe_within_its_share_and_keeps_the_rate() {
    let (even, _) = run(|_| Some(true), policy(), 1000 * SECOND).await;
    let jittered = policy().with_jitter(40);
    let (starts, _) = run(|_| Some(true), jittered.clone(), 1000 * SECOND).await;
    assert!(even.len().abs_diff(starts.len()) <= 1);
    let offset = |starts: &[Instant], at: usize| starts[at].duration_since(starts[0]);
    // The places are those without jitter, which are the same in each run.
    let later: Vec<Duration> = (1..starts.len().min(even.len()))
        .map(|at| (offset(&starts, at) + GRAIN).saturating_sub(offset(&even, at)))
        .collect();
    assert!(
        later.iter().all(|later| *later < 2 * SECOND + 2 * GRAIN),
        "{later:?}"
    );
    assert!(later.iter().any(|later| *later > SECOND * 3 / 2));
    assert!(later.iter().any(|later| *later < SECOND / 2));
    let (again, _) = run(|_| Some(true), jittered, 1000 * SECOND).await;
    let offsets = |starts: &[Instant]| -> Vec<_> {
        (0..starts.len())
            .map(|at| offset(starts, at).as_millis())
            .collect()
    };
    assert_eq!(offsets(&starts), offsets(&again));
}

#[tokio::test(start_paused = true)]
async fn keepalived_preset_takes_one_failure_of_the_first_probe() {
    let policy = Policy::keepalived()
        .with_retries(3)
        .with_warmup(Duration::ZERO);
    let (_, events) = run(|_| Some(false), policy, SECOND).await;
    assert!(
        matches!(
            &events[..],
            [CheckEvent::Changed {
                up: false,
                attempts: 1,
                first: true,
                ..
            }]
        ),
        "{events:?}"
    );
}
