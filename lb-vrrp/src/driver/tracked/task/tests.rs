// SPDX-License-Identifier: MIT OR Apache-2.0
use std::ffi::{OsStr, OsString};
use std::sync::Mutex;

use async_trait::async_trait;
use tokio::time::{Instant, advance, sleep, timeout};

use super::*;
use crate::driver::ScriptRunner;
use crate::driver::event::{Event, channel};
use crate::track::ScriptOutcome;

/// Takes as many milliseconds as the first word of the script, and counts the runs by its second word;
/// panics if the time is zero.
#[derive(Debug, Default)]
struct Fake(Mutex<BTreeMap<OsString, u32>>);

impl Fake {
    fn runs(&self, name: &str) -> u32 {
        let runs = self.0.lock().unwrap();
        runs.get(OsStr::new(name)).copied().unwrap_or_default()
    }
}

#[async_trait]
impl ScriptRunner for Fake {
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome {
        let takes = script.argv[0].to_str().unwrap().parse().unwrap();
        assert!(takes > 0, "no time");
        *self
            .0
            .lock()
            .unwrap()
            .entry(script.argv[1].clone())
            .or_default() += 1;
        match timeout(script.timeout, sleep(Duration::from_millis(takes))).await {
            Ok(()) => ScriptOutcome::Exited(0),
            Err(_elapsed) => ScriptOutcome::TimedOut,
        }
    }
}

fn fake(name: &str, takes: u64) -> ScriptSource {
    ScriptSource::new([takes.to_string().as_str(), name])
}

fn script(source: ScriptSource) -> ObjectSpec {
    let name = source.argv[1].to_str().unwrap().to_owned();
    ObjectSpec::new(name, source)
}

/// Runs a tracker; returns its reports with their times in milliseconds.
async fn reports(
    runner: &Arc<Fake>,
    objects: Vec<ObjectSpec>,
    during: Duration,
) -> Vec<(u128, Observation)> {
    reports_and_notes(runner, objects, during).await.0
}

/// The same, and the notes of all objects.
async fn reports_and_notes(
    runner: &Arc<Fake>,
    objects: Vec<ObjectSpec>,
    during: Duration,
) -> (Vec<(u128, Observation)>, Vec<TrackingNote>) {
    let (events, mut received) = channel(8);
    let (sender, mut reports) = mpsc::channel(8);
    let (orders, wanted) = watch::channel(Orders::default().followed_by(objects));
    let runner: Arc<Fake> = Arc::clone(runner);
    let tracker = tokio::spawn(Tracker::new(runner, sender, events).run(wanted));
    let start = Instant::now();
    let mut seen = Vec::new();
    while let Ok(Some((_, report))) =
        timeout(during.saturating_sub(start.elapsed()), reports.recv()).await
    {
        seen.push((start.elapsed().as_millis(), report));
    }
    drop(orders);
    tracker.await.unwrap();
    let mut notes = Vec::new();
    while let Ok(Some(Event::TrackingNoted { note, .. })) = received.try_recv() {
        notes.push(note);
    }
    (seen, notes)
}

/// Takes a millisecond longer than the timeout of a script.
#[derive(Debug)]
struct Hung;

#[async_trait]
impl ScriptRunner for Hung {
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome {
        sleep(script.timeout + Duration::from_millis(1)).await;
        ScriptOutcome::TimedOut
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_times_out_at_a_slot_does_not_cost_that_slot() {
    let (sender, mut reports) = mpsc::channel(8);
    let second = Duration::from_secs(1);
    let hung = script(fake("hung", 1).with_interval(second, second));
    let (orders, wanted) = watch::channel(Orders::default().followed_by(vec![hung]));
    let tracker = tokio::spawn(Tracker::new(Arc::new(Hung), sender, channel(8).0).run(wanted));
    let start = Instant::now();
    let mut ends = Vec::new();
    while ends.len() < 5 {
        let (_, report) = reports.recv().await.unwrap();
        assert_eq!(report, Observation::Script(ScriptOutcome::TimedOut));
        ends.push(start.elapsed().as_millis());
    }
    let late = |(end, slot): (&u128, u128)| end - slot * 1000;
    let late: Vec<u128> = ends.iter().zip(1..).map(late).collect();
    assert!(late.iter().all(|late| *late < 100), "{ends:?}");
    drop(orders);
    tracker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_script_starts_at_once_and_then_at_a_fixed_rate() {
    let runner = Arc::default();
    let script = script(fake("a", 300));
    let seen = reports(&runner, vec![script], Duration::from_millis(2500)).await;
    let well = Observation::Script(ScriptOutcome::Exited(0));
    let at: Vec<u128> = seen.iter().map(|(at, _)| *at).collect();
    assert!(seen.iter().all(|(_, report)| *report == well));
    // Tokio's paused clock goes in whole milliseconds and may round up.
    let late: Vec<bool> = at
        .iter()
        .zip([300, 1300, 2300])
        .map(|(at, planned)| (planned..planned + 3).contains(at))
        .collect();
    assert_eq!(late, [true; 3], "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_still_runs_is_not_started_again() {
    let runner = Arc::default();
    let source = fake("a", 1500).with_interval(Duration::from_secs(1), Duration::from_secs(9));
    let during = Duration::from_millis(3800);
    let (seen, notes) = reports_and_notes(&runner, vec![script(source)], during).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    // Once for each run.
    let [TrackingNote::StillRunning, TrackingNote::StillRunning] = notes[..] else {
        panic!("{notes:?}");
    };
    assert_eq!(runner.runs("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_runner_is_reported_as_not_started() {
    let runner = Arc::default();
    let script = script(fake("a", 0));
    let during = Duration::from_millis(1500);
    let (seen, notes) = reports_and_notes(&runner, vec![script], during).await;
    let failed = Observation::Script(ScriptOutcome::NotStarted);
    // The outcome is noted once.
    let [
        TrackingNote::Panicked { .. },
        TrackingNote::Ended(ScriptOutcome::NotStarted),
        TrackingNote::Panicked { .. },
    ] = &notes[..]
    else {
        panic!("{notes:?}");
    };
    assert_eq!(
        seen.iter().map(|(_, report)| *report).collect::<Vec<_>>(),
        [failed, failed]
    );
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_remaining_scripts_and_ends_removed_ones() {
    let runner = Arc::<Fake>::default();
    let (staying, going) = (fake("stays", 100), fake("goes", 100));
    let (sender, mut reports) = mpsc::channel(64);
    let both = vec![script(staying.clone()), script(going)];
    let (orders, wanted) = watch::channel(Orders::default().followed_by(both));
    let tracker = Tracker::new(Arc::<Fake>::clone(&runner), sender, channel(8).0);
    let tracker = tokio::spawn(tracker.run(wanted));
    let runs = || (runner.runs("stays"), runner.runs("goes"));
    sleep(Duration::from_millis(2500)).await;
    assert_eq!(runs(), (3, 3));
    orders.send_modify(|orders| *orders = orders.followed_by(vec![script(staying)]));
    sleep(Duration::from_millis(2000)).await;
    assert_eq!(runs(), (5, 3));
    advance(Duration::ZERO).await;
    while reports.try_recv().is_ok() {}
    drop(reports);
    timeout(Duration::from_secs(5), tracker)
        .await
        .expect("it ends without a receiver of reports")
        .unwrap();
}

#[tokio::test]
async fn the_thread_ends_with_its_scripts() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let line = format!("echo $$ >{}; exec sleep 600", file.display());
    let long = Duration::from_secs(600);
    let source = ScriptSource::new(["/bin/sh", "-c", &line]).with_interval(long, long);
    let sleeper = ObjectSpec::new("sleeper", source);
    let runner = Arc::new(crate::driver::CommandRunner);
    let limit = Duration::from_secs(30);
    let (sender, _reports) = mpsc::channel(8);
    let task = TrackerTask::start(vec![sleeper], runner, (sender, channel(8).0), limit)
        .await
        .unwrap();
    let until = async |what: &str, condition: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < limit, "never {what}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    let pid = || std::fs::read_to_string(&file).unwrap_or_default();
    until("written", &|| pid().ends_with('\n')).await;
    timeout(limit, task.stop()).await.expect("an end in time");
    let stat = format!("/proc/{}/stat", pid().trim());
    let ended = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    until("ended", &|| !ended()).await;
}

#[tokio::test]
async fn an_object_removed_and_added_between_two_looks_is_reported_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("load");
    std::fs::write(&path, "7").unwrap();
    let file = || vec![ObjectSpec::new("load", FileSource::new(&path))];
    let (sender, mut reports) = mpsc::channel(8);
    let (orders, wanted) = watch::channel(Orders::default().followed_by(file()));
    let tracker = Tracker::new(Arc::<Fake>::default(), sender, channel(8).0);
    let tracker = tokio::spawn(tracker.run(wanted));
    let mut next = async || {
        let next = timeout(Duration::from_secs(30), reports.recv()).await;
        next.expect("a report in time").expect("a report").1
    };
    assert_eq!(next().await, Observation::Value(7));
    orders.send_modify(|current| {
        *current = current
            .followed_by(file())
            .followed_by(Vec::new())
            .followed_by(file())
    });
    assert_eq!(next().await, Observation::Value(7));
    drop(orders);
    tracker.await.unwrap();
}
