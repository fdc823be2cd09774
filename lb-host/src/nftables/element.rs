// SPDX-License-Identifier: MIT OR Apache-2.0
//! The elements of sets that stand for addresses.

use std::net::{IpAddr, Ipv6Addr};

use crate::key::AddressKey;

/// The set of addresses.
pub(super) const ADDRESSES: &str = "vips";
/// The set of link-local addresses with their interfaces.
pub(super) const LINK_LOCAL: &str = "vips_link_local";

/// An element of a set. A link-local address is one of an interface; of any other address a host has one
/// element, whichever interface has the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Element {
    Address(IpAddr),
    /// With the index of the interface.
    LinkLocal(Ipv6Addr, u32),
}

impl Element {
    pub(super) const fn new(key: AddressKey) -> Self {
        match key.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                Self::LinkLocal(address, key.link)
            }
            address => Self::Address(address),
        }
    }

    /// The name of the set.
    pub(super) const fn set(self) -> &'static str {
        match self {
            Self::Address(_) => ADDRESSES,
            Self::LinkLocal(..) => LINK_LOCAL,
        }
    }

    /// The key in the set. The kernel compares interface indices in the order of the host.
    pub(super) fn key(self) -> Vec<u8> {
        match self {
            Self::Address(IpAddr::V4(address)) => address.octets().to_vec(),
            Self::Address(IpAddr::V6(address)) => address.octets().to_vec(),
            Self::LinkLocal(address, link) => {
                let mut key = address.octets().to_vec();
                key.extend(link.to_ne_bytes());
                key
            }
        }
    }

    /// The element with this key in a set; `None` for a key of another length.
    pub(super) fn parse(set: &str, key: &[u8]) -> Option<Self> {
        if set == LINK_LOCAL {
            let (address, link) = key.split_first_chunk::<16>()?;
            let link = u32::from_ne_bytes(link.try_into().ok()?);
            return Some(Self::LinkLocal((*address).into(), link));
        }
        if let Ok(octets) = <[u8; 4]>::try_from(key) {
            return Some(Self::Address(octets.into()));
        }
        let octets = <[u8; 16]>::try_from(key).ok()?;
        Some(Self::Address(octets.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(link: u32, address: &str) -> Element {
        Element::new(AddressKey::new(link, address.parse().unwrap()))
    }

    #[test]
    fn interface_counts_for_link_local_addresses_only() {
        assert_eq!(element(2, "192.0.2.1"), element(3, "192.0.2.1"));
        assert_eq!(element(2, "2001:db8::1"), element(3, "2001:db8::1"));
        assert_ne!(element(2, "fe80::1"), element(3, "fe80::1"));
        // IPv4 has no set for these, as keepalived has none.
        assert_eq!(element(2, "169.254.0.1"), element(3, "169.254.0.1"));
    }

    #[test]
    fn every_element_is_read_from_its_key() {
        for text in ["192.0.2.1", "2001:db8::1", "fe80::1", "febf::1"] {
            let element = element(7, text);
            assert_eq!(Element::parse(element.set(), &element.key()), Some(element));
            assert_eq!(Element::parse(element.set(), &element.key()[1..]), None);
        }
    }
}
