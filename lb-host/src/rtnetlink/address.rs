// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses over rtnetlink.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use nix::libc;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope, CacheInfo,
};

use super::{Rtnetlink, bounded};
use crate::object::{Address, Owner};
use crate::reconcile::Applied;

impl Rtnetlink {
    pub(super) async fn add_address(&mut self, address: &Address) -> io::Result<Applied> {
        let mut result = self.try_add_address(address, self.marks_addresses).await;
        let is_refused = |error: &io::Error| {
            matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP))
        };
        if self.marks_addresses && result.as_ref().is_err_and(is_refused) {
            result = self.try_add_address(address, false).await;
            self.marks_addresses = result.is_err();
        }
        match result {
            Ok(()) => Ok(Applied::Created),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(Applied::AlreadyPresent),
            Err(error) => Err(error),
        }
    }

    async fn try_add_address(&self, address: &Address, is_marked: bool) -> io::Result<()> {
        let message = addition(address, is_marked.then_some(self.owner));
        let (index, prefix_len) = (message.header.index, message.header.prefix_len);
        let addresses = self.handle.address();
        let mut request = addresses.add(index, address.address, prefix_len);
        *request.message_mut() = message;
        bounded(request.execute()).await
    }

    pub(super) async fn remove_address(&mut self, address: &Address) -> io::Result<Applied> {
        let request = self.handle.address().del(message(address));
        match bounded(request.execute()).await {
            Ok(()) => Ok(Applied::Removed),
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EADDRNOTAVAIL | libc::ENODEV | libc::ENXIO)
                ) =>
            {
                Ok(Applied::Removed)
            }
            Err(error) => Err(error),
        }
    }
}

/// What identifies an address to the kernel. `IFA_ADDRESS` is the peer's where there is one.
fn message(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = address.link.index;
    message.header.prefix_len = address.prefix_len;
    message.header.family = match address.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.attributes = vec![
        AddressAttribute::Local(address.address),
        AddressAttribute::Address(address.peer.unwrap_or(address.address)),
    ];
    message
}

/// The message that adds an address.
fn addition(address: &Address, owner: Option<Owner>) -> AddressMessage {
    let mut message = message(address);
    message.header.scope = AddressScope::from(address.scope.get());
    let attributes = &mut message.attributes;
    attributes.extend(address.broadcast.map(AddressAttribute::Broadcast));
    attributes.extend(address.label.clone().map(AddressAttribute::Label));
    attributes.extend(address.preferred_lifetime.map(|preferred| {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred;
        lifetimes.ifa_valid = u32::MAX;
        AddressAttribute::CacheInfo(lifetimes)
    }));
    let flags = AddressFlags::from_bits_retain(address.flags);
    if !flags.is_empty() {
        attributes.push(AddressAttribute::Flags(flags));
    }
    attributes.extend(
        owner.map(|owner| AddressAttribute::Protocol(AddressProtocol::from(owner.protocol))),
    );
    message
}

/// Flags that `ip address` can set; the others are the kernel's.
const SETTABLE: [AddressFlags; 5] = [
    AddressFlags::Nodad,
    AddressFlags::Homeaddress,
    AddressFlags::Managetempaddr,
    AddressFlags::Noprefixroute,
    AddressFlags::Mcautojoin,
];

/// The attributes that tell whether two addresses are the same.
#[derive(Debug, PartialEq, Eq)]
struct Essence {
    index: u32,
    prefix_len: u8,
    local: Option<IpAddr>,
    peer: Option<IpAddr>,
    scope: Option<AddressScope>,
    broadcast: Option<Ipv4Addr>,
    /// Other than the name of the interface.
    label: Option<String>,
    flags: [bool; SETTABLE.len()],
    /// `None`: for a limited time.
    preferred: Option<bool>,
}

/// Whether the kernel's `found` is `address` with all its attributes, with any mark.
pub(super) fn is_address(found: &AddressMessage, address: &Address) -> bool {
    essence(found, &address.link.name) == essence(&addition(address, None), &address.link.name)
}

/// The address of a message. IPv6 states it as the local one beside a peer only.
#[doc(hidden)]
#[must_use]
pub fn local_address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(address) => Some(*address),
            _ => None,
        });
    local.or_else(|| far_address(message))
}

fn far_address(message: &AddressMessage) -> Option<IpAddr> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
}

fn essence(message: &AddressMessage, ifname: &str) -> Essence {
    let header = &message.header;
    let is_ipv4 = header.family == AddressFamily::Inet;
    let mut essence = Essence {
        index: header.index,
        prefix_len: header.prefix_len,
        local: local_address(message),
        peer: far_address(message),
        // The scope of an IPv6 address follows from the address.
        scope: is_ipv4.then_some(header.scope),
        broadcast: None,
        label: None,
        flags: Default::default(),
        preferred: Some(true),
    };
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Broadcast(broadcast) => essence.broadcast = Some(*broadcast),
            AddressAttribute::Label(label) if label != ifname => {
                essence.label = Some(label.clone());
            }
            AddressAttribute::Flags(flags) => {
                essence.flags = SETTABLE.map(|flag| flags.contains(flag));
            }
            AddressAttribute::CacheInfo(lifetimes) => {
                essence.preferred = match lifetimes.ifa_preferred {
                    0 => Some(false),
                    u32::MAX => Some(true),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    essence
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::family::Scope;
    use crate::interface::Link;

    #[test]
    fn addition_carries_every_attribute() {
        let mut address = Address::new(
            Arc::new(Link::new(3, "eth0")),
            Ipv4Addr::new(192, 168, 1, 50).into(),
            24,
        );
        address.broadcast = Some(Ipv4Addr::new(192, 168, 1, 255));
        address.scope = Scope::LINK;
        address.label = Some("eth0:vip".to_owned());
        let message = addition(&address, Some(Owner::new(112, "lb-test")));
        assert_eq!(message.header.index, 3);
        assert_eq!(message.header.prefix_len, 24);
        assert_eq!(message.header.scope, AddressScope::Link);
        for attribute in [
            AddressAttribute::Local(address.address),
            AddressAttribute::Broadcast(Ipv4Addr::new(192, 168, 1, 255)),
            AddressAttribute::Label("eth0:vip".to_owned()),
            AddressAttribute::Protocol(AddressProtocol::Other(112)),
        ] {
            assert!(
                message.attributes.contains(&attribute),
                "{attribute:?} is missing"
            );
        }
        let without = addition(&address, None);
        assert_eq!(without.attributes.len() + 1, message.attributes.len());
        assert!(is_address(&message, &address));
        address.prefix_len = 25;
        assert!(!is_address(&message, &address));
    }
}
