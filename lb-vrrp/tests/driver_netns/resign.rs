// SPDX-License-Identifier: MIT OR Apache-2.0
//! A master that an operator asks to step down.

use std::time::Duration;

use lb_vrrp::driver::Error;
use lb_vrrp::spec::{Configuration, GroupSpec, RouterSpec};
use lb_vrrp::{AdvertInterval, State};

use super::netns::{Capture, Frame, Lan, MASTER_DOWN_ADVERTS, Node, wait_for};
use super::{calm_spec, quick, spec, vip};

fn second(priority: u8) -> RouterSpec {
    let interval = AdvertInterval::from_centis(50).unwrap();
    let config = quick(52, priority).interval(interval).build().unwrap();
    let mut second = spec(config).with_virtual_addresses([vip("192.0.2.101")]);
    second.name = "VI_2".to_owned();
    second
}

#[testbed::host_test]
fn a_better_router_steps_down_and_leaves_it_at_that() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![calm_spec(51, 150)]);
    let b = Node::start(&lan.b, vec![calm_spec(51, 100)]);
    a.wait_state(State::Master);
    wait_for("the address on a", || {
        lan.a.holds("192.0.2.100").then_some(())
    });

    let error = b.resign("VI_1").unwrap_err();
    assert!(matches!(error, Error::NotMaster { .. }), "{error}");
    let error = a.resign("VI_9").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no virtual router VI_9; there are VI_1"
    );
    assert_eq!(a.state(), State::Master, "a refusal changes nothing");

    let outcome = a.resign("VI_1").unwrap();
    assert_eq!(outcome.routers.len(), 1);
    // Three intervals and the skew of priority 150.
    assert!(
        outcome.patience > Duration::from_millis(1500),
        "{outcome:?}"
    );
    assert!(
        outcome.patience < Duration::from_millis(1800),
        "{outcome:?}"
    );
    b.wait_state(State::Master);
    wait_for("the address on b only", || {
        (lan.b.holds("192.0.2.100") && !lan.a.holds("192.0.2.100")).then_some(())
    });
    // More than a master down interval: it does not preempt.
    a.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!((a.state(), b.state()), (State::Backup, State::Master));
    assert!(a.status().routers[0].resigned);
    let mac = lan.a.mac();
    let zero = |frame: &Frame| frame.vrrp_from(mac).is_some_and(|packet| packet[22] == 0);
    assert_eq!(capture.count(zero), 1, "adverts with priority 0");

    assert!(a.resume("VI_1").unwrap());
    assert!(!a.resume("VI_1").unwrap(), "once");
    a.wait_state(State::Master);
    b.wait_state(State::Backup);

    // Without another router the address is absent for one master down interval.
    b.shutdown();
    a.resign("VI_1").unwrap();
    a.wait_state(State::Master);
    assert!(!a.status().routers[0].resigned);
}

#[testbed::host_test]
fn a_group_steps_down_as_a_whole() {
    let lan = Lan::new();
    let group = |priority| {
        Configuration::new(vec![calm_spec(51, priority), second(priority)])
            .with_groups([GroupSpec::new("VG", ["VI_1", "VI_2"])])
    };
    let a = Node::start(&lan.a, group(150));
    let b = Node::start(&lan.b, group(100));
    let both = |node: &Node, state| {
        wait_for("both routers", || {
            let status = node.status();
            status
                .routers
                .iter()
                .all(|router| router.state == state)
                .then_some(())
        });
    };
    both(&a, State::Master);
    let outcome = a.resign("VI_2").unwrap();
    let mut names: Vec<&str> = outcome.routers.iter().map(|name| &**name).collect();
    names.sort_unstable();
    assert_eq!(names, ["VI_1", "VI_2"]);
    both(&b, State::Master);
    a.wait_received(MASTER_DOWN_ADVERTS);
    both(&a, State::Backup);
    both(&b, State::Master);
    // Any member will do.
    assert!(a.resume("VI_1").unwrap());
    both(&a, State::Master);
    both(&b, State::Backup);
}
