// SPDX-License-Identifier: MIT OR Apache-2.0
//! Has static addresses on their interfaces, and says what of all static items is amiss. Routes and
//! rules are the routing keeper's.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{Item, Placed, Spot, interfaces_of};
use crate::driver::address::{Added, AddressManager, Link};
use crate::driver::event::Event;
use crate::driver::links::Interfaces;
use crate::driver::mailbox::{Mailbox, Wishes};
use crate::driver::routing;
use crate::driver::status::{StaticProblem, StaticStatus};
use crate::{StaticItems, VirtualAddress};

/// How long the monitor may take to see an address that was just added.
const SEEN: Duration = Duration::from_millis(500);

/// An address is there at most once per interface.
type Key = (u32, IpAddr);

#[derive(Debug)]
struct Held {
    link: Link,
    address: VirtualAddress,
    /// It is noticed when it goes.
    watched: bool,
    /// Taken away by somebody else, by what was heard, which may have been of an earlier time.
    lost: bool,
}

#[derive(Debug)]
pub(in crate::driver) struct Keeper {
    events: mpsc::Sender<Event>,
    /// All interfaces, as the monitor knows them.
    table: Option<watch::Receiver<Interfaces>>,
    /// Those that static items name, as of the last look: index, and whether it is up.
    seen: BTreeMap<String, Option<(u32, bool)>>,
    held: BTreeMap<Key, Held>,
    /// What the kernel said.
    failing: BTreeMap<Key, String>,
    /// What is put there once, and has been.
    once: BTreeMap<Arc<str>, Spot>,
    /// What was told to be amiss, and of which items.
    told: (Arc<StaticItems>, Vec<StaticStatus>),
    retry: bool,
}

/// What became of the static items of a configuration.
#[derive(Debug)]
pub(in crate::driver) struct Judgement {
    pub(in crate::driver) of: Arc<StaticItems>,
    pub(in crate::driver) amiss: Vec<StaticStatus>,
}

impl Keeper {
    pub(in crate::driver) fn new(events: mpsc::Sender<Event>) -> Self {
        Self {
            events,
            table: None,
            seen: BTreeMap::new(),
            held: BTreeMap::new(),
            failing: BTreeMap::new(),
            once: BTreeMap::new(),
            told: (Arc::default(), Vec::new()),
            retry: false,
        }
    }

    pub(in crate::driver) fn set_table(&mut self, table: watch::Receiver<Interfaces>) {
        self.table = Some(table);
    }

    pub(in crate::driver) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(in crate::driver) fn holds(&self, key: &Key) -> bool {
        self.held.contains_key(key)
    }

    /// Whether something failed since the last time this was asked.
    pub(in crate::driver) fn take_retry(&mut self) -> bool {
        std::mem::take(&mut self.retry)
    }

    /// Looks where the items belong now.
    pub(in crate::driver) fn place(&mut self, statics: &StaticItems) -> Placed {
        let interfaces = self.look();
        let names = interfaces_of(statics);
        self.seen = names
            .map(|name| (name.to_owned(), state(&interfaces, name)))
            .collect();
        let mut placed = Placed::new(statics, &interfaces);
        let items = &mut placed.0;
        self.once
            .retain(|name, _| items.iter().any(|of| !of.watched && of.name == *name));
        for item in items {
            if let Some(spot) = self.once.get(&item.name) {
                item.spot = Some(spot.clone());
                item.problem = None;
            }
        }
        placed
    }

    fn look(&mut self) -> Interfaces {
        let table = self.table.as_mut();
        table.map_or_else(Interfaces::default, |of| of.borrow_and_update().clone())
    }

    /// Goes on with what another process held.
    pub(in crate::driver) fn inherit(
        &mut self,
        statics: &StaticItems,
        routing: &mut routing::Keeper,
    ) {
        let interfaces = self.look();
        for item in Placed::new(statics, &interfaces).0 {
            let Some(spot) = item.spot else { continue };
            match &spot {
                Spot::Address(link, address) => {
                    let held = Held {
                        link: link.clone(),
                        address: address.clone(),
                        // Whether it is there, is looked after if it is wanted.
                        watched: false,
                        lost: false,
                    };
                    self.held.insert((link.index, address.address), held);
                }
                Spot::Routing(entry) => routing.inherit_static(entry.clone()),
            }
            if !item.watched {
                self.once.insert(item.name, spot);
            }
        }
    }

    /// Returns when an interface that an item names has come, gone, or changed its state.
    pub(in crate::driver) async fn disturbed(&mut self) {
        loop {
            let Some(table) = self.table.as_mut().filter(|_| !self.seen.is_empty()) else {
                return pending().await;
            };
            if table.changed().await.is_err() {
                return pending().await;
            }
            let now = table.borrow_and_update();
            let same = |(name, seen): (&String, &Option<_>)| state(&now, name) == *seen;
            if !self.seen.iter().all(same) {
                return;
            }
        }
    }

    pub(in crate::driver) fn lose(&mut self, key: Key) {
        if let Some(held) = self.held.get_mut(&key) {
            held.lost |= held.watched;
        }
    }

    /// An interface went away.
    pub(in crate::driver) fn forget(&mut self, link: &Link) {
        self.held.retain(|(index, _), _| *index != link.index);
    }

    /// Notifications were lost: this is what there is now.
    pub(in crate::driver) fn audit(&mut self, interfaces: &Interfaces) {
        let missing = |(key, held): (&Key, &Held)| {
            (!interfaces.holds(&held.link, held.address.address)).then_some(*key)
        };
        let missing: Vec<Key> = self.held.iter().filter_map(missing).collect();
        for key in missing {
            self.lose(key);
        }
    }

    /// Removes addresses that are wanted no more, and adds those that are missing. `taken` says
    /// which ones a router holds. Says whether one was removed. Ends early when the wishes change.
    pub(in crate::driver) async fn settle(
        &mut self,
        manager: &mut dyn AddressManager,
        (mailbox, wishes): (&Mailbox, &Wishes),
        taken: impl Fn(&Key) -> bool,
    ) -> bool {
        let removed = self.shed(manager, (mailbox, wishes), taken).await;
        for (item, link, address) in wishes.placed.addresses() {
            if mailbox.version() != wishes.version {
                break;
            }
            self.hold(manager, item, link, address).await;
        }
        removed
    }

    async fn shed(
        &mut self,
        manager: &mut dyn AddressManager,
        (mailbox, wishes): (&Mailbox, &Wishes),
        taken: impl Fn(&Key) -> bool,
    ) -> bool {
        let wanted: BTreeMap<Key, &VirtualAddress> = wishes
            .placed
            .addresses()
            .map(|(_, link, address)| ((link.index, address.address), address))
            .collect();
        self.failing.retain(|key, _| wanted.contains_key(key));
        let surplus = self.held.iter().filter(|(key, held)| {
            // Whether it is put back, and by whom it is missed, does not change what is there.
            let same = |of: &&VirtualAddress| bare(of) == bare(&held.address);
            !wanted.get(key).is_some_and(same)
        });
        let surplus: Vec<Key> = surplus.map(|(key, _)| *key).rev().collect();
        let mut removed = false;
        for key in surplus {
            let Some(held) = self.held.get(&key) else {
                continue;
            };
            if !taken(&key)
                && let Err(error) = manager.remove(&held.link, &held.address).await
            {
                let address = &held.address;
                error!(error = %error.source, "static address {address} not removed");
                self.retry = true;
                continue;
            }
            self.held.remove(&key);
            removed = true;
            if mailbox.version() != wishes.version {
                break;
            }
        }
        removed
    }

    async fn hold(
        &mut self,
        manager: &mut dyn AddressManager,
        item: &Item,
        link: &Link,
        address: &VirtualAddress,
    ) {
        let key = (link.index, address.address);
        let known = self.held.get(&key);
        let lost = known.is_some_and(|held| held.lost);
        // One that was not watched may have gone.
        if known.is_some_and(|held| !held.lost && (held.watched || !item.watched))
            || self.once.contains_key(&item.name)
        {
            return;
        }
        let added = match manager.add(link, address).await {
            Ok(added) => added,
            Err(error) => {
                self.failing.insert(key, error.source.to_string());
                self.retry = true;
                return;
            }
        };
        self.failing.remove(&key);
        let held = Held {
            link: link.clone(),
            address: address.clone(),
            watched: item.watched,
            lost: false,
        };
        self.held.insert(key, held);
        if !item.watched {
            let spot = Spot::Address(link.clone(), address.clone());
            self.once.insert(Arc::clone(&item.name), spot);
        }
        if lost && added == Added::Created {
            warn!("static {} was gone, put back", item.name);
            let _ = self.events.try_send(Event::StaticRestored {
                item: Arc::clone(&item.name),
            });
        }
    }

    /// After all has been tried: what is amiss, if that is news. What was just added is known to
    /// the monitor then, so that who needs it finds it.
    pub(in crate::driver) async fn judge(
        &mut self,
        wishes: &Wishes,
        routing: &routing::Keeper,
    ) -> Option<Judgement> {
        for item in wishes.placed.0.iter().filter(|item| !item.watched) {
            if let Some(Spot::Routing(entry)) = &item.spot
                && routing.holds(entry)
            {
                let spot = Spot::Routing(entry.clone());
                self.once.entry(Arc::clone(&item.name)).or_insert(spot);
            }
        }
        let amiss = wishes.placed.0.iter().filter_map(|item| {
            Some(StaticStatus {
                item: Arc::clone(&item.name),
                group: item.group.clone(),
                problem: self.problem(item, routing)?,
            })
        });
        let amiss: Vec<StaticStatus> = amiss.collect();
        let (of, told) = &self.told;
        let none = of.is_empty() && wishes.statics.is_empty();
        let news = !Arc::ptr_eq(of, &wishes.statics);
        if none || (!news && *told == amiss) {
            return None;
        }
        self.tell(&wishes.placed, &amiss);
        self.told = (Arc::clone(&wishes.statics), amiss.clone());
        if news {
            self.wait_until_seen().await;
        }
        Some(Judgement {
            of: Arc::clone(&wishes.statics),
            amiss,
        })
    }

    fn problem(&self, item: &Item, routing: &routing::Keeper) -> Option<StaticProblem> {
        let refused = match &item.spot {
            Some(Spot::Address(link, address)) => self.failing.get(&(link.index, address.address)),
            Some(Spot::Routing(entry)) => routing.problem(entry),
            None => None,
        };
        let refused = || refused.cloned().map(StaticProblem::Refused);
        item.problem.clone().or_else(refused)
    }

    fn tell(&self, placed: &Placed, amiss: &[StaticStatus]) {
        let (_, told) = &self.told;
        for new in amiss.iter().filter(|new| !told.contains(new)) {
            let StaticStatus { item, problem, .. } = new;
            warn!("static {item} is not in its place: {problem}");
            let _ = self.events.try_send(Event::StaticChanged {
                item: Arc::clone(item),
                problem: Some(problem.clone()),
            });
        }
        for old in told {
            let item = &old.item;
            let wanted = placed.0.iter().any(|of| of.name == *item);
            if wanted && !amiss.iter().any(|of| of.item == *item) {
                info!("static {item} is in its place again");
                let _ = self.events.try_send(Event::StaticChanged {
                    item: Arc::clone(item),
                    problem: None,
                });
            }
        }
    }

    async fn wait_until_seen(&mut self) {
        let Some(table) = &mut self.table else {
            return;
        };
        let watched = || self.held.values().filter(|held| held.watched);
        let all = |seen: &Interfaces| watched().all(|of| seen.holds(&of.link, of.address.address));
        // Looked at without taking note: what else it says is for the next look.
        let mut table = table.clone();
        let _ = tokio::time::timeout(SEEN, table.wait_for(all)).await;
    }
}

/// An address without what the kernel does not know of it.
fn bare(of: &VirtualAddress) -> VirtualAddress {
    of.clone().with_tracked(true)
}

fn state(interfaces: &Interfaces, name: &str) -> Option<(u32, bool)> {
    interfaces.get(name).map(|of| (of.link.index, of.up))
}
