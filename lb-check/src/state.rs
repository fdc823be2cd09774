// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policy and the pure check state machine: results in, transitions out. No clock, no I/O.

use std::sync::Arc;
use std::time::Duration;

use crate::{Outcome, Verdict};

/// How often a target is probed and how many results make a verdict.
///
/// The defaults are keepalived's: every 60 s, one retry after 1 s, one success brings it up.
///
/// ```
/// use std::time::Duration;
/// use lb_check::Policy;
///
/// let policy = Policy::default().with_interval(Duration::from_secs(5)).with_retries(3);
/// assert_eq!(policy.retry_delay, Duration::from_secs(1));
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Time between probes (`delay_loop`).
    pub interval: Duration,
    /// Extra tries after a failure before the target is down (`retry`): down after
    /// `retries + 1` failures in a row.
    pub retries: u32,
    /// Time between the end of a failed try and the next one (`delay_before_retry`).
    pub retry_delay: Duration,
    /// Successes in a row that bring a target up; 0 counts as 1. Keepalived has only 1.
    pub rise: u32,
    /// Time between probes while down; `None` = [`interval`](Self::interval).
    pub down_interval: Option<Duration>,
    /// What the target counts as before the first verdict (`alpha` = [`Initial::Down`]).
    pub initial: Initial,
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

impl Default for Policy {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            retries: 1,
            retry_delay: Duration::from_secs(1),
            rise: 1,
            down_interval: None,
            initial: Initial::Up,
            deadline: Duration::from_secs(10),
            warmup: None,
        }
    }
}

impl Policy {
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

    /// Sets the time between probes while the target is down.
    #[must_use]
    pub const fn with_down_interval(mut self, interval: Duration) -> Self {
        self.down_interval = Some(interval);
        self
    }

    /// Sets what the target counts as before the first verdict.
    #[must_use]
    pub const fn with_initial(mut self, initial: Initial) -> Self {
        self.initial = initial;
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

/// Up or down.
#[expect(
    clippy::exhaustive_enums,
    reason = "there is nothing between up and down"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Status {
    /// The target is in the pool as far as this check is concerned.
    Up,
    /// The target is out of the pool.
    Down,
}

impl Status {
    /// True for [`Status::Up`].
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_up() { "up" } else { "down" })
    }
}

/// A change of status.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Transition {
    /// Status before.
    pub from: Status,
    /// Status after.
    pub to: Status,
    /// Results in a row that led to it; keepalived's "after N retries" is one less.
    pub attempts: u32,
}

/// The consequences of one result.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// The change of status, if there is one.
    pub transition: Option<Transition>,
    /// True exactly once: with the result that makes the first verdict, whether or not it differs
    /// from [`Policy::initial`].
    pub first: bool,
    /// Results in a row of the present kind, this one included (a local error repeats the count).
    pub attempts: u32,
    /// Time to the next probe.
    pub next: Duration,
    /// Whether the next probe is a retry: `next` then counts from the end of this probe, else
    /// from its planned start.
    pub retry: bool,
}

/// The state of one check of one target: results in, [`Step`]s out.
///
/// The rules are keepalived's, with two additions ([`Policy::rise`], [`Policy::down_interval`])
/// and one correction: the first verdict needs as many failures as any other.
///
/// * up, a failure: `retries` more tries, [`Policy::retry_delay`] apart, then down;
/// * down, a success: up after [`Policy::rise`] of them in a row;
/// * [`Verdict::Local`] changes nothing, neither status nor counts;
/// * before the first verdict a target that starts down is retried in the same way, so that one
///   lost packet does not keep it out for a whole interval.
///
/// ```
/// use lb_check::{CheckState, Outcome, Policy, Reason, Status};
///
/// let mut state = CheckState::new(Policy::default().with_retries(1));
/// assert!(state.observe(&Outcome::fail(Reason::L4Refused)).transition.is_none());
/// let step = state.observe(&Outcome::fail(Reason::L4Refused));
/// assert_eq!(step.transition.unwrap().to, Status::Down);
/// assert_eq!(step.transition.unwrap().attempts, 2);
/// assert_eq!(state.observe(&Outcome::pass()).transition.unwrap().to, Status::Up);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckState {
    policy: Arc<Policy>,
    status: Status,
    settled: bool,
    /// Results in a row of the kind last seen.
    streak: u32,
    /// Kind last seen: true = pass.
    passing: bool,
}

impl CheckState {
    /// A check that has not run yet. Thousands of checks may share a policy.
    #[must_use]
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        let policy = policy.into();
        let status = match policy.initial {
            Initial::Up => Status::Up,
            Initial::Down => Status::Down,
        };
        Self {
            policy,
            status,
            settled: false,
            streak: 0,
            passing: false,
        }
    }

    /// The present status.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether there has been a first verdict.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Puts another policy in force; status and counts stay. [`Policy::initial`] matters only to
    /// a check that never had a verdict.
    pub fn reconfigure(&mut self, policy: impl Into<Arc<Policy>>) {
        let policy = policy.into();
        if !self.settled && self.policy.initial != policy.initial {
            *self = Self::new(policy);
        } else {
            self.policy = policy;
        }
    }

    /// Applies one result.
    pub fn observe(&mut self, outcome: &Outcome) -> Step {
        let passed = match outcome.verdict {
            Verdict::Pass => true,
            Verdict::Fail(_) => false,
            Verdict::Local(_) => return self.step(None, false, self.policy.interval, false),
        };
        self.streak = if passed == self.passing {
            self.streak.saturating_add(1)
        } else {
            1
        };
        self.passing = passed;
        match (self.status, passed) {
            (Status::Up, true) => self.settle(Status::Up),
            (Status::Up, false) => self.fail(),
            (Status::Down, true) if self.streak >= self.policy.rise => self.settle(Status::Up),
            (Status::Down, true) => self.step(None, false, self.policy.interval, false),
            (Status::Down, false) if !self.settled => self.fail(),
            (Status::Down, false) => self.settle(Status::Down),
        }
    }

    /// A failure that is not yet a verdict, or the one that makes it.
    fn fail(&mut self) -> Step {
        if self.streak > self.policy.retries {
            self.settle(Status::Down)
        } else {
            self.step(None, false, self.policy.retry_delay, true)
        }
    }

    /// A verdict.
    fn settle(&mut self, to: Status) -> Step {
        let from = self.status;
        let first = !self.settled;
        self.status = to;
        self.settled = true;
        let transition = (from != to).then_some(Transition {
            from,
            to,
            attempts: self.streak,
        });
        let next = match to {
            Status::Up => self.policy.interval,
            Status::Down => self.policy.down_interval.unwrap_or(self.policy.interval),
        };
        self.step(transition, first, next, false)
    }

    const fn step(
        &self,
        transition: Option<Transition>,
        first: bool,
        next: Duration,
        retry: bool,
    ) -> Step {
        Step {
            transition,
            first,
            attempts: self.streak,
            next,
            retry,
        }
    }
}
