// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects of a table that a program owns, and the last confirmed configuration of each.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use crate::{
    change::Change,
    destination::Destination,
    service::{Service, ServiceKey},
    table::{Table, TableService},
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

    /// The same for a reference to the configuration.
    #[must_use]
    pub const fn as_ref(&self) -> Record<&T> {
        match self {
            Self::Unconfirmed => Record::Unconfirmed,
            Self::Confirmed(configuration) => Record::Confirmed(configuration),
        }
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
#[derive(Clone, Debug, Default)]
pub struct OwnedService {
    /// The service of a table that has the same: all of it is owned and confirmed.
    shared: Option<Arc<TableService>>,
    /// Without that, a record for each object; `None` while nothing is confirmed and no destination
    /// is owned.
    single: Option<Box<Single>>,
}

/// A record for each object of a service.
#[derive(Clone, Debug)]
struct Single {
    service: Record<Service>,
    /// By address. A destination without confirmation keeps its address only.
    destinations: Vec<(Destination, bool)>,
}

impl OwnedService {
    /// The service itself.
    #[must_use]
    pub fn service(&self) -> Record<&Service> {
        match (&self.shared, &self.single) {
            (Some(shared), _) => Record::Confirmed(shared.service()),
            (None, Some(single)) => single.service.as_ref(),
            (None, None) => Record::Unconfirmed,
        }
    }

    /// Its destinations that are owned, by address.
    pub fn destinations(&self) -> impl Iterator<Item = (SocketAddr, Record<Destination>)> {
        let shared = self.shared.iter().flat_map(|shared| shared.destinations());
        let single = self.single.iter().flat_map(|single| &single.destinations);
        shared
            .map(|one| (one.address, Record::Confirmed(*one)))
            .chain(single.map(|entry| (entry.0.address, record(entry))))
    }

    /// One of its destinations; `None` when it is not owned.
    #[must_use]
    pub fn destination(&self, address: SocketAddr) -> Option<Record<Destination>> {
        if let Some(shared) = &self.shared {
            return shared.destination(address).copied().map(Record::Confirmed);
        }
        let destinations = &self.single.as_ref()?.destinations;
        let rank = search(destinations, address).ok()?;
        destinations.get(rank).map(record)
    }

    /// Whether all of it is confirmed.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        let single = self.single.as_ref().is_some_and(|single| {
            let mut destinations = single.destinations.iter();
            single.service.is_confirmed() && destinations.all(|(_, confirmed)| *confirmed)
        });
        self.shared.is_some() || single
    }

    /// The records of the objects, to change them.
    fn single(&mut self) -> &mut Single {
        let shared = self.shared.take();
        self.single.get_or_insert_with(|| {
            let (service, destinations) = match shared {
                None => (Record::Unconfirmed, Vec::new()),
                Some(shared) => (
                    Record::Confirmed(shared.service().clone()),
                    shared.destinations().map(|one| (*one, true)).collect(),
                ),
            };
            Box::new(Single {
                service,
                destinations,
            })
        })
    }

    /// Returns whether that changed anything.
    fn set_service(&mut self, record: Record<Service>) -> bool {
        if self.service() == record.as_ref() {
            return false;
        }
        self.single().service = record;
        true
    }

    /// Returns whether that changed anything.
    fn set_destination(
        &mut self,
        address: SocketAddr,
        record: Option<Record<Destination>>,
    ) -> bool {
        if self.destination(address) == record {
            return false;
        }
        let entry = record.map(|record| match record {
            Record::Confirmed(destination) => (destination, true),
            Record::Unconfirmed => (Destination::new(address), false),
        });
        let destinations = &mut self.single().destinations;
        match (search(destinations, address), entry) {
            (Ok(rank), Some(entry)) => {
                if let Some(present) = destinations.get_mut(rank) {
                    *present = entry;
                }
            }
            (Ok(rank), None) => {
                destinations.remove(rank);
            }
            (Err(rank), Some(entry)) => destinations.insert(rank, entry),
            (Err(_), None) => {}
        }
        true
    }
}

impl PartialEq for OwnedService {
    fn eq(&self, other: &Self) -> bool {
        self.service() == other.service() && self.destinations().eq(other.destinations())
    }
}

impl Eq for OwnedService {}

fn search(destinations: &[(Destination, bool)], address: SocketAddr) -> Result<usize, usize> {
    destinations.binary_search_by_key(&address, |(destination, _)| destination.address)
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
                    OwnedService::default()
                });
                service.set_service(record) || fresh
            }
            OwnedChange::Destination(key, address, None) => self
                .services
                .get_mut(&key)
                .is_some_and(|service| service.set_destination(address, None)),
            OwnedChange::Destination(key, address, record) => self
                .services
                .entry(key)
                .or_default()
                .set_destination(address, record),
        }
    }

    /// Has the record of a service use the memory of a table if all of the table's service is owned
    /// and confirmed as it is there; see [`Table::share_service`].
    pub fn share_service(&mut self, key: &ServiceKey, table: &Table) {
        let (Some(owned), Some(theirs)) = (self.services.get_mut(key), table.shareable(key)) else {
            return;
        };
        let shared = OwnedService {
            shared: Some(Arc::clone(theirs)),
            single: None,
        };
        if *owned == shared {
            *owned = shared;
        }
    }
}
