// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters, named after the VRRP MIBs (RFC 2787, RFC 6527) and the YANG model (RFC 8347).

use super::{Reason, Rejected};
use crate::{error::DecodeError, wire::ChecksumDialect};

/// Counters of one virtual router since it was made.
///
/// `packets_received` = `advertisements_received` + `rejected`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterStats {
    /// Packets given to the router.
    pub packets_received: u64,
    /// Packets that were discarded, for whatever reason.
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
    /// `address-list-errors`: not the configured addresses. These are accepted, except none at all
    /// and an IPv6 list without its link-local address.
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
    /// Valid advertisements over IPv4 whose VRRPv3 checksum covers the message only.
    pub message_only_checksums: u64,
    /// Losing advertisements received as master.
    pub losing_advertisements: u64,
    /// Lower priorities a backup disregarded because it will preempt.
    pub lower_priority_discarded: u64,
    /// Times a master found that it had not been run for three intervals.
    pub stalls: u64,
    /// Announcements asked for.
    pub announcements: u64,
}

/// Why the router became master last (vrrpv3StatisticsNewMasterReason).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    MasterNoResponse,
}

impl RouterStats {
    /// Counts a packet that was discarded.
    pub(super) const fn count_rejected(&mut self, rejected: &Rejected) {
        self.rejected += 1;
        let counter = match rejected {
            Rejected::HopLimit { .. } => &mut self.ip_ttl_errors,
            Rejected::Destination { .. } | Rejected::Family { .. } => &mut self.destination_errors,
            Rejected::Version { .. } => &mut self.version_errors,
            Rejected::Vrid { .. } => &mut self.vrid_errors,
            Rejected::AuthenticationTypeUnknown { .. } => &mut self.invalid_authentication_type,
            Rejected::AuthenticationType { .. } => &mut self.authentication_type_mismatch,
            Rejected::AuthenticationFailure => &mut self.authentication_failures,
            Rejected::Interval { .. } => &mut self.interval_errors,
            Rejected::OwnAddress => &mut self.own_address_packets,
            Rejected::Malformed(error) => match error {
                DecodeError::TooShort { .. } | DecodeError::Length { .. } => {
                    &mut self.packet_length_errors
                }
                DecodeError::Version { .. } => &mut self.version_errors,
                DecodeError::Type { .. } => &mut self.invalid_type_packets_received,
                DecodeError::VridZero => &mut self.vrid_errors,
                DecodeError::Checksum { .. } => &mut self.checksum_errors,
                DecodeError::IntervalZero => &mut self.interval_errors,
                DecodeError::NoAddress | DecodeError::FirstAddress { .. } => {
                    &mut self.address_list_errors
                }
                DecodeError::Family { .. } => &mut self.destination_errors,
            },
        };
        *counter += 1;
    }

    /// Counts how the checksum of a valid advertisement was made.
    pub(super) fn count_dialect(&mut self, dialect: ChecksumDialect) {
        self.message_only_checksums += u64::from(dialect == ChecksumDialect::MessageOnly);
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
            | Reason::LinkUp
            | Reason::LinkDown
            | Reason::Shutdown
            | Reason::HigherPriority { .. }
            | Reason::HigherAddress { .. } => NewMasterReason::Priority,
        };
    }
}
