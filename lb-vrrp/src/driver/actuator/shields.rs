// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses to which packets are dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::address::Link;
use super::super::error::AddressError;
use super::super::filter::PacketFilter;
use super::super::mailbox::RouterKey;
use super::addresses::AddressKey;

/// Whose address packets are dropped to, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Shield {
    pub(super) router: RouterKey,
    pub(super) name: Arc<str>,
    pub(super) link: Link,
}

/// A failure, and whether it is the first since this address was last well.
pub(super) struct Failure {
    pub(super) shield: Shield,
    pub(super) error: AddressError,
    pub(super) first: bool,
}

#[derive(Debug)]
pub(super) struct Shields {
    /// Without one nothing is dropped, which has been told.
    filter: Option<Box<dyn PacketFilter>>,
    up: BTreeMap<AddressKey, Shield>,
    failing: BTreeSet<AddressKey>,
}

impl Shields {
    pub(super) const fn new(filter: Option<Box<dyn PacketFilter>>) -> Self {
        Self {
            filter,
            up: BTreeMap::new(),
            failing: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.up.is_empty()
    }

    /// Those that are up and not wanted.
    pub(super) fn surplus(&self, wanted: impl Fn(&AddressKey) -> bool) -> Vec<AddressKey> {
        self.up.keys().filter(|key| !wanted(key)).copied().collect()
    }

    /// Drops packets to an address, if that is not done yet.
    pub(super) async fn raise(
        &mut self,
        key: AddressKey,
        shield: impl FnOnce() -> Shield,
    ) -> Result<(), Failure> {
        let Some(filter) = &mut self.filter else {
            return Ok(());
        };
        if self.up.contains_key(&key) {
            return Ok(());
        }
        let shield = shield();
        match filter.shield(&shield.link, key.1).await {
            Ok(()) => {
                self.failing.remove(&key);
                self.up.insert(key, shield);
                Ok(())
            }
            Err(error) => Err(self.failed(key, shield, error)),
        }
    }

    /// Lets packets to an address pass.
    pub(super) async fn lower(&mut self, key: AddressKey) -> Result<(), Failure> {
        let (Some(filter), Some(shield)) = (&mut self.filter, self.up.get(&key)) else {
            return Ok(());
        };
        let shield = shield.clone();
        match filter.unshield(&shield.link, key.1).await {
            Ok(()) => {
                self.failing.remove(&key);
                self.up.remove(&key);
                Ok(())
            }
            Err(error) => Err(self.failed(key, shield, error)),
        }
    }

    fn failed(&mut self, key: AddressKey, shield: Shield, error: AddressError) -> Failure {
        Failure {
            shield,
            error,
            first: self.failing.insert(key),
        }
    }
}
