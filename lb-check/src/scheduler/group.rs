// SPDX-License-Identifier: MIT OR Apache-2.0
//! One distinct probe, its subscribers, and the arithmetic of its due times.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::{ProbeSpec, Step};

/// Shortest time between two regular probes, for any policy.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// New targets probed per second in the first round, once there are more than twice as many.
const FIRST_ROUND_RATE: f64 = 2000.0;

/// Shortest first round.
const FIRST_ROUND_MIN: Duration = Duration::from_secs(2);

/// Keepalived's fixed part of the warmup.
const WARMUP_BASE: Duration = Duration::from_secs(1);

/// The key by which two subscriptions share a probe: all of a probe that is the same for both, which is
/// not the number of successes in a row, what a target counts as at first, the first verdict, and the warmup.
#[derive(Clone, Debug)]
pub(super) struct Key(pub(super) Arc<ProbeSpec>);

impl Key {
    fn parts(&self) -> impl Eq + Hash + '_ {
        let ProbeSpec {
            check,
            target,
            policy,
        } = &*self.0;
        let schedule = (
            self.interval(),
            policy.retries,
            policy.retry_delay,
            policy.fast_interval,
            policy.down_interval,
            policy.jitter,
            policy.deadline,
        );
        (target, check.identity(), schedule)
    }

    pub(super) fn interval(&self) -> Duration {
        self.0.policy.interval.max(MIN_INTERVAL)
    }

    /// Same target and same check, perhaps on another schedule.
    pub(super) fn same_check(&self, other: &Self) -> bool {
        self.0.check == other.0.check && self.0.target == other.0.target
    }

    /// The place of the probe in its interval: the same in every run of the program.
    fn phase(&self) -> Phase {
        let mut hasher = DefaultHasher::new();
        self.0.target.hash(&mut hasher);
        self.0.check.identity().hash(&mut hasher);
        Phase(u32::try_from(hasher.finish() >> 32).unwrap_or_default())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.parts() == other.parts()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// A place in an interval, in parts of 2³².
#[derive(Clone, Copy, Debug)]
struct Phase(u32);

impl Phase {
    /// The time from the begin of an interval to this place.
    fn within(self, interval: Duration) -> Duration {
        interval.mul_f64(f64::from(self.0) / (f64::from(u32::MAX) + 1.0))
    }
}

/// One distinct probe.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: Key,
    /// Its first subscription.
    pub(super) first: Option<u32>,
    /// The number of the probe under way.
    pub(super) probe: Option<u32>,
    /// The place of the probe in its interval.
    phase: Phase,
    /// Whether the check only connects.
    pub(super) connects: bool,
}

impl Group {
    pub(super) fn new(key: Key) -> Self {
        Self {
            first: None,
            probe: None,
            connects: key.0.check.connect_only().is_some(),
            phase: key.phase(),
            key,
        }
    }

    /// When the first probe of a new subscriber is due; `n` targets are new.
    pub(super) fn first_due(
        &self,
        epoch: Instant,
        now: Instant,
        warmup: Option<Duration>,
        n: usize,
    ) -> Instant {
        let round = first_round(self.key.interval(), n);
        match warmup {
            Some(Duration::ZERO) => now,
            Some(warmup) => now + WARMUP_BASE + self.phase.within(warmup),
            // A probe at another place than its own would be followed by one at its own in the same interval.
            None if round == self.key.interval() => self.grid(epoch, now),
            None => now + self.phase.within(round),
        }
    }

    /// The next place of this probe in the even grid that began at `epoch`, after `now`, and its jitter.
    pub(super) fn grid(&self, epoch: Instant, now: Instant) -> Instant {
        let interval = self.key.interval();
        let start = epoch + self.phase.within(interval);
        let round = match now.checked_duration_since(start) {
            None => 0,
            Some(gone) => whole(gone, interval) + 1,
        };
        let policy = &self.key.0.policy;
        let jitter = policy.jitter_delay(u64::from(self.phase.0), u64::from(round));
        start + multiple(interval, round) + jitter
    }

    /// When the probe planned at `planned` and ended `now` is due again for one subscriber.
    pub(super) fn next_due(
        &self,
        epoch: Instant,
        planned: Instant,
        now: Instant,
        step: &Step,
    ) -> Instant {
        let next = step.next.max(MIN_INTERVAL);
        if step.retry {
            now + step.next
        } else if next == self.key.interval() {
            // A probe may start, and end, before its place.
            self.grid(epoch, now.max(planned))
        } else {
            let gone = now.saturating_duration_since(planned);
            planned + multiple(next, whole(gone, next) + 1)
        }
    }

    /// How many regular times lie between `planned` and `due`.
    pub(super) fn missed(&self, planned: Instant, due: Instant) -> u64 {
        let times = whole(due.saturating_duration_since(planned), self.key.interval());
        u64::from(times.saturating_sub(1))
    }
}

/// How long the first round of `n` targets lasts.
pub(super) fn first_round(interval: Duration, n: usize) -> Duration {
    let n = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    interval.min(FIRST_ROUND_MIN.max(Duration::from_secs_f64(n / FIRST_ROUND_RATE)))
}

/// How many whole `parts` are in `time`.
fn whole(time: Duration, part: Duration) -> u32 {
    let times = time.as_nanos() / part.as_nanos().max(1);
    u32::try_from(times).unwrap_or(u32::MAX - 1)
}

fn multiple(part: Duration, times: u32) -> Duration {
    part.saturating_mul(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_is_two_seconds_then_two_thousand_a_second_never_over_the_interval() {
        let minute = Duration::from_secs(60);
        assert_eq!(first_round(minute, 1), Duration::from_secs(2));
        assert_eq!(first_round(minute, 4000), Duration::from_secs(2));
        assert_eq!(first_round(minute, 10_000), Duration::from_secs(5));
        assert_eq!(
            first_round(Duration::from_secs(1), 10_000),
            Duration::from_secs(1)
        );
    }
}
