// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules that a predecessor left behind.

use std::io;

use futures_util::TryStreamExt;
use rtnetlink::IpVersion;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use tracing::{info, warn};

use super::rule::is_rule;
use super::same::{is_route, table};
use super::{ROUTE_PROTOCOL, RoutingEntry};
use lb_host::rtnetlink::bounded;

/// Removes all rules and routes with our mark but those to `keep`: what another configuration held
/// when its program crashed would lead packets astray. What cannot be removed is told, and keeps
/// nobody from starting.
pub(in crate::driver) async fn remove_leftovers(keep: &[&RoutingEntry]) {
    if let Err(error) = try_remove(keep).await {
        warn!(%error, "left-over routes and rules not looked for");
    }
}

async fn try_remove(keep: &[&RoutingEntry]) -> io::Result<()> {
    // With strict checks the kernel gives out the routes asked for, not all of a router's.
    let (connection, handle, _) = rtnetlink::new_connection_with_strict_check()?;
    tokio::spawn(connection);
    for version in [IpVersion::V4, IpVersion::V6] {
        let rules: Vec<RuleMessage> =
            bounded(handle.rule().get(version).execute().try_collect()).await?;
        let ours = RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL));
        let kept = |there: &RuleMessage| {
            let wanted = |of: &&RoutingEntry| match of {
                RoutingEntry::Rule(of) => is_rule(there, of),
                RoutingEntry::Route(_) => false,
            };
            keep.iter().any(wanted)
        };
        let rules = rules.into_iter().filter(|of| of.attributes.contains(&ours));
        for rule in rules.filter(|of| !kept(of)) {
            let (family, priority) = (rule.header.family, priority(&rule));
            info!(?family, priority, "removing left-over rule");
            if let Err(error) = bounded(handle.rule().del(rule).execute()).await {
                warn!(?family, priority, %error, "left-over rule not removed");
            }
        }
    }
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut wanted = RouteMessage::default();
        wanted.header.address_family = family;
        wanted.header.protocol = RouteProtocol::Other(ROUTE_PROTOCOL);
        let routes: Vec<RouteMessage> =
            bounded(handle.route().get(wanted).execute().try_collect()).await?;
        let ours = RouteProtocol::Other(ROUTE_PROTOCOL);
        let kept = |there: &RouteMessage| {
            let wanted = |of: &&RoutingEntry| match of {
                RoutingEntry::Route(of) => is_route(there, of),
                RoutingEntry::Rule(_) => false,
            };
            keep.iter().any(wanted)
        };
        let routes = routes.into_iter().filter(|of| of.header.protocol == ours);
        for route in routes.filter(|of| !kept(of)) {
            let (to, table) = (destination(&route), table(&route));
            info!(to, table, "removing left-over route");
            if let Err(error) = bounded(handle.route().del(route).execute()).await {
                warn!(to, table, %error, "left-over route not removed");
            }
        }
    }
    Ok(())
}

/// As `ip rule` has it.
fn priority(of: &RuleMessage) -> u32 {
    let priority = of.attributes.iter().find_map(|of| match of {
        RuleAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    priority.unwrap_or_default()
}

/// As `ip route` has it.
fn destination(of: &RouteMessage) -> String {
    let length = of.header.destination_prefix_length;
    let address = of.attributes.iter().find_map(|of| match of {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(address.to_string()),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(address.to_string()),
        _ => None,
    });
    address.map_or_else(|| "default".to_owned(), |of| format!("{of}/{length}"))
}
