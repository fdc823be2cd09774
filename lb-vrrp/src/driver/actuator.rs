// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes the host as the advert thread desires, and announces addresses again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_host::{AddressKey, Adopted, Change, Desired, HostObject, HostPlane, Key, Link, Reconciler};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::advert::Command;
use super::desired::DesiredRouter;
use super::event::{Event, EventSender};
use super::handover::{ContinuedRouter, HostState};
use super::host::host_address;
use super::key::{Claimant, RouterKey};
use super::links::Interfaces;
use super::mailbox::{End, Mailbox};
use super::routing::Watch;
use super::statics;
use super::vmac::{self, LinkManager, Secondaries, VirtualLink};
use crate::StaticItems;

mod announcing;
mod report;

use self::announcing::Announcer;

/// Time to the next attempt at what failed.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts to remove an address once the driver has stopped.
const LAST_ATTEMPTS: u32 = 3;

/// An observation of the netlink monitor.
#[derive(Debug)]
pub(super) enum Hint {
    AddressGone {
        link: Link,
        address: IpAddr,
    },
    LinkGone {
        link: Link,
    },
    /// A macvlan went down.
    Lowered {
        link: Link,
    },
    /// An interface came up: its routes may be missing, whether or not its loss counted.
    Raised,
    /// Notifications were lost: the present interfaces.
    Audit(Interfaces),
}

/// The desired state of all routers and static items, as of the last update.
#[derive(Debug, Default)]
pub(super) struct DesiredState {
    pub(super) routers: BTreeMap<RouterKey, Arc<DesiredRouter>>,
    virtual_links: Arc<[VirtualLink]>,
    /// `None` until it is known.
    promoted: Option<Arc<[Link]>>,
    statics: Arc<StaticItems>,
    /// The static items with their interfaces.
    pub(super) placed: statics::Placed,
    /// The attempt at a handover during which nothing is changed, and whether the advert thread has the
    /// owned objects for it.
    frozen: Option<(u8, bool)>,
    end: Option<End>,
}

impl DesiredState {
    fn is_held(&self, router: &RouterKey) -> bool {
        self.routers.get(router).is_some_and(|router| router.held)
    }
}

#[derive(Debug)]
pub(super) struct Actuator {
    host: Box<dyn HostPlane>,
    reconciler: Reconciler<Claimant>,
    mailbox: Arc<Mailbox>,
    commands: mpsc::Sender<Command>,
    hints: mpsc::Receiver<Hint>,
    events: EventSender,
    desired: DesiredState,
    /// Names of routers, also of removed ones.
    names: BTreeMap<RouterKey, Arc<str>>,
    announcer: Announcer,
    retry_at: Option<Instant>,
    realtime: bool,
    /// Notices that routes or rules are deleted.
    watch: Option<Watch>,
    links: vmac::Keeper,
    statics: statics::Keeper,
    /// Static items have to be placed again.
    statics_changed: bool,
    secondaries: Secondaries,
}

/// Why [`Actuator::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    ToWork,
    /// An announcement is due, and nothing else.
    InTurn,
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Returns when routes or rules may have been deleted.
async fn disturbed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.disturbed().await,
        None => std::future::pending().await,
    }
}

impl Actuator {
    pub(super) fn new(
        host: Box<dyn HostPlane>,
        mailbox: Arc<Mailbox>,
        commands: mpsc::Sender<Command>,
        hints: mpsc::Receiver<Hint>,
        events: EventSender,
    ) -> Self {
        Self {
            host,
            reconciler: Reconciler::default(),
            mailbox,
            commands,
            hints,
            desired: DesiredState::default(),
            names: BTreeMap::new(),
            announcer: Announcer::new(),
            watch: None,
            statics: statics::Keeper::new(events.clone()),
            statics_changed: false,
            events,
            retry_at: None,
            realtime: false,
            links: vmac::Keeper::default(),
            secondaries: Secondaries::default(),
        }
    }

    /// Makes macvlans with `manager`.
    pub(super) fn with_links(mut self, manager: Box<dyn LinkManager>) -> Self {
        self.links.set_manager(manager);
        self
    }

    /// Sets interfaces with `manager`.
    pub(super) fn with_secondaries(mut self, manager: Box<dyn LinkManager>) -> Self {
        self.secondaries.set_manager(manager);
        self
    }

    /// Notices by `watch` that another program deletes routes or rules.
    pub(super) fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Finds the interfaces of static items in `table`.
    pub(super) fn with_table(mut self, table: watch::Receiver<Interfaces>) -> Self {
        self.statics.set_table(table);
        self
    }

    /// Runs until the advert thread has ended and all objects are removed.
    pub(super) async fn run(mut self) {
        let mut last_attempts = LAST_ATTEMPTS;
        loop {
            self.take_update();
            self.retry_at = None;
            let done = match self.desired.end {
                Some(End::HandedOver) => self.leave().await,
                None if self.desired.frozen.is_some() => {
                    self.report_owned().await;
                    false
                }
                _ => {
                    if !self.follow().await {
                        continue;
                    }
                    self.is_idle()
                }
            };
            if let Some(end) = self.desired.end {
                last_attempts -= 1;
                if done || last_attempts == 0 {
                    if end == End::Failed {
                        self.events.send(Event::Stopped);
                    }
                    return;
                }
            }
            if self.desired.end == Some(End::HandedOver) {
                self.announcer.clear();
            } else {
                self.announcer.announce_due(&self.desired.routers);
            }
            while self.wait().await == Woken::InTurn {
                self.announcer.announce_next(&self.desired.routers);
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.reconciler.held().next().is_none()
            && self.links.is_empty()
            && self.secondaries.is_empty()
    }

    /// Merges what the advert thread has changed since the last call.
    fn take_update(&mut self) {
        let mut update = self.mailbox.take();
        if let Some((host, routers)) = update.handover {
            self.continue_with(host, &routers);
        }
        for (link, address) in update.stale {
            let key = Key::Address(AddressKey::new(link.index, address.address));
            if !self.reconciler.is_held(&key) {
                let object = HostObject::from(host_address(&address, &Arc::new(link)));
                self.events.send(Event::StaleFound {
                    object: object.clone(),
                });
                self.reconciler.adopt(None, Adopted::new(object));
            }
        }
        for (key, router) in update.routers {
            self.set_router(key, router);
        }
        if let Some(priority) = update.realtime
            && !std::mem::replace(&mut self.realtime, true)
        {
            // The advert thread has reported already whether SCHED_RR is permitted.
            let _ = lb_host::scheduling::set_round_robin(priority);
        }
        let desired = &mut self.desired;
        if let Some(frozen) = update.frozen {
            desired.frozen = frozen.map(|attempt| (attempt, false));
        }
        if update.end.is_some_and(|end| end != End::HandedOver) && desired.end.is_none() {
            update.statics = Some(Arc::default());
            update.promoted = desired.promoted.take().map(|_| Arc::default());
            if !desired.virtual_links.is_empty() {
                update.virtual_links = Some(Arc::default());
            }
            desired.routers.clear();
            self.reconciler.clear_desired();
            self.announcer.clear();
        }
        desired.end = desired.end.or(update.end);
        if let Some(links) = update.virtual_links {
            desired.virtual_links = links;
        }
        if update.promoted.is_some() {
            desired.promoted = update.promoted;
        }
        if let Some(statics) = update.statics {
            desired.statics = statics;
            self.statics_changed = true;
        }
        if std::mem::take(&mut self.statics_changed) {
            let placed = self.statics.place(&self.desired.statics);
            let objects = self.statics.objects(&placed, &self.reconciler);
            self.reconciler.set_desired(&Claimant::Static, 0, objects);
            self.desired.placed = placed;
        }
    }

    fn set_router(&mut self, key: RouterKey, router: Option<Arc<DesiredRouter>>) {
        let before = match &router {
            Some(router) => {
                let name = Arc::clone(&router.router);
                self.names.insert(key.clone(), name);
                let routers = &mut self.desired.routers;
                routers.insert(key.clone(), Arc::clone(router))
            }
            None => self.desired.routers.remove(&key),
        };
        self.announcer
            .update(&key, before.as_deref(), router.as_deref());
        let is_same = match (&before, &router) {
            (Some(before), Some(router)) => before.has_same_objects(router),
            _ => false,
        };
        if is_same {
            return;
        }
        let epoch = router.as_ref().map_or(0, |router| router.epoch);
        let has_shields = self.host.has_shields();
        let objects = router.iter().flat_map(|router| router.objects(has_shields));
        let objects: Vec<Desired> = objects.collect();
        let claimant = Claimant::Router(key);
        self.reconciler.set_desired(&claimant, epoch, objects);
    }

    /// Reports to the advert thread what is owned, once for each attempt at a handover.
    async fn report_owned(&mut self) {
        let Some((attempt, is_reported @ false)) = &mut self.desired.frozen else {
            return;
        };
        *is_reported = true;
        let owned = self.reconciler.owned().into_iter();
        let state = HostState {
            // Stale objects are this process's to remove.
            owned: owned
                .filter_map(|(claimant, adopted)| Some((claimant?, adopted)))
                .collect(),
            added_once: self.statics.added_once().clone(),
        };
        let attempt = *attempt;
        // Fails once the thread has ended; then the mailbox is closed.
        let _ = self.commands.send(Command::Frozen { attempt, state }).await;
    }

    /// Continues with what another process owns, for these routers and for static items.
    fn continue_with(&mut self, host: HostState, routers: &[ContinuedRouter]) {
        let routers: BTreeMap<&RouterKey, &ContinuedRouter> =
            routers.iter().map(|router| (&router.key, router)).collect();
        for (claimant, mut adopted) in host.owned {
            if let Claimant::Router(key) = &claimant {
                let Some(router) = routers.get(key) else {
                    // The old process removes these.
                    continue;
                };
                if let HostObject::Address(address) = &adopted.object {
                    let since = router.since.into();
                    self.announcer.continue_with(address.key(), key, since);
                }
            }
            match &adopted.object {
                HostObject::Shield(_) if !self.host.has_shields() => continue,
                HostObject::Address(_) if claimant != Claimant::Static => {
                    // Acknowledged in the first epoch of this process.
                    adopted.generation = adopted.generation.min(1);
                }
                // Whether these are still there was not observed.
                _ => adopted.is_seen = false,
            }
            self.reconciler.adopt(Some(&claimant), adopted);
        }
        self.statics.continue_with(host.added_once);
        for router in routers.into_values() {
            let surplus = router.surplus.clone();
            self.links.inherit(&router.key, &router.name, surplus);
        }
    }

    /// Applies the desired state; returns `false` if it changed in between. Addresses and routes come
    /// first, and macvlans are set down later: that takes the kernel a hundred times as long as an address.
    async fn follow(&mut self) -> bool {
        let mailbox = Arc::clone(&self.mailbox);
        // The last addresses are removed before promote_secondaries is restored.
        if self.desired.end.is_none()
            && let Some(promoted) = &self.desired.promoted
        {
            self.secondaries.settle(promoted).await;
        }
        if !self.apply_changes().await {
            return false;
        }
        let held = |router: &RouterKey| self.desired.is_held(router);
        let troubles = self.links.raise_lowered(held).await;
        self.links_failed(troubles);
        let is_changed = || mailbox.is_changed();
        if !is_changed() {
            self.update_static_state().await;
        }
        let links = &self.desired.virtual_links;
        let held = |router: &RouterKey| self.desired.is_held(router);
        let mut troubles = self.links.settle(links, held, || !is_changed()).await;
        troubles.extend(self.links.lower(held, || !is_changed()).await);
        self.links_failed(troubles);
        if self.desired.end.is_some()
            && let Some(promoted) = &self.desired.promoted
        {
            self.secondaries.settle(promoted).await;
        }
        true
    }

    /// Applies changes until there are none, with what the advert thread desires meanwhile. Returns
    /// `false` if that is to end or to change nothing.
    async fn apply_changes(&mut self) -> bool {
        let end = self.desired.end;
        let is_leaving = end == Some(End::HandedOver);
        loop {
            if self.mailbox.is_changed() {
                self.take_update();
                if self.desired.end != end || (self.desired.frozen.is_some() && end.is_none()) {
                    return false;
                }
            }
            self.report().await;
            let now = Instant::now().into_std();
            let Some(change) = self.reconciler.next_change(now) else {
                return true;
            };
            let result = self.apply(&change).await;
            let now = Instant::now().into_std();
            self.reconciler.handle_result(now, change, result);
            if !is_leaving {
                self.announcer.announce_next(&self.desired.routers);
            }
        }
    }

    async fn apply(&mut self, change: &Change) -> std::io::Result<lb_host::Applied> {
        if let Change::Add(HostObject::Address(address)) = change
            && let Err(trouble) = self.links.raise(address.link.index).await
        {
            self.links_failed([trouble]);
            return Err(std::io::ErrorKind::NetworkDown.into());
        }
        if let (Change::Add(HostObject::Routing(_)), Some(watch)) = (change, &mut self.watch) {
            watch.subscribe();
        }
        self.host.apply(change).await
    }

    /// Leaves what is desired to another process, and removes the rest; returns whether that is done.
    async fn leave(&mut self) -> bool {
        self.reconciler.remove_only();
        self.apply_changes().await;
        let links = &self.desired.virtual_links;
        let held = |router: &RouterKey| self.desired.is_held(router);
        // Missing macvlans are not added: the other process has deleted them.
        let mut troubles = self.links.settle(links, held, || false).await;
        troubles.extend(self.links.lower(held, || true).await);
        let linked = troubles.is_empty();
        self.links_failed(troubles);
        linked && !self.reconciler.has_surplus()
    }

    /// Reports to the advert thread which static items are missing.
    async fn update_static_state(&mut self) {
        let (statics, placed) = (&self.desired.statics, &self.desired.placed);
        let state = self
            .statics
            .update_static_state(statics, placed, &self.reconciler);
        if let Some(state) = state.await {
            // Fails once the thread has ended; then the mailbox is closed.
            let _ = self.commands.send(Command::Statics(state)).await;
        }
    }

    /// Waits for an update, a hint, or the time of a retry or announcement.
    async fn wait(&mut self) -> Woken {
        // Failed changes are not retried while the state is frozen.
        let is_frozen = self.desired.frozen.is_some() && self.desired.end.is_none();
        let retry = self.reconciler.next_timeout().filter(|_| !is_frozen);
        let due = [
            self.announcer.next_due(),
            retry.map(Instant::from_std),
            self.retry_at,
        ];
        let due = due.into_iter().flatten().min();
        let turn = self.announcer.next_turn();
        tokio::select! {
            () = self.mailbox.changed() => {}
            Some(hint) = self.hints.recv() => self.take_hint(hint),
            () = disturbed(&mut self.watch) => self.reconciler.handle_routing_disturbed(),
            () = self.statics.disturbed() => {
                self.statics_changed = true;
                self.reconciler.handle_routing_disturbed();
            }
            () = sleep_until(due) => {}
            () = sleep_until(turn) => return Woken::InTurn,
        }
        Woken::ToWork
    }

    fn take_hint(&mut self, hint: Hint) {
        self.reconciler.handle_routing_disturbed();
        match hint {
            Hint::AddressGone { link, address } => {
                self.handle_missing(AddressKey::new(link.index, address));
            }
            Hint::LinkGone { link } => {
                self.reconciler.handle_link_gone(link.index);
                self.announcer.stop_on(link.index);
                self.links.forget(&link);
                self.statics_changed = true;
            }
            Hint::Lowered { link } => self.links.lowered(&link),
            Hint::Raised => {}
            Hint::Audit(interfaces) => {
                self.links.doubt();
                let held = self.reconciler.held().filter_map(|object| match object {
                    HostObject::Address(address) => Some(address),
                    _ => None,
                });
                let missing: Vec<AddressKey> = held
                    .filter(|address| !interfaces.holds(&address.link, address.address))
                    .map(|address| address.key())
                    .collect();
                for key in missing {
                    self.handle_missing(key);
                }
            }
        }
    }

    fn handle_missing(&mut self, key: AddressKey) {
        self.reconciler.handle_missing(&Key::Address(key));
        self.announcer.stop(key);
    }
}

#[cfg(test)]
mod tests;
