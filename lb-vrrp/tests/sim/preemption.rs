// SPDX-License-Identifier: MIT OR Apache-2.0
//! A better router comes back.

use lb_vrrp::State;

use crate::{lan::Lan, millis, router, secs};

/// Router 0 (50) is master; router 1 (100) comes and is given this `preempt`.
fn comes_back(preempt: bool) -> Lan {
    let configs = [router(50), router(100).preempt(preempt)].map(|b| b.build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start(0);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [0]);
    lan.start(1);
    lan
}

#[test]
fn a_higher_priority_takes_over_after_its_master_down_interval() {
    let mut lan = comes_back(true);
    let before = lan.now;
    lan.run_for(secs(3));
    assert_eq!(lan.masters(), [0], "it listens first");
    lan.run_for(millis(700));
    assert_eq!(lan.masters(), [1]);
    let took = lan.time_of("r1 backup -> master (preempted 192.0.2.1 with lower priority 50)");
    assert_eq!((took - before).as_nanos(), 3_609_375_000);
    // The old master yields on the first advertisement: one latency of overlap.
    let yielded = lan.time_of("r0 master -> backup (192.0.2.2 has higher priority 100)");
    assert!(yielded - took <= lan.network.max_latency());
    lan.run_for(secs(10));
    assert_eq!(lan.caches, [Some(1)]);
}

#[test]
fn nopreempt_leaves_the_lower_one_master() {
    let mut lan = comes_back(false);
    lan.run_for(secs(60));
    assert_eq!((lan.state(0), lan.state(1)), (State::Master, State::Backup));
    let transcript = lan.transcript();
    assert_eq!(
        transcript.matches("->").count(),
        3,
        "I5: no transition but the first three"
    );
}

#[test]
fn nopreempt_takes_over_when_the_master_dies() {
    let mut lan = comes_back(false);
    lan.run_for(secs(5));
    lan.crash(0);
    lan.run_for(secs(4));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn a_master_with_nopreempt_yields_all_the_same() {
    let configs = [router(50).preempt(false), router(100)].map(|b| b.build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start(0);
    lan.run_for(secs(5));
    lan.start(1);
    lan.run_for(secs(10));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn with_nopreempt_the_returning_master_causes_no_transition() {
    let configs = [router(100).preempt(false), router(50)].map(|b| b.build().unwrap());
    let mut lan = Lan::new(configs);
    lan.start_all();
    lan.run_for(secs(5));
    lan.crash(0);
    lan.run_for(secs(5));
    assert_eq!(lan.masters(), [1]);
    let before = lan.nodes[1]
        .router
        .as_ref()
        .unwrap()
        .stats()
        .master_transitions;
    lan.start(0);
    lan.run_for(secs(30));
    assert_eq!(lan.masters(), [1]);
    assert_eq!(
        lan.nodes[1]
            .router
            .as_ref()
            .unwrap()
            .stats()
            .master_transitions,
        before
    );
}
