// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole table as it is configured.

#[cfg(any(test, feature = "test-util"))]
pub(crate) mod arbitrary;
mod change;
mod destinations;
mod service;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use self::destinations::Destinations;
pub use self::{change::TableChange, service::TableService};
use crate::{
    change::Change,
    destination::Destination,
    entry::TableEntry,
    operation::Subject,
    service::{Service, ServiceKey},
    settings::{SyncDaemon, SyncState, Timeouts},
};

/// All that is configured in a network namespace: services with their destinations, time-outs,
/// sync daemons. No counters.
///
/// Time-outs and sync daemons can be left open, which means that they are not the table's concern.
///
/// # Examples
/// ```
/// use lb_ipvs::{Destination, Scheduler, Service, ServiceKey, Table, Weight, plan_table};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let mut actual = Table::new();
/// actual.add_service(Service::new(key, Scheduler::RoundRobin))?;
/// actual.add_destination(&key, Destination::new("192.168.1.61:80".parse()?))?;
///
/// let mut desired = actual.clone();
/// desired.set_weight(&key, "192.168.1.61:80".parse()?, Weight::ZERO)?;
///
/// let changes = plan_table(&actual, &desired);
/// assert_eq!(changes.len(), 1);
/// assert_eq!(
///     changes[0].to_string(),
///     "edit destination 192.168.1.61:80 of TCP 192.168.1.50:80 (Route, weight 0)",
/// );
/// for change in &changes {
///     actual.apply_table_change(change)?;
/// }
/// assert_eq!(actual, desired);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    services: BTreeMap<ServiceKey, Arc<TableService>>,
    timeouts: Option<Timeouts>,
    sync_daemons: Option<BTreeMap<SyncState, SyncDaemon>>,
}

/// Why something does not go into a [`Table`], or not out of it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is one already.
    #[error("{subject} exists already")]
    Exists {
        /// The service, destination or sync daemon.
        subject: Subject,
    },
    /// There is none.
    #[error("there is no {subject}")]
    Missing {
        /// The service, destination or sync daemon.
        subject: Subject,
    },
}

impl TableError {
    /// The error number with which the kernel refuses the same: `EEXIST`, `ESRCH` for a service or
    /// sync daemon, `ENOENT` for a destination.
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::Exists { .. } => 17,
            Self::Missing {
                subject: Subject::Destination(..),
            } => 2,
            Self::Missing { .. } => 3,
        }
    }
}

impl FromIterator<TableEntry> for Table {
    /// The services of a snapshot, with time-outs and sync daemons left open.
    fn from_iter<I: IntoIterator<Item = TableEntry>>(entries: I) -> Self {
        entries.into_iter().map(TableService::from).collect()
    }
}

impl FromIterator<TableService> for Table {
    /// These services, with time-outs and sync daemons left open.
    fn from_iter<I: IntoIterator<Item = TableService>>(services: I) -> Self {
        let services = services.into_iter();
        Self {
            services: services
                .map(|service| (service.service.key, Arc::new(service)))
                .collect(),
            timeouts: None,
            sync_daemons: None,
        }
    }
}

impl Table {
    /// An empty table, with time-outs and sync daemons left open.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            services: BTreeMap::new(),
            timeouts: None,
            sync_daemons: None,
        }
    }

    /// The same with these time-outs, of which those that are zero are left open.
    #[must_use]
    pub const fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = Some(timeouts);
        self
    }

    /// The same with these sync daemons and no others; of two in one state the later counts.
    #[must_use]
    pub fn with_sync_daemons(mut self, daemons: impl IntoIterator<Item = SyncDaemon>) -> Self {
        let daemons = daemons.into_iter().map(|daemon| (daemon.state, daemon));
        self.sync_daemons = Some(daemons.collect());
        self
    }

    /// The services, by key.
    #[must_use]
    pub fn services(&self) -> impl ExactSizeIterator<Item = &TableService> {
        self.services.values().map(|service| &**service)
    }

    /// One service.
    #[must_use]
    pub fn service(&self, key: &ServiceKey) -> Option<&TableService> {
        self.services.get(key).map(|service| &**service)
    }

    /// The time-outs, unless they are left open.
    #[must_use]
    pub const fn timeouts(&self) -> Option<&Timeouts> {
        self.timeouts.as_ref()
    }

    /// The sync daemons, the master first, unless they are left open.
    #[must_use]
    pub fn sync_daemons(&self) -> Option<impl ExactSizeIterator<Item = &SyncDaemon>> {
        self.sync_daemons.as_ref().map(BTreeMap::values)
    }

    /// Puts a service in, without destinations.
    ///
    /// # Errors
    /// When there is one with that key.
    pub fn add_service(&mut self, service: Service) -> Result<(), TableError> {
        let key = service.key;
        if self.services.contains_key(&key) {
            return Err(TableError::Exists {
                subject: Subject::Service(key),
            });
        }
        self.services
            .insert(key, Arc::new(TableService::new(service)));
        Ok(())
    }

    /// Puts a destination into a service.
    ///
    /// # Errors
    /// When there is no such service, or a destination with that address.
    pub fn add_destination(
        &mut self,
        key: &ServiceKey,
        destination: Destination,
    ) -> Result<(), TableError> {
        let address = destination.address;
        let destinations = self.destinations(key)?;
        if destinations.get(address).is_some() {
            return Err(TableError::Exists {
                subject: Subject::Destination(*key, address),
            });
        }
        destinations.set(destination);
        Ok(())
    }

    /// Puts a sync daemon in.
    ///
    /// # Errors
    /// When there is one in that state.
    pub fn add_sync_daemon(&mut self, daemon: SyncDaemon) -> Result<(), TableError> {
        let daemons = self.sync_daemons.get_or_insert_default();
        if daemons.contains_key(&daemon.state) {
            return Err(TableError::Exists {
                subject: Subject::SyncDaemon(daemon.state),
            });
        }
        daemons.insert(daemon.state, daemon);
        Ok(())
    }

    /// Sets the weight of a destination.
    ///
    /// # Errors
    /// When there is no such service or destination.
    pub fn set_weight(
        &mut self,
        key: &ServiceKey,
        address: SocketAddr,
        weight: crate::Weight,
    ) -> Result<(), TableError> {
        let found = self.destinations(key)?.get_mut(address);
        let destination = found.ok_or(TableError::Missing {
            subject: Subject::Destination(*key, address),
        })?;
        destination.weight = weight;
        Ok(())
    }

    /// Takes in what `other` has and this table does not: services, and destinations of services
    /// in both.
    pub fn keep_others(&mut self, other: &Self) {
        for (key, theirs) in &other.services {
            let ours = self
                .services
                .entry(*key)
                .or_insert_with(|| Arc::new(TableService::new(theirs.service.clone())));
            for destination in theirs.destinations_in_order() {
                if ours.destination(destination.address).is_none() {
                    Arc::make_mut(ours).destinations.set(*destination);
                }
            }
        }
    }

    /// Takes over the weights of the destinations that `other` has too.
    pub fn keep_weights(&mut self, other: &Self) {
        for (key, ours) in &mut self.services {
            let Some(theirs) = other.services.get(key) else {
                continue;
            };
            let ours = Arc::make_mut(ours);
            for theirs in theirs.destinations() {
                if let Some(destination) = ours.destinations.get_mut(theirs.address) {
                    destination.weight = theirs.weight;
                }
            }
        }
    }

    /// Replaces what the table has of a service; `None`: nothing.
    pub fn set_service(&mut self, key: ServiceKey, service: Option<TableService>) {
        match service {
            Some(service) => self.services.insert(key, Arc::new(service)),
            None => self.services.remove(&key),
        };
    }

    /// Has a service use the memory of `other` if both tables have it and it is equal in them. A
    /// service with more than 64 destinations keeps its own, so that a change of one of its
    /// destinations copies nothing.
    pub fn share_service(&mut self, key: &ServiceKey, other: &Self) {
        if let (Some(ours), Some(theirs)) = (self.services.get_mut(key), other.shareable(key))
            && !Arc::ptr_eq(ours, theirs)
            && ours == theirs
        {
            *ours = Arc::clone(theirs);
        }
    }

    /// A service whose memory other tables and records of ownership may use.
    pub(crate) fn shareable(&self, key: &ServiceKey) -> Option<&Arc<TableService>> {
        const MOST_DESTINATIONS: usize = 64;
        let service = self.services.get(key)?;
        (service.destinations.len() <= MOST_DESTINATIONS).then_some(service)
    }

    /// The keys of the services, in their order.
    #[must_use]
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &ServiceKey> {
        self.services.keys()
    }

    /// One service, to change its destinations.
    #[must_use]
    pub fn service_mut(&mut self, key: &ServiceKey) -> Option<&mut TableService> {
        self.services.get_mut(key).map(Arc::make_mut)
    }

    /// Makes a change, as the kernel does.
    ///
    /// # Errors
    /// When the kernel would refuse the change because of what is in the table or not. The table is
    /// unchanged then.
    pub fn apply(&mut self, change: &Change) -> Result<(), TableError> {
        let missing = || TableError::Missing {
            subject: change.subject(),
        };
        match change {
            Change::AddService(service) => self.add_service(service.clone()),
            Change::EditService(service) => {
                let found = self.services.get_mut(&service.key).ok_or_else(missing)?;
                Arc::make_mut(found).service = service.clone();
                Ok(())
            }
            Change::DeleteService(key) => self.services.remove(key).map(drop).ok_or_else(missing),
            Change::AddDestination(key, destination) => self.add_destination(key, *destination),
            Change::EditDestination(key, destination) => {
                let found = self.destinations(key)?.get_mut(destination.address);
                *found.ok_or_else(missing)? = *destination;
                Ok(())
            }
            Change::DeleteDestination(key, address) => self
                .destinations(key)?
                .remove(*address)
                .map(drop)
                .ok_or_else(missing),
        }
    }

    /// Makes a change of any kind, as the kernel does.
    ///
    /// # Errors
    /// As [`Table::apply`].
    pub fn apply_table_change(&mut self, change: &TableChange) -> Result<(), TableError> {
        match change {
            TableChange::Entry(change) => self.apply(change),
            TableChange::SetTimeouts(timeouts) => {
                let ours = self.timeouts.get_or_insert_default();
                for (ours, new) in [
                    (&mut ours.tcp, timeouts.tcp),
                    (&mut ours.tcp_fin, timeouts.tcp_fin),
                    (&mut ours.udp, timeouts.udp),
                ] {
                    if !new.is_zero() {
                        *ours = new;
                    }
                }
                Ok(())
            }
            TableChange::StartSyncDaemon(daemon) => self.add_sync_daemon(daemon.clone()),
            TableChange::StopSyncDaemon(state) => self
                .sync_daemons
                .as_mut()
                .and_then(|daemons| daemons.remove(state))
                .map(drop)
                .ok_or_else(|| TableError::Missing {
                    subject: change.subject(),
                }),
        }
    }

    fn destinations(&mut self, key: &ServiceKey) -> Result<&mut Destinations, TableError> {
        match self.services.get_mut(key) {
            Some(service) => Ok(&mut Arc::make_mut(service).destinations),
            None => Err(TableError::Missing {
                subject: Subject::Service(*key),
            }),
        }
    }
}
