// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a driver is and does at one moment, as plain data; serde writes and reads the form of
//! `lbctl status --json`.

mod counters;
mod form;
mod lateness;
mod problem;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::spec::RouterSpec;
use crate::track::{ObjectId, Verdict};
use crate::{AddressFamily, Faults, PollMethod, Priority, State, Version, Vrid};

pub use self::counters::RouterCounters;
pub use self::lateness::Lateness;
pub use self::problem::LinkProblem;

/// A driver at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DriverStatus {
    /// The routers, in the order of interface and VRID.
    pub routers: Vec<RouterStatus>,
    /// Their sync groups.
    pub groups: Vec<GroupStatus>,
    /// The objects that they track.
    pub objects: Vec<ObjectStatus>,
    /// The static items that are missing. An item whose addition was not tried yet is not one of them.
    pub statics: Vec<StaticStatus>,
    /// The interfaces that they use.
    pub interfaces: Vec<InterfaceStatus>,
    /// The advert thread.
    pub thread: ThreadStatus,
}

/// The thread that sends and receives advertisements, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThreadStatus {
    /// Whether it runs under `SCHED_RR`.
    pub realtime: bool,
    /// Events that did not fit the channel.
    pub events_dropped: u64,
    /// How late timers were served.
    #[serde(with = "form::lateness")]
    pub lateness: Lateness,
}

/// A virtual router at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The interface that receives its advertisements.
    pub interface: Arc<str>,
    /// The macvlan that has its virtual MAC address, or its ipvlan, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmac: Option<Arc<str>>,
    /// Its VRID.
    pub vrid: Vrid,
    /// Version of the protocol; `None` in the document of a daemon that did not report it.
    #[serde(default, with = "form::version")]
    pub version: Option<Version>,
    /// Family of its addresses; `None` in the document of a daemon that did not report it.
    #[serde(default, with = "form::optional_name")]
    pub family: Option<AddressFamily>,
    /// Its state.
    #[serde(with = "form::name")]
    pub state: State,
    /// When it entered that state; `None` before the first.
    #[serde(default, with = "form::moment")]
    pub since: Option<SystemTime>,
    /// How long it has been in that state.
    #[serde(default, rename = "age_ms", with = "form::milliseconds")]
    pub age: Option<Duration>,
    /// The state before.
    #[serde(default, with = "form::optional_name")]
    pub from: Option<State>,
    /// The reason of the last transition: the text of a [`Reason`](crate::Reason).
    #[serde(default)]
    pub reason: Option<Arc<str>>,
    /// The faults that keep it from taking part, as the engine knows them.
    #[serde(default, with = "form::faults")]
    pub faults: Faults,
    /// The problem of its interfaces; not in the document.
    #[serde(skip)]
    pub problem: Option<LinkProblem>,
    /// The master, as far as it is known.
    #[serde(default)]
    pub master: Option<MasterStatus>,
    /// Its effective priority.
    pub priority: Priority,
    /// Its configured priority; `None` in the document of a daemon that did not report it.
    #[serde(default)]
    pub configured_priority: Option<Priority>,
    /// It was [asked to step down](crate::VirtualRouter::resign), and does not preempt until it is
    /// master again.
    #[serde(default)]
    pub resigned: bool,
    /// Why packets to its addresses are accepted although it is master and should not accept them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unshielded: Option<Arc<str>>,
    /// Source of its advertisements.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// Virtual addresses that the kernel refused to add; the driver tries again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_addresses: Vec<RefusedAddress>,
    /// The sync group it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_group: Option<Arc<str>>,
    /// The objects that change its priority or make it faulty at present.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracked: Vec<TrackedStatus>,
    /// Packets sent, received and discarded since it was started.
    #[serde(default)]
    pub counters: RouterCounters,
}

/// A virtual address that the kernel refused to add to its interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RefusedAddress {
    /// The address.
    pub address: IpAddr,
    /// The error of the kernel.
    pub problem: Arc<str>,
}

impl RouterStatus {
    /// A configured router of which no driver has reported more than its state.
    #[must_use]
    pub fn configured(spec: &RouterSpec, state: State) -> Self {
        let config = &spec.config;
        Self {
            name: spec.name.as_str().into(),
            interface: spec.interface.as_str().into(),
            vmac: None,
            vrid: config.vrid(),
            version: Some(config.version()),
            family: Some(config.family()),
            state,
            since: None,
            age: None,
            from: None,
            reason: None,
            faults: Faults::default(),
            problem: None,
            master: None,
            priority: config.priority(),
            configured_priority: Some(config.priority()),
            resigned: false,
            unshielded: None,
            source: None,
            refused_addresses: Vec::new(),
            sync_group: None,
            tracked: Vec::new(),
            counters: RouterCounters::default(),
        }
    }
}

/// A master, as a router knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MasterStatus {
    /// Source of its advertisements.
    pub address: IpAddr,
    /// The priority in them.
    pub priority: Priority,
    /// Whether it is this router itself.
    pub own: bool,
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

/// The effect of a tracked object on a router at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrackedStatus {
    /// The object.
    #[serde(with = "form::name")]
    pub object: ObjectId,
    /// The change of the priority.
    pub change: i32,
    /// Whether it makes the router faulty.
    pub fault: bool,
}

/// A tracked object at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObjectStatus {
    /// The object.
    #[serde(with = "form::name")]
    pub object: ObjectId,
    /// Its state, as far as it is known.
    #[serde(rename = "state", with = "form::name")]
    pub verdict: Verdict,
    /// How many processes match, of a tracked process that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// A static item that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StaticStatus {
    /// The item, by its [name](crate::StaticItems::names).
    pub item: Arc<str>,
    /// Why it is not there.
    #[serde(with = "form::name")]
    pub problem: StaticProblem,
    /// The [`TrackGroup`](crate::TrackGroup) whose routers are in Fault by it.
    #[serde(
        default,
        rename = "track_group",
        skip_serializing_if = "Option::is_none"
    )]
    pub group: Option<Arc<str>>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    #[serde(with = "form::name")]
    pub state: State,
    /// The names of its routers.
    pub members: Vec<Arc<str>>,
}

/// The raw socket of an interface, and the packets on it that no router received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterfaceStatus {
    /// Its name.
    pub name: Arc<str>,
    /// The family of the routers on it; an interface can have both.
    #[serde(default, with = "form::optional_name")]
    pub family: Option<AddressFamily>,
    /// Packets of VRIDs that are not configured here.
    pub unknown_vrid: u64,
    /// Packets that are no whole IP packet, or too short to hold a VRID.
    pub malformed: u64,
    /// Whether it counts as up, with carrier; `None` if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// How its link is asked, where it is ([`LinkPoll`](crate::LinkPoll)) and has answered.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "form::optional_name"
    )]
    pub polled: Option<PollMethod>,
    /// After this long it counts as the other, if its carrier stays as it is
    /// ([`CarrierDelay`](crate::CarrierDelay)).
    #[serde(
        default,
        rename = "changes_in_ms",
        skip_serializing_if = "Option::is_none",
        with = "form::milliseconds"
    )]
    pub changes_in: Option<Duration>,
    /// Bytes of received packets that may wait in the kernel, as the kernel counts them: twice what
    /// it was asked for.
    #[serde(default)]
    pub receive_buffer: usize,
}

#[cfg(test)]
mod tests;
