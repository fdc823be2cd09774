// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leads a host from what it has to what several claimants desire.
//!
//! The [`Reconciler`] does no I/O and reads no clock. Its user reports what is desired and what was
//! observed, takes the [next change](Reconciler::next_change), applies it, and reports the result:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use lb_host::{Address, Desired, Link, MemoryHost, Reconciler, Report};
//!
//! let mut host = MemoryHost::default();
//! let mut reconciler = Reconciler::default();
//! let address = Address::new(Arc::new(Link::new(2, "eth0")), [192, 0, 2, 100].into(), 24);
//! reconciler.set_desired(&"router", 1, [Desired::new(address.into()).with_awaited(true)]);
//! let now = Instant::now();
//! while let Some(change) = reconciler.next_change(now) {
//!     let result = host.apply(&change);
//!     reconciler.handle_result(now, change, result);
//! }
//! assert!(matches!(reconciler.next_report(), Some(Report::Ready { claimant: "router", .. })));
//! assert_eq!(reconciler.next_timeout(), None, "nothing failed");
//! ```

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use crate::key::{AddressKey, Key};
use crate::object::HostObject;
use crate::plan::{Change, Rank, plan};

/// Time from the first failure of a change to the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// Attempts at that pace; the time doubles with each later one.
const STEADY_ATTEMPTS: u32 = 10;
/// Longest time between two attempts.
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Applied {
    /// The object was not there before and is now.
    Created,
    /// The object was there already.
    AlreadyPresent,
    /// The object is not there any more.
    Removed,
}

/// An object that a claimant desires, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Desired {
    /// The object.
    pub object: HostObject,
    /// The claimant waits for [`Report::Ready`]. Such addresses are added before others.
    pub is_awaited: bool,
    /// An object that was there before counts as external: it stays when the claim ends.
    pub keeps_existing: bool,
    /// The object is added again when another program deletes it.
    pub is_restored: bool,
}

impl Desired {
    /// An object that is restored, that nothing waits for, and that is removed when the claim ends.
    pub const fn new(object: HostObject) -> Self {
        Self {
            object,
            is_awaited: false,
            keeps_existing: false,
            is_restored: true,
        }
    }

    /// Sets whether the claimant waits for the object.
    #[must_use]
    pub fn with_awaited(mut self, is_awaited: bool) -> Self {
        self.is_awaited = is_awaited;
        self
    }

    /// Sets whether an object that was there before stays.
    #[must_use]
    pub fn with_existing_kept(mut self, keeps_existing: bool) -> Self {
        self.keeps_existing = keeps_existing;
        self
    }

    /// Sets whether the object is added again when another program deletes it.
    #[must_use]
    pub fn with_restored(mut self, is_restored: bool) -> Self {
        self.is_restored = is_restored;
        self
    }
}

/// An object that another process added.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Adopted {
    /// The object.
    pub object: HostObject,
    /// A claim of this generation was acknowledged by the other process.
    pub generation: u64,
    /// The object was there before the other process, and stays.
    pub is_external: bool,
    /// The object is known to be there; otherwise it is added again if it is desired.
    pub is_seen: bool,
}

impl Adopted {
    /// An object that is known to be there, of generation 0.
    pub const fn new(object: HostObject) -> Self {
        Self {
            object,
            generation: 0,
            is_external: false,
            is_seen: true,
        }
    }

    /// Sets the generation of the claim that was acknowledged.
    #[must_use]
    pub fn with_generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Sets whether the object stays when it is no longer desired.
    #[must_use]
    pub fn with_external(mut self, is_external: bool) -> Self {
        self.is_external = is_external;
        self
    }

    /// Sets whether the object is known to be there.
    #[must_use]
    pub fn with_seen(mut self, is_seen: bool) -> Self {
        self.is_seen = is_seen;
        self
    }
}

/// What became of an object.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report<C> {
    /// An awaited object is there. Reported once for each generation of the first claimant, and again
    /// after the object was added again.
    #[non_exhaustive]
    Ready {
        /// The first claimant that waits for the object.
        claimant: C,
        /// The generation of its claim.
        generation: u64,
        /// The object.
        object: HostObject,
        /// The object was there before and stays when the claim ends.
        is_external: bool,
    },
    /// Another program had deleted the object, and it was added again.
    #[non_exhaustive]
    Restored {
        /// The first claimant.
        claimant: C,
        /// The object.
        object: HostObject,
    },
    /// A change failed; it is tried again until it succeeds or is no longer needed. Reported once until
    /// then.
    #[non_exhaustive]
    Failed {
        /// The first claimant, or the last one of an object that is no longer desired; `None` for a
        /// stale object.
        claimant: Option<C>,
        /// The change.
        change: Change,
        /// The answer of the kernel.
        error: io::Error,
    },
    /// A change that had failed has succeeded.
    #[non_exhaustive]
    Recovered {
        /// As in [`Failed`](Self::Failed).
        claimant: Option<C>,
        /// The change.
        change: Change,
    },
}

/// What is known of an object that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sight {
    /// The object is there.
    Seen,
    /// The object may be gone because of a change of this program.
    Doubtful,
    /// The object was reported missing. The report may be older than the last change.
    Missing,
}

/// An object that is on the host because of this reconciler, or was there before.
#[derive(Debug)]
struct Held<C> {
    object: HostObject,
    is_external: bool,
    sight: Sight,
    /// Place in the order of additions.
    order: u64,
    /// The last claimant.
    claimant: Option<C>,
}

#[derive(Debug)]
struct Claim<C> {
    claimant: C,
    generation: u64,
    /// Place in the order of claims.
    order: u64,
    desired: Desired,
}

#[derive(Debug)]
struct Failure {
    attempts: u32,
    /// The place among the changes that wait, unless the change is queued.
    retry: Option<(Instant, u64)>,
    message: String,
}

/// The place of a change in the queue. No two changes of one rank have the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    rank: Rank,
    order: u64,
}

/// All that is known about one key.
#[derive(Debug)]
struct Entry<C> {
    /// In the order of the claimants. The first one's attributes count.
    claims: Vec<Claim<C>>,
    held: Option<Held<C>>,
    failure: Option<Failure>,
    queued: Option<Place>,
    /// Claimant and generation of the last [`Report::Ready`].
    acknowledged: Option<(C, u64)>,
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
    fn next_change(&self) -> Option<Change> {
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
    fn is_leaving(&self) -> bool {
        self.claims.is_empty() && self.held.as_ref().is_some_and(|held| !held.is_external)
    }

    fn claimant(&self) -> Option<C> {
        let claim = self.claims.first();
        let last = || self.held.as_ref().and_then(|held| held.claimant.clone());
        claim.map(|claim| claim.claimant.clone()).or_else(last)
    }
}

/// Leads a host to what claimants of type `C` desire; see the [module](self).
///
/// Several claimants may desire the same object: it is there as long as one does, with the attributes
/// that the first of them, in the order of `C`, gives it. Objects that no claimant desires and this
/// reconciler did not add are not touched.
///
/// The cost of a new desired state is that of the claimant's own objects; changes that other claimants
/// wait for are neither repeated nor sorted again.
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
                entry.claims.retain(|claim| claim.claimant != *claimant);
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

    /// Takes note that routes and rules may have been deleted, by another program or with an interface.
    /// Those that are desired are added again, after all other changes.
    pub fn handle_routing_disturbed(&mut self) {
        self.doubt = Some(Sight::Missing);
    }

    /// Has routes and rules that may be gone, or that failed, added again.
    fn confirm_routing(&mut self) {
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

    /// Takes note that an interface is gone, with all that was on it. Claims on its objects end.
    pub fn handle_link_gone(&mut self, link: u32) {
        let gone: Vec<Key> = self
            .entries
            .keys()
            .filter(|key| key.link() == Some(link))
            .cloned()
            .collect();
        for key in gone {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else {
            return;
        };
        if let Some(place) = entry.queued {
            self.queue.remove(&place);
        }
        if let Some(retry) = entry.failure.and_then(|failure| failure.retry) {
            self.retries.remove(&retry);
        }
        for claim in entry.claims {
            if let Some(keys) = self.claimants.get_mut(&claim.claimant) {
                keys.retain(|claimed| claimed != key);
            }
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
        let next = self.queue.first_entry()?;
        if self.is_removing_only && next.get().is_add() {
            return None;
        }
        let change = next.remove();
        if let Some(entry) = self.entries.get_mut(&change.key()) {
            entry.queued = None;
        }
        Some(change)
    }

    /// When a change that failed is tried again.
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
        if matches!(change, Change::Add(HostObject::Routing(_))) {
            // What the kernel refused is not there.
            entry.held = None;
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

    /// The error of the last attempt to change an object, if it failed.
    pub fn failure(&self, key: &Key) -> Option<&str> {
        let failure = self.entries.get(key)?.failure.as_ref()?;
        Some(&failure.message)
    }

    /// Whether objects remain that are no longer desired, at all or with these attributes.
    pub fn has_surplus(&self) -> bool {
        self.entries.values().any(|entry| {
            let is_removal = |change: Change| !change.is_add();
            entry.next_change().is_some_and(is_removal)
        })
    }

    /// Plans one key again: its desired state, or what is known about it, has changed.
    fn update(&mut self, key: &Key) {
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
            Rank::AddAddress if is_awaited => Rank::AddAwaitedAddress,
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
        let shield = Key::Shield(AddressKey::clone(address));
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
}

/// Time from a failed attempt to the next one.
fn retry_delay(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(STEADY_ATTEMPTS);
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    RETRY.saturating_mul(factor).min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests;
