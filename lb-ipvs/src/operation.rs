// SPDX-License-Identifier: MIT OR Apache-2.0
//! The operations the kernel offers, for errors and logs.

use std::{fmt, net::SocketAddr};

use crate::{service::ServiceKey, settings::SyncState};

/// What was asked of the kernel.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Operation {
    /// Find the `IPVS` family of generic netlink.
    ResolveFamily,
    /// `IPVS_CMD_NEW_SERVICE`
    AddService,
    /// `IPVS_CMD_SET_SERVICE`
    EditService,
    /// `IPVS_CMD_DEL_SERVICE`
    DeleteService,
    /// `IPVS_CMD_GET_SERVICE` of one service
    GetService,
    /// `IPVS_CMD_GET_SERVICE` of all
    ListServices,
    /// `IPVS_CMD_NEW_DEST`
    AddDestination,
    /// `IPVS_CMD_SET_DEST`
    EditDestination,
    /// `IPVS_CMD_DEL_DEST`
    DeleteDestination,
    /// `IPVS_CMD_GET_DEST`
    ListDestinations,
    /// `IPVS_CMD_NEW_DAEMON`
    StartSyncDaemon,
    /// `IPVS_CMD_DEL_DAEMON`
    StopSyncDaemon,
    /// `IPVS_CMD_GET_DAEMON`
    ListSyncDaemons,
    /// `IPVS_CMD_SET_CONFIG`
    SetTimeouts,
    /// `IPVS_CMD_GET_CONFIG`
    GetTimeouts,
    /// `IPVS_CMD_GET_INFO`
    GetInfo,
    /// `IPVS_CMD_ZERO`
    Zero,
    /// `IPVS_CMD_FLUSH`
    Flush,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ResolveFamily => "find the IPVS family",
            Self::AddService => "add service",
            Self::EditService => "edit service",
            Self::DeleteService => "delete service",
            Self::GetService => "get service",
            Self::ListServices => "list services",
            Self::AddDestination => "add destination",
            Self::EditDestination => "edit destination",
            Self::DeleteDestination => "delete destination",
            Self::ListDestinations => "list destinations",
            Self::StartSyncDaemon => "start sync daemon",
            Self::StopSyncDaemon => "stop sync daemon",
            Self::ListSyncDaemons => "list sync daemons",
            Self::SetTimeouts => "set timeouts",
            Self::GetTimeouts => "get timeouts",
            Self::GetInfo => "get info",
            Self::Zero => "zero",
            Self::Flush => "flush",
        })
    }
}

/// What an operation was about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Subject {
    /// The whole table.
    Table,
    /// One service.
    Service(ServiceKey),
    /// One destination of a service.
    Destination(ServiceKey, SocketAddr),
    /// A sync daemon.
    SyncDaemon(SyncState),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the table"),
            Self::Service(key) => key.fmt(f),
            Self::Destination(key, address) => write!(f, "{address} of {key}"),
            Self::SyncDaemon(state) => state.fmt(f),
        }
    }
}
