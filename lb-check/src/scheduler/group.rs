// SPDX-License-Identifier: MIT OR Apache-2.0
//! One distinct probe, its subscribers, and the arithmetic of its due times.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::event::{ProbeSpec, SubscriptionId};
use crate::{CheckState, HealthCheck, Step, Target};

/// Shortest time between two regular probes, for any policy.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// New targets probed per second in the first round, once there are more than twice as many.
const FIRST_ROUND_RATE: f64 = 2000.0;

/// Shortest first round.
const FIRST_ROUND_MIN: Duration = Duration::from_secs(2);

/// Keepalived's fixed part of the warmup.
const WARMUP_BASE: Duration = Duration::from_secs(1);

/// The key by which two subscriptions share a probe.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    pub(super) target: Target,
    pub(super) identity: Arc<str>,
    pub(super) interval: Duration,
    retries: u32,
    retry_delay: Duration,
    down_interval: Option<Duration>,
    pub(super) deadline: Duration,
}

impl Key {
    pub(super) fn new(spec: &ProbeSpec) -> Self {
        let policy = &spec.policy;
        Self {
            target: spec.target.clone(),
            identity: Arc::clone(&spec.identity),
            interval: policy.interval.max(MIN_INTERVAL),
            retries: policy.retries,
            retry_delay: policy.retry_delay,
            down_interval: policy.down_interval,
            deadline: policy.deadline,
        }
    }

    /// Same target and same check, perhaps on another schedule.
    pub(super) fn same_check(&self, other: &Self) -> bool {
        self.target == other.target && self.identity == other.identity
    }

    /// The place of the probe in its interval, 0..1: the same in every run of the program.
    fn phase(&self) -> f64 {
        let mut hasher = DefaultHasher::new();
        self.target.hash(&mut hasher);
        self.identity.hash(&mut hasher);
        let bits = u32::try_from(hasher.finish() >> 32).unwrap_or_default();
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }
}

/// A probe under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) task: AbortHandle,
    pub(super) planned: Instant,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) key: Arc<Key>,
    pub(super) check: Arc<dyn HealthCheck>,
    pub(super) subscribers: Vec<SubscriptionId>,
    pub(super) due: Option<Instant>,
    pub(super) running: Option<Running>,
    phase: f64,
}

impl Group {
    pub(super) fn new(key: Arc<Key>, check: Arc<dyn HealthCheck>) -> Self {
        let phase = key.phase();
        Self {
            key,
            check,
            subscribers: Vec::new(),
            due: None,
            running: None,
            phase,
        }
    }

    /// When the first probe of a new subscriber is due; `n` targets are new.
    pub(super) fn first_due(&self, now: Instant, warmup: Option<Duration>, n: usize) -> Instant {
        match warmup {
            Some(Duration::ZERO) => now,
            Some(warmup) => now + WARMUP_BASE + warmup.mul_f64(self.phase),
            None => now + first_round(self.key.interval, n).mul_f64(self.phase),
        }
    }

    /// The next place of this probe in the even grid that began at `epoch`, after `now`.
    pub(super) fn grid(&self, epoch: Instant, now: Instant) -> Instant {
        let interval = self.key.interval;
        let start = epoch + interval.mul_f64(self.phase);
        match now.checked_duration_since(start) {
            None => start,
            Some(gone) => start + multiple(interval, whole(gone, interval) + 1),
        }
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
        } else if next == self.key.interval {
            self.grid(epoch, now)
        } else {
            let gone = now.saturating_duration_since(planned);
            planned + multiple(next, whole(gone, next) + 1)
        }
    }

    /// How many regular times lie between `planned` and `due`.
    pub(super) fn missed(&self, planned: Instant, due: Instant) -> u64 {
        let times = whole(due.saturating_duration_since(planned), self.key.interval);
        u64::from(times.saturating_sub(1))
    }
}

/// One subscriber's part.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) group: u64,
    pub(super) state: CheckState,
    pub(super) weight: Option<u32>,
    pub(super) suspended: bool,
    /// An event that must not be lost waits for the receiver.
    pub(super) undelivered: bool,
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
