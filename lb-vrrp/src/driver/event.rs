// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the driver tells its owner.

use std::net::IpAddr;
use std::sync::Arc;

use lb_host::RoutingEntry;
use tokio::sync::mpsc;

use super::error::{AddressError, InterfaceError};
use super::routing::RouteError;
use super::status::StaticProblem;
use super::tracked::ObjectId;
use crate::track::Verdict;
use crate::{FaultReason, Notice, Priority, Rejected, State, Transition, Vrid};

/// Something happened. Events are told, never asked for: nothing waits for the reader, and what
/// does not fit the channel is counted in
/// [`DriverStatus::events_dropped`](super::DriverStatus::events_dropped).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A router changed its state. Its adverts are sent and its addresses are being changed by then.
    #[non_exhaustive]
    Transitioned {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// From, to, and why.
        transition: Transition,
        /// The effective priority of the router.
        priority: Priority,
    },
    /// A packet was discarded. Sent once in 30 s per router, sender and kind of reason.
    #[non_exhaustive]
    Rejected {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// Sender.
        source: IpAddr,
        /// The fault of the packet.
        reason: Rejected,
        /// Number of similar packets since the last such event.
        suppressed: u64,
    },
    /// The engine noticed a condition that an operator should know.
    #[non_exhaustive]
    Noticed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The condition.
        notice: Notice,
    },
    /// An address could not be added or removed. The driver tries again every second; the event is sent
    /// once until that succeeds.
    #[non_exhaustive]
    AddressFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<AddressError>,
    },
    /// Another program had deleted a virtual address of a Master, and the driver added it again.
    #[non_exhaustive]
    AddressRestored {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: Arc<str>,
    },
    /// A route or rule could not be added or removed. The driver tries again every second; the event is
    /// sent once until that succeeds.
    #[non_exhaustive]
    RouteFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<RouteError>,
    },
    /// A route or rule of a Master was missing, and the driver added it again.
    #[non_exhaustive]
    RouteRestored {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The route or rule.
        entry: RoutingEntry,
    },
    /// A static item is missing and could not be added, or is present again.
    #[non_exhaustive]
    StaticChanged {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
        /// Why the item is missing; `None` if it is present.
        problem: Option<StaticProblem>,
    },
    /// A static item was deleted externally, and the driver added it again.
    #[non_exhaustive]
    StaticRestored {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
    },
    /// The macvlan of a router's virtual MAC address could not be made, changed or deleted. The driver
    /// tries again every second; the event is sent once until that succeeds.
    #[non_exhaustive]
    InterfaceFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<InterfaceError>,
    },
    /// The interfaces of a router gained or lost what it needs: carrier, or a source for adverts.
    #[non_exhaustive]
    LinkChanged {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The interface of the router.
        interface: Arc<str>,
        /// The fault of the link; `None` once it has ended.
        problem: Option<LinkProblem>,
    },
    /// Tracking changed the priority of a router.
    #[non_exhaustive]
    PriorityChanged {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The effective priority before.
        from: Priority,
        /// The effective priority from now on.
        to: Priority,
    },
    /// The verdict of a tracked object changed.
    #[non_exhaustive]
    ObjectChanged {
        /// The object.
        object: ObjectId,
        /// The verdict of the object.
        verdict: Verdict,
    },
    /// A sync group changed its state; the transitions of its routers are events of their own.
    #[non_exhaustive]
    GroupChanged {
        /// The group's name.
        group: Arc<str>,
        /// The state before the change.
        from: State,
        /// The state after the change.
        to: State,
    },
    /// The advert thread ended unexpectedly; the addresses have been removed.
    #[non_exhaustive]
    Stopped,
}

/// The sending side: it never waits.
#[derive(Debug)]
pub(super) struct Events {
    sender: mpsc::Sender<Event>,
    dropped: u64,
}

impl Events {
    pub(super) const fn new(sender: mpsc::Sender<Event>) -> Self {
        Self { sender, dropped: 0 }
    }

    pub(super) fn tell(&mut self, event: Event) {
        if self.sender.try_send(event).is_err() {
            self.dropped += 1;
        }
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

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
    /// The sockets of the router could not be opened.
    #[error("no socket on interface")]
    NoSocket,
    /// The configured source address is not on the interface.
    #[error("source address missing")]
    SourceMissing,
    /// The router sends to unicast peers only, and has none.
    #[error("no unicast peer")]
    NoPeer,
}

impl LinkProblem {
    /// All problems.
    pub(super) const ALL: [Self; 6] = [
        Self::Missing,
        Self::Down,
        Self::NoSource,
        Self::NoSocket,
        Self::SourceMissing,
        Self::NoPeer,
    ];

    /// The fault of the engine for this problem.
    pub const fn fault(self) -> FaultReason {
        match self {
            Self::Missing => FaultReason::InterfaceMissing,
            Self::Down => FaultReason::LinkDown,
            Self::NoSource | Self::SourceMissing => FaultReason::NoAddress,
            Self::NoSocket => FaultReason::NoSocket,
            Self::NoPeer => FaultReason::NoPeer,
        }
    }
}
