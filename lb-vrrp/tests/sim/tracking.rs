// SPDX-License-Identifier: MIT OR Apache-2.0
//! What routers track moves the address.

use lb_vrrp::State;

use crate::{fast, lan::Lan, millis, secs};

/// Router 0 (130) and router 1 (100); object 0 is a fault, object 1 costs 60, object 2 brings 30.
fn pair() -> Lan {
    let mut lan = Lan::new([fast(130, 10), fast(100, 10)].map(|b| b.build().unwrap()));
    lan.start_all();
    lan.run_for(secs(2));
    assert_eq!(lan.masters(), [0]);
    lan
}

#[test]
fn a_weight_that_is_lost_hands_over_and_back() {
    let mut lan = pair();
    lan.track(0, 1, false);
    // The master advertises it at once; the backup waits one master down interval.
    lan.run_for(millis(370));
    assert_eq!(lan.masters(), [1]);
    assert_eq!(lan.caches, [Some(1)]);
    lan.track(0, 1, true);
    lan.run_for(secs(2));
    assert_eq!(lan.masters(), [0]);
    assert_eq!(lan.caches, [Some(0)]);
}

#[test]
fn a_weight_that_is_gained_preempts() {
    let mut lan = pair();
    lan.track(1, 2, true);
    lan.run_for(secs(2));
    assert_eq!(lan.masters(), [0], "130 against 130: it stays");
    lan.track(0, 1, false);
    lan.run_for(secs(2));
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn a_fault_hands_over_within_the_skew_time() {
    let mut lan = pair();
    lan.track(0, 0, false);
    assert_eq!(lan.state(0), State::Fault);
    lan.run_for(millis(62));
    assert_eq!(lan.masters(), [1]);
    lan.track(0, 0, true);
    lan.run_for(secs(2));
    assert_eq!(lan.masters(), [0]);
}
