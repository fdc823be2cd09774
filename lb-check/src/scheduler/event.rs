// SPDX-License-Identifier: MIT OR Apache-2.0
//! Specifications for the scheduler and its events.

use std::fmt;
use std::sync::Arc;

use crate::{HealthCheck, Outcome, Policy, Target};

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

/// A probe: its target, its check, and its policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeSpec {
    /// The check.
    pub check: Arc<dyn HealthCheck>,
    /// The [identity](HealthCheck::identity) of the check.
    pub identity: Arc<str>,
    /// The target.
    pub target: Target,
    /// Interval, and how many results make a verdict.
    pub policy: Policy,
}

impl ProbeSpec {
    /// Makes a probe of its three parts.
    #[must_use]
    pub fn new(check: Arc<dyn HealthCheck>, target: Target, policy: Policy) -> Self {
        let identity = check.identity().into();
        Self::with_identity(check, identity, target, policy)
    }

    /// Makes a probe of a check whose identity is known: thousands of probes of one check share it.
    #[must_use]
    pub const fn with_identity(
        check: Arc<dyn HealthCheck>,
        identity: Arc<str>,
        target: Target,
        policy: Policy,
    ) -> Self {
        Self {
            check,
            identity,
            target,
            policy,
        }
    }
}

/// An event of the scheduler.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CheckEvent {
    /// A result that is worth a log line but changes nothing: a failed try, an error of this host; with
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
}

impl CheckEvent {
    /// The subscription of the event.
    #[must_use]
    pub const fn id(&self) -> SubscriptionId {
        match self {
            Self::Attempt { id, .. }
            | Self::Changed { id, .. }
            | Self::WeightChanged { id, .. } => *id,
        }
    }
}
