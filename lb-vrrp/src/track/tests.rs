// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each rule of tracking, and laws that hold for all of them together.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;
use crate::params::Priority;

type Rig = Tracker<&'static str, &'static str>;

fn priority(value: u8) -> Priority {
    Priority::new(value).unwrap()
}

fn weight(weight: i32) -> Weight {
    Weight::new(weight).unwrap()
}

fn script(rise: u32, fall: u32) -> Object {
    Object::Script(Script {
        rise: NonZeroU32::new(rise).unwrap(),
        fall: NonZeroU32::new(fall).unwrap(),
        init_fail: false,
    })
}

const OK: ScriptOutcome = ScriptOutcome::Exited(0);
const FAILED: ScriptOutcome = ScriptOutcome::Exited(1);

/// Router `a` of this priority tracks `x`.
fn rig(base: u8, object: Object, with: Weight) -> Rig {
    let mut tracker = Tracker::new();
    tracker.set_object(Instant::now(), "x", object);
    tracker.set_router("a", priority(base));
    assert!(tracker.subscribe("a", "x", with));
    tracker
}

fn drain(tracker: &mut Rig) -> Vec<Output<&'static str>> {
    std::iter::from_fn(|| tracker.poll_output()).collect()
}

fn changed(to: u8) -> Vec<Output<&'static str>> {
    vec![Output::Priority {
        router: "a",
        priority: priority(to),
    }]
}

fn fault(present: bool) -> Vec<Output<&'static str>> {
    vec![Output::Fault {
        router: "a",
        present,
    }]
}

#[test]
fn an_interface_is_up_until_it_is_down() {
    let mut tracker = rig(100, Object::Interface, Weight::FAULT);
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_up(&"x", false);
    assert_eq!(drain(&mut tracker), fault(true));
    assert_eq!(tracker.faults(&"a").collect::<Vec<_>>(), [&"x"]);
    tracker.handle_up(&"x", false);
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_up(&"x", true);
    assert_eq!(drain(&mut tracker), fault(false));

    let mut weighted = rig(100, Object::Interface, weight(20));
    assert_eq!(drain(&mut weighted), changed(120));
    weighted.handle_up(&"x", false);
    assert_eq!(drain(&mut weighted), changed(100));
}

#[test]
fn a_session_is_down_until_it_is_up() {
    let mut tracker = rig(100, Object::Bfd, Weight::FAULT);
    assert_eq!(drain(&mut tracker), fault(true));
    tracker.handle_up(&"x", true);
    assert_eq!(drain(&mut tracker), fault(false));
}

#[test]
fn the_first_result_of_a_script_decides_alone() {
    for (outcome, expected) in [(OK, true), (FAILED, false)] {
        let mut tracker = rig(100, script(5, 5), weight(-20));
        assert_eq!(tracker.verdict(&"x"), Some(Verdict::Unknown));
        assert_eq!(drain(&mut tracker), []);
        tracker.handle_script(&"x", outcome);
        assert_eq!(tracker.verdict(&"x"), Some(Verdict::Well(expected)));
        let reports = if expected { vec![] } else { changed(80) };
        assert_eq!(drain(&mut tracker), reports);
    }
}

#[test]
fn an_unknown_script_adds_nothing() {
    let mut tracker = rig(100, script(1, 1), weight(20));
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_script(&"x", OK);
    assert_eq!(drain(&mut tracker), changed(120));
}

#[test]
fn rise_and_fall_count_results_in_a_row() {
    let mut tracker = rig(100, script(3, 2), Weight::FAULT);
    let mut tell = |outcome| {
        tracker.handle_script(&"x", outcome);
        tracker.verdict(&"x") == Some(Verdict::Well(true))
    };
    assert!(tell(OK));
    // One failure of two, forgiven by a success.
    assert!(tell(FAILED) && tell(OK) && tell(FAILED));
    assert!(!tell(FAILED));
    // Three successes in a row.
    assert!(!tell(OK) && !tell(OK));
    assert!(!tell(FAILED));
    assert!(!tell(OK) && !tell(OK) && tell(OK));
}

#[test]
fn all_but_status_0_is_a_failure() {
    for outcome in [
        ScriptOutcome::Exited(2),
        ScriptOutcome::Killed(9),
        ScriptOutcome::TimedOut,
        ScriptOutcome::NotStarted,
    ] {
        let mut tracker = rig(100, script(1, 1), Weight::FAULT);
        tracker.handle_script(&"x", outcome);
        assert_eq!(tracker.verdict(&"x"), Some(Verdict::Well(false)));
    }
}

#[test]
fn init_fail_is_failed_from_the_start() {
    let object = Object::Script(Script {
        init_fail: true,
        ..Script::default()
    });
    let mut tracker = rig(100, object, Weight::FAULT);
    assert!(tracker.is_ready(&"a"));
    assert_eq!(drain(&mut tracker), fault(true));
    tracker.handle_script(&"x", OK);
    assert_eq!(drain(&mut tracker), fault(false));
}

#[test]
fn a_router_waits_for_scripts_that_could_make_it_faulty() {
    let mut tracker = rig(100, script(1, 1), Weight::FAULT);
    tracker.set_object(Instant::now(), "y", script(1, 1));
    tracker.subscribe("a", "y", weight(10));
    assert!(!tracker.is_ready(&"a"));
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_script(&"x", FAILED);
    let mut expected = fault(true);
    expected.push(Output::Ready { router: "a" });
    assert_eq!(drain(&mut tracker), expected);
    assert!(tracker.is_ready(&"a"), "y has a weight and may come later");
    assert!(tracker.is_ready(&"unknown"));
}

#[test]
fn a_file_adds_its_number() {
    let mut tracker = rig(100, Object::File, Weight::ONE);
    for (value, expected) in [(-30, 70), (50, 150), (500, 254), (-100, 1)] {
        tracker.handle_value(&"x", value);
        assert_eq!(drain(&mut tracker), changed(expected));
    }
    tracker.handle_value(&"x", -254);
    assert_eq!(drain(&mut tracker), fault(true));
    tracker.handle_value(&"x", 0);
    // The priority first, so that the router restarts with it.
    assert_eq!(drain(&mut tracker), [changed(100), fault(false)].concat());
}

#[test]
fn processes_count_against_a_quorum() {
    let with = |quorum, quorum_max| {
        Object::Process(Process {
            quorum,
            quorum_max,
            ..Process::default()
        })
    };
    let now = Instant::now();
    for (object, well, failed) in [
        (with(1, None), vec![1, 2, 99], vec![0]),
        (with(2, Some(3)), vec![2, 3], vec![0, 1, 4]),
        (with(1, Some(0)), vec![0], vec![1, 2]),
    ] {
        let mut tracker = rig(100, object, Weight::FAULT);
        assert_eq!(tracker.verdict(&"x"), Some(Verdict::Unknown));
        for (counts, expected) in [(well, true), (failed, false)] {
            for count in counts {
                tracker.handle_count(now, &"x", count);
                assert_eq!(tracker.verdict(&"x"), Some(Verdict::Well(expected)));
            }
        }
    }
}

#[test]
fn delays_of_processes_run_and_are_forgotten() {
    let now = Instant::now();
    let secs = |secs| now + Duration::from_secs(secs);
    let object = Object::Process(Process {
        fork_delay: Duration::from_secs(2),
        terminate_delay: Duration::from_secs(5),
        ..Process::default()
    });
    let mut tracker = rig(100, object, Weight::FAULT);
    tracker.handle_count(now, &"x", 1);
    tracker.handle_count(now, &"x", 0);
    assert_eq!(tracker.next_timeout(), Some(secs(5)));
    // Restarted in time.
    tracker.handle_count(secs(3), &"x", 1);
    assert_eq!(tracker.next_timeout(), None);
    tracker.handle_count(secs(10), &"x", 0);
    tracker.handle_timeout(secs(14));
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_timeout(secs(15));
    assert_eq!(drain(&mut tracker), fault(true));
    tracker.handle_count(secs(20), &"x", 1);
    assert_eq!(tracker.next_timeout(), Some(secs(22)));
    tracker.handle_timeout(secs(22));
    assert_eq!(drain(&mut tracker), fault(false));
}

#[test]
fn the_owner_is_never_changed_but_can_be_faulty() {
    let mut tracker = rig(255, Object::Interface, weight(-20));
    tracker.handle_up(&"x", false);
    assert_eq!(drain(&mut tracker), []);
    let mut file = rig(255, Object::File, Weight::ONE);
    file.handle_value(&"x", -254);
    assert_eq!(drain(&mut file), []);
    let mut faulty = rig(255, Object::Interface, Weight::FAULT);
    faulty.handle_up(&"x", false);
    assert_eq!(drain(&mut faulty), fault(true));
}

#[test]
fn changes_are_summed_before_they_are_cut() {
    let mut tracker = rig(200, Object::Interface, weight(100));
    tracker.set_object(Instant::now(), "y", Object::Bfd);
    tracker.subscribe("a", "y", weight(-60));
    // 200 + 100 - 60.
    assert_eq!(drain(&mut tracker), changed(240));
    tracker.handle_up(&"y", true);
    assert_eq!(drain(&mut tracker), changed(254));
    let changes: Vec<_> = tracker.changes(&"a").collect();
    assert_eq!(changes, [(&"x", 100)]);
}

#[test]
fn one_object_counts_for_every_router_by_its_own_weight() {
    let mut tracker = rig(100, Object::Interface, weight(-10));
    tracker.set_router("b", priority(50));
    tracker.subscribe("b", "x", Weight::FAULT);
    tracker.set_router("c", priority(50));
    tracker.handle_up(&"x", false);
    let expected = [
        Output::Priority {
            router: "a",
            priority: priority(90),
        },
        Output::Fault {
            router: "b",
            present: true,
        },
    ];
    assert_eq!(drain(&mut tracker), expected);
}

#[test]
fn the_weight_of_the_group_goes_before_the_routers_own() {
    let mut tracker = rig(100, Object::Interface, weight(-10));
    tracker.subscribe_as_member("a", "x", weight(-40));
    tracker.handle_up(&"x", false);
    assert_eq!(drain(&mut tracker), changed(60));
}

#[test]
fn group_members_track_by_faults_unless_weights_allowed() {
    let in_group = |object, value, allowed| weight(value).in_sync_group(object, allowed);
    let script = script(1, 1);
    let process = Object::Process(Process::default());
    for object in [
        script,
        Object::Bfd,
        process,
        Object::Interface,
        Object::File,
    ] {
        assert_eq!(in_group(object, 20, true), Some(weight(20)));
        assert_eq!(in_group(object, 0, false), Some(Weight::FAULT));
    }
    for removed in [script, Object::Bfd, process, Object::File] {
        assert_eq!(in_group(removed, 20, false), None);
    }
    assert_eq!(in_group(Object::Interface, 20, false), Some(Weight::FAULT));
    assert_eq!(in_group(Object::File, 1, false), Some(Weight::FAULT));
}

#[test]
fn a_reload_keeps_what_is_known() {
    let now = Instant::now();
    let mut tracker = rig(100, script(3, 3), weight(-20));
    tracker.handle_script(&"x", FAILED);
    assert_eq!(drain(&mut tracker), changed(80));
    tracker.set_object(now, "x", script(2, 1));
    assert_eq!(drain(&mut tracker), []);
    tracker.handle_script(&"x", OK);
    tracker.handle_script(&"x", OK);
    assert_eq!(drain(&mut tracker), changed(100));
    tracker.set_object(now, "x", script(2, 2));
    tracker.handle_script(&"x", FAILED);
    assert_eq!(drain(&mut tracker), []);
    // Of another kind, it is another object.
    tracker.set_object(now, "x", Object::Bfd);
    assert_eq!(drain(&mut tracker), changed(80));
    // The engine begins with a changed priority.
    tracker.set_router("a", priority(150));
    assert_eq!(drain(&mut tracker), changed(130));
    tracker.retain(&"a", |_| false);
    assert_eq!(drain(&mut tracker), changed(150));
}

#[test]
fn what_is_gone_counts_for_nothing() {
    let mut tracker = rig(100, Object::Bfd, Weight::FAULT);
    assert_eq!(drain(&mut tracker), fault(true));
    tracker.remove_object(&"x");
    assert_eq!(drain(&mut tracker), fault(false));
    assert!(!tracker.handle_up(&"x", true));
    assert!(!tracker.subscribe("unknown", "x", weight(1)));
    tracker.set_object(Instant::now(), "x", Object::File);
    assert!(!tracker.handle_up(&"x", true), "it is a file");
    tracker.remove_router(&"a");
    tracker.handle_value(&"x", 7);
    assert_eq!(drain(&mut tracker), []);
}

/// An event, and which object it is for.
type Happening = (usize, i64);

const NAMES: [&str; 5] = ["bfd", "file", "interface", "process", "script"];

fn objects() -> [Object; 5] {
    [
        Object::Bfd,
        Object::File,
        Object::Interface,
        Object::Process(Process::default()),
        script(1, 1),
    ]
}

fn build(base: u8, weights: &[(i32, bool)]) -> Rig {
    let mut tracker = Tracker::new();
    tracker.set_router("a", priority(base));
    for ((name, object), (value, reverse)) in NAMES.into_iter().zip(objects()).zip(weights) {
        tracker.set_object(Instant::now(), name, object);
        tracker.subscribe("a", name, weight(*value).reversed(*reverse));
    }
    tracker
}

fn happen(tracker: &mut Rig, (object, value): Happening) {
    let name = &NAMES[object];
    let known = match object {
        0 | 2 => tracker.handle_up(name, value > 0),
        1 => tracker.handle_value(name, value),
        3 => tracker.handle_count(
            Instant::now(),
            name,
            u32::try_from(value.max(0)).unwrap_or(1),
        ),
        _ => tracker.handle_script(name, if value > 0 { OK } else { FAILED }),
    };
    assert!(known);
}

/// The state of a router after all reports.
fn outcome(base: u8, outputs: &[Output<&'static str>]) -> (u8, bool) {
    outputs
        .iter()
        .fold((base, false), |(number, faulty), output| match output {
            Output::Priority { priority, .. } => (priority.get(), faulty),
            Output::Fault { present, .. } => (number, *present),
            Output::Ready { .. } => (number, faulty),
        })
}

fn weights() -> impl Strategy<Value = Vec<(i32, bool)>> {
    let one = prop_oneof![1 => Just(0), 4 => -254..=254_i32];
    prop::collection::vec((one, any::<bool>()), 5)
}

proptest! {
    /// The order of events on different objects, and when outputs are taken, do not matter.
    #[test]
    fn only_the_last_state_of_each_object_matters(
        base in 1..=255_u8,
        weights in weights(),
        events in prop::collection::vec((0..5_usize, -300..300_i64), 0..40),
    ) {
        let mut eager = build(base, &weights);
        let mut reports = Vec::new();
        for &event in &events {
            happen(&mut eager, event);
            reports.extend(drain(&mut eager));
        }
        reports.extend(drain(&mut eager));

        let mut last: Vec<Happening> = Vec::new();
        for &(object, value) in events.iter().rev() {
            if last.iter().all(|(seen, _)| *seen != object) {
                last.push((object, value));
            }
        }
        let mut lazy = build(base, &weights);
        for event in last {
            happen(&mut lazy, event);
        }
        prop_assert_eq!(outcome(base, &reports), outcome(base, &drain(&mut lazy)));
    }

    /// A priority is 1 to 254, but for the owner's, and it is that of the arithmetic; and what is
    /// taken away leaves no trace.
    #[test]
    fn priorities_are_cut_and_restored(
        base in 1..=255_u8,
        weights in weights(),
        events in prop::collection::vec((0..5_usize, -300..300_i64), 0..40),
    ) {
        let mut tracker = build(base, &weights);
        let mut reports = Vec::new();
        for &event in &events {
            happen(&mut tracker, event);
            reports.extend(drain(&mut tracker));
            let (number, faulty) = outcome(base, &reports);
            if base == 255 {
                prop_assert_eq!(number, 255);
            } else {
                let sum: i32 = tracker.changes(&"a").map(|(_, change)| change).sum();
                prop_assert_eq!(i32::from(number), (i32::from(base) + sum).clamp(1, 254));
            }
            prop_assert_eq!(faulty, tracker.faults(&"a").next().is_some());
        }
        tracker.retain(&"a", |_| false);
        reports.extend(drain(&mut tracker));
        prop_assert_eq!(outcome(base, &reports), (base, false));
    }
}
