// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checks that are subscribed to, found by their path in the model and by their subscription.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;
use lb_check::{ProbeSpec, SubscriptionId};
use slab::Slab;

use crate::director::CheckId;

/// A check that is subscribed to.
#[derive(Debug)]
pub(super) struct ActiveCheck {
    pub(super) id: CheckId,
    pub(super) probe: Arc<ProbeSpec>,
    pub(super) suspended: bool,
    /// Differs between subscriptions of the same number: events of an ended one may still be in the channel.
    generation: u32,
}

/// All checks, by number; a table of numbers finds them, which takes a tenth of the memory of a map.
#[derive(Debug, Default)]
pub(super) struct CheckTable {
    checks: Slab<ActiveCheck>,
    by_id: HashTable<u32>,
    hasher: RandomState,
    generation: u32,
}

impl CheckTable {
    /// Makes room for many checks at once, without the slack of a growing vector.
    pub(super) fn reserve(&mut self, more: usize) {
        if more > self.checks.len() / 4 {
            self.checks.reserve_exact(more);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.checks.len()
    }

    /// Adds a check, of which there must be none with this path.
    pub(super) fn insert(
        &mut self,
        id: CheckId,
        probe: Arc<ProbeSpec>,
        suspended: bool,
    ) -> SubscriptionId {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let check = ActiveCheck {
            id,
            probe,
            suspended,
            generation,
        };
        let number = u32::try_from(self.checks.insert(check)).unwrap_or(u32::MAX);
        let (checks, hasher) = (&self.checks, &self.hasher);
        let hash_of = |number: &u32| {
            let check = checks.get(index(*number));
            check.map_or(0, |check| hasher.hash_one(check.id))
        };
        self.by_id
            .insert_unique(hasher.hash_one(id), number, hash_of);
        subscription(number, generation)
    }

    /// Removes a check; returns its subscription.
    pub(super) fn remove(&mut self, id: &CheckId) -> Option<SubscriptionId> {
        let checks = &self.checks;
        let same = |number: &u32| {
            let check = checks.get(index(*number));
            check.is_some_and(|check| check.id == *id)
        };
        let entry = self.by_id.find_entry(self.hasher.hash_one(id), same).ok()?;
        let (number, _) = entry.remove();
        let removed = self.checks.try_remove(index(number))?;
        Some(subscription(number, removed.generation))
    }

    /// The subscription of a check, and the check.
    pub(super) fn find_mut(&mut self, id: &CheckId) -> Option<(SubscriptionId, &mut ActiveCheck)> {
        let number = self.number(id)?;
        let check = self.checks.get_mut(index(number))?;
        Some((subscription(number, check.generation), check))
    }

    pub(super) fn find(&self, id: &CheckId) -> Option<&ActiveCheck> {
        self.checks.get(index(self.number(id)?))
    }

    /// The check of a subscription, unless that has ended.
    pub(super) fn of_subscription(&self, id: SubscriptionId) -> Option<&ActiveCheck> {
        let number = u32::try_from(id.get() & u64::from(u32::MAX)).ok()?;
        let check = self.checks.get(index(number))?;
        (subscription(number, check.generation) == id).then_some(check)
    }

    /// All checks with their subscriptions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SubscriptionId, &ActiveCheck)> {
        self.checks.iter().map(|(number, check)| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            (subscription(number, check.generation), check)
        })
    }

    fn number(&self, id: &CheckId) -> Option<u32> {
        let same = |number: &u32| {
            let check = self.checks.get(index(*number));
            check.is_some_and(|check| check.id == *id)
        };
        self.by_id.find(self.hasher.hash_one(id), same).copied()
    }
}

/// The subscription of a check with this number.
fn subscription(number: u32, generation: u32) -> SubscriptionId {
    SubscriptionId::new(u64::from(generation) << 32 | u64::from(number))
}

/// A number as an index; 32 bits always fit where this crate runs.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use lb_ipvs::{Protocol, ServiceKey};

    use super::*;
    use crate::model::CheckSpec;

    fn id(port: u16) -> CheckId {
        let address = SocketAddr::from(([192, 0, 2, 50], 80));
        CheckId {
            service: ServiceKey::Address {
                protocol: Protocol::Tcp,
                address,
            },
            real_server: SocketAddr::from(([192, 0, 2, 61], port)),
            index: 0,
        }
    }

    fn probe(port: u16) -> Arc<ProbeSpec> {
        CheckSpec::tcp(id(port).real_server, Duration::from_secs(3)).probe
    }

    #[test]
    fn subscription_that_ended_is_not_mistaken_for_a_later_one() {
        let mut table = CheckTable::default();
        let first = table.insert(id(1), probe(1), false);
        assert_eq!(table.of_subscription(first).unwrap().id, id(1));
        assert_eq!(table.remove(&id(1)), Some(first));
        assert_eq!(table.remove(&id(1)), None);
        let second = table.insert(id(2), probe(2), true);
        assert_ne!(first, second);
        assert!(table.of_subscription(first).is_none());
        assert!(table.of_subscription(second).unwrap().suspended);
    }

    #[test]
    fn checks_are_found_by_their_path() {
        let mut table = CheckTable::default();
        table.reserve(1000);
        let subscriptions: Vec<_> = (0..1000)
            .map(|port| table.insert(id(port), probe(port), false))
            .collect();
        for port in (0..1000).step_by(3) {
            assert!(table.remove(&id(port)).is_some());
        }
        assert_eq!((table.len(), table.iter().count()), (666, 666));
        for port in 0..1000 {
            let removed = port % 3 == 0;
            assert_eq!(table.find(&id(port)).is_none(), removed);
            let found = table
                .find_mut(&id(port))
                .map(|(subscription, _)| subscription);
            let expected = (!removed).then_some(subscriptions[usize::from(port)]);
            assert_eq!(found, expected);
        }
    }
}
