// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of a data plane that this program owns, and the last confirmed state of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lb_ipvs::{Destination, Service, ServiceKey};

/// The last known configuration of an owned object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "known or not known, nothing else")]
pub enum Record<T> {
    /// A change was requested and its outcome is not recorded: the object may be absent, old or new.
    Unconfirmed,
    /// The data plane confirmed this configuration.
    Confirmed(T),
}

impl<T> Record<T> {
    /// Whether the data plane confirmed the last requested configuration. An object without
    /// confirmation is requested again.
    pub const fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed(_))
    }
}

impl<T: PartialEq> Record<T> {
    /// Whether exactly this configuration was confirmed.
    pub(super) fn confirms(&self, configuration: &T) -> bool {
        matches!(self, Self::Confirmed(confirmed) if confirmed == configuration)
    }
}

/// An owned service and those of its destinations that are owned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct OwnedService {
    /// The service itself.
    pub service: Record<Service>,
    /// Its destinations that are owned, by address.
    pub destinations: BTreeMap<SocketAddr, Record<Destination>>,
}

impl OwnedService {
    /// A service without confirmation and without owned destinations.
    pub const UNCONFIRMED: Self = Self {
        service: Record::Unconfirmed,
        destinations: BTreeMap::new(),
    };

    /// Whether the data plane confirmed all of it.
    pub fn is_confirmed(&self) -> bool {
        self.service.is_confirmed() && self.destinations.values().all(Record::is_confirmed)
    }
}

/// Everything that is owned: the content of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    services: BTreeMap<ServiceKey, OwnedService>,
}

impl Owned {
    pub(crate) const EMPTY: Self = Self {
        services: BTreeMap::new(),
    };

    /// What of this service is owned; `None` when the service is not.
    pub fn get(&self, key: &ServiceKey) -> Option<&OwnedService> {
        self.services.get(key)
    }

    /// All owned services, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &OwnedService)> {
        self.services.iter()
    }

    /// The first owned service after `key`, or the very first.
    pub fn after(&self, key: Option<&ServiceKey>) -> Option<ServiceKey> {
        use std::ops::Bound::{Excluded, Unbounded};
        match key {
            Some(key) => self.services.range((Excluded(*key), Unbounded)).next(),
            None => self.services.iter().next(),
        }
        .map(|(key, _)| *key)
    }

    /// Number of owned services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether nothing is owned.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Replaces what of a service is owned; `None`: nothing.
    pub fn set(&mut self, key: ServiceKey, service: Option<OwnedService>) {
        match service {
            Some(service) => self.services.insert(key, service),
            None => self.services.remove(&key),
        };
    }

    /// The entry of an owned service.
    pub(crate) fn get_mut(&mut self, key: &ServiceKey) -> Option<&mut OwnedService> {
        self.services.get_mut(key)
    }

    /// The entry of a service, which is owned from now on.
    pub(crate) fn entry(&mut self, key: ServiceKey) -> &mut OwnedService {
        self.services
            .entry(key)
            .or_insert(OwnedService::UNCONFIRMED)
    }
}
