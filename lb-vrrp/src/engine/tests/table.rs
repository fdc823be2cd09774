// SPDX-License-Identifier: MIT OR Apache-2.0
//! Startup, shutdown, timers, advertisements and the link, in every state.

use super::*;

const VERSIONS: [Version; 2] = [Version::V2, Version::V3];
const NOTHING: [&str; 0] = [];

#[test]
fn startup_of_the_owner_is_mastership() {
    for version in VERSIONS {
        let mut rig = Rig::new(builder(version, 255).build().unwrap());
        rig.router.handle_startup(rig.now);
        assert_eq!(
            rig.outputs(),
            [
                "advertise 255",
                "add",
                "announce",
                "initialize -> master (startup)"
            ]
        );
        assert_eq!(rig.wait(), Some(millis(1000)));
        assert_eq!(
            rig.router.stats().new_master_reason,
            NewMasterReason::Priority
        );
    }
}

#[test]
fn startup_of_any_other_waits_as_backup() {
    for version in VERSIONS {
        let mut rig = Rig::new(builder(version, 100).build().unwrap());
        rig.router.handle_startup(rig.now);
        assert_eq!(rig.outputs(), ["initialize -> backup (startup)"]);
        assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
    }
}

#[test]
fn startup_without_a_link_is_fault_until_it_comes() {
    let mut rig = Rig::new(builder(Version::V2, 100).build().unwrap());
    rig.router.handle_link(rig.now, false);
    assert_eq!(rig.outputs(), NOTHING);
    rig.router.handle_startup(rig.now);
    assert_eq!(rig.outputs(), ["initialize -> fault (startup)"]);
    assert_eq!(rig.wait(), None);
    rig.router.handle_link(rig.now, true);
    assert_eq!(rig.outputs(), ["fault -> backup (recovered)"]);
}

#[test]
fn a_second_startup_changes_nothing() {
    for state in [State::Backup, State::Master, State::Fault] {
        let mut rig = Rig::in_state(Version::V2, 100, state);
        let deadline = rig.router.next_timeout();
        rig.router.handle_startup(rig.now + millis(10));
        assert_eq!(
            (rig.outputs(), rig.router.next_timeout()),
            (Vec::new(), deadline)
        );
    }
}

#[test]
fn shutdown_in_every_state() {
    for (state, expected) in [
        (State::Initialize, &[][..]),
        (State::Backup, &["backup -> initialize (shutdown)"]),
        (
            State::Master,
            &["advertise 0", "remove", "master -> initialize (shutdown)"],
        ),
        (State::Fault, &["fault -> initialize (shutdown)"]),
    ] {
        let mut rig = Rig::in_state(Version::V2, 100, state);
        rig.router.handle_shutdown(rig.now);
        assert_eq!(rig.outputs(), expected, "{state}");
        assert_eq!((rig.router.state(), rig.wait()), (State::Initialize, None));
    }
}

#[test]
fn a_stale_timeout_changes_nothing() {
    for state in [
        State::Initialize,
        State::Backup,
        State::Master,
        State::Fault,
    ] {
        let mut rig = Rig::in_state(Version::V3, 100, state);
        rig.router.handle_timeout(rig.now + millis(999));
        assert_eq!(rig.outputs(), NOTHING, "{state}");
        assert_eq!(rig.router.state(), state);
    }
}

#[test]
fn backup_without_adverts_becomes_master_in_order_of_effect() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.router
        .handle_timeout(rig.now + Duration::from_nanos(3_609_374_999));
    assert_eq!(rig.outputs(), NOTHING);
    rig.fire();
    assert_eq!(
        rig.outputs(),
        [
            "advertise 100",
            "add",
            "announce",
            "backup -> master (no advertisement from a master)"
        ]
    );
    assert_eq!(
        rig.router.stats().new_master_reason,
        NewMasterReason::MasterNoResponse
    );
}

#[test]
fn backup_restarts_timer_on_equal_or_higher_priority() {
    for (version, value) in [(Version::V2, 100), (Version::V3, 100), (Version::V2, 254)] {
        let mut rig = Rig::in_state(version, 100, State::Backup);
        rig.now += millis(900);
        rig.receive(LOWER, value).unwrap();
        assert_eq!(rig.outputs(), NOTHING);
        assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
    }
}

#[test]
fn a_backup_disregards_a_lower_priority_and_preempts() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    let deadline = rig.router.next_timeout();
    rig.now += millis(900);
    rig.receive(HIGHER, 99).unwrap();
    assert_eq!(
        (rig.outputs(), rig.router.next_timeout()),
        (Vec::new(), deadline)
    );
    assert_eq!(rig.router.stats().lower_priority_discarded, 1);
    rig.fire();
    assert_eq!(
        rig.outputs()[3],
        "backup -> master (preempted 192.0.2.11 with lower priority 99)"
    );
    assert_eq!(
        rig.router.stats().new_master_reason,
        NewMasterReason::Preempted
    );
}

#[test]
fn without_preemption_any_priority_is_a_master() {
    let mut rig = Rig::with(builder(Version::V2, 100).preempt(false), State::Backup);
    rig.now += millis(900);
    rig.receive(LOWER, 1).unwrap();
    assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
}

#[test]
fn the_owner_preempts_whatever_the_setting() {
    let mut rig = Rig::with(builder(Version::V2, 100).preempt(false), State::Backup);
    rig.router.handle_priority(rig.now, Priority::OWNER);
    let deadline = rig.router.next_timeout();
    rig.receive(HIGHER, 254).unwrap();
    assert_eq!(rig.router.next_timeout(), deadline);
}

#[test]
fn a_resignation_shortens_the_wait_to_the_skew_time() {
    for preempt in [true, false] {
        let mut rig = Rig::with(builder(Version::V2, 100).preempt(preempt), State::Backup);
        rig.receive(HIGHER, 0).unwrap();
        assert_eq!(rig.wait(), Some(Duration::from_nanos(609_375_000)));
        rig.fire();
        assert_eq!(rig.outputs()[3], "backup -> master (192.0.2.11 resigned)");
    }
}

#[test]
fn repeated_resignations_do_not_hold_off_the_takeover() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    rig.receive(HIGHER, 0).unwrap();
    let deadline = rig.router.next_timeout();
    for _ in 0..2 {
        rig.now += millis(300);
        rig.receive(HIGHER, 0).unwrap();
        assert_eq!(rig.router.next_timeout(), deadline);
    }
    // Nor does a resignation just before the timer fires.
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    let deadline = rig.router.next_timeout();
    rig.now += millis(3600);
    rig.receive(HIGHER, 0).unwrap();
    assert_eq!(rig.router.next_timeout(), deadline);
}

#[test]
fn a_version_3_backup_learns_the_masters_interval() {
    let fast = AdvertInterval::from_centis(10).unwrap();
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    rig.receive_interval(HIGHER, 200, fast).unwrap();
    assert_eq!(rig.outputs(), ["notice: interval 100ms"]);
    assert_eq!(rig.wait(), Some(Duration::from_nanos(360_937_500)));
    assert_eq!(rig.router.stats().interval_errors, 1);
    rig.receive_interval(HIGHER, 200, fast).unwrap();
    assert_eq!(rig.outputs(), NOTHING, "reported once");
    // A resignation waits for the skew time of the learned interval.
    rig.receive_interval(HIGHER, 0, fast).unwrap();
    assert_eq!(rig.wait(), Some(Duration::from_nanos(60_937_500)));
    // As master it keeps to its own, and after a restart it expects its own.
    rig.fire();
    assert_eq!(rig.wait(), Some(millis(1000)));
    rig.router.handle_shutdown(rig.now);
    rig.router.handle_startup(rig.now);
    assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
}

#[test]
fn a_master_advertises_at_its_interval_without_drift() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    let first = rig.router.next_timeout().unwrap();
    for (late, n) in [(0, 1), (400, 2), (999, 3), (7, 4)] {
        rig.router
            .handle_timeout(rig.router.next_timeout().unwrap() + millis(late));
        assert_eq!(rig.outputs(), ["advertise 100"]);
        assert_eq!(rig.router.next_timeout(), Some(first + millis(1000) * n));
    }
}

#[test]
fn a_late_master_does_not_send_what_it_missed() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.now += millis(2500);
    rig.router.handle_timeout(rig.now);
    assert_eq!(rig.outputs(), ["advertise 100"]);
    assert_eq!(rig.wait(), Some(millis(1000)));
}

#[test]
fn a_master_that_slept_three_intervals_announces_again() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.now += millis(3000);
    rig.router.handle_timeout(rig.now);
    assert_eq!(rig.outputs(), ["advertise 100", "announce: silent 3s"]);
    assert_eq!(rig.router.stats().stalls, 1);
}

#[test]
fn a_master_answers_a_resignation() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.now += millis(300);
    rig.receive(HIGHER, 0).unwrap();
    assert_eq!(rig.outputs(), ["advertise 100", "announce: resigned"]);
    assert_eq!(rig.wait(), Some(millis(1000)));
}

#[test]
fn a_master_yields_to_a_better_one() {
    for (from, value, why) in [
        (LOWER, 101, "192.0.2.9 has higher priority 101"),
        (HIGHER, 255, "192.0.2.11 has higher priority 255"),
        (
            HIGHER,
            100,
            "192.0.2.11 has the same priority 100 and a higher address",
        ),
    ] {
        for (version, preempt) in [(Version::V2, true), (Version::V3, false)] {
            let mut rig = Rig::with(builder(version, 100).preempt(preempt), State::Master);
            rig.receive(from, value).unwrap();
            assert_eq!(
                rig.outputs(),
                [
                    "advertise 100",
                    "remove",
                    &format!("master -> backup ({why})")
                ]
            );
            assert_eq!(rig.wait(), Some(Duration::from_nanos(3_609_375_000)));
        }
    }
}

#[test]
fn the_farewell_can_be_switched_off() {
    let mut rig = Rig::with(builder(Version::V2, 100).farewell(false), State::Master);
    rig.receive(LOWER, 101).unwrap();
    assert_eq!(rig.outputs()[0], "remove");
}

#[test]
fn a_version_3_master_that_yields_learns_the_interval() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Master);
    rig.receive_interval(LOWER, 101, AdvertInterval::from_centis(200).unwrap())
        .unwrap();
    assert_eq!(rig.outputs()[0], "notice: interval 2s");
    assert_eq!(rig.wait(), Some(Duration::from_nanos(7_218_750_000)));
}

#[test]
fn a_master_answers_a_losing_advertisement_and_announces() {
    for (from, value) in [(HIGHER, 99), (LOWER, 100), (HIGHER, 1)] {
        let mut rig = Rig::in_state(Version::V3, 100, State::Master);
        let deadline = rig.router.next_timeout();
        rig.now += millis(300);
        rig.receive(from, value).unwrap();
        let notice = format!("notice: losing {value} of {from}");
        assert_eq!(
            rig.outputs(),
            ["advertise 100", "announce: losing", &*notice]
        );
        assert_eq!(
            rig.router.next_timeout(),
            deadline,
            "the timer is not reset"
        );
    }
    let mut rig = Rig::with(
        builder(Version::V2, 100).answer_losing(false),
        State::Master,
    );
    rig.receive(HIGHER, 99).unwrap();
    assert_eq!(rig.outputs(), ["notice: losing 99 of 192.0.2.11"]);
    assert_eq!(rig.router.stats().losing_advertisements, 1);
}

#[test]
fn a_storm_of_losing_advertisements_is_answered_with_the_next_advertisement() {
    const ANSWER: [&str; 3] = [
        "advertise 100",
        "announce: losing",
        "notice: losing 99 of 192.0.2.11",
    ];
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    let deadline = rig.router.next_timeout();
    for n in 0..1000 {
        rig.now += Duration::from_micros(100);
        rig.receive(HIGHER, 99).unwrap();
        let expected: &[&str] = if n < 4 { &ANSWER } else { &[] };
        assert_eq!(rig.outputs(), expected, "{n}");
    }
    // Nor can a storm of resignations hold the timer off.
    rig.receive(HIGHER, 0).unwrap();
    assert_eq!(
        (rig.outputs(), rig.router.next_timeout()),
        (Vec::new(), deadline)
    );
    rig.fire();
    assert_eq!(rig.outputs(), ["advertise 100", "announce: resigned"]);
    rig.receive(HIGHER, 99).unwrap();
    assert_eq!(rig.outputs(), ANSWER, "a new interval");
    rig.fire();
    assert_eq!(rig.outputs(), ["advertise 100"], "nothing is owed");
}

#[test]
fn adverts_in_initialize_and_fault_are_ignored() {
    for state in [State::Initialize, State::Fault] {
        for value in [0, 1, 255] {
            let mut rig = Rig::in_state(Version::V2, 100, state);
            rig.receive(HIGHER, value).unwrap();
            assert_eq!((rig.outputs(), rig.wait()), (Vec::new(), None), "{state}");
            assert_eq!(rig.router.stats().advertisements_received, 1);
        }
    }
}

#[test]
fn the_link_goes_down_and_up_in_every_state() {
    for (state, down, up) in [
        (State::Initialize, &[][..], &[][..]),
        (
            State::Backup,
            &["backup -> fault (link down)"],
            &["fault -> backup (recovered)"],
        ),
        (
            State::Master,
            &["advertise 0", "remove", "master -> fault (link down)"],
            &["fault -> backup (recovered)"],
        ),
        (State::Fault, &[], &["fault -> backup (recovered)"]),
    ] {
        let mut rig = Rig::in_state(Version::V2, 100, state);
        rig.router.handle_link(rig.now, false);
        assert_eq!(rig.outputs(), down, "{state}");
        assert_eq!(rig.wait(), None);
        rig.router.handle_link(rig.now, true);
        assert_eq!(rig.outputs(), up, "{state}");
        rig.router.handle_link(rig.now, true);
        assert_eq!(rig.outputs(), NOTHING);
    }
}

#[test]
fn an_owner_whose_link_returns_is_master_at_once() {
    let mut rig = Rig::new(builder(Version::V2, 255).build().unwrap());
    rig.router.handle_startup(rig.now);
    rig.router.handle_link(rig.now, false);
    rig.outputs();
    rig.router.handle_link(rig.now, true);
    assert_eq!(
        rig.outputs(),
        [
            "advertise 255",
            "add",
            "announce",
            "fault -> master (recovered)"
        ]
    );
}
