// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interfaces and their addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use lb_host::Link;

use super::host::ADDRESS_PROTOCOL;
use crate::{AddressFamily, PollMethod, VirtualAddress};

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
    /// Index of the base interface of a macvlan.
    pub(super) macvlan_of: Option<u32>,
    /// In the kernel's order.
    pub(super) addresses: Vec<PresentAddress>,
}

impl Interface {
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

    /// Prefix lengths with which `link` has `address` from a virtual router: the configured one, and
    /// those of addresses with the mark of the driver.
    pub(super) fn leftovers(&self, link: &Link, address: &VirtualAddress) -> Vec<u8> {
        let Some(interface) = self.by_index.get(&link.index) else {
            return Vec::new();
        };
        interface
            .addresses
            .iter()
            .filter(|present| {
                present.address == address.address
                    && (present.prefix_len == address.prefix_len
                        || present.protocol == ADDRESS_PROTOCOL)
            })
            .map(|present| present.prefix_len)
            .collect()
    }

    /// Only the named interfaces, and the existence of macvlans above them.
    pub(super) fn only(&self, names: &BTreeSet<Arc<str>>) -> Self {
        let named = |interface: &Interface| names.contains(interface.link.name.as_str());
        let above = |interface: &Interface| {
            let base = interface
                .macvlan_of
                .and_then(|index| self.by_index.get(&index));
            base.is_some_and(named).then(|| Interface {
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
                let kept = named(interface).then(|| interface.clone());
                Some((*index, kept.or_else(|| above(interface))?))
            })
            .collect();
        Self {
            by_index: Arc::new(by_index),
        }
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

    /// These interfaces.
    pub(in crate::driver) fn table<const N: usize>(interfaces: [Interface; N]) -> Interfaces {
        let by_index = interfaces.map(|interface| (interface.link.index, interface));
        Interfaces {
            by_index: Arc::new(by_index.into_iter().collect()),
        }
    }
}
