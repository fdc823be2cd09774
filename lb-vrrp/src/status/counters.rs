// SPDX-License-Identifier: MIT OR Apache-2.0
//! The counters of a virtual router.

use serde::{Deserialize, Serialize};

use crate::RouterStats;

/// Counters of a virtual router, named after the VRRP MIBs (RFC 2787, RFC 6527) and the YANG model
/// (RFC 8347).
///
/// `packets_received` = `advertisements_received` + `rejected`, and each rejected packet is counted
/// by its reason as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RouterCounters {
    /// The engine's.
    #[serde(flatten)]
    pub stats: RouterStats,
    /// Adverts the kernel refused to send.
    pub send_failures: u64,
}

impl RouterCounters {
    /// Why packets were discarded, for people: each reason's name with its count, those that never
    /// happened left out.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let stats = &self.stats;
        [
            ("checksum", stats.checksum_errors),
            ("version", stats.version_errors),
            ("vrid", stats.vrid_errors),
            ("ttl", stats.ip_ttl_errors),
            ("type", stats.invalid_type_packets_received),
            ("length", stats.packet_length_errors),
            ("interval", stats.interval_errors),
            ("address list", stats.address_list_errors),
            (
                "unknown authentication type",
                stats.invalid_authentication_type,
            ),
            ("authentication type", stats.authentication_type_mismatch),
            ("password", stats.authentication_failures),
            ("replayed", stats.replays),
            ("hmac missing", stats.hmac_missing),
            ("hmac malformed", stats.hmac_malformed),
            ("hmac key", stats.hmac_unknown_key),
            ("hmac", stats.hmac_invalid),
            ("hmac stale", stats.hmac_stale),
            ("no peer", stats.source_errors),
            ("address owner", stats.owner_ignored),
            ("destination", stats.destination_errors),
            ("own address", stats.own_address_packets),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }
}
