// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes beyond the RFC: delays, sticky routers, resignation, stalls, owners in conflict, faults.

use super::*;
use crate::params::DownTimerAdverts;

const NOTHING: [&str; 0] = [];

/// Master down interval of priority 100 at one second.
const DOWN: Duration = Duration::from_nanos(3_609_375_000);

#[test]
fn another_number_of_intervals_to_master_down() {
    for (adverts, nanos) in [(1, 1_609_375_000), (10, 10_609_375_000)] {
        let adverts = DownTimerAdverts::new(adverts).unwrap();
        let base = builder(Version::V3, 100).down_timer_adverts(adverts);
        let rig = Rig::with(base, State::Backup);
        assert_eq!(rig.wait(), Some(Duration::from_nanos(nanos)));
    }
}

#[test]
fn a_delay_of_preemption_runs_from_the_first_lower_priority() {
    let base = builder(Version::V2, 100).preempt_delay(Duration::from_secs(10));
    let mut rig = Rig::with(base, State::Backup);
    // For 10 s the lower master is a master.
    for second in 0..10 {
        rig.receive(HIGHER, 50).unwrap();
        assert_eq!(rig.wait(), Some(DOWN), "after {second} s");
        assert_eq!(rig.router.master(), Some((ip(HIGHER), priority(50))));
        rig.now += millis(1000);
    }
    // Then it is disregarded, and the timer runs on.
    let deadline = rig.router.next_timeout();
    for _ in 0..2 {
        rig.receive(HIGHER, 50).unwrap();
        assert_eq!(rig.router.next_timeout(), deadline);
        rig.now += millis(1000);
    }
    rig.fire();
    assert_eq!(
        rig.outputs()[3],
        "backup -> master (preempted 192.0.2.11 with lower priority 50)"
    );
}

#[test]
fn a_higher_priority_cancels_the_delay() {
    let base = builder(Version::V2, 100).preempt_delay(Duration::from_secs(2));
    let mut rig = Rig::with(base, State::Backup);
    rig.receive(HIGHER, 50).unwrap();
    rig.now += millis(1500);
    rig.receive(LOWER, 100).unwrap();
    rig.now += millis(1000);
    rig.receive(HIGHER, 50).unwrap();
    assert_eq!(rig.wait(), Some(DOWN), "the delay restarts");
}

#[test]
fn a_delay_does_not_hold_off_a_takeover() {
    let base = || builder(Version::V2, 100).preempt_delay(Duration::from_secs(1000));
    let mut rig = Rig::with(base(), State::Backup);
    rig.fire();
    assert_eq!(
        rig.router.state(),
        State::Master,
        "no other router is there"
    );
    let mut rig = Rig::with(base(), State::Backup);
    rig.receive(HIGHER, 50).unwrap();
    rig.receive(HIGHER, 0).unwrap();
    assert_eq!(rig.wait(), Some(Duration::from_nanos(609_375_000)));
    // Nor does the address owner wait.
    let mut rig = Rig::with(base(), State::Backup);
    rig.router.handle_priority(rig.now, Priority::OWNER);
    let deadline = rig.router.next_timeout();
    rig.receive(HIGHER, 254).unwrap();
    assert_eq!(rig.router.next_timeout(), deadline);
}

#[test]
fn a_sticky_router_stays_backup_until_it_has_received_something() {
    let limit = Duration::from_secs(30);
    let base = || builder(Version::V2, 100).sticky(limit);
    // Nothing ever comes: it takes over when the limit has passed.
    let mut rig = Rig::with(base(), State::Backup);
    let start = rig.now;
    rig.fire();
    assert_eq!((rig.outputs(), rig.router.state()), (vec![], State::Backup));
    assert_eq!(rig.router.next_timeout(), Some(start + limit));
    rig.fire();
    assert_eq!(rig.router.state(), State::Master);

    // The driver saw something: one whole master down interval from then on.
    let mut rig = Rig::with(base(), State::Backup);
    rig.fire();
    rig.now += millis(500);
    rig.router.handle_received_proof(rig.now);
    assert_eq!(rig.wait(), Some(DOWN));
    rig.now += millis(500);
    rig.router.handle_received_proof(rig.now);
    assert_eq!(
        rig.wait(),
        Some(DOWN - millis(500)),
        "only the first counts"
    );
    rig.fire();
    assert_eq!(rig.router.state(), State::Master);

    // A master of lower priority is proof, and stays.
    let mut rig = Rig::with(base(), State::Backup);
    rig.now += millis(500);
    rig.receive(HIGHER, 1).unwrap();
    assert_eq!(rig.wait(), Some(DOWN));
    rig.fire();
    assert_eq!(rig.router.state(), State::Master);

    // What is discarded proves nothing.
    let mut rig = Rig::with(base(), State::Backup);
    let mut other = advertisement(rig.router.config());
    other.interval = AdvertInterval::from_secs(9).unwrap();
    rig.receive_advertisement(HIGHER, &other).unwrap_err();
    rig.fire();
    assert_eq!(rig.router.state(), State::Backup);

    // After a fault it starts again.
    let mut rig = Rig::with(base(), State::Master);
    rig.router.handle_link(rig.now, false);
    rig.router.handle_link(rig.now, true);
    rig.outputs();
    rig.fire();
    assert_eq!(rig.router.state(), State::Backup);
    let plain = builder(Version::V2, 100).build().unwrap();
    rig.router.reconfigure(rig.now, plain).unwrap();
    rig.fire();
    assert_eq!(rig.router.state(), State::Master, "sticky no more");
}

#[test]
fn an_owner_is_never_sticky() {
    let base = builder(Version::V2, 255).sticky(Duration::from_secs(30));
    let mut rig = Rig::new(base.build().unwrap());
    rig.router.handle_startup(rig.now);
    assert_eq!(rig.router.state(), State::Master);
}

#[test]
fn an_operator_makes_a_master_step_down_and_the_others_have_their_chance() {
    for value in [100, 255] {
        let mut rig = Rig::new(builder(Version::V2, value).build().unwrap());
        rig.router.handle_startup(rig.now);
        rig.fire();
        rig.outputs();
        assert!(rig.router.resign(rig.now));
        assert_eq!(
            rig.outputs(),
            ["advertise 0", "remove", "master -> backup (resigned)"]
        );
        assert!(rig.router.is_resigned());
        let down = rig.router.master_down_interval();
        assert_eq!(rig.wait(), Some(down), "longer than any skew time");
        // The one that took over is left in place, however low its priority.
        for _ in 0..100 {
            rig.now += millis(1000);
            rig.receive(LOWER, 1).unwrap();
            assert_eq!(rig.wait(), Some(down));
        }
        // Until the operator has it otherwise.
        rig.router.resume();
        let deadline = rig.router.next_timeout();
        rig.receive(LOWER, 1).unwrap();
        assert_eq!(rig.router.next_timeout(), deadline);
        rig.fire();
        assert_eq!(rig.router.state(), State::Master);
    }
}

#[test]
fn resigned_master_takes_over_without_another_router() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.router.resign(rig.now);
    rig.fire();
    assert_eq!(rig.router.state(), State::Master);
    assert!(!rig.router.is_resigned());
}

#[test]
fn only_a_master_can_step_down() {
    for state in [State::Initialize, State::Backup, State::Fault] {
        let mut rig = Rig::in_state(Version::V2, 100, state);
        let deadline = rig.router.next_timeout();
        assert!(!rig.router.resign(rig.now));
        assert_eq!(rig.outputs(), NOTHING);
        assert!(!rig.router.is_resigned());
        assert_eq!(rig.router.next_timeout(), deadline);
    }
}

#[test]
fn a_master_may_yield_after_a_stall_instead_of_announcing() {
    let base = builder(Version::V3, 100).yield_after_stall(priority(254));
    for (silent, yields) in [(3000, false), (3007, false), (3008, true)] {
        let mut rig = Rig::with(base.clone(), State::Master);
        rig.router.handle_timeout(rig.now + millis(silent));
        let expected = if yields {
            vec![
                "advertise 0".to_owned(),
                "remove".to_owned(),
                "master -> backup (not run for 3.008s)".to_owned(),
            ]
        } else {
            vec![
                "advertise 100".to_owned(),
                format!("announce: silent {:?}", millis(silent)),
            ]
        };
        assert_eq!(rig.outputs(), expected);
        assert_eq!(rig.router.stats().stalls, 1);
    }
}

#[test]
fn a_backup_that_overslept_listens_for_another_interval() {
    let takes_over = ["advertise 100", "add", "announce"];
    for (version, received) in [
        (Version::V2, false),
        (Version::V3, false),
        (Version::V2, true),
    ] {
        let mut rig = Rig::in_state(version, 100, State::Backup);
        let deadline = rig.router.next_timeout().unwrap();
        rig.now = deadline + millis(501);
        rig.router.handle_timeout(rig.now);
        assert_eq!(rig.outputs(), [""; 0]);
        assert_eq!(rig.wait(), Some(millis(1000)));
        assert_eq!(rig.router.stats().backup_stalls, 1);
        if received {
            // The master is alive, and the next late timer counts again.
            rig.receive(HIGHER, 150).unwrap();
            assert_eq!(rig.wait(), Some(rig.router.master_down_interval()));
            let deadline = rig.router.next_timeout().unwrap();
            rig.router.handle_timeout(deadline + millis(501));
            assert_eq!(rig.router.stats().backup_stalls, 2);
            continue;
        }
        // Once: a host that is always late is not without a master for good.
        let deadline = rig.router.next_timeout().unwrap();
        rig.router.handle_timeout(deadline + millis(501));
        let outputs = rig.outputs();
        assert_eq!(outputs[..3], takes_over);
        assert_eq!(rig.router.state(), State::Master);
    }
}

#[test]
fn half_an_interval_late_is_in_time() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    let deadline = rig.router.next_timeout().unwrap();
    rig.router.handle_timeout(deadline + millis(500));
    assert_eq!(rig.router.state(), State::Master);
    assert_eq!(rig.router.stats().backup_stalls, 0);
}

#[test]
fn late_timers_are_counted() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    for (late, count) in [(0, 0), (100, 0), (101, 1), (50, 1)] {
        let deadline = rig.router.next_timeout().unwrap();
        rig.router.handle_timeout(deadline + millis(late));
        assert_eq!(rig.router.stats().late_timeouts, count);
    }
    assert_eq!(rig.router.stats().lateness_max, millis(101));
}

#[test]
fn of_two_owners_the_one_with_the_lower_address_yields() {
    let mut rig = Rig::new(builder(Version::V2, 255).build().unwrap());
    rig.router.handle_startup(rig.now);
    rig.outputs();
    rig.receive(HIGHER, 255).unwrap();
    assert_eq!(rig.router.state(), State::Backup);
    // While the other is there it stays backup.
    rig.now += millis(900);
    rig.receive(HIGHER, 255).unwrap();
    assert_eq!(rig.wait(), Some(rig.router.master_down_interval()));
}

#[test]
fn an_owner_that_does_not_yield_has_its_way() {
    let mut rig = Rig::new(builder(Version::V2, 255).build().unwrap());
    rig.router.handle_startup(rig.now);
    rig.outputs();
    let mut reports = Vec::new();
    for _ in 0..4 {
        rig.receive(LOWER, 255).unwrap();
        reports.extend(rig.outputs());
        assert_eq!(rig.router.state(), State::Master);
        rig.now += millis(1000);
    }
    assert_eq!(
        reports
            .iter()
            .filter(|word| *word == "notice: owner 192.0.2.9")
            .count(),
        1,
        "reported once"
    );
    assert_eq!(rig.router.stats().owner_conflicts, 1);
    rig.receive(LOWER, 255).unwrap();
    assert_eq!(
        rig.outputs(),
        [
            "advertise 254",
            "remove",
            "master -> backup (192.0.2.9 is an address owner too)"
        ]
    );
    // It is gone: the owner owns again.
    rig.fire();
    assert_eq!(rig.router.state(), State::Master);
    assert_eq!(rig.router.effective_priority(), Priority::OWNER);
}

#[test]
fn owner_conflict_after_a_pause_is_a_new_one() {
    let mut rig = Rig::new(builder(Version::V2, 255).build().unwrap());
    rig.router.handle_startup(rig.now);
    for count in 1..5 {
        rig.receive(LOWER, 255).unwrap();
        assert_eq!(rig.router.stats().owner_conflicts, count);
        rig.now += millis(3000);
    }
    assert_eq!(rig.router.state(), State::Master);
}

#[test]
fn owner_ignores_adverts_discards_all() {
    let base = builder(Version::V2, 255).owner_ignores_adverts(true);
    let mut rig = Rig::new(base.build().unwrap());
    rig.router.handle_startup(rig.now);
    rig.outputs();
    assert_eq!(rig.receive(HIGHER, 255), Err(Rejected::AddressOwner));
    assert_eq!((rig.outputs(), rig.router.state()), (vec![], State::Master));
    assert_eq!(rig.router.stats().owner_ignored, 1);
    // Other routers do not ignore them.
    let base = builder(Version::V2, 100).owner_ignores_adverts(true);
    let mut rig = Rig::with(base, State::Master);
    rig.receive(HIGHER, 255).unwrap();
    assert_eq!(rig.router.state(), State::Backup);
}

#[test]
fn faults_last_one_cleared_restarts_the_router() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    for (fault, present, expected) in [
        (
            FaultReason::Tracked,
            true,
            &[
                "advertise 0",
                "remove",
                "master -> fault (tracked object failed)",
            ][..],
        ),
        (FaultReason::LinkDown, true, &[]),
        (FaultReason::Tracked, false, &[]),
        (FaultReason::Tracked, false, &[]),
        (
            FaultReason::LinkDown,
            false,
            &["fault -> backup (recovered)"],
        ),
    ] {
        rig.router.handle_fault(rig.now, fault, present);
        assert_eq!(rig.outputs(), expected);
        let held = rig.router.faults().contains(FaultReason::LinkDown);
        assert_eq!(
            rig.router.faults().to_string(),
            match (rig.router.state(), held, present) {
                (State::Backup, ..) => "",
                (_, true, true) => "link down, tracked object failed",
                (_, true, false) => "link down",
                (_, false, _) => "tracked object failed",
            }
        );
    }
}

#[test]
fn addresses_that_accept_nothing_are_shielded_before_they_are_there() {
    let mut rig = Rig::with(builder(Version::V3, 100).accept(false), State::Backup);
    rig.fire();
    assert_eq!(
        rig.outputs()[..4],
        ["advertise 100", "shield", "add", "announce"]
    );
    // Open while the configuration accepts packets.
    let open = builder(Version::V3, 100).build().unwrap();
    let shut = rig.router.config().clone();
    rig.router.reconfigure(rig.now, open).unwrap();
    assert_eq!(rig.outputs(), ["unshield"]);
    rig.router.reconfigure(rig.now, shut).unwrap();
    assert_eq!(rig.outputs(), ["shield"]);
    rig.router.handle_shutdown(rig.now);
    assert_eq!(
        rig.outputs(),
        [
            "advertise 0",
            "remove",
            "unshield",
            "master -> initialize (shutdown)"
        ]
    );
    // The owner's addresses are its own.
    let base = builder(Version::V3, 255).accept(false);
    let mut rig = Rig::new(base.build().unwrap());
    rig.router.handle_startup(rig.now);
    assert_eq!(rig.outputs()[..2], ["advertise 255", "add"]);
}

#[test]
fn mirror_checksum_sends_the_received_dialect() {
    let base = builder(Version::V3, 100).mirror_checksum(true);
    let mut rig = Rig::with(base, State::Backup);
    let mut other = advertisement(rig.router.config());
    other.checksum = ChecksumDialect::MessageOnly;
    rig.receive_advertisement(HIGHER, &other).unwrap();
    rig.fire();
    let sent = std::iter::from_fn(|| rig.router.poll_output()).find_map(|output| match output {
        Output::SendAdvertisement(sent) => Some(sent),
        _ => None,
    });
    let sent = sent.unwrap();
    let sent = Advertisement::parse(&sent.payload, sent.source, sent.destination).unwrap();
    assert_eq!(sent.checksum, ChecksumDialect::MessageOnly);
}

#[test]
fn the_master_is_known_in_every_state() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    assert_eq!(rig.router.master(), None);
    rig.receive(HIGHER, 200).unwrap();
    assert_eq!(rig.router.master(), Some((ip(HIGHER), priority(200))));
    rig.fire();
    assert_eq!(rig.router.master(), Some((ip(ME), priority(100))));
    assert_eq!(rig.router.since(), Some(rig.now));
    rig.receive(LOWER, 101).unwrap();
    assert_eq!(rig.router.master(), Some((ip(LOWER), priority(101))));
    rig.router.handle_link(rig.now, false);
    assert_eq!(rig.router.master(), None);
}
