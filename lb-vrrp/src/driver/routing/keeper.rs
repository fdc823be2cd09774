// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes routes and rules as the advert thread wants them.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{error, warn};

use super::RoutingEntry;
use super::error::RouteError;
use super::watch::Watch;
use crate::driver::address::{Added, AddressManager};
use crate::driver::error::AddressOperation;
use crate::driver::event::Event;
use crate::driver::mailbox::{Mailbox, RouterKey, Wanted, Wishes};

/// A route or rule that we added.
#[derive(Debug)]
struct Held {
    router: RouterKey,
    name: Arc<str>,
    /// Later ones are removed first.
    order: u64,
}

/// Who wants it.
type Holder<'a> = (&'a RouterKey, &'a Wanted);

#[derive(Debug)]
pub(in crate::driver) struct Keeper {
    events: mpsc::Sender<Event>,
    held: HashMap<RoutingEntry, Held>,
    /// Failed and told.
    failing: HashSet<RoutingEntry>,
    order: u64,
    /// Some may be gone.
    doubt: Doubt,
    retry: bool,
    watch: Option<Watch>,
}

/// Whether what is held is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    None,
    /// The kernel removes routes with their source address, which we took away.
    Own,
    /// Somebody has been at work.
    Foreign,
}

impl Keeper {
    pub(in crate::driver) fn new(events: mpsc::Sender<Event>) -> Self {
        Self {
            events,
            held: HashMap::new(),
            failing: HashSet::new(),
            order: 0,
            doubt: Doubt::None,
            retry: false,
            watch: None,
        }
    }

    pub(in crate::driver) fn set_watch(&mut self, watch: Watch) {
        self.watch = Some(watch);
    }

    /// Goes on with what another process held for a router. It looks whether all of it is there:
    /// not all may have been added.
    pub(in crate::driver) fn inherit(
        &mut self,
        router: &RouterKey,
        name: &Arc<str>,
        entries: Vec<RoutingEntry>,
    ) {
        for entry in entries {
            self.order += 1;
            let held = Held {
                router: router.clone(),
                name: Arc::clone(name),
                order: self.order,
            };
            self.held.insert(entry, held);
            self.address_removed();
        }
    }

    pub(in crate::driver) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether something failed since the last time this was asked.
    pub(in crate::driver) fn take_retry(&mut self) -> bool {
        std::mem::take(&mut self.retry)
    }

    /// An address or interface went away, and routes with it perhaps.
    pub(in crate::driver) fn doubt(&mut self) {
        self.doubt = Doubt::Foreign;
    }

    /// We took an address away ourselves.
    pub(in crate::driver) fn address_removed(&mut self) {
        self.doubt = self.doubt.max(Doubt::Own);
    }

    /// Returns when something that is held may have been deleted.
    pub(in crate::driver) async fn disturbed(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.disturbed().await,
            None => pending().await,
        }
        self.doubt();
    }

    /// Removes what is wanted no more: rules, then routes, the last first. Ends early when the
    /// wishes change.
    pub(in crate::driver) async fn withdraw(
        &mut self,
        manager: &mut dyn AddressManager,
        mailbox: &Mailbox,
        wishes: &Wishes,
    ) {
        if self.held.is_empty() {
            return;
        }
        let wanted: HashSet<&RoutingEntry> = wanted(wishes).map(|(_, entry)| entry).collect();
        let mut surplus: Vec<(bool, u64, RoutingEntry)> = self
            .held
            .iter()
            .filter(|(entry, _)| !wanted.contains(entry))
            .map(|(entry, held)| {
                let rule = matches!(entry, RoutingEntry::Rule(_));
                (rule, held.order, entry.clone())
            })
            .collect();
        surplus.sort_by_key(|(rule, order, _)| std::cmp::Reverse((*rule, *order)));
        for (_, _, entry) in surplus {
            self.remove(manager, entry).await;
            if mailbox.version() != wishes.version {
                return;
            }
        }
    }

    async fn remove(&mut self, manager: &mut dyn AddressManager, entry: RoutingEntry) {
        let result = match manager.routes() {
            Some(routes) => routes.remove(&entry).await,
            None => Ok(()),
        };
        match result {
            Ok(()) => {
                self.failing.remove(&entry);
                self.held.remove(&entry);
            }
            Err(error) => {
                if let Some(held) = self.held.get(&entry) {
                    let (router, name) = (held.router.clone(), Arc::clone(&held.name));
                    self.failed(&router, &name, error);
                }
            }
        }
    }

    /// Adds what is wanted: routes, then rules, of each router as they were given. Ends early when
    /// the wishes change.
    pub(in crate::driver) async fn establish(
        &mut self,
        manager: &mut dyn AddressManager,
        mailbox: &Mailbox,
        wishes: &Wishes,
    ) {
        let doubt = std::mem::replace(&mut self.doubt, Doubt::None);
        for (holder, entry) in wanted(wishes) {
            if let Some(watch) = &mut self.watch {
                watch.listen();
            }
            let known = self.held.contains_key(entry);
            if !known || doubt != Doubt::None {
                let told = (known && doubt == Doubt::Foreign).then_some(());
                self.add(manager, holder, entry, told.is_some()).await;
            }
            if mailbox.version() != wishes.version {
                self.doubt = self.doubt.max(doubt);
                return;
            }
        }
    }

    async fn add(
        &mut self,
        manager: &mut dyn AddressManager,
        (key, wish): Holder<'_>,
        entry: &RoutingEntry,
        tell: bool,
    ) {
        let result = match manager.routes() {
            Some(routes) => routes.add(entry).await,
            None => Err(RouteError::new(
                AddressOperation::Add,
                entry,
                io::ErrorKind::Unsupported.into(),
            )),
        };
        let added = match result {
            Ok(added) => added,
            Err(error) => {
                self.held.remove(entry);
                self.failed(key, &wish.router, error);
                return;
            }
        };
        self.failing.remove(entry);
        self.order += 1;
        let order = self.order;
        self.held.entry(entry.clone()).or_insert_with(|| Held {
            router: key.clone(),
            name: Arc::clone(&wish.router),
            order,
        });
        if tell && added == Added::Created {
            warn!(instance = %wish.router, vrid = %key.vrid, "{entry} was gone, put back");
            let _ = self.events.try_send(Event::RouteRestored {
                router: Arc::clone(&wish.router),
                vrid: key.vrid,
                entry: entry.clone(),
            });
        }
    }

    fn failed(&mut self, key: &RouterKey, name: &Arc<str>, failure: RouteError) {
        self.retry = true;
        if !self.failing.insert(failure.entry.clone()) {
            return;
        }
        error!(
            instance = %name, vrid = %key.vrid, error = %failure.source,
            "{failure}, trying again every second"
        );
        let _ = self.events.try_send(Event::RouteFailed {
            router: Arc::clone(name),
            vrid: key.vrid,
            error: Arc::new(failure),
        });
    }
}

/// What the routers that are Master want, in their order.
fn wanted(wishes: &Wishes) -> impl Iterator<Item = (Holder<'_>, &RoutingEntry)> {
    let masters = wishes.routers.iter().filter(|(_, wish)| wish.held);
    masters.flat_map(|(key, wish)| {
        let holder: Holder<'_> = (key, wish);
        wish.routing.iter().map(move |entry| (holder, entry))
    })
}
