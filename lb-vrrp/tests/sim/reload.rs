// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration changes while routers run.

use lb_vrrp::{RouterConfig, RouterConfigBuilder};

use crate::{fast, lan::Lan, millis, secs};

/// Router 0 is master, router 1 backup; then router `which` gets another configuration.
fn reload(which: usize, before: [RouterConfigBuilder; 2], after: RouterConfigBuilder) -> Lan {
    let configs: Vec<RouterConfig> = before.into_iter().map(|b| b.build().unwrap()).collect();
    let mut lan = Lan::new(configs);
    lan.start_all();
    lan.run_for(secs(10) + millis(120));
    assert_eq!(lan.masters(), [0]);
    lan.reload(which, after.build().unwrap());
    lan
}

fn pair() -> [RouterConfigBuilder; 2] {
    [fast(200, 10), fast(100, 10)]
}

#[test]
fn the_same_again_is_not_seen() {
    for which in [0, 1] {
        let same = pair()[which].clone();
        let mut lan = reload(which, pair(), same);
        lan.run_for(secs(5));
        assert_eq!(lan.transcript().matches("->").count(), 3);
    }
}

#[test]
fn another_address_on_one_side_makes_no_second_master() {
    for which in [0, 1] {
        let more = pair()[which]
            .clone()
            .address("192.0.2.101".parse().unwrap());
        let mut lan = reload(which, pair(), more);
        lan.run_for(secs(60));
        assert_eq!(lan.masters(), [0]);
        assert_eq!(lan.transcript().matches("->").count(), 3);
    }
}

#[test]
fn a_longer_interval_reaches_the_backups_before_they_give_up() {
    let mut lan = reload(0, pair(), fast(200, 100));
    lan.run_for(secs(30));
    assert_eq!(lan.masters(), [0]);
    assert_eq!(
        lan.transcript().matches("->").count(),
        3,
        "{}",
        lan.transcript()
    );
}

#[test]
fn a_shorter_interval_is_kept_at_once() {
    let mut lan = reload(0, [fast(200, 100), fast(100, 100)], fast(200, 10));
    lan.run_for(secs(1));
    let sent = lan.time_of("r0 advertises");
    assert!(lan.now - sent < millis(100));
    assert_eq!(lan.transcript().matches("->").count(), 3);
}

#[test]
fn a_priority_below_the_backups_moves_the_address() {
    let mut lan = reload(0, pair(), fast(50, 10));
    lan.run_for(secs(1));
    assert_eq!(lan.masters(), [1]);
    assert_eq!(lan.caches, [Some(1)]);
}
