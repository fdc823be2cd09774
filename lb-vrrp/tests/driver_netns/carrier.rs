// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interfaces whose carrier comes and goes.

use std::fs;
use std::time::{Duration, Instant};

use lb_vrrp::spec::Configuration;
use lb_vrrp::track::ObjectId;
use lb_vrrp::track::Weight;
use lb_vrrp::{CarrierDelay, LinkPoll, PollMethod, State};

use super::netns::{Lan, Node, wait_for};
use super::{quick_spec, transitions};

fn delayed(interface: &str, down: Duration, up: Duration) -> Configuration {
    let router = quick_spec(150).with_tracked(ObjectId::Interface("t1".into()), Weight::FAULT);
    Configuration::new(vec![router]).with_carrier_delays([CarrierDelay::new(interface, down, up)])
}

#[testbed::host_test]
fn a_carrier_that_is_lost_counts_when_it_stays_lost() {
    let lan = Lan::new();
    lan.connect_as("pt", &lan.a, "t1");
    // Longer than the test has patience for.
    let long = Duration::from_secs(200);
    let a = Node::start(&lan.a, delayed("eth0", long, long));
    a.wait_state(State::Master);
    transitions(&a);
    let changes = || a.status().interfaces[0].changes_in;
    assert_eq!(changes(), None);

    // Lost by the other end, and set down by hand; it is back before the delay ends.
    for (lose, find) in [
        (
            (&lan.bridge, "link set pa down"),
            (&lan.bridge, "link set pa up"),
        ),
        ((&lan.a, "link set eth0 down"), (&lan.a, "link set eth0 up")),
    ] {
        lose.0.ip(lose.1);
        wait_for("the loss", &changes);
        assert_eq!(a.status().interfaces[0].up, Some(true));
        find.0.ip(find.1);
        wait_for("the carrier", || changes().is_none().then_some(()));
    }
    assert_eq!(a.state(), State::Master);
    assert_eq!(transitions(&a), []);

    // A reload changes the delays; of what is lost for longer the router learns.
    let short = Duration::from_millis(500);
    a.reload(delayed("eth0", short, short)).unwrap();
    let (lost, begun) = ("link set pa down", Instant::now());
    lan.bridge.ip(lost);
    a.wait_state(State::Fault);
    assert!(begun.elapsed() >= short);
    let begun = Instant::now();
    lan.bridge.ip("link set pa up");
    a.wait_state(State::Master);
    assert!(begun.elapsed() >= short);

    // An interface that is tracked, too: down late, up at once.
    a.reload(delayed("t1", short, Duration::ZERO)).unwrap();
    let begun = Instant::now();
    lan.bridge.ip("link set pt down");
    a.wait_state(State::Fault);
    assert!(begun.elapsed() >= short);
    lan.bridge.ip("link set pt up");
    a.wait_state(State::Master);

    // A reload takes one away while it runs.
    a.reload(delayed("eth0", long, long)).unwrap();
    lan.bridge.ip(lost);
    wait_for("the loss", changes);
    a.reload(vec![quick_spec(150)]).unwrap();
    a.wait_state(State::Fault);
    a.shutdown();
}

/// Whether the thread that asks for links is there. No other test has one.
fn is_polling() -> bool {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.into_iter().any(|name| name.trim() == "vrrp-links")
}

#[testbed::host_test]
fn link_poll_uses_a_working_method_until_unconfigured() {
    let lan = Lan::new();
    lan.connect_as("pt", &lan.a, "t1");
    let polled = |polls: Vec<LinkPoll>| {
        let router = quick_spec(150).with_tracked(ObjectId::Interface("t1".into()), Weight::FAULT);
        Configuration::new(vec![router]).with_link_polls(polls)
    };
    let eth0 = |method| vec![LinkPoll::new("eth0").with_method(method)];
    // It is asked before anything runs.
    lan.bridge.ip("link set pa down");
    let a = Node::start(&lan.a, polled(eth0(PollMethod::Mii)));
    let method = |a: &Node| a.status().interfaces[0].polled;
    // A veth has no PHY.
    assert_eq!(method(&a), Some(PollMethod::Ethtool));
    a.wait_state(State::Fault);
    assert_eq!(a.status().interfaces[0].up, Some(false));
    wait_for("the polling", || is_polling().then_some(()));
    lan.bridge.ip("link set pa up");
    a.wait_state(State::Master);
    // Lost by the other end, and set down by hand.
    for (host, name) in [(&lan.bridge, "pa"), (&lan.a, "eth0")] {
        host.ip(&format!("link set {name} down"));
        a.wait_state(State::Fault);
        host.ip(&format!("link set {name} up"));
        a.wait_state(State::Master);
    }

    // A reload changes how; the router does not notice.
    transitions(&a);
    a.reload(polled(eth0(PollMethod::Flags))).unwrap();
    wait_for("another method", || {
        (method(&a) == Some(PollMethod::Flags)).then_some(())
    });
    // All that are used, a tracked one too.
    a.reload(polled(vec![LinkPoll::every()])).unwrap();
    wait_for("another method", || {
        (method(&a) == Some(PollMethod::Ethtool)).then_some(())
    });
    assert_eq!(transitions(&a), []);
    lan.bridge.ip("link set pt down");
    a.wait_state(State::Fault);
    lan.bridge.ip("link set pt up");
    a.wait_state(State::Master);

    // An interface that goes and comes back is asked again.
    lan.a.ip("link set eth0 down name gone0");
    a.wait_state(State::Fault);
    lan.a.ip("link set gone0 up name eth0");
    a.wait_state(State::Master);
    assert_eq!(method(&a), Some(PollMethod::Ethtool));

    assert!(is_polling());
    a.reload(polled(Vec::new())).unwrap();
    wait_for("the end of the polling", || (!is_polling()).then_some(()));
    assert_eq!(method(&a), None);
    assert_eq!(a.state(), State::Master);
    a.shutdown();
}
