// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a router needs of the interfaces, and whether they have it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_host::RoutingEntry;
use tracing::error;

use super::desired::{Announcement, Prepared};
use super::event::LinkProblem;
use super::links::{Interface, Interfaces};
use super::pacing::Lane;
use super::routing::place_route;
use super::socket::PacketSocket;
use super::vmac::{Outlet, Seat, covers_adverts, mac_of, seat_of};
use crate::spec::RouterSpec;
use crate::wire::{GratuitousArp, UnsolicitedNeighbourAdvertisement};
use crate::{AddressFamily, MacAddr, Pacing, RouterConfig};
use crate::{VirtualAddress, VirtualRoute, VirtualRule};

/// The interfaces a router needs: its own, and those of its addresses, routes and rules.
pub(super) fn interfaces_of(spec: &RouterSpec) -> impl Iterator<Item = &str> {
    std::iter::once(spec.interface.as_str()).chain(other_interfaces(spec, true))
}

/// The interfaces of its addresses, routes and rules that it needs, or that it does without.
pub(super) fn other_interfaces(spec: &RouterSpec, tracked: bool) -> impl Iterator<Item = &str> {
    let addresses = spec.virtual_addresses.iter();
    let addresses = addresses
        .filter(move |of| of.tracked == tracked)
        .filter_map(|of| of.interface.as_deref());
    let routes = spec.virtual_routes.iter();
    let rules = spec.virtual_rules.iter();
    let routing = routes
        .filter(move |of| of.tracked == tracked)
        .flat_map(VirtualRoute::interfaces)
        .chain(
            rules
                .filter(move |of| of.tracked == tracked)
                .flat_map(VirtualRule::interfaces),
        );
    addresses.chain(routing)
}

/// Finds the interfaces of a router's routes; one whose interface is missing has to wait.
pub(super) fn place(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<Arc<RoutingEntry>> {
    let routes = spec
        .virtual_routes
        .iter()
        .filter_map(|route| place_route(route, interfaces))
        .map(|placed| RoutingEntry::Route(Box::new(placed)));
    let rules = spec
        .virtual_rules
        .iter()
        .map(|of| RoutingEntry::Rule(Box::new(of.clone())));
    routes.chain(rules).map(Arc::new).collect()
}

/// The interface an address belongs on, which may be a macvlan whose name has been settled.
pub(super) fn interface_of<'a>(spec: &'a RouterSpec, address: &'a VirtualAddress) -> &'a str {
    let plain = || address.interface.as_deref().unwrap_or(&spec.interface);
    seat_of(spec, address).map_or_else(plain, |of| of.name)
}

/// The macvlan of a router, by name.
pub(super) fn macvlan_of(spec: &RouterSpec) -> Option<&str> {
    spec.vmac.as_ref()?.name.as_deref()
}

/// Whether a router has to wait for a macvlan before it begins. Without the interface beneath there
/// will be none: that is a fault.
pub(super) fn awaits_macvlan(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let missing = |name: &str| interfaces.get(name).is_none();
    let mut others = spec.address_macvlans.iter().filter(|of| of.tracked);
    macvlan_of(spec).is_some_and(|name| missing(name) && !missing(&spec.interface))
        || others.any(|of| missing(&of.name) && !missing(&of.base))
}

/// Whether a macvlan that a router needs has gone.
fn lost_macvlan(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let missing = |name: &str| interfaces.get(name).is_none();
    let mut others = spec.address_macvlans.iter().filter(|of| of.tracked);
    macvlan_of(spec).is_some_and(missing) || others.any(|of| of.made && missing(&of.name))
}

/// What sends adverts with a virtual MAC address, where that is wanted.
pub(super) fn outlet_of(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    announcers: &mut BTreeMap<u32, Arc<PacketSocket>>,
) -> Option<Outlet> {
    let family = spec.config.family();
    spec.vmac.as_ref().filter(|_| covers_adverts(spec))?;
    let base = interfaces.get(&spec.interface)?;
    let socket = announcer(announcers, base)
        .inspect_err(|error| error!(ifname = %base.link.name, %error, "no packet socket"))
        .ok()?;
    Some(Outlet::new(socket, mac_of(spec, family)))
}

/// A router's configuration as its interface has room for it.
pub(super) fn config_of(spec: &RouterSpec, interfaces: &Interfaces) -> RouterConfig {
    let mtu = interfaces.get(&spec.interface).and_then(|of| of.mtu);
    let fitted = mtu.and_then(|mtu| spec.config.fit(mtu).ok());
    fitted.unwrap_or_else(|| spec.config.clone())
}

/// The source of a router's adverts: the interface's first IPv4 address, or its link-local IPv6
/// address (RFC 9568 §5.1.2.1). A virtual address is none, except an owner's.
pub(super) fn source_of(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    virtual_addresses: &[IpAddr],
) -> Option<IpAddr> {
    if spec.source.is_some() {
        return spec.source;
    }
    let family = spec.config.family();
    let interface = interfaces.get(&spec.interface)?;
    let is_virtual = |address: IpAddr| virtual_addresses.contains(&address);
    interface.primary(family, is_virtual).or_else(|| {
        let owner = spec.config.priority().is_owner();
        owner
            .then(|| interface.primary(family, |_| false))
            .flatten()
    })
}

/// Whether the source that a router was given is on its interface.
fn has_source(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let interface = interfaces.get(&spec.interface);
    spec.source.is_none_or(|source| {
        interface.is_some_and(|interface| interfaces.holds(&interface.link, source))
    })
}

/// What keeps a router from running, if anything.
pub(super) fn problem_of(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    has_port: bool,
    source: Option<IpAddr>,
) -> Option<LinkProblem> {
    let mut down = false;
    for name in interfaces_of(spec) {
        let matters = !(spec.ignores_interface && name == spec.interface);
        match interfaces.get(name) {
            Some(interface) => down |= matters && !interface.up,
            None => return Some(LinkProblem::Missing),
        }
    }
    if lost_macvlan(spec, interfaces) {
        return Some(LinkProblem::Missing);
    }
    if down {
        Some(LinkProblem::Down)
    } else if spec.needs_peer && spec.config.peers().is_empty() {
        Some(LinkProblem::NoPeer)
    } else if source.is_none() {
        Some(LinkProblem::NoSource)
    } else if spec.tracks_source && !has_source(spec, interfaces) {
        Some(LinkProblem::SourceMissing)
    } else if !has_port {
        Some(LinkProblem::NoSocket)
    } else {
        None
    }
}

/// Finds the interfaces of a router's addresses, and builds the frames that announce them.
pub(super) fn prepare(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    pacing: &Pacing,
    announcers: &mut BTreeMap<u32, Arc<PacketSocket>>,
) -> Vec<Prepared> {
    let mut prepared = Vec::with_capacity(spec.virtual_addresses.len());
    // Asked once for each interface, however many addresses: adverts wait meanwhile.
    let mut forwarding = BTreeMap::new();
    for address in &spec.virtual_addresses {
        let Some(interface) = interfaces.get(interface_of(spec, address)) else {
            continue;
        };
        // By the interface beneath: it is up whether the macvlan is or not.
        let (carrier, mac) = match seat_of(spec, address) {
            Some(Seat { base, mac, .. }) => (interfaces.get(base), Some(mac)),
            None => (Some(interface), interface.mac.map(MacAddr::from)),
        };
        let announcement = carrier.zip(mac).and_then(|(carrier, mac)| {
            let frame = announcement_frame(address.address, mac, || {
                *forwarding
                    .entry(interface.link.index)
                    .or_insert_with(|| forwards_ipv6(&interface.link.name))
            });
            let socket = announcer(announcers, carrier)
                .inspect_err(|error| {
                    error!(ifname = %carrier.link.name, %error, "no packet socket");
                })
                .ok()?;
            Some(Announcement {
                socket,
                frame: Arc::from(frame),
                lane: Lane::of(
                    pacing,
                    &carrier.link.name,
                    AddressFamily::for_address(address.address),
                ),
            })
        });
        prepared.push(Prepared {
            address: Arc::new(address.clone()),
            link: Arc::clone(&interface.link),
            announcement,
            extra: extra_of(spec, address, interface),
        });
    }
    prepared
}

/// The period of announcements on an interface that adverts do not leave by.
fn extra_of(
    spec: &RouterSpec,
    address: &VirtualAddress,
    interface: &Interface,
) -> Option<Duration> {
    let extra = spec.announcements.extra?;
    let other = interface.link.name != spec.interface;
    let wanted = extra.all || seat_of(spec, address).is_some();
    (other && wanted).then_some(extra.period)
}

/// `router` says whether this host forwards IPv6 packets: one that does and does not say so would
/// be dropped from its neighbours' lists of routers (RFC 4861 §7.2.5).
fn announcement_frame(address: IpAddr, mac: MacAddr, router: impl FnOnce() -> bool) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => GratuitousArp { mac, address }.to_vec(),
        IpAddr::V6(address) => UnsolicitedNeighbourAdvertisement {
            mac,
            source: address,
            address,
            router: router(),
        }
        .to_vec(),
    }
}

/// Whether the interface is a router's, in the network namespace of the calling thread.
fn forwards_ipv6(interface: &str) -> bool {
    fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/forwarding"))
        .is_ok_and(|value| value.trim() != "0")
}

/// The packet socket of an interface, opened when it is first needed.
pub(super) fn announcer(
    announcers: &mut BTreeMap<u32, Arc<PacketSocket>>,
    interface: &Interface,
) -> io::Result<Arc<PacketSocket>> {
    let index = interface.link.index;
    if let Some(socket) = announcers.get(&index) {
        return Ok(Arc::clone(socket));
    }
    let socket = Arc::new(PacketSocket::open(index)?);
    announcers.insert(index, Arc::clone(&socket));
    Ok(socket)
}
