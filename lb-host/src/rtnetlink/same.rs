// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a route of the kernel is a desired one. The kernel returns more attributes than it was given.

use rtnetlink::packet_route::AddressFamily as KernelFamily;
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHop, RouteNextHopFlags,
    RoutePreference,
};

use super::route::route;
use crate::object::Owner;
use crate::routes::PlacedRoute;

/// The metric of an IPv6 route that was given none.
const IPV6_METRIC: u32 = 1024;

/// Whether the kernel's `there` is the route with all its attributes; no if in doubt.
pub(super) fn is_route(there: &RouteMessage, placed: &PlacedRoute, owner: Owner) -> bool {
    let wanted = route(placed, owner);
    let ipv6 = wanted.header.address_family == KernelFamily::Inet6;
    let header = |message: &RouteMessage| {
        let header = &message.header;
        (
            header.address_family,
            header.destination_prefix_length,
            header.tos,
            header.kind,
            (!ipv6).then_some(header.scope),
            header.flags.contains(RouteFlags::Onlink),
            table(message),
        )
    };
    if header(there) != header(&wanted) {
        return false;
    }
    // A route that names no interface leaves by the one that the kernel found.
    let names = |message: &RouteMessage| {
        let names = |attribute: &RouteAttribute| matches!(attribute, RouteAttribute::Oif(_));
        message.attributes.iter().any(names)
    };
    let found = !names(&wanted);
    let ours = essential(&wanted, found);
    let theirs = essential(there, found);
    ours.len() == theirs.len()
        && ours.iter().all(|ours| {
            let same = |theirs: &&RouteAttribute| same(ours, theirs);
            theirs.iter().any(same)
        })
}

/// The number of its table.
pub(super) fn table(message: &RouteMessage) -> u32 {
    let long = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Table(table) => Some(*table),
            _ => None,
        });
    long.unwrap_or_else(|| message.header.table.into())
}

/// The attributes that are no defaults and not the kernel's own, without the [`table`].
fn essential(route: &RouteMessage, without_interface: bool) -> Vec<&RouteAttribute> {
    let default = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Table(_) | RouteAttribute::CacheInfo(_) | RouteAttribute::Priority(0) => {
            true
        }
        RouteAttribute::Preference(RoutePreference::Medium) => true,
        RouteAttribute::Priority(metric) => {
            *metric == IPV6_METRIC && route.header.address_family == KernelFamily::Inet6
        }
        RouteAttribute::Oif(_) => without_interface,
        _ => false,
    };
    route
        .attributes
        .iter()
        .filter(|attribute| !default(attribute))
        .collect()
}

fn same(ours: &RouteAttribute, theirs: &RouteAttribute) -> bool {
    match (ours, theirs) {
        (RouteAttribute::Metrics(ours), RouteAttribute::Metrics(theirs)) => {
            let among = |metric: &RouteMetric, others: &[RouteMetric]| others.contains(metric);
            ours.len() == theirs.len() && ours.iter().all(|metric| among(metric, theirs))
        }
        (RouteAttribute::MultiPath(ours), RouteAttribute::MultiPath(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same_hop(a, b))
        }
        _ => ours == theirs,
    }
}

fn same_hop(ours: &RouteNextHop, theirs: &RouteNextHop) -> bool {
    let on_link = |hop: &RouteNextHop| hop.flags.contains(RouteNextHopFlags::Onlink);
    let interface = |hop: &RouteNextHop| hop.interface_index;
    ours.hops == theirs.hops
        && on_link(ours) == on_link(theirs)
        && (interface(ours) == 0 || interface(ours) == interface(theirs))
        && ours.attributes == theirs.attributes
}
