// SPDX-License-Identifier: MIT OR Apache-2.0
//! Objects that a killed process left, found by their mark.

use std::collections::HashSet;
use std::io;

use futures_util::TryStreamExt;
use rtnetlink::IpVersion;
use rtnetlink::packet_route::AddressFamily as KernelFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol};
use rtnetlink::packet_route::rule::{RuleAttribute, RuleMessage};
use tracing::debug;

use super::address::{is_address, local_address};
use super::rule::is_rule;
use super::same::{is_route, table};
use super::{Rtnetlink, bounded};
use crate::key::AddressKey;
use crate::object::HostObject;
use crate::routes::{PlacedRoute, RoutingEntry, Rule};
use crate::stale::StaleObject;

/// What is not stale although it has the mark.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Kept {
    /// Objects that are desired with exactly these attributes: they stay without a gap.
    pub objects: Vec<HostObject>,
    /// Addresses that stay with any attributes.
    pub addresses: HashSet<AddressKey>,
    /// Keeps routes and rules with [`Owner::routing`](crate::Owner): another program that runs has the
    /// same mark.
    pub shares_routing: bool,
}

impl Kept {
    /// Keeps these objects and addresses.
    #[must_use]
    pub const fn new(objects: Vec<HostObject>, addresses: HashSet<AddressKey>) -> Self {
        Self {
            objects,
            addresses,
            shares_routing: false,
        }
    }

    /// Keeps all routes and rules whose mark another program shares.
    #[must_use]
    pub const fn with_shared_routing(mut self, shares: bool) -> Self {
        self.shares_routing = shares;
        self
    }

    fn has_rule(&self, is_same: impl Fn(&Rule) -> bool) -> bool {
        self.objects.iter().any(|object| match object {
            HostObject::Routing(entry) => match &**entry {
                RoutingEntry::Rule(rule) => is_same(rule),
                RoutingEntry::Route(_) => false,
            },
            _ => false,
        })
    }

    fn has_route(&self, is_same: impl Fn(&PlacedRoute) -> bool) -> bool {
        self.objects.iter().any(|object| match object {
            HostObject::Routing(entry) => match &**entry {
                RoutingEntry::Route(placed) => is_same(placed),
                RoutingEntry::Rule(_) => false,
            },
            _ => false,
        })
    }

    fn has_address(&self, message: &AddressMessage) -> bool {
        let key =
            local_address(message).map(|address| AddressKey::new(message.header.index, address));
        let is_kept = key.is_some_and(|key| self.addresses.contains(&key));
        is_kept
            || self.objects.iter().any(|object| match object {
                HostObject::Address(address) => is_address(message, address),
                _ => false,
            })
    }
}

impl Rtnetlink {
    /// Removes all rules, routes and addresses with the mark of the owner, except those to keep: what
    /// another configuration added before its process was killed would lead packets astray. Returns what was
    /// removed and what could not be.
    pub async fn remove_stale(&self, kept: &Kept) -> Vec<StaleObject> {
        let mut found = Vec::new();
        let mut marks = vec![self.owner.protocol];
        if self.owner.routing != self.owner.protocol && !kept.shares_routing {
            marks.push(self.owner.routing);
        }
        for mark in marks {
            if let Err(error) = self.remove_stale_routing(mark, kept, &mut found).await {
                found.push(StaleObject::unlisted("routes and rules", error));
            }
        }
        if let Err(error) = self.remove_stale_addresses(kept, &mut found).await {
            found.push(StaleObject::unlisted("addresses", error));
        }
        found
    }

    /// Removes all packet filters with the mark of the owner. Returns what was removed and what could not be.
    pub async fn remove_stale_filters(&mut self) -> Vec<StaleObject> {
        let mut found = Vec::new();
        if let Err(error) = self.filter.remove_stale(&mut found).await {
            // Also without nf_tables in the kernel, or without a capability that no other change needs.
            debug!(%error, "cannot look for stale packet filters");
        }
        found
    }

    async fn remove_stale_routing(
        &self,
        mark: u8,
        kept: &Kept,
        stale: &mut Vec<StaleObject>,
    ) -> io::Result<()> {
        // With strict checks the kernel lists the routes asked for, not all of a router's.
        let (connection, handle, _) = rtnetlink::new_connection_with_strict_check()?;
        tokio::spawn(connection);
        let protocol = RouteProtocol::from(mark);
        for (version, family) in [(IpVersion::V4, "IPv4"), (IpVersion::V6, "IPv6")] {
            let rules: Vec<RuleMessage> =
                bounded(handle.rule().get(version).execute().try_collect()).await?;
            for found in rules {
                let is_marked = found
                    .attributes
                    .contains(&RuleAttribute::Protocol(protocol));
                if !is_marked || kept.has_rule(|rule| is_rule(&found, rule, self.owner)) {
                    continue;
                }
                let rule = format!("{family} rule {}", priority(&found));
                let removed = bounded(handle.rule().del(found).execute()).await;
                stale.push(report(rule, removed));
            }
        }
        for family in [KernelFamily::Inet, KernelFamily::Inet6] {
            let mut wanted = RouteMessage::default();
            wanted.header.address_family = family;
            wanted.header.protocol = protocol;
            let routes: Vec<RouteMessage> =
                bounded(handle.route().get(wanted).execute().try_collect()).await?;
            for found in routes {
                let is_marked = found.header.protocol == protocol;
                if !is_marked || kept.has_route(|placed| is_route(&found, placed, self.owner)) {
                    continue;
                }
                let route = format!("route {} table {}", destination(&found), table(&found));
                let removed = bounded(handle.route().del(found).execute()).await;
                stale.push(report(route, removed));
            }
        }
        Ok(())
    }

    async fn remove_stale_addresses(
        &self,
        kept: &Kept,
        stale: &mut Vec<StaleObject>,
    ) -> io::Result<()> {
        let addresses = self.handle.address();
        let all: Vec<AddressMessage> = bounded(addresses.get().execute().try_collect()).await?;
        for found in all {
            let is_marked = found.attributes.iter().any(|attribute| match attribute {
                AddressAttribute::Protocol(protocol) => u8::from(*protocol) == self.owner.protocol,
                _ => false,
            });
            if !is_marked || kept.has_address(&found) {
                continue;
            }
            let (ifindex, prefix_len) = (found.header.index, found.header.prefix_len);
            let address = local_address(&found);
            let address =
                address.map_or_else(String::new, |address| format!(" {address}/{prefix_len}"));
            let address = format!("address{address} on interface {ifindex}");
            let removed = bounded(self.handle.address().del(found).execute()).await;
            stale.push(report(address, removed));
        }
        Ok(())
    }
}

fn report(object: String, removed: io::Result<()>) -> StaleObject {
    match removed {
        Ok(()) => StaleObject::removed(object),
        Err(error) => StaleObject::stuck(object, error),
    }
}

/// The priority of a rule, as `ip rule` shows it.
fn priority(rule: &RuleMessage) -> u32 {
    let priority = rule
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RuleAttribute::Priority(priority) => Some(*priority),
            _ => None,
        });
    priority.unwrap_or_default()
}

/// The destination of a route, as `ip route` shows it.
fn destination(route: &RouteMessage) -> String {
    let length = route.header.destination_prefix_length;
    let address = route
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(address.to_string()),
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(address.to_string()),
            _ => None,
        });
    address.map_or_else(
        || "default".to_owned(),
        |address| format!("{address}/{length}"),
    )
}
