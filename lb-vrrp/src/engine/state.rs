// SPDX-License-Identifier: MIT OR Apache-2.0
//! States, and why a router moved between two of them (RFC 9568 §6.4).

use std::{fmt, net::IpAddr, time::Duration};

use super::FaultReason;
use crate::params::Priority;

/// State of a virtual router (RFC 9568 §6.4; there `Master` is called Active).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_enums,
    reason = "every pair of states is enumerated, here and outside"
)]
pub enum State {
    /// Not started, or stopped.
    Initialize,
    /// Watches the master.
    Backup,
    /// Holds the virtual addresses and advertises.
    Master,
    /// The router has a [fault](crate::FaultReason): it sends nothing and ignores advertisements
    /// (keepalived's FAULT).
    Fault,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialize => "initialize",
            Self::Backup => "backup",
            Self::Master => "master",
            Self::Fault => "fault",
        })
    }
}

/// One change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Transition {
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// The cause.
    pub reason: Reason,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({})", self.from, self.to, self.reason)
    }
}

/// Why a router changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Reason {
    /// The router was started.
    Startup,
    /// The router was stopped.
    Shutdown,
    /// No advertisement came for the master down interval.
    MasterDownTimer,
    /// The master resigned and no other router took over within the skew time.
    PeerResigned {
        /// The master that resigned.
        source: IpAddr,
    },
    /// The master down interval passed while a master of lower priority advertised.
    Preemption {
        /// The master that was preempted.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// Another master has a higher priority.
    HigherPriority {
        /// The other master.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// Another master has the same priority and a higher address.
    HigherAddress {
        /// The other master.
        source: IpAddr,
        /// The priority of both.
        priority: Priority,
    },
    /// A fault occurred.
    Fault {
        /// The fault.
        fault: FaultReason,
    },
    /// The last fault was cleared.
    Recovered,
    /// An operator made the master step down.
    Resigned,
    /// The sync group became master with this router, or another member is no longer master.
    SyncGroup,
    /// The master was not run for so long that a backup may have taken over.
    Stalled {
        /// Time since its last advertisement.
        silent: Duration,
    },
    /// Another address owner of this virtual router does not yield.
    OwnerConflict {
        /// The other owner.
        source: IpAddr,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup => f.write_str("startup"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::MasterDownTimer => f.write_str("no advertisement from a master"),
            Self::PeerResigned { source } => write!(f, "{source} resigned"),
            Self::Preemption { source, priority } => {
                write!(f, "preempted {source} with lower priority {priority}")
            }
            Self::HigherPriority { source, priority } => {
                write!(f, "{source} has higher priority {priority}")
            }
            Self::HigherAddress { source, priority } => {
                write!(
                    f,
                    "{source} has the same priority {priority} and a higher address"
                )
            }
            Self::Fault { fault } => fault.fmt(f),
            Self::Recovered => f.write_str("recovered"),
            Self::Resigned => f.write_str("resigned"),
            Self::SyncGroup => f.write_str("moves with its sync group"),
            Self::Stalled { silent } => write!(f, "not run for {silent:?}"),
            Self::OwnerConflict { source } => write!(f, "{source} is an address owner too"),
        }
    }
}
