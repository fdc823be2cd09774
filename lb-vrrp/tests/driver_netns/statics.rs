// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules.

use std::process::Command;
use std::time::Duration;

use lb_vrrp::driver::{self, Driver, DriverOptions, DriverStatus, Event, StaticProblem};
use lb_vrrp::spec::{Configuration, RouterSpec};
use lb_vrrp::{
    AddressFamily, CarrierDelay, NextHop, RouteKind, RouteMetric, RuleAction, State, StaticItem,
    StaticItems, TrackGroup, VirtualAddress, VirtualRoute, VirtualRule,
};

use super::handover::hand_over;
use super::netns::{Lan, Namespace, Node, pause, wait_for};
use super::routes::{all, wait_all};
use super::{Killed, VIP, calm_spec, quick_spec, transitions};

const OWN: &str = "198.51.100.11";

fn address() -> VirtualAddress {
    VirtualAddress::new(OWN.parse().unwrap())
        .with_prefix_len(24)
        .with_interface("eth0")
        .with_label("eth0:own")
}

fn route(destination: &str) -> VirtualRoute {
    VirtualRoute::new(destination.parse().unwrap())
}

/// By a gateway that only the static address reaches.
fn beyond() -> VirtualRoute {
    route("203.0.113.0/24")
        .with_gateway("198.51.100.1".parse().unwrap())
        .with_source(OWN.parse().unwrap())
}

fn rule() -> VirtualRule {
    VirtualRule::new(AddressFamily::Ipv4, 800, RuleAction::Table(1000))
        .with_from(OWN.parse().unwrap())
}

const ROUTING: [&str; 2] = [
    "203.0.113.0/24 via 198.51.100.1 dev eth0 proto keepalived src 198.51.100.11",
    "800: from 198.51.100.11 lookup 1000 proto keepalived",
];

fn three() -> StaticItems {
    StaticItems::default()
        .with_address(address())
        .with_route(beyond())
        .with_rule(rule())
}

fn with(statics: StaticItems, routers: Vec<RouterSpec>) -> Configuration {
    Configuration::new(routers).with_statics(statics)
}

/// All three are there.
fn wait_three(host: &Namespace) {
    wait_all(host, &ROUTING);
    assert!(host.holds(OWN));
}

fn nothing(host: &Namespace) {
    assert_eq!(all(host), Vec::<String>::new());
    assert!(!host.holds(OWN));
}

fn missing_items(status: &DriverStatus) -> Vec<String> {
    let items = status.statics.iter();
    items
        .map(|entry| format!("{}: {}", entry.item, entry.problem))
        .collect()
}

fn wait_missing(node: &Node, wanted: &[&str]) {
    wait_for("the missing items", || {
        (missing_items(&node.status()) == wanted).then_some(())
    });
}

fn restored(node: &Node) -> Vec<String> {
    let item = |event| match event {
        Event::StaticRestored { item, .. } => Some(item.to_string()),
        _ => None,
    };
    node.drain().into_iter().filter_map(item).collect()
}

#[testbed::host_test]
fn static_items_are_there_without_any_router_and_gone_after_the_stop() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, with(three(), Vec::new()));
    wait_three(&lan.a);
    assert!(
        lan.a
            .address(OWN)
            .unwrap()
            .contains("\"label\":\"eth0:own\"")
    );
    assert_eq!(missing_items(&a.status()), Vec::<String>::new());
    a.shutdown();
    nothing(&lan.a);
}

#[testbed::host_test]
fn static_items_are_independent_of_the_state() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, with(three(), vec![quick_spec(100)]));
    wait_three(&lan.a);
    a.wait_state(State::Master);
    let monitor = lan.a.monitor("address route rule");
    let b = Node::start(&lan.b, vec![quick_spec(150)]);
    a.wait_state(State::Backup);
    b.shutdown();
    a.wait_state(State::Master);
    wait_for("the virtual address", || lan.a.holds(VIP).then_some(()));
    let seen = monitor.stop().unwrap();
    assert!(!seen.contains(OWN), "{seen}");
    wait_three(&lan.a);
}

#[testbed::host_test]
fn static_items_that_vanish_are_put_back() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, with(three(), Vec::new()));
    wait_three(&lan.a);
    // The route goes with its source.
    lan.a.ip(&format!("addr del {OWN}/24 dev eth0"));
    wait_for("the address", || lan.a.holds(OWN).then_some(()));
    wait_three(&lan.a);
    lan.a.ip("rule del prio 800");
    wait_three(&lan.a);
    lan.a.ip("route del 203.0.113.0/24");
    wait_three(&lan.a);
    let mut reports = Vec::new();
    wait_for("the events", || {
        reports.extend(restored(&a));
        let has = |what: &str| reports.iter().any(|name| name.starts_with(what));
        (has("address") && has("route") && has("rule")).then_some(())
    });

    // The kernel takes routes away without a word when an interface is set down.
    lan.a.ip("link set eth0 down");
    wait_for("the route to go", || {
        lan.a
            .ip("route show 203.0.113.0/24")
            .is_empty()
            .then_some(())
    });
    wait_missing(
        &a,
        &[
            "route 203.0.113.0/24 via 198.51.100.1 src 198.51.100.11: Network is unreachable (os error 101)",
        ],
    );
    lan.a.ip("link set eth0 up");
    wait_three(&lan.a);
    wait_missing(&a, &[]);
}

/// The kernel takes the route away without a word, and the loss of the carrier never counts.
#[testbed::host_test]
fn a_route_is_put_back_after_a_loss_that_was_too_short_to_count() {
    let lan = Lan::new();
    // With IPv6 the kernel would notify the loss of a link-local address.
    lan.a.set("ipv6/conf/eth0/disable_ipv6", "1");
    let long = Duration::from_secs(200);
    let statics = StaticItems::default().with_route(route("10.5.0.0/16").with_interface("eth0"));
    let virtual_route = route("10.6.0.0/16").with_interface("eth0");
    let routers = vec![calm_spec(51, 150).with_virtual_routes([virtual_route])];
    let configuration =
        with(statics, routers).with_carrier_delays([CarrierDelay::new("eth0", long, long)]);
    let a = Node::start(&lan.a, configuration);
    let both = [
        "10.5.0.0/16 dev eth0 proto keepalived",
        "10.6.0.0/16 dev eth0 proto keepalived",
    ];
    wait_all(&lan.a, &both);
    transitions(&a);
    lan.a.ip("link set eth0 down");
    assert_eq!(all(&lan.a), Vec::<String>::new());
    lan.a.ip("link set eth0 up");
    wait_all(&lan.a, &both);
    assert_eq!(transitions(&a), []);
}

#[testbed::host_test]
fn an_interface_that_comes_late_or_again_gets_its_items() {
    let lan = Lan::new();
    let on = |name: &str| {
        StaticItems::default()
            .with_address(
                address()
                    .with_interface(name)
                    .with_label(format!("{name}:x")),
            )
            .with_route(route("10.5.0.0/16").with_interface(name))
            .with_address(
                VirtualAddress::new("2001:db8:7::1".parse().unwrap())
                    .with_prefix_len(64)
                    .with_interface(name),
            )
    };
    let a = Node::start(&lan.a, with(on("side0"), Vec::new()));
    let missing = [
        "address 198.51.100.11/24 dev side0: interface side0 missing",
        "address 2001:db8:7::1/64 dev side0: interface side0 missing",
        "route 10.5.0.0/16 dev side0: interface side0 missing",
    ];
    wait_missing(&a, &missing);
    for _ in 0..2 {
        lan.a.ip("link add side0 up type veth peer name side1");
        lan.a.ip("link set side1 up");
        wait_all(&lan.a, &["10.5.0.0/16 dev side0 proto keepalived"]);
        wait_for("the address", || lan.a.holds("2001:db8:7::1").then_some(()));
        assert!(lan.a.holds(OWN));
        wait_missing(&a, &[]);
        lan.a.ip("link del side0");
        wait_missing(&a, &missing);
    }
    a.shutdown();
}

#[testbed::host_test]
fn a_reload_touches_only_the_items_that_differ() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, with(three(), Vec::new()));
    wait_three(&lan.a);
    let monitor = lan.a.monitor("address route rule");
    let more = three()
        .with_address(VirtualAddress::new([10, 7, 0, 1].into()).with_interface("eth0"))
        .with_route(route("10.8.0.0/16").with_interface("eth0"));
    a.reload(with(more, Vec::new())).unwrap();
    wait_for("the new address", || lan.a.holds("10.7.0.1").then_some(()));
    wait_for("the new route", || {
        (!lan.a.ip("route show 10.8.0.0/16").is_empty()).then_some(())
    });
    a.reload(with(three(), Vec::new())).unwrap();
    wait_for("the new address to go", || {
        (!lan.a.holds("10.7.0.1")).then_some(())
    });
    wait_three(&lan.a);
    let seen = monitor.stop().unwrap();
    assert!(!seen.contains(OWN), "{seen}");
    // Another prefix is another address.
    let other = StaticItems::default().with_address(address().with_prefix_len(25));
    a.reload(with(other, Vec::new())).unwrap();
    wait_for("the other prefix", || {
        let entry = lan.a.address(OWN)?;
        entry.contains("\"prefixlen\":25").then_some(())
    });
    wait_all(&lan.a, &[]);
    a.reload(Vec::new()).unwrap();
    wait_for("the end of it", || (!lan.a.holds(OWN)).then_some(()));
}

/// Some of everything, in what the next program wants too.
fn kept() -> StaticItems {
    let v6 = |address: &str| VirtualAddress::new(address.parse().unwrap()).with_interface("eth0");
    let hop = |last: u8| NextHop::new(Some([192, 0, 2, last].into()), None);
    three()
        .with_address(v6("2001:db8:7::1").with_prefix_len(64))
        .with_address(v6("2001:db8:7::2"))
        .with_route(
            route("10.6.0.0/16")
                .with_interface("eth0")
                .with_table(77)
                .with_metric(5),
        )
        .with_route(route("2001:db8:8::/48").with_interface("eth0"))
        .with_route(
            route("10.9.0.0/16")
                .with_next_hop(hop(2))
                .with_next_hop(hop(3).with_weight(3)),
        )
        .with_route(
            route("10.10.0.0/16")
                .with_interface("eth0")
                .with_connection_metric(RouteMetric::Mtu, 1400),
        )
        .with_route(route("10.12.0.0/16").with_kind(RouteKind::Blackhole))
        .with_rule(
            VirtualRule::new(AddressFamily::Ipv6, 810, RuleAction::Table(9))
                .with_to("2001:db8:6::/48".parse().unwrap()),
        )
}

/// The driver of `a_start_removes…`, in a process that can be killed.
#[test]
fn child_statics() {
    if std::env::var_os("LB_VRRP_CHILD").is_none() {
        return;
    }
    let statics = kept()
        .with_address(VirtualAddress::new([10, 7, 0, 1].into()).with_interface("eth0"))
        .with_address(
            VirtualAddress::new([10, 7, 0, 3].into())
                .with_interface("eth0")
                .with_label("eth0:old"),
        )
        .with_route(route("10.8.0.0/16").with_interface("eth0"))
        .with_rule(VirtualRule::new(
            AddressFamily::Ipv4,
            801,
            RuleAction::Table(9),
        ));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (_handle, mut events) =
            Driver::start(with(statics, Vec::new()), DriverOptions::default())
                .await
                .unwrap();
        while events.recv().await.is_some() {}
    });
}

/// How many of the addresses of `child_statics`, and of routes and rules, there are.
fn every(host: &Namespace) -> (usize, usize) {
    let addresses = [
        OWN,
        "2001:db8:7::1",
        "2001:db8:7::2",
        "10.7.0.1",
        "10.7.0.3",
    ];
    let listing = host.ip("-6 rule show");
    let rules = listing
        .lines()
        .filter(|line| line.contains("proto keepalived"));
    (
        addresses
            .iter()
            .filter(|address| host.holds(address))
            .count(),
        all(host).len() + rules.count(),
    )
}

#[testbed::host_test]
fn a_start_removes_what_a_crash_left_and_lets_stay_what_is_still_wanted() {
    let lan = Lan::new();
    let mut child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "statics::child_statics", "--nocapture"])
            .env("LB_VRRP_CHILD", "1")
            .spawn()
            .unwrap()
    }));
    wait_for("all of it", || (every(&lan.a) == (5, 7 + 3)).then_some(()));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(every(&lan.a), (5, 10), "the crash left the items");
    lan.a.ip("addr add 10.7.0.2/32 dev eth0");
    // The kernel's own changes of a new interface are complete.
    wait_for("duplicate detection", || {
        let tentative = lan.a.ip("-6 -o addr show tentative");
        tentative.is_empty().then_some(())
    });

    let monitor = lan.a.monitor("address route rule");
    let wanted =
        kept().with_address(VirtualAddress::new([10, 7, 0, 3].into()).with_interface("eth0"));
    let a = Node::start(&lan.a, with(wanted, Vec::new()));
    wait_for("the crash to be cleaned up", || {
        (every(&lan.a) == (4, 6 + 2)).then_some(())
    });
    wait_missing(&a, &[]);
    // Without routers nothing passes that could be counted. What is not wanted is removed at once.
    pause(Duration::from_millis(100));
    let seen = monitor.stop().unwrap();
    // One has another label, which is another address.
    let touched = ["10.7.0.1", "10.7.0.3", "10.8.0.0/16", "801:"];
    for line in seen.lines().filter(|line| !line.starts_with(' ')) {
        assert!(touched.iter().any(|part| line.contains(part)), "{seen}");
    }
    let entry = lan.a.address("10.7.0.3").unwrap();
    assert!(entry.contains("\"label\":\"eth0\""), "{entry}");
    assert!(lan.a.holds("10.7.0.2"), "what is not ours stays");
    a.shutdown();
    assert_eq!(every(&lan.a), (0, 0));
}

#[testbed::host_test]
fn what_a_crash_left_is_removed_without_anything_to_run() {
    let lan = Lan::new();
    let mut child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "statics::child_statics", "--nocapture"])
            .env("LB_VRRP_CHILD", "1")
            .spawn()
            .unwrap()
    }));
    let remove = || {
        lan.a.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(driver::remove_stale_objects()).unwrap();
        });
    };
    wait_for("all of it", || (every(&lan.a) == (5, 7 + 3)).then_some(()));
    lan.a.ip("addr add 10.7.0.2/32 dev eth0");
    // It lives.
    remove();
    assert_eq!(every(&lan.a), (5, 10));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    remove();
    assert_eq!(every(&lan.a), (0, 0));
    assert!(lan.a.holds("10.7.0.2"), "what is not ours stays");
    remove();
}

#[testbed::host_test]
fn what_another_driver_holds_is_not_left_over() {
    let lan = Lan::new();
    let first = Node::start(&lan.a, with(three(), vec![calm_spec(51, 150)]));
    first.wait_state(State::Master);
    wait_three(&lan.a);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    let monitor = lan.a.monitor("address route rule");
    let other = StaticItems::default()
        .with_address(VirtualAddress::new([10, 7, 0, 1].into()).with_interface("eth0"));
    let second = Node::start(&lan.a, with(other, Vec::new()));
    wait_for("the address", || lan.a.holds("10.7.0.1").then_some(()));
    second.shutdown();
    assert!(!lan.a.holds("10.7.0.1"));
    let seen = monitor.stop().unwrap();
    assert!(!seen.contains(OWN) && !seen.contains(VIP), "{seen}");
    assert_eq!(first.state(), State::Master);
}

#[testbed::host_test]
fn upgrade_keeps_static_items_and_removes_unconfigured_ones() {
    let lan = Lan::new();
    let more = three()
        .with_address(VirtualAddress::new([10, 7, 0, 1].into()).with_interface("eth0"))
        .with_route(route("10.8.0.0/16").with_interface("eth0"));
    let a = Node::start(&lan.a, with(more, vec![calm_spec(51, 150)]));
    a.wait_state(State::Master);
    wait_for("all", || {
        (all(&lan.a).len() == 3 && lan.a.holds("10.7.0.1")).then_some(())
    });
    let monitor = lan.a.monitor("address route rule");
    let new = hand_over(&lan.a, a, with(three(), vec![calm_spec(51, 150)]));
    wait_for("what is wanted no more to go", || {
        (all(&lan.a) == ROUTING && !lan.a.holds("10.7.0.1")).then_some(())
    });
    new.wait_sent(1);
    let seen = monitor.stop().unwrap();
    assert!(!seen.contains(OWN) && !seen.contains(VIP), "{seen}");
    assert_eq!(new.state(), State::Master);
    // It looks after them.
    lan.a.ip(&format!("addr del {OWN}/24 dev eth0"));
    wait_for("the address", || lan.a.holds(OWN).then_some(()));
    wait_three(&lan.a);
    new.shutdown();
    nothing(&lan.a);
}

#[testbed::host_test]
fn an_item_that_cannot_be_restored_puts_its_group_into_fault() {
    let lan = Lan::new();
    lan.a.ip("link add side0 up type veth peer name side1");
    lan.a.ip("link set side1 up");
    let needed = StaticItem::from(route("10.5.0.0/16").with_interface("side0")).with_group("G");
    let statics = three()
        .with_route(needed)
        .with_group(TrackGroup::new("G", ["VI_1"]));
    let mut other = calm_spec(52, 150);
    other.name = "VI_2".to_owned();
    other.virtual_addresses = Vec::new();
    let routers = || vec![calm_spec(51, 150), other.clone()];
    let a = Node::start(&lan.a, with(statics.clone(), routers()));
    a.wait_state(State::Master);
    // Deleted and restored: no router changes its state.
    transitions(&a);
    lan.a.ip("route del 10.5.0.0/16");
    wait_for("the route", || {
        (!lan.a.ip("route show 10.5.0.0/16").is_empty()).then_some(())
    });
    assert_eq!(transitions(&a), []);
    for (gone, back) in [
        ("link set side0 down", vec!["link set side0 up"]),
        (
            "link del side0",
            vec![
                "link add side0 up type veth peer name side1",
                "link set side1 up",
            ],
        ),
    ] {
        lan.a.ip(gone);
        a.wait_state(State::Fault);
        let status = a.status();
        let [first, second] = &status.routers[..] else {
            panic!("{status:?}");
        };
        let tracked: Vec<String> = first
            .tracked
            .iter()
            .map(|tracked| format!("{} {}", tracked.object, tracked.fault))
            .collect();
        assert_eq!(tracked, ["static route 10.5.0.0/16 dev side0 true"]);
        assert_eq!(first.faults.to_string(), "tracked object failed");
        assert_eq!(second.state, State::Master, "it is in no group");
        wait_for("the address to go", || (!lan.a.holds(VIP)).then_some(()));
        // The kernel may refuse the route before the driver has read that the link is gone.
        wait_for("the state of the link", || {
            let status = a.status();
            let [item] = &status.statics[..] else {
                panic!("{status:?}");
            };
            assert_eq!(item.group.as_deref(), Some("G"));
            matches!(
                item.problem,
                StaticProblem::Down(_) | StaticProblem::Missing(_)
            )
            .then_some(())
        });
        for words in back {
            lan.a.ip(words);
        }
        a.wait_state(State::Master);
        wait_missing(&a, &[]);
    }
    // An item that a reload changes.
    lan.a.ip("link set side0 down");
    a.wait_state(State::Fault);
    a.reload(with(three(), routers())).unwrap();
    a.wait_state(State::Master);
    a.reload(with(statics, routers())).unwrap();
    a.wait_state(State::Fault);
}

#[testbed::host_test]
fn what_is_not_tracked_is_put_there_once() {
    let lan = Lan::new();
    let statics = StaticItems::default()
        .with_address(address().with_tracked(false))
        .with_route(
            route("10.8.0.0/16")
                .with_interface("eth0")
                .with_tracked(false),
        )
        .with_route(route("10.9.0.0/16").with_interface("eth0"))
        .with_rule(rule().with_tracked(false));
    let a = Node::start(&lan.a, with(statics.clone(), Vec::new()));
    wait_for("all of it", || (all(&lan.a).len() == 3).then_some(()));
    lan.a.ip(&format!("addr del {OWN}/24 dev eth0"));
    lan.a.ip("route del 10.8.0.0/16");
    lan.a.ip("rule del prio 800");
    // This one is put back, by when the others would have been.
    lan.a.ip("route del 10.9.0.0/16");
    let left = ["10.9.0.0/16 dev eth0 proto keepalived"];
    wait_all(&lan.a, &left);
    // What fails is tried again after a second.
    pause(Duration::from_millis(1200));
    wait_all(&lan.a, &left);
    assert!(!lan.a.holds(OWN));
    assert_eq!(missing_items(&a.status()), Vec::<String>::new());
    // Nor by a reload that does not change them, nor by an upgrade.
    let more =
        statics.with_address(VirtualAddress::new([10, 7, 0, 1].into()).with_interface("eth0"));
    a.reload(with(more.clone(), Vec::new())).unwrap();
    wait_for("the new address", || lan.a.holds("10.7.0.1").then_some(()));
    let new = hand_over(&lan.a, a, with(more, Vec::new()));
    pause(Duration::from_millis(1200));
    wait_all(&lan.a, &left);
    assert!(!lan.a.holds(OWN));
    new.shutdown();
    assert_eq!(all(&lan.a), Vec::<String>::new());
    assert!(!lan.a.holds("10.7.0.1"));
}

/// The only address of the interface, and so the source of adverts.
#[testbed::host_test]
fn a_router_begins_with_its_static_source() {
    let lan = Lan::new();
    lan.a.ip("addr flush dev eth0");
    let own = VirtualAddress::new([192, 0, 2, 1].into())
        .with_prefix_len(24)
        .with_interface("eth0");
    let statics = || StaticItems::default().with_address(own.clone());
    let a = Node::start(&lan.a, with(statics(), vec![quick_spec(150)]));
    a.wait_state(State::Master);
    let states = [
        (State::Initialize, State::Backup),
        (State::Backup, State::Master),
    ];
    // The status may be ahead of the events.
    let mut seen = Vec::new();
    wait_for("both transitions", || {
        seen.extend(transitions(&a));
        (seen.len() >= states.len()).then_some(())
    });
    assert_eq!(seen, states);
    assert_eq!(a.status().routers[0].source, Some([192, 0, 2, 1].into()));
    a.shutdown();
    assert!(!lan.a.holds("192.0.2.1"));
}
