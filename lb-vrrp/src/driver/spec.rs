// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the driver runs what it is given.

use std::time::Duration;

use crate::NetlinkBuffers;
use crate::spec::Scheduling;

pub(super) use crate::spec::{Configuration, RouterSpec};

/// How the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How many events may wait for the reader; further ones are dropped and counted.
    pub event_capacity: usize,
    /// How long start, reload and shutdown may take, each.
    pub limit: Duration,
    /// How long after the start no router takes part in any election (`vrrp_startup_delay` in
    /// keepalived).
    pub startup_delay: Option<Duration>,
    /// Scheduling, processors and memory of the threads.
    pub scheduling: Scheduling,
    /// Buffers of the netlink sockets.
    pub netlink: NetlinkBuffers,
}

impl Default for Options {
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

impl Options {
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

    /// Has the routers wait after the start.
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
