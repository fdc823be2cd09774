// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the interfaces of static items, and reports which items are missing.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use lb_host::{Desired, HostObject, Key, Reconciler};
use tokio::sync::watch;

use super::{Item, Placed, interfaces_of};
use crate::StaticItems;
use crate::driver::event::{Event, EventSender};
use crate::driver::key::Claimant;
use crate::driver::links::Interfaces;
use crate::status::{StaticProblem, StaticStatus};

/// Longest wait until the monitor has seen an address that was just added.
const SEEN: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(in crate::driver) struct Keeper {
    events: EventSender,
    /// All interfaces as the monitor sees them.
    table: Option<watch::Receiver<Interfaces>>,
    /// The interfaces that static items name, as of the last look: index, and whether it is up.
    seen: BTreeMap<String, Option<(u32, bool)>>,
    /// Items that are added only once, and were added.
    once: BTreeMap<Arc<str>, HostObject>,
    /// The items and problems that were reported last.
    reported: (Arc<StaticItems>, Vec<StaticStatus>),
}

/// Which static items of a configuration are missing.
#[derive(Debug)]
pub(in crate::driver) struct StaticState {
    pub(in crate::driver) statics: Arc<StaticItems>,
    pub(in crate::driver) missing: Vec<StaticStatus>,
}

impl Keeper {
    pub(in crate::driver) fn new(events: EventSender) -> Self {
        Self {
            events,
            table: None,
            seen: BTreeMap::new(),
            once: BTreeMap::new(),
            reported: (Arc::default(), Vec::new()),
        }
    }

    pub(in crate::driver) fn set_table(&mut self, table: watch::Receiver<Interfaces>) {
        self.table = Some(table);
    }

    /// Finds the present interfaces of the items.
    pub(in crate::driver) fn place(&mut self, statics: &StaticItems) -> Placed {
        let interfaces = self.look();
        let names = interfaces_of(statics);
        self.seen = names
            .map(|name| (name.to_owned(), state(&interfaces, name)))
            .collect();
        let mut placed = Placed::new(statics, &interfaces);
        let items = &mut placed.0;
        self.once
            .retain(|name, _| items.iter().any(|item| !item.watched && item.name == *name));
        for item in items {
            if let Some(object) = self.once.get(&item.name) {
                item.object = Some(object.clone());
                item.problem = None;
            }
        }
        placed
    }

    fn look(&mut self) -> Interfaces {
        let table = self.table.as_mut();
        table.map_or_else(Interfaces::default, |table| {
            table.borrow_and_update().clone()
        })
    }

    /// The desired objects, without items that are added only once and were deleted.
    pub(in crate::driver) fn objects(
        &self,
        placed: &Placed,
        reconciler: &Reconciler<Claimant>,
    ) -> Vec<Desired> {
        let objects = placed.0.iter().filter_map(|item| {
            let object = item.object.clone()?;
            let is_done = self.once.contains_key(&item.name) && !reconciler.is_held(&object.key());
            (!is_done).then(|| Desired::new(object).with_restored(item.watched))
        });
        objects.collect()
    }

    /// The items that are added only once, and were.
    pub(in crate::driver) const fn added_once(&self) -> &BTreeMap<Arc<str>, HostObject> {
        &self.once
    }

    /// Continues with the items that another process added once.
    pub(in crate::driver) fn continue_with(&mut self, added_once: BTreeMap<Arc<str>, HostObject>) {
        self.once = added_once;
    }

    /// Returns when an interface that an item names was added, deleted, or changed its state.
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

    /// Returns which items are missing after all changes were tried, unless that was returned before.
    /// Waits until the monitor has seen new addresses, so that routers that need them find them.
    pub(in crate::driver) async fn update_static_state(
        &mut self,
        statics: &Arc<StaticItems>,
        placed: &Placed,
        reconciler: &Reconciler<Claimant>,
    ) -> Option<StaticState> {
        for item in placed.0.iter().filter(|item| !item.watched) {
            if let Some(object) = &item.object
                && reconciler.is_held(&object.key())
            {
                self.once
                    .entry(Arc::clone(&item.name))
                    .or_insert_with(|| object.clone());
            }
        }
        let missing = placed.0.iter().filter_map(|item| {
            Some(StaticStatus {
                item: Arc::clone(&item.name),
                group: item.group.clone(),
                problem: problem(item, reconciler)?,
            })
        });
        let missing: Vec<StaticStatus> = missing.collect();
        let (statics_before, reported) = &self.reported;
        let is_empty = statics_before.is_empty() && statics.is_empty();
        let is_new = !Arc::ptr_eq(statics_before, statics);
        if is_empty || (!is_new && *reported == missing) {
            return None;
        }
        self.report(placed, &missing);
        self.reported = (Arc::clone(statics), missing.clone());
        if is_new {
            self.wait_until_seen(placed, reconciler).await;
        }
        Some(StaticState {
            statics: Arc::clone(statics),
            missing,
        })
    }

    fn report(&self, placed: &Placed, missing: &[StaticStatus]) {
        let (_, reported) = &self.reported;
        for new in missing.iter().filter(|new| !reported.contains(new)) {
            let StaticStatus { item, problem, .. } = new;
            self.events.send(Event::StaticChanged {
                item: Arc::clone(item),
                problem: Some(problem.clone()),
            });
        }
        for old in reported {
            let item = &old.item;
            let wanted = placed.0.iter().any(|placed| placed.name == *item);
            if wanted && !missing.iter().any(|missing| missing.item == *item) {
                self.events.send(Event::StaticChanged {
                    item: Arc::clone(item),
                    problem: None,
                });
            }
        }
    }

    async fn wait_until_seen(&self, placed: &Placed, reconciler: &Reconciler<Claimant>) {
        let Some(table) = &self.table else {
            return;
        };
        let watched = || {
            let items = placed.0.iter().filter(|item| item.watched);
            items.filter_map(|item| match &item.object {
                Some(HostObject::Address(address)) => {
                    let is_held = reconciler.is_held(&Key::Address(address.key()));
                    is_held.then_some(address)
                }
                _ => None,
            })
        };
        let has_all =
            |seen: &Interfaces| watched().all(|address| seen.holds(&address.link, address.address));
        // The clone leaves the change notification to the next look.
        let mut table = table.clone();
        let _ = tokio::time::timeout(SEEN, table.wait_for(has_all)).await;
    }
}

fn problem(item: &Item, reconciler: &Reconciler<Claimant>) -> Option<StaticProblem> {
    let refused = || {
        let failure = reconciler.failure(&item.object.as_ref()?.key())?;
        Some(StaticProblem::Refused(failure.to_owned()))
    };
    item.problem.clone().or_else(refused)
}

fn state(interfaces: &Interfaces, name: &str) -> Option<(u32, bool)> {
    interfaces
        .get(name)
        .map(|interface| (interface.link.index, interface.up))
}
