// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes addresses as the advert thread wants them, and announces them again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::address::{AddressManager, Link};
use super::advert::Command;
use super::event::Event;
use super::filter::PacketFilter;
use super::links::Interfaces;
use super::mailbox::{End, Mailbox, RouterKey, Wishes};
use super::pacing::Pacer;
use super::routing::{Keeper, Watch};
use super::statics;
use super::sys;
use super::vmac::{self, LinkManager, Secondaries};

mod addresses;
mod announcing;
mod failures;
mod hand_over;
mod leftover;
mod shields;

use self::addresses::{AddressKey, Held};
pub(super) use self::leftover::remove_leftovers;
use self::shields::Shields;

/// When what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts to remove an address once the driver has stopped.
const LAST_ATTEMPTS: u32 = 3;

/// What the netlink monitor saw.
#[derive(Debug)]
pub(super) enum Hint {
    AddressGone {
        link: Link,
        address: IpAddr,
    },
    LinkGone {
        link: Link,
    },
    /// A macvlan is not up any more.
    Lowered {
        link: Link,
    },
    /// An interface has come up: routes by it may be gone, whether its loss counted or not.
    Raised,
    /// Notifications were lost: this is what there is now.
    Audit(Interfaces),
}

#[derive(Debug)]
pub(super) struct Actuator {
    manager: Box<dyn AddressManager>,
    shields: Shields,
    mailbox: Arc<Mailbox>,
    commands: mpsc::Sender<Command>,
    hints: mpsc::Receiver<Hint>,
    events: mpsc::Sender<Event>,
    /// Boxed: a node of the map is half empty.
    held: BTreeMap<AddressKey, Box<Held>>,
    /// Failed and told.
    failing: BTreeSet<AddressKey>,
    retry_at: Option<Instant>,
    realtime: bool,
    routing: Keeper,
    /// Announcements that wait for their turn.
    pacer: Pacer<AddressKey>,
    links: vmac::Keeper,
    statics: statics::Keeper,
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

impl Actuator {
    pub(super) fn new(
        manager: Box<dyn AddressManager>,
        filter: Option<Box<dyn PacketFilter>>,
        mailbox: Arc<Mailbox>,
        commands: mpsc::Sender<Command>,
        hints: mpsc::Receiver<Hint>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            manager,
            shields: Shields::new(filter),
            mailbox,
            commands,
            hints,
            routing: Keeper::new(events.clone()),
            statics: statics::Keeper::new(events.clone()),
            events,
            held: BTreeMap::new(),
            failing: BTreeSet::new(),
            pacer: Pacer::new(),
            retry_at: None,
            realtime: false,
            links: vmac::Keeper::default(),
            secondaries: Secondaries::default(),
        }
    }

    /// Has it make macvlans.
    pub(super) fn with_links(mut self, manager: Box<dyn LinkManager>) -> Self {
        self.links.set_manager(manager);
        self
    }

    /// Has it set interfaces.
    pub(super) fn with_secondaries(mut self, manager: Box<dyn LinkManager>) -> Self {
        self.secondaries.set_manager(manager);
        self
    }

    /// Has it notice when somebody deletes routes or rules.
    pub(super) fn with_watch(mut self, watch: Watch) -> Self {
        self.routing.set_watch(watch);
        self
    }

    /// Has it know the interfaces that static items name.
    pub(super) fn with_table(mut self, table: watch::Receiver<Interfaces>) -> Self {
        self.statics.set_table(table);
        self
    }

    /// Runs until the advert thread has ended and nothing is held any more.
    pub(super) async fn run(mut self) {
        let mut last_attempts = LAST_ATTEMPTS;
        loop {
            let mut wishes = self.mailbox.wishes();
            self.retry_at = None;
            for (router, name, inheritance) in std::mem::take(&mut wishes.inherited) {
                self.inherit(&router, &name, inheritance);
            }
            if let Some(held) = wishes.inherited_statics.take() {
                self.statics.inherit(&held, &mut self.routing);
            }
            wishes.placed = self.statics.place(&wishes.statics);
            if let Some(priority) = wishes.realtime
                && !std::mem::replace(&mut self.realtime, true)
            {
                // The advert thread could; there is nobody to tell what it has not told.
                let _ = sys::set_round_robin(priority);
            }
            let done = match wishes.end {
                Some(End::HandedOver) => self.leave(&wishes).await,
                None if wishes.frozen => false,
                _ => {
                    self.clean().await;
                    self.follow(&wishes).await;
                    self.is_idle()
                }
            };
            if let Some(end) = wishes.end {
                last_attempts -= 1;
                if done || last_attempts == 0 {
                    if end == End::Failed {
                        let _ = self.events.try_send(Event::Stopped);
                    }
                    return;
                }
            }
            if wishes.end == Some(End::HandedOver) {
                self.pacer = Pacer::new();
            } else {
                self.announce_due(&wishes);
            }
            while self.wait().await == Woken::InTurn {
                self.pace(&wishes);
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.held.is_empty()
            && self.statics.is_empty()
            && self.routing.is_empty()
            && self.shields.is_empty()
            && self.links.is_empty()
            && self.secondaries.is_empty()
    }

    /// Addresses before the routes that need them, and after them when they go. A macvlan is set
    /// down after that: the kernel takes a hundred times as long for it as for an address.
    async fn follow(&mut self, wishes: &Wishes) {
        let (mailbox, version) = (Arc::clone(&self.mailbox), wishes.version);
        let held = |router: &RouterKey| wishes.routers.get(router).is_some_and(|of| of.held);
        let same = || mailbox.version() == version;
        let manager = self.manager.as_mut();
        // The last addresses go before it is put back.
        if wishes.end.is_none()
            && let Some(promoted) = &wishes.promoted
        {
            self.secondaries.settle(promoted).await;
        }
        self.routing.withdraw(manager, &mailbox, wishes).await;
        if mailbox.version() == version {
            self.converge(wishes).await;
        }
        if mailbox.version() == version {
            self.settle_statics(wishes).await;
        }
        if mailbox.version() == version {
            let manager = self.manager.as_mut();
            self.routing.establish(manager, &mailbox, wishes).await;
        }
        if mailbox.version() == version {
            self.judge_statics(wishes).await;
        }
        let links = &wishes.virtual_links;
        let mut troubles = self.links.settle(links, held, same).await;
        troubles.extend(self.links.lower(held, same).await);
        self.links_failed(troubles);
        if wishes.end.is_some()
            && let Some(promoted) = &wishes.promoted
        {
            self.secondaries.settle(promoted).await;
        }
        if self.routing.take_retry() | self.statics.take_retry() {
            self.retry_at = Some(Instant::now() + RETRY);
        }
    }

    /// Static addresses come after those of routers, which clients wait for.
    async fn settle_statics(&mut self, wishes: &Wishes) {
        let (mailbox, held) = (Arc::clone(&self.mailbox), &self.held);
        let manager = self.manager.as_mut();
        let taken = |key: &AddressKey| held.contains_key(key);
        let around = (&*mailbox, wishes);
        if self.statics.settle(manager, around, taken).await {
            self.routing.address_removed();
        }
    }

    /// Tells the advert thread what of the static items is amiss.
    async fn judge_statics(&mut self, wishes: &Wishes) {
        if let Some(judgement) = self.statics.judge(wishes, &self.routing).await {
            // The thread has ended if nobody receives this; then the mailbox is closed.
            let _ = self.commands.send(Command::Statics(judgement)).await;
        }
    }

    /// Waits for a wish, a hint, or something to become due.
    async fn wait(&mut self) -> Woken {
        let due = self
            .held
            .values()
            .flat_map(|held| [held.repeat_at, held.refresh_at, held.extra_at])
            .chain([self.retry_at])
            .flatten()
            .min();
        let turn = self.pacer.next_due(Instant::now());
        tokio::select! {
            () = self.mailbox.changed() => {}
            Some(hint) = self.hints.recv() => self.take_hint(hint),
            () = self.routing.disturbed() => {}
            () = self.statics.disturbed() => self.routing.doubt(),
            () = sleep_until(due) => {}
            () = sleep_until(turn) => return Woken::InTurn,
        }
        Woken::ToWork
    }

    fn take_hint(&mut self, hint: Hint) {
        self.routing.doubt();
        match hint {
            Hint::AddressGone { link, address } => {
                self.lose((link.index, address));
                self.statics.lose((link.index, address));
            }
            Hint::LinkGone { link } => {
                self.statics.forget(&link);
                self.held.retain(|(index, _), _| *index != link.index);
                self.links.forget(&link);
            }
            Hint::Lowered { link } => self.links.lowered(&link),
            Hint::Raised => {}
            Hint::Audit(interfaces) => {
                self.links.doubt();
                self.statics.audit(&interfaces);
                let missing: Vec<AddressKey> = self
                    .held
                    .iter()
                    .filter(|(_, held)| !interfaces.holds(&held.link, held.address.address))
                    .map(|(key, _)| *key)
                    .collect();
                for key in missing {
                    self.lose(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
