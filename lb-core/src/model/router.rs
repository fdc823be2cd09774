// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers: keepalived's `vrrp_instance`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lb_vrrp::RouterConfig;

/// One virtual router: its protocol parameters and the addresses it holds while master.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VrrpInstance {
    /// Name, unique in a model.
    pub name: String,
    /// Interface the advertisements use.
    pub interface: String,
    /// VRID, priority, interval, authentication, preemption and the advertised addresses.
    pub config: RouterConfig,
    /// Addresses put on an interface while master: the advertised ones, then the excluded ones.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// How often the addresses are announced to neighbours.
    pub announcements: Announcements,
    /// Interface of the connection sync daemon that follows this instance, with the VRID as its sync
    /// id. keepalived: `lvs_sync_daemon_interface`.
    pub sync_daemon_interface: Option<String>,
    /// Whether a change of state is mailed; no unless given.
    pub smtp_alert: bool,
}

impl VrrpInstance {
    /// A virtual router on `interface`. The addresses of `config` become /32 (or /128) addresses of that
    /// interface; replace them with [`with_virtual_addresses`](Self::with_virtual_addresses).
    pub fn new(
        name: impl Into<String>,
        interface: impl Into<String>,
        config: RouterConfig,
    ) -> Self {
        let virtual_addresses = config
            .addresses()
            .as_slice()
            .iter()
            .copied()
            .map(VirtualAddress::new)
            .collect();
        Self {
            name: name.into(),
            interface: interface.into(),
            config,
            virtual_addresses,
            announcements: Announcements::default(),
            sync_daemon_interface: None,
            smtp_alert: false,
        }
    }

    /// Replaces the addresses held while master.
    #[must_use]
    pub fn with_virtual_addresses(mut self, addresses: Vec<VirtualAddress>) -> Self {
        self.virtual_addresses = addresses;
        self
    }

    /// Replaces the announcement settings.
    #[must_use]
    pub fn with_announcements(mut self, announcements: Announcements) -> Self {
        self.announcements = announcements;
        self
    }

    /// Runs the connection sync daemon on an interface, following this instance.
    #[must_use]
    pub fn with_sync_daemon_interface(mut self, interface: impl Into<String>) -> Self {
        self.sync_daemon_interface = Some(interface.into());
        self
    }

    /// Sets whether a change of state is mailed.
    #[must_use]
    pub fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }
}

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
    pub fn new(address: IpAddr) -> Self {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
