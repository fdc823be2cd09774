// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a route that is there is the one that is wanted: the kernel says more than it is told.

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

/// Whether the kernel has this route, just so. If in doubt it has not.
pub(super) fn is_route(there: &RouteMessage, placed: &PlacedRoute, owner: Owner) -> bool {
    let wanted = route(placed, owner);
    let ipv6 = wanted.header.address_family == KernelFamily::Inet6;
    let header = |of: &RouteMessage| {
        let header = &of.header;
        (
            header.address_family,
            header.destination_prefix_length,
            header.tos,
            header.kind,
            (!ipv6).then_some(header.scope),
            header.flags.contains(RouteFlags::Onlink),
            table(of),
        )
    };
    if header(there) != header(&wanted) {
        return false;
    }
    // A route that names no interface leaves by the one that the kernel found.
    let names = |of: &RouteMessage| {
        let names = |of: &RouteAttribute| matches!(of, RouteAttribute::Oif(_));
        of.attributes.iter().any(names)
    };
    let found = !names(&wanted);
    let ours = said(&wanted, found);
    let theirs = said(there, found);
    ours.len() == theirs.len()
        && ours.iter().all(|ours| {
            let same = |theirs: &&RouteAttribute| same(ours, theirs);
            theirs.iter().any(same)
        })
}

/// The number of its table.
pub(super) fn table(of: &RouteMessage) -> u32 {
    let long = of.attributes.iter().find_map(|of| match of {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    long.unwrap_or_else(|| of.header.table.into())
}

/// The attributes that are no defaults and not the kernel's own; the table is told by [`table`].
fn said(route: &RouteMessage, without_interface: bool) -> Vec<&RouteAttribute> {
    let default = |of: &RouteAttribute| match of {
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
    route.attributes.iter().filter(|of| !default(of)).collect()
}

fn same(ours: &RouteAttribute, theirs: &RouteAttribute) -> bool {
    match (ours, theirs) {
        (RouteAttribute::Metrics(ours), RouteAttribute::Metrics(theirs)) => {
            let among = |of: &RouteMetric, others: &[RouteMetric]| others.contains(of);
            ours.len() == theirs.len() && ours.iter().all(|of| among(of, theirs))
        }
        (RouteAttribute::MultiPath(ours), RouteAttribute::MultiPath(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| same_hop(a, b))
        }
        _ => ours == theirs,
    }
}

fn same_hop(ours: &RouteNextHop, theirs: &RouteNextHop) -> bool {
    let on_link = |of: &RouteNextHop| of.flags.contains(RouteNextHopFlags::Onlink);
    let interface = |of: &RouteNextHop| of.interface_index;
    ours.hops == theirs.hops
        && on_link(ours) == on_link(theirs)
        && (interface(ours) == 0 || interface(ours) == interface(theirs))
        && ours.attributes == theirs.attributes
}
