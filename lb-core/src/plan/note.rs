// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a plan found and left alone, or took over: for logs and status.

use std::fmt;
use std::net::SocketAddr;

use lb_ipvs::{Destination, Service, ServiceKey};

/// Something worth a line to the operator that is no change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A service that is desired was there and not ours; it is ours now.
    ServiceAdopted(ServiceKey),
    /// A destination that is desired was there and not ours; it is ours now.
    DestinationAdopted(ServiceKey, SocketAddr),
    /// A service of ours was changed (or deleted: `None`) by another hand; left so.
    ServiceDrifted {
        /// The service.
        key: ServiceKey,
        /// What the data plane has.
        actual: Option<Service>,
    },
    /// A destination of ours was changed (or deleted: `None`) by another hand; left so.
    DestinationDrifted {
        /// The service it belongs to.
        key: ServiceKey,
        /// What was asked for.
        desired: Destination,
        /// What the data plane has.
        actual: Option<Destination>,
    },
    /// A destination in a service of ours that another hand added; left so.
    ForeignDestination(ServiceKey, SocketAddr),
    /// A service of ours was to go, but holds destinations of others; it is theirs now.
    ServiceReleased {
        /// The service.
        key: ServiceKey,
        /// How many destinations of others it holds.
        foreign: usize,
    },
}

impl Note {
    /// Whether it tells of a change by another hand that was left alone.
    pub const fn is_drift(&self) -> bool {
        matches!(
            self,
            Self::ServiceDrifted { .. }
                | Self::DestinationDrifted { .. }
                | Self::ForeignDestination(..)
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAdopted(key) => write!(f, "service {key} was there already, adopted"),
            Self::DestinationAdopted(key, address) => {
                write!(
                    f,
                    "destination {address} of {key} was there already, adopted"
                )
            }
            Self::ServiceDrifted { key, actual: None } => {
                write!(f, "service {key} was deleted by another hand, left so")
            }
            Self::ServiceDrifted {
                key,
                actual: Some(_),
            } => {
                write!(f, "service {key} was changed by another hand, left so")
            }
            Self::DestinationDrifted {
                key,
                desired,
                actual: None,
            } => write!(
                f,
                "destination {} of {key} was deleted by another hand, left so",
                desired.address
            ),
            Self::DestinationDrifted {
                key,
                desired,
                actual: Some(actual),
            } => write!(
                f,
                "destination {} of {key} was changed by another hand ({} weight {}, ours is {} weight {}), left so",
                desired.address,
                actual.forwarding,
                actual.weight,
                desired.forwarding,
                desired.weight
            ),
            Self::ForeignDestination(key, address) => {
                write!(
                    f,
                    "destination {address} of {key} was added by another hand, left so"
                )
            }
            Self::ServiceReleased { key, foreign } => write!(
                f,
                "service {key} stays: it holds {foreign} destination(s) added by another hand"
            ),
        }
    }
}
