// SPDX-License-Identifier: MIT OR Apache-2.0
//! Equal checks of one configuration share their memory: a file has thousands of real servers and a
//! handful of different checks.

use std::collections::HashMap;
use std::sync::Arc;

use lb_check::HealthCheck;

/// A check without its target and its policy.
#[derive(Clone, Debug)]
pub(super) struct SharedCheck {
    pub(super) check: Arc<dyn HealthCheck>,
    pub(super) kind: Arc<str>,
    pub(super) identity: Arc<str>,
}

/// The different checks seen so far, by kind and identity.
#[derive(Debug, Default)]
pub(super) struct SharedChecks(HashMap<String, Vec<SharedCheck>>);

impl SharedChecks {
    /// Returns the earlier check that does the same, or `check` itself.
    pub(super) fn share(&mut self, check: Arc<dyn HealthCheck>) -> SharedCheck {
        let identity = check.identity();
        if let Some(known) = self.0.get(&identity)
            && let Some(same) = known.iter().find(|known| *known.kind == *check.kind())
        {
            return same.clone();
        }
        let shared = SharedCheck {
            kind: check.kind().into(),
            identity: identity.as_str().into(),
            check,
        };
        self.0.entry(identity).or_default().push(shared.clone());
        shared
    }
}
