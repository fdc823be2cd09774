// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules.

use std::net::IpAddr;

use lb_core::model::{Scope, VirtualRoute, VirtualRule};
use lb_vrrp::{
    AddressFamily, Network, NextHop, RouteKind, RouteMetric, RoutePreference, RuleAction,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A file does not repeat a route or a rule.
pub(crate) fn distinct<T: Distinct>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if !kept.iter().any(|known| known.bare() == item.bare()) {
            kept.push(item);
        }
    }
    kept
}

/// A thing that is compared without whether it is tracked.
pub(crate) trait Distinct: PartialEq + Sized {
    fn bare(&self) -> Self;
}

impl Distinct for VirtualRoute {
    fn bare(&self) -> Self {
        self.clone().with_tracked(true)
    }
}

impl Distinct for VirtualRule {
    fn bare(&self) -> Self {
        self.clone().with_tracked(true)
    }
}

/// A network that is not all addresses.
fn network(six: bool, number: u8, length: u8) -> Network {
    let (address, longest): (IpAddr, u8) = if six {
        ([0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 0].into(), 128)
    } else {
        ([198, 51, number, 0].into(), 32)
    };
    Network::new(address, length % longest + 1).unwrap()
}

fn metric() -> impl Strategy<Value = (RouteMetric, u32, bool)> {
    let lockable = vec![
        RouteMetric::Mtu,
        RouteMetric::Advmss,
        RouteMetric::Rtt,
        RouteMetric::RttVar,
        RouteMetric::Reordering,
        RouteMetric::Cwnd,
        RouteMetric::SsThresh,
        RouteMetric::RtoMin,
    ];
    let other = vec![
        RouteMetric::Window,
        RouteMetric::HopLimit,
        RouteMetric::InitCwnd,
        RouteMetric::InitRwnd,
    ];
    let bits = vec![RouteMetric::QuickAck, RouteMetric::FastOpenNoCookie];
    prop_oneof![
        (select(lockable), any::<u32>(), any::<bool>()),
        (select(other), any::<u32>(), Just(false)),
        (select(bits), 0..2_u32, Just(false)),
        Just((RouteMetric::Features, 1, false)),
    ]
}

prop_compose! {
    pub(crate) fn route()(
        (six, default, number, length) in (any::<bool>(), any::<bool>(), any::<u8>(), any::<u8>()),
        kind in select(vec![RouteKind::Unicast, RouteKind::Local, RouteKind::Blackhole, RouteKind::Throw]),
        (gateway, interface, source, tracked) in any::<(bool, bool, bool, bool)>(),
        hops in vec((any::<bool>(), 1..=256_u16, any::<bool>()), 0..3),
        (table, metric, tos) in (1..1000_u32, proptest::option::of(any::<u32>()), any::<u8>()),
        metrics in vec(metric(), 0..4),
        (scope, on_link) in (any::<u8>(), any::<bool>()),
        protocol in proptest::option::of(any::<u8>()),
        preference in proptest::option::of(select(vec![RoutePreference::Low, RoutePreference::High])),
    ) -> VirtualRoute {
        let family = if six { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let host = |last: u8| -> IpAddr {
            if six { [0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()].into() } else { [192, 0, 2, last].into() }
        };
        let destination = if default { Network::any(family) } else { network(six, number, length) };
        let mut route = VirtualRoute::new(destination).with_kind(kind).with_tracked(tracked);
        let leads = matches!(kind, RouteKind::Unicast | RouteKind::Local);
        if hops.is_empty() && leads {
            if gateway {
                route = route.with_gateway(host(1)).with_on_link(on_link);
            }
            if interface || !gateway {
                route = route.with_interface("eth1");
            }
        } else if leads {
            for (far, weight, on_link) in hops {
                // An IPv4 route may have an IPv6 gateway.
                let gateway = if far && !six { "2001:db8::9".parse().unwrap() } else { host(2) };
                let hop = NextHop::new(Some(gateway), Some("eth0".to_owned()));
                route = route.with_next_hop(hop.with_weight(weight).with_on_link(on_link));
            }
        }
        if source {
            route = route.with_source(host(7));
        }
        route = route.with_table(table).with_tos(tos).with_scope(Scope::new(scope));
        route.metric = metric;
        for (kind, value, lock) in metrics {
            let known = route.metrics.iter().any(|(known, _)| *known == kind);
            if known {
                continue;
            }
            route = route.with_connection_metric(kind, value);
            if lock {
                route = route.with_locked(kind);
            }
        }
        route.preference = preference.filter(|_| six);
        route.protocol = protocol.filter(|protocol| !tracked && *protocol != 18);
        assert_eq!(route.problem(), None);
        route
    }
}

prop_compose! {
    pub(crate) fn rule()(
        (six, invert, tracked) in any::<(bool, bool, bool)>(),
        (from, to) in (proptest::option::of(any::<(u8, u8)>()), proptest::option::of(any::<(u8, u8)>())),
        (priority, tos) in (1..1_000_000_u32, any::<u8>()),
        action in prop_oneof![
            (1..1000_u32).prop_map(RuleAction::Table),
            Just(RuleAction::Goto(2_000_000)),
            Just(RuleAction::VrfTable),
            Just(RuleAction::Nop),
            Just(RuleAction::Blackhole),
            Just(RuleAction::Unreachable),
            Just(RuleAction::Prohibit),
        ],
        (input, output) in (any::<bool>(), any::<bool>()),
        mark in proptest::option::of(any::<(u32, u32)>()),
        (length, group) in (proptest::option::of(0..128_u32), proptest::option::of(any::<u32>())),
        (protocol, own_protocol) in any::<(Option<u8>, Option<u8>)>(),
        ports in proptest::option::of((1..=u16::MAX, 1..=u16::MAX)),
        users in proptest::option::of((any::<u32>(), any::<u32>())),
    ) -> VirtualRule {
        let family = if six { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let mut rule = VirtualRule::new(family, priority, action)
            .with_invert(invert)
            .with_tracked(tracked)
            .with_tos(tos);
        rule.from = from.map(|(number, length)| network(six, number, length));
        rule.to = to.map(|(number, length)| network(six, number, length));
        rule.input = input.then(|| "eth0".to_owned());
        rule.output = output.then(|| "eth1".to_owned());
        rule.mark = mark;
        rule.suppress_prefix_len = length;
        rule.suppress_interface_group = group;
        rule.ip_protocol = protocol;
        rule.protocol = own_protocol.filter(|protocol| !tracked && *protocol != 18);
        rule.source_ports = ports.map(|(one, other)| one.min(other)..=one.max(other));
        rule.destination_ports = ports.map(|(one, _)| one..=one);
        rule.users = users.map(|(one, other)| one.min(other)..=one.max(other));
        assert_eq!(rule.problem(), None);
        rule
    }
}
