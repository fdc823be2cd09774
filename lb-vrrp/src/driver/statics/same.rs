// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether an address that is there is the one that is wanted: the kernel says more than it is told.

use std::net::{IpAddr, Ipv4Addr};

use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope,
};

use crate::VirtualAddress;
use crate::driver::address::{Link, addition};

/// Flags that are asked for; the others are the kernel's.
const ASKED: [AddressFlags; 5] = [
    AddressFlags::Nodad,
    AddressFlags::Homeaddress,
    AddressFlags::Managetempaddr,
    AddressFlags::Noprefixroute,
    AddressFlags::Mcautojoin,
];

/// What an address is beside its mark.
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
    flags: [bool; ASKED.len()],
    /// `None`: for some time.
    preferred: Option<bool>,
}

/// Whether the kernel has this address on this interface, just so.
pub(super) fn is_address(there: &AddressMessage, link: &Link, address: &VirtualAddress) -> bool {
    essence(there, link) == essence(&addition(link, address, true), link)
}

/// The local end: IPv6 tells it beside a peer only.
pub(super) fn local(of: &AddressMessage) -> Option<IpAddr> {
    let local = of.attributes.iter().find_map(|of| match of {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| far(of))
}

fn far(of: &AddressMessage) -> Option<IpAddr> {
    of.attributes.iter().find_map(|of| match of {
        AddressAttribute::Address(address) => Some(*address),
        _ => None,
    })
}

fn essence(of: &AddressMessage, link: &Link) -> Essence {
    let header = &of.header;
    let ipv4 = header.family == AddressFamily::Inet;
    let mut essence = Essence {
        index: header.index,
        prefix_len: header.prefix_len,
        local: local(of),
        peer: far(of),
        // Of an IPv6 address it follows from the address.
        scope: ipv4.then_some(header.scope),
        broadcast: None,
        label: None,
        flags: Default::default(),
        preferred: Some(true),
    };
    for attribute in &of.attributes {
        match attribute {
            AddressAttribute::Broadcast(broadcast) => essence.broadcast = Some(*broadcast),
            AddressAttribute::Label(label) if *label != link.name => {
                essence.label = Some(label.clone());
            }
            AddressAttribute::Flags(flags) => {
                essence.flags = ASKED.map(|flag| flags.contains(flag));
            }
            AddressAttribute::CacheInfo(of) => {
                essence.preferred = match of.ifa_preferred {
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
