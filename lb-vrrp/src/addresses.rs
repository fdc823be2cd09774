// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a master holds and how it announces it: plain values, no I/O.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// One address a virtual router puts on an interface. `ip address add` equivalent:
/// `ADDRESS/PREFIX broadcast BROADCAST scope SCOPE label LABEL dev INTERFACE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length: 0..=32 or 0..=128.
    pub prefix_len: u8,
    /// Broadcast address, IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// Scope, IPv4 only.
    pub scope: Scope,
    /// Label, at most 15 bytes, IPv4 only.
    pub label: Option<String>,
    /// Interface; the instance's unless given.
    pub interface: Option<String>,
}

impl VirtualAddress {
    /// The address with the full prefix (/32 or /128), global scope, on the instance's interface.
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: if address.is_ipv4() { 32 } else { 128 },
            broadcast: None,
            scope: Scope::GLOBAL,
            label: None,
            interface: None,
        }
    }

    /// Sets the prefix length.
    #[must_use]
    pub fn with_prefix_len(mut self, prefix_len: u8) -> Self {
        self.prefix_len = prefix_len;
        self
    }

    /// Sets the broadcast address.
    #[must_use]
    pub fn with_broadcast(mut self, broadcast: Ipv4Addr) -> Self {
        self.broadcast = Some(broadcast);
        self
    }

    /// Sets the scope.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the label.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets the interface.
    #[must_use]
    pub fn with_interface(mut self, interface: impl Into<String>) -> Self {
        self.interface = Some(interface.into());
        self
    }
}

/// Scope of an address, as the kernel numbers it (`RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(u8);

impl Scope {
    /// `RT_SCOPE_UNIVERSE`.
    pub const GLOBAL: Self = Self(0);
    /// `RT_SCOPE_SITE`.
    pub const SITE: Self = Self(200);
    /// `RT_SCOPE_LINK`.
    pub const LINK: Self = Self(253);
    /// `RT_SCOPE_HOST`.
    pub const HOST: Self = Self(254);
    /// `RT_SCOPE_NOWHERE`.
    pub const NOWHERE: Self = Self(255);

    /// The scope of this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The kernel's number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The scope of a name as `ip address` writes it, or of a decimal number.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "global" => Self::GLOBAL,
            "site" => Self::SITE,
            "link" => Self::LINK,
            "host" => Self::HOST,
            "nowhere" => Self::NOWHERE,
            number => Self(number.parse().ok()?),
        })
    }
}

/// How a new master announces its addresses (gratuitous ARP, unsolicited neighbour advertisement).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announcements {
    /// Announcements of each address in one burst, at least 1; 5 unless given. keepalived:
    /// `garp_master_repeat`.
    pub repeat: u32,
    /// Time from the first burst to the second; zero: no second burst; 5 s unless given. keepalived:
    /// `garp_master_delay`.
    pub delay: Duration,
    /// Period of further bursts while master; none unless given. keepalived: `garp_master_refresh`.
    pub refresh: Option<Duration>,
    /// Announcements of each address in such a burst, at least 1; 1 unless given. keepalived:
    /// `garp_master_refresh_repeat`.
    pub refresh_repeat: u32,
}

impl Announcements {
    /// Sets the announcements of each address in one burst.
    #[must_use]
    pub fn with_repeat(mut self, repeat: u32) -> Self {
        self.repeat = repeat;
        self
    }

    /// Sets the time from the first burst to the second; zero for no second burst.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the period of further bursts and the announcements in each.
    #[must_use]
    pub fn with_refresh(mut self, period: Option<Duration>, repeat: u32) -> Self {
        self.refresh = period;
        self.refresh_repeat = repeat;
        self
    }
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            repeat: 5,
            delay: Duration::from_secs(5),
            refresh: None,
            refresh_repeat: 1,
        }
    }
}
