// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of the scheduler.

use std::fmt;

use crate::{LocalError, Outcome};

/// The number by which a subscriber names its check; chosen by the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriptionId(u64);

impl SubscriptionId {
    /// An id of the caller's choice.
    #[must_use]
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event of the scheduler.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CheckEvent {
    /// A result that is worth a log line but changes nothing: a failed try, an error of this host as
    /// before; with
    /// [`SchedulerOptions::report_passes`](crate::SchedulerOptions::report_passes) also every pass.
    /// Lost (and counted) when the channel is full.
    Attempt {
        /// The subscription.
        id: SubscriptionId,
        /// Results in a row of this kind.
        attempt: u32,
        /// The result.
        outcome: Outcome,
    },
    /// The first verdict or a change of it. Never lost.
    Changed {
        /// The subscription.
        id: SubscriptionId,
        /// Up or down now.
        up: bool,
        /// The result that made the verdict.
        outcome: Outcome,
        /// Results in a row that led to it; keepalived's "after N retries" is one less.
        attempts: u32,
        /// Whether this is the first verdict; it may then be what was assumed.
        first: bool,
    },
    /// A passing check asks for another weight than before. Never lost.
    WeightChanged {
        /// The subscription.
        id: SubscriptionId,
        /// The result; its `weight` is the new one, `None` = the configured one.
        outcome: Outcome,
    },
    /// A probe passed as before, with another [warning](Outcome::warning) than before, or without one.
    /// [`Changed`](Self::Changed), [`WeightChanged`](Self::WeightChanged) and [`RunsAgain`](Self::RunsAgain)
    /// bring the warning, too. Never lost.
    Warned {
        /// The subscription.
        id: SubscriptionId,
        /// The result.
        outcome: Outcome,
    },
    /// The probe could not be made, for the first time or for another reason than before: nothing is
    /// known of the target from now on. The verdict stays. Never lost.
    CannotRun {
        /// The subscription.
        id: SubscriptionId,
        /// The reason.
        error: LocalError,
    },
    /// A probe was made after [`CannotRun`](Self::CannotRun), and the verdict stays. [`Changed`](Self::Changed)
    /// and [`WeightChanged`](Self::WeightChanged) show the same. Never lost.
    RunsAgain {
        /// The subscription.
        id: SubscriptionId,
        /// The result.
        outcome: Outcome,
    },
}

impl CheckEvent {
    /// The result of the event; `None` for a probe that could not be made.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Attempt { outcome, .. }
            | Self::Changed { outcome, .. }
            | Self::WeightChanged { outcome, .. }
            | Self::Warned { outcome, .. }
            | Self::RunsAgain { outcome, .. } => Some(outcome),
            Self::CannotRun { .. } => None,
        }
    }

    /// The subscription of the event.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        match self {
            Self::Attempt { id, .. }
            | Self::Changed { id, .. }
            | Self::WeightChanged { id, .. }
            | Self::Warned { id, .. }
            | Self::CannotRun { id, .. }
            | Self::RunsAgain { id, .. } => *id,
        }
    }
}
