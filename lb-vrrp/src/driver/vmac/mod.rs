// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers on a virtual MAC address (RFC 9568 §7.3), each with a macvlan above its interface.
//!
//! Adverts and announcements leave by the router's own interface, in frames with the virtual MAC address
//! as their source. The macvlan is for received packets while the router is Master: the macvlan is up
//! then and has the virtual addresses. Otherwise the macvlan is down, so that a Backup neither answers
//! for the addresses nor accepts a frame for the Master (§6.4.2), sends nothing from an address that a
//! switch knows elsewhere, and needs no filter for that.
//!
//! Frames of another router have the same source address. The kernel gives those to the macvlan alone
//! while the macvlan is up, so a [`Receiver`](super::receiver::Receiver) listens there; no group is joined. While the macvlan is down
//! they reach the router's own interface like other frames.
//!
//! The macvlan of an IPv6 router has no link-local address but virtual ones: a copy of the interface's
//! address would have two owners on one link.
//!
//! The ipvlan of a router is up in any state and has the source of the router's adverts, which leave by the
//! router's own interface in frames of its MAC address, that of the ipvlan too. The virtual addresses are on the
//! router's own interface.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use lb_host::{
    FoundLink, HostObject, Rtnetlink, Setting, SettingName, VirtualLink, VirtualLinkKind,
};
use tracing::warn;

use super::host::host_address;
use super::key::RouterKey;
use super::links::{Interface, Interfaces};
use super::socket::PacketSocket;
use crate::spec::RouterSpec;
use crate::{AddressFamily, MacAddr, Transmit, VirtualAddress};

pub(super) use crate::spec::{Macvlan, Seat, mac_of, seat_of};

pub(super) mod frame;
mod naming;

pub(super) use self::naming::Naming;

/// The settings of an interface below a macvlan. The interface answers for its own addresses only, and
/// asks from them only: otherwise neighbours would learn its MAC address for a virtual address.
///
/// Without `arp_filter`, which keepalived sets: with a virtual address in the interface's own network
/// the host's own address would stay unanswered, depending on which route is older (keepalived #2282,
/// #2512).
const BASE_SETTINGS: [SettingName; 2] = [SettingName::ArpIgnore, SettingName::ArpAnnounce];

/// Whether adverts of this router leave with a virtual MAC address.
pub(super) fn covers_adverts(spec: &RouterSpec) -> bool {
    let is_multicast = spec.config.peers().is_empty();
    let vmac = spec.vmac.as_ref();
    is_multicast && vmac.is_some_and(|vmac| !vmac.transmit_from_base)
}

/// Lists the macvlans and the ipvlan of a router that have [names](Naming), where the interface below is present.
pub(super) fn list_above(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<VirtualLink> {
    let macvlans = Macvlan::list(spec).into_iter();
    let named = macvlans.filter_map(|macvlan| {
        let base = interfaces.get(macvlan.base)?;
        let (name, link) = (macvlan.vmac.name?, Arc::clone(&base.link));
        let (mac, family) = (macvlan.mac.octets(), macvlan.family);
        Some(match macvlan.ipvlan {
            None => VirtualLink::macvlan(name, link, mac, family).with_lower(base.lower()),
            Some(mode) => {
                let lower = base.ipvlan_of.map_or(link.index, |(lower, _)| lower);
                VirtualLink::ipvlan(name, link, mode, family).with_lower(lower)
            }
        })
    });
    named.collect()
}

/// The ipvlan of a router, if it is present.
pub(super) fn ipvlan_of<'a>(
    spec: &RouterSpec,
    interfaces: &'a Interfaces,
) -> Option<&'a Interface> {
    let ipvlan = spec.ipvlan.as_ref()?;
    let base = interfaces.get(&spec.interface)?;
    let found = interfaces.get(ipvlan.name.as_deref()?)?;
    found.is_ipvlan(base, ipvlan.mode).then_some(found)
}

/// What a router desires on its ipvlan: the ipvlan is up in any state, with the source of adverts.
fn ipvlan_objects(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<HostObject> {
    let Some(found) = ipvlan_of(spec, interfaces) else {
        return Vec::new();
    };
    let mut objects = vec![HostObject::LinkUp(Arc::clone(&found.link))];
    let address = spec.ipvlan.as_ref().and_then(|ipvlan| ipvlan.address);
    objects.extend(address.map(|(address, prefix_len)| {
        let address = VirtualAddress::new(address).with_prefix_len(prefix_len);
        HostObject::from(host_address(&address, &found.link))
    }));
    objects
}

/// What a router desires in any state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouterLinks {
    pub(super) router: RouterKey,
    /// Name of the router.
    pub(super) name: Arc<str>,
    /// Macvlans, and settings of interfaces.
    pub(super) objects: Vec<HostObject>,
}

/// Lists what a router desires in any state: macvlans, settings of the interfaces below them and of its own
/// interface, and the ipvlan with what is on it.
pub(super) fn list_links(spec: &RouterSpec, interfaces: &Interfaces) -> Option<RouterLinks> {
    let above = list_above(spec, interfaces);
    let mut objects: Vec<HostObject> = Vec::new();
    let mut bases = HashSet::new();
    let is_macvlan = |link: &&VirtualLink| matches!(link.kind, VirtualLinkKind::Macvlan(_));
    for base in above.iter().filter(is_macvlan).map(|link| &link.base) {
        if bases.insert(base.index) {
            objects.extend(base_settings(base).map(HostObject::from));
        }
    }
    for link in promoting_links(spec, interfaces) {
        objects.push(Setting::new(link, SettingName::PromoteSecondaries).into());
    }
    objects.extend(igmp_setting(spec, interfaces).map(HostObject::from));
    objects.extend(above.into_iter().map(HostObject::from));
    objects.extend(ipvlan_objects(spec, interfaces));
    (!objects.is_empty()).then(|| RouterLinks {
        router: RouterKey::for_spec(spec),
        name: Arc::from(spec.name.as_str()),
        objects,
    })
}

/// The setting that suppresses reports of multicast groups, if the router desires that. The record is on the
/// loopback interface, which each network namespace has.
pub(super) fn igmp_setting(spec: &RouterSpec, interfaces: &Interfaces) -> Option<Setting> {
    let loopback = spec
        .suppresses_igmp
        .then(|| interfaces.get("lo"))
        .flatten()?;
    let link = Arc::clone(&loopback.link);
    Some(Setting::new(link, SettingName::IgmpReports))
}

/// The interfaces on which secondary addresses are to stay: the router's own, and those of its addresses.
fn promoting_links(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<Arc<lb_host::Link>> {
    let mut links: Vec<Arc<lb_host::Link>> = Vec::new();
    if !spec.promotes_secondaries {
        return links;
    }
    let addresses = spec.virtual_addresses.iter();
    // IPv6 has no secondary addresses.
    let others = addresses.filter(|address| address.address.is_ipv4());
    let others = others.filter_map(|address| address.interface.as_deref());
    for name in std::iter::once(spec.interface.as_str()).chain(others) {
        let Some(interface) = interfaces.get(name) else {
            continue;
        };
        if !links.iter().any(|link| link.index == interface.link.index) {
            links.push(Arc::clone(&interface.link));
        }
    }
    links
}

/// The settings of an interface below a macvlan.
fn base_settings(base: &Arc<lb_host::Link>) -> [Setting; 2] {
    BASE_SETTINGS.map(|name| Setting::new(Arc::clone(base), name))
}

/// Sets down the macvlans that these routers will take over, because they answer for addresses, and
/// undoes all other changes to links by processes that have ended.
///
/// # Errors
///
/// The answer of the kernel.
pub(super) async fn remove_stale(
    host: &mut Rtnetlink,
    specs: &[RouterSpec],
    interfaces: &Interfaces,
) -> io::Result<()> {
    let mut settings = HashSet::new();
    for spec in specs {
        let macvlans = Macvlan::list(spec);
        let macvlans = macvlans.iter().filter(|macvlan| macvlan.ipvlan.is_none());
        let bases = macvlans.map(|macvlan| macvlan.base);
        for base in bases.filter_map(|base| interfaces.get(base)) {
            settings.extend(BASE_SETTINGS.map(|name| (base.link.index, name)));
        }
        let promoting = promoting_links(spec, interfaces);
        settings.extend(
            promoting
                .iter()
                .map(|link| (link.index, SettingName::PromoteSecondaries)),
        );
        let igmp = igmp_setting(spec, interfaces);
        settings.extend(igmp.map(|setting| (setting.link.index, setting.name)));
    }
    let is_kept = |found: &FoundLink| {
        let mut specs = specs.iter();
        specs.any(|spec| is_desired(found, spec, interfaces))
    };
    host.remove_stale_links(&settings, &is_kept).await
}

/// Whether this is a macvlan or ipvlan that a router will desire.
fn is_desired(found: &FoundLink, spec: &RouterSpec, interfaces: &Interfaces) -> bool {
    Macvlan::list(spec).into_iter().any(|macvlan| {
        let base = interfaces.get(macvlan.base);
        let lower = base.map(|base| match macvlan.ipvlan {
            None => base.lower(),
            Some(_) => base.ipvlan_of.map_or(base.link.index, |(lower, _)| lower),
        });
        let is_kind = match macvlan.ipvlan {
            None => found.ipvlan.is_none() && found.mac == Some(macvlan.mac.octets()),
            mode => found.ipvlan == mode,
        };
        let vrid = spec.config.vrid();
        let mut names = macvlan.vmac.candidates(macvlan.family, vrid);
        lower.is_some()
            && found.base == lower
            && is_kind
            && names.any(|name| name == found.link.name)
    })
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
    /// Sends by the packet socket of the router's own interface.
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

/// Warns of IPv6 routers on a virtual MAC address without a link-local virtual address.
pub(super) fn warn_missing_link_local(specs: &[RouterSpec]) {
    for spec in specs.iter().filter(|spec| spec.vmac.is_some()) {
        let family = spec.config.family();
        let mut addresses = spec.virtual_addresses.iter();
        let has_link_local = addresses.any(|address| match address.address {
            IpAddr::V6(address) => address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        });
        if family == AddressFamily::Ipv6 && !has_link_local {
            warn!(
                instance = %spec.name, vrid = %spec.config.vrid(),
                "an IPv6 router on a virtual MAC address should have a link-local virtual address \
                 (RFC 9568 section 5.2.9): without one the kernel cannot probe neighbours from it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::links::tests::{eth, macvlan, table};
    use super::*;
    use crate::{RouterConfig, VirtualAddress, Vmac, Vrid};

    fn spec(vrid: u8) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .address("192.0.2.100".parse().unwrap())
            .build()
            .unwrap();
        let vmac = Vmac::new().with_name(format!("vrrp.{vrid}"));
        RouterSpec::new(format!("VI_{vrid}"), "eth0", config).with_vmac(vmac)
    }

    fn listed(spec: &RouterSpec, interfaces: &Interfaces) -> Vec<String> {
        let links = list_links(spec, interfaces);
        let objects = links.into_iter().flat_map(|links| links.objects);
        objects.map(|object| object.to_string()).collect()
    }

    #[test]
    fn router_desires_macvlans_and_each_setting_once() {
        let interfaces = table([eth(2, "eth0"), eth(3, "eth1")]);
        let own = spec(51);
        assert_eq!(
            listed(&own, &interfaces),
            [
                "arp_ignore of eth0",
                "arp_announce of eth0",
                "macvlan vrrp.51 dev eth0"
            ]
        );
        let above = |address: &str, interface: &str| {
            let address = VirtualAddress::new(address.parse().unwrap());
            address.with_interface(interface).with_vmac(true)
        };
        let addresses = [above("192.0.2.2", "eth1"), above("2001:db8::1", "eth1")];
        let mut specs = [own
            .with_virtual_addresses(addresses)
            .with_promotes_secondaries(true)];
        Naming::default().settle(&mut specs, &interfaces).unwrap();
        assert_eq!(
            listed(&specs[0], &interfaces),
            [
                "arp_ignore of eth0",
                "arp_announce of eth0",
                "arp_ignore of eth1",
                "arp_announce of eth1",
                "promote_secondaries of eth0",
                "promote_secondaries of eth1",
                "macvlan vrrp.51 dev eth0",
                "macvlan vrrp1.51 dev eth1",
                "macvlan vrrp6.51 dev eth1"
            ]
        );
        // Without the interfaces nothing is desired.
        assert_eq!(listed(&specs[0], &table([])), [""; 0]);
        let plain = RouterSpec::new("VI_1", "eth0", specs[0].config.clone());
        assert!(list_links(&plain, &interfaces).is_none());
    }

    #[test]
    fn macvlan_above_a_macvlan_is_attached_to_the_interface_below() {
        let below = macvlan(5, "eth0", 2, [2; 6]);
        let mac = [0, 0, 0x5e, 0, 1, 51];
        let interfaces = table([below.clone(), macvlan(6, "vrrp.51", 2, mac)]);
        let listed = list_above(&spec(51), &interfaces);
        let places = listed
            .iter()
            .map(|macvlan| (macvlan.base.index, macvlan.lower()));
        assert_eq!(places.collect::<Vec<_>>(), [(5, 2)]);
        let own = interfaces.get("vrrp.51").unwrap();
        assert!(own.is_macvlan(&below, MacAddr::from(mac)));
        let only = interfaces.only(&[Arc::from("eth0")].into());
        assert!(only.get("vrrp.51").is_some());
        let found = FoundLink::new(lb_host::Link::new(6, "vrrp.51"), Some(2), Some(mac));
        assert!(is_desired(&found, &spec(51), &interfaces));
    }

    #[test]
    fn macvlan_of_a_desired_name_base_and_mac_address_is_kept() {
        let mac = [0, 0, 0x5e, 0, 1, 51];
        let interfaces = table([eth(2, "eth0"), macvlan(3, "vrrp.51", 2, mac)]);
        let is_kept = |name: &str, base, mac| {
            let found = FoundLink::new(lb_host::Link::new(3, name), Some(base), Some(mac));
            is_desired(&found, &spec(51), &interfaces)
        };
        assert!(is_kept("vrrp.51", 2, mac));
        assert!(!is_kept("vrrp.52", 2, mac));
        assert!(!is_kept("vrrp.51", 9, mac));
        assert!(!is_kept("vrrp.51", 2, [2; 6]));
    }
}
