// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts by the thousand: no zombie, a limit, nothing else late.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use lb_check::{
    CheckEvent, HealthCheck, Outcome, Policy, ProbeSpec, Scheduler, SchedulerOptions, Script,
    SubscriptionId, Target, WeightRequest,
};
use tokio::time::{Instant, interval, sleep, timeout};
use tracing::field::{Field, Visit};
use tracing::span;

const SECOND: Duration = Duration::from_secs(1);
/// Ten times what anything here takes.
const PATIENCE: Duration = Duration::from_secs(300);
const LIMIT: usize = 32;

fn target(number: u64) -> Target {
    let port = 1000 + u16::try_from(number).unwrap();
    Target::new(([192, 0, 2, 1], port).into())
}

/// The children of this process, as far as the kernel lists them (`CONFIG_PROC_CHILDREN`), else all processes.
fn processes() -> Vec<String> {
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    let threads = names("/proc/self/task").into_iter();
    let lists =
        threads.map(|thread| fs::read_to_string(format!("/proc/self/task/{thread}/children")));
    match lists.collect::<Result<Vec<_>, _>>() {
        Ok(lists) => {
            let children = lists.iter().flat_map(|list| list.split_whitespace());
            children.map(str::to_owned).collect()
        }
        Err(_) => names("/proc"),
    }
}

/// The children of this process with this name: those that run, and those that wait to be reaped.
fn children(name: &str) -> (usize, usize) {
    let parent = std::process::id().to_string();
    let (mut running, mut zombies) = (0, 0);
    for process in processes() {
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        let Some((head, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let mut fields = rest.split(' ');
        let (state, its_parent) = (fields.next(), fields.next());
        if head.ends_with(&format!("({name}")) && its_parent == Some(parent.as_str()) {
            match state {
                Some("Z") => zombies += 1,
                _ => running += 1,
            }
        }
    }
    (running, zombies)
}

/// Writes the script, by another process: a test that forks at the same moment would else hold it open for
/// writing, and it could not be executed for that.
fn write_script(file: &Path) {
    let text = r#"#!/bin/sh
case $1 in
deaf) trap '' TERM; sleep 600 & wait; wait ;;
hang) sleep 600 & wait ;;
*) exit $1 ;;
esac
"#;
    let path = file.to_str().unwrap();
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            r#"printf %s "$1" > "$2"; chmod 755 "$2""#,
            "sh",
            text,
            path,
        ])
        .status();
    assert!(status.unwrap().success());
}

/// What a script does, by its number.
fn behaviour(number: u64) -> &'static str {
    match number % 50 {
        7 => "deaf",
        13 => "hang",
        _ if number.is_multiple_of(10) => "1",
        _ if number.is_multiple_of(3) => "12",
        _ => "0",
    }
}

// shows other checks: misc_path, misc_timeout, misc_dynamic
#[tokio::test]
async fn thousand_scripts_leave_no_zombie_and_run_at_most_32_at_once() {
    const SCRIPTS: u64 = 1000;
    let directory = tempfile::tempdir().unwrap();
    // The kernel gives a script the name of its file.
    let name = format!("lbs{}", std::process::id());
    let file = directory.path().join(&name);
    write_script(&file);
    let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
    let policy = Policy::default()
        .with_interval(SECOND * 3600)
        .with_retries(0)
        .with_deadline(PATIENCE);
    let checks = (0..SCRIPTS).map(|number| {
        let behaviour = behaviour(number);
        let limit = match behaviour {
            "deaf" => Duration::from_millis(300),
            _ => PATIENCE,
        };
        let argv = [file.as_os_str(), behaviour.as_ref()];
        let script = Script::new(argv, limit).with_dynamic_weight();
        let spec = ProbeSpec::new(Arc::new(script), target(number), policy.clone());
        (SubscriptionId::new(number), spec)
    });
    scheduler.subscribe_all(checks).await.unwrap();
    let hanging: Vec<u64> = (0..SCRIPTS).filter(|n| behaviour(*n) == "hang").collect();
    let expected = usize::try_from(SCRIPTS).unwrap() - hanging.len();
    let mut verdicts: HashMap<u64, (bool, Option<WeightRequest>)> = HashMap::new();
    let mut most = 0;
    let all = async {
        let mut look = interval(Duration::from_millis(10));
        while verdicts.len() < expected {
            tokio::select! {
                event = events.recv() => {
                    if let Some(CheckEvent::Changed { id, up, outcome, .. }) = event {
                        assert_eq!(verdicts.insert(id.get(), (up, outcome.weight)), None);
                    }
                }
                _ = look.tick() => most = most.max(children(&name).0),
            }
        }
    };
    timeout(PATIENCE, all).await.expect("a verdict of each");
    assert!(most <= LIMIT, "{most} scripts at once");
    assert!(most > hanging.len(), "{most} scripts at once");
    for (number, verdict) in &verdicts {
        let expected = match behaviour(*number) {
            "0" => (true, None),
            "12" => (true, Some(WeightRequest::Absolute(10))),
            _ => (false, None),
        };
        assert_eq!(*verdict, expected, "{number}");
    }
    // The rest is killed: half of it when the check goes, half of it with the scheduler.
    wait_until(|| children(&name) == (hanging.len(), 0)).await;
    for number in &hanging[..hanging.len() / 2] {
        scheduler
            .unsubscribe(SubscriptionId::new(*number))
            .await
            .unwrap();
    }
    wait_until(|| children(&name).0 == hanging.len() - hanging.len() / 2).await;
    scheduler.shutdown().await;
    wait_until(|| children(&name) == (0, 0)).await;
}

async fn wait_until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the condition");
}

/// A check that takes a second, of a program or not, and counts how many run at once.
#[derive(Debug)]
struct Slow {
    is_program: bool,
    running: AtomicUsize,
    most: AtomicUsize,
    starts: Mutex<Vec<(u16, Instant)>>,
}

impl Slow {
    fn new(is_program: bool) -> Arc<Self> {
        Arc::new(Self {
            is_program,
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            starts: Mutex::default(),
        })
    }
}

#[async_trait]
impl HealthCheck for Slow {
    fn kind(&self) -> &str {
        "SLOW"
    }

    fn identity(&self) -> String {
        format!("SLOW {}", self.is_program)
    }

    fn runs_program(&self) -> bool {
        self.is_program
    }

    async fn check(&self, target: &Target) -> Outcome {
        let port = target.address.port();
        self.starts.lock().unwrap().push((port, Instant::now()));
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        sleep(SECOND).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        Outcome::pass()
    }
}

/// Keeps the messages of warnings.
#[derive(Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

// shows global_defs: checker_max_scripts
#[tokio::test(start_paused = true)]
async fn programs_beyond_the_limit_wait_in_order_and_delay_no_other_check() {
    let log = Log::default();
    let messages = Arc::clone(&log.0);
    let _log = tracing::subscriber::set_default(log);
    let mut options = SchedulerOptions::default();
    options.max_programs = 4;
    let (scheduler, _events) = Scheduler::start(options);
    let (programs, others) = (Slow::new(true), Slow::new(false));
    let begin = Instant::now();
    let policy = |interval| {
        Policy::default()
            .with_interval(interval)
            .with_deadline(SECOND * 2)
            .with_warmup(Duration::ZERO)
    };
    let checks = (0..100).map(|number| {
        // The first half of them are programs.
        let (check, interval) = if number < 50 {
            (&programs, SECOND * 1_000_000)
        } else {
            (&others, SECOND * 5)
        };
        let spec = ProbeSpec::new(Arc::clone(check) as _, target(number), policy(interval));
        (SubscriptionId::new(number), spec)
    });
    scheduler.subscribe_all(checks).await.unwrap();
    sleep(SECOND * 60).await;
    assert_eq!(programs.most.load(Ordering::SeqCst), 4);
    let starts = programs.starts.lock().unwrap().clone();
    assert_eq!(starts.len(), 50);
    for (place, (_, at)) in starts.iter().enumerate() {
        let expected = SECOND * u32::try_from(place / 4).unwrap();
        let late = at.duration_since(begin).saturating_sub(expected);
        assert!(late < SECOND / 2, "{place}: {late:?}");
    }
    assert!(starts.is_sorted_by_key(|(_, at)| *at));
    let stats = scheduler.stats();
    // The deadline of two seconds begins with the start, also of the last one after 12 seconds.
    assert_eq!((stats.failed, stats.timed_out), (0, 0));
    assert_eq!((stats.late, stats.late_programs), (46, 46));
    let others = others.starts.lock().unwrap();
    assert!(
        (50 * 11..=50 * 13).contains(&others.len()),
        "{}",
        others.len()
    );
    let messages = messages.lock().unwrap();
    assert!(
        matches!(&messages[..], [one] if one.contains("limit=4 waiting=45") && one.contains("start programs are late")),
        "{messages:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn cancelled_programs_make_room_for_others() {
    let mut options = SchedulerOptions::default();
    options.max_programs = 2;
    let (scheduler, _events) = Scheduler::start(options);
    let programs = Slow::new(true);
    let policy = Policy::default().with_warmup(Duration::ZERO);
    let spec = |number| ProbeSpec::new(Arc::clone(&programs) as _, target(number), policy.clone());
    let id = SubscriptionId::new;
    let count = || programs.starts.lock().unwrap().len();
    for number in 0..6 {
        scheduler.subscribe(id(number), spec(number)).await.unwrap();
    }
    sleep(SECOND / 10).await;
    assert_eq!(count(), 2);
    // One is gone, one is suspended, one that waits is gone.
    let running: Vec<u16> = programs
        .starts
        .lock()
        .unwrap()
        .iter()
        .map(|s| s.0)
        .collect();
    let number = |port: u16| u64::from(port - 1000);
    scheduler.unsubscribe(id(number(running[0]))).await.unwrap();
    scheduler.suspend(id(number(running[1]))).await.unwrap();
    let waiting = (0..6).find(|n| !running.iter().any(|port| number(*port) == *n));
    scheduler.unsubscribe(id(waiting.unwrap())).await.unwrap();
    sleep(SECOND / 10).await;
    assert_eq!(count(), 4);
    sleep(SECOND * 2).await;
    assert_eq!(count(), 5);
}
