// SPDX-License-Identifier: MIT OR Apache-2.0
//! The LAN falls apart and comes together again.

use crate::{lan::Lan, millis, router, secs};

/// Router 0 (200) and router 1 (100) are apart for a while, the host with router 1. The first
/// advertisement after the LAN is whole again comes `after` some time, from one or the other.
fn heal(farewell: bool, after: std::time::Duration) -> Lan {
    let configs = [
        router(200).farewell(farewell),
        router(100).farewell(farewell),
    ]
    .map(|b| b.build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start_all();
    lan.run_for(secs(5));
    assert_eq!((lan.masters(), &lan.caches[..]), (vec![0], &[Some(0)][..]));
    lan.partition(&[0, 1, 1]);
    lan.run_for(secs(10) + after);
    assert_eq!(
        (lan.masters(), &lan.caches[..]),
        (vec![0, 1], &[Some(1)][..])
    );
    lan.partition(&[0, 0, 0]);
    lan
}

#[test]
fn the_better_half_wins_and_the_hosts_follow() {
    for after in [0, 100, 200, 300, 400, 500, 600, 700, 800, 900] {
        let mut lan = heal(true, millis(after));
        lan.run_for(secs(10));
        assert_eq!(lan.masters(), [0]);
        assert_eq!(lan.caches, [Some(0)]);
    }
}

#[test]
#[should_panic(expected = "I7: host 0 sends to Some(1), master is r0")]
fn without_a_farewell_hosts_stay_with_the_loser() {
    // What the farewell is for: the winner advertises first, the loser yields in silence, and no
    // announcement reaches the hosts.
    let mut lan = heal(false, millis(0));
    lan.run_for(secs(10));
}

#[test]
fn stopped_loser_leaves_no_host_behind() {
    let mut lan = heal(true, millis(0));
    lan.stop(1);
    lan.run_for(millis(1));
    assert_eq!(lan.caches, [Some(0)]);
}

#[test]
fn each_half_has_one_master() {
    let configs = [50, 100, 150, 200].map(|value| router(value).build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start_all();
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [3]);
    lan.partition(&[0, 0, 1, 1, 0]);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [1, 3]);
    lan.partition(&[0, 1, 2, 3, 0]);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [0, 1, 2, 3]);
    lan.partition(&[0; 5]);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [3]);
    assert_eq!(lan.caches, [Some(3)]);
}

#[test]
fn deaf_backup_is_a_second_master_until_it_receives() {
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.network.one_way.insert((0, 1));
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [0, 1]);
    assert_eq!(
        lan.caches,
        [Some(0)],
        "the winner announces whenever it receives the loser's adverts"
    );
    lan.network.one_way.clear();
    lan.disturb("both ways");
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [0]);
    assert_eq!(lan.caches, [Some(0)]);
}
