// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of decoding and of configuration.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU8,
    time::Duration,
};

use crate::params::{AddressFamily, AdvertInterval, Version, Vrid};

/// Why bytes are not a valid advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Shorter than the fixed header.
    #[error("{got} bytes, a header takes {needed}")]
    TooShort {
        /// Bytes of a header.
        needed: usize,
        /// Bytes received.
        got: usize,
    },
    /// Neither version 2 nor 3.
    #[error("unknown version {version}")]
    Version {
        /// The number received.
        version: u8,
    },
    /// Not an advertisement, the only type there is.
    #[error("unknown packet type {kind}")]
    Type {
        /// The number received.
        kind: u8,
    },
    /// VRID 0 is not an identifier.
    #[error("virtual router id 0")]
    VridZero,
    /// The length does not follow from the number of addresses.
    #[error("{got} bytes, with {count} addresses it must be {expected}")]
    Length {
        /// Number of addresses in the header.
        count: u8,
        /// Bytes that many addresses take.
        expected: usize,
        /// Bytes received.
        got: usize,
    },
    /// The checksum is right in none of the dialects there are.
    #[error("wrong checksum {checksum:#06x}")]
    Checksum {
        /// The field received.
        checksum: u16,
    },
    /// No address (erratum 8299).
    #[error("no address")]
    NoAddress,
    /// Interval 0 (erratum 8301).
    #[error("advertisement interval 0")]
    IntervalZero,
    /// An IP authentication header in front of something else than VRRP.
    #[error("authentication header of IP protocol {protocol}")]
    NextHeader {
        /// The protocol number received.
        protocol: u8,
    },
    /// An IP authentication header that is not as long as HMAC-MD5-96 needs it.
    #[error("authentication header of length {words}, must be 4")]
    AuthenticationLength {
        /// The length field received: 32-bit words, less two.
        words: u8,
    },
    /// Source and destination of different families, or VRRPv2 over IPv6.
    #[error("{version} from {source_address} to {destination}")]
    Family {
        /// Version in the header.
        version: Version,
        /// Source of the packet.
        source_address: IpAddr,
        /// Destination of the packet.
        destination: IpAddr,
    },
}

/// Why a parameter or a combination of parameters is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// VRID 0.
    #[error("virtual router id 0, must be 1 to 255")]
    VridZero,
    /// Priority 0.
    #[error("priority 0, must be 1 to 255")]
    PriorityZero,
    /// Interval 0.
    #[error("advertisement interval 0")]
    IntervalZero,
    /// More centiseconds than the header holds.
    #[error("advertisement interval of {centis} centiseconds, must be at most 4095")]
    IntervalTooLong {
        /// Centiseconds given.
        centis: u16,
    },
    /// The version's header cannot carry this interval.
    #[error(
        "advertisement interval {interval}: {version} carries {}",
        match .version { Version::V2 => "whole seconds up to 255", Version::V3 => "up to 40.95 s" }
    )]
    IntervalForVersion {
        /// Interval given.
        interval: AdvertInterval,
        /// Version given.
        version: Version,
    },
    /// Empty, or longer than the packet's field.
    #[error("password of {length} bytes, must be 1 to 8")]
    PasswordLength {
        /// Bytes given.
        length: usize,
    },
    /// VRRPv3 has no authentication but the HMAC trailer.
    #[error("{version} has neither passwords nor IP authentication headers")]
    AuthenticationForVersion {
        /// Version given.
        version: Version,
    },
    /// No virtual address.
    #[error("no virtual address")]
    NoAddress,
    /// More addresses than one advertisement holds.
    #[error("{count} virtual addresses, must be at most {limit}")]
    TooManyAddresses {
        /// Addresses given.
        count: usize,
        /// Addresses that fit.
        limit: usize,
    },
    /// A virtual address that no interface can hold.
    #[error("{address} cannot be a virtual address (unspecified, multicast or broadcast)")]
    VirtualAddress {
        /// Address given.
        address: IpAddr,
    },
    /// The same virtual address again.
    #[error("virtual address {address} given twice")]
    AddressTwice {
        /// Address given.
        address: IpAddr,
    },
    /// IPv4 and IPv6 in one virtual router.
    #[error("virtual addresses {first} and {other} in one virtual router")]
    MixedFamilies {
        /// The first address.
        first: IpAddr,
        /// The first of the other family.
        other: IpAddr,
    },
    /// VRRPv2 supports IPv4 only.
    #[error("{version} does not carry {family} addresses")]
    FamilyForVersion {
        /// Family of the addresses.
        family: AddressFamily,
        /// Version given.
        version: Version,
    },
    /// In strict mode an IPv6 router's first virtual address must be link-local (RFC 9568 §5.2.9).
    #[error("strict mode requires a link-local first address, not {address}")]
    FirstAddress {
        /// The first address.
        address: Ipv6Addr,
    },
    /// The router's own address is of another family than its virtual addresses.
    #[error("primary address {primary} of a router with {family} addresses")]
    PrimaryFamily {
        /// The router's own address.
        primary: IpAddr,
        /// Family of its virtual addresses.
        family: AddressFamily,
    },
    /// An HMAC key of number 0.
    #[error("HMAC key 0, must be 1 to 255")]
    HmacKeyZero,
    /// An HMAC key that is too short or too long.
    #[error("HMAC key {id} of {length} bytes, must be 32 to 64")]
    HmacKeyLength {
        /// Its number.
        id: NonZeroU8,
        /// Bytes given.
        length: usize,
    },
    /// Two HMAC keys of one number.
    #[error("HMAC key {id} given twice")]
    HmacKeyTwice {
        /// The number.
        id: u8,
    },
    /// No key has the number of the active one.
    #[error("active HMAC key {id} is not among the keys")]
    HmacKeyUnknown {
        /// The number.
        id: u8,
    },
    /// A freshness window that is too short or too long.
    #[error("HMAC time window of {window:?}, must be 1 s to 300 s")]
    HmacWindow {
        /// Window given.
        window: Duration,
    },
    /// `down_timer_adverts` out of range.
    #[error("{adverts} advertisement intervals to master down, must be 1 to 100")]
    DownTimerAdverts {
        /// Number given.
        adverts: u8,
    },
    /// A delay out of range.
    #[error("preempt delay of {delay:?}, must be at most 1000 s")]
    PreemptDelay {
        /// Delay given.
        delay: Duration,
    },
    /// A preemption delay for a router that never preempts.
    #[error("preempt delay of a router that does not preempt")]
    PreemptDelayWithoutPreempt,
    /// A unicast peer that is not the address of a host.
    #[error("{address} cannot be a unicast peer")]
    PeerAddress {
        /// Address given.
        address: IpAddr,
    },
    /// A unicast peer or a group of another family than the virtual addresses.
    #[error("{address} as destination of a router with {family} addresses")]
    PeerFamily {
        /// Address given.
        address: IpAddr,
        /// Family of the virtual addresses.
        family: AddressFamily,
    },
    /// The same unicast peer again.
    #[error("unicast peer {address} given twice")]
    PeerTwice {
        /// Address given.
        address: IpAddr,
    },
    /// An empty range of hop limits.
    #[error("unicast peer {address} with TTL {min} to {max}")]
    PeerHopLimits {
        /// The peer.
        address: IpAddr,
        /// Lower bound given.
        min: u8,
        /// Upper bound given.
        max: u8,
    },
    /// The router's own address among its unicast peers.
    #[error("own address {address} among the unicast peers")]
    PeerIsSelf {
        /// The address.
        address: IpAddr,
    },
    /// A group that is not a multicast address.
    #[error("{address} is not a multicast address")]
    Group {
        /// Address given.
        address: IpAddr,
    },
    /// A group beside unicast peers, or another TTL than 255 without them.
    #[error("{what} requires {with}")]
    PeersOnly {
        /// The setting.
        what: &'static str,
        /// The required setting.
        with: &'static str,
    },
    /// The advertisement has no room for a single address.
    #[error("an MTU of {mtu} has no room for an address")]
    Mtu {
        /// Bytes given.
        mtu: u16,
    },
    /// A setting that strict mode forbids.
    #[error("strict mode allows no {what}")]
    Strict {
        /// The setting.
        what: &'static str,
    },
    /// A running router keeps its identity; another one is another router.
    #[error(
        "router {from_vrid} ({from_version}, {from_family}) cannot become {to_vrid} ({to_version}, {to_family})"
    )]
    IdentityChanged {
        /// VRID it has.
        from_vrid: Vrid,
        /// Version it speaks.
        from_version: Version,
        /// Family of its addresses.
        from_family: AddressFamily,
        /// VRID asked for.
        to_vrid: Vrid,
        /// Version asked for.
        to_version: Version,
        /// Family asked for.
        to_family: AddressFamily,
    },
}
