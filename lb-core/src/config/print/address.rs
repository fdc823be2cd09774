// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses, routes and rules.

use std::net::IpAddr;

use lb_vrrp::{AddressFamily, NextHop, RouteKind, RouteMetric};

use crate::model::{Scope, StaticItems, VirtualAddress, VirtualRoute, VirtualRule};

use super::page::Page;

/// Prints the static addresses, routes and rules.
pub(super) fn statics(page: &mut Page, items: &StaticItems) {
    let group = |mut words: Vec<String>, group: &Option<String>| {
        option(&mut words, "track_group", group.as_ref());
        words
    };
    let addresses = items.addresses.iter();
    let addresses = addresses.map(|item| group(address(&item.item), &item.group));
    block(page, "static_ipaddress", addresses);
    let routes = items.routes.iter();
    let routes = routes.map(|item| group(route(&item.item), &item.group));
    block(page, "static_routes", routes);
    let rules = items.rules.iter();
    let rules = rules.map(|item| group(rule(&item.item), &item.group));
    block(page, "static_rules", rules);
}

/// Prints a block of lines; nothing without lines.
pub(super) fn block(page: &mut Page, keyword: &str, lines: impl IntoIterator<Item = Vec<String>>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    page.open([keyword]);
    lines.for_each(|line| page.line(line));
    page.close();
}

fn option(words: &mut Vec<String>, name: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        words.extend([name.to_owned(), value.to_string()]);
    }
}

fn flag(words: &mut Vec<String>, name: &str, holds: bool) {
    words.extend(holds.then(|| name.to_owned()));
}

/// The words of an address line.
pub(super) fn address(address: &VirtualAddress) -> Vec<String> {
    let longest = if address.address.is_ipv4() { 32 } else { 128 };
    let with_prefix = |ip: IpAddr| match address.prefix_len {
        length if length == longest => ip.to_string(),
        length => format!("{ip}/{length}"),
    };
    let mut words = Vec::new();
    match address.peer {
        // The prefix is that of the peer then.
        Some(peer) => {
            words.push(address.address.to_string());
            option(&mut words, "peer", Some(with_prefix(peer)));
        }
        None => words.push(with_prefix(address.address)),
    }
    option(&mut words, "brd", address.broadcast);
    let scope = Some(address.scope).filter(|scope| *scope != Scope::GLOBAL);
    option(&mut words, "scope", scope.map(Scope::get));
    option(&mut words, "label", address.label.as_ref());
    option(&mut words, "dev", address.interface.as_ref());
    option(&mut words, "preferred_lft", address.preferred_lifetime);
    words.extend(address.flags.iter().map(|flag| flag.name().to_owned()));
    flag(&mut words, "no_track", !address.tracked);
    flag(&mut words, "use_vmac", address.vmac);
    words
}

/// The words of a route line.
pub(super) fn route(route: &VirtualRoute) -> Vec<String> {
    let mut words = Vec::new();
    // A destination of all addresses does not show the family.
    let family = route.destination.family();
    flag(&mut words, "inet6", family == AddressFamily::Ipv6);
    if route.kind != RouteKind::Unicast {
        words.push(route.kind.to_string());
    }
    words.push(match route.destination.prefix_len() {
        0 => "default".to_owned(),
        _ => route.destination.to_string(),
    });
    gateway(&mut words, route.gateway, family);
    option(&mut words, "dev", route.interface.as_ref());
    flag(&mut words, "onlink", route.on_link);
    option(&mut words, "src", route.source);
    option(&mut words, "tos", Some(route.tos).filter(|tos| *tos != 0));
    let table = Some(route.table).filter(|table| *table != VirtualRoute::MAIN_TABLE);
    option(&mut words, "table", table);
    option(&mut words, "metric", route.metric);
    let scope = Some(route.scope).filter(|scope| *scope != Scope::GLOBAL);
    option(&mut words, "scope", scope.map(Scope::get));
    for (metric, value) in &route.metrics {
        words.push(metric.to_string());
        flag(&mut words, "lock", route.locked.contains(metric));
        words.push(match metric {
            RouteMetric::Features => "ecn".to_owned(),
            _ => value.to_string(),
        });
    }
    option(&mut words, "pref", route.preference);
    option(&mut words, "protocol", route.protocol);
    for hop in &route.next_hops {
        next_hop(&mut words, hop, family);
    }
    option(&mut words, "protocol", route.protocol);
    flag(&mut words, "no_track", !route.tracked);
    words
}

fn next_hop(words: &mut Vec<String>, hop: &NextHop, family: AddressFamily) {
    words.push("nexthop".to_owned());
    gateway(words, hop.gateway, family);
    option(words, "dev", hop.interface.as_ref());
    option(words, "weight", Some(hop.weight));
    flag(words, "onlink", hop.on_link);
}

/// A gateway, with its family where it is not that of the route.
fn gateway(words: &mut Vec<String>, gateway: Option<IpAddr>, family: AddressFamily) {
    let Some(gateway) = gateway else { return };
    words.push("via".to_owned());
    match AddressFamily::for_address(gateway) {
        same if same == family => {}
        AddressFamily::Ipv4 => words.push("inet".to_owned()),
        AddressFamily::Ipv6 => words.push("inet6".to_owned()),
    }
    words.push(gateway.to_string());
}

/// The words of a rule line.
pub(super) fn rule(rule: &VirtualRule) -> Vec<String> {
    let mut words = Vec::new();
    flag(&mut words, "inet6", rule.family == AddressFamily::Ipv6);
    flag(&mut words, "not", rule.invert);
    option(&mut words, "from", rule.from);
    option(&mut words, "to", rule.to);
    option(&mut words, "priority", Some(rule.priority));
    option(&mut words, "tos", Some(rule.tos).filter(|tos| *tos != 0));
    let mark = rule.mark.map(|(mark, mask)| format!("{mark:#x}/{mask:#x}"));
    option(&mut words, "fwmark", mark);
    option(&mut words, "iif", rule.input.as_ref());
    option(&mut words, "oif", rule.output.as_ref());
    let range = |from: String, to: String| format!("{from}-{to}");
    let users = rule.users.as_ref();
    let users = users.map(|users| range(users.start().to_string(), users.end().to_string()));
    option(&mut words, "uidrange", users);
    option(&mut words, "ipproto", rule.ip_protocol);
    for (name, ports) in [
        ("sport", &rule.source_ports),
        ("dport", &rule.destination_ports),
    ] {
        let ports = ports.as_ref();
        let ports = ports.map(|ports| range(ports.start().to_string(), ports.end().to_string()));
        option(&mut words, name, ports);
    }
    let length = rule.suppress_prefix_len;
    option(&mut words, "suppress_prefixlength", length);
    let group = rule.suppress_interface_group;
    option(&mut words, "suppress_ifgroup", group);
    option(&mut words, "protocol", rule.protocol);
    let action = rule.action.to_string();
    words.extend(action.split(' ').map(str::to_owned));
    option(&mut words, "protocol", rule.protocol);
    flag(&mut words, "no_track", !rule.tracked);
    words
}
