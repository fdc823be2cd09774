// SPDX-License-Identifier: MIT OR Apache-2.0
//! A probe: what is checked, where, and how often.

use std::sync::Arc;

use crate::{HealthCheck, Policy, Target};

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
    pub policy: Arc<Policy>,
}

impl ProbeSpec {
    /// Makes a probe of its three parts.
    #[must_use]
    pub fn new(
        check: Arc<dyn HealthCheck>,
        target: Target,
        policy: impl Into<Arc<Policy>>,
    ) -> Self {
        let identity = check.identity().into();
        Self::with_identity(check, identity, target, policy)
    }

    /// Makes a probe of a check whose identity is known: thousands of probes of one check share it, and
    /// may share a policy.
    #[must_use]
    pub fn with_identity(
        check: Arc<dyn HealthCheck>,
        identity: Arc<str>,
        target: Target,
        policy: impl Into<Arc<Policy>>,
    ) -> Self {
        Self {
            check,
            identity,
            target,
            policy: policy.into(),
        }
    }
}
