// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes and rules that a predecessor left behind.

use std::io;

use futures_util::TryStreamExt;
use rtnetlink::IpVersion;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use tracing::{info, warn};

use super::ROUTE_PROTOCOL;
use crate::driver::address::bounded;

/// Removes all rules and routes with our mark: what another configuration held when its program
/// crashed would lead packets astray. What cannot be removed is told, and keeps nobody from
/// starting.
pub(in crate::driver) async fn remove_leftovers() {
    if let Err(error) = try_remove().await {
        warn!(%error, "left-over routes and rules not looked for");
    }
}

async fn try_remove() -> io::Result<()> {
    // With strict checks the kernel gives out the routes asked for, not all of a router's.
    let (connection, handle, _) = rtnetlink::new_connection_with_strict_check()?;
    tokio::spawn(connection);
    for version in [IpVersion::V4, IpVersion::V6] {
        let rules: Vec<RuleMessage> =
            bounded(handle.rule().get(version).execute().try_collect()).await?;
        let ours = RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL));
        for rule in rules.into_iter().filter(|of| of.attributes.contains(&ours)) {
            info!(?rule, "removing left-over virtual rule");
            if let Err(error) = bounded(handle.rule().del(rule).execute()).await {
                warn!(%error, "left-over virtual rule not removed");
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
        for route in routes.into_iter().filter(|of| of.header.protocol == ours) {
            info!(?route, "removing left-over virtual route");
            if let Err(error) = bounded(handle.route().del(route).execute()).await {
                warn!(%error, "left-over virtual route not removed");
            }
        }
    }
    Ok(())
}
