// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of the table, as data.

use std::{fmt, net::SocketAddr};

use crate::{
    destination::Destination,
    operation::{Operation, Subject},
    service::{Service, ServiceKey},
};

/// One change of the table: one request to the kernel.
///
/// ```
/// use lb_ipvs::{Change, Destination, ServiceKey};
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let change = Change::AddDestination(key, Destination::new("192.168.1.61:80".parse()?));
/// assert_eq!(
///     change.to_string(),
///     "add destination 192.168.1.61:80 of TCP 192.168.1.50:80 (Route, weight 1)",
/// );
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the kernel has these operations on entries, and a reader handles each"
)]
pub enum Change {
    /// Make a service. Equivalent to `ipvsadm -A`.
    AddService(Service),
    /// Replace a service's configuration, all of it. Equivalent to `ipvsadm -E`.
    EditService(Service),
    /// Remove a service and its destinations. Equivalent to `ipvsadm -D`.
    DeleteService(ServiceKey),
    /// Give a service a destination. Equivalent to `ipvsadm -a`.
    AddDestination(ServiceKey, Destination),
    /// Replace a destination's configuration, all of it. Equivalent to `ipvsadm -e`.
    EditDestination(ServiceKey, Destination),
    /// Take a destination from a service. Equivalent to `ipvsadm -d`.
    DeleteDestination(ServiceKey, SocketAddr),
}

impl Change {
    /// The service it concerns.
    #[must_use]
    pub const fn key(&self) -> ServiceKey {
        match self {
            Self::AddService(service) | Self::EditService(service) => service.key,
            Self::DeleteService(key)
            | Self::AddDestination(key, _)
            | Self::EditDestination(key, _)
            | Self::DeleteDestination(key, _) => *key,
        }
    }

    /// The kernel's operation.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        match self {
            Self::AddService(_) => Operation::AddService,
            Self::EditService(_) => Operation::EditService,
            Self::DeleteService(_) => Operation::DeleteService,
            Self::AddDestination(..) => Operation::AddDestination,
            Self::EditDestination(..) => Operation::EditDestination,
            Self::DeleteDestination(..) => Operation::DeleteDestination,
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn subject(&self) -> Subject {
        match self {
            Self::AddService(service) | Self::EditService(service) => Subject::Service(service.key),
            Self::DeleteService(key) => Subject::Service(*key),
            Self::AddDestination(key, destination) | Self::EditDestination(key, destination) => {
                Subject::Destination(*key, destination.address)
            }
            Self::DeleteDestination(key, address) => Subject::Destination(*key, *address),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation(), self.subject())?;
        match self {
            Self::AddService(service) | Self::EditService(service) => {
                write!(f, " ({}", service.scheduler)?;
                if let Some(persistence) = service.persistence {
                    write!(f, ", persistent {} s", persistence.seconds())?;
                }
                f.write_str(")")
            }
            Self::AddDestination(_, destination) | Self::EditDestination(_, destination) => {
                write!(
                    f,
                    " ({}, weight {})",
                    destination.forwarding, destination.weight
                )
            }
            Self::DeleteService(_) | Self::DeleteDestination(..) => Ok(()),
        }
    }
}
