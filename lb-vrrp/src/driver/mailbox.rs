// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the advert thread wants held, for the actuator to bring about.
//!
//! Not a queue but the latest wish per router: it cannot overflow, the advert thread never waits,
//! and a router that becomes Master and Backup again within a millisecond costs nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::address::Link;
use super::pacing::Lane;
use super::routing::RoutingEntry;
use super::socket::PacketSocket;
use super::spec::RouterSpec;
use super::statics::Placed;
use super::vmac::VirtualLink;
use crate::{AddressFamily, Announcements, StaticItems, VirtualAddress, Vrid};

/// What identifies a router: two of the same are the same router with another configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RouterKey {
    pub(super) interface: Arc<str>,
    pub(super) family: AddressFamily,
    pub(super) vrid: Vrid,
}

impl RouterKey {
    pub(super) fn of(spec: &RouterSpec) -> Self {
        Self {
            interface: Arc::from(spec.interface.as_str()),
            family: spec.config.family(),
            vrid: spec.config.vrid(),
        }
    }

    /// Where its adverts leave and arrive.
    pub(super) fn port(&self) -> PortKey {
        (Arc::clone(&self.interface), self.family)
    }
}

/// An interface by name, and the family of the routers on it.
pub(super) type PortKey = (Arc<str>, AddressFamily);

/// An address with all that is needed to hold and announce it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) address: Arc<VirtualAddress>,
    pub(super) link: Arc<Link>,
    /// `None` where there is nothing to announce by: no ARP on the interface.
    pub(super) announcement: Option<Announcement>,
    /// Period of announcements beside the router's own refresh.
    pub(super) extra: Option<Duration>,
}

/// A frame and the socket it leaves by.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    pub(super) socket: Arc<PacketSocket>,
    pub(super) frame: Arc<[u8]>,
    /// Where it waits for its turn, sent by the address thread alone.
    pub(super) lane: Option<Lane>,
}

/// How often each address is announced at once, and when again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) repeat: u32,
    pub(super) delay: Duration,
}

impl Burst {
    /// That of a new master.
    pub(super) const fn of(policy: &Announcements) -> Self {
        Self {
            repeat: policy.repeat,
            delay: policy.delay,
        }
    }

    /// That of a master which has heard a router of lower priority.
    pub(super) fn lower(policy: &Announcements) -> Self {
        Self {
            repeat: policy.lower_repeat.unwrap_or(policy.repeat),
            delay: policy.lower_delay.unwrap_or(policy.delay),
        }
    }
}

impl PartialEq for Announcement {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.socket, &other.socket)
            && self.frame == other.frame
            && self.lane == other.lane
    }
}

impl Eq for Announcement {}

impl Announcement {
    /// Sends it `times` times; says how many of them the kernel took.
    pub(super) fn send(&self, times: u32) -> u32 {
        let mut sent = 0;
        for _ in 0..times {
            match self.socket.send(&self.frame) {
                Ok(()) => sent += 1,
                Err(error) => {
                    tracing::debug!(%error, "gratuitous ARP not sent");
                    break;
                }
            }
        }
        sent
    }
}

/// One router's wish.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) router: Arc<str>,
    /// Whether its addresses are to be on their interfaces.
    pub(super) held: bool,
    /// Whether packets to them are to be dropped.
    pub(super) shielded: bool,
    /// An address owner keeps the addresses that were there before it (RFC 9568 §6.4.1).
    pub(super) owner: bool,
    /// How often it has become Master.
    pub(super) epoch: u64,
    /// How often its addresses were to be announced again.
    pub(super) announced: u64,
    /// How often at once.
    pub(super) bursts: u64,
    /// How the last time.
    pub(super) burst: Burst,
    pub(super) announcements: Announcements,
    pub(super) addresses: Arc<[Prepared]>,
    /// Routes and rules, in the order in which they are added.
    pub(super) routing: Arc<[RoutingEntry]>,
}

/// An address that a predecessor put on an interface for a router, which has handed both over.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    pub(super) link: Link,
    pub(super) address: VirtualAddress,
    /// It was there before, and stays.
    pub(super) keep: bool,
    /// When the router became Master: announcements are repeated after that.
    pub(super) since: Instant,
}

/// What a router has from its predecessor.
#[derive(Clone, Debug, Default)]
pub(super) struct Inheritance {
    pub(super) addresses: Vec<Inherited>,
    pub(super) routing: Vec<RoutingEntry>,
    /// Name and MAC address of macvlans that are to go.
    pub(super) surplus: Vec<(String, [u8; 6])>,
}

/// All wishes at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) routers: BTreeMap<RouterKey, Arc<Wanted>>,
    /// Macvlans that are to be there; up while their router's addresses are held.
    pub(super) virtual_links: Arc<[VirtualLink]>,
    /// Interfaces that are to have `promote_secondaries`; `None` as long as that is not known.
    pub(super) promoted: Option<Arc<[Link]>>,
    /// Rises with every change.
    pub(super) version: u64,
    pub(super) end: Option<End>,
    /// A successor may have taken over already: nothing is added, put back or removed.
    pub(super) frozen: bool,
    /// Addresses of new routers that were there before them, left by a predecessor that crashed.
    pub(super) leftovers: Vec<(Link, VirtualAddress)>,
    /// What routers have from their predecessors, to go on with as if held from the first
    /// [epoch](Wanted::epoch) on. Taken once.
    pub(super) inherited: Vec<(RouterKey, Arc<str>, Inheritance)>,
    /// What is to be there whoever is Master.
    pub(super) statics: Arc<StaticItems>,
    /// Where that belongs; the actuator knows.
    pub(super) placed: Placed,
    /// What another process held of it, to go on with. Taken once.
    pub(super) inherited_statics: Option<StaticItems>,
    /// The advert thread runs under `SCHED_RR`, and the address thread shall, with this priority.
    pub(super) realtime: Option<i32>,
}

/// How the advert thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Orderly,
    Failed,
    /// What is wanted is another process's from now on: it stays.
    HandedOver,
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    wishes: Mutex<Wishes>,
    changed: Notify,
}

impl Mailbox {
    pub(super) fn publish(&self, key: RouterKey, wanted: Wanted) {
        self.change(|wishes| {
            wishes.routers.insert(key, Arc::new(wanted));
        });
    }

    /// Publishes a router's first wish together with what it has from its predecessor: one without
    /// the other would have addresses removed.
    pub(super) fn inherit(&self, key: RouterKey, wanted: Wanted, inheritance: Inheritance) {
        self.change(|wishes| {
            let name = Arc::clone(&wanted.router);
            wishes.inherited.push((key.clone(), name, inheritance));
            wishes.routers.insert(key, Arc::new(wanted));
        });
    }

    pub(super) fn retire(&self, key: &RouterKey) {
        self.change(|wishes| {
            wishes.routers.remove(key);
        });
    }

    /// The advert thread has ended: nothing is wanted any more, unless it is another's. The first
    /// call counts.
    pub(super) fn close(&self, end: End) {
        self.change(|wishes| {
            if *wishes.end.get_or_insert(end) != End::HandedOver {
                wishes.routers.clear();
                wishes.statics = Arc::default();
                wishes.promoted = wishes.promoted.take().map(|_| Arc::default());
                if !wishes.virtual_links.is_empty() {
                    wishes.virtual_links = Arc::default();
                }
            }
        });
    }

    /// Nothing is to change for as long as a successor may have taken over, or all again.
    pub(super) fn freeze(&self, frozen: bool) {
        self.change(|wishes| wishes.frozen = frozen);
    }

    /// Replaces the macvlans that are to be there.
    pub(super) fn link(&self, links: &[VirtualLink]) {
        if *self.lock().virtual_links != *links {
            self.change(|wishes| wishes.virtual_links = links.into());
        }
    }

    /// Replaces what is to be there whoever is Master.
    pub(super) fn set_statics(&self, statics: Arc<StaticItems>) {
        if !Arc::ptr_eq(&self.lock().statics, &statics) {
            self.change(|wishes| wishes.statics = statics);
        }
    }

    /// The same, where another process held some already.
    pub(super) fn inherit_statics(&self, statics: Arc<StaticItems>, held: StaticItems) {
        self.change(|wishes| {
            wishes.statics = statics;
            wishes.inherited_statics = Some(held);
        });
    }

    /// Replaces the interfaces that are to have `promote_secondaries`.
    pub(super) fn promote(&self, links: &[Link]) {
        if self.lock().promoted.as_deref() != Some(links) {
            self.change(|wishes| wishes.promoted = Some(links.into()));
        }
    }

    /// Has an address removed that nobody of ours put there.
    pub(super) fn clean(&self, link: Link, address: VirtualAddress) {
        self.change(|wishes| wishes.leftovers.push((link, address)));
    }

    /// What is to be removed, once.
    pub(super) fn take_leftovers(&self) -> Vec<(Link, VirtualAddress)> {
        std::mem::take(&mut self.lock().leftovers)
    }

    pub(super) fn hurry(&self, priority: i32) {
        self.change(|wishes| wishes.realtime = Some(priority));
    }

    /// The wishes; what is inherited is in them once.
    pub(super) fn wishes(&self) -> Wishes {
        let mut wishes = self.lock();
        let inherited = std::mem::take(&mut wishes.inherited);
        let inherited_statics = wishes.inherited_statics.take();
        Wishes {
            inherited,
            inherited_statics,
            ..wishes.clone()
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Returns after a change since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Wishes)) {
        let mut wishes = self.lock();
        change(&mut wishes);
        wishes.version += 1;
        drop(wishes);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
