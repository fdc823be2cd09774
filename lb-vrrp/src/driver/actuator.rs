// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes the host as the advert thread desires, and announces addresses again.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_host::{
    AddressFamily, AddressKey, Adopted, Applied, Change, Desired, HostObject, HostPlane, Key, Link,
    Macvlan, Reconciler, ReportLimiter,
};
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
use super::shields::{FilterNeeds, Shields};
use super::statics;
use super::vmac::RouterLinks;
use crate::StaticItems;

mod announcing;
mod report;

use self::announcing::Announcer;

/// Attempts to remove an address once the driver has stopped.
const LAST_ATTEMPTS: u32 = 3;

/// Time after an event about an object that was deleted and added again, in which further ones are only
/// counted; its longest length while they continue, and the largest number of remembered objects.
const RESTORED_QUIET: Duration = Duration::from_secs(30);
const RESTORED_LONGEST_QUIET: Duration = Duration::from_secs(3600);
const RESTORED_OBJECTS: usize = 64;

/// An observation of the netlink monitor.
#[derive(Debug)]
pub(super) enum Hint {
    AddressGone {
        link: Link,
        address: IpAddr,
        /// The interface was up, so the kernel did not delete the address by itself.
        is_up: bool,
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
    /// Macvlans and settings.
    links: BTreeMap<RouterKey, RouterLinks>,
    statics: Arc<StaticItems>,
    /// The static items with their interfaces.
    pub(super) placed: statics::Placed,
    /// The attempt at a handover during which nothing is changed, and whether the advert thread has the
    /// owned objects for it.
    frozen: Option<(u8, bool)>,
    end: Option<End>,
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
    /// Limits the events about objects that other programs delete, by object.
    restored: ReportLimiter<Key, Event>,
    realtime: bool,
    /// Notices that routes or rules are deleted.
    watch: Option<Watch>,
    /// All interfaces, as the monitor knows them.
    table: Option<watch::Receiver<Interfaces>>,
    statics: statics::Keeper,
    /// Static items have to be placed again.
    statics_changed: bool,
    shields: Shields,
    /// The routers whose addresses accept packets although they should not, as last reported.
    unshielded: BTreeMap<RouterKey, Arc<str>>,
    /// The routers in `unshielded` may have changed.
    unshielded_changed: bool,
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

/// Whether an object is handed over with or without the router that desires it. A setting is that of an
/// interface: routers of the new process may need it, and the last process that does restores it.
const fn is_shared(object: &HostObject) -> bool {
    matches!(object, HostObject::Setting(_))
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
            restored: ReportLimiter::new(RESTORED_QUIET, RESTORED_OBJECTS)
                .with_longest(RESTORED_LONGEST_QUIET),
            watch: None,
            statics: statics::Keeper::new(events.clone()),
            statics_changed: false,
            shields: Shields::default(),
            unshielded: BTreeMap::new(),
            unshielded_changed: false,
            events,
            realtime: false,
            table: None,
        }
    }

    /// Notices by `watch` that another program deletes routes or rules.
    pub(super) fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Finds interfaces in `table`.
    pub(super) fn with_table(mut self, table: watch::Receiver<Interfaces>) -> Self {
        self.statics.set_table(table.clone());
        self.table = Some(table);
        self
    }

    /// Runs until the advert thread has ended and all objects are removed.
    pub(super) async fn run(mut self) {
        let mut last_attempts = LAST_ATTEMPTS;
        loop {
            self.take_update().await;
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
    }

    /// Merges what the advert thread has changed since the last call.
    async fn take_update(&mut self) {
        let mut update = self.mailbox.take();
        if let Some(needs) = update.filter {
            self.set_filter(needs).await;
        }
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
            update.links = Some(Arc::default());
            desired.routers.clear();
            self.reconciler.clear_desired();
            self.announcer.clear();
        }
        desired.end = desired.end.or(update.end);
        if let Some(links) = update.links {
            self.set_links(&links);
        }
        let desired = &mut self.desired;
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
        self.desire(key, router.as_deref());
    }

    /// Has the host objects of a router added, and others that were its own removed.
    fn desire(&mut self, key: RouterKey, router: Option<&DesiredRouter>) {
        self.unshielded_changed |= self.shields.has_problems() || !self.unshielded.is_empty();
        let epoch = router.map_or(0, |router| router.epoch);
        let objects = router
            .iter()
            .flat_map(|router| router.objects(&self.shields));
        let objects: Vec<Desired> = objects.collect();
        let claimant = Claimant::Router(key);
        self.reconciler.set_desired(&claimant, epoch, objects);
    }

    /// Has packets dropped as another configuration needs it.
    async fn set_filter(&mut self, needs: FilterNeeds) {
        let host = self.host.as_mut();
        self.shields.set_needs(needs, host, &self.events).await;
        self.unshielded_changed = true;
        let routers = self.desired.routers.iter();
        let shielded = routers.filter(|(_, router)| router.held && router.shielded);
        let shielded: Vec<_> = shielded
            .map(|(key, router)| (key.clone(), Arc::clone(router)))
            .collect();
        for (key, router) in shielded {
            self.desire(key, Some(&router));
        }
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
            let router = claimant.router().map(|key| routers.get(key));
            if matches!(router, Some(None)) && !is_shared(&adopted.object) {
                // The old process removes these.
                continue;
            }
            if let (Some(Some(router)), HostObject::Address(address)) = (router, &adopted.object) {
                let since = router.since.into();
                self.announcer
                    .continue_with(address.key(), &router.key, since);
            }
            match &adopted.object {
                HostObject::Shield(shield)
                    if !self
                        .shields
                        .is_available(AddressFamily::for_address(shield.address)) =>
                {
                    continue;
                }
                HostObject::Address(_) if claimant != Claimant::Static => {
                    // Acknowledged in the first epoch of this process.
                    adopted.generation = adopted.generation.min(1);
                }
                // Whether these are still there was not observed, and macvlans and settings are recorded as
                // those of this process when they are added again.
                _ => adopted.is_seen = false,
            }
            self.reconciler.adopt(Some(&claimant), adopted);
        }
        self.statics.continue_with(host.added_once);
        for router in routers.into_values() {
            self.names
                .insert(router.key.clone(), Arc::clone(&router.name));
        }
    }

    /// Replaces the desired macvlans and settings.
    fn set_links(&mut self, links: &[RouterLinks]) {
        let mut before = std::mem::take(&mut self.desired.links);
        for links in links {
            let router = &links.router;
            self.names.insert(router.clone(), Arc::clone(&links.name));
            if before.remove(router).as_ref() != Some(links) {
                let objects = links.objects.iter().cloned().map(Desired::new);
                let claimant = Claimant::Links(router.clone());
                self.reconciler.set_desired(&claimant, 0, objects);
            }
            self.desired.links.insert(router.clone(), links.clone());
        }
        for router in before.into_keys() {
            self.reconciler.set_desired(&Claimant::Links(router), 0, []);
        }
    }

    fn interfaces(&self) -> Interfaces {
        let table = self.table.as_ref();
        table.map_or_else(Interfaces::default, |table| table.borrow().clone())
    }

    /// Applies all changes, and reports which static items are missing. Returns whether that is done, or
    /// something else is desired meanwhile.
    async fn follow(&mut self) -> bool {
        if !self.apply_changes(true).await {
            return false;
        }
        if !self.mailbox.is_changed() {
            self.update_static_state().await;
        }
        if std::mem::take(&mut self.unshielded_changed) {
            self.report_unshielded().await;
        }
        true
    }

    /// Applies changes until there are none, with what the advert thread desires meanwhile. Returns
    /// `false` if that is to end or to change nothing.
    async fn apply_changes(&mut self, mut reports_statics: bool) -> bool {
        let end = self.desired.end;
        let is_leaving = end == Some(End::HandedOver);
        loop {
            if self.mailbox.is_changed() {
                self.take_update().await;
                if self.desired.end != end || (self.desired.frozen.is_some() && end.is_none()) {
                    return false;
                }
            }
            self.report().await;
            let now = Instant::now().into_std();
            let changes = self.reconciler.next_changes(now);
            let Some(first) = changes.first() else {
                return true;
            };
            // Routers that need static items do not wait for macvlans.
            let is_macvlan = matches!(first.object(), HostObject::Macvlan(_));
            if is_macvlan && std::mem::take(&mut reports_statics) {
                self.update_static_state().await;
            }
            let results = self.apply(&changes).await;
            let now = Instant::now().into_std();
            for (change, result) in changes.into_iter().zip(results) {
                let taken_over = match (&change, &result) {
                    (Change::Add(HostObject::Macvlan(macvlan)), Ok(Applied::AlreadyPresent)) => {
                        Some(Arc::clone(macvlan))
                    }
                    _ => None,
                };
                self.reconciler.handle_result(now, change, result);
                if let Some(macvlan) = taken_over {
                    self.adopt_state(&macvlan);
                }
            }
            if !is_leaving {
                self.announcer.announce_next(&self.desired.routers);
            }
        }
    }

    async fn apply(&mut self, changes: &[Change]) -> Vec<io::Result<Applied>> {
        for change in changes {
            match (change, &mut self.watch) {
                (Change::Add(HostObject::Address(address)), _) => {
                    // Packets to an address on a link that is down are lost.
                    let up = Key::LinkUp(address.link.index);
                    if self.reconciler.failure(&up).is_some() && !self.reconciler.is_held(&up) {
                        return vec![Err(io::ErrorKind::NetworkDown.into())];
                    }
                }
                (Change::Add(HostObject::Routing(_)), Some(watch)) => watch.subscribe(),
                _ => {}
            }
        }
        self.host.apply(changes).await
    }

    /// Has a macvlan that was taken over set down, unless a router desires it to be up.
    fn adopt_state(&mut self, macvlan: &Macvlan) {
        let interfaces = self.interfaces();
        if let Some(found) = interfaces.get(&macvlan.name)
            && !self.reconciler.is_held(&Key::LinkUp(found.link.index))
        {
            let up = HostObject::LinkUp(Arc::clone(&found.link));
            self.reconciler
                .adopt(None, Adopted::new(up).with_seen(false));
        }
    }

    /// Leaves what is desired to another process, and removes the rest; returns whether that is done.
    async fn leave(&mut self) -> bool {
        let shared = self
            .reconciler
            .held()
            .filter(|object| is_shared(object))
            .map(HostObject::key)
            .collect::<Vec<_>>();
        for key in &shared {
            self.reconciler.forget(key);
        }
        self.reconciler.remove_only();
        self.apply_changes(false).await;
        !self.reconciler.has_surplus()
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
        let left_out = self.restored.next_due();
        let due = [
            self.announcer.next_due(),
            retry.map(Instant::from_std),
            left_out.map(Instant::from_std),
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
            Hint::AddressGone {
                link,
                address,
                is_up,
            } => {
                let key = AddressKey::new(link.index, address);
                if is_up {
                    self.handle_missing(key);
                } else {
                    self.reconciler.handle_consequence(&Key::Address(key));
                    self.announcer.stop(key);
                }
            }
            Hint::LinkGone { link } => {
                self.reconciler.handle_link_gone(link.index);
                self.announcer.stop_on(link.index);
                let macvlan = Key::Macvlan(Arc::from(link.name.as_str()));
                self.reconciler.handle_missing(&macvlan);
                self.statics_changed = true;
            }
            Hint::Lowered { link } => {
                self.reconciler.handle_missing(&Key::LinkUp(link.index));
            }
            Hint::Raised => {}
            Hint::Audit(interfaces) => {
                self.audit_links(&interfaces);
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

    /// Has macvlans added, and set up, that may have been deleted or set down.
    fn audit_links(&mut self, interfaces: &Interfaces) {
        let is_missing = |object: &&HostObject| match object {
            HostObject::Macvlan(macvlan) => interfaces.get(&macvlan.name).is_none_or(|found| {
                found.macvlan_of != Some(macvlan.lower()) || found.mac != Some(macvlan.mac)
            }),
            HostObject::LinkUp(_) => true,
            _ => false,
        };
        let missing = self.reconciler.held().filter(is_missing);
        for key in missing.map(HostObject::key).collect::<Vec<_>>() {
            self.reconciler.handle_missing(&key);
        }
    }

    fn handle_missing(&mut self, key: AddressKey) {
        self.reconciler.handle_missing(&Key::Address(key));
        self.announcer.stop(key);
    }
}

#[cfg(test)]
mod tests;
