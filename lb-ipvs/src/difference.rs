// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of a table between two readings.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
};

use bitflags::bitflags;

use crate::{
    destination::Destination,
    entry::{Connections, DestinationEntry, TableEntry},
    service::{Service, ServiceKey},
    stats::Stats,
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
/// What went comes first, in the old order, destinations before their service; then the new table
/// in its order, what appeared with all its destinations. An entry that was removed and made again
/// between the readings is not noticed, unless its configuration differs.
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
    let mut differences = Vec::new();
    let before = by_key(old);
    let after = by_key(new);
    for entry in old {
        let key = entry.service.service.key;
        let kept: HashSet<SocketAddr> = after
            .get(&key)
            .map(|entry| entry.destinations.iter().map(address_of).collect())
            .unwrap_or_default();
        let went = entry.destinations.iter().map(address_of);
        differences.extend(
            went.filter(|address| !kept.contains(address))
                .map(|address| Difference::DestinationWent(key, address)),
        );
        if !after.contains_key(&key) {
            differences.push(Difference::ServiceWent(key));
        }
    }
    for entry in new {
        let service = &entry.service.service;
        let Some(old) = before.get(&service.key) else {
            differences.push(Difference::ServiceAppeared(service.clone()));
            let all = entry.destinations.iter();
            differences.extend(
                all.map(|new| Difference::DestinationAppeared(service.key, new.destination)),
            );
            continue;
        };
        service_difference(old, entry, aspects, &mut differences);
    }
    differences
}

fn by_key(table: &[TableEntry]) -> HashMap<ServiceKey, &TableEntry> {
    table
        .iter()
        .map(|entry| (entry.service.service.key, entry))
        .collect()
}

const fn address_of(entry: &DestinationEntry) -> SocketAddr {
    entry.destination.address
}

/// Of a service that was there before.
fn service_difference(
    old: &TableEntry,
    new: &TableEntry,
    aspects: Aspects,
    differences: &mut Vec<Difference>,
) {
    let key = new.service.service.key;
    if aspects.contains(Aspects::CONFIGURATION) && old.service.service != new.service.service {
        differences.push(Difference::ServiceChanged {
            old: old.service.service.clone(),
            new: new.service.service.clone(),
        });
    }
    if aspects.contains(Aspects::COUNTERS) && old.service.stats != new.service.stats {
        differences.push(Difference::ServiceStats {
            key,
            old: old.service.stats,
            new: new.service.stats,
        });
    }
    let before: HashMap<SocketAddr, &DestinationEntry> = old
        .destinations
        .iter()
        .map(|entry| (address_of(entry), entry))
        .collect();
    for entry in &new.destinations {
        let address = address_of(entry);
        let Some(old) = before.get(&address) else {
            differences.push(Difference::DestinationAppeared(key, entry.destination));
            continue;
        };
        if aspects.contains(Aspects::CONFIGURATION) && old.destination != entry.destination {
            differences.push(Difference::DestinationChanged {
                key,
                old: old.destination,
                new: entry.destination,
            });
        }
        if aspects.contains(Aspects::CONNECTIONS) && old.connections != entry.connections {
            differences.push(Difference::Connections {
                key,
                address,
                old: old.connections,
                new: entry.connections,
            });
        }
        if aspects.contains(Aspects::COUNTERS) && old.stats != entry.stats {
            differences.push(Difference::DestinationStats {
                key,
                address,
                old: old.stats,
                new: entry.stats,
            });
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
