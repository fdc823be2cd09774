// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_routes` and `virtual_rules` as they are read from a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};
use lb_core::model::VrrpInstance;

fn parsed(global: &str, block: &str, lines: &[&str]) -> Parsed {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance VI_1 {{\n interface eth0\n \
         virtual_router_id 5\n virtual_ipaddress {{\n  192.0.2.100\n }}\n {block} {{\n{lines} }}\n}}\n"
    );
    config::parse(&text, "t.conf", &Registry::builtin())
}

fn router(block: &str, line: &str) -> (VrrpInstance, String) {
    let parsed = parsed("", block, &[line]);
    let found = parsed.diagnostics().to_string();
    let model = parsed.into_model(Mode::Lenient).unwrap();
    (model.routers[0].clone(), found)
}

#[test]
fn routes_are_read_as_ip_route_would() {
    for (line, shown) in [
        (
            "198.51.100.0/24 via 192.0.2.3 src 192.0.2.100",
            "198.51.100.0/24 via 192.0.2.3 src 192.0.2.100",
        ),
        (
            "default via 192.0.2.3 dev eth0 table 1000 metric 7 mtu 1400",
            "default via 192.0.2.3 dev eth0 table 1000 metric 7 mtu 1400",
        ),
        ("blackhole 203.0.113.0/24", "blackhole 203.0.113.0/24"),
        (
            "unreachable to 203.0.114.0/24 priority 5 table local",
            "unreachable 203.0.114.0/24 table 255 metric 5",
        ),
        (
            "203.0.118.0/24 nexthop via 192.0.2.4 dev eth0 weight 2 nexthop via 192.0.2.5 onlink",
            "203.0.118.0/24 nexthop via 192.0.2.4 dev eth0 weight 2 \
             nexthop via 192.0.2.5 onlink weight 1",
        ),
        (
            "203.0.119.0/24 via 192.0.2.4 or 192.0.2.5",
            "203.0.119.0/24 nexthop via 192.0.2.4 weight 1 nexthop via 192.0.2.5 weight 1",
        ),
        (
            "203.0.120.0/24 gw 10.10.0.1 oif eth0 onlink scope link tos 0x10",
            "203.0.120.0/24 via 10.10.0.1 dev eth0 onlink tos 0x10 scope 253",
        ),
        (
            "203.0.121.0/24 dev eth0 mtu lock 1300 advmss 1200 rto_min 200ms rtt 1s quickack 1 features ecn",
            "203.0.121.0/24 dev eth0 mtu lock 1300 advmss 1200 rto_min 200 rtt 8000 quickack 1 features 1",
        ),
        (
            "203.0.122.0/24 via inet6 fe80::1 dev eth0",
            "203.0.122.0/24 via fe80::1 dev eth0",
        ),
        ("203.0.123.9/24 dev eth0", "203.0.123.0/24 dev eth0"),
        (
            "2001:db8:a::/48 via 2001:db8::9 dev eth0 pref high",
            "2001:db8:a::/48 via 2001:db8::9 dev eth0 pref high",
        ),
        ("inet6 default via 2001:db8::9", "default via 2001:db8::9"),
    ] {
        let line = line.replace("to unreachable", "unreachable");
        let (router, found) = router("virtual_routes", &line);
        assert_eq!(router.spec.virtual_routes.len(), 1, "{line}");
        let route = &router.spec.virtual_routes[0];
        let expected = [
            (
                route.interface.is_none(),
                "a route without `dev` is not tracked",
            ),
            (
                line.contains(" gw "),
                "`gw` is deprecated for routes; write `via`",
            ),
            (
                line.contains(" or "),
                "`or` is deprecated for routes; write `nexthop`",
            ),
        ];
        let expected = expected.iter().filter(|(holds, _)| *holds);
        let expected: Vec<&str> = expected.map(|(_, message)| *message).collect();
        let messages = found
            .lines()
            .map(|line| line.split_once(": warning: ").unwrap().1);
        assert_eq!(messages.collect::<Vec<_>>(), expected, "{line}");
        assert_eq!(router.spec.virtual_routes[0].to_string(), shown, "{line}");
        assert!(router.spec.virtual_routes[0].tracked);
    }
    let (router, _) = router("virtual_routes", "192.0.2.0/25 dev eth0 no_track");
    assert!(!router.spec.virtual_routes[0].tracked);
}

#[test]
fn rules_are_read_as_ip_rule_would() {
    for (line, shown) in [
        (
            "from 192.0.2.101 lookup main preference 77",
            "77: from 192.0.2.101 lookup 254",
        ),
        (
            "not from 192.0.2.102 table 99 priority 100",
            "100: not from 192.0.2.102 lookup 99",
        ),
        (
            "fwmark 0x10/0xf0 iif eth0 prohibit order 101",
            "101: from all fwmark 0x10/0xf0 iif eth0 prohibit",
        ),
        ("goto 32766 priority 150", "150: from all goto 32766"),
        ("type nop priority 151", "151: from all nop"),
        (
            "oif eth0 blackhole priority 152",
            "152: from all oif eth0 blackhole",
        ),
        (
            "tos 0x10 table 9 priority 153",
            "153: from all tos 0x10 lookup 9",
        ),
        (
            "uidrange 10-20 ipproto tcp sport 10-20 dport 80 table 9 priority 155",
            "155: from all uidrange 10-20 ipproto 6 sport 10-20 dport 80-80 lookup 9",
        ),
        (
            "suppress_prefixlength 0 sup_group 3 table main priority 156",
            "156: from all lookup 254 suppress_prefixlength 0 suppress_ifgroup 3",
        ),
        ("l3mdev priority 157", "157: from all l3mdev"),
        (
            "from any to default unreachable priority 158",
            "158: from all unreachable",
        ),
        ("inet6 table 13 priority 159", "159: from all lookup 13"),
    ] {
        let (router, found) = router("virtual_rules", line);
        assert_eq!(found, "", "{line}");
        assert_eq!(router.spec.virtual_rules.len(), 1, "{line}");
        assert_eq!(router.spec.virtual_rules[0].to_string(), shown, "{line}");
    }
}

#[test]
fn rules_without_a_priority_get_one_from_a_family_counting_down() {
    let lines = [
        "from 192.0.2.1 table 9",
        "from 2001:db8::1 table 9",
        "from 192.0.2.2 table 9",
    ];
    let parsed = parsed("", "virtual_rules", &lines);
    assert_eq!(parsed.diagnostics().warnings(), 3);
    assert_eq!(parsed.diagnostics().errors(), 0);
    let model = parsed.into_model(Mode::Strict).unwrap();
    let priorities: Vec<u32> = model.routers[0]
        .spec
        .virtual_rules
        .iter()
        .map(|rule| rule.priority)
        .collect();
    assert_eq!(priorities, [16384, 16384, 16383]);
}

/// Half a route is worse than none: in lenient mode the line is left out, in strict mode the file
/// is refused.
#[test]
fn a_line_with_a_mistake_is_left_out_whole() {
    let mut shown = String::new();
    for (block, line) in [
        ("virtual_routes", "203.0.113.0/24"),
        ("virtual_routes", "203.0.113.0/33 dev eth0"),
        ("virtual_routes", "via 192.0.2.3"),
        ("virtual_routes", "203.0.113.0/24 dev eth0 metrik 5"),
        ("virtual_routes", "203.0.113.0/24 dev eth0 encap ip id 1"),
        ("virtual_routes", "203.0.113.0/24 via 2001:db8::1"),
        ("virtual_routes", "203.0.113.0/24 via"),
        ("virtual_routes", "203.0.113.0/24 dev eth0 table nosuch"),
        ("virtual_routes", "203.0.113.0/24 dev eth0 src 2001:db8::1"),
        ("virtual_routes", "203.0.113.0/24 nexthop weight 2"),
        (
            "virtual_routes",
            "203.0.113.0/24 nexthop via 192.0.2.3 weight 257",
        ),
        ("virtual_routes", "multicast 203.0.113.0/24 dev eth0"),
        ("virtual_routes", "203.0.113.0/24 dev eth0 rto_min soon"),
        ("virtual_rules", "from 192.0.2.1 priority 5"),
        (
            "virtual_rules",
            "from 192.0.2.1 to 2001:db8::1 table 9 priority 5",
        ),
        ("virtual_rules", "table 9 table 10 priority 5"),
        ("virtual_rules", "goto 4 priority 5"),
        ("virtual_rules", "dport 90-80 table 9 priority 5"),
        ("virtual_rules", "realms 5/6 table 9 priority 5"),
        ("virtual_rules", "from 192.0.2.1 tabel 9 priority 5"),
        ("virtual_rules", "fwmark none table 9 priority 5"),
    ] {
        let parsed = parsed("", block, &[line]);
        assert!(parsed.model(Mode::Strict).is_none(), "{line}");
        let model = parsed.model(Mode::Lenient).unwrap();
        assert!(model.routers[0].spec.virtual_routes.is_empty(), "{line}");
        assert!(model.routers[0].spec.virtual_rules.is_empty(), "{line}");
        shown += &format!("{line}\n    {}", parsed.diagnostics());
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn doubtful_lines_are_kept_and_reported() {
    for (block, line, found) in [
        (
            "virtual_routes",
            "203.0.113.0/24 dev eth0 protocol static",
            "t.conf:11:27: warning: a route that is tracked has protocol 18 (keepalived); \
             with `no_track` it has the given one\n",
        ),
        (
            "virtual_routes",
            "203.0.113.0/24 dev eth0 append",
            "t.conf:11:27: warning: a route of ours goes before others of its destination and metric\n",
        ),
        (
            "virtual_rules",
            "table 9 protocol 5 priority 7",
            "t.conf:11:11: warning: a rule that is tracked has protocol 18 (keepalived); \
             with `no_track` it has the given one\n",
        ),
    ] {
        let (router, text) = router(block, line);
        assert_eq!(text, found);
        assert_eq!(
            router.spec.virtual_routes.len() + router.spec.virtual_rules.len(),
            1
        );
    }
    let twice = ["blackhole 203.0.113.0/24 no_track"; 2];
    let parsed = parsed("", "virtual_routes", &twice);
    assert_eq!(
        parsed.diagnostics().to_string(),
        "t.conf:12:3: warning: route blackhole 203.0.113.0/24 is given twice\n"
    );
}

#[test]
fn protocols_are_of_what_is_not_tracked() {
    for (words, protocol) in [
        ("protocol static no_track", Some(4)),
        ("no_track protocol bird", Some(12)),
        ("protocol 0x4d no_track", Some(77)),
        ("protocol keepalived no_track", None),
        ("protocol 18", None),
        ("no_track", None),
    ] {
        let (route, text) = router(
            "virtual_routes",
            &format!("203.0.113.0/24 dev eth0 {words}"),
        );
        assert_eq!(text, "", "{words}");
        assert_eq!(route.spec.virtual_routes[0].protocol, protocol, "{words}");
        let (rule, text) = router("virtual_rules", &format!("table 9 priority 7 {words}"));
        assert_eq!(text, "", "{words}");
        assert_eq!(rule.spec.virtual_rules[0].protocol, protocol, "{words}");
    }
    let parsed = parsed(
        "",
        "virtual_routes",
        &["203.0.113.0/24 dev eth0 protocol 256"],
    );
    assert!(parsed.model(Mode::Strict).is_none());
}

#[test]
fn tables_have_the_names_of_iproute2() {
    let etc = tempfile::tempdir().unwrap();
    fs::write(etc.path().join("rt_tables"), "1000 vips\n").unwrap();
    let global = format!(" iproute_etc_dir {}", etc.path().display());
    let parsed = parsed(
        &global,
        "virtual_routes",
        &["blackhole 203.0.113.0/24 table vips no_track"],
    );
    assert_eq!(parsed.diagnostics().to_string(), "");
    let model = parsed.into_model(Mode::Strict).unwrap();
    assert_eq!(model.routers[0].spec.virtual_routes[0].table, 1000);
}
