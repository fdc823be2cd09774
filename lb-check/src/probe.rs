// SPDX-License-Identifier: MIT OR Apache-2.0
//! A probe: what is checked, where, and how often.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::{HealthCheck, Policy, Target};

/// A check with its [identity](HealthCheck::identity), which is computed once; clones share both.
#[derive(Clone)]
pub struct SharedCheck(Arc<Shared>);

struct Shared {
    check: Arc<dyn HealthCheck>,
    identity: Box<str>,
}

impl SharedCheck {
    /// Computes the identity of a check.
    #[must_use]
    pub fn new(check: Arc<dyn HealthCheck>) -> Self {
        let identity = check.identity().into();
        Self(Arc::new(Shared { check, identity }))
    }

    /// The identity of the check.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// Whether both are the same in memory.
    #[must_use]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for SharedCheck {
    type Target = dyn HealthCheck;

    fn deref(&self) -> &Self::Target {
        &*self.0.check
    }
}

impl fmt::Debug for SharedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.check.fmt(f)
    }
}

/// Equal when the identities are.
impl PartialEq for SharedCheck {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || self.identity() == other.identity()
    }
}

impl Eq for SharedCheck {}

/// A probe: its target, its check, and its policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeSpec {
    /// The check, and its identity.
    pub check: SharedCheck,
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
        Self::with_shared(SharedCheck::new(check), target, policy)
    }

    /// Makes a probe of a shared check: thousands of probes share one, and may share a policy.
    #[must_use]
    pub fn with_shared(check: SharedCheck, target: Target, policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            check,
            target,
            policy: policy.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration has thousands of them.
    #[test]
    fn probe_spec_is_small() {
        assert!(size_of::<ProbeSpec>() <= 56, "{}", size_of::<ProbeSpec>());
    }
}
