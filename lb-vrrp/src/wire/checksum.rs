// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Internet checksum over an advertisement (RFC 1071; RFC 3768 §5.3.8, RFC 9568 §5.2.8).

use std::net::IpAddr;

use pnet::packet::{
    ip::IpNextHeaderProtocol,
    util::{checksum, ipv4_checksum, ipv6_checksum},
};

use crate::params::{AddressFamily, Version};

/// IP protocol number of VRRP.
const PROTOCOL: IpNextHeaderProtocol = IpNextHeaderProtocol(112);

/// The sixteen-bit word of the header that holds the checksum.
const FIELD_WORD: usize = 3;

/// No word: for a sum over everything.
const NO_WORD: usize = usize::MAX;

/// What the checksum of a VRRPv3 advertisement over IPv4 covers: RFC 5798 was read in two ways.
/// VRRPv2 always covers the message only, IPv6 always has the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumDialect {
    /// Pseudo-header and message: keepalived, FRR, most others.
    PseudoHeader,
    /// The message only: the text of RFC 9568, Cisco IOS, Arista EOS, holo; keepalived with
    /// `v3_checksum_as_v2`.
    MessageOnly,
    /// A pseudo-header with 224.0.0.18 in a packet to a unicast peer: keepalived up to 1.3.6
    /// (`old_unicast_checksum`).
    GroupPseudoHeader,
}

impl ChecksumDialect {
    /// The only dialect of a version and family, where there is only one.
    pub(super) const fn fixed(version: Version, family: AddressFamily) -> Option<Self> {
        match (version, family) {
            (Version::V2, _) => Some(Self::MessageOnly),
            (Version::V3, AddressFamily::Ipv6) => Some(Self::PseudoHeader),
            (Version::V3, AddressFamily::Ipv4) => None,
        }
    }

    /// Fills in the checksum field; what stood there does not matter. A message without one is left
    /// as it is.
    pub(super) fn write(self, message: &mut [u8], source: IpAddr, destination: IpAddr) {
        let checksum = self.sum(message, FIELD_WORD, source, destination);
        if let Some(field) = message.get_mut(FIELD_WORD * 2..FIELD_WORD * 2 + 2) {
            field.copy_from_slice(&checksum.to_be_bytes());
        }
    }

    /// Whether the checksum field is right.
    pub(super) fn verify(self, message: &[u8], source: IpAddr, destination: IpAddr) -> bool {
        self.sum(message, NO_WORD, source, destination) == 0
    }

    fn sum(self, message: &[u8], skip: usize, source: IpAddr, destination: IpAddr) -> u16 {
        let pseudo = |destination| match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4_checksum(message, skip, &[], &source, &destination, PROTOCOL)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6_checksum(message, skip, &[], &source, &destination, PROTOCOL)
            }
            // No such packet exists; `parse` has refused it.
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                checksum(message, skip)
            }
        };
        match self {
            Self::PseudoHeader => pseudo(destination),
            Self::GroupPseudoHeader => {
                pseudo(crate::multicast_group(AddressFamily::for_address(source)))
            }
            Self::MessageOnly => checksum(message, skip),
        }
    }
}
