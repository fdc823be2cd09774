// SPDX-License-Identifier: MIT OR Apache-2.0
//! The desired state of a router: the objects of the host, and their announcements.

use std::sync::Arc;
use std::time::Duration;

use lb_host::{AddressKey, Desired, HostObject, Link, RoutingEntry, Shield};

use super::host::host_address;
use super::pacing::Lane;
use super::socket::PacketSocket;
use crate::{Announcements, VirtualAddress};

/// An address with all that is needed to add and announce it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) address: Arc<VirtualAddress>,
    pub(super) link: Arc<Link>,
    /// Whether `link` is a macvlan of the router: it is up only while it has addresses.
    pub(super) is_on_macvlan: bool,
    /// `None` on an interface without ARP.
    pub(super) announcement: Option<Announcement>,
    /// Period of announcements beside the router's own refresh.
    pub(super) extra: Option<Duration>,
}

impl Prepared {
    pub(super) fn key(&self) -> AddressKey {
        AddressKey::new(self.link.index, self.address.address)
    }
}

/// A frame, and the socket that sends it.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    pub(super) socket: Arc<PacketSocket>,
    pub(super) frame: Arc<[u8]>,
    /// The lane of a paced announcement, which only the address thread sends.
    pub(super) lane: Option<Lane>,
}

/// Announcements of each address in a burst, and the time to the second burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) repeat: u32,
    pub(super) delay: Duration,
}

impl Burst {
    /// The burst of a new master.
    pub(super) const fn new(policy: &Announcements) -> Self {
        Self {
            repeat: policy.repeat,
            delay: policy.delay,
        }
    }

    /// The burst of a master that received an advert of lower priority.
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
    /// Sends the frame `times` times; returns how many of them the kernel took.
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

/// The desired state of one router.
#[derive(Clone, Debug)]
pub(super) struct DesiredRouter {
    /// Name of the router.
    pub(super) router: Arc<str>,
    /// Whether the addresses are to be on their interfaces.
    pub(super) held: bool,
    /// Whether packets to the addresses are to be dropped.
    pub(super) shielded: bool,
    /// The host has the addresses also without the router (RFC 9568 §6.4.1).
    pub(super) owner: bool,
    /// Number of times that the router became Master.
    pub(super) epoch: u64,
    /// Number of times that the addresses were to be announced again.
    pub(super) announced: u64,
    /// Number of those times at which announcements left at once.
    pub(super) bursts: u64,
    /// Parameters of the most recent burst.
    pub(super) burst: Burst,
    pub(super) announcements: Announcements,
    pub(super) addresses: Arc<[Prepared]>,
    /// Routes and rules, in the order in which they are added.
    pub(super) routing: Arc<[Arc<RoutingEntry>]>,
}

impl DesiredRouter {
    /// The address with this identity.
    pub(super) fn prepared(&self, key: AddressKey) -> Option<&Prepared> {
        self.addresses.iter().find(|prepared| prepared.key() == key)
    }

    /// Whether the host objects are the same as those of `other`, with the same epoch.
    pub(super) fn has_same_objects(&self, other: &Self) -> bool {
        let flags = |router: &Self| {
            let Self {
                held,
                shielded,
                owner,
                epoch,
                ..
            } = *router;
            (held, shielded, owner, epoch)
        };
        flags(self) == flags(other)
            && Arc::ptr_eq(&self.addresses, &other.addresses)
            && Arc::ptr_eq(&self.routing, &other.routing)
    }

    /// The host objects: macvlans that are up, addresses, shields if the host can have them, routes and
    /// rules.
    pub(super) fn objects(&self, has_shields: bool) -> impl Iterator<Item = Desired> {
        let is_shielded = self.shielded && has_shields;
        let addresses = self.addresses.iter().filter(|_| self.held);
        let addresses = addresses.flat_map(move |prepared| {
            let address = HostObject::from(host_address(&prepared.address, &prepared.link));
            let address = Desired::new(address)
                .with_awaited(true)
                .with_existing_kept(true);
            let shield = is_shielded.then(|| {
                let link = Arc::clone(&prepared.link);
                Desired::new(Shield::new(link, prepared.address.address).into())
            });
            let up = prepared.is_on_macvlan.then(|| {
                let link = HostObject::LinkUp(Arc::clone(&prepared.link));
                Desired::new(link).with_awaited(true)
            });
            [up, Some(address), shield].into_iter().flatten()
        });
        let routing = self.routing.iter().filter(|_| self.held);
        addresses.chain(routing.map(|entry| Desired::new(Arc::clone(entry).into())))
    }
}
