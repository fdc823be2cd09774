// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rate at which probes start.

use std::time::Duration;

use tokio::time::Instant;

/// A burst of starts lasts this long at the allowed rate.
const BURST: Duration = Duration::from_millis(100);
/// How much earlier than its time a probe may start, to be in the batch of another one, where there are many: a
/// processor that wakes up for each of a thousand probes a second finds its caches cold each time.
const BATCH: Duration = Duration::from_millis(20);
/// Regular starts in 1000 seconds from which on there are batches.
const MANY: u64 = 100 * 1000;
const SECOND: u64 = 1_000_000_000;

/// Spaces starts evenly, with bursts, at a rate that is never below what the intervals of the targets need.
#[derive(Debug)]
pub(super) struct StartLimit {
    allowed: u64,
    /// Starts in 1000 seconds that regular probes need.
    needed: u64,
    /// When the starts so far would have ended at the allowed rate.
    used_until: Instant,
}

impl StartLimit {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self {
            allowed: u64::from(per_second.max(1)),
            needed: 0,
            used_until: now,
        }
    }

    /// Counts a target with this interval.
    pub(super) fn add_target(&mut self, interval: Duration) {
        self.needed += per_thousand_seconds(interval);
    }

    /// Counts a target less.
    pub(super) fn remove_target(&mut self, interval: Duration) {
        self.needed = self.needed.saturating_sub(per_thousand_seconds(interval));
    }

    /// Returns when the next start is allowed: `now`, or later.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let earliest = self.used_until.checked_sub(BURST);
        earliest.map_or(now, |earliest| earliest.max(now))
    }

    /// Returns until when probes are due that start together with one that is due now.
    pub(super) fn batch_end(&self, now: Instant) -> Instant {
        if self.needed < MANY { now } else { now + BATCH }
    }

    /// Counts a start.
    pub(super) fn count(&mut self, now: Instant) {
        self.used_until = self.used_until.max(now) + self.space();
    }

    /// The time between two starts at the allowed rate, which is twice the needed one at least.
    fn space(&self) -> Duration {
        let needed = self.needed / 500;
        Duration::from_nanos(SECOND / self.allowed.max(needed))
    }
}

fn per_thousand_seconds(interval: Duration) -> u64 {
    let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    SECOND * 1000 / interval.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts as often as allowed, for a while.
    fn starts_within(limit: &mut StartLimit, begin: Instant, time: Duration) -> u32 {
        let mut now = begin;
        let mut starts = 0;
        while now < begin + time {
            limit.count(now);
            starts += 1;
            now = limit.next(now);
        }
        starts
    }

    #[test]
    fn starts_are_limited_after_a_burst() {
        let begin = Instant::now();
        let mut limit = StartLimit::new(2000, begin);
        let starts = starts_within(&mut limit, begin, Duration::from_secs(1));
        assert!((2190..=2210).contains(&starts), "{starts}");
    }

    #[test]
    fn limit_is_above_the_regular_rate() {
        let begin = Instant::now();
        let mut limit = StartLimit::new(2000, begin);
        for _ in 0..10_000 {
            limit.add_target(Duration::from_secs(1));
        }
        let starts = starts_within(&mut limit, begin, Duration::from_secs(1));
        assert!((21_900..=22_100).contains(&starts), "{starts}");
        for _ in 0..10_000 {
            limit.remove_target(Duration::from_secs(1));
        }
        let begin = begin + Duration::from_secs(60);
        let starts = starts_within(&mut limit, begin, Duration::from_secs(1));
        assert!((2190..=2210).contains(&starts), "{starts}");
    }

    #[test]
    fn many_starts_come_in_batches_and_few_do_not() {
        let begin = Instant::now();
        let mut limit = StartLimit::new(2000, begin);
        for _ in 0..99 {
            limit.add_target(Duration::from_secs(1));
        }
        assert_eq!(limit.batch_end(begin), begin);
        limit.add_target(Duration::from_secs(1));
        assert_eq!(limit.batch_end(begin), begin + BATCH);
    }
}
