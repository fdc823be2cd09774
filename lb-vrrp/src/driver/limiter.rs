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

/// A virtual router that was not heard for so long is a new one.
const AWAY: Duration = Duration::from_secs(600);

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

/// Tells of each virtual router that is none of ours once, and again when it has been away.
#[derive(Debug, Default)]
pub(super) struct Strangers(Vec<Stranger>);

#[derive(Debug)]
struct Stranger {
    vrid: Vrid,
    source: IpAddr,
    heard: Instant,
}

impl Strangers {
    /// Whether to tell of this one. Where there are too many, the one that was not heard for the
    /// longest time makes room; not if it was heard lately, so that forged ones fill no log.
    pub(super) fn admit(&mut self, now: Instant, vrid: Vrid, source: IpAddr) -> bool {
        let silent = |of: &Stranger| now.saturating_duration_since(of.heard);
        let mut all = self.0.iter_mut();
        if let Some(known) = all.find(|of| of.vrid == vrid && of.source == source) {
            let back = silent(known) >= AWAY;
            known.heard = now;
            return back;
        }
        let new = Stranger {
            vrid,
            source,
            heard: now,
        };
        if self.0.len() < ENTRIES {
            self.0.push(new);
            return true;
        }
        match self.0.iter_mut().min_by_key(|of| of.heard) {
            Some(oldest) if silent(oldest) >= QUIET => {
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

    #[test]
    fn a_stranger_is_told_once_and_again_when_it_has_been_away() {
        let mut strangers = Strangers::default();
        let start = Instant::now();
        let vrid = |number| Vrid::new(number).unwrap();
        let source = IpAddr::from([192, 0, 2, 1]);
        assert!(strangers.admit(start, vrid(1), source));
        assert!(strangers.admit(start, vrid(2), source));
        let mut now = start;
        for _ in 0..10 {
            now += AWAY / 2;
            assert!(!strangers.admit(now, vrid(1), source), "it was never away");
        }
        assert!(strangers.admit(now, vrid(2), source));
        assert!(strangers.admit(now + AWAY, vrid(1), source));
        assert_eq!(strangers.0.len(), 2);
    }

    #[test]
    fn the_stranger_not_heard_for_longest_makes_room_at_a_bounded_rate() {
        let mut strangers = Strangers::default();
        let start = Instant::now();
        let vrid = Vrid::new(1).unwrap();
        let sender = |number: u32| IpAddr::from(Ipv4Addr::from(number));
        let mut flood = |now: Instant, from: u32| {
            let admitted = (from..from + 1000).filter(|of| strangers.admit(now, vrid, sender(*of)));
            let told = admitted.count();
            assert!(strangers.0.len() <= ENTRIES);
            told
        };
        assert_eq!(flood(start, 0), ENTRIES);
        assert_eq!(flood(start + QUIET / 2, 1000), 0);
        assert_eq!(flood(start + QUIET, 5000), ENTRIES);
        assert!(!strangers.admit(start + QUIET, vrid, sender(0)));
        let later = start + QUIET * 2;
        assert!(!strangers.admit(later - QUIET / 2, vrid, sender(5000)));
        assert!(
            strangers.admit(later, vrid, sender(0)),
            "it has been forgotten"
        );
        assert!(!strangers.admit(later, vrid, sender(5000)));
    }
}
