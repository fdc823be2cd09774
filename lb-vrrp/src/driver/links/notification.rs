// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interfaces from netlink: the dump of all, and notifications of changes.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::{AddressFamily as RouteFamily, RouteNetlinkMessage};

use super::{Interface, Interfaces, PresentAddress};
use crate::driver::host::OWNER;
use lb_host::Link;
use lb_host::rtnetlink::{bounded, ipvlan_base, macvlan_base};

/// The change of a notification that matters beyond the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::driver) enum Change {
    /// No change.
    None,
    /// A link or address appeared or changed.
    Updated,
    /// A macvlan went down.
    Lowered { link: Link },
    /// An interface came up; when it went down, the kernel deleted its routes without a notification.
    Raised,
    /// An address was deleted.
    AddressGone {
        link: Link,
        address: IpAddr,
        /// The interface is up.
        is_up: bool,
    },
    /// An interface was deleted.
    LinkGone { link: Link },
}

impl Interfaces {
    /// Reads all interfaces and addresses from the kernel.
    pub(in crate::driver) async fn dump(handle: &rtnetlink::Handle) -> io::Result<Self> {
        let mut interfaces = Self::default();
        let links: Vec<LinkMessage> = bounded(handle.link().get().execute().try_collect()).await?;
        for link in links {
            interfaces.new_link(&link);
        }
        let addresses: Vec<AddressMessage> =
            bounded(handle.address().get().execute().try_collect()).await?;
        for address in addresses {
            interfaces.new_address(&address);
        }
        Ok(interfaces)
    }

    /// Applies one notification.
    pub(in crate::driver) fn apply(&mut self, message: &RouteNetlinkMessage) -> Change {
        match message {
            RouteNetlinkMessage::NewLink(link) => self.new_link(link),
            RouteNetlinkMessage::DelLink(link) => self.delete_link(link),
            RouteNetlinkMessage::NewAddress(address) => self.new_address(address),
            RouteNetlinkMessage::DelAddress(address) => self.delete_address(address),
            _ => Change::None,
        }
    }

    fn new_link(&mut self, message: &LinkMessage) -> Change {
        // A bridge reports its ports in link messages of its own family.
        if message.header.interface_family != RouteFamily::Unspec {
            return Change::None;
        }
        let mut name = None;
        let mut mac = None;
        let mut mtu = None;
        let mut is_marked = false;
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(value) => name = Some(value),
                LinkAttribute::Mtu(value) => mtu = Some(*value),
                LinkAttribute::IfAlias(alias) => {
                    is_marked = alias.split_whitespace().next() == Some(OWNER.name);
                }
                LinkAttribute::Address(value) => mac = <[u8; 6]>::try_from(value.as_slice()).ok(),
                _ => {}
            }
        }
        let Some(name) = name else {
            return Change::None;
        };
        let flags = message.header.flags;
        let index = message.header.index;
        let by_index = Arc::make_mut(&mut self.by_index);
        let before = by_index.remove(&index);
        let known = before.is_some();
        let was_up = before.as_ref().is_some_and(|interface| interface.up);
        let interface = Interface {
            link: Arc::new(Link::new(index, name.as_str())),
            up: flags.contains(LinkFlags::Up | LinkFlags::Running),
            polled: None,
            changes_at: None,
            mac: mac.filter(|_| !flags.intersects(LinkFlags::Noarp | LinkFlags::Loopback)),
            mtu,
            macvlan_of: macvlan_base(message),
            ipvlan_of: ipvlan_base(message),
            is_marked,
            addresses: before
                .map(|interface| interface.addresses)
                .unwrap_or_default(),
        };
        let raised = known && !was_up && interface.up;
        let is_above = interface.macvlan_of.is_some() || interface.ipvlan_of.is_some();
        let lowered = was_up && !interface.up && is_above;
        let link = Link::clone(&interface.link);
        by_index.insert(index, interface);
        if lowered {
            Change::Lowered { link }
        } else if raised {
            Change::Raised
        } else {
            Change::Updated
        }
    }

    fn delete_link(&mut self, message: &LinkMessage) -> Change {
        if message.header.interface_family != RouteFamily::Unspec {
            return Change::None;
        }
        match Arc::make_mut(&mut self.by_index).remove(&message.header.index) {
            Some(interface) => Change::LinkGone {
                link: Link::clone(&interface.link),
            },
            None => Change::None,
        }
    }

    fn new_address(&mut self, message: &AddressMessage) -> Change {
        let Some(present) = present(message) else {
            return Change::None;
        };
        let by_index = Arc::make_mut(&mut self.by_index);
        let Some(interface) = by_index.get_mut(&message.header.index) else {
            return Change::None;
        };
        let known = interface.addresses.iter_mut().find(|known| {
            known.address == present.address && known.prefix_len == present.prefix_len
        });
        match known {
            Some(known) => *known = present,
            None => interface.addresses.push(present),
        }
        Change::Updated
    }

    fn delete_address(&mut self, message: &AddressMessage) -> Change {
        let Some(present) = present(message) else {
            return Change::None;
        };
        let by_index = Arc::make_mut(&mut self.by_index);
        let Some(interface) = by_index.get_mut(&message.header.index) else {
            return Change::None;
        };
        interface.addresses.retain(|known| {
            known.address != present.address || known.prefix_len != present.prefix_len
        });
        Change::AddressGone {
            link: Link::clone(&interface.link),
            address: present.address,
            is_up: interface.up,
        }
    }
}

/// The local address of a message: `IFA_LOCAL`, or `IFA_ADDRESS` where that is missing (IPv6).
fn present(message: &AddressMessage) -> Option<PresentAddress> {
    let mut local = None;
    let mut address = None;
    let mut protocol = 0;
    let suspect = AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed;
    let suspect = message.header.flags.intersects(suspect)
        && !message
            .header
            .flags
            .contains(AddressHeaderFlags::Optimistic);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(value) => local = Some(*value),
            AddressAttribute::Address(value) => address = Some(*value),
            AddressAttribute::Protocol(value) => protocol = u8::from(*value),
            _ => {}
        }
    }
    Some(PresentAddress {
        address: local.or(address)?,
        prefix_len: message.header.prefix_len,
        protocol,
        usable: !suspect,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rtnetlink::packet_route::link::{InfoKind, LinkInfo};

    use super::*;
    use crate::AddressFamily;

    fn link(index: u32, name: &str, flags: LinkFlags) -> LinkMessage {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = flags;
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        ];
        message
    }

    fn address(index: u32, address: &str, prefix_len: u8) -> AddressMessage {
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = prefix_len;
        message.attributes = vec![AddressAttribute::Local(address.parse().unwrap())];
        message
    }

    fn two() -> Interfaces {
        let mut interfaces = Interfaces::default();
        interfaces.apply(&RouteNetlinkMessage::NewLink(link(
            2,
            "eth0",
            LinkFlags::Up,
        )));
        interfaces.apply(&RouteNetlinkMessage::NewAddress(address(
            2,
            "192.0.2.100",
            32,
        )));
        interfaces.apply(&RouteNetlinkMessage::NewAddress(address(
            2,
            "192.0.2.1",
            24,
        )));
        interfaces
    }

    #[test]
    fn up_needs_both_flags_and_keeps_the_addresses() {
        let mut interfaces = two();
        assert!(!interfaces.get("eth0").unwrap().up);
        let both = LinkFlags::Up | LinkFlags::Running;
        interfaces.apply(&RouteNetlinkMessage::NewLink(link(2, "eth0", both)));
        let interface = interfaces.get("eth0").unwrap();
        assert!(interface.up);
        assert_eq!(interface.addresses.len(), 2);
        assert_eq!(interface.mac, Some([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn the_primary_address_is_the_first_that_is_not_virtual() {
        let interfaces = two();
        let eth0 = interfaces.get("eth0").unwrap();
        let vip: IpAddr = "192.0.2.100".parse().unwrap();
        let ipv4 = AddressFamily::Ipv4;
        assert_eq!(eth0.primary(ipv4, |_| false), Some(vip));
        assert_eq!(
            eth0.primary(ipv4, |address| address == vip),
            Some("192.0.2.1".parse().unwrap())
        );
        assert_eq!(eth0.primary(ipv4, |_| true), None);
    }

    #[test]
    fn an_ipv6_source_is_link_local_and_past_duplicate_detection() {
        let mut interfaces = two();
        let primary = |interfaces: &Interfaces| {
            let eth0 = interfaces.get("eth0").unwrap();
            eth0.primary(AddressFamily::Ipv6, |_| false)
        };
        let new = |address| RouteNetlinkMessage::NewAddress(address);
        interfaces.apply(&new(address(2, "2001:db8::1", 64)));
        assert_eq!(primary(&interfaces), None);
        let mut local = address(2, "fe80::1", 64);
        local.header.flags = AddressHeaderFlags::Tentative;
        interfaces.apply(&new(local.clone()));
        assert_eq!(primary(&interfaces), None);
        local.header.flags = AddressHeaderFlags::empty();
        interfaces.apply(&new(local));
        assert_eq!(primary(&interfaces), Some("fe80::1".parse().unwrap()));
    }

    #[test]
    fn a_bridge_losing_a_port_does_not_delete_the_interface() {
        let mut interfaces = two();
        let mut message = link(2, "eth0", LinkFlags::Up);
        message.header.interface_family = RouteFamily::Bridge;
        assert_eq!(
            interfaces.apply(&RouteNetlinkMessage::DelLink(message)),
            Change::None
        );
        assert!(interfaces.get("eth0").is_some());
    }

    #[test]
    fn deletions_return_what_was_deleted() {
        let mut interfaces = two();
        let eth0 = Link::new(2, "eth0");
        assert_eq!(
            interfaces.apply(&RouteNetlinkMessage::DelAddress(address(
                2,
                "192.0.2.100",
                32
            ))),
            Change::AddressGone {
                link: eth0.clone(),
                address: "192.0.2.100".parse().unwrap(),
                is_up: false,
            }
        );
        assert_eq!(interfaces.get("eth0").unwrap().addresses.len(), 1);
        assert_eq!(
            interfaces.apply(&RouteNetlinkMessage::DelLink(link(
                2,
                "eth0",
                LinkFlags::Up
            ))),
            Change::LinkGone { link: eth0 }
        );
        assert_eq!(interfaces.names(), Vec::<String>::new());
    }

    #[test]
    fn a_macvlan_is_known_by_its_base_interface() {
        let mut message = link(3, "vrrp.51", LinkFlags::Up | LinkFlags::Running);
        message.attributes.push(LinkAttribute::Link(2));
        let mut interfaces = two();
        interfaces.apply(&RouteNetlinkMessage::NewLink(message.clone()));
        assert_eq!(interfaces.get("vrrp.51").unwrap().macvlan_of, None);
        let kind = LinkInfo::Kind(InfoKind::MacVlan);
        message.attributes.push(LinkAttribute::LinkInfo(vec![kind]));
        interfaces.apply(&RouteNetlinkMessage::NewLink(message.clone()));
        assert_eq!(interfaces.get("vrrp.51").unwrap().macvlan_of, Some(2));

        // `only` includes it with its base interface, without its state.
        interfaces.apply(&RouteNetlinkMessage::NewAddress(address(
            3,
            "192.0.2.50",
            24,
        )));
        let names = BTreeSet::from([Arc::from("eth0")]);
        let seen = interfaces.only(&names);
        assert_eq!(seen.names(), ["eth0", "vrrp.51"]);
        let above = seen.get("vrrp.51").unwrap();
        assert!(!above.up && above.addresses.is_empty());
        assert_eq!(
            interfaces.only(&BTreeSet::new()).names(),
            Vec::<String>::new()
        );

        message.header.flags = LinkFlags::empty();
        let link = Link::new(3, "vrrp.51");
        let lowered = interfaces.apply(&RouteNetlinkMessage::NewLink(message.clone()));
        assert_eq!(lowered, Change::Lowered { link });
        let again = interfaces.apply(&RouteNetlinkMessage::NewLink(message));
        assert_eq!(again, Change::Updated);
    }

    #[test]
    fn a_renamed_interface_is_found_by_its_new_name() {
        let mut interfaces = two();
        interfaces.apply(&RouteNetlinkMessage::NewLink(link(
            2,
            "lan0",
            LinkFlags::Up,
        )));
        assert!(interfaces.get("eth0").is_none());
        assert_eq!(interfaces.get("lan0").unwrap().addresses.len(), 2);
    }
}
