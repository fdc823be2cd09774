// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of a destination (`IPVS_DEST_ATTR_*`).

use netlink_packet_core::ErrorContext;

use super::{
    address::{Address, WireAddress},
    codec::{Codec, HostU8, HostU16, HostU32, Nested, NetworkU16, attributes},
    constants::*,
    stats::{Stats32Attribute, Stats64Attribute},
};

attributes! {
    /// An attribute of a destination (`IPVS_DEST_ATTR_*`).
    pub enum DestinationAttribute {
        /// Address.
        Address(WireAddress) = IPVS_DEST_ATTR_ADDR as Address,
        /// Port.
        Port(u16) = IPVS_DEST_ATTR_PORT as NetworkU16,
        /// Forwarding method.
        ForwardingMethod(u32) = IPVS_DEST_ATTR_FWD_METHOD as HostU32,
        /// Weight.
        Weight(u32) = IPVS_DEST_ATTR_WEIGHT as HostU32,
        /// Upper threshold.
        UpperThreshold(u32) = IPVS_DEST_ATTR_U_THRESH as HostU32,
        /// Lower threshold.
        LowerThreshold(u32) = IPVS_DEST_ATTR_L_THRESH as HostU32,
        /// Established connections.
        ActiveConnections(u32) = IPVS_DEST_ATTR_ACTIVE_CONNS as HostU32,
        /// Connections in other states.
        InactiveConnections(u32) = IPVS_DEST_ATTR_INACT_CONNS as HostU32,
        /// Persistence templates.
        PersistentConnections(u32) = IPVS_DEST_ATTR_PERSIST_CONNS as HostU32,
        /// Counters, 32 bits wide.
        Stats(Vec<Stats32Attribute>) = IPVS_DEST_ATTR_STATS as Nested<Stats32Attribute>,
        /// Address family; absent or 0 means that of the service.
        Family(u16) = IPVS_DEST_ATTR_ADDR_FAMILY as HostU16,
        /// Counters, 64 bits wide.
        Stats64(Vec<Stats64Attribute>) = IPVS_DEST_ATTR_STATS64 as Nested<Stats64Attribute>,
        /// Kind of tunnel.
        TunnelKind(u8) = IPVS_DEST_ATTR_TUN_TYPE as HostU8,
        /// Port of the tunnel.
        TunnelPort(u16) = IPVS_DEST_ATTR_TUN_PORT as NetworkU16,
        /// Flags of the tunnel.
        TunnelFlags(u16) = IPVS_DEST_ATTR_TUN_FLAGS as HostU16,
    }
}
