// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters (`IPVS_STATS_ATTR_*`): the same numbers in two nests, with different widths.

use netlink_packet_core::{DecodeError, ErrorContext, NlasIterator, Parseable};

use super::{
    codec::{Codec, HostU32, HostU64, attributes},
    constants::*,
};
use crate::stats::Stats;

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

macro_rules! counted {
    ($attribute:ident) => {
        impl $attribute {
            /// Sets the field of the counter.
            fn add_to(&self, stats: &mut Stats) {
                let Stats { rates, .. } = stats;
                match self {
                    Self::Connections(n) => stats.connections = u64::from(*n),
                    Self::IncomingPackets(n) => stats.incoming_packets = u64::from(*n),
                    Self::OutgoingPackets(n) => stats.outgoing_packets = u64::from(*n),
                    Self::IncomingBytes(n) => stats.incoming_bytes = u64::from(*n),
                    Self::OutgoingBytes(n) => stats.outgoing_bytes = u64::from(*n),
                    Self::ConnectionRate(n) => rates.connections = u64::from(*n),
                    Self::IncomingPacketRate(n) => rates.incoming_packets = u64::from(*n),
                    Self::OutgoingPacketRate(n) => rates.outgoing_packets = u64::from(*n),
                    Self::IncomingByteRate(n) => rates.incoming_bytes = u64::from(*n),
                    Self::OutgoingByteRate(n) => rates.outgoing_bytes = u64::from(*n),
                    Self::Other(_) => {}
                }
            }

            /// The counters that a nest of these holds.
            pub(super) fn stats(attributes: &[Self]) -> Stats {
                let mut stats = Stats::default();
                for attribute in attributes {
                    attribute.add_to(&mut stats);
                }
                stats
            }

            /// The counters that the bytes of a nest hold.
            pub(super) fn stats_in(nest: &[u8]) -> Result<Stats, DecodeError> {
                let mut stats = Stats::default();
                for attribute in NlasIterator::new(nest) {
                    Self::parse(&attribute?)?.add_to(&mut stats);
                }
                Ok(stats)
            }
        }
    };
}

counted!(Stats32Attribute);
counted!(Stats64Attribute);
