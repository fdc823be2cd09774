// SPDX-License-Identifier: MIT OR Apache-2.0
//! The master dies, or stalls, or loses its link.

use std::time::Duration;

use lb_vrrp::State;

use crate::{fast, lan::Lan, millis, router, secs};

/// Crashes the master `after` it became master; time from its last advertisement as the backup
/// received it to the takeover.
fn crash(mut lan: Lan, after: Duration) -> Duration {
    lan.start_all();
    lan.run_while(secs(10), |lan| lan.masters() != [0]);
    lan.run_for(after);
    lan.crash(0);
    let crashed = lan.now;
    let last = lan.time_of("r0 advertises");
    lan.run_while(secs(10), |lan| lan.masters().is_empty());
    assert_eq!(lan.masters(), [1]);
    assert!(lan.now - crashed <= lan.now - last);
    let took = lan.now - last;
    let min = lan.network.latency;
    lan.run_for(secs(10));
    assert_eq!(lan.caches, [Some(1)]);
    took - min
}

#[test]
fn a_crash_is_noticed_within_the_master_down_interval() {
    for (value, nanos) in [(100, 3_609_375_000), (50, 3_804_687_500)] {
        for after in [millis(1), millis(500), millis(999), millis(5300)] {
            let pair = [router(200), router(value)].map(|b| b.build().unwrap());
            let took = crash(Lan::new(pair), after);
            let least = Duration::from_nanos(nanos);
            assert!(
                took >= least && took < least + millis(1),
                "{took:?} at priority {value}"
            );
        }
    }
}

#[test]
fn version_3_is_as_fast_as_its_interval() {
    for (centis, nanos) in [(1, 36_093_750), (10, 360_937_500), (50, 1_804_687_500)] {
        let pair = [fast(200, centis), fast(100, centis)].map(|b| b.build().unwrap());
        let took = crash(Lan::new(pair), millis(777));
        let least = Duration::from_nanos(nanos);
        assert!(
            took >= least && took < least + millis(1),
            "{took:?} at {centis} cs"
        );
    }
}

#[test]
fn a_version_3_backup_waits_by_the_masters_interval() {
    // The backup's own interval is a tenth: it must not take over from a living master.
    let pair = [fast(200, 100), fast(100, 10)].map(|b| b.build().unwrap());
    let mut lan = Lan::new(pair);
    lan.start_all();
    lan.run_for(secs(20));
    assert_eq!(lan.masters(), [0]);
    let before = lan.nodes[1]
        .router
        .as_ref()
        .unwrap()
        .stats()
        .master_transitions;
    assert_eq!(before, 1, "only before it received an advert of the master");
    lan.crash(0);
    lan.run_for(millis(2500));
    assert!(lan.masters().is_empty());
    lan.run_for(millis(1200));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn two_lost_advertisements_are_not_a_crash() {
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(millis(5100));
    lan.network.one_way.insert((0, 1));
    lan.run_for(millis(2000));
    lan.network.one_way.clear();
    lan.run_for(secs(10));
    assert_eq!(
        lan.nodes[1]
            .router
            .as_ref()
            .unwrap()
            .stats()
            .master_transitions,
        0
    );
}

#[test]
fn a_link_that_goes_down_is_a_crash_to_the_others_and_a_fault_at_home() {
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.link(0, false);
    assert_eq!(lan.state(0), State::Fault);
    lan.run_for(secs(4));
    assert_eq!(lan.masters(), [1]);
    lan.link(0, true);
    assert_eq!(lan.state(0), State::Backup);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [0]);
}

#[test]
fn a_paused_master_that_was_replaced_takes_its_hosts_back() {
    // The virtual machine stood still for 10 s; then it is the better one again.
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.pause(0);
    lan.run_for(secs(10));
    assert_eq!(lan.caches, [Some(1)]);
    lan.resume(0);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [0]);
    assert_eq!(lan.caches, [Some(0)]);
}

#[test]
fn frozen_master_announces_again_without_a_peer() {
    // Nothing was queued while the whole machine was frozen, and the second router is gone.
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.pause(0);
    lan.run_for(secs(10));
    assert_eq!(lan.caches, [Some(1)]);
    lan.crash(1);
    lan.nodes[0].waiting.clear();
    lan.resume(0);
    lan.run_for(millis(1));
    assert_eq!(lan.caches, [Some(0)]);
    assert_eq!(lan.nodes[0].router.as_ref().unwrap().stats().stalls, 1);
}

#[test]
fn paused_backup_reads_the_queue_before_it_takes_over() {
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.pause(1);
    lan.run_for(secs(10));
    lan.resume(1);
    lan.run_for(secs(5));
    assert_eq!(
        lan.nodes[1]
            .router
            .as_ref()
            .unwrap()
            .stats()
            .master_transitions,
        0
    );
}

#[test]
fn frozen_pair_keeps_its_states() {
    // Both virtual machines are on one host, which stood still; the backup's runs first again.
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.pause(0);
    lan.pause(1);
    lan.run_for(secs(10));
    lan.resume(1);
    lan.run_for(millis(300));
    lan.resume(0);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [0]);
    let backup = lan.nodes[1].router.as_ref().unwrap().stats();
    assert_eq!((backup.master_transitions, backup.backup_stalls), (0, 1));
}
