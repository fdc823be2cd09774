// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who becomes master, and when.

use lb_vrrp::{Priority, State};

use crate::{lan::Lan, millis, router, secs};

#[test]
fn the_highest_priority_wins_and_the_others_stay_backup() {
    let mut lan = Lan::new([router(100), router(150), router(50)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [1]);
    // 3 s + (256 - 150) / 256 s.
    assert_eq!(lan.time_of("r1 backup -> master").as_nanos(), 3_414_062_500);
    assert_eq!(
        lan.nodes[0]
            .router
            .as_ref()
            .unwrap()
            .stats()
            .master_transitions,
        0
    );
    assert_eq!(lan.caches, [Some(1)]);
}

#[test]
fn a_transcript_of_two_routers() {
    let mut lan = Lan::new([router(100), router(50)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(millis(4700));
    assert_eq!(
        lan.transcript(),
        [
            "   0.000000000 r0 starts",
            "   0.000000000 r0 initialize -> backup (startup)",
            "   0.000000000 r1 starts",
            "   0.000000000 r1 initialize -> backup (startup)",
            "   3.609375000 r0 advertises 100",
            "   3.609375000 r0 announces",
            "   3.609375000 r0 backup -> master (no advertisement from a master)",
            "   4.609375000 r0 advertises 100",
        ]
        .join("\n")
    );
}

#[test]
fn the_owner_is_master_from_the_start() {
    let mut lan = Lan::new([router(254), router(255)].map(|b| b.build().unwrap()));
    lan.start(0);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [0]);
    lan.start(1);
    lan.run_for(millis(1));
    assert_eq!(lan.masters(), [1]);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn equal_priorities_end_with_the_higher_address() {
    // Same skew time: both fire at the same moment, and the tie-break decides.
    let mut lan = Lan::new([router(100), router(100), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(4));
    assert_eq!(lan.masters(), [2]);
    for loser in ["r0", "r1"] {
        let yields = lan.time_of(&format!("{loser} master -> backup"));
        assert!(yields - lan.time_of("r2 backup -> master") <= lan.network.max_latency());
    }
    assert!(
        lan.transcript()
            .contains("has the same priority 100 and a higher address")
    );
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [2]);
    assert_eq!(lan.caches, [Some(2)]);
}

#[test]
fn an_equal_backup_does_not_disturb_the_master() {
    let mut lan = Lan::new([router(100), router(100)].map(|b| b.build().unwrap()));
    lan.start(0);
    lan.run_for(secs(5));
    lan.start(1);
    lan.run_for(secs(10));
    assert_eq!((lan.state(0), lan.state(1)), (State::Master, State::Backup));
}

#[test]
fn priorities_next_to_each_other_take_over_in_order() {
    // Skew times differ by 3.9 ms: the lower one receives the higher one's advert in time.
    for value in [1, 100, 253] {
        let pair = [router(value), router(value + 1)].map(|b| b.build().unwrap());
        let mut lan = Lan::new(pair);
        lan.start_all();
        lan.run_for(secs(10));
        assert_eq!(lan.masters(), [1]);
        let stats = lan.nodes[0].router.as_ref().unwrap().stats();
        assert_eq!(
            stats.master_transitions,
            0,
            "{}",
            Priority::new(value).unwrap()
        );
    }
}
