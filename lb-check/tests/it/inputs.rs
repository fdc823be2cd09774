// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks that follow an input, and `FILE_CHECK`, under a paused clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    ArgumentError, Arguments, BuiltCheck, CheckContext, CheckEvent, CheckEvents, FileCheck,
    FileWeight, HealthCheck, Input, InputCheck, InputState, Outcome, Policy, ProbeSpec, Registry,
    Scheduler, SchedulerOptions, SubscriptionId, Target, WeightRequest,
};
use tokio::time::{Instant, timeout};

const DAY: Duration = Duration::from_secs(86_400);

fn target() -> Target {
    Target::new("192.0.2.61:80".parse().unwrap())
}

/// A policy whose interval is never reached.
fn policy() -> Policy {
    Policy::default()
        .with_interval(DAY)
        .with_retries(0)
        .with_warmup(Duration::ZERO)
}

/// What a check adds to the weight.
fn change(outcome: &Outcome) -> i32 {
    match outcome.weight {
        Some(WeightRequest::Add(number)) => number,
        _ => 0,
    }
}

async fn start(check: Arc<dyn HealthCheck>, policy: Policy) -> (Scheduler, CheckEvents) {
    let (scheduler, events) = Scheduler::start(SchedulerOptions::default());
    let spec = ProbeSpec::new(check, target(), policy);
    scheduler
        .subscribe(SubscriptionId::new(1), spec)
        .await
        .unwrap();
    (scheduler, events)
}

/// Health and change of the weight of the next event, which must come at once.
async fn next(events: &mut CheckEvents) -> (bool, i32) {
    let before = Instant::now();
    let event = timeout(DAY, events.recv()).await.unwrap().unwrap();
    assert!(
        before.elapsed() < Duration::from_millis(20),
        "{:?}",
        before.elapsed()
    );
    match event {
        CheckEvent::Changed { up, outcome, .. } => (up, change(&outcome)),
        CheckEvent::WeightChanged { outcome, .. } => (true, change(&outcome)),
        other => panic!("{other:?}"),
    }
}

async fn assert_quiet(events: &mut CheckEvents, time: Duration) {
    let event = timeout(time, events.recv()).await;
    assert!(event.is_err(), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn changes_of_an_input_are_reported_at_once() {
    let input = Input::new("deployment", "web1");
    let check = Arc::new(InputCheck::new("DEPLOYMENT", input.clone()));
    let (scheduler, mut events) = start(check, policy()).await;
    // No state, no probe.
    assert_quiet(&mut events, DAY * 3).await;
    assert_eq!(scheduler.stats().started, 0);
    for up in [true, false, true] {
        input.set(match up {
            true => InputState::Up,
            false => InputState::Down("restarting".to_owned()),
        });
        assert_eq!(next(&mut events).await, (up, 0));
        // An equal state is no change.
        input.set(input.state().unwrap());
        assert_quiet(&mut events, Duration::from_secs(60)).await;
    }
    scheduler.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn numbers_of_a_file_check_move_the_weight() {
    let check = FileCheck::new("load", FileWeight::new(2, false));
    let input = check.input.clone();
    input.set(InputState::Number(1));
    let (_scheduler, mut events) = start(Arc::new(check), policy()).await;
    assert_eq!(next(&mut events).await, (true, 2));
    for number in [-7, 0, 9] {
        input.set(InputState::Number(number));
        let change = i32::try_from(number * 2).unwrap();
        assert_eq!(next(&mut events).await, (true, change));
    }
    input.set(InputState::Number(i64::from(i32::MIN)));
    assert_eq!(next(&mut events).await, (false, 0));
    input.set(InputState::Number(3));
    assert_eq!(next(&mut events).await, (true, 6));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_check_follows_its_input_when_it_is_resumed() {
    let input = Input::new("bfd_instance", "B");
    let check = Arc::new(InputCheck::new("BFD_CHECK", input.clone()));
    let id = SubscriptionId::new(1);
    let (scheduler, mut events) = start(check, policy()).await;
    scheduler.suspend(id).await.unwrap();
    scheduler.resume(id).await.unwrap();
    assert_quiet(&mut events, Duration::from_secs(60)).await;
    input.set(InputState::Up);
    assert_eq!(next(&mut events).await, (true, 0));
    scheduler.suspend(id).await.unwrap();
    input.set(InputState::Down("neighbour down".to_owned()));
    assert_quiet(&mut events, Duration::from_secs(60)).await;
    scheduler.resume(id).await.unwrap();
    assert_eq!(next(&mut events).await, (false, 0));
    // Without a state the verdict stays, and the check cannot run.
    input.clear();
    let event = events.recv().await.unwrap();
    let CheckEvent::CannotRun { error, .. } = event else {
        panic!("{event:?}");
    };
    assert_eq!(error.to_string(), "bfd_instance B has no state yet");
    scheduler.unsubscribe(id).await.unwrap();
    input.set(InputState::Up);
    assert_quiet(&mut events, Duration::from_secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn retries_hold_for_inputs_too() {
    let input = Input::new("deployment", "web1");
    let check = Arc::new(InputCheck::new("DEPLOYMENT", input.clone()));
    let policy = policy()
        .with_retries(2)
        .with_retry_delay(Duration::from_secs(5));
    let (_scheduler, mut events) = start(check, policy).await;
    input.set(InputState::Up);
    assert_eq!(next(&mut events).await, (true, 0));
    let down = Instant::now();
    input.set(InputState::Number(4));
    loop {
        match events.recv().await.unwrap() {
            CheckEvent::Attempt { outcome, .. } => assert_eq!(outcome.to_string(), "number 4"),
            CheckEvent::Changed { up, .. } => break assert!(!up),
            other => panic!("{other:?}"),
        }
    }
    assert!(down.elapsed() >= Duration::from_secs(10));
}

fn build(lines: &[(&str, &str)]) -> Result<BuiltCheck, Vec<ArgumentError>> {
    let files = [
        ("load".to_owned(), FileWeight::new(3, true)),
        ("other".to_owned(), FileWeight::new(1, false)),
    ];
    let mut context = CheckContext::new(target().address);
    context.tracked_files = Some(Arc::new(BTreeMap::from(files)));
    let lines = lines
        .iter()
        .map(|(name, values)| Arguments::line(*name, values.split_whitespace()));
    let block = Arguments::block("FILE_CHECK", lines);
    let registry = Registry::builtin();
    registry.get("FILE_CHECK").unwrap().build(&block, &context)
}

#[test]
fn file_check_reads_its_block() {
    for (lines, identity) in [
        (
            &[("track_file", "load")][..],
            "FILE_CHECK track_file load weight 3 reverse",
        ),
        (
            &[("track_file", "other"), ("weight", "0")],
            "FILE_CHECK track_file other weight 0",
        ),
        (
            &[("weight", "-2147483647 reverse"), ("track_file", "load")],
            "FILE_CHECK track_file load weight -2147483647 reverse",
        ),
        (
            &[("track_file", "load"), ("weight", "5 noreverse")],
            "FILE_CHECK track_file load weight 5",
        ),
    ] {
        let built = build(lines).unwrap();
        assert_eq!(built.check.identity(), identity);
        assert!(built.findings.is_empty(), "{:?}", built.findings);
        assert_eq!(built.retries, 0);
        // Its lines make an equal check.
        let again = built.check.lines().unwrap();
        let again: Vec<_> = again
            .iter()
            .map(|line| (line.name.as_str(), line.values.join(" ")))
            .collect();
        let again: Vec<_> = again
            .iter()
            .map(|(name, values)| (*name, values.as_str()))
            .collect();
        assert_eq!(build(&again).unwrap().check.identity(), identity);
    }
}

#[test]
fn mistakes_in_a_file_check_are_reported() {
    let messages = |findings: &[ArgumentError]| -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        messages(&build(&[]).unwrap_err()),
        ["FILE_CHECK needs 'track_file'"]
    );
    assert_eq!(
        messages(&build(&[("track_file", "missing")]).unwrap_err()),
        ["'missing' is not a track_file that is defined"]
    );
    for (weight, message) in [
        ("", "'weight' needs a number of -2147483647 to 2147483647"),
        ("x", "'x' is not a number of -2147483647 to 2147483647"),
        (
            "-2147483648",
            "'-2147483648' is not a number of -2147483647 to 2147483647",
        ),
        ("1 backwards", "'backwards' is not reverse or noreverse"),
        (
            "1 reverse x",
            "'weight' takes no further word: 'x' is ignored",
        ),
    ] {
        let built = build(&[("track_file", "other"), ("weight", weight)]).unwrap();
        assert_eq!(messages(&built.findings), [message]);
    }
    let built = build(&[("track_file", "other"), ("retry", "3")]).unwrap();
    assert_eq!(
        messages(&built.findings),
        ["unknown keyword 'retry' in FILE_CHECK"]
    );
}
