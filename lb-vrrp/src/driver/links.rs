// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces and their addresses.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use lb_host::Link;

use super::host::ADDRESS_PROTOCOL;
use crate::{AddressFamily, IpvlanMode, MacAddr, PollMethod, VirtualAddress};

mod notification;
mod table;

pub(super) use self::notification::Change;
use self::table::Table;

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PresentAddress {
    pub(super) address: IpAddr,
    pub(super) prefix_len: u8,
    /// `IFA_PROTO`; 0 where the kernel does not report it.
    pub(super) protocol: u8,
    /// Whether packets may have this source: not an IPv6 address during duplicate address detection, nor
    /// after a duplicate was found.
    pub(super) usable: bool,
}

/// The addresses of an interface that equal a virtual one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Prefix lengths of those that the driver of a killed process added.
    pub(super) stale: Vec<u8>,
    /// Another program added one.
    pub(super) external: bool,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) link: Arc<Link>,
    /// `IFF_UP` and `IFF_RUNNING`: administratively up, with carrier.
    pub(super) up: bool,
    /// How the link is [polled](super::polling), where `up` is the answer.
    pub(super) polled: Option<PollMethod>,
    /// When a [delayed](super::carrier) change of `up` counts.
    pub(super) changes_at: Option<Instant>,
    /// Ethernet address, if the interface has one and uses ARP.
    pub(super) mac: Option<[u8; 6]>,
    /// Size of the largest packet in bytes; `None` if the kernel does not report it.
    pub(super) mtu: Option<u32>,
    /// Index of the interface to which a macvlan is attached.
    pub(super) macvlan_of: Option<u32>,
    /// Index of the interface to which an ipvlan is attached, and the mode.
    pub(super) ipvlan_of: Option<(u32, IpvlanMode)>,
    /// A macvlan or ipvlan that a driver has added, of this process or of another one.
    pub(super) is_marked: bool,
    /// In the kernel's order.
    pub(super) addresses: Vec<PresentAddress>,
}

impl Interface {
    /// Index of the interface to which a macvlan above this one is attached: the kernel attaches a macvlan
    /// above a macvlan to the interface below that.
    pub(super) fn lower(&self) -> u32 {
        self.macvlan_of.unwrap_or(self.link.index)
    }

    /// Whether this is a macvlan above `base` with this MAC address.
    pub(super) fn is_macvlan(&self, base: &Self, mac: MacAddr) -> bool {
        self.macvlan_of == Some(base.lower()) && self.mac == Some(mac.octets())
    }

    /// Whether this is an ipvlan above `base` with this mode.
    pub(super) fn is_ipvlan(&self, base: &Self, mode: IpvlanMode) -> bool {
        let lower = base.ipvlan_of.map_or(base.link.index, |(lower, _)| lower);
        self.ipvlan_of == Some((lower, mode))
    }

    /// The first IPv4 or link-local IPv6 address for which `excluded` does not hold.
    pub(super) fn primary(
        &self,
        family: AddressFamily,
        excluded: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let of_family = |address: IpAddr| match (family, address) {
            (AddressFamily::Ipv4, IpAddr::V4(_)) => true,
            (AddressFamily::Ipv6, IpAddr::V6(address)) => address.is_unicast_link_local(),
            _ => false,
        };
        self.addresses
            .iter()
            .filter(|present| present.usable)
            .map(|present| present.address)
            .find(|&address| of_family(address) && !excluded(address))
    }

    /// Whether the interface would have no address of this family without `present`, or the kernel would
    /// remove further ones together with it, because it is the first one of their network.
    fn depends_on(&self, present: &PresentAddress) -> bool {
        let is_link_local = |address: IpAddr| match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let others = || {
            self.addresses.iter().filter(|other| {
                other.address.is_ipv4() == present.address.is_ipv4()
                    && other.address != present.address
                    && !is_link_local(other.address)
            })
        };
        if others().next().is_none() {
            return true;
        }
        let place = |wanted: &PresentAddress| self.addresses.iter().position(|one| one == wanted);
        let is_secondary = |other: &PresentAddress| {
            other.prefix_len == present.prefix_len
                && is_same_network(other.address, present.address, present.prefix_len)
                && place(other) > place(present)
        };
        others().any(is_secondary)
    }
}

/// Whether two IPv4 addresses are of one network.
fn is_same_network(one: IpAddr, other: IpAddr, prefix_len: u8) -> bool {
    let (IpAddr::V4(one), IpAddr::V4(other)) = (one, other) else {
        return false;
    };
    let host_bits = 32 - u32::from(prefix_len.min(32));
    let network = |address: Ipv4Addr| address.to_bits().checked_shr(host_bits);
    network(one) == network(other)
}

/// Whether this version of the kernel has `IFA_PROTO`.
fn kernel_has_marks() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version_of(&release) >= Some((5, 18))
}

/// The first two numbers of a release of the kernel.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// All interfaces of the network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    by_index: Arc<Table>,
}

impl Interfaces {
    pub(super) fn get(&self, name: &str) -> Option<&Interface> {
        self.by_index.named(name)
    }

    pub(super) fn at(&self, index: u32) -> Option<&Interface> {
        self.by_index.get(&index)
    }

    /// Whether `link` still has `address`.
    pub(super) fn holds(&self, link: &Link, address: IpAddr) -> bool {
        self.by_index.get(&link.index).is_some_and(|interface| {
            interface
                .addresses
                .iter()
                .any(|present| present.address == address)
        })
    }

    /// Whether the kernel marks addresses; if so, it marks those that it adds itself.
    pub(super) fn have_marks(&self) -> bool {
        let mut addresses = self.iter().flat_map(|interface| &interface.addresses);
        addresses.any(|present| present.protocol != 0) || kernel_has_marks()
    }

    /// Divides the addresses of `link` that equal a virtual one by who added them; see
    /// [`have_marks`](Self::have_marks). A macvlan of the driver has no addresses of other programs.
    pub(super) fn find_stale(
        &self,
        link: &Link,
        address: &VirtualAddress,
        (have_marks, is_on_macvlan): (bool, bool),
    ) -> Found {
        let mut found = Found::default();
        let Some(interface) = self.by_index.get(&link.index) else {
            return found;
        };
        let equal = |present: &&PresentAddress| present.address == address.address;
        for present in interface.addresses.iter().filter(equal) {
            let is_stale = is_on_macvlan
                || present.protocol == ADDRESS_PROTOCOL
                || (!have_marks
                    && present.prefix_len == address.prefix_len
                    && !interface.depends_on(present));
            if is_stale {
                found.stale.push(present.prefix_len);
            } else {
                found.external = true;
            }
        }
        found
    }

    /// Only the named interfaces, the existence of macvlans above them, and ipvlans above them with their
    /// addresses.
    pub(super) fn only(&self, names: &BTreeSet<Arc<str>>) -> Self {
        let named = |interface: &&Interface| names.contains(interface.link.name.as_str());
        let lowers: BTreeSet<u32> = self.iter().filter(named).map(Interface::lower).collect();
        let above = |interface: &Interface| {
            if let Some((lower, _)) = interface.ipvlan_of {
                return lowers.contains(&lower).then(|| interface.clone());
            }
            let lower = interface.macvlan_of;
            lower
                .is_some_and(|lower| lowers.contains(&lower))
                .then(|| Interface {
                    // State and addresses of the macvlan follow the router that has it.
                    up: false,
                    polled: None,
                    changes_at: None,
                    addresses: Vec::new(),
                    ..interface.clone()
                })
        };
        let by_index = self
            .by_index
            .iter()
            .filter_map(|(index, interface)| {
                let kept = named(&interface).then(|| interface.clone());
                Some((*index, kept.or_else(|| above(interface))?))
            })
            .collect();
        Self {
            by_index: Arc::new(by_index),
        }
    }

    /// Those of these addresses that an interface has and packets may have as their source.
    pub(super) fn find_usable(&self, addresses: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        if addresses.is_empty() {
            return BTreeSet::new();
        }
        let present = self.iter().flat_map(|interface| &interface.addresses);
        let usable = present.filter(|present| present.usable);
        let usable = usable.map(|present| present.address);
        usable
            .filter(|address| addresses.contains(address))
            .collect()
    }

    /// A copy with `change` applied to each interface, which must not change names and indices.
    pub(super) fn with_each(&self, mut change: impl FnMut(&mut Interface)) -> Self {
        let mut changed = self.clone();
        for interface in Arc::make_mut(&mut changed.by_index).values_mut() {
            change(interface);
        }
        changed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.by_index.values()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.by_index
            .values()
            .map(|interface| interface.link.name.clone())
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An interface that is up.
    pub(in crate::driver) fn eth(index: u32, name: &str) -> Interface {
        Interface {
            link: Arc::new(Link::new(index, name)),
            up: true,
            polled: None,
            changes_at: None,
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: Some(1500),
            macvlan_of: None,
            ipvlan_of: None,
            is_marked: false,
            addresses: Vec::new(),
        }
    }

    /// A macvlan that is up.
    pub(in crate::driver) fn macvlan(index: u32, name: &str, base: u32, mac: [u8; 6]) -> Interface {
        Interface {
            mac: Some(mac),
            macvlan_of: Some(base),
            ..eth(index, name)
        }
    }

    fn address(text: &str, protocol: u8) -> PresentAddress {
        let (address, prefix_len) = text.split_once('/').unwrap();
        PresentAddress {
            address: address.parse().unwrap(),
            prefix_len: prefix_len.parse().unwrap(),
            protocol,
            usable: true,
        }
    }

    /// What is found of a virtual address among addresses, each with its mark.
    fn found(virtual_address: &str, present: &[(&str, u8)], have_marks: bool) -> (Vec<u8>, bool) {
        let mut eth0 = eth(1, "eth0");
        eth0.addresses = present
            .iter()
            .map(|(text, protocol)| address(text, *protocol))
            .collect();
        let link = Arc::clone(&eth0.link);
        let PresentAddress {
            address,
            prefix_len,
            ..
        } = address(virtual_address, 0);
        let wanted = VirtualAddress::new(address).with_prefix_len(prefix_len);
        let Found { stale, external } =
            table([eth0]).find_stale(&link, &wanted, (have_marks, false));
        (stale, external)
    }

    #[test]
    fn only_marked_addresses_are_stale_where_the_kernel_has_marks() {
        let vip = "192.0.2.100/24";
        let own = ("192.0.2.1/24", 0);
        assert_eq!(found(vip, &[own], true), (vec![], false));
        assert_eq!(found(vip, &[own, (vip, 0)], true), (vec![], true));
        assert_eq!(found(vip, &[own, (vip, 112)], true), (vec![24], false));
        let both = [("192.0.2.100/32", 112), (vip, 0)];
        assert_eq!(found(vip, &both, true), (vec![32], true));
        // The mark counts, whatever else the interface has.
        assert_eq!(found(vip, &[(vip, 112)], true), (vec![24], false));
    }

    #[test]
    fn an_address_on_which_others_depend_is_not_stale_without_marks() {
        let vip = "192.0.2.100/24";
        let own = ("192.0.2.1/24", 0);
        assert_eq!(found(vip, &[own, (vip, 0)], false), (vec![24], false));
        assert_eq!(
            found(vip, &[own, ("192.0.2.100/32", 0)], false),
            (vec![], true)
        );
        assert_eq!(found(vip, &[(vip, 0)], false), (vec![], true));
        assert_eq!(found(vip, &[(vip, 0), own], false), (vec![], true));
        let elsewhere = ("198.51.100.1/24", 0);
        assert_eq!(found(vip, &[(vip, 0), elsewhere], false), (vec![24], false));
        let vip = "2001:db8::100/64";
        let link_local = ("fe80::1/64", 0);
        assert_eq!(found(vip, &[link_local, (vip, 0)], false), (vec![], true));
        let own = ("2001:db8::1/64", 0);
        assert_eq!(found(vip, &[(vip, 0), own], false), (vec![64], false));
    }

    #[test]
    fn versions_of_kernels_are_compared_by_number() {
        assert_eq!(version_of("6.1.0-18-amd64\n"), Some((6, 1)));
        assert!(version_of("5.4.0") < Some((5, 18)));
        assert!(version_of("5.18-rc1") >= Some((5, 18)));
        assert_eq!(version_of(""), None);
    }

    /// These interfaces.
    pub(in crate::driver) fn table<const N: usize>(interfaces: [Interface; N]) -> Interfaces {
        let by_index = interfaces.map(|interface| (interface.link.index, interface));
        Interfaces {
            by_index: Arc::new(by_index.into_iter().collect()),
        }
    }
}
