// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of a program that panic.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{
    CheckEvent, HealthCheck, LocalError, Outcome, Policy, ProbeSpec, Scheduler, SchedulerOptions,
    SchedulerStats, SubscriptionId, Target,
};
use tokio::time::{Instant, sleep};

/// Panics of the check.
const PANICS: usize = 100;
/// Other checks beside it.
const OTHERS: u64 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Passes once, then panics if it is one that does, then passes.
#[derive(Debug)]
struct Plugin {
    panics: bool,
    probes: AtomicUsize,
}

impl Plugin {
    fn new(panics: bool) -> Arc<Self> {
        Arc::new(Self {
            panics,
            probes: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl HealthCheck for Plugin {
    fn kind(&self) -> &str {
        "PLUGIN"
    }

    fn identity(&self) -> String {
        format!("PLUGIN {}", self.panics)
    }

    async fn check(&self, _: &Target) -> Outcome {
        let number = self.probes.fetch_add(1, Ordering::SeqCst);
        // Half of them after a pause in the middle of the probe.
        if number.is_multiple_of(2) {
            sleep(Duration::from_millis(5)).await;
        }
        let panics = self.panics && (1..=PANICS).contains(&number);
        assert!(!panics, "no strings attached");
        Outcome::pass()
    }
}

/// What happened in 200 seconds: the counters, the events of each subscription with their time, and the
/// probes of the plug-in.
struct Run {
    stats: SchedulerStats,
    events: HashMap<u64, Vec<(Duration, CheckEvent)>>,
    probes: usize,
}

async fn run(panics: bool) -> Run {
    let plugin = Plugin::new(panics);
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let policy = Policy::default()
        .with_interval(SECOND)
        .with_retries(0)
        .with_warmup(Duration::ZERO);
    let steady = Plugin::new(false);
    let begin = Instant::now();
    let checks = (0..=OTHERS).map(|number| {
        let check: Arc<dyn HealthCheck> = match number {
            0 => Arc::clone(&plugin) as _,
            _ => Arc::clone(&steady) as _,
        };
        let address = ([192, 0, 2, 1], 1000 + u16::try_from(number).unwrap()).into();
        let spec = ProbeSpec::new(check, Target::new(address), policy.clone());
        (SubscriptionId::new(number), spec)
    });
    scheduler.subscribe_all(checks).await.unwrap();
    let mut all: HashMap<u64, Vec<_>> = HashMap::new();
    let collect = async {
        while let Some(event) = events.recv().await {
            let id = event.id().get();
            all.entry(id).or_default().push((begin.elapsed(), event));
        }
    };
    tokio::select! {
        () = collect => panic!("the scheduler has ended"),
        () = sleep(SECOND * 200) => {}
    }
    let stats = scheduler.stats();
    scheduler.shutdown().await;
    Run {
        stats,
        events: all,
        probes: plugin.probes.load(Ordering::SeqCst),
    }
}

#[tokio::test(start_paused = true)]
async fn hundred_panics_are_local_outcomes_and_disturb_no_other_check() {
    let panicking = run(true).await;
    let quiet = run(false).await;
    let stats = panicking.stats;
    let expected = u64::try_from(PANICS).unwrap();
    assert_eq!((stats.panicked, stats.local), (expected, expected));
    assert_eq!((stats.failed, stats.skipped, stats.late), (0, 0, 0));
    // As many probes of all checks as without a panic, and the same events at the same times.
    assert_eq!(stats.started, quiet.stats.started);
    assert_eq!(panicking.probes, quiet.probes);
    for number in 1..=OTHERS {
        assert_eq!(panicking.events[&number], quiet.events[&number]);
        assert_eq!(panicking.events[&number].len(), 1);
    }
    // The first verdict, one event for the reason, an attempt for each further panic, one for the end.
    let events: Vec<_> = panicking.events[&0]
        .iter()
        .map(|(_, event)| event)
        .collect();
    assert!(matches!(events[0], CheckEvent::Changed { up: true, .. }));
    let CheckEvent::CannotRun { error, .. } = events[1] else {
        panic!("{:?}", events[1]);
    };
    let message = "no strings attached".to_owned();
    assert_eq!(*error, LocalError::Panicked { message });
    let attempts = &events[2..=PANICS];
    assert!(
        attempts
            .iter()
            .all(|event| matches!(event, CheckEvent::Attempt { .. }))
    );
    assert!(matches!(events[PANICS + 1], CheckEvent::RunsAgain { .. }));
    assert_eq!(events.len(), PANICS + 2);
}
