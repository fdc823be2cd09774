// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of a sync daemon (`IPVS_DAEMON_ATTR_*`).

use netlink_packet_core::ErrorContext;

use super::{
    codec::{Codec, HostU8, HostU16, HostU32, Octets, Text, attributes},
    constants::*,
};

attributes! {
    /// An attribute of a sync daemon (`IPVS_DAEMON_ATTR_*`).
    pub enum DaemonAttribute {
        /// 1 master, 2 backup.
        State(u32) = IPVS_DAEMON_ATTR_STATE as HostU32,
        /// Interface.
        Interface(String) = IPVS_DAEMON_ATTR_MCAST_IFN as Text,
        /// Sync id.
        SyncId(u32) = IPVS_DAEMON_ATTR_SYNC_ID as HostU32,
        /// Longest message.
        MaxLength(u16) = IPVS_DAEMON_ATTR_SYNC_MAXLEN as HostU16,
        /// IPv4 multicast group.
        Group([u8; 4]) = IPVS_DAEMON_ATTR_MCAST_GROUP as Octets<4>,
        /// IPv6 multicast group.
        Group6([u8; 16]) = IPVS_DAEMON_ATTR_MCAST_GROUP6 as Octets<16>,
        /// UDP port, in host order.
        Port(u16) = IPVS_DAEMON_ATTR_MCAST_PORT as HostU16,
        /// Time to live.
        Ttl(u8) = IPVS_DAEMON_ATTR_MCAST_TTL as HostU8,
    }
}
