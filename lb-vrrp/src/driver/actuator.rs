// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes the host as the advert thread desires, and announces addresses again.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use lb_host::{Applied, Change, HostObject, HostPlane, Key, Reconciler, ReportLimiter};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::advert::Command;
use super::desired::DesiredRouter;
use super::event::{Event, EventSender};
use super::key::{Claimant, RouterKey};
use super::links::Interfaces;
use super::mailbox::{End, Mailbox};
use super::routing::Watch;
use super::shields::Shields;
use super::statics;
use super::vmac::RouterLinks;
use crate::StaticItems;

mod announcing;
mod hint;
mod report;
mod update;

use self::announcing::Announcer;
pub(super) use self::hint::Hint;

/// Attempts to remove an address once the driver has stopped.
const LAST_ATTEMPTS: u32 = 3;

/// Time after an event about an object that was deleted and added again, in which further ones are only
/// counted; its longest length while they continue, and the largest number of remembered objects.
const RESTORED_QUIET: Duration = Duration::from_secs(30);
const RESTORED_LONGEST_QUIET: Duration = Duration::from_secs(3600);
const RESTORED_OBJECTS: usize = 64;

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
            let is_macvlan = matches!(first.object(), HostObject::VirtualLink(_));
            if is_macvlan && std::mem::take(&mut reports_statics) {
                self.update_static_state().await;
            }
            let results = self.apply(&changes).await;
            let now = Instant::now().into_std();
            for (change, result) in changes.into_iter().zip(results) {
                let taken_over = match (&change, &result) {
                    (
                        Change::Add(HostObject::VirtualLink(macvlan)),
                        Ok(Applied::AlreadyPresent),
                    ) => Some(Arc::clone(macvlan)),
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
}

#[cfg(test)]
mod tests;
