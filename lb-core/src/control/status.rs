// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document.

use std::net::IpAddr;

use lb_vrrp::RouterStats;
use serde::{Deserialize, Serialize};

/// What the daemon is and does: the answer of `GET /v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// Version of this document; grows when a field changes its meaning.
    pub schema: u32,
    /// Process id of the daemon.
    pub pid: u32,
    /// Configuration file in force.
    pub configuration: String,
    /// Findings of the last time the configuration was read, one line each.
    pub findings: Vec<String>,
    /// Virtual routers in the order of the configuration.
    pub routers: Vec<RouterStatus>,
    /// Their sync groups; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_groups: Vec<SyncGroupStatus>,
    /// What they track beside their interfaces; left out if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracked_objects: Vec<TrackedObjectStatus>,
    /// Static addresses, routes and rules that are not installed; left out if all are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_items: Vec<StaticItemStatus>,
    /// The interfaces that carry virtual routers.
    #[serde(default)]
    pub interfaces: Vec<InterfaceStatus>,
    /// The thread that sends and receives advertisements; none without virtual routers, or if it
    /// did not answer.
    #[serde(default)]
    pub driver: Option<DriverStatus>,
    /// Virtual servers in the order of the configuration.
    pub virtual_servers: Vec<VirtualServerStatus>,
}

/// A virtual router in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Name of the `vrrp_instance`.
    pub name: String,
    /// Interface that carries it.
    pub interface: String,
    /// The interface that has its virtual MAC address; left out if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmac: Option<String>,
    /// Virtual router identifier, 1 to 255.
    pub vrid: u8,
    /// Version of VRRP, 2 or 3.
    #[serde(default)]
    pub version: u8,
    /// `IPv4` or `IPv6`.
    #[serde(default)]
    pub family: String,
    /// `initialize`, `backup`, `master` or `fault`.
    pub state: String,
    /// When it entered that state: RFC 3339, UTC, milliseconds.
    #[serde(default)]
    pub since: Option<String>,
    /// Milliseconds since then.
    #[serde(default)]
    pub age_ms: Option<u64>,
    /// The state before.
    #[serde(default)]
    pub from: Option<String>,
    /// The reason of the last transition.
    #[serde(default)]
    pub reason: Option<String>,
    /// The faults that keep it in `fault`.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The master, as far as this router knows.
    #[serde(default)]
    pub master: Option<MasterStatus>,
    /// Effective priority, 1 to 255.
    pub priority: u8,
    /// Configured priority, 1 to 255.
    #[serde(default)]
    pub configured_priority: u8,
    /// Whether it stepped down by request; it does not preempt until it is master again.
    #[serde(default)]
    pub resigned: bool,
    /// Why packets to its addresses are accepted although it is master and should not accept them
    /// (`no_accept`, strict mode); left out if that is not so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unshielded: Option<String>,
    /// Source of its advertisements.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// The sync group it is in; left out if in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_group: Option<String>,
    /// Tracked objects that change its priority or keep it in `fault`; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracked: Vec<TrackedStatus>,
    /// Counters of packets sent, received and discarded since it was started.
    #[serde(default)]
    pub counters: RouterCounters,
}

/// The effect of a tracked object on a virtual router, in [`RouterStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrackedStatus {
    /// The object, with its kind: `script chk_web`.
    pub object: String,
    /// The change of the priority.
    pub change: i32,
    /// Whether it keeps the router in `fault`.
    pub fault: bool,
}

/// A static item that is not installed, in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StaticItemStatus {
    /// The item, with its kind: `route 198.51.100.0/24 via 192.0.2.3`.
    pub item: String,
    /// Why it is not installed.
    pub problem: String,
    /// The `track_group` whose instances are in `fault` by it; left out if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track_group: Option<String>,
}

/// A tracked object, in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrackedObjectStatus {
    /// The object, with its kind: `script chk_web`.
    pub object: String,
    /// `unknown`, `well`, `failed`, or the number in a file.
    pub state: String,
}

/// A sync group, in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyncGroupStatus {
    /// Name of the `vrrp_sync_group`.
    pub name: String,
    /// `initialize`, `backup`, `master` or `fault`.
    pub state: String,
    /// The names of its virtual routers.
    pub members: Vec<String>,
}

/// A master in [`RouterStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MasterStatus {
    /// Source of its advertisements.
    pub address: IpAddr,
    /// The priority in them, 1 to 255.
    pub priority: u8,
    /// Whether it is this router itself.
    pub own: bool,
}

/// Counters of a virtual router, named after the VRRP MIBs (RFC 2787, RFC 6527) and the YANG model
/// (RFC 8347).
///
/// `packets_received` = `advertisements_received` + `rejected`, and each rejected packet is counted
/// by its reason as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RouterCounters {
    /// The engine's.
    #[serde(flatten)]
    pub stats: RouterStats,
    /// Adverts the kernel refused to send.
    pub send_failures: u64,
}

impl RouterCounters {
    /// Why packets were discarded, for people: each reason's name with its count, those that never
    /// happened left out.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let stats = &self.stats;
        [
            ("checksum", stats.checksum_errors),
            ("version", stats.version_errors),
            ("vrid", stats.vrid_errors),
            ("ttl", stats.ip_ttl_errors),
            ("type", stats.invalid_type_packets_received),
            ("length", stats.packet_length_errors),
            ("interval", stats.interval_errors),
            ("address list", stats.address_list_errors),
            (
                "unknown authentication type",
                stats.invalid_authentication_type,
            ),
            ("authentication type", stats.authentication_type_mismatch),
            ("password", stats.authentication_failures),
            ("replayed", stats.replays),
            ("hmac missing", stats.hmac_missing),
            ("hmac malformed", stats.hmac_malformed),
            ("hmac key", stats.hmac_unknown_key),
            ("hmac", stats.hmac_invalid),
            ("hmac stale", stats.hmac_stale),
            ("no peer", stats.source_errors),
            ("address owner", stats.owner_ignored),
            ("destination", stats.destination_errors),
            ("own address", stats.own_address_packets),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

/// The thread that sends and receives advertisements, in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DriverStatus {
    /// It runs under `SCHED_RR`.
    pub realtime: bool,
    /// Events that the rest of the daemon did not take in time.
    pub events_dropped: u64,
    /// How late timers were served.
    pub lateness: LatenessStatus,
}

/// How late timers were served, in [`DriverStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LatenessStatus {
    /// Timers served.
    pub served: u64,
    /// The latest one, in microseconds.
    pub max_us: u64,
    /// The sum over all, in microseconds.
    pub sum_us: u64,
    /// A histogram: each timer is in one bucket.
    pub buckets: Vec<LatenessBucket>,
}

/// A bucket of [`LatenessStatus`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LatenessBucket {
    /// Not later than this, in microseconds, and later than the bucket before; none: any later.
    pub up_to_us: Option<u64>,
    /// Timers.
    pub count: u64,
}

/// An interface with virtual routers, with its packets for none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Family of the virtual routers on it: `IPv4` or `IPv6`.
    #[serde(default)]
    pub family: String,
    /// VRRP packets of virtual routers that are not configured here.
    pub unknown_vrid: u64,
    /// VRRP packets that are incomplete, or too short for a virtual router id.
    pub malformed: u64,
    /// Whether it counts as up, with carrier; left out if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// `MII`, `ETHTOOL` or `IOCTL` if its link is asked for its state, by the one that answers; left
    /// out if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<String>,
    /// After this long it counts as the other, if its carrier stays as it is; left out if nothing
    /// is pending. In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_in_ms: Option<u64>,
    /// Bytes of adverts that may wait to be read, as the kernel counts: twice what was asked for.
    #[serde(default)]
    pub receive_buffer: usize,
}

/// A virtual server in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VirtualServerStatus {
    /// As in logs: `[192.168.1.50]:tcp:80`.
    pub name: String,
    /// The IPVS services of a group: `TCP 192.168.1.50:80`; left out without a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Whether the quorum is met.
    pub quorum: bool,
    /// Its real servers in the order of the configuration.
    pub real_servers: Vec<RealServerStatus>,
}

/// A real server in [`VirtualServerStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RealServerStatus {
    /// As in logs: `[192.168.1.61]:tcp:80`.
    pub name: String,
    /// Whether all its checks pass.
    pub up: bool,
    /// Weight as configured, 0 to 2147483647.
    pub weight: u32,
    /// Kinds of its checks that this version does not run; left out if all run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks_not_run: Vec<String>,
}
