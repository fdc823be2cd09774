// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the driver is asked to run: routers, their addresses and announcements.

use std::net::IpAddr;
use std::time::Duration;

use crate::{Announcements, RouterConfig, VirtualAddress};

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
