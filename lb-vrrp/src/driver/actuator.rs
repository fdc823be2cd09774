// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes addresses as the advert thread wants them, and announces them again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::address::{Added, AddressManager, Link};
use super::advert::Command;
use super::error::AddressError;
use super::event::Event;
use super::filter::PacketFilter;
use super::links::Interfaces;
use super::mailbox::{Burst, End, Inheritance, Mailbox, Prepared, RouterKey, Wanted, Wishes};
use super::pacing::Pacer;
use super::routing::{Keeper, Watch};
use super::statics;
use super::sys;
use super::vmac::{self, LinkManager, Secondaries};
use crate::VirtualAddress;

mod announcing;
mod shields;

use self::shields::{Failure, Shield, Shields};

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

/// An address is there at most once per interface, whoever wants it.
type AddressKey = (u32, IpAddr);

/// All addresses that are wanted, each by the first router that wants it.
type WantedAddresses<'a> = BTreeMap<AddressKey, (&'a RouterKey, &'a Wanted, &'a Prepared)>;

fn wanted(wishes: &Wishes) -> WantedAddresses<'_> {
    let mut wanted = WantedAddresses::new();
    for (key, router) in wishes.routers.iter().filter(|(_, router)| router.held) {
        for prepared in router.addresses.iter() {
            wanted
                .entry((prepared.link.index, prepared.address.address))
                .or_insert((key, router, prepared));
        }
    }
    wanted
}

/// Whether what is held is as it is wanted.
fn stays(wanted: &WantedAddresses<'_>, key: &AddressKey, held: &Held) -> bool {
    wanted
        .get(key)
        .is_some_and(|(_, _, prepared)| prepared.address == held.address)
}

/// An address that we put on an interface.
#[derive(Debug)]
struct Held {
    router: RouterKey,
    name: Arc<str>,
    link: Link,
    address: VirtualAddress,
    epoch: u64,
    announced: u64,
    bursts: u64,
    /// It was there before us, and its router is the address owner.
    keep: bool,
    repeat_at: Option<Instant>,
    refresh_at: Option<Instant>,
    /// Since when another process held it, until its announcements are scheduled here.
    inherited: Option<Instant>,
    extra_at: Option<Instant>,
    /// Announcements when it is repeated.
    again: u32,
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
    /// Deleted by somebody else, to be put back.
    lost: BTreeSet<AddressKey>,
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
            lost: BTreeSet::new(),
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

    /// Goes on with what another process held for a router.
    fn inherit(&mut self, router: &RouterKey, name: &Arc<str>, inheritance: Inheritance) {
        for of in inheritance.addresses {
            let key = (of.link.index, of.address.address);
            let held = Held {
                router: router.clone(),
                name: Arc::clone(name),
                link: of.link,
                address: of.address,
                epoch: 1,
                announced: 0,
                keep: of.keep,
                repeat_at: None,
                refresh_at: None,
                inherited: Some(of.since.into()),
                bursts: 0,
                extra_at: None,
                again: 0,
            };
            self.held.insert(key, Box::new(held));
        }
        self.routing.inherit(router, name, inheritance.routing);
    }

    /// Leaves what is wanted to another process, and removes the rest; says whether that is gone.
    async fn leave(&mut self, wishes: &Wishes) -> bool {
        let mailbox = Arc::clone(&self.mailbox);
        let held = |router: &RouterKey| wishes.routers.get(router).is_some_and(|of| of.held);
        let manager = self.manager.as_mut();
        self.routing.withdraw(manager, &mailbox, wishes).await;
        let wanted = wanted(wishes);
        self.lost.clear();
        self.shed(wishes, &wanted).await;
        let links = &wishes.virtual_links;
        let mut troubles = self.links.settle(links, held, || true).await;
        troubles.extend(self.links.lower(held, || true).await);
        let linked = troubles.is_empty();
        self.links_failed(troubles);
        linked
            && self
                .held
                .iter()
                .all(|(key, held)| stays(&wanted, key, held))
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

    fn lose(&mut self, key: AddressKey) {
        if self.held.remove(&key).is_some() {
            self.lost.insert(key);
        }
    }

    /// Removes what was there before a router that a reload added.
    async fn clean(&mut self) {
        for (link, address) in self.mailbox.take_leftovers() {
            let key = (link.index, address.address);
            if self.held.contains_key(&key) || self.statics.holds(&key) {
                continue;
            }
            info!(
                ifname = %link.name, address = %address.address, prefix = address.prefix_len,
                "removing left-over virtual address"
            );
            if let Err(error) = self.manager.remove(&link, &address).await {
                error!(
                    ifname = %error.interface, address = %error.address, error = %error.source,
                    "left-over virtual address not removed"
                );
            }
        }
    }

    /// Takes the steps from what is held to what is wanted, one address at a time. Stops early
    /// when the wishes change: `run` comes back with the new ones.
    async fn converge(&mut self, wishes: &Wishes) {
        let wanted = wanted(wishes);
        self.lost.retain(|key| wanted.contains_key(key));
        if !self.shed(wishes, &wanted).await {
            return;
        }
        let shielded = |key: &AddressKey| wanted.get(key).is_some_and(|(_, of, _)| of.shielded);
        // Not before the address is gone.
        let leaving = |key: &AddressKey| self.held.contains_key(key) && !wanted.contains_key(key);
        let surplus = self.shields.surplus(|key| shielded(key) || leaving(key));
        for key in surplus {
            let lowered = self.shields.lower(key).await;
            self.filtered(lowered);
        }
        for (key, (router, wish, prepared)) in wanted {
            self.hold(key, router, wish, prepared).await;
            self.pace(wishes);
            if self.mailbox.version() != wishes.version {
                return;
            }
        }
    }

    /// Removes what is held and not wanted; says whether the wishes are still the same.
    async fn shed(&mut self, wishes: &Wishes, wanted: &WantedAddresses<'_>) -> bool {
        let surplus: Vec<AddressKey> = self
            .held
            .iter()
            .filter(|(key, held)| !stays(wanted, key, held))
            .map(|(key, _)| *key)
            .collect();
        for key in surplus {
            self.remove(key).await;
            if self.mailbox.version() != wishes.version {
                return false;
            }
        }
        true
    }

    async fn remove(&mut self, key: AddressKey) {
        let Some(held) = self.held.get(&key) else {
            return;
        };
        if !held.keep
            && !self.statics.holds(&key)
            && let Err(error) = self.manager.remove(&held.link, &held.address).await
        {
            let (router, name) = (held.router.clone(), Arc::clone(&held.name));
            self.failed(key, &router, &name, error);
            return;
        }
        self.failing.remove(&key);
        self.pacer.forget(&key);
        self.held.remove(&key);
        self.routing.address_removed();
    }

    async fn hold(&mut self, key: AddressKey, router: &RouterKey, wish: &Wanted, of: &Prepared) {
        let now = Instant::now();
        if let Err(trouble) = self.links.raise(key.0).await {
            self.links_failed([trouble]);
            return;
        }
        if wish.shielded {
            let shield = || Shield {
                router: router.clone(),
                name: Arc::clone(&wish.router),
                link: of.link.clone(),
            };
            let raised = self.shields.raise(key, shield).await;
            self.filtered(raised);
        }
        if let Some(held) = self.held.get_mut(&key) {
            if let Some(since) = held.inherited.take() {
                held.go_on(now, since, wish, of);
                held.bursts = wish.bursts;
            }
            let keep = held.keep;
            let regained = held.epoch != wish.epoch || held.router != *router;
            if regained || held.announced != wish.announced {
                held.router = router.clone();
                held.name = Arc::clone(&wish.router);
                held.epoch = wish.epoch;
                held.announced = wish.announced;
                let master = Burst::of(&wish.announcements);
                let burst = if regained { master } else { wish.burst };
                held.schedule(now, wish, burst, of);
                if std::mem::replace(&mut held.bursts, wish.bursts) != wish.bursts || regained {
                    self.announce_in_turn(key, of, burst.repeat);
                }
            }
            if regained {
                self.ready(router, wish, of, keep).await;
            }
            return;
        }
        let added = match self.manager.add(&of.link, &of.address).await {
            Ok(added) => added,
            Err(error) => {
                self.failed(key, router, &wish.router, error);
                return;
            }
        };
        self.failing.remove(&key);
        let mut held = Held {
            router: router.clone(),
            name: Arc::clone(&wish.router),
            link: of.link.clone(),
            address: of.address.clone(),
            epoch: wish.epoch,
            announced: wish.announced,
            bursts: wish.bursts,
            keep: wish.owner && added == Added::AlreadyPresent,
            repeat_at: None,
            refresh_at: None,
            inherited: None,
            extra_at: None,
            again: 0,
        };
        let burst = Burst::of(&wish.announcements);
        held.schedule(now, wish, burst, of);
        self.announce_in_turn(key, of, burst.repeat);
        let keep = held.keep;
        self.held.insert(key, Box::new(held));
        if self.lost.remove(&key) && added == Added::Created {
            warn!(
                instance = %wish.router, vrid = %router.vrid, ifname = %of.link.name,
                address = %of.address.address,
                "virtual address was deleted by somebody else, put back"
            );
            let _ = self.events.try_send(Event::AddressRestored {
                router: Arc::clone(&wish.router),
                vrid: router.vrid,
                address: of.address.address,
                interface: Arc::from(of.link.name.as_str()),
            });
        }
        self.ready(router, wish, of, keep).await;
    }

    /// Tells the advert thread that it can announce the address.
    async fn ready(&mut self, router: &RouterKey, wish: &Wanted, of: &Prepared, keep: bool) {
        // The thread has ended if nobody receives this; then the mailbox is closed.
        let _ = self
            .commands
            .send(Command::AddressReady {
                router: router.clone(),
                epoch: wish.epoch,
                link: of.link.index,
                address: of.address.address,
                keep,
            })
            .await;
    }

    fn failed(
        &mut self,
        key: AddressKey,
        router: &RouterKey,
        name: &Arc<str>,
        failure: AddressError,
    ) {
        let first = self.failing.insert(key);
        self.tell_failure(first, router, name, failure);
    }

    fn links_failed(&mut self, troubles: impl IntoIterator<Item = vmac::Trouble>) {
        for vmac::Trouble {
            router,
            name,
            error,
            first,
        } in troubles
        {
            self.retry_at = Some(Instant::now() + RETRY);
            if !first {
                continue;
            }
            error!(
                instance = %name, vrid = %router.vrid, ifname = %error.interface,
                operation = %error.operation, error = %error.source,
                "virtual interface not changed, trying again every second"
            );
            let _ = self.events.try_send(Event::InterfaceFailed {
                router: name,
                vrid: router.vrid,
                error: Arc::new(error),
            });
        }
    }

    /// An address without a filter before it is better than none.
    fn filtered(&mut self, outcome: Result<(), Failure>) {
        if let Err(Failure {
            shield,
            error,
            first,
        }) = outcome
        {
            self.tell_failure(first, &shield.router, &shield.name, error);
        }
    }

    fn tell_failure(
        &mut self,
        first: bool,
        router: &RouterKey,
        name: &Arc<str>,
        failure: AddressError,
    ) {
        self.retry_at = Some(Instant::now() + RETRY);
        if !first {
            return;
        }
        error!(
            instance = %name, vrid = %router.vrid, ifname = %failure.interface,
            address = %failure.address, operation = %failure.operation, error = %failure.source,
            "virtual address not changed, trying again every second"
        );
        let _ = self.events.try_send(Event::AddressFailed {
            router: Arc::clone(name),
            vrid: router.vrid,
            error: Arc::new(failure),
        });
    }
}

/// Removes what a predecessor that crashed left behind: our addresses, at the prefix they are to
/// have or with our mark on them. An address owner's stay, they are its own.
pub(super) async fn remove_leftovers(
    manager: &mut dyn AddressManager,
    interfaces: &Interfaces,
    addresses: impl Iterator<Item = (Arc<str>, Link, VirtualAddress)>,
) -> Result<(), AddressError> {
    for (router, link, address) in addresses {
        for present in interfaces.leftovers(&link, &address) {
            info!(
                instance = %router, ifname = %link.name, address = %address.address,
                prefix = present, "removing left-over virtual address"
            );
            let address = address.clone().with_prefix_len(present);
            manager.remove(&link, &address).await?;
        }
        // Also asked for when there is nothing to remove: a missing capability shows at once.
        manager.remove(&link, &address).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
