// SPDX-License-Identifier: MIT OR Apache-2.0
//! A service of a table.

use std::net::SocketAddr;

use super::destinations::Destinations;
use crate::{destination::Destination, entry::TableEntry, service::Service};

/// A service of a [`Table`](crate::Table), with its destinations in the order in which they were added.
///
/// # Examples
/// ```
/// use lb_ipvs::{Destination, Scheduler, Service, ServiceKey, TableService};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let server = Destination::new("192.168.1.61:80".parse()?);
/// let service =
///     TableService::new(Service::new(key, Scheduler::RoundRobin)).with_destinations([server]);
/// assert_eq!(service.destination(server.address), Some(&server));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableService {
    pub(crate) service: Service,
    pub(crate) destinations: Destinations,
}

impl TableService {
    /// A service without destinations.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self {
            service,
            destinations: Destinations::new(),
        }
    }

    /// The same with these destinations and no others; of two with one address the later counts.
    #[must_use]
    pub fn with_destinations(
        mut self,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Self {
        self.destinations = destinations.into_iter().collect();
        self
    }

    /// The service.
    #[must_use]
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Its destinations, by address.
    #[must_use]
    pub fn destinations(&self) -> impl ExactSizeIterator<Item = &Destination> {
        self.destinations.iter()
    }

    /// Its destinations, in the order in which they were added.
    #[must_use]
    pub fn destinations_in_order(
        &self,
    ) -> impl DoubleEndedIterator<Item = &Destination> + ExactSizeIterator {
        self.destinations.in_order()
    }

    /// One of its destinations.
    #[must_use]
    pub fn destination(&self, address: SocketAddr) -> Option<&Destination> {
        self.destinations.get(address)
    }

    /// Replaces the destination with an address, adds it, or (`None`) removes it.
    pub fn set_destination(&mut self, address: SocketAddr, destination: Option<Destination>) {
        match destination {
            Some(destination) => self.destinations.set(destination),
            None => self.destinations.remove(address),
        };
    }
}

impl From<TableEntry> for TableService {
    fn from(entry: TableEntry) -> Self {
        // the kernel's order is the newest first
        let destinations = entry.destinations.iter().rev();
        Self {
            service: entry.service.service,
            destinations: destinations.map(|entry| entry.destination).collect(),
        }
    }
}
