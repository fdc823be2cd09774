// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of a table that a program owns, and the last confirmed configuration of each.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    change::Change,
    destination::Destination,
    service::{Service, ServiceKey},
};

/// The last known configuration of an owned object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "known or not known, nothing else")]
pub enum Record<T> {
    /// A change was requested and its outcome is not recorded: the object may be absent, old or new.
    Unconfirmed,
    /// The kernel confirmed this configuration.
    Confirmed(T),
}

impl<T> Record<T> {
    /// Whether the last requested configuration was confirmed. Without confirmation an object is
    /// requested again.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed(_))
    }
}

/// One step of a record of ownership: what is owned of one object from now on.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table has these two kinds of objects"
)]
pub enum OwnedChange {
    /// A service; `None`: no longer, and none of its destinations.
    Service(ServiceKey, Option<Record<Service>>),
    /// A destination; `None`: no longer. A service with an owned destination is owned.
    Destination(ServiceKey, SocketAddr, Option<Record<Destination>>),
}

impl OwnedChange {
    /// What must be recorded before a change is made: its object as owned and not confirmed.
    #[must_use]
    pub const fn intent(change: &Change) -> Self {
        match change {
            Change::AddService(Service { key, .. })
            | Change::EditService(Service { key, .. })
            | Change::DeleteService(key) => Self::Service(*key, Some(Record::Unconfirmed)),
            Change::AddDestination(key, Destination { address, .. })
            | Change::EditDestination(key, Destination { address, .. })
            | Change::DeleteDestination(key, address) => {
                Self::Destination(*key, *address, Some(Record::Unconfirmed))
            }
        }
    }

    /// What is to be recorded once a change is made.
    #[must_use]
    pub fn result(change: &Change) -> Self {
        match change {
            Change::AddService(service) | Change::EditService(service) => {
                Self::Service(service.key, Some(Record::Confirmed(service.clone())))
            }
            Change::DeleteService(key) => Self::Service(*key, None),
            Change::AddDestination(key, destination)
            | Change::EditDestination(key, destination) => {
                let record = Record::Confirmed(*destination);
                Self::Destination(*key, destination.address, Some(record))
            }
            Change::DeleteDestination(key, address) => Self::Destination(*key, *address, None),
        }
    }

    /// The service.
    #[must_use]
    pub const fn key(&self) -> &ServiceKey {
        match self {
            Self::Service(key, _) | Self::Destination(key, ..) => key,
        }
    }
}

/// An owned service and those of its destinations that are owned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnedService {
    service: Record<Service>,
    /// By address. A destination without confirmation keeps its address only.
    destinations: Vec<(Destination, bool)>,
}

impl OwnedService {
    const UNCONFIRMED: Self = Self {
        service: Record::Unconfirmed,
        destinations: Vec::new(),
    };

    /// The service itself.
    #[must_use]
    pub const fn service(&self) -> &Record<Service> {
        &self.service
    }

    /// Its destinations that are owned, by address.
    #[must_use]
    pub fn destinations(&self) -> impl ExactSizeIterator<Item = (SocketAddr, Record<Destination>)> {
        self.destinations
            .iter()
            .map(|entry| (entry.0.address, record(entry)))
    }

    /// One of its destinations; `None` when it is not owned.
    #[must_use]
    pub fn destination(&self, address: SocketAddr) -> Option<Record<Destination>> {
        let rank = self.search(address).ok()?;
        self.destinations.get(rank).map(record)
    }

    /// Whether all of it is confirmed.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        let mut destinations = self.destinations.iter();
        self.service.is_confirmed() && destinations.all(|(_, confirmed)| *confirmed)
    }

    fn search(&self, address: SocketAddr) -> Result<usize, usize> {
        self.destinations
            .binary_search_by_key(&address, |(destination, _)| destination.address)
    }

    /// Returns whether that changed anything.
    fn set(&mut self, address: SocketAddr, record: Option<Record<Destination>>) -> bool {
        let entry = record.map(|record| match record {
            Record::Confirmed(destination) => (destination, true),
            Record::Unconfirmed => (Destination::new(address), false),
        });
        match (self.search(address), entry) {
            (Ok(rank), Some(entry)) => match self.destinations.get_mut(rank) {
                Some(present) if *present != entry => {
                    *present = entry;
                    true
                }
                _ => false,
            },
            (Ok(rank), None) => {
                self.destinations.remove(rank);
                true
            }
            (Err(rank), Some(entry)) => {
                self.destinations.insert(rank, entry);
                true
            }
            (Err(_), None) => false,
        }
    }
}

const fn record(entry: &(Destination, bool)) -> Record<Destination> {
    match entry {
        (destination, true) => Record::Confirmed(*destination),
        (_, false) => Record::Unconfirmed,
    }
}

/// Everything that a program owns in a table.
///
/// # Examples
/// ```
/// use lb_ipvs::{Owned, OwnedChange, Record, ServiceKey};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let mut owned = Owned::new();
/// assert!(owned.apply(OwnedChange::Service(key, Some(Record::Unconfirmed))));
/// assert!(owned.get(&key).is_some());
/// assert!(owned.apply(OwnedChange::Service(key, None)));
/// assert!(owned.is_empty());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owned {
    services: BTreeMap<ServiceKey, OwnedService>,
}

impl Owned {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            services: BTreeMap::new(),
        }
    }

    /// What of a service is owned; `None` when the service is not.
    #[must_use]
    pub fn get(&self, key: &ServiceKey) -> Option<&OwnedService> {
        self.services.get(key)
    }

    /// All owned services, by key.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ServiceKey, &OwnedService)> {
        self.services.iter()
    }

    /// The first owned service after `key`, or the very first.
    #[must_use]
    pub fn after(&self, key: Option<&ServiceKey>) -> Option<ServiceKey> {
        use std::ops::Bound::{Excluded, Unbounded};
        match key {
            Some(key) => self.services.range((Excluded(*key), Unbounded)).next(),
            None => self.services.iter().next(),
        }
        .map(|(key, _)| *key)
    }

    /// Number of owned services.
    #[must_use]
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether nothing is owned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Takes in a step; returns whether it changed anything.
    pub fn apply(&mut self, change: OwnedChange) -> bool {
        match change {
            OwnedChange::Service(key, None) => self.services.remove(&key).is_some(),
            OwnedChange::Service(key, Some(record)) => {
                let mut fresh = false;
                let service = self.services.entry(key).or_insert_with(|| {
                    fresh = true;
                    OwnedService::UNCONFIRMED
                });
                let changed = fresh || service.service != record;
                service.service = record;
                changed
            }
            OwnedChange::Destination(key, address, None) => self
                .services
                .get_mut(&key)
                .is_some_and(|service| service.set(address, None)),
            OwnedChange::Destination(key, address, record) => self
                .services
                .entry(key)
                .or_insert(OwnedService::UNCONFIRMED)
                .set(address, record),
        }
    }
}
