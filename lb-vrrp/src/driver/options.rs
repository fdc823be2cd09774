// SPDX-License-Identifier: MIT OR Apache-2.0
//! Options of the driver besides its configuration.

use std::time::Duration;

use crate::NetlinkBuffers;
use crate::spec::Scheduling;

/// Options of a driver besides its [`Configuration`](crate::spec::Configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverOptions {
    /// Number of events that may wait for the reader (1024); further ones are dropped and counted.
    pub event_capacity: usize,
    /// Time limit of each start, reload and shutdown (5 s).
    pub limit: Duration,
    /// Time after the start during which no router takes part in an election (`vrrp_startup_delay`
    /// in keepalived).
    pub startup_delay: Option<Duration>,
    /// Scheduling, processors and memory of the threads.
    pub scheduling: Scheduling,
    /// Buffers of the netlink sockets.
    pub netlink: NetlinkBuffers,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            event_capacity: 1024,
            limit: Duration::from_secs(5),
            startup_delay: None,
            scheduling: Scheduling::default(),
            netlink: NetlinkBuffers::default(),
        }
    }
}

impl DriverOptions {
    /// Replaces the number of events that may wait.
    #[must_use]
    pub const fn with_event_capacity(mut self, capacity: usize) -> Self {
        self.event_capacity = capacity;
        self
    }

    /// Replaces priority, processors and memory of the threads.
    #[must_use]
    pub const fn with_scheduling(mut self, scheduling: Scheduling) -> Self {
        self.scheduling = scheduling;
        self
    }

    /// Replaces the buffers of the netlink sockets.
    #[must_use]
    pub const fn with_netlink(mut self, netlink: NetlinkBuffers) -> Self {
        self.netlink = netlink;
        self
    }

    /// Sets the time for which the routers wait after the start.
    #[must_use]
    pub const fn with_startup_delay(mut self, delay: Duration) -> Self {
        self.startup_delay = Some(delay);
        self
    }

    /// Replaces the time limit of start, reload and shutdown.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}
