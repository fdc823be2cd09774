// SPDX-License-Identifier: MIT OR Apache-2.0
//! Equal checks and scripts of one configuration are made once: a file has thousands of real servers and a
//! handful of different checks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lb_check::{FileWeight, HealthCheck, Policy, SharedCheck};

use crate::model::NotifyScript;

use super::source::Span;
use super::tree::NodeId;

/// A check without its target and its policy.
#[derive(Clone, Debug)]
pub(super) struct KnownCheck {
    pub(super) check: SharedCheck,
    pub(super) kind: Arc<str>,
}

/// The different checks and policies seen so far.
#[derive(Debug, Default)]
pub(super) struct SharedChecks {
    /// By identity; several kinds may have the same.
    checks: HashMap<String, Vec<KnownCheck>>,
    policies: HashSet<Arc<Policy>>,
    /// The tracked files that checks may name.
    pub(super) files: Arc<BTreeMap<String, FileWeight>>,
    /// Where these are defined: the block, and the name.
    pub(super) file_places: BTreeMap<String, (NodeId, Span)>,
}

impl SharedChecks {
    /// Returns the earlier check that does the same, or `check` itself.
    pub(super) fn share(&mut self, check: Arc<dyn HealthCheck>) -> KnownCheck {
        let check = SharedCheck::new(check);
        if let Some(known) = self.checks.get(check.identity())
            && let Some(same) = known.iter().find(|known| *known.kind == *check.kind())
        {
            return same.clone();
        }
        let known = KnownCheck {
            kind: check.kind().into(),
            check,
        };
        let identity = known.check.identity().to_owned();
        self.checks.entry(identity).or_default().push(known.clone());
        known
    }

    /// Returns the equal policy seen before, or this one.
    pub(super) fn share_policy(&mut self, policy: Policy) -> Arc<Policy> {
        if let Some(known) = self.policies.get(&policy) {
            return Arc::clone(known);
        }
        let policy = Arc::new(policy);
        self.policies.insert(Arc::clone(&policy));
        policy
    }
}

/// Scripts without a finding, by the line: thousands of real servers may have the same one, and to
/// examine a path takes system calls.
#[derive(Debug, Default)]
pub(super) struct KnownScripts(HashMap<String, NotifyScript>);

impl KnownScripts {
    pub(super) fn get(&self, line: &str) -> Option<&NotifyScript> {
        self.0.get(line)
    }

    pub(super) fn insert(&mut self, line: String, script: NotifyScript) {
        self.0.insert(line, script);
    }
}
