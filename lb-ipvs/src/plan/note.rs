// SPDX-License-Identifier: MIT OR Apache-2.0
//! Findings of a plan that need no change: for logs and status.

use std::{fmt, net::SocketAddr};

use crate::{
    destination::Destination,
    service::{Service, ServiceKey},
};

/// A finding of a plan that needs no change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A desired service was there and not owned; it is owned from now on.
    ServiceAdopted(ServiceKey),
    /// A desired destination was there and not owned; it is owned from now on.
    DestinationAdopted(ServiceKey, SocketAddr),
    /// An owned service was changed (or deleted: `None`) externally, and is not restored.
    ServiceDrifted {
        /// The service.
        key: ServiceKey,
        /// The service as it is.
        actual: Option<Service>,
    },
    /// An owned destination was changed (or deleted: `None`) externally, and is not restored.
    DestinationDrifted {
        /// The service with the destination.
        key: ServiceKey,
        /// The destination as it is desired.
        desired: Destination,
        /// The destination as it is.
        actual: Option<Destination>,
    },
    /// A destination was added externally to an owned service; it is not touched.
    ForeignDestination(ServiceKey, SocketAddr),
    /// An owned service is not desired and has destinations that are not owned: the service stays and
    /// is no longer owned.
    ServiceReleased {
        /// The service.
        key: ServiceKey,
        /// Number of destinations that are not owned.
        foreign: usize,
    },
}

impl Note {
    /// Whether the note is about an external change that was left alone.
    #[must_use]
    pub const fn is_drift(&self) -> bool {
        matches!(
            self,
            Self::ServiceDrifted { .. }
                | Self::DestinationDrifted { .. }
                | Self::ForeignDestination(..)
        )
    }

    /// The service.
    #[must_use]
    pub const fn key(&self) -> &ServiceKey {
        match self {
            Self::ServiceAdopted(key)
            | Self::DestinationAdopted(key, _)
            | Self::ForeignDestination(key, _)
            | Self::ServiceDrifted { key, .. }
            | Self::DestinationDrifted { key, .. }
            | Self::ServiceReleased { key, .. } => key,
        }
    }

    /// The destination, when the note is about one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::DestinationAdopted(_, address)
            | Self::ForeignDestination(_, address)
            | Self::DestinationDrifted {
                desired: Destination { address, .. },
                ..
            } => Some(*address),
            Self::ServiceAdopted(_)
            | Self::ServiceDrifted { .. }
            | Self::ServiceReleased { .. } => None,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAdopted(key) => write!(f, "service {key} existed already, adopted"),
            Self::DestinationAdopted(key, address) => {
                write!(f, "destination {address} of {key} existed already, adopted")
            }
            Self::ServiceDrifted { key, actual: None } => {
                write!(f, "service {key} was deleted externally, not restored")
            }
            Self::ServiceDrifted {
                key,
                actual: Some(_),
            } => write!(f, "service {key} was modified externally, not restored"),
            Self::DestinationDrifted {
                key,
                desired,
                actual: None,
            } => write!(
                f,
                "destination {} of {key} was deleted externally, not restored",
                desired.address
            ),
            Self::DestinationDrifted {
                key,
                desired,
                actual: Some(actual),
            } => write!(
                f,
                "destination {} of {key} was modified externally ({} weight {}, desired: {} weight {}), \
                 not restored",
                desired.address,
                actual.forwarding,
                actual.weight,
                desired.forwarding,
                desired.weight
            ),
            Self::ForeignDestination(key, address) => {
                write!(
                    f,
                    "destination {address} of {key} was added externally, not touched"
                )
            }
            Self::ServiceReleased { key, foreign } => write!(
                f,
                "service {key} is not deleted: {foreign} of its destinations were added externally"
            ),
        }
    }
}
