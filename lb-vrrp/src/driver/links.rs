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

pub(super) use self::notification::{Change, macvlan_of};
use self::table::Table;

/// An address on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PresentAddress {
    pub(super) address: IpAddr,
    pub(super) prefix_len: u8,
    /// `IFA_PROTO`; 0 where it is not told.
    pub(super) protocol: u8,
    /// Whether packets may have it as their source: an IPv6 address may not while it is looked for
    /// duplicates of it, nor after one was found.
    pub(super) usable: bool,
}

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) link: Arc<Link>,
    /// `IFF_UP` and `IFF_RUNNING`: administratively up, with carrier.
    pub(super) up: bool,
    /// How its link is [asked](super::polling), where `up` is the answer.
    pub(super) polled: Option<PollMethod>,
    /// When it counts as the other of up and down, where that is [delayed](super::carrier).
    pub(super) changes_at: Option<Instant>,
    /// Ethernet address, where it has one and speaks ARP.
    pub(super) mac: Option<[u8; 6]>,
    /// Bytes of the largest packet; `None` if that is not told.
    pub(super) mtu: Option<u32>,
    /// Index of the interface beneath, if it is a macvlan.
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

    /// Prefix lengths with which `link` has `address` from a virtual router: the wanted one, and
    /// any that carries our mark.
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

    /// Only the interfaces named, and that there are macvlans above them.
    pub(super) fn only(&self, names: &BTreeSet<Arc<str>>) -> Self {
        let named = |interface: &Interface| names.contains(interface.link.name.as_str());
        let above = |interface: &Interface| {
            let beneath = interface.macvlan_of.and_then(|of| self.by_index.get(&of));
            beneath.is_some_and(named).then(|| Interface {
                // Who has it above an interface sets it up and down, and has addresses on it.
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

    /// The same interfaces, each changed by `change`, which leaves names and indices alone.
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
