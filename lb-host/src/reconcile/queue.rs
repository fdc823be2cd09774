// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which changes a reconciler has to make, in which order.

use super::Reconciler;
use super::claim::Report;
use super::entry::{Claim, Entry, Place};
use crate::key::Key;
use crate::object::HostObject;
use crate::plan::{Change, Rank};

impl<C: Clone + Ord> Reconciler<C> {
    /// Plans one key again: its desired state, or what is known about it, has changed.
    pub(super) fn update(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(place) = entry.queued.take() {
            self.queue.remove(&place);
        }
        if let Some(failure) = &mut entry.failure
            && let Some(retry) = failure.retry.take()
        {
            self.retries.remove(&retry);
        }
        let Some(change) = entry.next_change() else {
            if entry.claims.is_empty() {
                self.entries.remove(key);
            } else {
                self.acknowledge(key);
            }
            self.update_shield(key);
            return;
        };
        if self.is_blocked(&change) {
            return;
        }
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let is_awaited = entry.claims.iter().any(|claim| claim.desired.is_awaited);
        let rank = match change.rank() {
            Rank::AddAddress | Rank::AddLinkUp if is_awaited => Rank::AddAwaited,
            rank => rank,
        };
        let order = match &change {
            Change::Add(_) => entry.claims.first().map(|claim| claim.order),
            Change::Remove(_) => entry.held.as_ref().map(|held| u64::MAX - held.order),
        };
        let place = Place {
            rank,
            order: order.unwrap_or_default(),
        };
        entry.queued = Some(place);
        self.queue.insert(place, change);
        self.update_shield(key);
    }

    /// A shield stays until its address is gone, which may take several attempts.
    fn is_blocked(&self, change: &Change) -> bool {
        let Change::Remove(HostObject::Shield(shield)) = change else {
            return false;
        };
        let address = self.entries.get(&Key::Address(shield.key()));
        address.is_some_and(Entry::is_leaving)
    }

    /// Plans the shield of an address again where that waits for the address.
    fn update_shield(&mut self, key: &Key) {
        let Key::Address(address) = key else {
            return;
        };
        let shield = Key::Shield(*address);
        if self.entries.get(&shield).is_some_and(Entry::is_leaving) {
            self.update(&shield);
        }
    }

    /// Reports an object that is there to the claimant that waits for it.
    fn acknowledge(&mut self, key: &Key) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let awaiting = entry.claims.iter().find(|claim| claim.desired.is_awaited);
        let (Some(held), Some(claim)) = (&mut entry.held, awaiting) else {
            return;
        };
        let acknowledged = (claim.claimant.clone(), claim.generation);
        if entry.acknowledged.as_ref() == Some(&acknowledged) {
            return;
        }
        held.claimant = Some(claim.claimant.clone());
        self.reports.push_back(Report::Ready {
            claimant: claim.claimant.clone(),
            generation: claim.generation,
            object: held.object.clone(),
            is_external: held.is_external,
        });
        entry.acknowledged = Some(acknowledged);
    }

    /// Has routes and rules that may be gone, or that failed, added again.
    pub(super) fn confirm_routing(&mut self) {
        let Some(sight) = self.doubt.take() else {
            return;
        };
        let is_routing = |key: &&Key| matches!(key, Key::Routing(_));
        let keys: Vec<Key> = self.entries.keys().filter(is_routing).cloned().collect();
        for key in keys {
            let entry = self.entries.get_mut(&key);
            if let Some(held) = entry.and_then(|entry| entry.held.as_mut()) {
                held.sight = held.sight.max(sight);
            }
            self.update(&key);
        }
    }

    /// Ends what this reconciler has to do with an object: all claims on it, and the duty to remove it. For
    /// an object that is gone, or that another process has taken over.
    pub fn forget(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        if let Some(place) = entry.queued {
            self.queue.remove(&place);
        }
        if let Some(retry) = entry.failure.and_then(|failure| failure.retry) {
            self.retries.remove(&retry);
        }
        self.drop_claims(key, entry.claims);
    }

    /// Ends all claims on an object, which is then removed.
    pub(super) fn end_claims(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            let claims = std::mem::take(&mut entry.claims);
            self.drop_claims(key, claims);
            self.update(key);
        }
    }

    fn drop_claims(&mut self, key: &Key, claims: Vec<Claim<C>>) {
        for claim in claims {
            if let Some(keys) = self.claimants.get_mut(&claim.claimant) {
                keys.retain(|claimed| claimed != key);
            }
        }
    }
}
