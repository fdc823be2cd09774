// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of `virtual_routes` and `static_routes`.

use lb_vrrp::{
    AddressFamily, Network, NextHop, RouteKind, RouteMetric, RoutePreference, VirtualRoute,
};

use super::line::Line;
use super::names::{self, Names};
use crate::config::Diagnostic;
use crate::config::line::{At, Context};
use crate::config::statics::Groups;
use crate::config::tree::NodeId;
use crate::model::{Scope, StaticItem};

/// Options, for suggestions.
const OPTIONS: &str = "
    to src via gw dev oif tos dsfield table protocol scope metric priority preference onlink
    nexthop or inet inet6 no_track track_group mtu window advmss hoplimit initcwnd initrwnd cwnd
    reordering rtt rttvar ssthresh rto_min quickack fastopen_no_cookie features pref
";
/// Kinds of routes that are refused as virtual routes.
const OTHER_KINDS: [&str; 4] = ["broadcast", "multicast", "anycast", "nat"];
/// Known options that would change where packets go, or how.
const LATER: [&str; 8] = [
    "from",
    "as",
    "encap",
    "expires",
    "congctl",
    "realms",
    "ttl-propagate",
    "vrf",
];

/// Reads a block of routes. A line with a mistake is left out whole, as keepalived does.
pub(in crate::config) fn routes(
    context: &mut Context<'_>,
    (names, groups): (&Names, Groups<'_>),
    block: NodeId,
    into: &mut Vec<StaticItem<VirtualRoute>>,
) {
    context.only_block(block);
    for line in context.lines(block) {
        let (_, span) = context.keyword(line);
        let mut line = Line::new(context, names, line, "route").with_groups(groups);
        let Some(route) = route(&mut line) else {
            continue;
        };
        let group = line.group_unless(!route.tracked, span);
        let bare = |route: &VirtualRoute| route.clone().with_tracked(true);
        if into.iter().any(|known| bare(&known.item) == bare(&route)) {
            let finding = Diagnostic::warning(span, format!("route {route} is given twice"));
            context.findings.push(finding.label("ignored"));
        } else {
            let mut item = StaticItem::from(route);
            item.group = group;
            into.push(item);
        }
    }
}

/// One line; none if there is something wrong with it, which has been reported.
fn route(line: &mut Line<'_, '_>) -> Option<VirtualRoute> {
    let mut destination: Option<At<Option<Network>>> = None;
    // Replaced when the family is known.
    let mut route = VirtualRoute::new(Network::ANY_IPV4);
    let mut protocol = None;
    let mut begin = None;
    while let Some(word) = line.next() {
        begin.get_or_insert(word.span);
        let kind = RouteKind::from_name(word.value);
        match word.value {
            _ if destination.is_none() && kind.is_some() => route.kind = kind?,
            _ if destination.is_none() && OTHER_KINDS.contains(&word.value) => {
                return line.unsupported(word);
            }
            "to" => {
                let text = line.value(word)?;
                destination = Some(At::new(line.network(text)?, text.span));
            }
            "protocol" => protocol = Some(line.protocol(word)?),
            _ if option(line, &mut route, word)? => {}
            _ if destination.is_none() => {
                destination = Some(At::new(line.network(word)?, word.span));
            }
            _ => return line.unknown(word, OPTIONS.split_whitespace()),
        }
    }
    let Some(destination) = destination else {
        return line.fail(begin?, "a route needs a destination");
    };
    let all = Network::any(line.family_or_default());
    route.destination = destination.value.unwrap_or(all);
    route.protocol = line.own_protocol(protocol, route.tracked);
    if let Some(problem) = route.problem() {
        return line.fail(destination.span, format!("this is no route: {problem}"));
    }
    if route.tracked && route.interface.is_none() {
        let finding = Diagnostic::warning(destination.span, "a route without `dev` is not tracked");
        line.context.findings.push(finding);
    }
    Some(route)
}

/// Reads an option; returns whether the word was one.
fn option(line: &mut Line<'_, '_>, route: &mut VirtualRoute, word: At<&str>) -> Option<bool> {
    match word.value {
        "src" => route.source = Some(line.own_address(word)?),
        "via" => route.gateway = Some(gateway(line, word)?),
        "gw" => {
            deprecated(line, word, "via");
            route.gateway = Some(gateway(line, word)?);
        }
        "or" => {
            deprecated(line, word, "nexthop");
            let other = NextHop::new(Some(line.own_address(word)?), None);
            let first = NextHop::new(route.gateway.take(), route.interface.take());
            route.next_hops.extend([first, other]);
        }
        "dev" | "oif" => route.interface = Some(line.interface(word)?),
        "tos" | "dsfield" => route.tos = line.tos(word)?,
        "table" => route.table = line.table(word)?,
        "metric" | "priority" | "preference" => route.metric = Some(line.number(word, 0)?),
        "scope" => {
            let text = line.value(word)?;
            match Scope::from_name(text.value) {
                Some(scope) => route.scope = scope,
                None => return line.not_a(text, "a scope"),
            }
        }
        "onlink" => route.on_link = true,
        "pref" => {
            let text = line.value(word)?;
            match RoutePreference::from_name(text.value) {
                Some(preference) => route.preference = Some(preference),
                None => return line.not_a(text, "low, medium or high"),
            }
        }
        "nexthop" => {
            let hop = hop(line, word)?;
            route.next_hops.push(hop);
        }
        "inet" => line.check_family(At::new(AddressFamily::Ipv4, word.span))?,
        "inet6" => line.check_family(At::new(AddressFamily::Ipv6, word.span))?,
        "no_track" => route.tracked = false,
        "prepend" => {}
        "add" | "append" => {
            let message = "a route of ours goes before others of its destination and metric";
            let finding = Diagnostic::warning(word.span, message);
            line.context.findings.push(finding.label("ignored"));
        }
        "track_group" => line.track_group(word, "routes")?,
        _ if LATER.contains(&word.value) => return line.unsupported(word),
        _ => match RouteMetric::from_name(word.value) {
            Some(kind) => metric(line, route, word, kind)?,
            None => return Some(false),
        },
    }
    Some(true)
}

fn deprecated(line: &mut Line<'_, '_>, word: At<&str>, instead: &str) {
    let message = format!("`{}` is deprecated for routes", word.value);
    let finding = Diagnostic::warning(word.span, message);
    let note = format!("write `{instead}`");
    line.context.findings.push(finding.note(note));
}

/// An address, after a family perhaps: IPv4 may go by an IPv6 router.
fn gateway(line: &mut Line<'_, '_>, word: At<&str>) -> Option<std::net::IpAddr> {
    let named = match line.peek() {
        Some("inet") => Some(AddressFamily::Ipv4),
        Some("inet6") => Some(AddressFamily::Ipv6),
        _ => None,
    };
    let Some(family) = named else {
        return line.own_address(word);
    };
    line.next();
    let address = line.address(word)?;
    if AddressFamily::for_address(address.value) == family {
        Some(address.value)
    } else {
        line.fail(address.span, format!("{} is not {family}", address.value))
    }
}

fn hop(line: &mut Line<'_, '_>, begin: At<&str>) -> Option<NextHop> {
    let mut hop = NextHop::new(None, None);
    while let Some(option @ ("via" | "dev" | "oif" | "weight" | "onlink")) = line.peek() {
        let word = At::new(option, line.next()?.span);
        match option {
            "via" => hop.gateway = Some(gateway(line, word)?),
            "dev" | "oif" => hop.interface = Some(line.interface(word)?),
            "onlink" => hop.on_link = true,
            _ => {
                let text = line.value(word)?;
                let weight =
                    names::number(text.value).and_then(|number| u16::try_from(number).ok());
                match weight.filter(|weight| (1..=256).contains(weight)) {
                    Some(weight) => hop.weight = weight,
                    None => return line.not_a(text, "a weight of 1 to 256"),
                }
            }
        }
    }
    if hop.gateway.is_none() && hop.interface.is_none() {
        return line.fail(begin.span, "a next hop needs a gateway or an interface");
    }
    Some(hop)
}

/// A number that connections begin with, and whether it is locked.
fn metric(
    line: &mut Line<'_, '_>,
    route: &mut VirtualRoute,
    word: At<&str>,
    metric: RouteMetric,
) -> Option<()> {
    let lockable = matches!(
        metric,
        RouteMetric::Mtu
            | RouteMetric::Advmss
            | RouteMetric::Rtt
            | RouteMetric::RttVar
            | RouteMetric::Reordering
            | RouteMetric::Cwnd
            | RouteMetric::SsThresh
            | RouteMetric::RtoMin
    );
    let locked = lockable && line.takes("lock");
    let value = match metric {
        RouteMetric::Features => {
            let text = line.value(word)?;
            if text.value != "ecn" {
                return line.not_a(text, "a feature: there is ecn");
            }
            1
        }
        RouteMetric::QuickAck | RouteMetric::FastOpenNoCookie => line.bit(word)?,
        RouteMetric::Rtt => time(line, word, 8)?,
        RouteMetric::RttVar => time(line, word, 4)?,
        RouteMetric::RtoMin => time(line, word, 1)?,
        _ => line.number(word, 0)?,
    };
    route.metrics.retain(|(known, _)| *known != metric);
    route.metrics.push((metric, value));
    if locked && !route.locked.contains(&metric) {
        route.locked.push(metric);
    }
    Some(())
}

/// `Ns` or `Nms`, of which the kernel has `parts` in a millisecond; a bare number is the kernel's.
fn time(line: &mut Line<'_, '_>, option: At<&str>, parts: u32) -> Option<u32> {
    let text = line.value(option)?;
    let (digits, parts) = if let Some(digits) = text.value.strip_suffix("ms") {
        (digits, parts)
    } else if let Some(digits) = text.value.strip_suffix('s') {
        (digits, parts * 1000)
    } else {
        (text.value, 1)
    };
    match names::number(digits).and_then(|number| number.checked_mul(parts)) {
        Some(time) => Some(time),
        None => line.not_a(text, "a time, such as 200ms"),
    }
}
