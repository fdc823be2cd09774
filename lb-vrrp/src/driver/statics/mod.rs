// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules with the interfaces that their names stand for.

mod keeper;

use std::net::IpAddr;
use std::sync::Arc;

pub(super) use self::keeper::{Keeper, StaticState};
use super::host::host_address;
use super::links::Interfaces;
use super::routing::place_route;
use crate::status::StaticProblem;
use crate::{StaticItems, VirtualRoute, VirtualRule};
use lb_host::{HostObject, Key, RoutingEntry};

/// A static item whose interfaces have been looked for.
#[derive(Clone, Debug)]
struct Item {
    name: Arc<str>,
    group: Option<Arc<str>>,
    /// The object is added again when another program deletes it; else it is added once.
    watched: bool,
    /// The problem of an interface that the item names.
    problem: Option<StaticProblem>,
    /// `None` while an interface is missing.
    object: Option<HostObject>,
}

/// All static items in the order in which they are added: addresses, routes, rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed(Vec<Item>);

impl Placed {
    pub(super) fn new(statics: &StaticItems, interfaces: &Interfaces) -> Self {
        let mut names = statics.grouped();
        let mut items = Vec::new();
        let mut push = |watched: bool, used: &[&str], object: Option<HostObject>| {
            let Some((name, group)) = names.next() else {
                return;
            };
            // A rule may name an interface that is not there.
            let needs = group.is_some() || object.is_none();
            let mut problems = used
                .iter()
                .filter(|_| needs)
                .filter_map(|name| problem(name, interfaces, group.is_some()));
            items.push(Item {
                name: Arc::from(name),
                group: group.map(Arc::from),
                watched,
                problem: problems.next(),
                object,
            });
        };
        for address in statics.addresses.iter().map(|entry| &entry.item) {
            let name = address.interface.as_deref().unwrap_or_default();
            let link = interfaces.get(name).map(|found| &found.link);
            let object = link.map(|link| host_address(address, link).into());
            push(address.tracked, &[name], object);
        }
        for route in statics.routes.iter().map(|entry| &entry.item) {
            let placed = place_route(route, interfaces);
            let object = placed.map(|placed| routing(RoutingEntry::Route(Box::new(placed))));
            push(
                route.tracked,
                &route.interfaces().collect::<Vec<_>>(),
                object,
            );
        }
        for rule in statics.rules.iter().map(|entry| &entry.item) {
            let object = routing(RoutingEntry::Rule(Box::new(rule.clone())));
            push(
                rule.tracked,
                &rule.interfaces().collect::<Vec<_>>(),
                Some(object),
            );
        }
        Self(items)
    }

    /// The objects of items whose interfaces have been found.
    pub(super) fn objects(&self) -> impl Iterator<Item = &HostObject> {
        self.0.iter().filter_map(|item| item.object.as_ref())
    }

    /// The name of the item of an object.
    pub(super) fn name_of(&self, key: &Key) -> Option<Arc<str>> {
        let mut items = self.0.iter();
        let has_key = |item: &&Item| {
            item.object
                .as_ref()
                .is_some_and(|object| object.key() == *key)
        };
        items.find(has_key).map(|item| Arc::clone(&item.name))
    }
}

fn routing(entry: RoutingEntry) -> HostObject {
    HostObject::Routing(Arc::new(entry))
}

/// The problem of an interface. Whether it is up matters only where routers track its items.
fn problem(name: &str, interfaces: &Interfaces, tracked: bool) -> Option<StaticProblem> {
    match interfaces.get(name) {
        None => Some(StaticProblem::Missing(name.to_owned())),
        Some(interface) if tracked && !interface.up => Some(StaticProblem::Down(name.to_owned())),
        Some(_) => None,
    }
}

/// The interfaces that static items name.
fn interfaces_of(statics: &StaticItems) -> impl Iterator<Item = &str> {
    let addresses = statics.addresses.iter().map(|entry| &entry.item);
    let routes = statics.routes.iter().map(|entry| &entry.item);
    let rules = statics.rules.iter().map(|entry| &entry.item);
    addresses
        .filter_map(|address| address.interface.as_deref())
        .chain(routes.flat_map(VirtualRoute::interfaces))
        .chain(rules.flat_map(VirtualRule::interfaces))
}

/// Whether an interface has this address by a static item.
pub(super) fn names(statics: &StaticItems, interface: &str, address: IpAddr) -> bool {
    let mut addresses = statics.addresses.iter().map(|entry| &entry.item);
    addresses.any(|item| item.address == address && item.interface.as_deref() == Some(interface))
}
