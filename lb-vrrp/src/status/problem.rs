// SPDX-License-Identifier: MIT OR Apache-2.0
//! The problem of an interface that keeps a router in Fault.

use crate::FaultReason;

/// The problem that keeps a router in [`State::Fault`](crate::State::Fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LinkProblem {
    /// An interface of the router or of one of its addresses is missing.
    #[error("interface missing")]
    Missing,
    /// An interface is not up or has no carrier.
    #[error("interface down")]
    Down,
    /// The interface has no IPv4 address except virtual ones.
    #[error("no IPv4 address for interface")]
    NoSource,
    /// The interface has no link-local IPv6 address except virtual ones, or duplicate address detection has
    /// not ended.
    #[error("no IPv6 link-local address for interface")]
    NoLinkLocal,
    /// The sockets of the router could not be opened.
    #[error("no socket on interface")]
    NoSocket,
    /// The configured source address is not on the interface, or that of unicast packets not on the host.
    #[error("source address missing")]
    SourceMissing,
    /// The router sends to unicast peers only, and has none.
    #[error("no unicast peer")]
    NoPeer,
}

impl LinkProblem {
    /// All problems.
    #[cfg(feature = "driver")]
    pub(crate) const ALL: [Self; 7] = [
        Self::Missing,
        Self::Down,
        Self::NoSource,
        Self::NoLinkLocal,
        Self::NoSocket,
        Self::SourceMissing,
        Self::NoPeer,
    ];

    /// The fault of the engine for this problem.
    #[must_use]
    pub const fn fault(self) -> FaultReason {
        match self {
            Self::Missing => FaultReason::InterfaceMissing,
            Self::Down => FaultReason::LinkDown,
            Self::NoSource | Self::NoLinkLocal | Self::SourceMissing => FaultReason::NoAddress,
            Self::NoSocket => FaultReason::NoSocket,
            Self::NoPeer => FaultReason::NoPeer,
        }
    }
}
