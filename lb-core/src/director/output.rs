// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outputs of the director.

use std::net::SocketAddr;

use lb_ipvs::{Part, ServiceKey, SyncDaemon};

use super::Mail;
use crate::notify;

/// Names one check as long as it lives; a reload that leaves the check unchanged leaves its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the path to a check has exactly these parts"
)]
pub struct CheckId {
    /// The virtual server.
    pub service: ServiceKey,
    /// Its real server.
    pub real_server: SocketAddr,
    /// A number of its own among the checks of the real server, never used again while the real
    /// server exists. At the start it is the position in the model; after a reload it need not be.
    pub index: usize,
}

/// A real server in the words of logs and mails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The virtual server: `[192.168.1.50]:tcp:80`.
    pub virtual_server: String,
    /// The real server: `[192.168.1.61]:tcp:80`.
    pub real_server: String,
}

/// The numbers of a decision on quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quorum {
    /// Weight of live real servers that is enough.
    pub quorum: u32,
    /// How far the weight must fall below, or rise above, to count.
    pub hysteresis: u32,
    /// Weight of live real servers.
    pub weight: u64,
}

impl Quorum {
    pub(super) fn lost(self) -> bool {
        self.weight == 0 || self.weight < u64::from(self.quorum.saturating_sub(self.hysteresis))
    }

    pub(super) fn gained(self) -> bool {
        self.weight != 0 && self.weight >= u64::from(self.quorum) + u64::from(self.hysteresis)
    }

    pub(crate) fn lost_text(self) -> String {
        format!(
            "Lost quorum {}-{}={} > {}",
            self.quorum,
            self.hysteresis,
            self.quorum.saturating_sub(self.hysteresis),
            self.weight
        )
    }

    pub(crate) fn gained_text(self) -> String {
        format!("Gained quorum {}", self.reached())
    }

    /// The text of a mail about a virtual server that starts with its quorum.
    pub(super) fn start_text(self) -> String {
        format!("Starting with quorum up {}", self.reached())
    }

    fn reached(self) -> String {
        format!(
            "{}+{}={} <= {}",
            self.quorum,
            self.hysteresis,
            u64::from(self.quorum) + u64::from(self.hysteresis),
            self.weight
        )
    }
}

/// An output of the director; the queue is in the order of effect.
///
/// [`Output::reason`] is the cause of an output.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// The desired state of this part of the service has changed: pass [`Director::desired_change`] to
    /// the data plane. At most one of these for a service waits in the queue.
    ///
    /// [`Director::desired_change`]: super::Director::desired_change
    ServiceChanged(ServiceKey, Part),
    /// Run this check: [`Director::check`](super::Director::check) has what to do.
    CheckAdded {
        /// The check.
        id: CheckId,
        /// Whether it waits until it is resumed.
        suspended: bool,
        /// The real server of the check.
        names: Names,
    },
    /// Do not run this check any more.
    CheckRemoved {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// The virtual address left this host: let this check rest.
    CheckSuspended {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// The virtual address is on this host: let this check run.
    CheckResumed {
        /// The check.
        id: CheckId,
        /// The real server of the check.
        names: Names,
    },
    /// A real server takes traffic (again).
    RealServerAdded {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server takes no traffic any more.
    RealServerRemoved {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server with `inhibit_on_failure` takes traffic again.
    RealServerEnabled {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server with `inhibit_on_failure` has weight 0 from now on.
    RealServerDisabled {
        /// The real server.
        names: Names,
        /// The reason.
        reason: String,
    },
    /// A real server is not in the model any more.
    RealServerGone {
        /// The real server.
        names: Names,
    },
    /// The operator stops the load balancer, this real server with it.
    RealServerShutDown {
        /// The real server.
        names: Names,
    },
    /// A real server's weight is another.
    WeightChanged {
        /// The real server.
        names: Names,
        /// Weight before.
        from: u32,
        /// Weight now.
        to: u32,
        /// Whether the real server is live.
        active: bool,
    },
    /// A virtual server is not in the model any more.
    VirtualServerRemoved {
        /// Its name.
        virtual_server: String,
    },
    /// A virtual server starts without enough live real servers.
    StartedWithoutQuorum {
        /// Its name.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// Not enough real servers are live any more.
    QuorumLost {
        /// The virtual server.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// Enough real servers are live again.
    QuorumGained {
        /// The virtual server.
        virtual_server: String,
        /// The numbers.
        quorum: Quorum,
    },
    /// The sorry server takes the traffic.
    SorryServerAdded {
        /// The sorry server and its virtual server.
        names: Names,
        /// Whether it was there with weight 0 before.
        inhibit: bool,
    },
    /// The sorry server takes no traffic any more.
    SorryServerRemoved {
        /// The sorry server and its virtual server.
        names: Names,
        /// Whether it stays with weight 0.
        inhibit: bool,
    },
    /// The live real servers make room for the sorry server.
    AliveServersRemoved {
        /// The virtual server.
        virtual_server: String,
    },
    /// The live real servers take the traffic back from the sorry server.
    AliveServersAdded {
        /// The virtual server.
        virtual_server: String,
    },
    /// These sync daemons shall run from now on.
    SyncDaemons(Vec<SyncDaemon>),
    /// Start this script, or write this line to the FIFOs of its kind.
    Notify(notify::Notification),
    /// Send this mail.
    Mail(Mail),
}

impl Output {
    /// The name of the virtual server that the output is about; `None` if there is none.
    #[must_use]
    pub fn virtual_server(&self) -> Option<&str> {
        match self {
            Self::CheckAdded { names, .. }
            | Self::CheckRemoved { names, .. }
            | Self::CheckSuspended { names, .. }
            | Self::CheckResumed { names, .. }
            | Self::RealServerAdded { names, .. }
            | Self::RealServerRemoved { names, .. }
            | Self::RealServerEnabled { names, .. }
            | Self::RealServerDisabled { names, .. }
            | Self::RealServerGone { names }
            | Self::RealServerShutDown { names }
            | Self::WeightChanged { names, .. }
            | Self::SorryServerAdded { names, .. }
            | Self::SorryServerRemoved { names, .. } => Some(&names.virtual_server),
            Self::VirtualServerRemoved { virtual_server }
            | Self::StartedWithoutQuorum { virtual_server, .. }
            | Self::QuorumLost { virtual_server, .. }
            | Self::QuorumGained { virtual_server, .. }
            | Self::AliveServersRemoved { virtual_server }
            | Self::AliveServersAdded { virtual_server } => Some(virtual_server),
            Self::ServiceChanged(..) | Self::SyncDaemons(_) | Self::Mail(_) | Self::Notify(_) => {
                None
            }
        }
    }

    /// The reason, where the log line does not have it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::RealServerAdded { reason, .. }
            | Self::RealServerRemoved { reason, .. }
            | Self::RealServerEnabled { reason, .. }
            | Self::RealServerDisabled { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
