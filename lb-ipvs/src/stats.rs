// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters of services and destinations.

/// Totals since the entry was made or zeroed (`IPVS_SVC_ATTR_STATS64`, `IPVS_DEST_ATTR_STATS64`).
///
/// The kernel refreshes them every two seconds, so a read right after traffic may lag behind.
///
/// Equivalent to `ipvsadm -L --stats`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub incoming_packets: u64,
    /// Packets to clients; 0 where replies bypass this host (direct routing, tunnels).
    pub outgoing_packets: u64,
    /// Bytes from clients.
    pub incoming_bytes: u64,
    /// Bytes to clients; 0 where replies bypass this host.
    pub outgoing_bytes: u64,
    /// What these grow by in a second.
    pub rates: Rates,
}

/// Moving averages over a few seconds, weighted 1/4 to the newest two seconds.
///
/// Equivalent to `ipvsadm -L --rate`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Connections per second.
    pub connections: u64,
    /// Packets from clients per second.
    pub incoming_packets: u64,
    /// Packets to clients per second.
    pub outgoing_packets: u64,
    /// Bytes from clients per second.
    pub incoming_bytes: u64,
    /// Bytes to clients per second.
    pub outgoing_bytes: u64,
}
