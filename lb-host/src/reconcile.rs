// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leads a host from what it has to what several claimants desire.

mod claim;
mod entry;
mod queue;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::time::Instant;

pub use self::claim::{Adopted, Applied, Desired, Report};
use self::entry::{Claim, Entry, Failure, Held, Place, Sight, retry_delay};
use crate::key::Key;
use crate::object::HostObject;
use crate::plan::{Change, Rank};

/// Leads a host to what claimants of type `C` desire.
///
/// Several claimants may desire the same object: it is there as long as one does, with the attributes
/// that the first of them, in the order of `C`, gives it. Objects that no claimant desires and this
/// reconciler did not add are not touched.
///
/// The cost of a new desired state is that of the claimant's own objects; changes that other claimants
/// wait for are neither repeated nor sorted again.
///
/// The reconciler does no I/O and reads no clock. Its user reports what is desired and what was
/// observed, takes the [next change](Self::next_change), applies it, and reports the result:
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
///
/// use lb_host::{Address, Desired, Link, MemoryHost, Reconciler, Report};
///
/// let mut host = MemoryHost::default();
/// let mut reconciler = Reconciler::default();
/// let address = Address::new(Arc::new(Link::new(2, "eth0")), [192, 0, 2, 100].into(), 24);
/// reconciler.set_desired(&"router", 1, [Desired::new(address.into()).with_awaited(true)]);
/// let now = Instant::now();
/// while let Some(change) = reconciler.next_change(now) {
///     let result = host.apply(&change);
///     reconciler.handle_result(now, change, result);
/// }
/// assert!(matches!(reconciler.next_report(), Some(Report::Ready { claimant: "router", .. })));
/// assert_eq!(reconciler.next_timeout(), None, "nothing failed");
/// ```
#[derive(Debug)]
pub struct Reconciler<C> {
    entries: HashMap<Key, Entry<C>>,
    /// The keys that each claimant desires, in the order given.
    claimants: BTreeMap<C, Vec<Key>>,
    queue: BTreeMap<Place, Change>,
    /// Failed changes that wait, by time and order of failure.
    retries: BTreeMap<(Instant, u64), Key>,
    reports: VecDeque<Report<C>>,
    last_order: u64,
    is_removing_only: bool,
    /// Routes and rules that are held have to be confirmed.
    doubt: Option<Sight>,
}

impl<C> Default for Reconciler<C> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            claimants: BTreeMap::new(),
            queue: BTreeMap::new(),
            retries: BTreeMap::new(),
            reports: VecDeque::new(),
            last_order: 0,
            is_removing_only: false,
            doubt: None,
        }
    }
}

impl<C: Clone + Ord> Reconciler<C> {
    /// Replaces what a claimant desires; of objects with the same key the first counts. With another
    /// `generation` than before, objects that are there are reported [ready](Report::Ready) again.
    pub fn set_desired(
        &mut self,
        claimant: &C,
        generation: u64,
        desired: impl IntoIterator<Item = Desired>,
    ) {
        let (mut keys, mut order) = (HashSet::new(), Vec::new());
        for desired in desired {
            let key = desired.object.key();
            if !keys.insert(key.clone()) {
                continue;
            }
            order.push(key.clone());
            let entry = self.entries.entry(key).or_default();
            let found = entry
                .claims
                .binary_search_by(|claim| claim.claimant.cmp(claimant));
            match found.map(|at| entry.claims.get_mut(at)) {
                Ok(Some(claim)) => {
                    claim.generation = generation;
                    claim.desired = desired;
                }
                Ok(None) => {}
                Err(at) => {
                    self.last_order += 1;
                    let claim = Claim {
                        claimant: claimant.clone(),
                        generation,
                        order: self.last_order,
                        desired,
                    };
                    entry.claims.insert(at, claim);
                }
            }
        }
        let before = if order.is_empty() {
            self.claimants.remove(claimant)
        } else {
            self.claimants.insert(claimant.clone(), order.clone())
        };
        for key in before.unwrap_or_default() {
            if keys.contains(&key) {
                continue;
            }
            if let Some(entry) = self.entries.get_mut(&key) {
                let claims = &mut entry.claims;
                if let Ok(at) = claims.binary_search_by(|claim| claim.claimant.cmp(claimant)) {
                    claims.remove(at);
                }
            }
            self.update(&key);
        }
        for key in &order {
            self.update(key);
        }
    }

    /// Ends the claims of all claimants.
    pub fn clear_desired(&mut self) {
        for claimant in self.claimants.keys().cloned().collect::<Vec<_>>() {
            self.set_desired(&claimant, 0, []);
        }
    }

    /// Takes over an object that another process added, for a claimant or for none. Objects that are
    /// adopted and not desired are removed: call [`set_desired`](Self::set_desired) before the next
    /// change is taken.
    pub fn adopt(&mut self, claimant: Option<&C>, adopted: Adopted) {
        let Adopted {
            object,
            generation,
            is_external,
            is_seen,
        } = adopted;
        self.last_order += 1;
        let key = object.key();
        let entry = self.entries.entry(key.clone()).or_default();
        entry.held = Some(Held {
            object,
            is_external,
            sight: if is_seen {
                Sight::Seen
            } else {
                Sight::Doubtful
            },
            order: self.last_order,
            claimant: claimant.cloned(),
        });
        entry.acknowledged = claimant.map(|claimant| (claimant.clone(), generation));
        self.update(&key);
    }

    /// Takes note that an object was found missing; returns whether it was held. A desired object is
    /// added again. The observation may be older than the last change: an object that is no longer
    /// desired is removed all the same.
    pub fn handle_missing(&mut self, key: &Key) -> bool {
        let held = self
            .entries
            .get_mut(key)
            .and_then(|entry| entry.held.as_mut());
        let Some(held) = held else {
            return false;
        };
        held.sight = Sight::Missing;
        self.update(key);
        true
    }

    /// Takes note that the kernel deleted an object as a consequence of another change, as of the state of
    /// its interface. A desired object is added again, which is not [reported](Report::Restored).
    pub fn handle_consequence(&mut self, key: &Key) {
        let entry = self.entries.get_mut(key);
        if let Some(held) = entry.and_then(|entry| entry.held.as_mut()) {
            held.sight = held.sight.max(Sight::Doubtful);
            self.update(key);
        }
    }

    /// Takes note that routes and rules may have been deleted, by another program or with an interface.
    /// Those that are desired are added again, after all other changes.
    pub fn handle_routing_disturbed(&mut self) {
        self.doubt = Some(Sight::Missing);
    }

    /// Takes note that an interface is gone, with all that was on it. Claims on its objects end. Shields
    /// are those of the packet filter, and are removed.
    pub fn handle_link_gone(&mut self, link: u32) {
        let gone = self.entries.keys().filter(|key| key.link() == Some(link));
        let is_shield = |key: &Key| matches!(key, Key::Shield(_));
        let (shields, gone): (Vec<Key>, Vec<Key>) = gone.cloned().partition(is_shield);
        for key in gone {
            self.forget(&key);
        }
        // After the addresses that they wait for.
        for key in shields {
            self.end_claims(&key);
        }
    }

    /// Has [`next_change`](Self::next_change) return removals only, from now on: what is missing is
    /// another process's to add.
    pub fn remove_only(&mut self) {
        self.is_removing_only = true;
    }

    /// The change to apply next, or `None` if there is none at this time. Report the result with
    /// [`handle_result`](Self::handle_result).
    pub fn next_change(&mut self, now: Instant) -> Option<Change> {
        while let Some(retry) = self
            .retries
            .first_entry()
            .filter(|next| next.key().0 <= now)
        {
            let key = retry.get().clone();
            self.update(&key);
        }
        let comes_after = |place: &Place| place.rank >= Rank::AddRoute;
        if self.queue.keys().next().is_none_or(comes_after) {
            self.confirm_routing();
        }
        self.take_queued(|_| true)
    }

    /// The changes to apply next: one, or several that can be one request. None if there is none at this
    /// time. Report each result with [`handle_result`](Self::handle_result).
    pub fn next_changes(&mut self, now: Instant) -> Vec<Change> {
        let mut changes: Vec<Change> = self.next_change(now).into_iter().collect();
        if let Some(group) = changes.first().and_then(Change::group) {
            let is_of_group = |change: &Change| change.group() == Some(group);
            while let Some(change) = self.take_queued(is_of_group) {
                changes.push(change);
            }
        }
        changes
    }

    /// Takes the next change from the queue if it is accepted.
    fn take_queued(&mut self, is_accepted: impl Fn(&Change) -> bool) -> Option<Change> {
        let is_removing_only = self.is_removing_only;
        let mut queued = self.queue.iter();
        let (place, change) = queued.find(|(_, change)| !is_removing_only || !change.is_add())?;
        if !is_accepted(change) {
            return None;
        }
        let place = *place;
        let change = self.queue.remove(&place)?;
        if let Some(entry) = self.entries.get_mut(&change.key()) {
            entry.queued = None;
        }
        Some(change)
    }

    /// When a change that failed is tried again.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.retries.keys().next().map(|(at, _)| *at)
    }

    /// What became of an object; `None` when all is reported.
    pub fn next_report(&mut self) -> Option<Report<C>> {
        self.reports.pop_front()
    }

    /// Takes the result of a change.
    pub fn handle_result(&mut self, now: Instant, change: Change, result: io::Result<Applied>) {
        let key = change.key();
        let entry = self.entries.entry(key.clone()).or_default();
        let claimant = entry.claimant();
        let applied = match result {
            Ok(applied) => applied,
            Err(error) => {
                self.handle_failure(now, change, error);
                return;
            }
        };
        if entry.failure.take().is_some() {
            self.reports.push_back(Report::Recovered {
                claimant: claimant.clone(),
                change: change.clone(),
            });
        }
        match change {
            Change::Add(object) => {
                let before = entry.held.take();
                let claim = entry.claims.first();
                let keeps = claim.is_some_and(|claim| claim.desired.keeps_existing);
                let keeps = before.as_ref().map_or(keeps, |held| held.is_external);
                let is_missing = |held: &Held<C>| held.sight == Sight::Missing;
                if before.as_ref().is_some_and(is_missing)
                    && applied == Applied::Created
                    && let Some(claimant) = &claimant
                {
                    self.reports.push_back(Report::Restored {
                        claimant: claimant.clone(),
                        object: object.clone(),
                    });
                }
                self.last_order += 1;
                entry.held = Some(Held {
                    object,
                    is_external: applied == Applied::AlreadyPresent && keeps,
                    sight: Sight::Seen,
                    order: before.map_or(self.last_order, |held| held.order),
                    claimant,
                });
                entry.acknowledged = None;
                self.update(&key);
            }
            Change::Remove(object) => {
                entry.held = None;
                // The kernel removes routes with their source address.
                if matches!(object, HostObject::Address(_)) {
                    self.doubt = self.doubt.max(Some(Sight::Doubtful));
                }
                self.update(&key);
            }
        }
    }

    fn handle_failure(&mut self, now: Instant, change: Change, error: io::Error) {
        let key = change.key();
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        let claimant = entry.claimant();
        if change.is_add()
            && let Some(held) = &mut entry.held
        {
            // A refusal does not show that the object is gone: it is removed when no claim is left.
            held.sight = Sight::Missing;
        }
        // The kernel may have done it all the same.
        if error.kind() == io::ErrorKind::TimedOut
            && entry.held.is_none()
            && let Change::Add(object) = &change
        {
            self.last_order += 1;
            entry.held = Some(Held {
                object: object.clone(),
                is_external: false,
                sight: Sight::Missing,
                order: self.last_order,
                claimant: claimant.clone(),
            });
        }
        let attempts = entry
            .failure
            .as_ref()
            .map_or(1, |before| before.attempts + 1);
        let retry_at = now + retry_delay(attempts);
        self.last_order += 1;
        let retry = (retry_at, self.last_order);
        entry.failure = Some(Failure {
            attempts,
            retry: Some(retry),
            message: error.to_string(),
        });
        self.retries.insert(retry, key);
        if attempts == 1 {
            self.reports.push_back(Report::Failed {
                claimant,
                change,
                error,
            });
        }
    }

    /// Whether an object was added, or found, and has not been removed since.
    #[must_use]
    pub fn is_held(&self, key: &Key) -> bool {
        self.entries
            .get(key)
            .is_some_and(|entry| entry.held.is_some())
    }

    /// All objects that were added, or found, and have not been removed since.
    pub fn held(&self) -> impl Iterator<Item = &HostObject> {
        let held = self
            .entries
            .values()
            .filter_map(|entry| entry.held.as_ref());
        held.map(|held| &held.object)
    }

    /// The objects that are held, in the order of their addition, for [`adopt`](Self::adopt) in the
    /// reconciler of another process: each with the claimant that was reported ready, or the last one.
    /// The generation is 0 where no claim was acknowledged.
    #[must_use]
    pub fn owned(&self) -> Vec<(Option<C>, Adopted)> {
        let mut owned: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| Some((entry.held.as_ref()?, entry.acknowledged.as_ref())))
            .collect();
        owned.sort_unstable_by_key(|(held, _)| held.order);
        let owned = owned.into_iter().map(|(held, acknowledged)| {
            let (claimant, generation) = match acknowledged {
                Some((claimant, generation)) => (Some(claimant), *generation),
                None => (held.claimant.as_ref(), 0),
            };
            let adopted = Adopted::new(held.object.clone())
                .with_generation(generation)
                .with_external(held.is_external)
                .with_seen(held.sight == Sight::Seen);
            (claimant.cloned(), adopted)
        });
        owned.collect()
    }

    /// The error of the last attempt to change an object, if it failed.
    #[must_use]
    pub fn failure(&self, key: &Key) -> Option<&str> {
        let failure = self.entries.get(key)?.failure.as_ref()?;
        Some(&failure.message)
    }

    /// Whether objects remain that are no longer desired, at all or with these attributes.
    #[must_use]
    pub fn has_surplus(&self) -> bool {
        self.entries.values().any(|entry| {
            let is_removal = |change: Change| !change.is_add();
            entry.next_change().is_some_and(is_removal)
        })
    }
}

#[cfg(test)]
mod tests;
