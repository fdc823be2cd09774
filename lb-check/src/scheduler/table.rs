// SPDX-License-Identifier: MIT OR Apache-2.0
//! The subscriptions and the distinct probes behind them. Both are kept by number, and found by tables of
//! numbers: thousands of targets have them for years, so that a byte counts.

use std::hash::{BuildHasher as _, RandomState};
use std::iter;

use hashbrown::HashTable;
use slab::Slab;

use super::event::SubscriptionId;
use super::group::{Group, Key};
use crate::{CheckState, LocalError, WeightRequest};

/// One subscriber's part.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: SubscriptionId,
    group: u32,
    /// The next subscription of the group.
    next: Option<u32>,
    pub(super) suspended: bool,
    /// An event that must not be lost waits for the receiver.
    pub(super) undelivered: bool,
    pub(super) state: CheckState,
    pub(super) weight: Option<WeightRequest>,
    /// Why the last probe could not be made.
    pub(super) error: Option<Box<LocalError>>,
    /// The warning of the last probe that passed.
    pub(super) warning: Option<Box<str>>,
}

impl Subscription {
    /// A subscription without a group.
    pub(super) const fn new(id: SubscriptionId, state: CheckState) -> Self {
        Self {
            id,
            group: 0,
            next: None,
            suspended: false,
            undelivered: false,
            state,
            weight: None,
            error: None,
            warning: None,
        }
    }

    pub(super) fn group(&self) -> usize {
        index(self.group)
    }
}

/// All subscriptions and groups. Invariant: a group has a subscription, except between
/// [`remove`](Table::remove) and [`remove_empty`](Table::remove_empty).
#[derive(Debug, Default)]
pub(super) struct Table {
    groups: Slab<Group>,
    subscriptions: Slab<Subscription>,
    by_key: HashTable<u32>,
    by_id: HashTable<u32>,
    hasher: RandomState,
}

impl Table {
    /// Makes room for many subscriptions at once, without the slack of growing vectors.
    pub(super) fn reserve(&mut self, more: usize) {
        if more > self.subscriptions.len() / 4 {
            self.subscriptions.reserve_exact(more);
            self.groups.reserve_exact(more);
        }
    }

    pub(super) fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn group(&self, number: usize) -> Option<&Group> {
        self.groups.get(number)
    }

    pub(super) fn group_mut(&mut self, number: usize) -> Option<&mut Group> {
        self.groups.get_mut(number)
    }

    pub(super) fn find(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        let number = self.number(id)?;
        self.subscriptions.get_mut(number)
    }

    /// The subscriptions of a group.
    pub(super) fn subscribers(&self, group: usize) -> impl Iterator<Item = &Subscription> {
        let first = self.groups.get(group).and_then(|group| group.first);
        let subscription = |number: u32| self.subscriptions.get(index(number));
        iter::successors(first.and_then(subscription), move |before| {
            before.next.and_then(subscription)
        })
    }

    /// Calls a function with a group and each of its subscriptions.
    pub(super) fn for_each_subscriber(
        &mut self,
        group: usize,
        mut call: impl FnMut(&Group, &mut Subscription),
    ) {
        let Some(group) = self.groups.get(group) else {
            return;
        };
        let mut next = group.first;
        while let Some(subscription) = next.and_then(|n| self.subscriptions.get_mut(index(n))) {
            call(group, subscription);
            next = subscription.next;
        }
    }

    /// Adds a subscription to the group of its key; returns the number of the group, and whether it is new.
    /// There must be none with this id.
    pub(super) fn add(&mut self, subscription: Subscription, key: Key) -> (usize, bool) {
        let hash = self.hasher.hash_one(&key);
        let groups = &self.groups;
        let same = |number: &u32| groups.get(index(*number)).is_some_and(|g| g.key == key);
        let known = self.by_key.find(hash, same).copied();
        let group = known.unwrap_or_else(|| {
            let number = narrow(self.groups.insert(Group::new(key)));
            let (groups, hasher) = (&self.groups, &self.hasher);
            let hash_of = |number: &u32| {
                let group = groups.get(index(*number));
                group.map_or(0, |group| hasher.hash_one(&group.key))
            };
            self.by_key.insert_unique(hash, number, hash_of);
            number
        });
        let id = subscription.id;
        let number = narrow(self.subscriptions.insert(subscription));
        if let (Some(subscription), Some(of_key)) = (
            self.subscriptions.get_mut(index(number)),
            self.groups.get_mut(index(group)),
        ) {
            subscription.group = group;
            subscription.next = of_key.first.replace(number);
        }
        let (subscriptions, hasher) = (&self.subscriptions, &self.hasher);
        let hash_of = |number: &u32| {
            let subscription = subscriptions.get(index(*number));
            subscription.map_or(0, |subscription| hasher.hash_one(subscription.id))
        };
        self.by_id
            .insert_unique(hasher.hash_one(id), number, hash_of);
        (index(group), known.is_none())
    }

    /// Removes a subscription; its group stays, even if that has no other.
    pub(super) fn remove(&mut self, id: SubscriptionId) -> Option<Subscription> {
        let subscriptions = &self.subscriptions;
        let same = |number: &u32| {
            subscriptions
                .get(index(*number))
                .is_some_and(|s| s.id == id)
        };
        let entry = self.by_id.find_entry(self.hasher.hash_one(id), same).ok()?;
        let (number, _) = entry.remove();
        let removed = self.subscriptions.try_remove(index(number))?;
        let group = self.groups.get_mut(removed.group())?;
        let mut link = &mut group.first;
        while let Some(at) = *link {
            if at == number {
                *link = removed.next;
                break;
            }
            link = &mut self.subscriptions.get_mut(index(at))?.next;
        }
        Some(removed)
    }

    /// Removes a group without a subscription.
    pub(super) fn remove_empty(&mut self, number: usize) -> Option<Group> {
        let group = self.groups.get(number)?;
        if group.first.is_some() {
            return None;
        }
        let hash = self.hasher.hash_one(&group.key);
        let entry = self
            .by_key
            .find_entry(hash, |known| index(*known) == number);
        entry.ok()?.remove();
        self.groups.try_remove(number)
    }

    fn number(&self, id: SubscriptionId) -> Option<usize> {
        let same = |number: &u32| {
            let subscription = self.subscriptions.get(index(*number));
            subscription.is_some_and(|subscription| subscription.id == id)
        };
        let number = self.by_id.find(self.hasher.hash_one(id), same)?;
        Some(index(*number))
    }
}

/// A number as an index; 32 bits always fit where this crate runs.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An index as a number: there is not the memory for more.
pub(super) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_a_target_is_small() {
        assert!(size_of::<Slab<Subscription>>() > 0);
        assert!(
            size_of::<Subscription>() <= 56,
            "{}",
            size_of::<Subscription>()
        );
        assert!(size_of::<Group>() <= 40, "{}", size_of::<Group>());
    }
}
