// SPDX-License-Identifier: MIT OR Apache-2.0
//! Draining, as data: what is asked, what happens, how it ends.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::{
    destination::{Destination, Weight},
    entry::Connections,
    service::ServiceKey,
};

/// How destinations are drained.
///
/// ```
/// use std::time::Duration;
/// use lb_ipvs::{DrainDelete, DrainOptions};
/// let options = DrainOptions::default()
///     .with_timeout(Duration::from_secs(600))
///     .with_delete(DrainDelete::Never);
/// assert_eq!(options.interval, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DrainOptions {
    /// How long to wait for connections to end; `None` for as long as it takes.
    pub timeout: Option<Duration>,
    /// How often the connections are counted.
    pub interval: Duration,
    /// What is deleted in the end.
    pub delete: DrainDelete,
}

impl Default for DrainOptions {
    /// No time-out, once a second, and what is drained is deleted.
    fn default() -> Self {
        Self {
            timeout: None,
            interval: Duration::from_secs(1),
            delete: DrainDelete::WhenDrained,
        }
    }
}

impl DrainOptions {
    /// The same with a time-out.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same with another interval; zero is taken for a millisecond.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The same with another end.
    #[must_use]
    pub const fn with_delete(mut self, delete: DrainDelete) -> Self {
        self.delete = delete;
        self
    }
}

/// Which destinations are deleted after draining.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "none, some, all")]
pub enum DrainDelete {
    /// None; they stay with weight 0.
    Never,
    /// Those that have no connections any more.
    #[default]
    WhenDrained,
    /// All, when the time is up those with connections too, whose packets are dropped from then on.
    Always,
}

/// What happens to a destination while it is drained.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DrainEvent {
    /// The service.
    pub key: ServiceKey,
    /// The destination.
    pub address: SocketAddr,
    /// What happened.
    pub step: DrainStep,
}

impl DrainEvent {
    /// An event of a destination.
    #[must_use]
    pub const fn new(key: ServiceKey, address: SocketAddr, step: DrainStep) -> Self {
        Self { key, address, step }
    }
}

/// A step of draining.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a program that reports steps handles each of them"
)]
pub enum DrainStep {
    /// It has weight 0 now.
    Quiesced {
        /// How it was configured before.
        before: Destination,
    },
    /// It has that many connections, which is another number than before.
    Waiting(Connections),
    /// It has no connections any more.
    Drained,
    /// The time is up, and it still has connections.
    TimedOut(Connections),
    /// Another program set a weight above 0 again; the destination is left alone.
    Reweighted(Weight),
    /// Another program deleted the destination or its service.
    Gone,
    /// It was deleted.
    Deleted,
}

/// How draining ended for a destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DrainResult {
    /// The service.
    pub key: ServiceKey,
    /// How the destination was configured before; to be added or edited to this to undo it all.
    pub before: Destination,
    /// What became of its connections.
    pub end: DrainEnd,
    /// Whether it was deleted here.
    pub deleted: bool,
}

/// What became of the connections of a drained destination.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DrainEnd {
    /// None are left.
    Drained,
    /// The time was up with these left.
    TimedOut(Connections),
    /// Another program set a weight above 0 again.
    Reweighted(Weight),
    /// Another program deleted the destination or its service.
    Gone,
}

impl DrainResult {
    /// Whether no connection was left when it ended.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        matches!(self.end, DrainEnd::Drained | DrainEnd::Gone)
    }
}

impl fmt::Display for DrainEvent {
    /// One line: `192.168.1.61:80 of TCP 192.168.1.50:80: 3 active, 1 inactive connections`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: ", self.address, self.key)?;
        match &self.step {
            DrainStep::Quiesced { before } => write!(f, "weight {} -> 0", before.weight),
            DrainStep::Waiting(connections) => counted(connections, f),
            DrainStep::Drained => f.write_str("no connections"),
            DrainStep::TimedOut(connections) => {
                f.write_str("time is up, ")?;
                counted(connections, f)
            }
            DrainStep::Reweighted(weight) => {
                write!(f, "not drained, another program set weight {weight}")
            }
            DrainStep::Gone => f.write_str("deleted by another program"),
            DrainStep::Deleted => f.write_str("deleted"),
        }
    }
}

fn counted(connections: &Connections, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Connections {
        active, inactive, ..
    } = connections;
    write!(f, "{active} active, {inactive} inactive connections")
}
