// SPDX-License-Identifier: MIT OR Apache-2.0
//! `keepalived.stats`: text that is YAML as well.

use std::fmt::{self, Write as _};

use super::{Moment, RouterMoment};

/// The counters of the virtual routers; empty if there is none.
#[must_use]
pub fn stats(moment: &Moment<'_>) -> String {
    let mut text = String::new();
    for router in &moment.routers {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", Counters(router));
    }
    text
}

struct Counters<'a>(&'a RouterMoment<'a>);

impl fmt::Display for Counters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = &self.0.stats;
        writeln!(f, "VRRP Instance: {}", self.0.instance.spec.name)?;
        writeln!(f, "  Advertisements:")?;
        writeln!(f, "    Received: {}", stats.advertisements_received)?;
        writeln!(f, "    Sent: {}", stats.advertisements_sent)?;
        writeln!(f, "  Became master: {}", stats.master_transitions)?;
        writeln!(f, "  Released master: {}", stats.master_released)?;
        writeln!(f, "  Packet Errors:")?;
        writeln!(f, "    Length: {}", stats.packet_length_errors)?;
        writeln!(f, "    TTL: {}", stats.ip_ttl_errors)?;
        writeln!(
            f,
            "    Invalid Type: {}",
            stats.invalid_type_packets_received
        )?;
        writeln!(f, "    Advertisement Interval: {}", stats.interval_errors)?;
        writeln!(f, "    Address List: {}", stats.address_list_errors)?;
        writeln!(f, "  Authentication Errors:")?;
        writeln!(f, "    Invalid Type: {}", stats.invalid_authentication_type)?;
        writeln!(
            f,
            "    Type Mismatch: {}",
            stats.authentication_type_mismatch
        )?;
        writeln!(f, "    Failure: {}", stats.authentication_failures)?;
        writeln!(f, "  Authentication Extension Errors:")?;
        writeln!(f, "    Missing: {}", stats.hmac_missing)?;
        writeln!(f, "    Malformed: {}", stats.hmac_malformed)?;
        writeln!(f, "    Unknown Key: {}", stats.hmac_unknown_key)?;
        writeln!(f, "    Invalid HMAC: {}", stats.hmac_invalid)?;
        writeln!(f, "    Stale: {}", stats.hmac_stale)?;
        writeln!(f, "    Replay: {}", stats.replays)?;
        writeln!(f, "  Priority Zero:")?;
        writeln!(f, "    Received: {}", stats.priority_zero_received)?;
        writeln!(f, "    Sent: {}", stats.priority_zero_sent)
    }
}
