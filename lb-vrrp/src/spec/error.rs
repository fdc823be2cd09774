// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules that a description can break.

use std::net::IpAddr;

use crate::track::ObjectId;
use crate::{AddressFamily, StaticError, Vrid};

/// A rule that a [`Configuration`](super::Configuration) breaks; see [`check`](super::check).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A router without an interface.
    #[error("virtual router {router} has no interface")]
    NoInterface {
        /// Name of the router.
        router: String,
    },
    /// Two routers with the same VRID, interface and address family: neither could distinguish its
    /// adverts from the other's.
    #[error("virtual routers {first} and {second} share VRID {vrid} on {interface}")]
    DuplicateRouter {
        /// VRID of both.
        vrid: Vrid,
        /// Interface of both.
        interface: String,
        /// Name of the first router.
        first: String,
        /// Name of the second router.
        second: String,
    },
    /// A source of adverts that is not of the family of the virtual addresses.
    #[error("virtual router {router}: {source_address} cannot be the source of {family} adverts")]
    SourceFamily {
        /// Name of the router.
        router: String,
        /// The source.
        source_address: IpAddr,
        /// Family of the virtual addresses.
        family: AddressFamily,
    },
    /// An address, prefix length, label or broadcast address that the kernel would refuse.
    #[error("virtual router {router}: address {address}/{prefix_len} has {problem}")]
    InvalidAddress {
        /// Name of the router.
        router: String,
        /// The address.
        address: IpAddr,
        /// Prefix length of the address.
        prefix_len: u8,
        /// The part that is refused.
        problem: &'static str,
    },
    /// A route or rule that the kernel would refuse.
    #[error("virtual router {router}: {entry}: {problem}")]
    InvalidRoute {
        /// Name of the router.
        router: String,
        /// The route or rule, as `ip route` and `ip rule` write it.
        entry: String,
        /// Reason for the refusal.
        problem: &'static str,
    },
    /// A macvlan that the kernel would refuse.
    #[error("virtual router {router}: {what} for its virtual MAC address: {problem}")]
    InvalidVmac {
        /// Name of the router.
        router: String,
        /// Interface name or prefix, and MAC address.
        what: String,
        /// Reason for the refusal.
        problem: &'static str,
    },
    /// An ipvlan that cannot be used.
    #[error("virtual router {router}: the ipvlan cannot be used: {problem}")]
    InvalidIpvlan {
        /// Name of the router.
        router: String,
        /// The reason.
        problem: &'static str,
    },
    /// Two routers with one macvlan, or with one MAC address on the same interface.
    #[error("virtual routers {first} and {second} both have {what}")]
    DuplicateVmac {
        /// Name of the first router.
        first: String,
        /// Name of the second router.
        second: String,
        /// The interface name or the MAC address.
        what: String,
    },
    /// Two tracked objects of the same kind and name.
    #[error("{object} is defined twice")]
    DuplicateObject {
        /// The object.
        object: ObjectId,
    },
    /// A tracked object that is not defined.
    #[error("{name} tracks {object}, which is not defined")]
    UnknownObject {
        /// Name of the router or sync group.
        name: String,
        /// The object.
        object: ObjectId,
    },
    /// Two sync groups of the same name.
    #[error("sync group {group} is defined twice")]
    DuplicateGroup {
        /// The name.
        group: String,
    },
    /// A member of a sync group that is not a router.
    #[error("sync group {group}: unknown instance {member}")]
    UnknownMember {
        /// Name of the sync group.
        group: String,
        /// Name of the member.
        member: String,
    },
    /// A router in two sync groups.
    #[error("virtual router {member} is in the sync groups {first} and {second}")]
    SharedMember {
        /// Name of the router.
        member: String,
        /// Name of the first group.
        first: String,
        /// Name of the second group.
        second: String,
    },
    /// Static addresses, routes or rules that break a rule.
    #[error(transparent)]
    Static(#[from] StaticError),
}
