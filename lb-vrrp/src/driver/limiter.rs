// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rate limits for reports of rejected packets and of unknown virtual routers.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::{Rejected, Vrid};

/// Time after a report in which further packets of the same sender and kind are only counted.
const QUIET: Duration = Duration::from_secs(30);
/// Largest number of remembered entries: forged sources must not take memory.
const ENTRIES: usize = 64;

/// Silence after which a virtual router counts as a new one.
const AWAY: Duration = Duration::from_secs(600);

/// Limits reports of rejected packets per sender and kind of reason.
#[derive(Debug, Default)]
pub(super) struct RejectedLimiter(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    source: IpAddr,
    kind: Discriminant<Rejected>,
    reported: Instant,
    suppressed: u64,
}

impl RejectedLimiter {
    /// Returns the number of similar packets since the last report, if this packet is to be reported.
    pub(super) fn admit(&mut self, now: Instant, source: IpAddr, reason: &Rejected) -> Option<u64> {
        let kind = discriminant(reason);
        let known = self
            .0
            .iter_mut()
            .find(|entry| entry.source == source && entry.kind == kind);
        if let Some(entry) = known {
            if now.saturating_duration_since(entry.reported) < QUIET {
                entry.suppressed += 1;
                return None;
            }
            entry.reported = now;
            return Some(std::mem::take(&mut entry.suppressed));
        }
        if self.0.len() >= ENTRIES {
            self.0
                .retain(|entry| now.saturating_duration_since(entry.reported) < QUIET);
        }
        if self.0.len() >= ENTRIES {
            return None;
        }
        self.0.push(Entry {
            source,
            kind,
            reported: now,
            suppressed: 0,
        });
        Some(0)
    }
}

/// Limits reports of virtual routers that are not configured: one report for each, and another one
/// after [`AWAY`].
#[derive(Debug, Default)]
pub(super) struct UnknownSources(Vec<UnknownSource>);

#[derive(Debug)]
struct UnknownSource {
    vrid: Vrid,
    source: IpAddr,
    last_seen: Instant,
}

impl UnknownSources {
    /// Returns whether this virtual router is to be reported. A full list drops the entry with the
    /// longest silence, unless that is shorter than [`QUIET`]: forged sources must not fill the log.
    pub(super) fn admit(&mut self, now: Instant, vrid: Vrid, source: IpAddr) -> bool {
        let silence = |entry: &UnknownSource| now.saturating_duration_since(entry.last_seen);
        let mut all = self.0.iter_mut();
        if let Some(known) = all.find(|entry| entry.vrid == vrid && entry.source == source) {
            let is_back = silence(known) >= AWAY;
            known.last_seen = now;
            return is_back;
        }
        let new = UnknownSource {
            vrid,
            source,
            last_seen: now,
        };
        if self.0.len() < ENTRIES {
            self.0.push(new);
            return true;
        }
        match self.0.iter_mut().min_by_key(|entry| entry.last_seen) {
            Some(oldest) if silence(oldest) >= QUIET => {
                *oldest = new;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_packet_of_a_kind_and_sender_is_reported_and_the_others_are_counted() {
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
        let reported = (0..1000)
            .filter(|&number| limiter.admit(start, sender(number), &reason).is_some())
            .count();
        assert_eq!(reported, ENTRIES);
        assert_eq!(limiter.admit(start + QUIET, sender(5000), &reason), Some(0));
        assert!(limiter.0.len() <= ENTRIES);
    }

    #[test]
    fn an_unknown_source_is_reported_once_and_again_after_a_long_silence() {
        let mut sources = UnknownSources::default();
        let start = Instant::now();
        let vrid = |number| Vrid::new(number).unwrap();
        let source = IpAddr::from([192, 0, 2, 1]);
        assert!(sources.admit(start, vrid(1), source));
        assert!(sources.admit(start, vrid(2), source));
        let mut now = start;
        for _ in 0..10 {
            now += AWAY / 2;
            assert!(!sources.admit(now, vrid(1), source), "it was never away");
        }
        assert!(sources.admit(now, vrid(2), source));
        assert!(sources.admit(now + AWAY, vrid(1), source));
        assert_eq!(sources.0.len(), 2);
    }

    #[test]
    fn the_unknown_source_with_the_longest_silence_is_dropped_at_a_bounded_rate() {
        let mut sources = UnknownSources::default();
        let start = Instant::now();
        let vrid = Vrid::new(1).unwrap();
        let sender = |number: u32| IpAddr::from(Ipv4Addr::from(number));
        let mut flood = |now: Instant, from: u32| {
            let senders = (from..from + 1000).map(sender);
            let reported = senders
                .filter(|source| sources.admit(now, vrid, *source))
                .count();
            assert!(sources.0.len() <= ENTRIES);
            reported
        };
        assert_eq!(flood(start, 0), ENTRIES);
        assert_eq!(flood(start + QUIET / 2, 1000), 0);
        assert_eq!(flood(start + QUIET, 5000), ENTRIES);
        assert!(!sources.admit(start + QUIET, vrid, sender(0)));
        let later = start + QUIET * 2;
        assert!(!sources.admit(later - QUIET / 2, vrid, sender(5000)));
        assert!(
            sources.admit(later, vrid, sender(0)),
            "it has been forgotten"
        );
        assert!(!sources.admit(later, vrid, sender(5000)));
    }
}
