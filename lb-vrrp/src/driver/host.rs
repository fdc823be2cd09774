// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host that the driver changes.

use std::sync::Arc;

use lb_host::{Address, Link, Owner};
use rtnetlink::packet_route::address::AddressFlags;

use crate::{AddressFlag, VirtualAddress};

/// Marks addresses that a virtual router added (`IFA_PROTO`, Linux 5.18 and later; `proto` in
/// `ip address`): VRRP's IP protocol number.
pub const ADDRESS_PROTOCOL: u8 = 112;

/// Marks routes and rules that a virtual router added and that have no protocol of their own
/// (`rtm_protocol`, `FRA_PROTOCOL`; `proto` in `ip route` and `ip rule`): `RTPROT_KEEPALIVED`.
pub const ROUTE_PROTOCOL: u8 = 18;

/// The mark on all objects that the driver adds.
pub(super) const OWNER: Owner =
    Owner::new(ADDRESS_PROTOCOL, "lb-vrrp").with_routing(ROUTE_PROTOCOL);

/// The address of the host that a virtual address is on an interface.
pub(super) fn host_address(address: &VirtualAddress, link: &Arc<Link>) -> Address {
    let mut host = Address::new(Arc::clone(link), address.address, address.prefix_len);
    host.peer = address.peer;
    host.broadcast = address.broadcast;
    host.scope = address.scope;
    host.label.clone_from(&address.label);
    host.flags = flags(address).bits();
    if address.address.is_ipv6() {
        // As in keepalived: no connection of this host's own begins from a full prefix.
        let host_only = (address.prefix_len == 128).then_some(0);
        host.preferred_lifetime = address.preferred_lifetime.or(host_only);
    }
    host
}

fn flags(address: &VirtualAddress) -> AddressFlags {
    let mut flags = AddressFlags::empty();
    for flag in &address.flags {
        flags |= match flag {
            AddressFlag::Home => AddressFlags::Homeaddress,
            AddressFlag::ManageTemporary => AddressFlags::Managetempaddr,
            AddressFlag::NoPrefixRoute => AddressFlags::Noprefixroute,
            AddressFlag::AutoJoin => AddressFlags::Mcautojoin,
            AddressFlag::DetectDuplicates => AddressFlags::empty(),
        };
    }
    // A takeover must not wait for duplicate address detection.
    if address.address.is_ipv6() && !address.flags.contains(&AddressFlag::DetectDuplicates) {
        flags |= AddressFlags::Nodad;
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn host_address_has_every_attribute() {
        let eth0 = Arc::new(Link::new(3, "eth0"));
        let address = VirtualAddress::new([192, 168, 1, 50].into())
            .with_peer([10, 0, 0, 1].into(), 24)
            .with_broadcast([192, 168, 1, 255].into())
            .with_scope(Scope::LINK)
            .with_label("eth0:vip")
            .with_flag(AddressFlag::NoPrefixRoute);
        let host = host_address(&address, &eth0);
        let mut expected = Address::new(Arc::clone(&eth0), [192, 168, 1, 50].into(), 24);
        expected.peer = Some([10, 0, 0, 1].into());
        expected.broadcast = Some([192, 168, 1, 255].into());
        expected.scope = Scope::LINK;
        expected.label = Some("eth0:vip".to_owned());
        expected.flags = 0x200;
        assert_eq!(host, expected);
    }

    #[test]
    fn ipv6_address_is_usable_at_once_and_no_source_unless_asked() {
        let eth0 = Arc::new(Link::new(3, "eth0"));
        let address = VirtualAddress::new("2001:db8::1".parse().unwrap());
        let nodad = 0x02;
        let host = host_address(&address, &eth0);
        assert_eq!((host.flags, host.preferred_lifetime), (nodad, Some(0)));
        let network = host_address(&address.clone().with_prefix_len(64), &eth0);
        assert_eq!(network.preferred_lifetime, None);
        let asked = address
            .with_preferred_lifetime(7)
            .with_flag(AddressFlag::DetectDuplicates);
        let host = host_address(&asked, &eth0);
        assert_eq!((host.flags, host.preferred_lifetime), (0, Some(7)));
    }
}
