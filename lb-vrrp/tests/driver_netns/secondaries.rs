// SPDX-License-Identifier: MIT OR Apache-2.0
//! `promote_secondaries` on the interface of a router.

use std::process::Command;

use lb_vrrp::State;
use lb_vrrp::driver::{Driver, DriverOptions};
use lb_vrrp::spec::RouterSpec;

use super::netns::{Lan, Namespace, Node, wait_for};
use super::{Killed, VIP, calm_spec, vip};

fn promoting(promotes: bool) -> Vec<RouterSpec> {
    // Of the host's own network: a secondary address.
    let spec = calm_spec(51, 150).with_virtual_addresses([vip(VIP)]);
    vec![spec.with_promotes_secondaries(promotes)]
}

fn setting(host: &Namespace) -> String {
    host.setting("ipv4/conf/eth0/promote_secondaries")
}

fn noted(host: &Namespace) -> bool {
    host.ip("link show eth0").contains("promote_secondaries")
}

fn wait_set(host: &Namespace, value: &str) {
    wait_for(value, || (setting(host) == value).then_some(()));
}

/// Whether the kernel takes the virtual address away, if only for a moment, with the first one of
/// its network.
fn is_lost_with_another(host: &Namespace) -> bool {
    let monitor = host.monitor("address");
    host.ip("addr del 192.0.2.1/24 dev eth0");
    let seen = monitor.stop().unwrap();
    host.ip("addr add 192.0.2.1/24 dev eth0");
    assert!(seen.contains("192.0.2.1/24"), "{seen}");
    let mut lines = seen.lines();
    lines.any(|line| line.contains("Deleted") && line.contains(VIP))
}

#[test]
fn child_router_that_promotes() {
    if std::env::var_os("LB_VRRP_CHILD_PROMOTES").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (_handle, mut events) = Driver::start(promoting(true), DriverOptions::default())
            .await
            .unwrap();
        while events.recv().await.is_some() {}
    });
}

#[testbed::host_test]
fn secondaries_are_promoted_while_a_router_asks_for_it() {
    let lan = Lan::new();
    // Adverts have a source without the first one.
    lan.a.ip("addr add 198.51.100.1/24 dev eth0");
    lan.a.set("ipv4/conf/eth0/promote_secondaries", "0");
    let a = Node::start(&lan.a, promoting(true));
    wait_set(&lan.a, "1");
    a.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    // What it is for: the virtual address is not lost with the host's own.
    assert!(!is_lost_with_another(&lan.a));
    a.reload(promoting(false)).unwrap();
    wait_set(&lan.a, "0");
    wait_for("no note", || (!noted(&lan.a)).then_some(()));
    a.shutdown();
    // The host's own was a secondary by now, and went with the virtual one.
    lan.a.ip("addr replace 192.0.2.1/24 dev eth0");
    let a = Node::start(&lan.a, promoting(false));
    a.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    assert!(is_lost_with_another(&lan.a));
    a.wait_state(State::Master);
    a.reload(promoting(true)).unwrap();
    wait_set(&lan.a, "1");
    a.shutdown();
    assert_eq!((setting(&lan.a).as_str(), noted(&lan.a)), ("0", false));

    // It was so before.
    lan.a.set("ipv4/conf/eth0/promote_secondaries", "1");
    let a = Node::start(&lan.a, promoting(true));
    a.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    a.shutdown();
    assert_eq!((setting(&lan.a).as_str(), noted(&lan.a)), ("1", false));
}

#[testbed::host_test]
fn promote_secondaries_of_a_killed_router_is_restored() {
    let lan = Lan::new();
    lan.a.set("ipv4/conf/eth0/promote_secondaries", "0");
    let kill_one = || {
        let mut child = Killed(lan.a.run(|| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "secondaries::child_router_that_promotes"])
                .env("LB_VRRP_CHILD_PROMOTES", "1")
                .spawn()
                .unwrap()
        }));
        wait_set(&lan.a, "1");
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        assert_eq!((setting(&lan.a).as_str(), noted(&lan.a)), ("1", true));
    };
    // One that asks for it, too, puts it back at its end.
    kill_one();
    let a = Node::start(&lan.a, promoting(true));
    a.wait_state(State::Master);
    assert_eq!(setting(&lan.a), "1");
    a.shutdown();
    assert_eq!((setting(&lan.a).as_str(), noted(&lan.a)), ("0", false));

    // One that does not, at once.
    kill_one();
    let a = Node::start(&lan.a, promoting(false));
    wait_set(&lan.a, "0");
    wait_for("no note", || (!noted(&lan.a)).then_some(()));
    a.shutdown();
}

/// The setting is raised where the virtual addresses are, not only on the router's own interface.
#[testbed::host_test]
fn secondaries_are_promoted_on_the_interfaces_of_addresses() {
    let lan = Lan::new();
    lan.connect_as("pa1", &lan.a, "eth1");
    let of_eth1 = || lan.a.setting("ipv4/conf/eth1/promote_secondaries");
    for interface in ["eth0", "eth1"] {
        lan.a
            .set(&format!("ipv4/conf/{interface}/promote_secondaries"), "0");
    }
    let there = vip("198.51.100.100").with_interface("eth1");
    let spec = calm_spec(51, 150).with_virtual_addresses([vip(VIP), there]);
    let a = Node::start(&lan.a, vec![spec.clone().with_promotes_secondaries(true)]);
    wait_set(&lan.a, "1");
    wait_for("the setting of eth1", || (of_eth1() == "1").then_some(()));
    a.reload(vec![spec.with_promotes_secondaries(false)])
        .unwrap();
    wait_set(&lan.a, "0");
    wait_for("the setting of eth1", || (of_eth1() == "0").then_some(()));
    a.shutdown();
}
