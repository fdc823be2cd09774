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
    /// A router changed its state. Adverts are sent and addresses under way when this is told.
    #[non_exhaustive]
    Transitioned {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// From, to, and why.
        transition: Transition,
        /// Its effective priority.
        priority: Priority,
    },
    /// A packet was discarded. Told once per router, sender and kind of reason in 30 s.
    #[non_exhaustive]
    Rejected {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// Sender.
        source: IpAddr,
        /// What was wrong with the packet.
        reason: Rejected,
        /// Packets like this that were not told since the last time.
        suppressed: u64,
    },
    /// The engine saw something that an operator should know.
    #[non_exhaustive]
    Noticed {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// What it saw.
        notice: Notice,
    },
    /// An address could not be added or removed; it is tried again every second. Told once until
    /// it succeeds.
    #[non_exhaustive]
    AddressFailed {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// What failed.
        error: Arc<AddressError>,
    },
    /// Somebody else had deleted a virtual address of a Master, and it was put back.
    #[non_exhaustive]
    AddressRestored {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: Arc<str>,
    },
    /// A route or rule could not be added or removed; it is tried again every second. Told once
    /// until it succeeds.
    #[non_exhaustive]
    RouteFailed {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// What failed.
        error: Arc<RouteError>,
    },
    /// A route or rule of a Master was gone, and was put back.
    #[non_exhaustive]
    RouteRestored {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// The route or rule.
        entry: RoutingEntry,
    },
    /// A static item is not in its place and could not be put there, or is in its place again.
    #[non_exhaustive]
    StaticChanged {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
        /// Why it is not there; `None`: it is.
        problem: Option<StaticProblem>,
    },
    /// Something or somebody had taken a static item away, and it was put back.
    #[non_exhaustive]
    StaticRestored {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
    },
    /// The macvlan of a router's virtual MAC address could not be made, changed or deleted; it is
    /// tried again every second. Told once until it succeeds.
    #[non_exhaustive]
    InterfaceFailed {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// What failed.
        error: Arc<InterfaceError>,
    },
    /// What a router needs of its interfaces came or went: carrier, or a source for adverts.
    #[non_exhaustive]
    LinkChanged {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// Its interface.
        interface: Arc<str>,
        /// The fault of the link; `None` once it has ended.
        problem: Option<LinkProblem>,
    },
    /// What a router tracks has changed its priority.
    #[non_exhaustive]
    PriorityChanged {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// The effective priority before.
        from: Priority,
        /// The effective priority from now on.
        to: Priority,
    },
    /// A tracked object counts as something else now.
    #[non_exhaustive]
    ObjectChanged {
        /// The object.
        object: ObjectId,
        /// What is known of it.
        verdict: Verdict,
    },
    /// A sync group changed its state; its routers' transitions are told beside it.
    #[non_exhaustive]
    GroupChanged {
        /// The group's name.
        group: Arc<str>,
        /// Its state before.
        from: State,
        /// Its state from now on.
        to: State,
    },
    /// The advert thread ended without being asked to; the addresses have been removed.
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

/// What keeps a router in [`State::Fault`](crate::State::Fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LinkProblem {
    /// An interface that it or one of its addresses needs is not there.
    #[error("interface missing")]
    Missing,
    /// An interface is not up or has no carrier.
    #[error("interface down")]
    Down,
    /// Its interface has no IPv4 address that is not a virtual one.
    #[error("no IPv4 address for interface")]
    NoSource,
    /// Its sockets could not be opened.
    #[error("no socket on interface")]
    NoSocket,
    /// The source address it was given is not on its interface.
    #[error("source address missing")]
    SourceMissing,
    /// It is to send to unicast peers only, and has none.
    #[error("no unicast peer")]
    NoPeer,
}

impl LinkProblem {
    /// All there are.
    pub(super) const ALL: [Self; 6] = [
        Self::Missing,
        Self::Down,
        Self::NoSource,
        Self::NoSocket,
        Self::SourceMissing,
        Self::NoPeer,
    ];

    /// What it is to the engine.
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
