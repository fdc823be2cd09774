// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a reconciler knows about one object.

use std::time::{Duration, Instant};

use super::claim::Desired;
use crate::object::HostObject;
use crate::plan::{Change, Rank, plan};

/// Time from the first failure of a change to the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts at that pace; the time doubles with each later one.
const STEADY_ATTEMPTS: u32 = 10;
/// Longest time between two attempts.
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// What is known of an object that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// The object is there.
    Seen,
    /// The object may be gone because of a change of this program.
    Doubtful,
    /// The object was reported missing. The report may be older than the last change.
    Missing,
}

/// An object that is on the host because of this reconciler, or was there before.
#[derive(Debug)]
pub(super) struct Held<C> {
    pub(super) object: HostObject,
    pub(super) is_external: bool,
    pub(super) sight: Sight,
    /// Place in the order of additions.
    pub(super) order: u64,
    /// The last claimant.
    pub(super) claimant: Option<C>,
}

#[derive(Debug)]
pub(super) struct Claim<C> {
    pub(super) claimant: C,
    pub(super) generation: u64,
    /// Place in the order of claims.
    pub(super) order: u64,
    pub(super) desired: Desired,
}

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) attempts: u32,
    /// The place among the changes that wait, unless the change is queued.
    pub(super) retry: Option<(Instant, u64)>,
    pub(super) message: String,
}

/// The place of a change in the queue. No two changes of one rank have the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) rank: Rank,
    pub(super) order: u64,
}

/// All that is known about one key.
#[derive(Debug)]
pub(super) struct Entry<C> {
    /// In the order of the claimants. The first one's attributes count.
    pub(super) claims: Vec<Claim<C>>,
    pub(super) held: Option<Held<C>>,
    pub(super) failure: Option<Failure>,
    pub(super) queued: Option<Place>,
    /// Claimant and generation of the last `Report::Ready`.
    pub(super) acknowledged: Option<(C, u64)>,
}

impl<C> Default for Entry<C> {
    fn default() -> Self {
        Self {
            claims: Vec::new(),
            held: None,
            failure: None,
            queued: None,
            acknowledged: None,
        }
    }
}

impl<C: Clone> Entry<C> {
    /// The first change that this key needs.
    pub(super) fn next_change(&self) -> Option<Change> {
        let desired: Vec<HostObject> = self
            .claims
            .first()
            .map(|claim| claim.desired.object.clone())
            .into_iter()
            .collect();
        let is_restored = self.claims.iter().any(|claim| claim.desired.is_restored);
        let (mut actual, mut owned) = (Vec::new(), Vec::new());
        if let Some(held) = &self.held {
            if !held.is_external {
                owned.push(held.object.clone());
            }
            // The kernel decides whether an external object is the same as one with other attributes.
            let is_same = desired.iter().all(|wanted| wanted.is_same(&held.object));
            let is_seen = held.sight == Sight::Seen || !is_restored;
            if is_seen && (is_same || !held.is_external) {
                actual.push(held.object.clone());
            }
        }
        plan(&actual, &desired, &owned).into_iter().next()
    }

    /// Whether the object is there and on its way out.
    pub(super) fn is_leaving(&self) -> bool {
        self.claims.is_empty() && self.held.as_ref().is_some_and(|held| !held.is_external)
    }

    pub(super) fn claimant(&self) -> Option<C> {
        let claim = self.claims.first();
        let last = || self.held.as_ref().and_then(|held| held.claimant.clone());
        claim.map(|claim| claim.claimant.clone()).or_else(last)
    }
}

/// Time from a failed attempt to the next one.
pub(super) fn retry_delay(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(STEADY_ATTEMPTS);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    RETRY.saturating_mul(factor).min(LONGEST_RETRY)
}
