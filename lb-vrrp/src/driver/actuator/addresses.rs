// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which addresses are held, and the steps from those to the ones that are wanted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::super::address::{Added, Link};
use super::super::advert::Command;
use super::super::event::Event;
use super::super::mailbox::{Burst, Prepared, RouterKey, Wanted, Wishes};
use super::Actuator;
use super::shields::Shield;
use crate::VirtualAddress;

/// An address is there at most once per interface, whoever wants it.
pub(super) type AddressKey = (u32, IpAddr);

/// All addresses that are wanted, each by the first router that wants it.
pub(super) type WantedAddresses<'a> =
    BTreeMap<AddressKey, (&'a RouterKey, &'a Wanted, &'a Prepared)>;

pub(super) fn wanted(wishes: &Wishes) -> WantedAddresses<'_> {
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
pub(super) fn stays(wanted: &WantedAddresses<'_>, key: &AddressKey, held: &Held) -> bool {
    wanted
        .get(key)
        .is_some_and(|(_, _, prepared)| prepared.address == held.address)
}

/// An address that we put on an interface.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) router: RouterKey,
    pub(super) name: Arc<str>,
    pub(super) link: Arc<Link>,
    pub(super) address: Arc<VirtualAddress>,
    pub(super) epoch: u64,
    pub(super) announced: u64,
    pub(super) bursts: u64,
    /// It was there before us, and its router is the address owner.
    pub(super) keep: bool,
    /// Somebody else has deleted it, by what was heard: it is put back. What was heard may have been
    /// of an earlier time, so it is removed all the same when it is not wanted any more.
    pub(super) lost: bool,
    pub(super) repeat_at: Option<Instant>,
    pub(super) refresh_at: Option<Instant>,
    /// Since when another process held it, until its announcements are scheduled here.
    pub(super) inherited: Option<Instant>,
    pub(super) extra_at: Option<Instant>,
    /// Announcements when it is repeated.
    pub(super) again: u32,
}

impl Actuator {
    /// Takes the steps from what is held to what is wanted, one address at a time. Stops early
    /// when the wishes change: `run` comes back with the new ones.
    pub(super) async fn converge(&mut self, wishes: &Wishes) {
        let wanted = wanted(wishes);
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
    pub(super) async fn shed(&mut self, wishes: &Wishes, wanted: &WantedAddresses<'_>) -> bool {
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
                link: Link::clone(&of.link),
            };
            let raised = self.shields.raise(key, shield).await;
            self.filtered(raised);
        }
        let lost = self.held.get(&key).filter(|held| held.lost);
        let lost = lost.map(|held| held.keep);
        if lost.is_none()
            && let Some(held) = self.held.get_mut(&key)
        {
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
            link: Arc::clone(&of.link),
            address: Arc::clone(&of.address),
            epoch: wish.epoch,
            announced: wish.announced,
            bursts: wish.bursts,
            keep: added == Added::AlreadyPresent && lost.unwrap_or(wish.owner),
            lost: false,
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
        if lost.is_some() && added == Added::Created {
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

    pub(super) fn lose(&mut self, key: AddressKey) {
        if let Some(held) = self.held.get_mut(&key) {
            held.lost = true;
            held.unschedule();
            self.pacer.forget(&key);
        }
    }
}
