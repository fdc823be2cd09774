// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of a whole table, as data.

use std::fmt;

use crate::{
    change::Change,
    operation::{Operation, Subject},
    settings::{SyncDaemon, SyncState, Timeouts},
};

/// One change of a [`Table`](crate::Table): one request to the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the kernel has these operations, and a reader handles each"
)]
pub enum TableChange {
    /// Of a service or a destination.
    Entry(Change),
    /// Set the time-outs that are not zero. Equivalent to `ipvsadm --set`.
    SetTimeouts(Timeouts),
    /// Equivalent to `ipvsadm --start-daemon`.
    StartSyncDaemon(SyncDaemon),
    /// Equivalent to `ipvsadm --stop-daemon`.
    StopSyncDaemon(SyncState),
}

impl TableChange {
    /// The kernel's operation.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Entry(change) => change.operation(),
            Self::SetTimeouts(_) => Operation::SetTimeouts,
            Self::StartSyncDaemon(_) => Operation::StartSyncDaemon,
            Self::StopSyncDaemon(_) => Operation::StopSyncDaemon,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        match self {
            Self::Entry(change) => change.subject(),
            Self::SetTimeouts(_) => Subject::Table,
            Self::StartSyncDaemon(daemon) => Subject::SyncDaemon(daemon.state),
            Self::StopSyncDaemon(state) => Subject::SyncDaemon(*state),
        }
    }
}

impl fmt::Display for TableChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(change) => change.fmt(f),
            Self::SetTimeouts(timeouts) => {
                let [tcp, tcp_fin, udp] =
                    [timeouts.tcp, timeouts.tcp_fin, timeouts.udp].map(|time| time.as_secs());
                write!(
                    f,
                    "set timeouts (tcp {tcp} s, tcpfin {tcp_fin} s, udp {udp} s)"
                )
            }
            Self::StartSyncDaemon(daemon) => write!(
                f,
                "start sync daemon {} ({}, syncid {})",
                daemon.state, daemon.interface, daemon.sync_id
            ),
            Self::StopSyncDaemon(state) => write!(f, "stop sync daemon {state}"),
        }
    }
}
