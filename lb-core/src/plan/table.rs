// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table as planned against: configured objects without counters.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use lb_ipvs::{Change, Destination, Service, ServiceKey, TableEntry};

/// A service as it is to be: the director's word on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct DesiredService {
    /// The service.
    pub service: Service,
    /// Its destinations, in the order of the configuration; addresses are unique.
    pub destinations: Vec<Destination>,
}

/// A service as the data plane has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct ActualService {
    /// The service.
    pub service: Service,
    /// Its destinations, whoever added them.
    pub destinations: BTreeMap<SocketAddr, Destination>,
}

impl From<TableEntry> for ActualService {
    fn from(entry: TableEntry) -> Self {
        Self {
            service: entry.service.service,
            destinations: entry
                .destinations
                .into_iter()
                .map(|entry| (entry.destination.address, entry.destination))
                .collect(),
        }
    }
}

/// Why a table refuses a change. The kernel refuses for the same reasons with these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A service with this key is there (`EEXIST`).
    #[error("service already exists")]
    ServiceExists,
    /// No service has this key (`ESRCH`).
    #[error("no such service")]
    NoService,
    /// The service has a destination with this address (`EEXIST`).
    #[error("destination already exists")]
    DestinationExists,
    /// The service has no destination with this address (`ENOENT`).
    #[error("no such destination")]
    NoDestination,
}

impl Refusal {
    /// The error number the kernel gives.
    pub const fn errno(self) -> i32 {
        match self {
            Self::ServiceExists | Self::DestinationExists => 17,
            Self::NoService => 3,
            Self::NoDestination => 2,
        }
    }
}

/// Services and destinations of a data plane, ours and others'.
///
/// # Examples
/// ```
/// use lb_core::plan::{Refusal, Table};
/// use lb_ipvs::{Change, Scheduler, Service, ServiceKey};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let mut table = Table::default();
/// let add = Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin));
/// assert_eq!(table.apply(&add), Ok(()));
/// assert_eq!(table.apply(&add), Err(Refusal::ServiceExists));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    services: BTreeMap<ServiceKey, ActualService>,
}

impl Table {
    /// The service with this key.
    pub fn get(&self, key: &ServiceKey) -> Option<&ActualService> {
        self.services.get(key)
    }

    /// All services, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &ActualService)> {
        self.services.iter()
    }

    /// Number of services.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is no service.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Puts in what was read of one service; `None` when the data plane has none.
    pub fn set(&mut self, key: ServiceKey, service: Option<ActualService>) {
        match service {
            Some(service) => self.services.insert(key, service),
            None => self.services.remove(&key),
        };
    }

    /// Does one change, by the kernel's rules.
    ///
    /// # Errors
    /// As the kernel: what is added must not be there, what is edited or deleted must. The table
    /// is then unchanged.
    pub fn apply(&mut self, change: &Change) -> Result<(), Refusal> {
        let key = change.key();
        if let Change::AddService(service) = change {
            if self.services.contains_key(&key) {
                return Err(Refusal::ServiceExists);
            }
            let service = ActualService {
                service: service.clone(),
                destinations: BTreeMap::new(),
            };
            self.services.insert(key, service);
            return Ok(());
        }
        let entry = self.services.get_mut(&key).ok_or(Refusal::NoService)?;
        match change {
            Change::EditService(service) => entry.service = service.clone(),
            Change::DeleteService(_) => {
                self.services.remove(&key);
            }
            Change::AddDestination(_, destination) => {
                if entry.destinations.contains_key(&destination.address) {
                    return Err(Refusal::DestinationExists);
                }
                entry.destinations.insert(destination.address, *destination);
            }
            Change::EditDestination(_, destination) => {
                *entry
                    .destinations
                    .get_mut(&destination.address)
                    .ok_or(Refusal::NoDestination)? = *destination;
            }
            Change::DeleteDestination(_, address) => {
                entry
                    .destinations
                    .remove(address)
                    .ok_or(Refusal::NoDestination)?;
            }
            // a change of a later version: nothing this table holds
            _ => {}
        }
        Ok(())
    }
}

impl FromIterator<TableEntry> for Table {
    fn from_iter<I: IntoIterator<Item = TableEntry>>(entries: I) -> Self {
        Self {
            services: entries
                .into_iter()
                .map(|entry| (entry.service.service.key, entry.into()))
                .collect(),
        }
    }
}
