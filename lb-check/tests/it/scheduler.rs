// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler under a paused clock.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{
    CheckEvent, CheckEvents, HealthCheck, LocalError, Outcome, Policy, ProbeSpec, Reason,
    Scheduler, SchedulerOptions, SubscriptionId, Target, Verdict, WeightRequest,
};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Pass,
    Fail,
    Hang,
    Panic,
    Take(Duration),
    Weigh(u32),
    Lack(&'static str),
}

/// A check whose doings the test decides, and which keeps account.
#[derive(Debug)]
struct Puppet {
    identity: &'static str,
    does: Mutex<Does>,
    starts: Mutex<Vec<(Target, Instant)>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

/// Counts a probe as running until it ends or is cancelled.
struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Puppet {
    fn new(does: Does) -> Arc<Self> {
        Self::with_identity("PUPPET", does)
    }

    fn with_identity(identity: &'static str, does: Does) -> Arc<Self> {
        Arc::new(Self {
            identity,
            does: Mutex::new(does),
            starts: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    fn set(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn starts(&self) -> Vec<Instant> {
        self.starts
            .lock()
            .unwrap()
            .iter()
            .map(|(_, at)| *at)
            .collect()
    }

    fn count(&self) -> usize {
        self.starts.lock().unwrap().len()
    }
}

#[async_trait]
impl HealthCheck for Puppet {
    fn kind(&self) -> &str {
        "PUPPET"
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    async fn check(&self, target: &Target) -> Outcome {
        self.starts
            .lock()
            .unwrap()
            .push((target.clone(), Instant::now()));
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let _count = Count(&self.running);
        let does = *self.does.lock().unwrap();
        match does {
            Does::Pass => Outcome::pass(),
            Does::Fail => Outcome::fail(Reason::L4Refused),
            Does::Hang => pending().await,
            Does::Panic => panic!("cut strings"),
            Does::Take(time) => {
                sleep(time).await;
                Outcome::pass()
            }
            Does::Weigh(weight) => Outcome::pass().with_weight(weight),
            Does::Lack(what) => Outcome::local(LocalError::Other(what.to_owned())),
        }
    }
}

fn id(n: u64) -> SubscriptionId {
    SubscriptionId::new(n)
}

fn target(n: u16) -> Target {
    Target::new(([192, 0, 2, 1], 1000 + n).into())
}

fn policy() -> Policy {
    Policy::default()
        .with_interval(5 * SECOND)
        .with_deadline(2 * SECOND)
        .with_warmup(Duration::ZERO)
}

fn spec(puppet: &Arc<Puppet>, n: u16, policy: Policy) -> ProbeSpec {
    let check: Arc<dyn HealthCheck> = Arc::clone(puppet) as _;
    ProbeSpec::new(check, target(n), policy)
}

fn start() -> (Scheduler, CheckEvents) {
    Scheduler::start(SchedulerOptions::default())
}

async fn next(events: &mut CheckEvents) -> CheckEvent {
    timeout(600 * SECOND, events.recv())
        .await
        .expect("an event")
        .expect("a scheduler")
}

/// The next event that is not an attempt: whose, up, how many attempts.
async fn changed(events: &mut CheckEvents) -> (u64, bool, u32, bool) {
    loop {
        if let CheckEvent::Changed {
            id,
            up,
            attempts,
            first,
            ..
        } = next(events).await
        {
            return (id.get(), up, attempts, first);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_goes_down_after_its_retries_and_comes_back() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    let policy = policy().with_retries(2).with_retry_delay(SECOND);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy))
        .await
        .unwrap();
    assert_eq!(changed(&mut events).await, (1, true, 1, true));
    puppet.set(Does::Fail);
    for attempt in 1..=2 {
        match next(&mut events).await {
            CheckEvent::Attempt {
                attempt: n,
                outcome,
                ..
            } => {
                assert_eq!(n, attempt);
                assert_eq!(outcome.verdict, Verdict::Fail(Reason::L4Refused));
            }
            event => panic!("{event:?}"),
        }
    }
    assert_eq!(changed(&mut events).await, (1, false, 3, false));
    let starts = puppet.starts();
    let gaps: Vec<_> = starts
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .skip(1)
        .collect();
    // Timers have a grain of a millisecond.
    for gap in gaps {
        assert!(
            (SECOND..SECOND + Duration::from_millis(3)).contains(&gap),
            "{gap:?}"
        );
    }
    puppet.set(Does::Pass);
    assert_eq!(changed(&mut events).await, (1, true, 1, false));
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_fixed_whatever_a_probe_takes() {
    let puppet = Puppet::new(Does::Take(Duration::from_millis(700)));
    let (scheduler, _events) = start();
    let begin = Instant::now();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    sleep(1000 * SECOND).await;
    let starts = puppet.starts();
    assert!((200..=202).contains(&starts.len()), "{}", starts.len());
    // After the first one every start has the same place in its interval.
    let place = |at: &Instant| (*at - begin).as_millis() % 5000;
    let places: Vec<_> = starts.iter().skip(1).map(place).collect();
    let (least, most) = (places.iter().min().unwrap(), places.iter().max().unwrap());
    assert!(most - least <= 2, "{least}..{most}");
    assert_eq!(scheduler.stats().skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_longer_than_its_interval_skips_and_never_piles_up() {
    let puppet = Puppet::new(Does::Take(12 * SECOND));
    let (scheduler, _events) = start();
    let policy = policy().with_deadline(20 * SECOND);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy))
        .await
        .unwrap();
    sleep(151 * SECOND).await;
    assert_eq!(puppet.most.load(Ordering::SeqCst), 1);
    assert!((10..=11).contains(&puppet.count()), "{}", puppet.count());
    assert!(scheduler.stats().skipped >= 18, "{:?}", scheduler.stats());
}

#[tokio::test(start_paused = true)]
async fn a_hung_check_ends_at_its_deadline_and_delays_no_other() {
    let hung = Puppet::new(Does::Hang);
    let well = Puppet::with_identity("WELL", Does::Pass);
    let (scheduler, mut events) = start();
    let policy = policy().with_retries(0);
    for n in 0..50 {
        let specification = spec(&hung, n, policy.clone());
        scheduler
            .subscribe(id(u64::from(n)), specification)
            .await
            .unwrap();
    }
    scheduler
        .subscribe(id(99), spec(&well, 99, policy))
        .await
        .unwrap();
    let begin = Instant::now();
    assert_eq!(changed(&mut events).await, (99, true, 1, true));
    assert!(begin.elapsed() < Duration::from_millis(10));
    for _ in 0..50 {
        match next(&mut events).await {
            CheckEvent::Changed {
                up: false, outcome, ..
            } => {
                assert_eq!(outcome.verdict, Verdict::Fail(Reason::Timeout));
                assert!(outcome.latency >= 2 * SECOND);
            }
            event => panic!("{event:?}"),
        }
    }
    assert!((2 * SECOND..3 * SECOND).contains(&begin.elapsed()));
    sleep(100 * SECOND).await;
    assert!((20..=22).contains(&well.count()), "{}", well.count());
    assert_eq!(scheduler.stats().timed_out, scheduler.stats().failed);
}

#[tokio::test(start_paused = true)]
async fn equal_probes_run_once_and_tell_every_subscriber() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    for n in 0..10 {
        scheduler
            .subscribe(id(n), spec(&puppet, 0, policy()))
            .await
            .unwrap();
    }
    // Another mark is another probe.
    let mut marked = spec(&puppet, 0, policy());
    marked.target = marked.target.with_mark(7);
    scheduler.subscribe(id(10), marked).await.unwrap();
    let mut reported: Vec<_> = Vec::new();
    for _ in 0..11 {
        reported.push(changed(&mut events).await.0);
    }
    reported.sort_unstable();
    assert_eq!(reported, (0..11).collect::<Vec<_>>());
    assert_eq!(puppet.count(), 2);
    sleep(50 * SECOND).await;
    assert_eq!(
        (scheduler.stats().subscriptions, scheduler.stats().probes),
        (11, 2)
    );
    assert!((20..=23).contains(&puppet.count()), "{}", puppet.count());
}

#[tokio::test(start_paused = true)]
async fn suspended_is_silent_keeps_its_state_and_resumes_at_once() {
    let puppet = Puppet::new(Does::Fail);
    let (scheduler, mut events) = start();
    let policy = policy().with_retries(3).with_retry_delay(SECOND);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy))
        .await
        .unwrap();
    for _ in 0..2 {
        assert!(matches!(
            next(&mut events).await,
            CheckEvent::Attempt { .. }
        ));
    }
    scheduler.suspend(id(1)).await.unwrap();
    sleep(1000 * SECOND).await;
    assert_eq!(puppet.count(), 2);
    assert_eq!(events.try_recv(), Ok(None));

    let begin = Instant::now();
    scheduler.resume(id(1)).await.unwrap();
    match next(&mut events).await {
        CheckEvent::Attempt { attempt, .. } => assert_eq!(attempt, 3, "counts are kept"),
        event => panic!("{event:?}"),
    }
    assert!(begin.elapsed() < Duration::from_millis(10));
    assert_eq!(changed(&mut events).await, (1, false, 4, true));
}

#[tokio::test(start_paused = true)]
async fn suspending_cancels_the_probe_unless_another_wants_it() {
    let puppet = Puppet::new(Does::Hang);
    let (scheduler, _events) = start();
    for n in 0..2 {
        scheduler
            .subscribe(id(n), spec(&puppet, 0, policy()))
            .await
            .unwrap();
    }
    sleep(SECOND).await;
    assert_eq!(puppet.running.load(Ordering::SeqCst), 1);
    scheduler.suspend(id(0)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(puppet.running.load(Ordering::SeqCst), 1);
    scheduler.suspend(id(1)).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(puppet.running.load(Ordering::SeqCst), 0);
    assert_eq!(scheduler.stats().timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn unsubscribing_cancels_and_forgets() {
    let puppet = Puppet::new(Does::Hang);
    let (scheduler, mut events) = start();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    sleep(SECOND).await;
    assert_eq!(puppet.running.load(Ordering::SeqCst), 1);
    scheduler.unsubscribe(id(1)).await.unwrap();
    sleep(100 * SECOND).await;
    assert_eq!(
        (puppet.running.load(Ordering::SeqCst), puppet.count()),
        (0, 1)
    );
    assert_eq!(events.try_recv(), Ok(None));
    let stats = scheduler.stats();
    assert_eq!((stats.subscriptions, stats.probes), (0, 0));
}

/// A check that cannot run is one event for each reason, also where its probe is shared; it runs again
/// with the next probe that can be made.
#[tokio::test(start_paused = true)]
async fn check_that_cannot_run_is_one_event_for_each_reason() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    let policy = policy().with_retries(1).with_retry_delay(SECOND);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy))
        .await
        .unwrap();
    assert_eq!(changed(&mut events).await, (1, true, 1, true));
    for reason in ["one", "two"] {
        puppet.set(Does::Lack(reason));
        let expected = LocalError::Other(reason.to_owned());
        match next(&mut events).await {
            CheckEvent::CannotRun { error, .. } => assert_eq!(error, expected),
            event => panic!("{event:?}"),
        }
        for _ in 0..2 {
            match next(&mut events).await {
                CheckEvent::Attempt { outcome, .. } => {
                    assert_eq!(outcome.verdict, Verdict::Local(expected.clone()));
                }
                event => panic!("{event:?}"),
            }
        }
    }
    puppet.set(Does::Pass);
    assert!(matches!(
        next(&mut events).await,
        CheckEvent::RunsAgain { outcome, .. } if outcome.is_pass()
    ));
    // A failed try is the end of it, too; so is a changed verdict.
    for runs in [1, 2] {
        puppet.set(Does::Lack("one"));
        loop {
            match next(&mut events).await {
                CheckEvent::CannotRun { .. } => break,
                CheckEvent::Attempt { .. } | CheckEvent::RunsAgain { .. } => {}
                event => panic!("{runs}: {event:?}"),
            }
        }
        puppet.set(Does::Fail);
        match next(&mut events).await {
            CheckEvent::RunsAgain { outcome, .. } => {
                assert_eq!(outcome.verdict, Verdict::Fail(Reason::L4Refused));
            }
            CheckEvent::Changed { up, .. } => assert!(!up && runs == 2),
            event => panic!("{runs}: {event:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_check_is_one_local_outcome() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    let policy = policy().with_retries(0);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy))
        .await
        .unwrap();
    assert_eq!(changed(&mut events).await, (1, true, 1, true));
    puppet.set(Does::Panic);
    match next(&mut events).await {
        CheckEvent::CannotRun { error, .. } => assert_eq!(
            error,
            LocalError::Panicked {
                message: "cut strings".into()
            }
        ),
        event => panic!("{event:?}"),
    }
    assert_eq!(scheduler.stats().panicked, 1);
    puppet.set(Does::Fail);
    assert_eq!(changed(&mut events).await, (1, false, 1, false));
}

#[tokio::test(start_paused = true)]
async fn an_equal_specification_changes_nothing_and_a_policy_keeps_the_state() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    assert_eq!(changed(&mut events).await, (1, true, 1, true));
    let count = puppet.count();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(puppet.count(), count, "not probed again");
    let slower = policy().with_interval(50 * SECOND).with_retries(0);
    scheduler
        .subscribe(id(1), spec(&puppet, 0, slower))
        .await
        .unwrap();
    sleep(499 * SECOND).await;
    assert!(
        (9..=11).contains(&(puppet.count() - count)),
        "{}",
        puppet.count() - count
    );
    puppet.set(Does::Fail);
    assert_eq!(
        changed(&mut events).await,
        (1, false, 1, false),
        "no second first verdict"
    );
    // Another target starts afresh.
    scheduler
        .subscribe(id(1), spec(&puppet, 1, policy().with_retries(0)))
        .await
        .unwrap();
    assert_eq!(changed(&mut events).await, (1, false, 1, true));
    assert_eq!(scheduler.stats().probes, 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_at_once_than_allowed() {
    let puppet = Puppet::new(Does::Take(SECOND));
    let mut options = SchedulerOptions::default();
    options.max_in_flight = 7;
    let (scheduler, mut events) = Scheduler::start(options);
    let specs = (0..100).map(|n| (id(u64::from(n)), spec(&puppet, n, policy())));
    scheduler.subscribe_all(specs).await.unwrap();
    for _ in 0..100 {
        assert!(changed(&mut events).await.3);
    }
    assert_eq!(puppet.most.load(Ordering::SeqCst), 7);
    assert!(scheduler.stats().late > 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_round_is_spread_and_warmup_is_keepaliveds() {
    let puppet = Puppet::new(Does::Pass);
    let (scheduler, mut events) = start();
    let mut spread = policy();
    spread.warmup = None;
    let begin = Instant::now();
    let specs = (0..10_000).map(|n| (id(u64::from(n)), spec(&puppet, n, spread.clone())));
    scheduler.subscribe_all(specs).await.unwrap();
    let mut seconds = [0_u32; 6];
    for _ in 0..10_000 {
        assert!(changed(&mut events).await.3);
        let second = usize::try_from(begin.elapsed().as_secs()).unwrap();
        seconds[second.min(5)] += 1;
    }
    // 10 000 targets in min(5 s, max(2 s, 5 s)).
    for second in &seconds[..5] {
        assert!((1500..2500).contains(second), "{seconds:?}");
    }
    assert!(seconds[5] < 10, "{seconds:?}");
    // Every second of the interval has its share from then on.
    let before = puppet.count();
    sleep(Duration::from_secs(6)).await;
    let mut shares: HashMap<u64, u32> = HashMap::new();
    for at in puppet.starts().iter().skip(before) {
        *shares.entry((*at - begin).as_secs() % 5).or_default() += 1;
    }
    assert!(shares.values().all(|share| *share > 1000), "{shares:?}");
    scheduler.shutdown().await;

    let puppet = Puppet::new(Does::Pass);
    let (scheduler, _events) = start();
    let begin = Instant::now();
    let slow = policy().with_interval(60 * SECOND).with_warmup(10 * SECOND);
    let specs = (0..100).map(|n| (id(u64::from(n)), spec(&puppet, n, slow.clone())));
    scheduler.subscribe_all(specs).await.unwrap();
    sleep(12 * SECOND).await;
    let starts = puppet.starts();
    assert!(starts.iter().all(|at| *at - begin >= SECOND));
    assert!(starts.iter().any(|at| *at - begin >= 9 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_full_channel_loses_attempts_but_no_change() {
    let puppet = Puppet::new(Does::Pass);
    let mut options = SchedulerOptions::default();
    options.event_capacity = 4;
    let (scheduler, mut events) = Scheduler::start(options);
    let policy = policy().with_retries(1).with_retry_delay(SECOND);
    let specs = (0..100).map(|n| (id(u64::from(n)), spec(&puppet, n, policy.clone())));
    scheduler.subscribe_all(specs).await.unwrap();
    sleep(SECOND).await;
    puppet.set(Does::Fail);
    // Without a receiver for a while; commands are still accepted.
    sleep(100 * SECOND).await;
    scheduler.unsubscribe(id(1000)).await.unwrap();
    let mut up = HashMap::new();
    let mut seen = 0;
    while seen < 200 {
        if let CheckEvent::Changed {
            id, up: now, first, ..
        } = next(&mut events).await
        {
            let before = up.insert(id, now);
            assert_eq!(first, before.is_none());
            assert_ne!(before, Some(now), "each change is reported once");
            seen += 1;
        }
    }
    assert!(up.values().all(|up| !up));
    assert!(
        scheduler.stats().skipped > 0,
        "whose event waits is not probed"
    );
}

#[tokio::test(start_paused = true)]
async fn change_of_weight_is_reported() {
    let puppet = Puppet::new(Does::Weigh(10));
    let (scheduler, mut events) = start();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    match next(&mut events).await {
        CheckEvent::Changed { outcome, .. } => {
            assert_eq!(outcome.weight, Some(WeightRequest::Absolute(10)));
        }
        event => panic!("{event:?}"),
    }
    sleep(50 * SECOND).await;
    for (does, weight) in [(Does::Weigh(20), Some(20)), (Does::Pass, None)] {
        puppet.set(does);
        match next(&mut events).await {
            CheckEvent::WeightChanged { outcome, .. } => {
                assert_eq!(outcome.weight, weight.map(WeightRequest::Absolute));
            }
            event => panic!("{event:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_with_its_receiver_with_its_handles_and_with_shutdown() {
    let puppet = Puppet::new(Does::Hang);
    let (scheduler, events) = start();
    drop(events);
    sleep(Duration::from_millis(10)).await;
    assert!(
        scheduler
            .subscribe(id(1), spec(&puppet, 0, policy()))
            .await
            .is_err()
    );

    let (scheduler, mut events) = start();
    scheduler
        .subscribe(id(1), spec(&puppet, 0, policy()))
        .await
        .unwrap();
    sleep(Duration::from_millis(10)).await;
    let other = scheduler.clone();
    scheduler.shutdown().await;
    assert_eq!(
        puppet.running.load(Ordering::SeqCst),
        0,
        "cancelled before it returned"
    );
    assert!(events.recv().await.is_none());
    assert!(other.suspend(id(1)).await.is_err());

    let (scheduler, mut events) = start();
    drop(scheduler);
    assert!(events.recv().await.is_none());
}
