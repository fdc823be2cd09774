// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers that do not accept packets to their addresses (`Accept_Mode` false).

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use lb_vrrp::State;
use lb_vrrp::spec::RouterSpec;

use super::handover::hand_over;
use super::netns::{Lan, Namespace, Node, wait_for};
use super::{VIP, quick, spec};

/// Ten times what a connection takes on a loaded machine; a dropped one never succeeds.
const PATIENCE: Duration = Duration::from_secs(2);
const PORT: u16 = 7000;

fn refusing(priority: u8) -> Vec<RouterSpec> {
    vec![spec(quick(51, priority).accept(false).build().unwrap())]
}

/// Whether the virtual address accepts a connection from another host.
fn accepts(lan: &Lan) -> bool {
    let to = format!("{VIP}:{PORT}").parse().unwrap();
    match lan.c.run(|| TcpStream::connect_timeout(&to, PATIENCE)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            false
        }
    }
}

fn tables(host: &Namespace) -> Vec<String> {
    testbed::ruleset(host.netns()).unwrap()
}

fn start(lan: &Lan, specs: Vec<RouterSpec>) -> (Node, TcpListener) {
    let listener = lan.a.run(|| TcpListener::bind(("0.0.0.0", PORT)).unwrap());
    let node = Node::start(&lan.a, specs);
    node.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    (node, listener)
}

// shows vrrp_instance: no_accept
#[testbed::host_test]
fn a_master_that_does_not_accept_packets_drops_them() {
    let lan = Lan::new();
    let (a, _listener) = start(&lan, refusing(150));
    assert!(!accepts(&lan));
    let neighbours = lan.c.ip("neigh show dev eth0");
    assert!(
        neighbours.contains("lladdr"),
        "ARP is answered: {neighbours}"
    );
    assert_eq!(a.status().routers[0].unshielded, None);
    let before = tables(&lan.a);

    let a = hand_over(&lan.a, a, refusing(150));
    assert_eq!(tables(&lan.a), before);
    assert!(!accepts(&lan));
    // A reload that accepts removes the filter, and one that does not adds it again.
    a.reload(vec![spec(quick(51, 150).build().unwrap())])
        .unwrap();
    wait_for("no table", || tables(&lan.a).is_empty().then_some(()));
    assert!(accepts(&lan));
    a.reload(refusing(150)).unwrap();
    wait_for("a table", || (tables(&lan.a) == before).then_some(()));
    assert!(!accepts(&lan));
    a.shutdown();
    assert_eq!(tables(&lan.a), [""; 0]);
}

#[testbed::host_test]
fn an_address_owner_accepts_packets() {
    let lan = Lan::new();
    let (a, _listener) = start(&lan, refusing(255));
    assert!(accepts(&lan));
    assert_eq!(tables(&lan.a), [""; 0]);
    a.shutdown();
}
