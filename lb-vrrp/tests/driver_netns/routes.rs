// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules that come with mastership and go with it.

use lb_vrrp::driver::{Event, LinkProblem};
use lb_vrrp::spec::RouterSpec;
use lb_vrrp::{
    AddressFamily, NextHop, RouteKind, RouteMetric, RuleAction, State, VirtualRoute, VirtualRule,
};

use super::netns::{Lan, Namespace, Node, wait_for};
use super::{VIP, calm_spec};

fn route(destination: &str) -> VirtualRoute {
    VirtualRoute::new(destination.parse().unwrap())
}

/// By a gateway, with the virtual address as source: it needs that first, and a rule after it.
fn routes() -> Vec<VirtualRoute> {
    let gateway = "192.0.2.3".parse().unwrap();
    vec![
        route("198.51.100.0/24")
            .with_gateway(gateway)
            .with_source(VIP.parse().unwrap()),
        route("0.0.0.0/0")
            .with_gateway(gateway)
            .with_interface("eth0")
            .with_table(1000)
            .with_metric(7)
            .with_connection_metric(RouteMetric::Mtu, 1400),
        route("203.0.113.0/24").with_kind(RouteKind::Blackhole),
    ]
}

fn rules() -> Vec<VirtualRule> {
    vec![
        VirtualRule::new(AddressFamily::Ipv4, 900, RuleAction::Table(1000))
            .with_from(VIP.parse().unwrap()),
        VirtualRule::new(AddressFamily::Ipv4, 901, RuleAction::Prohibit)
            .with_mark(0x10, 0xf0)
            .with_input("eth0"),
    ]
}

pub(crate) fn spec(priority: u8) -> RouterSpec {
    calm_spec(51, priority)
        .with_virtual_routes(routes())
        .with_virtual_rules(rules())
}

/// Lines of ours, with blanks made one.
fn ours(host: &Namespace, words: &str) -> Vec<String> {
    let listing = host.ip(words);
    listing
        .lines()
        .filter(|line| line.contains("proto keepalived"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

pub(crate) fn all(host: &Namespace) -> Vec<String> {
    let mut all = ours(host, "route show table all");
    all.extend(ours(host, "rule show"));
    all
}

pub(crate) const ALL: [&str; 5] = [
    "default via 192.0.2.3 dev eth0 table 1000 proto keepalived metric 7 mtu 1400",
    "198.51.100.0/24 via 192.0.2.3 dev eth0 proto keepalived src 192.0.2.100",
    "blackhole 203.0.113.0/24 proto keepalived",
    "900: from 192.0.2.100 lookup 1000 proto keepalived",
    "901: from all fwmark 0x10/0xf0 iif eth0 prohibit proto keepalived",
];

pub(crate) fn wait_all(host: &Namespace, wanted: &[&str]) {
    let mut last = Vec::new();
    wait_for("routes and rules", || {
        let now = all(host);
        let equal = now == wanted;
        if !equal && now != last {
            println!("now {now:?}");
            last = now;
        }
        equal.then_some(())
    });
}

#[testbed::host_test]
fn routes_and_rules_follow_the_master() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![spec(150)]);
    let b = Node::start(&lan.b, vec![spec(100)]);
    wait_all(&lan.a, &ALL);
    assert_eq!(all(&lan.b), Vec::<String>::new());

    a.shutdown();
    assert_eq!(all(&lan.a), Vec::<String>::new());
    wait_all(&lan.b, &ALL);
    assert!(lan.b.holds(VIP));
    b.shutdown();
    assert_eq!(all(&lan.b), Vec::<String>::new());
}

#[testbed::host_test]
fn deleted_routes_and_rules_are_restored() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![spec(150)]);
    wait_all(&lan.a, &ALL);
    lan.a.ip("route del 198.51.100.0/24");
    wait_all(&lan.a, &ALL);
    lan.a.ip("rule del prio 900");
    wait_all(&lan.a, &ALL);
    // The kernel removes routes with their source without a notification.
    lan.a.ip(&format!("addr del {VIP}/24 dev eth0"));
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    wait_all(&lan.a, &ALL);
    assert_eq!(a.state(), State::Master);
    wait_for("three events", || {
        let restored = a.drain();
        restored
            .iter()
            .any(|event| matches!(event, Event::RouteRestored { .. }))
            .then_some(())
    });
}

#[testbed::host_test]
fn what_a_crash_left_is_removed_and_what_is_not_ours_stays() {
    let lan = Lan::new();
    lan.a
        .ip("route add 198.51.100.0/24 via 192.0.2.2 proto keepalived");
    lan.a
        .ip("route add 10.9.0.0/16 dev eth0 table 77 proto keepalived");
    lan.a
        .ip("-6 route add 2001:db8:9::/48 dev eth0 proto keepalived");
    lan.a
        .ip("rule add from 10.9.0.1 lookup 77 proto keepalived prio 50");
    lan.a.ip("route add 10.8.0.0/16 dev eth0");
    lan.a.ip("rule add from 10.8.0.1 lookup 78 prio 51");
    // Ours has the same destination, and goes first.
    lan.a.ip("route add 203.0.113.0/24 via 192.0.2.2");
    let a = Node::start(&lan.a, vec![spec(150)]);
    assert_eq!(all(&lan.a), Vec::<String>::new());
    assert_eq!(ours(&lan.a, "-6 route show"), Vec::<String>::new());
    wait_all(&lan.a, &ALL);
    a.shutdown();
    for (words, kept) in [
        ("route show", "10.8.0.0/16 dev eth0"),
        ("route show", "203.0.113.0/24 via 192.0.2.2"),
        ("rule show", "from 10.8.0.1 lookup 78"),
    ] {
        let listing = lan.a.ip(words);
        assert!(listing.contains(kept), "{listing}");
    }
}

#[testbed::host_test]
fn a_reload_changes_only_the_routes_that_differ() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![spec(150)]);
    wait_all(&lan.a, &ALL);
    let monitor = lan.a.monitor("route rule");
    let mut changed = routes();
    changed.remove(2);
    changed.push(
        route("198.18.0.0/15")
            .with_next_hop(NextHop::new(Some("192.0.2.2".parse().unwrap()), None))
            .with_next_hop(NextHop::new(Some("192.0.2.3".parse().unwrap()), None).with_weight(3)),
    );
    a.reload(vec![
        calm_spec(51, 150)
            .with_virtual_routes(changed)
            .with_virtual_rules(rules()),
    ])
    .unwrap();
    wait_for("the new route", || {
        lan.a
            .ip("route show 198.18.0.0/15")
            .contains("weight 3")
            .then_some(())
    });
    wait_for("the old route to go", || {
        lan.a
            .ip("route show 203.0.113.0/24")
            .is_empty()
            .then_some(())
    });
    a.wait_sent(1);
    let seen = monitor.stop().unwrap();
    let seen: Vec<&str> = seen
        .lines()
        .filter(|line| line.contains("proto keepalived"))
        .collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        seen[0].contains("Deleted blackhole 203.0.113.0/24"),
        "{seen:?}"
    );
    assert!(seen[1].contains("198.18.0.0/15"), "{seen:?}");
    assert_eq!(a.state(), State::Master);
}

#[testbed::host_test]
fn impossible_route_is_reported_and_retried() {
    let lan = Lan::new();
    let spec = calm_spec(51, 150)
        .with_virtual_routes([route("198.51.100.0/24").with_gateway("10.77.0.1".parse().unwrap())]);
    let a = Node::start(&lan.a, vec![spec]);
    let error = wait_for("the event", || {
        a.drain().into_iter().find_map(|event| match event {
            Event::RouteFailed { error, .. } => Some(error),
            _ => None,
        })
    });
    assert_eq!(
        error.to_string(),
        "cannot add route 198.51.100.0/24 via 10.77.0.1"
    );
    assert_eq!(a.state(), State::Master);
    assert!(lan.a.holds(VIP));
    lan.a.ip("addr add 10.77.0.9/24 dev eth0");
    wait_all(
        &lan.a,
        &["198.51.100.0/24 via 10.77.0.1 dev eth0 proto keepalived"],
    );
}

#[testbed::host_test]
fn route_interface_is_tracked_unless_no_track() {
    let lan = Lan::new();
    lan.a.ip("link add side0 up type veth peer name side1");
    lan.a.ip("link set side1 up");
    let over = |tracked| {
        calm_spec(51, 150).with_virtual_routes([route("10.5.0.0/16")
            .with_interface("side0")
            .with_tracked(tracked)])
    };
    let a = Node::start(&lan.a, vec![over(true)]);
    let wanted = ["10.5.0.0/16 dev side0 proto keepalived"];
    wait_all(&lan.a, &wanted);
    lan.a.ip("link set side0 down");
    a.wait_state(State::Fault);
    assert!(a.drain().iter().any(|event| matches!(
        event,
        Event::LinkChanged {
            problem: Some(LinkProblem::Down),
            ..
        }
    )));
    lan.a.ip("link set side0 up");
    wait_all(&lan.a, &wanted);
    a.reload(vec![over(false)]).unwrap();
    lan.a.ip("link del side0");
    wait_all(&lan.a, &[]);
    assert_eq!(a.state(), State::Master);
    lan.a.ip("link add side0 up type veth peer name side1");
    lan.a.ip("link set side1 up");
    wait_all(&lan.a, &wanted);
    assert_eq!(a.state(), State::Master);
}

#[testbed::host_test]
fn ipv6_routes_and_rules_too() {
    let lan = Lan::new();
    let spec = super::ipv6::spec(150)
        .with_virtual_routes([route("2001:db8:5::/48")
            .with_gateway("fe80::99".parse().unwrap())
            .with_interface("eth0")
            .with_source("2001:db8::100".parse().unwrap())])
        .with_virtual_rules([
            VirtualRule::new(AddressFamily::Ipv6, 700, RuleAction::Table(500))
                .with_to("2001:db8:6::/48".parse().unwrap())
                .with_invert(true),
        ]);
    let a = Node::start(&lan.a, vec![spec]);
    let all = || {
        let mut all = ours(&lan.a, "-6 route show table all");
        all.extend(ours(&lan.a, "-6 rule show"));
        all
    };
    wait_for("routes and rules", || (all().len() == 2).then_some(()));
    let seen = all();
    assert!(
        seen[0].starts_with(
            "2001:db8:5::/48 via fe80::99 dev eth0 proto keepalived src 2001:db8::100"
        ),
        "{seen:?}"
    );
    assert!(
        seen[1].contains("700: not from all to 2001:db8:6::/48 lookup 500 proto keepalived"),
        "{seen:?}"
    );
    a.shutdown();
    assert_eq!(all(), Vec::<String>::new());
}

/// The kernel matches a rule with more attributes by one with fewer, when it adds and when it deletes.
#[testbed::host_test]
fn rules_of_one_priority_are_distinguished() {
    let lan = Lan::new();
    let rule = || VirtualRule::new(AddressFamily::Ipv4, 200, RuleAction::Table(9));
    let special = [
        rule().with_mark(6, u32::MAX),
        rule().with_mark(7, u32::MAX),
        rule().with_from("10.0.0.1".parse().unwrap()),
        rule()
            .with_mark(6, u32::MAX)
            .with_suppress_prefix_len(0)
            .with_ip_protocol(6)
            .with_source_ports(1..=9)
            .with_destination_ports(80..=81)
            // The only one that an ordinary user's namespace has.
            .with_users(0..=0)
            .with_suppress_interface_group(3),
    ];
    let router = |rules: &[VirtualRule]| calm_spec(51, 150).with_virtual_rules(rules.to_vec());
    let every: Vec<VirtualRule> = special.iter().cloned().chain([rule()]).collect();
    // Another's, which has all that the plain one names.
    lan.a.ip("rule add fwmark 8 lookup 9 prio 200");
    let a = Node::start(&lan.a, vec![router(&every)]);
    let lines = [
        "200: from all fwmark 0x6 lookup 9 proto keepalived",
        "200: from all fwmark 0x7 lookup 9 proto keepalived",
        "200: from 10.0.0.1 lookup 9 proto keepalived",
        "200: from all fwmark 0x6 uidrange 0-0 ipproto tcp sport 1-9 dport 80-81 lookup 9 \
         suppress_prefixlength 0 suppress_ifgroup 3 proto keepalived",
        "200: from all lookup 9 proto keepalived",
    ];
    wait_all(&lan.a, &lines);

    let missing = |without: &[&str]| {
        wait_for("the other rules", || {
            let mut seen = all(&lan.a);
            seen.sort();
            let mut wanted: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            wanted.retain(|line| !without.contains(&line.as_str()));
            wanted.sort();
            (seen == wanted).then_some(())
        });
    };
    a.reload(vec![router(&special)]).unwrap();
    missing(&[lines[4]]);
    a.reload(vec![router(&special[1..])]).unwrap();
    missing(&[lines[0], lines[4]]);
    a.shutdown();
    assert_eq!(all(&lan.a), Vec::<String>::new());
    let listing = lan.a.ip("rule show");
    assert!(listing.contains("fwmark 0x8 lookup 9"), "{listing}");
}
