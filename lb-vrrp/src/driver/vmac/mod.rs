// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers on a virtual MAC address (RFC 9568 §7.3): a macvlan of our own above their interface.
//!
//! What a router says, adverts and announcements, leaves by its own interface in frames that
//! carry the virtual MAC address as their source. The macvlan is for what comes in while the router
//! is Master: it is up then and has the virtual addresses. It is down otherwise, so that a Backup
//! neither answers for the addresses nor takes a frame that is for the Master (§6.4.2), sends
//! nothing from an address that a switch knows elsewhere, and needs no filter for that.
//!
//! Frames of another router come with the same source address. While the macvlan is up the
//! kernel gives those to it alone, so [`Receiver`] listens there; no group is joined on it. While it
//! is down they reach the router's own interface like any others.
//!
//! The macvlan of an IPv6 router has no link-local address but virtual ones: a copy of its
//! interface's would have two owners on one link.

use tracing::warn;

use super::key::RouterKey;
use super::links::Interfaces;
use super::socket::PacketSocket;
use crate::spec::RouterSpec;
use crate::{AddressFamily, MacAddr, Transmit};
use lb_host::Link;

pub(super) use crate::spec::{Macvlan, Seat, mac_of, seat_of};

use std::io;
use std::sync::Arc;

mod executor;
mod frame;
mod keeper;
mod leftover;
mod mark;
mod naming;
mod receiver;
mod secondaries;
mod setting;

pub(super) use self::executor::{LinkManager, Rtnetlink};
pub(super) use self::keeper::{Keeper, Trouble};
pub(super) use self::leftover::clean;
pub(super) use self::naming::Naming;
pub(super) use self::receiver::Receiver;
pub(super) use self::secondaries::Secondaries;

/// Whether adverts of this router leave with a virtual MAC address.
pub(super) fn covers_adverts(spec: &RouterSpec) -> bool {
    let multicast = spec.config.peers().is_empty();
    multicast && spec.vmac.as_ref().is_some_and(|of| !of.transmit_from_base)
}

/// A macvlan that is to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VirtualLink {
    /// Whose it is.
    pub(super) router: RouterKey,
    /// That router's name.
    pub(super) router_name: Arc<str>,
    pub(super) name: Arc<str>,
    /// The interface beneath.
    pub(super) base: Link,
    pub(super) mac: MacAddr,
    /// Of the addresses on it.
    pub(super) family: AddressFamily,
}

impl VirtualLink {
    /// The macvlans of a router whose [names are settled](Naming), where the interface beneath is
    /// there.
    pub(super) fn of(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<Self> {
        let made = Macvlan::list(spec).into_iter().filter_map(|of| {
            Some(Self {
                router: RouterKey::of(spec),
                router_name: Arc::from(spec.name.as_str()),
                name: Arc::from(of.vmac.name?),
                base: Link::clone(&interfaces.get(of.base)?.link),
                mac: of.mac,
                family: of.family,
            })
        });
        made.collect()
    }
}

/// Sends a router's adverts with its virtual MAC address.
#[derive(Debug)]
pub(super) struct Outlet {
    socket: Arc<PacketSocket>,
    mac: MacAddr,
    frame: Vec<u8>,
    identification: u16,
}

impl Outlet {
    /// By the packet socket of the router's own interface.
    pub(super) const fn new(socket: Arc<PacketSocket>, mac: MacAddr) -> Self {
        Self {
            socket,
            mac,
            frame: Vec::new(),
            identification: 0,
        }
    }

    pub(super) fn send(&mut self, advert: &Transmit) -> io::Result<()> {
        self.identification = self.identification.wrapping_add(1);
        frame::advert(&mut self.frame, self.mac, advert, self.identification)?;
        self.socket.send(&self.frame)
    }
}

/// Says where a virtual MAC address does not do what is expected of it.
pub(super) fn warn_of_oddities(specs: &[RouterSpec]) {
    for spec in specs.iter().filter(|spec| spec.vmac.is_some()) {
        let family = spec.config.family();
        let local = spec.virtual_addresses.iter().any(|of| match of.address {
            std::net::IpAddr::V6(address) => address.is_unicast_link_local(),
            std::net::IpAddr::V4(_) => false,
        });
        if family == AddressFamily::Ipv6 && !local {
            warn!(
                instance = %spec.name, vrid = %spec.config.vrid(),
                "an IPv6 router on a virtual MAC address should have a link-local virtual address \
                 (RFC 9568 section 5.2.9): without one the kernel cannot probe neighbours from it"
            );
        }
    }
}
