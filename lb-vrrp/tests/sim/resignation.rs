// SPDX-License-Identifier: MIT OR Apache-2.0
//! An orderly stop.

use std::time::Duration;

use crate::{fast, lan::Lan, millis, router, secs};

#[test]
fn a_stopped_master_is_replaced_within_the_skew_time() {
    for (value, nanos) in [(100, 609_375_000), (50, 804_687_500), (254, 7_812_500)] {
        let mut lan = Lan::new([router(255), router(value)].map(|b| b.build().unwrap()));
        lan.start_all();
        lan.run_for(millis(2345));
        lan.stop(0);
        let stopped = lan.now;
        lan.run_while(secs(10), |lan| lan.masters().is_empty());
        let took = lan.now - stopped;
        let least = Duration::from_nanos(nanos);
        assert!(
            took > least && took <= least + lan.network.max_latency(),
            "{took:?}"
        );
        lan.run_for(secs(5));
        assert_eq!(lan.caches, [Some(1)]);
    }
}

#[test]
fn version_3_skews_by_the_learned_interval() {
    let mut lan = Lan::new([fast(255, 10), fast(100, 100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(millis(2345));
    lan.stop(0);
    lan.run_for(millis(60));
    assert!(lan.masters().is_empty());
    lan.run_for(millis(2));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn of_several_backups_the_best_takes_over() {
    let configs = [router(255), router(50), router(150), router(100)].map(|b| b.build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start_all();
    lan.run_for(secs(5));
    lan.stop(0);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [2]);
    for other in [1, 3] {
        let stats = *lan.nodes[other].router.as_ref().unwrap().stats();
        assert_eq!(
            (stats.master_transitions, stats.priority_zero_received),
            (0, 1)
        );
    }
}

#[test]
fn a_stopped_backup_is_not_noticed() {
    let mut lan = Lan::new([router(200), router(100)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(5));
    lan.stop(1);
    lan.run_for(secs(10));
    let stats = lan.nodes[0].router.as_ref().unwrap().stats();
    assert_eq!(
        (stats.advertisements_received, stats.master_transitions),
        (0, 1)
    );
}
