// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters (`IPVS_STATS_ATTR_*`): the same numbers in two nests, with different widths.

use netlink_packet_core::ErrorContext;

use super::{
    codec::{Codec, HostU32, HostU64, attributes},
    constants::*,
};
use crate::stats::{Rates, Stats};

attributes! {
    /// An attribute of `IPVS_SVC_ATTR_STATS` and `IPVS_DEST_ATTR_STATS`: only bytes have 64 bits.
    pub enum Stats32Attribute {
        /// Connections.
        Connections(u32) = IPVS_STATS_ATTR_CONNS as HostU32,
        /// Packets from clients.
        IncomingPackets(u32) = IPVS_STATS_ATTR_INPKTS as HostU32,
        /// Packets to clients.
        OutgoingPackets(u32) = IPVS_STATS_ATTR_OUTPKTS as HostU32,
        /// Bytes from clients.
        IncomingBytes(u64) = IPVS_STATS_ATTR_INBYTES as HostU64,
        /// Bytes to clients.
        OutgoingBytes(u64) = IPVS_STATS_ATTR_OUTBYTES as HostU64,
        /// Connections per second.
        ConnectionRate(u32) = IPVS_STATS_ATTR_CPS as HostU32,
        /// Packets from clients per second.
        IncomingPacketRate(u32) = IPVS_STATS_ATTR_INPPS as HostU32,
        /// Packets to clients per second.
        OutgoingPacketRate(u32) = IPVS_STATS_ATTR_OUTPPS as HostU32,
        /// Bytes from clients per second.
        IncomingByteRate(u32) = IPVS_STATS_ATTR_INBPS as HostU32,
        /// Bytes to clients per second.
        OutgoingByteRate(u32) = IPVS_STATS_ATTR_OUTBPS as HostU32,
    }
}

attributes! {
    /// An attribute of `IPVS_SVC_ATTR_STATS64` and `IPVS_DEST_ATTR_STATS64`: all have 64 bits.
    pub enum Stats64Attribute {
        /// Connections.
        Connections(u64) = IPVS_STATS_ATTR_CONNS as HostU64,
        /// Packets from clients.
        IncomingPackets(u64) = IPVS_STATS_ATTR_INPKTS as HostU64,
        /// Packets to clients.
        OutgoingPackets(u64) = IPVS_STATS_ATTR_OUTPKTS as HostU64,
        /// Bytes from clients.
        IncomingBytes(u64) = IPVS_STATS_ATTR_INBYTES as HostU64,
        /// Bytes to clients.
        OutgoingBytes(u64) = IPVS_STATS_ATTR_OUTBYTES as HostU64,
        /// Connections per second.
        ConnectionRate(u64) = IPVS_STATS_ATTR_CPS as HostU64,
        /// Packets from clients per second.
        IncomingPacketRate(u64) = IPVS_STATS_ATTR_INPPS as HostU64,
        /// Packets to clients per second.
        OutgoingPacketRate(u64) = IPVS_STATS_ATTR_OUTPPS as HostU64,
        /// Bytes from clients per second.
        IncomingByteRate(u64) = IPVS_STATS_ATTR_INBPS as HostU64,
        /// Bytes to clients per second.
        OutgoingByteRate(u64) = IPVS_STATS_ATTR_OUTBPS as HostU64,
    }
}

macro_rules! collect {
    ($function:ident, $attribute:ident, $doc:literal) => {
        #[doc = $doc]
        pub(super) fn $function(attributes: &[$attribute]) -> Stats {
            let mut stats = Stats::default();
            let mut rates = Rates::default();
            for attribute in attributes {
                match attribute {
                    $attribute::Connections(n) => stats.connections = u64::from(*n),
                    $attribute::IncomingPackets(n) => stats.incoming_packets = u64::from(*n),
                    $attribute::OutgoingPackets(n) => stats.outgoing_packets = u64::from(*n),
                    $attribute::IncomingBytes(n) => stats.incoming_bytes = u64::from(*n),
                    $attribute::OutgoingBytes(n) => stats.outgoing_bytes = u64::from(*n),
                    $attribute::ConnectionRate(n) => rates.connections = u64::from(*n),
                    $attribute::IncomingPacketRate(n) => rates.incoming_packets = u64::from(*n),
                    $attribute::OutgoingPacketRate(n) => rates.outgoing_packets = u64::from(*n),
                    $attribute::IncomingByteRate(n) => rates.incoming_bytes = u64::from(*n),
                    $attribute::OutgoingByteRate(n) => rates.outgoing_bytes = u64::from(*n),
                    $attribute::Other(_) => {}
                }
            }
            stats.rates = rates;
            stats
        }
    };
}

collect!(
    stats_of_32,
    Stats32Attribute,
    "Counters of a kernel older than 4.1."
);
collect!(stats_of_64, Stats64Attribute, "Counters in full width.");
