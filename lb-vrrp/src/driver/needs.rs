// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces that a router needs, and the problems that they have.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lb_host::RoutingEntry;

use super::desired::{Announcement, Prepared};
use super::event::EventSender;
use super::links::{Interface, Interfaces};
use super::note::HostNote;
use super::pacing::Lane;
use super::routing::place_route;
use super::socket::PacketSocket;
use super::vmac::{Outlet, Seat, covers_adverts, ipvlan_of, mac_of, seat_of};
use crate::spec::RouterSpec;
use crate::status::LinkProblem;
use crate::wire::{GratuitousArp, UnsolicitedNeighbourAdvertisement};
use crate::{AddressFamily, MacAddr, Pacing, RouterConfig};
use crate::{VirtualAddress, VirtualRoute, VirtualRule};

/// The interfaces a router needs: its own, and those of its addresses, routes and rules.
pub(super) fn interfaces_of(spec: &RouterSpec) -> impl Iterator<Item = &str> {
    std::iter::once(spec.interface.as_str()).chain(other_interfaces(spec, true))
}

/// The interfaces of the addresses, routes and rules of a router that are tracked, or that are not.
pub(super) fn other_interfaces(spec: &RouterSpec, tracked: bool) -> impl Iterator<Item = &str> {
    let addresses = spec.virtual_addresses.iter();
    let addresses = addresses
        .filter(move |address| address.tracked == tracked)
        .filter_map(|address| address.interface.as_deref());
    let routes = spec.virtual_routes.iter();
    let rules = spec.virtual_rules.iter();
    let routing = routes
        .filter(move |route| route.tracked == tracked)
        .flat_map(VirtualRoute::interfaces)
        .chain(
            rules
                .filter(move |rule| rule.tracked == tracked)
                .flat_map(VirtualRule::interfaces),
        );
    addresses.chain(routing)
}

/// Finds the interfaces of a router's routes; leaves out those whose interface is missing.
pub(super) fn place(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<Arc<RoutingEntry>> {
    let routes = spec
        .virtual_routes
        .iter()
        .filter_map(|route| place_route(route, interfaces))
        .map(|placed| RoutingEntry::Route(Box::new(placed)));
    let rules = spec
        .virtual_rules
        .iter()
        .map(|rule| RoutingEntry::Rule(Box::new(rule.clone())));
    routes.chain(rules).map(Arc::new).collect()
}

/// The interface of an address, which may be a macvlan that has a name already.
pub(super) fn interface_of<'a>(spec: &'a RouterSpec, address: &'a VirtualAddress) -> &'a str {
    let plain = || address.interface.as_deref().unwrap_or(&spec.interface);
    seat_of(spec, address).map_or_else(plain, |seat| seat.name)
}

/// The macvlan or the ipvlan of a router, by name.
pub(super) fn macvlan_of(spec: &RouterSpec) -> Option<&str> {
    match (&spec.vmac, &spec.ipvlan) {
        (Some(vmac), _) => vmac.name.as_deref(),
        (None, Some(ipvlan)) => ipvlan.name.as_deref(),
        (None, None) => None,
    }
}

/// Whether a router must wait for a macvlan, or for its ipvlan with the configured address, before it starts.
/// A missing base interface is a fault instead.
pub(super) fn awaits_macvlan(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let missing = missing_macvlans(spec, interfaces);
    let awaits_source = || {
        let address = spec.ipvlan.as_ref().and_then(|ipvlan| ipvlan.address);
        let has_base = interfaces.get(&spec.interface).is_some();
        address.is_some() && has_base && ipvlan_source(spec, interfaces).is_none()
    };
    missing.into_iter().any(|missing| missing.has_base) || awaits_source()
}

/// The source of adverts on the ipvlan of a router: the configured address, or the link-local one.
fn ipvlan_source(spec: &RouterSpec, interfaces: &Interfaces) -> Option<IpAddr> {
    let found = ipvlan_of(spec, interfaces)?;
    match (spec.ipvlan.as_ref()?.address, spec.config.family()) {
        (Some((address, _)), _) => {
            let mut present = found.addresses.iter();
            present
                .any(|present| present.usable && present.address == address)
                .then_some(address)
        }
        (None, AddressFamily::Ipv4) => None,
        (None, family) => found.primary(family, |_| false),
    }
}

/// Whether a macvlan that a router needs was deleted.
fn lost_macvlan(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let missing = missing_macvlans(spec, interfaces);
    missing.into_iter().any(|missing| missing.was_made)
}

/// A macvlan that a router needs and that does not exist.
struct MissingMacvlan {
    /// The interface below exists.
    has_base: bool,
    /// The macvlan has existed.
    was_made: bool,
}

/// Whether a macvlan of a router is present. One of that name with another MAC address, or above another
/// interface, will be replaced.
pub(super) fn has_macvlan(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    (name, base, family): (&str, &str, AddressFamily),
) -> bool {
    let base = interfaces.get(base);
    interfaces.get(name).is_some_and(|found| {
        // Without the interface below there is nothing to compare with.
        base.is_none_or(|base| found.is_macvlan(base, mac_of(spec, family)))
    })
}

fn missing_macvlans(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<MissingMacvlan> {
    let find = |name: &str, base: &str, family| {
        let is_present = has_macvlan(spec, interfaces, (name, base, family));
        (!is_present).then(|| interfaces.get(base).is_some())
    };
    let own = macvlan_of(spec).and_then(|name| {
        let has_base = match &spec.ipvlan {
            None => find(name, &spec.interface, spec.config.family())?,
            Some(_) => ipvlan_of(spec, interfaces)
                .is_none()
                .then(|| interfaces.get(&spec.interface).is_some())?,
        };
        Some(MissingMacvlan {
            has_base,
            was_made: true,
        })
    });
    let others = spec
        .address_macvlans
        .iter()
        .filter(|macvlan| macvlan.tracked);
    let others = others.filter_map(|macvlan| {
        Some(MissingMacvlan {
            has_base: find(&macvlan.name, &macvlan.base, macvlan.family)?,
            was_made: macvlan.made,
        })
    });
    own.into_iter().chain(others).collect()
}

/// The sender of adverts with a virtual MAC address, or from an ipvlan, if the router uses one.
pub(super) fn outlet_of(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    announcers: &mut BTreeMap<u32, Arc<PacketSocket>>,
    events: &EventSender,
) -> Option<Outlet> {
    let base = interfaces.get(&spec.interface)?;
    let mac = match &spec.ipvlan {
        // The source is on another interface than the one by which adverts leave.
        Some(_) => MacAddr::from(base.mac?),
        None => {
            spec.vmac.as_ref().filter(|_| covers_adverts(spec))?;
            mac_of(spec, spec.config.family())
        }
    };
    let socket = announcer(announcers, base)
        .map_err(|error| events.note_host(no_socket(base, error)))
        .ok()?;
    Some(Outlet::new(socket, mac))
}

/// The configuration of a router, limited to the addresses that fit the MTU of its interface.
pub(super) fn config_of(spec: &RouterSpec, interfaces: &Interfaces) -> RouterConfig {
    let mtu = interfaces
        .get(&spec.interface)
        .and_then(|interface| interface.mtu);
    let fitted = mtu.and_then(|mtu| spec.config.fit(mtu).ok());
    fitted.unwrap_or_else(|| spec.config.clone())
}

/// The source of a router's adverts: the interface's first IPv4 address, or its link-local IPv6
/// address (RFC 9568 §5.1.2.1). A virtual address is a source only for its owner.
pub(super) fn source_of(
    spec: &RouterSpec,
    interfaces: &Interfaces,
    virtual_addresses: &[IpAddr],
) -> Option<IpAddr> {
    if spec.ipvlan.is_some() {
        return ipvlan_source(spec, interfaces);
    }
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

/// The configured source of a router's unicast packets. Peers would discard packets from another address,
/// and without a source of its own the host cannot receive theirs.
pub(super) fn unicast_source(spec: &RouterSpec) -> Option<IpAddr> {
    spec.source.filter(|_| !spec.config.peers().is_empty())
}

/// Whether the configured source of a router is where it has to be: one that is tracked, and a link-local
/// one, on its interface, one of unicast packets on the host.
fn has_source(spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    let is_on = |interface: &Interface, source: IpAddr| {
        let mut addresses = interface.addresses.iter();
        addresses.any(|present| present.usable && present.address == source)
    };
    let is_on_own = |source: IpAddr| {
        let interface = interfaces.get(&spec.interface);
        interface.is_some_and(|interface| is_on(interface, source))
    };
    let is_link_local = |source: IpAddr| match source {
        IpAddr::V4(_) => false,
        IpAddr::V6(source) => source.is_unicast_link_local(),
    };
    match (spec.source, unicast_source(spec)) {
        (Some(source), _) if spec.tracks_source => is_on_own(source),
        (_, Some(source)) => {
            is_on_own(source)
                || (!is_link_local(source)
                    && interfaces.iter().any(|interface| is_on(interface, source)))
        }
        _ => true,
    }
}

/// The problem that keeps a router from running, if any.
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
        Some(match spec.config.family() {
            AddressFamily::Ipv4 => LinkProblem::NoSource,
            AddressFamily::Ipv6 => LinkProblem::NoLinkLocal,
        })
    } else if !has_source(spec, interfaces) {
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
    (announcers, events): (&mut BTreeMap<u32, Arc<PacketSocket>>, &EventSender),
) -> Vec<Prepared> {
    let mut prepared = Vec::with_capacity(spec.virtual_addresses.len());
    // Read once per interface, not per address: adverts wait meanwhile.
    let mut forwarding = BTreeMap::new();
    for address in &spec.virtual_addresses {
        let Some(interface) = interfaces.get(interface_of(spec, address)) else {
            continue;
        };
        // The base interface is up whether or not the macvlan is.
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
                .map_err(|error| events.note_host(no_socket(carrier, error)))
                .ok()?;
            Some(Announcement {
                socket,
                frame: Arc::from(frame),
                lane: Lane::new(
                    pacing,
                    &carrier.link.name,
                    AddressFamily::for_address(address.address),
                ),
            })
        });
        prepared.push(Prepared {
            address: Arc::new(address.clone()),
            link: Arc::clone(&interface.link),
            is_on_macvlan: seat_of(spec, address).is_some(),
            announcement,
            extra: extra_of(spec, address, interface),
        });
    }
    prepared
}

/// The period of announcements on an interface without adverts of the router.
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

/// `router` returns whether this host forwards IPv6 packets: neighbours would drop a forwarding host
/// without that flag from their lists of routers (RFC 4861 §7.2.5).
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

/// Whether the interface forwards IPv6 packets, in the network namespace of the calling thread.
fn forwards_ipv6(interface: &str) -> bool {
    fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/forwarding"))
        .is_ok_and(|value| value.trim() != "0")
}

fn no_socket(interface: &Interface, error: io::Error) -> HostNote {
    HostNote::PacketSocketFailed {
        interface: Arc::from(interface.link.name.as_str()),
        error: Arc::new(error),
    }
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
