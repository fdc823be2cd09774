// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document.

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
    /// The interfaces that carry virtual routers.
    #[serde(default)]
    pub interfaces: Vec<InterfaceStatus>,
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
    /// Virtual router identifier, 1 to 255.
    pub vrid: u8,
    /// `initialize`, `backup`, `master` or `fault`.
    pub state: String,
    /// Effective priority, 1 to 255.
    pub priority: u8,
    /// What it sent, received and discarded since it was started.
    #[serde(default)]
    pub counters: RouterCounters,
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
    /// Times it became master.
    pub master_transitions: u64,
    /// Advertisements sent.
    pub advertisements_sent: u64,
    /// Valid advertisements received.
    pub advertisements_received: u64,
    /// Resignations sent.
    pub priority_zero_sent: u64,
    /// Resignations received.
    pub priority_zero_received: u64,
    /// Packets received, valid or not.
    pub packets_received: u64,
    /// Packets discarded, for whatever reason.
    pub rejected: u64,
    /// Discarded: wrong checksum.
    pub checksum_errors: u64,
    /// Discarded: another version than configured, or none there is.
    pub version_errors: u64,
    /// Discarded: of another virtual router.
    pub vrid_errors: u64,
    /// Discarded: TTL or hop limit not 255, so not from this link.
    pub ip_ttl_errors: u64,
    /// Discarded: not an advertisement.
    pub invalid_type_packets_received: u64,
    /// Discarded: too short, or not as long as the number of its addresses says.
    pub packet_length_errors: u64,
    /// Not the configured interval; discarded by version 2.
    pub interval_errors: u64,
    /// Not the configured addresses; discarded only when there is none.
    pub address_list_errors: u64,
    /// Discarded: an authentication type that does not exist.
    pub invalid_authentication_type: u64,
    /// Discarded: another authentication type than configured.
    pub authentication_type_mismatch: u64,
    /// Discarded: wrong password.
    pub authentication_failures: u64,
    /// Discarded: of another address family, or not sent to the group's address.
    pub destination_errors: u64,
    /// Discarded: from this router's own address.
    pub own_address_packets: u64,
    /// Adverts the kernel refused to send.
    pub send_failures: u64,
}

impl RouterCounters {
    /// Why packets were discarded, for people: each reason's name with its count, those that never
    /// happened left out.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("checksum", self.checksum_errors),
            ("version", self.version_errors),
            ("vrid", self.vrid_errors),
            ("ttl", self.ip_ttl_errors),
            ("type", self.invalid_type_packets_received),
            ("length", self.packet_length_errors),
            ("interval", self.interval_errors),
            ("address list", self.address_list_errors),
            (
                "unknown authentication type",
                self.invalid_authentication_type,
            ),
            ("authentication type", self.authentication_type_mismatch),
            ("password", self.authentication_failures),
            ("destination", self.destination_errors),
            ("own address", self.own_address_packets),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}

/// What arrived on an interface for nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// VRRP packets of virtual routers that are not configured here.
    pub unknown_vrid: u64,
    /// VRRP packets that are no whole IP packet, or too short to say whose they are.
    pub malformed: u64,
}

/// A virtual server in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VirtualServerStatus {
    /// As in logs: `[192.168.1.50]:tcp:80`.
    pub name: String,
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
}
