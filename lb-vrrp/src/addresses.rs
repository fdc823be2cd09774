// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual addresses and their announcement: plain values, no I/O.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_host::Scope;

/// A virtual address on an interface. The equivalent of `ip address add`:
/// `ADDRESS/PREFIX broadcast BROADCAST scope SCOPE label LABEL dev INTERFACE`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    /// The other end of a point-to-point link; the prefix length is that of its network then.
    pub peer: Option<IpAddr>,
    /// Seconds for which new connections may begin from it, IPv6 only; `u32::MAX` is forever. Unless
    /// given, none where the prefix is full, so that this host uses it only where it is asked to,
    /// and forever elsewhere.
    pub preferred_lifetime: Option<u32>,
    /// Flags of the address.
    pub flags: Vec<AddressFlag>,
    /// The router is in Fault while the interface of the address is missing or down.
    pub tracked: bool,
    /// It is on a macvlan with the router's virtual MAC address, above its interface (`use_vmac` of an
    /// address line in keepalived). Those of a router with a [virtual MAC address](crate::Vmac) of its
    /// own that name no interface are in any case, unless they are of the other family.
    #[cfg_attr(feature = "serde", serde(default))]
    pub vmac: bool,
}

impl VirtualAddress {
    /// The address with the full prefix (/32 or /128), global scope, on the instance's interface.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: if address.is_ipv4() { 32 } else { 128 },
            broadcast: None,
            scope: Scope::GLOBAL,
            label: None,
            interface: None,
            peer: None,
            preferred_lifetime: None,
            flags: Vec::new(),
            tracked: true,
            vmac: false,
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

    /// Sets the other end of a point-to-point link, and the prefix length of its network.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr, prefix_len: u8) -> Self {
        self.peer = Some(peer);
        self.prefix_len = prefix_len;
        self
    }

    /// Sets the seconds for which new connections may begin from it, IPv6 only.
    #[must_use]
    pub fn with_preferred_lifetime(mut self, seconds: u32) -> Self {
        self.preferred_lifetime = Some(seconds);
        self
    }

    /// Adds a flag.
    #[must_use]
    pub fn with_flag(mut self, flag: AddressFlag) -> Self {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
        self
    }

    /// Sets whether its interface is tracked where it is not the instance's (`no_track` in
    /// keepalived: it is not).
    #[must_use]
    pub fn with_tracked(mut self, tracked: bool) -> Self {
        self.tracked = tracked;
        self
    }

    /// Sets whether it is on a macvlan with the router's virtual MAC address.
    #[must_use]
    pub fn with_vmac(mut self, vmac: bool) -> Self {
        self.vmac = vmac;
        self
    }

    /// Why the address cannot be added to an interface, in words.
    pub fn problem(&self) -> Option<&'static str> {
        let v4 = self.address.is_ipv4();
        let only_v4 =
            self.broadcast.is_some() || self.label.is_some() || self.scope != Scope::GLOBAL;
        let length = self.label.as_ref().map(String::len);
        if self.address.is_unspecified() || self.address.is_multicast() {
            Some("no address of a host")
        } else if self.prefix_len > if v4 { 32 } else { 128 } {
            Some("a prefix longer than the address")
        } else if length.is_some_and(|length| !(1..=Self::LABEL).contains(&length)) {
            Some("a label that is empty or longer than 15 bytes")
        } else if only_v4 && !v4 {
            Some("a broadcast address, label or scope, which IPv6 does not know")
        } else if self.peer.is_some_and(|peer| peer.is_ipv4() != v4) {
            Some("a peer of the other family")
        } else if v4
            && (self.preferred_lifetime.is_some()
                || self.flags.iter().any(|flag| flag.is_for_ipv6()))
        {
            Some("a lifetime or flag that only IPv6 knows")
        } else {
            None
        }
    }

    /// Longest label in bytes, `IFNAMSIZ` less the terminating zero.
    const LABEL: usize = 15;
}

/// Shows address, peer and interface in the syntax of `ip address add`.
impl fmt::Display for VirtualAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(peer) = self.peer {
            write!(f, " peer {peer}")?;
        }
        write!(f, "/{}", self.prefix_len)?;
        match &self.interface {
            Some(interface) => write!(f, " dev {interface}"),
            None => Ok(()),
        }
    }
}

/// A flag of an address (`IFA_F_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AddressFlag {
    /// It is the home address of Mobile IPv6 (`home`).
    Home,
    /// The kernel looks whether another host has it; without this flag it does not, so that a
    /// takeover does not wait (keepalived: `-nodad`). IPv6 only.
    DetectDuplicates,
    /// Temporary addresses are made from it (`mngtmpaddr`). IPv6 only.
    ManageTemporary,
    /// No route to its network comes with it (`noprefixroute`).
    NoPrefixRoute,
    /// It is a multicast group that is joined (`autojoin`).
    AutoJoin,
}

impl AddressFlag {
    /// The flag of a name as keepalived writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "home" => Self::Home,
            "-nodad" => Self::DetectDuplicates,
            "mngtmpaddr" => Self::ManageTemporary,
            "noprefixroute" => Self::NoPrefixRoute,
            "autojoin" => Self::AutoJoin,
            _ => return None,
        })
    }

    /// Returns the name as keepalived writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::DetectDuplicates => "-nodad",
            Self::ManageTemporary => "mngtmpaddr",
            Self::NoPrefixRoute => "noprefixroute",
            Self::AutoJoin => "autojoin",
        }
    }

    /// Whether IPv4 addresses have no such flag.
    #[must_use]
    pub const fn is_for_ipv6(self) -> bool {
        matches!(
            self,
            Self::Home | Self::DetectDuplicates | Self::ManageTemporary
        )
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
    /// Time from a burst that answers a router of lower priority to a second one; that of
    /// [`delay`](Self::delay) unless given. keepalived: `garp_lower_prio_delay`.
    pub lower_delay: Option<Duration>,
    /// Announcements of each address in such a burst, none with 0; as many as in others unless
    /// given. keepalived: `garp_lower_prio_repeat`.
    pub lower_repeat: Option<u32>,
    /// Period of announcements of addresses that are on another interface than the router's, where
    /// no advert tells a switch about it. keepalived: `garp_extra_if`.
    pub extra: Option<ExtraRefresh>,
}

/// Announcements of addresses on other interfaces than the router's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtraRefresh {
    /// Their period.
    pub period: Duration,
    /// On all such interfaces; else only on macvlans of ours.
    pub all: bool,
}

impl ExtraRefresh {
    /// On macvlans of ours, or on all other interfaces.
    #[must_use]
    pub const fn new(period: Duration, all: bool) -> Self {
        Self { period, all }
    }
}

impl Announcements {
    /// Sets the second burst after an answer to a router of lower priority, and the announcements
    /// of each address in both.
    #[must_use]
    pub fn with_lower(mut self, delay: Option<Duration>, repeat: Option<u32>) -> Self {
        self.lower_delay = delay;
        self.lower_repeat = repeat;
        self
    }

    /// Sets the announcements on other interfaces than the router's.
    #[must_use]
    pub fn with_extra(mut self, extra: Option<ExtraRefresh>) -> Self {
        self.extra = extra;
        self
    }

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
            lower_delay: None,
            lower_repeat: None,
            extra: None,
        }
    }
}
