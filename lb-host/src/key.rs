// SPDX-License-Identifier: MIT OR Apache-2.0
//! The identities of host objects.

use std::net::IpAddr;
use std::sync::Arc;

use crate::link::SettingName;
use crate::routes::RoutingEntry;

/// The identity of an address: an interface has each address at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct AddressKey {
    /// Index of the interface.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
}

impl AddressKey {
    /// Names an address on an interface.
    #[must_use]
    pub const fn new(link: u32, address: IpAddr) -> Self {
        Self { link, address }
    }
}

/// The identity of a host object: of two objects with equal keys the host has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// A packet filter for an address.
    Shield(AddressKey),
    /// An address on an interface.
    Address(AddressKey),
    /// A route or a rule.
    Routing(Arc<RoutingEntry>),
    /// A macvlan or an ipvlan, by its name.
    VirtualLink(Arc<str>),
    /// The state of the interface with this index.
    LinkUp(u32),
    /// A setting of the interface with this index.
    Setting(u32, SettingName),
}

impl Key {
    /// The index of the interface that the object is on. Routes and rules are on none: the kernel decides
    /// which of them an interface takes with it. A virtual link is an interface itself.
    #[must_use]
    pub const fn link(&self) -> Option<u32> {
        match self {
            Self::Shield(key) | Self::Address(key) => Some(key.link),
            Self::LinkUp(link) | Self::Setting(link, _) => Some(*link),
            Self::Routing(_) | Self::VirtualLink(_) => None,
        }
    }
}
