// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses, routes, rules and commands as keepalived's files show them.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

use lb_vrrp::{
    AddressFlag, RouteKind, RuleAction, Scope, State, VirtualAddress, VirtualRoute, VirtualRule,
};

use super::RouterMoment;

/// The number that marks routes and rules as ours, the one that keepalived uses.
const PROTOCOL: u8 = 18;

/// The addresses of a router: those in its adverts, and the others.
pub(super) fn addresses(router: &RouterMoment<'_>) -> (Vec<String>, Vec<String>) {
    let spec = &router.instance.spec;
    let advertised = spec.config.addresses().as_slice();
    let all = spec.virtual_addresses.iter();
    let (inside, outside): (Vec<_>, Vec<_>) =
        all.partition(|address| advertised.contains(&address.address));
    let lines = |addresses: Vec<&VirtualAddress>| {
        let addresses = addresses.into_iter();
        addresses.map(|address| line(router, address)).collect()
    };
    (lines(inside), lines(outside))
}

/// The routes of a router.
pub(super) fn routes(router: &RouterMoment<'_>) -> Vec<String> {
    let routes = router.instance.spec.virtual_routes.iter();
    routes.map(|entry| Route(entry).to_string()).collect()
}

/// The rules of a router.
pub(super) fn rules(router: &RouterMoment<'_>) -> Vec<String> {
    let rules = router.instance.spec.virtual_rules.iter();
    rules.map(|entry| Rule(entry).to_string()).collect()
}

/// A command with each word in quotes.
pub(super) fn command(argv: &[OsString]) -> String {
    let words = argv
        .iter()
        .map(|word| format!("'{}'", word.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

fn line(router: &RouterMoment<'_>, address: &VirtualAddress) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_address(&mut text, router, address);
    text
}

fn write_address(
    text: &mut String,
    router: &RouterMoment<'_>,
    address: &VirtualAddress,
) -> fmt::Result {
    let full = if address.address.is_ipv4() { 32 } else { 128 };
    write!(text, "{}", address.address)?;
    if address.prefix_len != full && address.peer.is_none() {
        write!(text, "/{}", address.prefix_len)?;
    }
    if let Some(broadcast) = address.broadcast {
        write!(text, " brd {broadcast}")?;
    }
    let base = &router.instance.spec.interface;
    // The addresses are on the interface below an ipvlan.
    let vmac = router.vmac.as_ref();
    let vmac = vmac.filter(|_| router.instance.spec.ipvlan.is_none());
    match (&address.interface, vmac) {
        (Some(interface), _) => write!(text, " dev {interface}")?,
        (None, Some(vmac)) => write!(text, " dev {vmac}@{base}")?,
        (None, None) => write!(text, " dev {base}")?,
    }
    write!(text, " scope {}", scope_name(address.scope))?;
    if let Some(label) = &address.label {
        write!(text, " label {label}")?;
    }
    if let Some(peer) = address.peer {
        write!(text, " peer {peer}/{}", address.prefix_len)?;
    }
    if !address.tracked {
        text.push_str(" no_track");
    }
    for (flag, name) in [
        (AddressFlag::Home, " home"),
        (AddressFlag::DetectDuplicates, " -nodad"),
        (AddressFlag::ManageTemporary, " mngtmpaddr"),
        (AddressFlag::NoPrefixRoute, " noprefixroute"),
        (AddressFlag::AutoJoin, " autojoin"),
    ] {
        if address.flags.contains(&flag) {
            text.push_str(name);
        }
    }
    if address.address.is_ipv6() {
        let lifetime = address.preferred_lifetime;
        let lifetime = lifetime.unwrap_or(if address.prefix_len == full {
            0
        } else {
            u32::MAX
        });
        match lifetime {
            0 => text.push_str(" deprecated"),
            u32::MAX => text.push_str(" preferred_lft forever"),
            seconds => write!(text, " preferred_lft {seconds}")?,
        }
    }
    if router.state == State::Master {
        text.push_str(" set");
    }
    Ok(())
}

fn scope_name(scope: Scope) -> String {
    let name = match scope {
        Scope::GLOBAL => "global",
        Scope::SITE => "site",
        Scope::LINK => "link",
        Scope::HOST => "host",
        Scope::NOWHERE => "nowhere",
        other => return other.get().to_string(),
    };
    name.to_owned()
}

struct Route<'a>(&'a VirtualRoute);

impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let route = self.0;
        match route.kind {
            RouteKind::Unicast => f.write_str("prepend ")?,
            kind => write!(f, "add {kind} ")?,
        }
        write!(f, "{}", route.destination)?;
        if let Some(source) = route.source {
            write!(f, " src {source}")?;
        }
        if let Some(gateway) = route.gateway {
            write!(f, " via {} {gateway}", family_name(gateway))?;
        }
        if let Some(interface) = &route.interface {
            write!(f, " dev {interface}")?;
        }
        if route.table != VirtualRoute::MAIN_TABLE {
            write!(f, " table {}", route.table)?;
        }
        if route.tos != 0 {
            write!(f, " tos {:#x}", route.tos)?;
        }
        write!(f, " proto {PROTOCOL}")?;
        if route.scope != Scope::GLOBAL {
            write!(f, " scope {}", route.scope.get())?;
        }
        if let Some(metric) = route.metric {
            write!(f, " metric {metric}")?;
        }
        if route.on_link {
            f.write_str(" onlink")?;
        }
        for (metric, value) in &route.metrics {
            let lock = if route.locked.contains(metric) {
                "lock "
            } else {
                ""
            };
            write!(f, " {metric} {lock}{value}")?;
        }
        if let Some(preference) = route.preference {
            write!(f, " pref {preference}")?;
        }
        for hop in &route.next_hops {
            f.write_str(" nexthop")?;
            if let Some(gateway) = hop.gateway {
                write!(f, " via {} {gateway}", family_name(gateway))?;
            }
            if let Some(interface) = &hop.interface {
                write!(f, " dev {interface}")?;
            }
            write!(f, " weight {}", hop.weight)?;
        }
        // A route without an interface has nothing to track.
        if !route.tracked || (route.interface.is_none() && route.next_hops.is_empty()) {
            f.write_str(" no_track")?;
        }
        Ok(())
    }
}

struct Rule<'a>(&'a VirtualRule);

impl fmt::Display for Rule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        if rule.invert {
            f.write_str("not ")?;
        }
        let from = rule
            .from
            .map_or_else(|| "all".to_owned(), |from| from.to_string());
        write!(f, "from {from}")?;
        if let Some(to) = &rule.to {
            write!(f, " to {to}")?;
        }
        write!(f, " priority {} tos {:#x}", rule.priority, rule.tos)?;
        if let Some((mark, mask)) = rule.mark {
            write!(f, " fwmark {mark:#x}")?;
            if mask != u32::MAX {
                write!(f, "/{mask:#x}")?;
            }
        }
        for (name, interface) in [("iif", &rule.input), ("oif", &rule.output)] {
            if let Some(interface) = interface {
                write!(f, " {name} {interface}")?;
            }
        }
        if let Some(length) = rule.suppress_prefix_len {
            write!(f, " suppress_prefixlength {length}")?;
        }
        if let Some(group) = rule.suppress_interface_group {
            write!(f, " suppress_ifgroup {group}")?;
        }
        if let Some(users) = &rule.users {
            write!(f, " uidrange {}-{}", users.start(), users.end())?;
        }
        write!(f, " protocol {PROTOCOL}")?;
        if let Some(protocol) = rule.ip_protocol {
            write!(f, " ipproto {protocol}")?;
        }
        for (name, ports) in [
            ("sport", &rule.source_ports),
            ("dport", &rule.destination_ports),
        ] {
            if let Some(ports) = ports {
                write!(f, " {name} {}-{}", ports.start(), ports.end())?;
            }
        }
        match &rule.action {
            action @ (RuleAction::Table(_) | RuleAction::VrfTable | RuleAction::Goto(_)) => {
                write!(f, " {action}")
            }
            other => write!(f, " type {other}"),
        }
    }
}

const fn family_name(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "inet" } else { "inet6" }
}
