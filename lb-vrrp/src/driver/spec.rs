// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the driver is asked to run: routers, their addresses and announcements.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::RouterConfig;

/// One virtual router on one interface (`vrrp_instance` in keepalived).
///
/// A router is identified by its VRID and interface; the name is for people and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterSpec {
    /// Name in logs, events and status.
    pub name: String,
    /// Interface that adverts leave and arrive on.
    pub interface: String,
    /// What the protocol needs to know, the advertised addresses included.
    pub config: RouterConfig,
    /// Addresses put on an interface while the router is Master. May hold more than what is
    /// advertised (`virtual_ipaddress_excluded` in keepalived).
    pub virtual_addresses: Vec<VirtualAddress>,
    /// How the addresses are announced.
    pub announcements: Announcements,
    /// Source of adverts; without one, the first IPv4 address of the interface that is not a
    /// virtual address (`mcast_src_ip` in keepalived).
    pub source: Option<IpAddr>,
}

impl RouterSpec {
    /// A router whose advertised addresses are held with full-length prefixes (keepalived's
    /// default) and announced as keepalived does.
    pub fn new(
        name: impl Into<String>,
        interface: impl Into<String>,
        config: RouterConfig,
    ) -> Self {
        let virtual_addresses = config
            .addresses()
            .as_slice()
            .iter()
            .map(|&address| VirtualAddress::new(address))
            .collect();
        Self {
            name: name.into(),
            interface: interface.into(),
            config,
            virtual_addresses,
            announcements: Announcements::default(),
            source: None,
        }
    }

    /// Replaces the addresses that are held while Master.
    #[must_use]
    pub fn with_virtual_addresses(
        mut self,
        addresses: impl IntoIterator<Item = VirtualAddress>,
    ) -> Self {
        self.virtual_addresses = addresses.into_iter().collect();
        self
    }

    /// Replaces the announcement policy.
    #[must_use]
    pub fn with_announcements(mut self, announcements: Announcements) -> Self {
        self.announcements = announcements;
        self
    }

    /// Sends adverts from this address instead of the interface's first one.
    #[must_use]
    pub fn with_source(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }
}

/// An address that the Master holds, with what `ip address add` would be told about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length, 0–32 or 0–128.
    pub prefix_len: u8,
    /// Broadcast address (`brd`); IPv4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// Scope (`scope`).
    pub scope: Scope,
    /// Label (`label`), at most 15 bytes; IPv4 only.
    pub label: Option<String>,
    /// Interface it is put on (`dev`); `None` for the router's own.
    pub interface: Option<String>,
}

impl VirtualAddress {
    /// An address with a full-length prefix (/32, /128), global scope, on the router's interface.
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: match address {
                IpAddr::V4(_) => 32,
                IpAddr::V6(_) => 128,
            },
            broadcast: None,
            scope: Scope::GLOBAL,
            label: None,
            interface: None,
        }
    }

    /// Sets the prefix length.
    #[must_use]
    pub const fn with_prefix_len(mut self, prefix_len: u8) -> Self {
        self.prefix_len = prefix_len;
        self
    }

    /// Sets the broadcast address.
    #[must_use]
    pub const fn with_broadcast(mut self, broadcast: Ipv4Addr) -> Self {
        self.broadcast = Some(broadcast);
        self
    }

    /// Sets the scope.
    #[must_use]
    pub const fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the label.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Puts the address on another interface than the router's.
    #[must_use]
    pub fn with_interface(mut self, interface: impl Into<String>) -> Self {
        self.interface = Some(interface.into());
        self
    }
}

/// Scope of an address, as in `/etc/iproute2/rt_scopes` (`RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(u8);

impl Scope {
    /// Valid everywhere.
    pub const GLOBAL: Self = Self(0);
    /// Valid inside the site.
    pub const SITE: Self = Self(200);
    /// Valid on this link.
    pub const LINK: Self = Self(253);
    /// Valid on this host.
    pub const HOST: Self = Self(254);
    /// Valid nowhere.
    pub const NOWHERE: Self = Self(255);

    /// The scope with the kernel's number `value`.
    pub const fn new(value: u8) -> Self {
        Self(value)
    }

    /// The kernel's number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// When the addresses of a Master are announced by gratuitous ARP (RFC 9568 §6.4.2).
///
/// The defaults are keepalived's: five per address at once, five more after five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Announcements {
    /// Announcements of each address at once (`garp_master_repeat`).
    pub repeat: u32,
    /// When the same number is sent again; zero for never (`garp_master_delay`).
    pub delay: Duration,
    /// Interval of further announcements for as long as it is Master (`garp_master_refresh`).
    pub refresh: Option<Duration>,
    /// Announcements of each address at each refresh (`garp_master_refresh_repeat`).
    pub refresh_repeat: u32,
}

impl Announcements {
    /// Replaces both the number at once and the delay until they are repeated.
    #[must_use]
    pub const fn with_repeat(mut self, repeat: u32, delay: Duration) -> Self {
        self.repeat = repeat;
        self.delay = delay;
        self
    }

    /// Announces again in this interval, `repeat` times each.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Duration, repeat: u32) -> Self {
        self.refresh = Some(refresh);
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

/// How the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether the advert thread is scheduled ahead of all ordinary work.
    pub realtime: Realtime,
    /// How many events may wait for the reader; further ones are dropped and counted.
    pub event_capacity: usize,
    /// How long start, reload and shutdown may take, each.
    pub limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            realtime: Realtime::Auto,
            event_capacity: 1024,
            limit: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// Replaces the scheduling of the advert thread.
    #[must_use]
    pub const fn with_realtime(mut self, realtime: Realtime) -> Self {
        self.realtime = realtime;
        self
    }

    /// Replaces the number of events that may wait.
    #[must_use]
    pub const fn with_event_capacity(mut self, capacity: usize) -> Self {
        self.event_capacity = capacity;
        self
    }

    /// Replaces the time limit of start, reload and shutdown.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// Scheduling of the advert thread (`SCHED_RR`; `vrrp_rt_priority` in keepalived).
///
/// Sub-second intervals under load are a matter of scheduling: with 12 busy processes on two
/// processors keepalived at 10 ms lost mastership 44 times in 20 s without it and never with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Realtime {
    /// Ask for it if any interval is below one second; warn if refused.
    #[default]
    Auto,
    /// Ask for it; warn if refused.
    Always,
    /// Do not ask for it.
    Never,
}
