// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the actual table to the desired one, touching only what is owned.
//!
//! [`plan`] compares three views of each object: actual, desired, owned. Its changes are in an order
//! that takes nothing away before the replacement is there, so that no service runs empty which had
//! destinations and shall have some, and what the kernel can refuse comes before what cannot be undone
//! without loss:
//!
//! 1. what is new is added, a service before its destinations, destinations in the desired order;
//! 2. services are edited, weights are raised;
//! 3. weights are lowered;
//! 4. what is not desired is deleted.
//!
//! # Ownership
//! | desired | owned | actual | |
//! |---|---|---|---|
//! | no | no | present | never touched |
//! | yes | no | present | adopted: made as desired, owned from now on |
//! | yes | no | absent | added |
//! | yes | yes | as confirmed | nothing |
//! | yes | yes | changed or deleted externally | [`Drift`] decides |
//! | no | yes | present | deleted |
//!
//! An owned object whose desired configuration is not the last confirmed one is always made as desired:
//! drift is kept only as long as nothing new is requested of the object. A service with destinations
//! that are not owned is not deleted, because they would go with it: it is released. A service that was
//! deleted externally is made again, complete, when something new is requested of it.

mod note;
mod owned;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub use self::{
    note::Note,
    owned::{Owned, OwnedChange, OwnedService, Record},
    settings::plan_table,
};
use crate::{
    change::Change,
    destination::Destination,
    service::{Service, ServiceKey},
    table::{Table, TableService},
};

/// What to do about external changes of owned objects that are desired as they were confirmed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one of three")]
pub enum Drift {
    /// Keep them: `ipvsadm -e … -w 0` before maintenance is daily practice.
    Keep,
    /// Make deleted objects again, keep changed ones as they are.
    Recreate,
    /// Make every owned object as desired.
    Overwrite,
}

/// Which objects of a table are owned.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "callers choose one of two")]
pub enum Ownership<'a> {
    /// All of them: the table is made as desired, whatever it holds.
    All,
    /// Those of a record.
    Recorded(&'a Owned, Drift),
}

/// A part of what a table has of one service.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "all of a service or some of its destinations"
)]
pub enum Part {
    /// The service and all its destinations.
    Whole,
    /// Destinations only.
    Destinations(BTreeSet<SocketAddr>),
}

impl Part {
    /// One destination.
    #[must_use]
    pub fn destination(address: SocketAddr) -> Self {
        Self::Destinations(BTreeSet::from([address]))
    }

    /// Whether a destination is in it, or (`None`) the service itself.
    #[must_use]
    pub fn contains(&self, address: Option<SocketAddr>) -> bool {
        match self {
            Self::Whole => true,
            Self::Destinations(addresses) => {
                address.is_some_and(|address| addresses.contains(&address))
            }
        }
    }

    /// Takes in another part of the same service.
    pub fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Destinations(addresses), Self::Destinations(others)) => {
                addresses.extend(others);
            }
            (part, _) => *part = Self::Whole,
        }
    }
}

/// What is to be done, and what is to be recorded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// The changes, in the order in which they must be made. What each means for the record of
    /// ownership once it is made: [`OwnedChange::result`].
    pub changes: Vec<Change>,
    /// Steps of the record for objects that need no change: confirmed as they are, or no longer owned.
    /// To be taken after the changes.
    pub records: Vec<OwnedChange>,
    /// What was found and left alone, or adopted.
    pub notes: Vec<Note>,
}

impl Plan {
    /// What must be recorded before the first change is made, so that the record names everything that
    /// is or will be owned: the objects of the plan, as owned and not confirmed.
    pub fn intents(&self) -> impl Iterator<Item = OwnedChange> {
        let changes = self.changes.iter().map(OwnedChange::intent);
        changes.chain(self.records.iter().filter_map(|step| match step {
            OwnedChange::Service(key, Some(_)) => {
                Some(OwnedChange::Service(*key, Some(Record::Unconfirmed)))
            }
            OwnedChange::Destination(key, address, Some(_)) => {
                let record = Some(Record::Unconfirmed);
                Some(OwnedChange::Destination(*key, *address, record))
            }
            OwnedChange::Service(_, None) | OwnedChange::Destination(_, _, None) => None,
        }))
    }
}

/// Plans every service that is desired or owned.
///
/// # Examples
/// ```
/// use lb_ipvs::{
///     Destination, Drift, Owned, OwnedChange, Ownership, Scheduler, Service, ServiceKey, Table,
///     TableService, plan,
/// };
///
/// let service = Service::new(ServiceKey::tcp("192.168.1.50:80".parse()?), Scheduler::RoundRobin);
/// let server = Destination::new("192.168.1.61:80".parse()?);
/// let desired: Table =
///     [TableService::new(service).with_destinations([server])].into_iter().collect();
/// let (mut actual, mut owned) = (Table::new(), Owned::new());
///
/// let first = plan(&actual, &desired, Ownership::Recorded(&owned, Drift::Keep));
/// assert_eq!(first.changes.len(), 2); // the service, then its destination
/// for change in &first.changes {
///     actual.apply(change)?;
///     owned.apply(OwnedChange::result(change));
/// }
/// let again = plan(&actual, &desired, Ownership::Recorded(&owned, Drift::Keep));
/// assert!(again.changes.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn plan(actual: &Table, desired: &Table, ownership: Ownership<'_>) -> Plan {
    let mut keys: BTreeSet<ServiceKey> = desired.keys().copied().collect();
    match ownership {
        Ownership::All => keys.extend(actual.keys()),
        Ownership::Recorded(owned, _) => keys.extend(owned.iter().map(|(key, _)| key)),
    }
    let mut planner = Planner::new(actual, desired, ownership);
    for key in keys {
        planner.plan_service(&key);
    }
    planner.finish()
}

/// Plans parts of a table: [`plan`] at a cost that depends on the parts alone.
///
/// A service of which destinations are asked for is planned as a whole when it is not desired, not
/// owned or absent.
#[must_use]
pub fn plan_parts(
    actual: &Table,
    desired: &Table,
    ownership: Ownership<'_>,
    parts: &BTreeMap<ServiceKey, Part>,
) -> Plan {
    let mut planner = Planner::new(actual, desired, ownership);
    for (key, part) in parts {
        match part {
            Part::Whole => planner.plan_service(key),
            Part::Destinations(addresses) => planner.plan_destinations(key, addresses),
        }
    }
    planner.finish()
}

struct Planner<'a> {
    actual: &'a Table,
    desired: &'a Table,
    ownership: Ownership<'a>,
    additions: Vec<Change>,
    edits: Vec<Change>,
    lowered: Vec<Change>,
    deletions: Vec<Change>,
    records: Vec<OwnedChange>,
    notes: Vec<Note>,
}

impl<'a> Planner<'a> {
    const fn new(actual: &'a Table, desired: &'a Table, ownership: Ownership<'a>) -> Self {
        Self {
            actual,
            desired,
            ownership,
            additions: Vec::new(),
            edits: Vec::new(),
            lowered: Vec::new(),
            deletions: Vec::new(),
            records: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn finish(self) -> Plan {
        let mut changes = self.additions;
        changes.extend(self.edits);
        changes.extend(self.lowered);
        changes.extend(self.deletions);
        Plan {
            changes,
            records: self.records,
            notes: self.notes,
        }
    }

    /// What is owned of a service.
    fn holding(&self, key: &ServiceKey) -> Holding<'a> {
        match self.ownership {
            Ownership::All => Holding::All,
            Ownership::Recorded(owned, drift) => Holding::Recorded(owned.get(key), drift),
        }
    }

    fn plan_service(&mut self, key: &ServiceKey) {
        let (actual, desired) = (self.actual.service(key), self.desired.service(key));
        let holding = self.holding(key);
        match (desired, actual) {
            (None, None) if holding.has_service() => self.record(OwnedChange::Service(*key, None)),
            (None, Some(actual)) if holding.has_service() => self.delete(key, actual, holding),
            (None, _) => {}
            (Some(desired), None) => self.add(key, desired, holding),
            (Some(desired), Some(actual)) => self.compare(key, actual, desired, holding),
        }
    }

    fn plan_destinations(&mut self, key: &ServiceKey, addresses: &BTreeSet<SocketAddr>) {
        let holding = self.holding(key);
        match (self.actual.service(key), self.desired.service(key)) {
            (Some(actual), Some(desired)) if holding.has_service() => {
                for address in addresses {
                    let (desired, actual) =
                        (desired.destination(*address), actual.destination(*address));
                    self.plan_destination(key, *address, desired, actual, holding);
                }
            }
            _ => self.plan_service(key),
        }
    }

    fn delete(&mut self, key: &ServiceKey, actual: &TableService, holding: Holding<'_>) {
        let owned = |destination: &&Destination| holding.has(destination.address);
        let foreign = actual.destinations().filter(|one| !owned(one)).count();
        if foreign == 0 {
            self.deletions.push(Change::DeleteService(*key));
            return;
        }
        let deletions = actual.destinations().filter(owned);
        self.deletions
            .extend(deletions.map(|one| Change::DeleteDestination(*key, one.address)));
        self.record(OwnedChange::Service(*key, None));
        self.notes
            .push(Note::ServiceReleased { key: *key, foreign });
    }

    fn add(&mut self, key: &ServiceKey, desired: &TableService, holding: Holding<'_>) {
        let requested = holding.requests_service(&desired.service)
            || desired.destinations().any(|one| holding.requests(one));
        if !requested && !holding.recreates() {
            self.notes.push(Note::ServiceDrifted {
                key: *key,
                actual: None,
            });
            return;
        }
        self.additions
            .push(Change::AddService(desired.service.clone()));
        let destinations = desired.destinations_in_order();
        self.additions
            .extend(destinations.map(|one| Change::AddDestination(*key, *one)));
        for address in holding.addresses() {
            if desired.destination(address).is_none() {
                self.record(OwnedChange::Destination(*key, address, None));
            }
        }
    }

    fn compare(
        &mut self,
        key: &ServiceKey,
        actual: &TableService,
        desired: &TableService,
        holding: Holding<'_>,
    ) {
        if !holding.has_service() {
            self.notes.push(Note::ServiceAdopted(*key));
        }
        let requested = holding.requests_service(&desired.service);
        if actual.service == desired.service {
            if requested {
                let record = Record::Confirmed(desired.service.clone());
                self.record(OwnedChange::Service(*key, Some(record)));
            }
        } else if requested || holding.overwrites() {
            self.edits
                .push(Change::EditService(desired.service.clone()));
        } else {
            self.notes.push(Note::ServiceDrifted {
                key: *key,
                actual: Some(actual.service.clone()),
            });
        }
        for wanted in desired.destinations_in_order() {
            let present = actual.destination(wanted.address);
            self.plan_destination(key, wanted.address, Some(wanted), present, holding);
        }
        for present in actual.destinations() {
            if desired.destination(present.address).is_none() {
                self.plan_destination(key, present.address, None, Some(present), holding);
            }
        }
        for address in holding.addresses() {
            if desired.destination(address).is_none() && actual.destination(address).is_none() {
                self.plan_destination(key, address, None, None, holding);
            }
        }
    }

    /// Plans a destination of a service that is desired and present.
    fn plan_destination(
        &mut self,
        key: &ServiceKey,
        address: SocketAddr,
        desired: Option<&Destination>,
        actual: Option<&Destination>,
        holding: Holding<'_>,
    ) {
        let key = *key;
        match (desired, actual) {
            (Some(desired), None) if holding.requests(desired) || holding.recreates() => {
                self.additions.push(Change::AddDestination(key, *desired));
            }
            (Some(desired), Some(actual)) => {
                if !holding.has(address) {
                    self.notes.push(Note::DestinationAdopted(key, address));
                }
                let requested = holding.requests(desired);
                if actual == desired {
                    if requested {
                        let record = Some(Record::Confirmed(*desired));
                        self.record(OwnedChange::Destination(key, address, record));
                    }
                } else if requested || holding.overwrites() {
                    let changes = if actual.weight <= desired.weight {
                        &mut self.edits
                    } else {
                        &mut self.lowered
                    };
                    changes.push(Change::EditDestination(key, *desired));
                } else {
                    self.notes.push(Note::DestinationDrifted {
                        key,
                        desired: *desired,
                        actual: Some(*actual),
                    });
                }
            }
            (Some(desired), None) => self.notes.push(Note::DestinationDrifted {
                key,
                desired: *desired,
                actual: None,
            }),
            (None, Some(_)) if holding.has(address) => {
                self.deletions.push(Change::DeleteDestination(key, address));
            }
            (None, Some(_)) => self.notes.push(Note::ForeignDestination(key, address)),
            (None, None) if holding.has(address) => {
                self.record(OwnedChange::Destination(key, address, None));
            }
            (None, None) => {}
        }
    }

    fn record(&mut self, step: OwnedChange) {
        if matches!(self.ownership, Ownership::Recorded(..)) {
            self.records.push(step);
        }
    }
}

/// What is owned of one service.
#[derive(Clone, Copy)]
enum Holding<'a> {
    All,
    Recorded(Option<&'a OwnedService>, Drift),
}

impl Holding<'_> {
    const fn has_service(self) -> bool {
        !matches!(self, Self::Recorded(None, _))
    }

    fn has(self, address: SocketAddr) -> bool {
        match self {
            Self::All => true,
            Self::Recorded(service, _) => {
                service.is_some_and(|service| service.destination(address).is_some())
            }
        }
    }

    /// Whether this configuration of the service is not the last confirmed one.
    fn requests_service(self, desired: &Service) -> bool {
        match self {
            Self::Recorded(Some(service), _) => service.service() != Record::Confirmed(desired),
            Self::All | Self::Recorded(None, _) => true,
        }
    }

    /// Whether this configuration of a destination is not the last confirmed one.
    fn requests(self, desired: &Destination) -> bool {
        match self {
            Self::Recorded(Some(service), _) => {
                service.destination(desired.address) != Some(Record::Confirmed(*desired))
            }
            Self::All | Self::Recorded(None, _) => true,
        }
    }

    /// Whether deleted objects are made again.
    const fn recreates(self) -> bool {
        !matches!(self, Self::Recorded(_, Drift::Keep))
    }

    /// Whether changed objects are made as desired.
    const fn overwrites(self) -> bool {
        matches!(self, Self::All | Self::Recorded(_, Drift::Overwrite))
    }

    /// The addresses of owned destinations, as far as they are recorded.
    fn addresses(self) -> impl Iterator<Item = SocketAddr> {
        let service = match self {
            Self::Recorded(service, _) => service,
            Self::All => None,
        };
        service
            .into_iter()
            .flat_map(|service| service.destinations().map(|(address, _)| address))
    }
}
