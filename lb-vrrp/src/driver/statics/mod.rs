// SPDX-License-Identifier: MIT OR Apache-2.0
//! Static addresses, routes and rules: where they belong, and who looks after them. All of it on the
//! address thread.

mod keeper;
mod leftover;

use std::net::IpAddr;
use std::sync::Arc;

pub(super) use self::keeper::{Judgement, Keeper};
pub(super) use self::leftover::remove_leftovers;
use super::links::Interfaces;
use super::routing::{PlacedRoute, RoutingEntry};
use super::status::StaticProblem;
use crate::{StaticItems, VirtualAddress, VirtualRoute, VirtualRule};
use lb_host::{AddressKey, Link};

/// A static item whose interfaces have been looked for.
#[derive(Clone, Debug)]
struct Item {
    name: Arc<str>,
    group: Option<Arc<str>>,
    /// It is put back; else it is put there once.
    watched: bool,
    /// What is amiss with the interfaces that it names.
    problem: Option<StaticProblem>,
    /// `None` while an interface is missing.
    spot: Option<Spot>,
}

/// What is to be where.
#[derive(Clone, Debug)]
enum Spot {
    Address(Arc<Link>, VirtualAddress),
    Routing(RoutingEntry),
}

/// All static items in the order in which they are added: addresses, routes, rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed(Vec<Item>);

impl Placed {
    fn new(statics: &StaticItems, interfaces: &Interfaces) -> Self {
        let mut names = statics.grouped();
        let mut items = Vec::new();
        let mut push = |watched: bool, used: &[&str], spot: Option<Spot>| {
            let Some((name, group)) = names.next() else {
                return;
            };
            // A rule may name an interface that is not there.
            let needs = group.is_some() || spot.is_none();
            let mut problems = used
                .iter()
                .filter(|_| needs)
                .filter_map(|name| problem(name, interfaces, group.is_some()));
            items.push(Item {
                name: Arc::from(name),
                group: group.map(Arc::from),
                watched,
                problem: problems.next(),
                spot,
            });
        };
        for of in statics.addresses.iter().map(|of| &of.item) {
            let name = of.interface.as_deref().unwrap_or_default();
            let link = interfaces.get(name).map(|found| Arc::clone(&found.link));
            let spot = link.map(|link| Spot::Address(link, of.clone()));
            push(of.tracked, &[name], spot);
        }
        for of in statics.routes.iter().map(|of| &of.item) {
            let placed = PlacedRoute::new(of, interfaces).map(Box::new);
            let spot = placed.map(|placed| Spot::Routing(RoutingEntry::Route(placed)));
            push(of.tracked, &of.interfaces().collect::<Vec<_>>(), spot);
        }
        for of in statics.rules.iter().map(|of| &of.item) {
            let spot = Spot::Routing(RoutingEntry::Rule(Box::new(of.clone())));
            push(of.tracked, &of.interfaces().collect::<Vec<_>>(), Some(spot));
        }
        Self(items)
    }

    fn addresses(&self) -> impl Iterator<Item = (&Item, &Arc<Link>, &VirtualAddress)> {
        self.0.iter().filter_map(|item| match &item.spot {
            Some(Spot::Address(link, address)) => Some((item, link, address)),
            _ => None,
        })
    }

    /// The name of the item that an address is of.
    pub(super) fn name_of(&self, key: &AddressKey) -> Option<Arc<str>> {
        let mut addresses = self.addresses();
        let found = addresses
            .find(|(_, link, address)| AddressKey::new(link.index, address.address) == *key);
        found.map(|(item, ..)| Arc::clone(&item.name))
    }

    /// Routes and rules, and whether each is to be put back.
    pub(super) fn routing(&self) -> impl Iterator<Item = (&RoutingEntry, bool)> {
        self.0.iter().filter_map(|item| match &item.spot {
            Some(Spot::Routing(entry)) => Some((entry, item.watched)),
            _ => None,
        })
    }
}

/// What is amiss with an interface. Whether it is up matters for who tracks what is on it.
fn problem(name: &str, interfaces: &Interfaces, tracked: bool) -> Option<StaticProblem> {
    match interfaces.get(name) {
        None => Some(StaticProblem::Missing(name.to_owned())),
        Some(of) if tracked && !of.up => Some(StaticProblem::Down(name.to_owned())),
        Some(_) => None,
    }
}

/// The interfaces that static items name.
fn interfaces_of(statics: &StaticItems) -> impl Iterator<Item = &str> {
    let addresses = statics.addresses.iter().map(|of| &of.item);
    let routes = statics.routes.iter().map(|of| &of.item);
    let rules = statics.rules.iter().map(|of| &of.item);
    addresses
        .filter_map(|of| of.interface.as_deref())
        .chain(routes.flat_map(VirtualRoute::interfaces))
        .chain(rules.flat_map(VirtualRule::interfaces))
}

/// Whether an interface has this address by a static item.
pub(super) fn names(statics: &StaticItems, interface: &str, address: IpAddr) -> bool {
    let mut addresses = statics.addresses.iter().map(|of| &of.item);
    addresses.any(|of| of.address == address && of.interface.as_deref() == Some(interface))
}
