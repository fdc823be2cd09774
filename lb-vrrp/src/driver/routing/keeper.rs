// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes routes and rules as the advert thread wants them, and static ones.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{error, warn};

use super::RouteManager;
use super::RoutingEntry;
use super::error::RouteError;
use super::watch::Watch;
use crate::driver::actuator::DesiredState;
use crate::driver::desired::DesiredRouter;
use crate::driver::error::AddressOperation;
use crate::driver::event::Event;
use crate::driver::key::RouterKey;
use crate::statics::{route_name, rule_name};
use lb_host::Applied as Added;

/// A route or rule that we added.
#[derive(Debug)]
struct Held {
    owner: Owner,
    /// Later ones are removed first.
    order: u64,
}

/// Whose it is.
#[derive(Clone, Debug)]
enum Owner {
    Router(RouterKey, Arc<str>),
    /// It is there whoever is Master.
    Static,
}

/// Who wants it.
#[derive(Clone, Copy)]
enum Holder<'a> {
    Router(&'a RouterKey, &'a DesiredRouter),
    Static {
        /// It is put back; else it is put there once.
        watched: bool,
    },
}

impl Holder<'_> {
    fn owner(self) -> Owner {
        match self {
            Self::Router(key, wish) => Owner::Router(key.clone(), Arc::clone(&wish.router)),
            Self::Static { .. } => Owner::Static,
        }
    }
}

#[derive(Debug)]
pub(in crate::driver) struct Keeper {
    events: mpsc::Sender<Event>,
    held: HashMap<RoutingEntry, Held>,
    /// Failed and told: what the kernel said.
    failing: HashMap<RoutingEntry, String>,
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
            failing: HashMap::new(),
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
            self.take_up(entry, Owner::Router(router.clone(), Arc::clone(name)));
        }
    }

    /// The same with a static one.
    pub(in crate::driver) fn inherit_static(&mut self, entry: RoutingEntry) {
        self.take_up(entry, Owner::Static);
    }

    fn take_up(&mut self, entry: RoutingEntry, owner: Owner) {
        self.order += 1;
        let order = self.order;
        self.held.insert(entry, Held { owner, order });
        self.address_removed();
    }

    pub(in crate::driver) fn holds(&self, entry: &RoutingEntry) -> bool {
        self.held.contains_key(entry)
    }

    /// What the kernel said when it was last tried in vain.
    pub(in crate::driver) fn problem(&self, entry: &RoutingEntry) -> Option<&String> {
        self.failing.get(entry)
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
        mut manager: Option<&mut (dyn RouteManager + 'static)>,
        is_changed: impl Fn() -> bool,
        wishes: &DesiredState,
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
            self.remove(manager.as_deref_mut(), entry).await;
            if is_changed() {
                return;
            }
        }
    }

    async fn remove(
        &mut self,
        manager: Option<&mut (dyn RouteManager + 'static)>,
        entry: RoutingEntry,
    ) {
        let result = match manager {
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
                    let owner = held.owner.clone();
                    self.failed(owner, error);
                }
            }
        }
    }

    /// Adds what is wanted: static ones first, then routes and rules of each router, all as they
    /// were given. Ends early when the wishes change.
    pub(in crate::driver) async fn establish(
        &mut self,
        mut manager: Option<&mut (dyn RouteManager + 'static)>,
        is_changed: impl Fn() -> bool,
        wishes: &DesiredState,
    ) {
        let doubt = std::mem::replace(&mut self.doubt, Doubt::None);
        for (holder, entry) in wanted(wishes) {
            if let Some(watch) = &mut self.watch {
                watch.listen();
            }
            let known = self.held.contains_key(entry);
            let settled = known && matches!(holder, Holder::Static { watched: false });
            if !known || (doubt != Doubt::None && !settled) {
                let told = (known && doubt == Doubt::Foreign).then_some(());
                self.add(manager.as_deref_mut(), holder, entry, told.is_some())
                    .await;
            }
            if is_changed() {
                self.doubt = self.doubt.max(doubt);
                return;
            }
        }
    }

    async fn add(
        &mut self,
        manager: Option<&mut (dyn RouteManager + 'static)>,
        holder: Holder<'_>,
        entry: &RoutingEntry,
        tell: bool,
    ) {
        let result = match manager {
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
                self.failed(holder.owner(), error);
                return;
            }
        };
        self.failing.remove(entry);
        self.order += 1;
        let order = self.order;
        self.held.entry(entry.clone()).or_insert_with(|| Held {
            owner: holder.owner(),
            order,
        });
        if tell && added == Added::Created {
            self.restored(holder, entry);
        }
    }

    fn restored(&self, holder: Holder<'_>, entry: &RoutingEntry) {
        let event = match holder {
            Holder::Router(key, wish) => {
                warn!(instance = %wish.router, vrid = %key.vrid, "{entry} was gone, put back");
                Event::RouteRestored {
                    router: Arc::clone(&wish.router),
                    vrid: key.vrid,
                    entry: entry.clone(),
                }
            }
            Holder::Static { .. } => {
                let name = match entry {
                    RoutingEntry::Route(placed) => route_name(&placed.route),
                    RoutingEntry::Rule(rule) => rule_name(rule),
                };
                warn!("static {name} was gone, put back");
                let item = Arc::from(name);
                Event::StaticRestored { item }
            }
        };
        let _ = self.events.try_send(event);
    }

    fn failed(&mut self, owner: Owner, failure: RouteError) {
        self.retry = true;
        let said = failure.source.to_string();
        if self.failing.insert(failure.entry.clone(), said).is_some() {
            return;
        }
        // Of a static one it is told what has become of it.
        let Owner::Router(key, name) = owner else {
            if failure.operation == AddressOperation::Remove {
                error!(error = %failure.source, "static: {failure}, trying again every second");
            }
            return;
        };
        error!(
            instance = %name, vrid = %key.vrid, error = %failure.source,
            "{failure}, trying again every second"
        );
        let _ = self.events.try_send(Event::RouteFailed {
            router: name,
            vrid: key.vrid,
            error: Arc::new(failure),
        });
    }
}

/// What is static, and what the routers that are Master want, in their order.
fn wanted(wishes: &DesiredState) -> impl Iterator<Item = (Holder<'_>, &RoutingEntry)> {
    let statics = wishes.placed.routing();
    let statics = statics.map(|(entry, watched)| (Holder::Static { watched }, entry));
    let masters = wishes.routers.iter().filter(|(_, wish)| wish.held);
    statics.chain(masters.flat_map(|(key, wish)| {
        let holder = Holder::Router(key, wish);
        wish.routing.iter().map(move |entry| (holder, entry))
    }))
}
