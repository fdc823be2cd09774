// SPDX-License-Identifier: MIT OR Apache-2.0
//! Own addresses of the host, and routers of another driver in the namespace, stay as they are.

use lb_vrrp::State;
use lb_vrrp::driver::{Error, Event};

use super::netns::{Lan, Namespace, Node, wait_for};
use super::{VIP, calm_spec, vip};

/// The IPv4 addresses of eth0 with their prefix lengths.
fn addresses(host: &Namespace) -> Vec<String> {
    let listing = host.ip("-4 -o addr show dev eth0");
    let address = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
    listing.lines().filter_map(address).collect()
}

/// Waits for the event about a virtual address that another program added.
fn wait_for_external(node: &Node, wanted: &str) {
    wait_for("the event", || {
        let events = node.drain();
        let is_it = |event: &Event| matches!(event, Event::ExternalAddress { address, .. } if address.to_string() == wanted);
        events.iter().any(is_it).then_some(())
    });
}

#[testbed::host_test]
fn own_addresses_of_the_host_that_are_virtual_ones_stay() {
    let lan = Lan::new();
    // Removed by the kernel together with the first one.
    lan.a.ip("addr add 192.0.2.7/24 dev eth0");
    lan.a.ip("addr add 198.51.100.1/24 dev eth0");
    let before = addresses(&lan.a);
    assert_eq!(before.len(), 3);
    let own = |vrid: u8, address: &str| {
        let mut spec = calm_spec(vrid, 150);
        spec.name = format!("VI_{vrid}");
        spec.with_virtual_addresses([vip(address)])
    };
    let monitor = lan.a.monitor("address");
    let a = Node::start(&lan.a, vec![own(51, "192.0.2.1")]);
    wait_for_external(&a, "192.0.2.1");
    a.wait_state(State::Master);
    // One that a reload adds.
    a.reload(vec![own(51, "192.0.2.1"), own(52, "192.0.2.7")])
        .unwrap();
    wait_for_external(&a, "192.0.2.7");
    a.wait_state(State::Master);
    assert_eq!(addresses(&lan.a), before);
    a.shutdown();
    assert_eq!(addresses(&lan.a), before);
    let changes = monitor.stop().unwrap();
    assert!(!changes.contains("Deleted"), "{changes}");

    // With the mark it is stale.
    lan.a.add_marked(&format!("{VIP}/24"));
    let a = Node::start(&lan.a, vec![calm_spec(51, 50)]);
    assert_eq!(addresses(&lan.a), before);
    a.shutdown();
}

#[testbed::host_test]
fn a_router_of_another_driver_is_refused_and_keeps_its_address() {
    let lan = Lan::new();
    let first = Node::start(&lan.a, vec![calm_spec(51, 150)]);
    first.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    let monitor = lan.a.monitor("address");
    let other = |vrid: u8| {
        let mut spec = calm_spec(vrid, 100);
        spec.name = format!("VI_{vrid}");
        spec.with_virtual_addresses([vip("192.0.2.52")])
    };
    let refused = |error: Error| {
        let own = std::process::id();
        let is_own = matches!(error, Error::RouterTaken { vrid, pid, .. } if vrid.get() == 51 && pid == Some(own));
        assert!(is_own, "{error}");
    };
    let same = vec![other(52), calm_spec(51, 100)];
    refused(
        Node::try_start(&lan.a, same.clone(), || {})
            .map(drop)
            .unwrap_err(),
    );
    // Of a refused configuration nothing remains claimed.
    let second = Node::start(&lan.a, vec![other(52)]);
    second.wait_state(State::Master);
    refused(second.reload(same.clone()).unwrap_err());
    assert_eq!(second.state(), State::Master);
    assert!(lan.a.holds(VIP));
    // In another network namespace it is another router.
    let elsewhere = Node::start(&lan.b, vec![calm_spec(51, 100)]);
    elsewhere.wait_state(State::Backup);
    assert_eq!(first.state(), State::Master);
    let changes = monitor.stop().unwrap();
    assert!(!changes.contains("Deleted"), "{changes}");

    // A router that was removed can be run by the other.
    first.reload(vec![other(53)]).unwrap();
    second.reload(same).unwrap();
    first.shutdown();
    second.shutdown();
}
