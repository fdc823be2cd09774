// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policy: how often a target is probed, and how many results make a verdict.

use std::time::Duration;

/// How often a target is probed and how many results make a verdict.
///
/// The defaults are keepalived's, except for the first round: every 60 s, one retry after 1 s, one success
/// brings a target up, and the first verdict needs as many failures as any other. Presets have the rules of
/// other programs: [`keepalived`](Self::keepalived), [`ldirectord`](Self::ldirectord),
/// [`piranha`](Self::piranha).
///
/// ```
/// use std::time::Duration;
/// use lb_check::Policy;
///
/// let policy = Policy::default().with_interval(Duration::from_secs(5)).with_retries(3);
/// assert_eq!(policy.retry_delay, Duration::from_secs(1));
/// assert_eq!(policy.fall(), 4);
///
/// // Every 5 s; once a second while it is not certain whether the target is up or down.
/// let policy = Policy::default()
///     .with_interval(Duration::from_secs(5))
///     .with_fast_interval(Duration::from_secs(1))
///     .with_rise(2)
///     .with_fall(3);
/// assert_eq!(policy.retries, 2);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Time between probes (`delay_loop`).
    pub interval: Duration,
    /// Extra tries after a failure before the target is down (`retry`): down after
    /// `retries + 1` failures in a row, which is [`fall`](Self::fall).
    pub retries: u32,
    /// Time between the end of a failed try and the next one (`delay_before_retry`). Without effect beside
    /// [`fast_interval`](Self::fast_interval).
    pub retry_delay: Duration,
    /// Successes in a row that bring a target up; 0 counts as 1. Keepalived has only 1.
    pub rise: u32,
    /// Time between probes in transition: after a failure of a target that is up, after a success of one
    /// that is down, until either makes a verdict. `None` = [`retry_delay`](Self::retry_delay) after a
    /// failure, [`interval`](Self::interval) after a success.
    pub fast_interval: Option<Duration>,
    /// Time between probes while down; `None` = [`interval`](Self::interval).
    pub down_interval: Option<Duration>,
    /// Percent of [`interval`](Self::interval), at most [`MAX_JITTER`](Self::MAX_JITTER): each regular probe
    /// is up to that much later than its place; see [`jitter_delay`](Self::jitter_delay).
    pub jitter: u8,
    /// What the target counts as before the first verdict (`alpha` = [`Initial::Down`]).
    pub initial: Initial,
    /// How many results make the first verdict.
    pub first: FirstVerdict,
    /// Longest time one whole probe may take, applied by the scheduler.
    pub deadline: Duration,
    /// `Some`: the first probe comes 1 s + 0..`warmup` after the start, as keepalived's (zero:
    /// at once). `None`: the scheduler spreads the first round quickly.
    pub warmup: Option<Duration>,
}

/// What a target counts as before its first verdict.
#[expect(
    clippy::exhaustive_enums,
    reason = "there is nothing between up and down"
)]
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Initial {
    /// In the pool until it fails.
    #[default]
    Up,
    /// Out of the pool until it passes (`alpha`).
    Down,
}

/// The number of results that make the first verdict.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FirstVerdict {
    /// As many as for any other verdict.
    #[default]
    Counted,
    /// One failure, as long as there has been no verdict: keepalived's rule, by which the first result of
    /// all is a verdict.
    OneFailure,
    /// One success, as long as the target has never been up: piranha's rule.
    OneSuccess,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            retries: 1,
            retry_delay: Duration::from_secs(1),
            rise: 1,
            fast_interval: None,
            down_interval: None,
            jitter: 0,
            initial: Initial::Up,
            first: FirstVerdict::Counted,
            deadline: Duration::from_secs(10),
            warmup: None,
        }
    }
}

/// Presets.
impl Policy {
    /// Keepalived's rules for a `TCP_CHECK` without a keyword: one failure is enough if it is the first
    /// result of all, and the first probe comes after 1 s + 0..`delay_loop`.
    ///
    /// `warmup` is `delay_loop` unless a configuration sets it: call [`with_warmup`](Self::with_warmup)
    /// beside [`with_interval`](Self::with_interval).
    ///
    /// ```
    /// use lb_check::{CheckState, Outcome, Policy, Reason, Status};
    ///
    /// let mut state = CheckState::new(Policy::keepalived().with_retries(3));
    /// state.observe(&Outcome::fail(Reason::L4Refused));
    /// assert_eq!(state.status(), Status::Down);
    /// ```
    #[must_use]
    pub fn keepalived() -> Self {
        let policy = Self::default().with_first(FirstVerdict::OneFailure);
        let warmup = policy.interval;
        policy.with_warmup(warmup)
    }

    /// The rules of ldirectord's `failurecount` and `checkinterval`: a target is down at first, down after
    /// `failurecount` failures in a row (0 counts as 1), and up after one success. Failed tries are
    /// repeated at the usual interval.
    ///
    /// Its `checktimeout` or `negotiatetimeout` is [`deadline`](Self::deadline).
    ///
    /// ```
    /// use std::time::Duration;
    /// use lb_check::Policy;
    ///
    /// let policy = Policy::ldirectord(3, Duration::from_secs(10)).with_deadline(Duration::from_secs(5));
    /// assert_eq!((policy.fall(), policy.rise), (3, 1));
    /// ```
    #[must_use]
    pub fn ldirectord(failurecount: u32, interval: Duration) -> Self {
        Self::default()
            .with_interval(interval)
            .with_retry_delay(interval)
            .with_fall(failurecount)
            .with_initial(Initial::Down)
    }

    /// The rules of piranha's `timeout` and `reentry`: `timeout` is the interval and the longest time of a
    /// probe. A target is down at first and after each failure. One success brings it up as long as it has
    /// never been up; from then on `reentry / timeout` of them in a row, and at least one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lb_check::Policy;
    ///
    /// let policy = Policy::piranha(Duration::from_secs(10), Duration::from_secs(180));
    /// assert_eq!((policy.fall(), policy.rise), (1, 18));
    /// ```
    #[must_use]
    pub fn piranha(timeout: Duration, reentry: Duration) -> Self {
        let rise = reentry.as_nanos() / timeout.as_nanos().max(1);
        Self::default()
            .with_interval(timeout)
            .with_deadline(timeout)
            .with_fall(1)
            .with_rise(u32::try_from(rise).unwrap_or(u32::MAX).max(1))
            .with_initial(Initial::Down)
            .with_first(FirstVerdict::OneSuccess)
    }
}

impl Policy {
    /// Largest [`jitter`](Self::jitter), in percent.
    pub const MAX_JITTER: u8 = 50;

    /// Failures in a row that take a target down: `retries + 1`.
    #[must_use]
    pub const fn fall(&self) -> u32 {
        self.retries.saturating_add(1)
    }

    /// Time by which a regular probe is later than its place in the interval: between 0 and
    /// [`jitter`](Self::jitter) percent of the interval. `target` is a hash of what is probed, `round` the
    /// number of the probe: the same two give the same time in every run of the program.
    ///
    /// ```
    /// use std::time::Duration;
    /// use lb_check::Policy;
    ///
    /// let policy = Policy::default().with_interval(Duration::from_secs(10)).with_jitter(20);
    /// assert!(policy.jitter_delay(7, 1) < Duration::from_secs(2));
    /// assert_ne!(policy.jitter_delay(7, 1), policy.jitter_delay(7, 2));
    /// ```
    #[must_use]
    pub fn jitter_delay(&self, target: u64, round: u64) -> Duration {
        if self.jitter == 0 {
            return Duration::ZERO;
        }
        let percent = f64::from(self.jitter.min(Self::MAX_JITTER)) / 100.0;
        self.interval.mul_f64(percent * fraction(target, round))
    }

    /// Sets the time between probes.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the number of extra tries before the target is down.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the number of failures in a row that take the target down; 0 counts as 1. The same as
    /// [`with_retries`](Self::with_retries) of one less.
    #[must_use]
    pub const fn with_fall(mut self, fall: u32) -> Self {
        self.retries = fall.saturating_sub(1);
        self
    }

    /// Sets the time between a failed try and the next.
    #[must_use]
    pub const fn with_retry_delay(mut self, delay: Duration) -> Self {
        self.retry_delay = delay;
        self
    }

    /// Sets the number of successes in a row that bring a target up.
    #[must_use]
    pub const fn with_rise(mut self, rise: u32) -> Self {
        self.rise = rise;
        self
    }

    /// Sets the time between probes in transition, in both directions.
    #[must_use]
    pub const fn with_fast_interval(mut self, interval: Duration) -> Self {
        self.fast_interval = Some(interval);
        self
    }

    /// Sets the time between probes while the target is down.
    #[must_use]
    pub const fn with_down_interval(mut self, interval: Duration) -> Self {
        self.down_interval = Some(interval);
        self
    }

    /// Sets the percent of the interval by which regular probes are later at most.
    #[must_use]
    pub const fn with_jitter(mut self, percent: u8) -> Self {
        self.jitter = percent;
        self
    }

    /// Sets what the target counts as before the first verdict.
    #[must_use]
    pub const fn with_initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
        self
    }

    /// Sets how many results make the first verdict.
    #[must_use]
    pub const fn with_first(mut self, first: FirstVerdict) -> Self {
        self.first = first;
        self
    }

    /// Sets the longest time of one whole probe.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets keepalived's warmup; zero = the first probe comes at once.
    #[must_use]
    pub const fn with_warmup(mut self, warmup: Duration) -> Self {
        self.warmup = Some(warmup);
        self
    }
}

/// A number from 0 to below 1 that looks random, the same for the same two numbers.
fn fraction(target: u64, round: u64) -> f64 {
    // SplitMix64, whose increment makes neighbouring rounds unlike.
    let mut bits = target.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let high = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or_default();
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_delay_is_even_within_its_share_and_repeatable() {
        let policy = Policy::default()
            .with_interval(Duration::from_secs(100))
            .with_jitter(30);
        let delays: Vec<_> = (0..1000)
            .map(|round| policy.jitter_delay(42, round))
            .collect();
        let limit = Duration::from_secs(30);
        assert!(delays.iter().all(|delay| *delay < limit));
        for part in 0..10 {
            let share = limit / 10 * part..limit / 10 * (part + 1);
            let count = delays.iter().filter(|delay| share.contains(delay)).count();
            assert!((60..=140).contains(&count), "{count} in part {part}");
        }
        assert_eq!(delays.get(7), Some(&policy.jitter_delay(42, 7)));
        assert_ne!(policy.jitter_delay(1, 7), policy.jitter_delay(2, 7));
    }

    #[test]
    fn jitter_is_off_by_default_and_never_above_its_limit() {
        let policy = Policy::default();
        assert_eq!(policy.jitter_delay(1, 1), Duration::ZERO);
        let policy = policy.with_jitter(u8::MAX);
        let longest = (0..1000).map(|round| policy.jitter_delay(3, round)).max();
        assert!(longest.is_some_and(|longest| longest < Duration::from_secs(30)));
    }
}
