// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters, named after the VRRP MIBs (RFC 2787, RFC 6527) and the YANG model (RFC 8347).

use std::time::Duration;

use super::{Reason, Rejected};
use crate::{error::DecodeError, wire::ChecksumDialect};

/// Counters of one virtual router since it was made.
///
/// `packets_received` = `advertisements_received` + `rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct RouterStats {
    /// Packets given to the router.
    pub packets_received: u64,
    /// Packets that were discarded, for any reason.
    pub rejected: u64,
    /// `master-transitions`: times the router became master.
    pub master_transitions: u64,
    /// `new-master-reason` (vrrpv3StatisticsNewMasterReason).
    pub new_master_reason: NewMasterReason,
    /// `advertisement-rcvd`: valid advertisements.
    pub advertisements_received: u64,
    /// `advertisement-sent`.
    pub advertisements_sent: u64,
    /// `priority-zero-pkts-rcvd`.
    pub priority_zero_received: u64,
    /// `priority-zero-pkts-sent`.
    pub priority_zero_sent: u64,
    /// `checksum-errors`.
    pub checksum_errors: u64,
    /// `version-errors`.
    pub version_errors: u64,
    /// `vrid-errors`: of another virtual router.
    pub vrid_errors: u64,
    /// `ip-ttl-errors`: TTL or hop limit not 255.
    pub ip_ttl_errors: u64,
    /// `invalid-type-pkts-rcvd`.
    pub invalid_type_packets_received: u64,
    /// `packet-length-errors`.
    pub packet_length_errors: u64,
    /// `interval-errors`: not the configured interval. VRRPv3 accepts these, except 0.
    pub interval_errors: u64,
    /// `address-list-errors`: not the configured addresses. These are accepted, except lists without any
    /// configured address and, in strict mode, an IPv6 list that does not begin with a link-local one.
    pub address_list_errors: u64,
    /// vrrpStatsInvalidAuthType: an authentication type that does not exist.
    pub invalid_authentication_type: u64,
    /// vrrpStatsAuthTypeMismatch: another authentication type than configured.
    pub authentication_type_mismatch: u64,
    /// vrrpStatsAuthFailures: wrong password.
    pub authentication_failures: u64,
    /// Packets of another address family, or not sent to the group's address.
    pub destination_errors: u64,
    /// Packets with this router's own source address: looped back, or an address used twice.
    pub own_address_packets: u64,
    /// Packets with an authentication header or HMAC trailer whose sequence number had been received
    /// before.
    pub replays: u64,
    /// Discarded because the HMAC trailer was missing.
    pub hmac_missing: u64,
    /// HMAC trailers of an unknown type, or with reserved bits set.
    pub hmac_malformed: u64,
    /// HMAC trailers made with a key that is not configured.
    pub hmac_unknown_key: u64,
    /// HMAC trailers with a wrong digest.
    pub hmac_invalid: u64,
    /// HMAC trailers made outside of the freshness window.
    pub hmac_stale: u64,
    /// Valid advertisements without HMAC trailer, in a mode that accepts them.
    pub unsigned_advertisements: u64,
    /// Unicast advertisements whose sender is not a configured peer.
    pub source_errors: u64,
    /// Valid advertisements that the address owner was configured to ignore.
    pub owner_ignored: u64,
    /// Valid advertisements whose checksum covers the pseudo-header: all of IPv6, and one dialect
    /// of VRRPv3 over IPv4.
    pub pseudo_header_checksums: u64,
    /// Valid advertisements whose checksum covers the message only: all of VRRPv2, and the other
    /// dialect of VRRPv3 over IPv4.
    pub message_only_checksums: u64,
    /// Valid unicast advertisements with the multicast group in the pseudo-header.
    pub group_pseudo_header_checksums: u64,
    /// Losing advertisements received as master.
    pub losing_advertisements: u64,
    /// Advertisements of lower priority that a backup ignored because it will preempt.
    pub lower_priority_discarded: u64,
    /// Times a master's timer was late by three intervals or more.
    pub stalls: u64,
    /// Times a backup's timer was late by more than half an interval at the end of the master down
    /// interval, so that it waited for one more interval.
    pub backup_stalls: u64,
    /// Announcements requested.
    pub announcements: u64,
    /// Times another address owner was found.
    pub owner_conflicts: u64,
    /// Times the router left the master state.
    pub master_released: u64,
    /// Timers served later than a tenth of the interval.
    pub late_timeouts: u64,
    /// The largest lateness of a timer; serialised in microseconds.
    #[cfg_attr(feature = "serde", serde(rename = "lateness_max_us", with = "micros"))]
    pub lateness_max: Duration,
    /// `protocol-error-reason` (vrrpv3RouterVrIdErrors and its like): of the last packet discarded.
    pub protocol_error_reason: ProtocolErrorReason,
}

/// The fault of the packet discarded last (vrrpv3NotificationsProtoErrReason).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ProtocolErrorReason {
    /// Nothing, or nothing that the MIB has a name for.
    #[default]
    NoError,
    /// TTL or hop limit.
    IpTtlError,
    /// Version.
    VersionError,
    /// Checksum.
    ChecksumError,
    /// VRID.
    VridError,
}

/// Why the router became master last (vrrpv3StatisticsNewMasterReason).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NewMasterReason {
    /// It has not been master.
    #[default]
    NotMaster,
    /// It is the address owner.
    Priority,
    /// It preempted a master of lower priority.
    Preempted,
    /// The master did not respond, or resigned.
    #[cfg_attr(feature = "serde", serde(rename = "no-response"))]
    MasterNoResponse,
}

impl RouterStats {
    /// Counts a packet that was discarded.
    pub(super) const fn count_rejected(&mut self, rejected: &Rejected) {
        self.rejected += 1;
        self.protocol_error_reason = match rejected {
            Rejected::HopLimit { .. } | Rejected::PeerHopLimit { .. } => {
                ProtocolErrorReason::IpTtlError
            }
            Rejected::Version { .. } | Rejected::Malformed(DecodeError::Version { .. }) => {
                ProtocolErrorReason::VersionError
            }
            Rejected::Malformed(DecodeError::Checksum { .. }) => ProtocolErrorReason::ChecksumError,
            Rejected::Vrid { .. } | Rejected::Malformed(DecodeError::VridZero) => {
                ProtocolErrorReason::VridError
            }
            _ => ProtocolErrorReason::NoError,
        };
        let counter = match rejected {
            Rejected::HopLimit { .. } | Rejected::PeerHopLimit { .. } => &mut self.ip_ttl_errors,
            Rejected::Destination { .. } | Rejected::Family { .. } => &mut self.destination_errors,
            Rejected::Version { .. } => &mut self.version_errors,
            Rejected::Vrid { .. } => &mut self.vrid_errors,
            Rejected::AuthenticationTypeUnknown { .. } => &mut self.invalid_authentication_type,
            Rejected::AuthenticationType { .. } | Rejected::AuthenticationHeaderMissing => {
                &mut self.authentication_type_mismatch
            }
            Rejected::AuthenticationFailure | Rejected::SecurityParameterIndex { .. } => {
                &mut self.authentication_failures
            }
            Rejected::SequenceReplayed { .. } | Rejected::TrailerReplayed { .. } => {
                &mut self.replays
            }
            Rejected::TrailerMissing => &mut self.hmac_missing,
            Rejected::TrailerMalformed { .. } => &mut self.hmac_malformed,
            Rejected::TrailerKey { .. } => &mut self.hmac_unknown_key,
            Rejected::TrailerInvalid { .. } => &mut self.hmac_invalid,
            Rejected::TrailerStale { .. } | Rejected::TrailerWithoutClock => &mut self.hmac_stale,
            Rejected::Interval { .. } => &mut self.interval_errors,
            Rejected::Source => &mut self.source_errors,
            Rejected::AddressOwner => &mut self.owner_ignored,
            Rejected::OwnAddress => &mut self.own_address_packets,
            Rejected::FirstAddress { .. } | Rejected::ForeignAddresses { .. } => {
                &mut self.address_list_errors
            }
            Rejected::Malformed(error) => match error {
                DecodeError::TooShort { .. }
                | DecodeError::Length { .. }
                | DecodeError::AuthenticationLength { .. } => &mut self.packet_length_errors,
                DecodeError::NextHeader { .. } => &mut self.invalid_type_packets_received,
                DecodeError::Version { .. } => &mut self.version_errors,
                DecodeError::Type { .. } => &mut self.invalid_type_packets_received,
                DecodeError::VridZero => &mut self.vrid_errors,
                DecodeError::Checksum { .. } => &mut self.checksum_errors,
                DecodeError::IntervalZero => &mut self.interval_errors,
                DecodeError::NoAddress => &mut self.address_list_errors,
                DecodeError::Family { .. } => &mut self.destination_errors,
            },
        };
        *counter += 1;
    }

    /// Counts how the checksum of a valid advertisement was made.
    pub(super) const fn count_dialect(&mut self, dialect: ChecksumDialect) {
        let counter = match dialect {
            ChecksumDialect::PseudoHeader => &mut self.pseudo_header_checksums,
            ChecksumDialect::MessageOnly => &mut self.message_only_checksums,
            ChecksumDialect::GroupPseudoHeader => &mut self.group_pseudo_header_checksums,
        };
        *counter += 1;
    }

    /// Counts how late a timer was served.
    pub(super) fn count_lateness(&mut self, lateness: Duration, tolerated: Duration) {
        self.late_timeouts += u64::from(lateness > tolerated);
        self.lateness_max = self.lateness_max.max(lateness);
    }

    /// Counts that the router became master.
    pub(super) const fn count_master(&mut self, reason: Reason) {
        self.master_transitions += 1;
        self.new_master_reason = match reason {
            Reason::Preemption { .. } => NewMasterReason::Preempted,
            Reason::MasterDownTimer | Reason::PeerResigned { .. } => {
                NewMasterReason::MasterNoResponse
            }
            Reason::Startup
            | Reason::Recovered
            | Reason::Fault { .. }
            | Reason::Resigned
            | Reason::SyncGroup
            | Reason::Stalled { .. }
            | Reason::OwnerConflict { .. }
            | Reason::Shutdown
            | Reason::HigherPriority { .. }
            | Reason::HigherAddress { .. } => NewMasterReason::Priority,
        };
    }
}

/// A duration as whole microseconds, as other programs expect it in JSON.
#[cfg(feature = "serde")]
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        u64::try_from(time.as_micros())
            .unwrap_or(u64::MAX)
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}
