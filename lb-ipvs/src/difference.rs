// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of a table between two readings.

use std::{collections::HashMap, fmt, net::SocketAddr};

use bitflags::bitflags;

use crate::{
    change::Change,
    destination::Destination,
    entry::{Connections, DestinationEntry, TableEntry},
    plan::{Ownership, plan},
    service::{Service, ServiceKey},
    stats::Stats,
    table::{Table, TableService},
};

bitflags! {
    /// Which differences are looked for besides entries that appear and go.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub struct Aspects: u8 {
        /// How services and destinations are configured.
        const CONFIGURATION = 1;
        /// How many connections destinations have.
        const CONNECTIONS = 2;
        /// What went through: [`Stats`], rates included.
        const COUNTERS = 4;
    }
}

impl Default for Aspects {
    /// Configuration alone.
    fn default() -> Self {
        Self::CONFIGURATION
    }
}

/// One difference between two readings of a table.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a program that reports differences handles each of them"
)]
pub enum Difference {
    /// There is a new service.
    ServiceAppeared(Service),
    /// A service is configured in another way.
    ServiceChanged {
        /// How it was.
        old: Service,
        /// How it is.
        new: Service,
    },
    /// A service is gone.
    ServiceWent(ServiceKey),
    /// A service has a new destination.
    DestinationAppeared(ServiceKey, Destination),
    /// A destination is configured in another way.
    DestinationChanged {
        /// Its service.
        key: ServiceKey,
        /// How it was.
        old: Destination,
        /// How it is.
        new: Destination,
    },
    /// A destination is gone.
    DestinationWent(ServiceKey, SocketAddr),
    /// A destination has another number of connections.
    Connections {
        /// Its service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
        /// How many it had.
        old: Connections,
        /// How many it has.
        new: Connections,
    },
    /// Something went through a service, or its counters were zeroed.
    ServiceStats {
        /// The service.
        key: ServiceKey,
        /// Its counters before.
        old: Stats,
        /// Its counters now.
        new: Stats,
    },
    /// Something went to a destination, or its counters were zeroed.
    DestinationStats {
        /// Its service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
        /// Its counters before.
        old: Stats,
        /// Its counters now.
        new: Stats,
    },
}

/// Returns the differences between two readings of a table.
///
/// What is gone comes first, destinations before their service; then what appeared and what is
/// different. Services are in the order of their keys, destinations in that of their addresses. An
/// entry that was removed and made again between the readings is noticed only if its configuration
/// differs.
///
/// # Examples
/// ```
/// use lb_ipvs::{Aspects, Difference, difference};
/// # use lb_ipvs::{Scheduler, Service, ServiceEntry, ServiceKey, Stats, TableEntry};
/// # let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// # let service = Service::new(key, Scheduler::RoundRobin);
/// # let entry = ServiceEntry { service, stats: Stats::default() };
/// let table = vec![TableEntry { service: entry, destinations: Vec::new() }];
/// let differences = difference(&[], &table, Aspects::default());
/// assert_eq!(differences[0].to_string(), "service TCP 192.168.1.50:80 appeared (rr)");
/// assert_eq!(difference(&table, &table, Aspects::all()), []);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn difference(old: &[TableEntry], new: &[TableEntry], aspects: Aspects) -> Vec<Difference> {
    let before: Table = old.iter().cloned().collect();
    let after: Table = new.iter().cloned().collect();
    let (mut gone, mut differences) = (Vec::new(), Vec::new());
    for change in plan(&before, &after, Ownership::All).changes {
        match change {
            Change::AddService(service) => {
                differences.push(Difference::ServiceAppeared(service));
            }
            Change::AddDestination(key, destination) => {
                differences.push(Difference::DestinationAppeared(key, destination));
            }
            Change::DeleteDestination(key, address) => {
                gone.push(Difference::DestinationWent(key, address));
            }
            Change::DeleteService(key) => {
                let service = before.service(&key).into_iter();
                let destinations = service.flat_map(TableService::destinations);
                gone.extend(destinations.map(|one| Difference::DestinationWent(key, one.address)));
                gone.push(Difference::ServiceWent(key));
            }
            Change::EditService(new) if aspects.contains(Aspects::CONFIGURATION) => {
                differences.extend(before.service(&new.key).map(|old| {
                    let old = old.service().clone();
                    Difference::ServiceChanged { old, new }
                }));
            }
            Change::EditDestination(key, new) if aspects.contains(Aspects::CONFIGURATION) => {
                let service = before.service(&key);
                let old = service.and_then(|service| service.destination(new.address).copied());
                differences.extend(old.map(|old| Difference::DestinationChanged { key, old, new }));
            }
            Change::EditService(_) | Change::EditDestination(..) => {}
        }
    }
    count_differences(old, new, aspects, &mut differences);
    differences.sort_by_key(|one| (one.key(), one.address()));
    gone.extend(differences);
    gone
}

/// Connections and counters of what is in both readings.
fn count_differences(
    old: &[TableEntry],
    new: &[TableEntry],
    aspects: Aspects,
    differences: &mut Vec<Difference>,
) {
    if !aspects.intersects(Aspects::CONNECTIONS | Aspects::COUNTERS) {
        return;
    }
    let services: HashMap<ServiceKey, &TableEntry> = old
        .iter()
        .map(|entry| (entry.service.service.key, entry))
        .collect();
    for entry in new {
        let key = entry.service.service.key;
        let Some(before) = services.get(&key) else {
            continue;
        };
        let (old, new) = (before.service.stats, entry.service.stats);
        if aspects.contains(Aspects::COUNTERS) && old != new {
            differences.push(Difference::ServiceStats { key, old, new });
        }
        let destinations: HashMap<SocketAddr, &DestinationEntry> = before
            .destinations
            .iter()
            .map(|entry| (entry.destination.address, entry))
            .collect();
        for new in &entry.destinations {
            let address = new.destination.address;
            let Some(old) = destinations.get(&address) else {
                continue;
            };
            if aspects.contains(Aspects::CONNECTIONS) && old.connections != new.connections {
                differences.push(Difference::Connections {
                    key,
                    address,
                    old: old.connections,
                    new: new.connections,
                });
            }
            if aspects.contains(Aspects::COUNTERS) && old.stats != new.stats {
                differences.push(Difference::DestinationStats {
                    key,
                    address,
                    old: old.stats,
                    new: new.stats,
                });
            }
        }
    }
}

impl Difference {
    /// The service it is about.
    #[must_use]
    pub const fn key(&self) -> ServiceKey {
        match self {
            Self::ServiceAppeared(service) | Self::ServiceChanged { new: service, .. } => {
                service.key
            }
            Self::ServiceWent(key)
            | Self::DestinationAppeared(key, _)
            | Self::DestinationChanged { key, .. }
            | Self::DestinationWent(key, _)
            | Self::Connections { key, .. }
            | Self::ServiceStats { key, .. }
            | Self::DestinationStats { key, .. } => *key,
        }
    }

    /// The destination it is about, if it is about one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::ServiceAppeared(_)
            | Self::ServiceChanged { .. }
            | Self::ServiceWent(_)
            | Self::ServiceStats { .. } => None,
            Self::DestinationAppeared(_, destination)
            | Self::DestinationChanged {
                new: destination, ..
            } => Some(destination.address),
            Self::DestinationWent(_, address)
            | Self::Connections { address, .. }
            | Self::DestinationStats { address, .. } => Some(*address),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            None => write!(f, "service {} ", self.key())?,
            Some(address) => write!(f, "destination {address} of {} ", self.key())?,
        }
        match self {
            Self::ServiceAppeared(service) => write!(f, "appeared ({})", service.scheduler),
            Self::DestinationAppeared(_, new) => {
                write!(f, "appeared ({}, weight {})", new.forwarding, new.weight)
            }
            Self::ServiceWent(_) | Self::DestinationWent(..) => f.write_str("is gone"),
            Self::ServiceChanged { old, new } => {
                f.write_str("changed")?;
                service_changes(old, new, f)
            }
            Self::DestinationChanged { old, new, .. } => {
                f.write_str("changed")?;
                destination_changes(old, new, f)
            }
            Self::Connections { old, new, .. } => write!(
                f,
                "has {} active, {} inactive, {} persistent connections (had {}, {}, {})",
                new.active, new.inactive, new.persistent, old.active, old.inactive, old.persistent
            ),
            Self::ServiceStats { old, new, .. } | Self::DestinationStats { old, new, .. } => {
                write!(
                    f,
                    "had {} connections, {} bytes in, {} bytes out (before: {}, {}, {})",
                    new.connections,
                    new.incoming_bytes,
                    new.outgoing_bytes,
                    old.connections,
                    old.incoming_bytes,
                    old.outgoing_bytes
                )
            }
        }
    }
}

/// `, WHAT OLD -> NEW`, when they differ.
fn change<T: PartialEq + fmt::Display>(
    what: &str,
    old: T,
    new: T,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if old == new {
        return Ok(());
    }
    write!(f, ", {what} {old} -> {new}")
}

fn service_changes(old: &Service, new: &Service, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let seconds = |service: &Service| {
        or_none(
            service
                .persistence
                .map(|persistence| format!("{} s", persistence.seconds())),
        )
    };
    let engine =
        |service: &Service| or_none(service.persistence_engine.as_ref().map(ToString::to_string));
    let flags = |service: &Service| format!("{:#x}", service.flags.bits());
    change("scheduler", &old.scheduler, &new.scheduler, f)?;
    change("flags", flags(old), flags(new), f)?;
    change("persistence", seconds(old), seconds(new), f)?;
    change("netmask", old.netmask, new.netmask, f)?;
    change("persistence engine", engine(old), engine(new), f)
}

fn destination_changes(
    old: &Destination,
    new: &Destination,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    change("weight", old.weight, new.weight, f)?;
    if old.forwarding.to_string() == new.forwarding.to_string() && old.forwarding != new.forwarding
    {
        f.write_str(", tunnel")?;
    }
    change(
        "forwarding",
        old.forwarding.to_string(),
        new.forwarding.to_string(),
        f,
    )?;
    let (old, new) = (old.thresholds, new.thresholds);
    change("upper threshold", old.upper, new.upper, f)?;
    change("lower threshold", old.lower, new.lower, f)
}

#[cfg(test)]
mod tests;
