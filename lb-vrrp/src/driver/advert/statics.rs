// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of static items in the advert thread; the address thread adds them.

use std::sync::Arc;
use std::time::Instant;

use super::super::key::RouterKey;
use super::super::statics::StaticState;
use super::AdvertThread;
use crate::status::StaticStatus;
use crate::{AddressFamily, StaticItems};

#[derive(Debug)]
pub(super) struct Statics {
    wanted: Arc<StaticItems>,
    /// Whether the address thread has tried to add all of them.
    tried: bool,
    missing: Vec<StaticStatus>,
}

impl Statics {
    pub(super) fn new(wanted: StaticItems) -> Self {
        Self {
            tried: wanted.is_empty(),
            wanted: Arc::new(wanted),
            missing: Vec::new(),
        }
    }

    pub(super) const fn wanted(&self) -> &Arc<StaticItems> {
        &self.wanted
    }

    pub(super) fn missing(&self) -> &[StaticStatus] {
        &self.missing
    }

    /// Replaces the static items; equal ones change nothing.
    pub(super) fn replace(&mut self, wanted: StaticItems) {
        if *self.wanted != wanted {
            let missing = std::mem::take(&mut self.missing);
            *self = Self::new(wanted);
            let stays =
                |status: &StaticStatus| self.wanted.names().any(|name| *name == *status.item);
            self.missing = missing.into_iter().filter(stays).collect();
        }
    }
}

impl AdvertThread {
    /// Follows the result of the address thread for the static items.
    pub(super) fn follow_statics(&mut self, state: StaticState) {
        if !Arc::ptr_eq(&state.statics, &self.statics.wanted) {
            return;
        }
        self.statics.missing = state.missing;
        let changed = self.tracking.handle_statics(&self.statics.missing);
        self.follow_objects(Instant::now(), changed);
        if !std::mem::replace(&mut self.statics.tried, true) {
            self.interfaces = self.table.borrow().clone();
            self.settle();
        }
    }

    /// Whether a router has not started because its interface will have a static address, which may
    /// be the source of its adverts.
    pub(super) fn awaits_static(&self, key: &RouterKey) -> bool {
        let waits = |interface: &str| {
            let mut addresses = self
                .statics
                .wanted
                .addresses
                .iter()
                .map(|entry| &entry.item);
            addresses.any(|address| {
                AddressFamily::for_address(address.address) == key.family
                    && address.interface.as_deref() == Some(interface)
            })
        };
        !self.statics.tried
            && self
                .routers
                .get(key)
                .is_some_and(|router| !router.started && waits(&router.spec.interface))
    }
}
