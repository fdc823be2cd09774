// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the driver is and does at one moment.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::problem::LinkProblem;
use super::timer::Lateness;
use super::tracked::ObjectId;
use crate::track::Verdict;
use crate::{
    AddressFamily, Faults, PollMethod, Priority, RouterStats, State, Transition, Version, Vrid,
};

/// The driver at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DriverStatus {
    /// The routers, in the order of interface and VRID.
    pub routers: Vec<RouterStatus>,
    /// Their sync groups.
    pub groups: Vec<GroupStatus>,
    /// What they track.
    pub objects: Vec<ObjectStatus>,
    /// The static items that are missing. An item whose addition was not tried yet is not one of them.
    pub statics: Vec<StaticStatus>,
    /// The interfaces they use.
    pub interfaces: Vec<InterfaceStatus>,
    /// Events that did not fit the channel.
    pub events_dropped: u64,
    /// How late timers were served.
    pub lateness: Lateness,
    /// Whether the advert thread runs under `SCHED_RR`.
    pub realtime: bool,
}

/// One router at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its VRID.
    pub vrid: Vrid,
    /// Its interface.
    pub interface: Arc<str>,
    /// The macvlan that has its virtual MAC address, if it has one.
    pub vmac: Option<Arc<str>>,
    /// Version of the protocol.
    pub version: Version,
    /// Family of its addresses.
    pub family: AddressFamily,
    /// Its state.
    pub state: State,
    /// When it came to that state; `None` before the first.
    pub since: Option<Instant>,
    /// How and why it came to that state.
    pub last_transition: Option<Transition>,
    /// What keeps it from taking part, as the engine knows it.
    pub faults: Faults,
    /// The problem of its interfaces.
    pub problem: Option<LinkProblem>,
    /// The master and its priority: the router itself, or the sender of the last advert that a
    /// backup accepted.
    pub master: Option<(IpAddr, Priority)>,
    /// Its effective priority.
    pub priority: Priority,
    /// Its configured priority.
    pub configured_priority: Priority,
    /// It was [asked to step down](crate::VirtualRouter::resign), and does not preempt.
    pub resigned: bool,
    /// Why packets to its addresses are accepted although it is master and should not accept them.
    pub unshielded: Option<Arc<str>>,
    /// Source of its adverts.
    pub source: Option<IpAddr>,
    /// Its counters.
    pub stats: RouterStats,
    /// Adverts the kernel refused to send.
    pub send_failures: u64,
    /// The sync group it is in.
    pub group: Option<Arc<str>>,
    /// What changes its priority or makes it faulty at present.
    pub tracked: Vec<TrackedStatus>,
}

/// What came of asking a router to step down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resigned {
    /// The routers that are no longer master: the one that was asked, and those of its sync group.
    pub routers: Vec<Arc<str>>,
    /// After this long it is master again, if no other router is.
    pub patience: Duration,
}

/// What a tracked object does to a router at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackedStatus {
    /// The object.
    pub object: ObjectId,
    /// What it adds to the priority.
    pub change: i32,
    /// Whether it makes the router faulty.
    pub fault: bool,
}

/// A tracked object at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectStatus {
    /// The object.
    pub object: ObjectId,
    /// What is known of it.
    pub verdict: Verdict,
}

/// A static item that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaticStatus {
    /// The item, by its [name](crate::StaticItems::names).
    pub item: Arc<str>,
    /// The [`TrackGroup`](crate::TrackGroup) whose routers are in Fault by it.
    pub group: Option<Arc<str>>,
    /// Why it is not there.
    pub problem: StaticProblem,
}

/// Why a static item is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StaticProblem {
    /// An interface that it names is not there.
    #[error("interface {0} missing")]
    Missing(String),
    /// An interface that it names is not up or has no carrier. An address is of no use there for
    /// the routers that need it; without a group it counts as present.
    #[error("interface {0} down")]
    Down(String),
    /// The kernel refused it. It is tried again every second.
    #[error("{0}")]
    Refused(String),
}

/// A sync group at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub state: State,
    /// The names of its routers.
    pub members: Vec<Arc<str>>,
}

/// The raw socket of an interface, and the packets on it that no router received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InterfaceStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The family of the routers on it; an interface can have both.
    pub family: AddressFamily,
    /// Packets of VRIDs that are not configured here: other people's routers.
    pub unknown_vrid: u64,
    /// Packets that are no whole IP packet, or too short to hold a VRID.
    pub malformed: u64,
    /// Whether it counts as up, with carrier; `None` if it is not there.
    pub up: Option<bool>,
    /// How its link is asked, where it is ([`LinkPoll`](crate::LinkPoll)) and has answered.
    pub polled: Option<PollMethod>,
    /// When it counts as the other, if its carrier stays as it is
    /// ([`CarrierDelay`](crate::CarrierDelay)).
    pub changes_at: Option<Instant>,
    /// Bytes of received packets that may wait in the kernel, as the kernel counts them: twice what
    /// it was asked for.
    pub receive_buffer: usize,
}
