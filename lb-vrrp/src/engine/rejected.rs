// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a packet was discarded, with its evidence.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    error::DecodeError,
    params::{AddressFamily, AdvertInterval, Version, Vrid},
};

/// Why a packet was discarded; one for each check of RFC 9568 §7.1, RFC 2338 §7.1 and of the HMAC
/// trailer. Each has its counter in [`RouterStats`](crate::RouterStats), and nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// TTL or hop limit is not 255: the packet came through a router.
    #[error("TTL {hop_limit}, must be 255")]
    HopLimit {
        /// TTL or hop limit received.
        hop_limit: u8,
    },
    /// A unicast peer is not as far away as it is configured to be.
    #[error("TTL {hop_limit} from this peer, must be {min} to {max}")]
    PeerHopLimit {
        /// TTL or hop limit received.
        hop_limit: u8,
        /// Lower bound configured.
        min: u8,
        /// Upper bound configured.
        max: u8,
    },
    /// The packet is of the other address family.
    #[error("{family} packet")]
    Family {
        /// Family of its source.
        family: AddressFamily,
    },
    /// Not sent to the group's address; with unicast peers, sent to a group.
    #[error("sent to {destination}")]
    Destination {
        /// Where it was sent.
        destination: IpAddr,
    },
    /// The bytes are no valid advertisement.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// A valid version, not the configured one.
    #[error("{got}, configured {expected}")]
    Version {
        /// Version received.
        got: Version,
        /// Version configured.
        expected: Version,
    },
    /// The packet is of another virtual router.
    #[error("virtual router id {got}, configured {expected}")]
    Vrid {
        /// VRID received.
        got: Vrid,
        /// VRID configured.
        expected: Vrid,
    },
    /// An authentication type that was never defined.
    #[error("unknown authentication type {kind}")]
    AuthenticationTypeUnknown {
        /// Type received.
        kind: u8,
    },
    /// Another authentication type than configured.
    #[error("authentication type {got}, configured {expected}")]
    AuthenticationType {
        /// Type received.
        got: u8,
        /// Type configured.
        expected: u8,
    },
    /// Wrong password, or an authentication header made with another one.
    #[error("wrong password")]
    AuthenticationFailure,
    /// Type AH without the header.
    #[error("authentication header missing")]
    AuthenticationHeaderMissing,
    /// The security parameter index of an authentication header is not the sender's address.
    #[error("security parameter index {spi}, must be the source")]
    SecurityParameterIndex {
        /// Index received.
        spi: Ipv4Addr,
    },
    /// The sequence number of an authentication header has been received before.
    #[error("authentication header's sequence number {sequence} after {last}")]
    SequenceReplayed {
        /// Number received.
        sequence: u32,
        /// Highest number received.
        last: u32,
    },
    /// No HMAC trailer, although the mode requires one.
    #[error("HMAC trailer missing")]
    TrailerMissing,
    /// A trailer of a kind that does not exist, or with its reserved bits set.
    #[error("HMAC trailer of type {kind}, reserved {reserved:#06x}")]
    TrailerMalformed {
        /// Type received.
        kind: u8,
        /// Reserved field received.
        reserved: u16,
    },
    /// Signed with a key that is not configured here.
    #[error("HMAC key {id} is not configured")]
    TrailerKey {
        /// Number of the key.
        id: u8,
    },
    /// Wrong digest: forged, altered, or another secret under this number.
    #[error("wrong HMAC with key {id}")]
    TrailerInvalid {
        /// Number of the key.
        id: u8,
    },
    /// Signed at another time than now.
    #[error("HMAC trailer is {skew} s behind our clock, at most {window} s are accepted")]
    TrailerStale {
        /// Seconds the sender's clock is behind ours; negative: ahead.
        skew: i32,
        /// Seconds accepted either way.
        window: u32,
    },
    /// A freshness window is configured, and the router does not know the time of day.
    #[error("HMAC trailer cannot be checked without a clock")]
    TrailerWithoutClock,
    /// The sequence of a trailer has been received before.
    #[error("HMAC sequence {sequence:#018x} after {last:#018x}")]
    TrailerReplayed {
        /// Sequence received.
        sequence: u64,
        /// Highest sequence received from this sender.
        last: u64,
    },
    /// Another interval than configured (VRRPv2 only).
    #[error("advertisement interval {got}, configured {expected}")]
    Interval {
        /// Interval received.
        got: AdvertInterval,
        /// Interval configured.
        expected: AdvertInterval,
    },
    /// In strict mode, an IPv6 advertisement that does not begin with a link-local address
    /// (erratum 8300).
    #[error("first address {address} is not link-local")]
    FirstAddress {
        /// The first address.
        address: Ipv6Addr,
    },
    /// None of the advertised addresses is one of this router: another virtual router has the same VRID.
    #[error(
        "advertises {first} and no address of this router: another virtual router has the same id, \
         choose another virtual_router_id"
    )]
    ForeignAddresses {
        /// The first address received.
        first: IpAddr,
    },
    /// Not sent by a configured unicast peer.
    #[error("not a unicast peer")]
    Source,
    /// Sent from this router's own address: looped back, or an address used twice.
    #[error(
        "sent from this router's own address: another host has the address too, or the LAN returns adverts"
    )]
    OwnAddress,
    /// This router is the address owner and is configured to ignore advertisements.
    #[error("address owner ignores advertisements")]
    AddressOwner,
}
