// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pure check state machine: results in, transitions out. No clock, no I/O.

use std::sync::Arc;
use std::time::Duration;

use crate::{FirstVerdict, Initial, Outcome, Policy, Verdict};

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
/// The rules are keepalived's, with additions ([`Policy::rise`], [`Policy::fast_interval`],
/// [`Policy::down_interval`]) and one correction, which [`Policy::first`] undoes: the first verdict needs as
/// many failures as any other.
///
/// * up, a failure: `retries` more tries, [`Policy::fast_interval`] or [`Policy::retry_delay`] apart, then down;
/// * down, a success: up after [`Policy::rise`] of them in a row, [`Policy::fast_interval`] apart;
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
    /// Whether there has been a verdict that the target is up.
    was_up: bool,
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
            was_up: false,
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
            (Status::Down, true) if self.streak >= self.rise() => self.settle(Status::Up),
            (Status::Down, true) => {
                let next = self.policy.fast_interval.unwrap_or(self.policy.interval);
                self.step(None, false, next, false)
            }
            (Status::Down, false) if !self.settled => self.fail(),
            (Status::Down, false) => self.settle(Status::Down),
        }
    }

    /// A failure that is not yet a verdict, or the one that makes it.
    fn fail(&mut self) -> Step {
        if self.streak > self.retries() {
            return self.settle(Status::Down);
        }
        match self.policy.fast_interval {
            Some(next) => self.step(None, false, next, false),
            None => self.step(None, false, self.policy.retry_delay, true),
        }
    }

    /// Failures in a row that are not yet a verdict.
    fn retries(&self) -> u32 {
        match self.policy.first {
            FirstVerdict::OneFailure if !self.settled => 0,
            _ => self.policy.retries,
        }
    }

    /// Successes in a row that bring the target up.
    fn rise(&self) -> u32 {
        match self.policy.first {
            FirstVerdict::OneSuccess if !self.was_up => 1,
            _ => self.policy.rise,
        }
    }

    /// A verdict.
    fn settle(&mut self, to: Status) -> Step {
        let from = self.status;
        let first = !self.settled;
        self.status = to;
        self.settled = true;
        self.was_up |= to.is_up();
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
