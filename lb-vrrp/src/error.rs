// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of decoding and of configuration.

use std::net::{IpAddr, Ipv6Addr};

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
    /// An IPv6 advertisement that does not begin with a link-local address (erratum 8300).
    #[error("first address {address} is not link-local")]
    FirstAddress {
        /// The first address.
        address: Ipv6Addr,
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
    /// VRRPv3 has no authentication.
    #[error("{version} has no authentication")]
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
    /// IPv4 and IPv6 in one virtual router.
    #[error("virtual addresses {first} and {other} in one virtual router")]
    MixedFamilies {
        /// The first address.
        first: IpAddr,
        /// The first of the other family.
        other: IpAddr,
    },
    /// VRRPv2 knows IPv4 only.
    #[error("{version} does not carry {family} addresses")]
    FamilyForVersion {
        /// Family of the addresses.
        family: AddressFamily,
        /// Version given.
        version: Version,
    },
    /// An IPv6 router's first virtual address must be link-local (RFC 9568 §5.2.9).
    #[error("first virtual address {address} is not link-local")]
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
