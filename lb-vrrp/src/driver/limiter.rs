// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells of rejected packets once in a while per sender and kind of reason.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Rejected, Vrid};

/// How long a sender's further packets of the same kind are only counted.
const QUIET: Duration = Duration::from_secs(30);
/// Senders and kinds remembered; forged sources must not take memory.
const ENTRIES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct RejectedLimiter(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    source: IpAddr,
    kind: Discriminant<Rejected>,
    told: Instant,
    suppressed: u64,
}

impl RejectedLimiter {
    /// Whether to tell of this packet; if so, how many like it were not told since the last.
    pub(super) fn admit(&mut self, now: Instant, source: IpAddr, reason: &Rejected) -> Option<u64> {
        let kind = discriminant(reason);
        let known = self
            .0
            .iter_mut()
            .find(|entry| entry.source == source && entry.kind == kind);
        if let Some(entry) = known {
            if now.saturating_duration_since(entry.told) < QUIET {
                entry.suppressed += 1;
                return None;
            }
            entry.told = now;
            return Some(std::mem::take(&mut entry.suppressed));
        }
        if self.0.len() >= ENTRIES {
            self.0
                .retain(|entry| now.saturating_duration_since(entry.told) < QUIET);
        }
        if self.0.len() >= ENTRIES {
            return None;
        }
        self.0.push(Entry {
            source,
            kind,
            told: now,
            suppressed: 0,
        });
        Some(0)
    }
}

/// Tells of each virtual router that is none of ours once.
#[derive(Debug, Default)]
pub(super) struct Strangers(Vec<(Vrid, IpAddr)>);

impl Strangers {
    /// Whether to tell of this one.
    pub(super) fn admit(&mut self, vrid: Vrid, source: IpAddr) -> bool {
        let new = !self.0.contains(&(vrid, source)) && self.0.len() < ENTRIES;
        if new {
            self.0.push((vrid, source));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_packet_of_a_kind_and_sender_is_told_and_the_others_are_counted() {
        let mut limiter = RejectedLimiter::default();
        let start = Instant::now();
        let first = IpAddr::from([192, 0, 2, 1]);
        let password = Rejected::AuthenticationFailure;
        let ttl = |hop_limit| Rejected::HopLimit { hop_limit };
        assert_eq!(limiter.admit(start, first, &password), Some(0));
        assert_eq!(limiter.admit(start, first, &password), None);
        assert_eq!(limiter.admit(start, first, &ttl(1)), Some(0));
        assert_eq!(limiter.admit(start, first, &ttl(2)), None);
        let second = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(limiter.admit(start, second, &password), Some(0));
        assert_eq!(limiter.admit(start + QUIET, first, &password), Some(1));
        assert_eq!(limiter.admit(start + QUIET, first, &password), None);
    }

    #[test]
    fn forged_senders_take_no_memory_and_are_forgotten() {
        let mut limiter = RejectedLimiter::default();
        let start = Instant::now();
        let sender = |number: u32| IpAddr::from(Ipv4Addr::from(number));
        let reason = Rejected::AuthenticationFailure;
        let told = (0..1000)
            .filter(|&number| limiter.admit(start, sender(number), &reason).is_some())
            .count();
        assert_eq!(told, ENTRIES);
        assert_eq!(limiter.admit(start + QUIET, sender(5000), &reason), Some(0));
        assert!(limiter.0.len() <= ENTRIES);
    }
}
