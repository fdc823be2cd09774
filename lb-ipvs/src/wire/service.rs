// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of a service (`IPVS_SVC_ATTR_*`).

use netlink_packet_core::{DecodeError, ErrorContext};

use super::{
    address::{Address, WireAddress},
    codec::{Codec, HostU16, HostU32, Nested, NetworkU16, Octets, Text, attributes, exactly},
    constants::*,
    stats::{Stats32Attribute, Stats64Attribute},
};

attributes! {
    /// An attribute of a service (`IPVS_SVC_ATTR_*`).
    pub enum ServiceAttribute {
        /// Address family, `AF_INET` or `AF_INET6`.
        Family(u16) = IPVS_SVC_ATTR_AF as HostU16,
        /// IP protocol number.
        Protocol(u16) = IPVS_SVC_ATTR_PROTOCOL as HostU16,
        /// Virtual address.
        Address(WireAddress) = IPVS_SVC_ATTR_ADDR as Address,
        /// Virtual port.
        Port(u16) = IPVS_SVC_ATTR_PORT as NetworkU16,
        /// Firewall mark.
        FirewallMark(u32) = IPVS_SVC_ATTR_FWMARK as HostU32,
        /// Name of the scheduler.
        Scheduler(String) = IPVS_SVC_ATTR_SCHED_NAME as Text,
        /// Flags.
        Flags(WireFlags) = IPVS_SVC_ATTR_FLAGS as Flags,
        /// Persistence time-out in seconds.
        Timeout(u32) = IPVS_SVC_ATTR_TIMEOUT as HostU32,
        /// IPv4 mask in network order, or IPv6 prefix length in host order.
        Netmask([u8; 4]) = IPVS_SVC_ATTR_NETMASK as Octets<4>,
        /// Counters, 32 bits wide.
        Stats(Vec<Stats32Attribute>) = IPVS_SVC_ATTR_STATS as Nested<Stats32Attribute>,
        /// Name of the persistence engine.
        PersistenceEngine(String) = IPVS_SVC_ATTR_PE_NAME as Text,
        /// Counters, 64 bits wide.
        Stats64(Vec<Stats64Attribute>) = IPVS_SVC_ATTR_STATS64 as Nested<Stats64Attribute>,
    }
}

/// Flags of a service, and which of them a request is about (`struct ip_vs_flags`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the kernel's structure has exactly these fields"
)]
pub struct WireFlags {
    /// The flags.
    pub flags: u32,
    /// The bits of [`WireFlags::flags`] that count.
    pub mask: u32,
}

struct Flags;

impl Codec for Flags {
    type Value = WireFlags;

    fn len(_: &WireFlags) -> usize {
        8
    }

    fn emit(value: &WireFlags, buffer: &mut [u8]) {
        let (flags, mask) = buffer.split_at_mut(4);
        flags.copy_from_slice(&value.flags.to_ne_bytes());
        mask.copy_from_slice(&value.mask.to_ne_bytes());
    }

    fn parse(bytes: &[u8]) -> Result<WireFlags, DecodeError> {
        let [a, b, c, d, e, f, g, h] = exactly(bytes)?;
        Ok(WireFlags {
            flags: u32::from_ne_bytes([a, b, c, d]),
            mask: u32::from_ne_bytes([e, f, g, h]),
        })
    }
}
