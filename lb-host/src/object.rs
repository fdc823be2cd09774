// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host can have: addresses, filters for them, routes, rules, virtual links and settings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::family::Scope;
use crate::filter::FilterTable;
use crate::interface::Link;
use crate::key::{AddressKey, Key};
use crate::link::{Setting, VirtualLink};
use crate::routes::RoutingEntry;

/// The mark on objects that this program adds. A later process finds by it what a killed one has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Owner {
    /// `IFA_PROTO` of addresses (Linux 5.18 and later): `proto` in `ip address`.
    pub protocol: u8,
    /// `rtm_protocol` of routes and `FRA_PROTOCOL` of rules that have none of their own: `proto` in
    /// `ip route` and `ip rule`.
    pub routing: u8,
    /// The first word of the alias of macvlans, and of the alternative names that record what a setting
    /// was (`ip link` shows both).
    pub name: &'static str,
}

impl Owner {
    /// Marks objects with this protocol number and name.
    #[must_use]
    pub const fn new(protocol: u8, name: &'static str) -> Self {
        Self {
            protocol,
            routing: protocol,
            name,
        }
    }

    /// Marks routes and rules with another protocol number than addresses.
    #[must_use]
    pub const fn with_routing(mut self, routing: u8) -> Self {
        self.routing = routing;
        self
    }
}

/// An address on an interface, with the attributes that `ip address add` can set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Address {
    /// The interface.
    pub link: Arc<Link>,
    /// The address.
    pub address: IpAddr,
    /// Prefix length, that of the peer's network where there is a peer.
    pub prefix_len: u8,
    /// The other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// Broadcast address, IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// Scope, IPv4 only.
    pub scope: Scope,
    /// Label, IPv4 only.
    pub label: Option<String>,
    /// `IFA_F_*`.
    pub flags: u32,
    /// Seconds for which new connections may begin from the address, IPv6 only; `None` and `u32::MAX`
    /// mean forever.
    pub preferred_lifetime: Option<u32>,
}

impl Address {
    /// The address with global scope and no other attribute.
    #[must_use]
    pub const fn new(link: Arc<Link>, address: IpAddr, prefix_len: u8) -> Self {
        Self {
            link,
            address,
            prefix_len,
            peer: None,
            broadcast: None,
            scope: Scope::GLOBAL,
            label: None,
            flags: 0,
            preferred_lifetime: None,
        }
    }

    /// The identity of the address.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        AddressKey::new(self.link.index, self.address)
    }
}

/// Packets to and from an address are dropped, except those that resolve it (Accept_Mode of RFC 9568).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Shield {
    /// The interface that has the address or will have it.
    pub link: Arc<Link>,
    /// The address.
    pub address: IpAddr,
    /// The table of the packet filter.
    #[cfg_attr(feature = "serde", serde(default))]
    pub table: Arc<FilterTable>,
}

impl Shield {
    /// Drops packets to `address` on `link`, in the default table.
    #[must_use]
    pub fn new(link: Arc<Link>, address: IpAddr) -> Self {
        Self {
            link,
            address,
            table: Arc::default(),
        }
    }

    /// Replaces the table.
    #[must_use]
    pub fn with_table(mut self, table: Arc<FilterTable>) -> Self {
        self.table = table;
        self
    }

    /// The identity of the shielded address.
    #[must_use]
    pub fn key(&self) -> AddressKey {
        AddressKey::new(self.link.index, self.address)
    }
}

/// Something that a host has or is to have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum HostObject {
    /// An address on an interface.
    Address(Arc<Address>),
    /// A packet filter for an address.
    Shield(Arc<Shield>),
    /// A route or a rule.
    Routing(Arc<RoutingEntry>),
    /// A macvlan or an ipvlan.
    VirtualLink(Arc<VirtualLink>),
    /// An interface is up.
    LinkUp(Arc<Link>),
    /// A setting of an interface is raised.
    Setting(Arc<Setting>),
}

impl HostObject {
    /// The identity of the object.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Address(address) => Key::Address(address.key()),
            Self::Shield(shield) => Key::Shield(shield.key()),
            Self::Routing(entry) => Key::Routing(Arc::clone(entry)),
            Self::VirtualLink(link) => Key::VirtualLink(Arc::from(link.name.as_str())),
            Self::LinkUp(link) => Key::LinkUp(link.index),
            Self::Setting(setting) => Key::Setting(setting.link.index, setting.name),
        }
    }

    /// Whether `other` has the same identity and attributes. The name of an interface is neither: an
    /// interface that is renamed keeps its addresses.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Address(one), Self::Address(other)) => {
                let Address {
                    link,
                    address,
                    prefix_len,
                    peer,
                    broadcast,
                    scope,
                    label,
                    flags,
                    preferred_lifetime,
                } = &**one;
                link.index == other.link.index
                    && *address == other.address
                    && *prefix_len == other.prefix_len
                    && *peer == other.peer
                    && *broadcast == other.broadcast
                    && *scope == other.scope
                    && *label == other.label
                    && *flags == other.flags
                    && *preferred_lifetime == other.preferred_lifetime
            }
            (Self::VirtualLink(one), Self::VirtualLink(other)) => {
                let VirtualLink {
                    name,
                    base,
                    lower,
                    kind,
                    family,
                } = &**one;
                *name == other.name
                    && base.index == other.base.index
                    && *lower == other.lower
                    && *kind == other.kind
                    && *family == other.family
            }
            (Self::Shield(one), Self::Shield(other)) => {
                one.key() == other.key() && one.table == other.table
            }
            (
                Self::Routing(_) | Self::LinkUp(_) | Self::Setting(_),
                Self::Routing(_) | Self::LinkUp(_) | Self::Setting(_),
            ) => self.key() == other.key(),
            (
                Self::Address(_)
                | Self::VirtualLink(_)
                | Self::Shield(_)
                | Self::Routing(_)
                | Self::LinkUp(_)
                | Self::Setting(_),
                _,
            ) => false,
        }
    }
}

impl From<Address> for HostObject {
    fn from(address: Address) -> Self {
        Self::Address(Arc::new(address))
    }
}

impl From<Shield> for HostObject {
    fn from(shield: Shield) -> Self {
        Self::Shield(Arc::new(shield))
    }
}

impl From<Arc<RoutingEntry>> for HostObject {
    fn from(entry: Arc<RoutingEntry>) -> Self {
        Self::Routing(entry)
    }
}

impl From<VirtualLink> for HostObject {
    fn from(link: VirtualLink) -> Self {
        Self::VirtualLink(Arc::new(link))
    }
}

impl From<Setting> for HostObject {
    fn from(setting: Setting) -> Self {
        Self::Setting(Arc::new(setting))
    }
}

/// The object as `ip` would write it.
impl fmt::Display for HostObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(
                f,
                "address {}/{} dev {}",
                address.address, address.prefix_len, address.link.name
            ),
            Self::Shield(shield) => {
                write!(f, "shield of {} dev {}", shield.address, shield.link.name)
            }
            Self::Routing(entry) => entry.fmt(f),
            Self::VirtualLink(link) => {
                let VirtualLink {
                    name, base, kind, ..
                } = &**link;
                write!(f, "{} {name} dev {}", kind.name(), base.name)
            }
            Self::LinkUp(link) => write!(f, "state up of {}", link.name),
            Self::Setting(setting) => write!(f, "{} of {}", setting.name, setting.link.name),
        }
    }
}
