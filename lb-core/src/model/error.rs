// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules that a model can break.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use lb_ipvs::ServiceKey;
use lb_vrrp::spec::SpecError;

use super::MarkRange;

/// A rule that a model breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Mail settings without a recipient.
    #[error("mail settings without a recipient")]
    NoRecipient,
    /// A sync daemon that follows an unknown instance.
    #[error("sync daemon follows the unknown vrrp instance {instance}")]
    UnknownInstance {
        /// The name it asks for.
        instance: String,
    },
    /// Two instances have one name.
    #[error("two vrrp instances are named {name}")]
    DuplicateInstance {
        /// The name.
        name: String,
    },
    /// An address that a virtual router advertises and does not hold.
    #[error("vrrp instance {instance} advertises {address} and does not hold it")]
    AddressNotHeld {
        /// Name of the instance.
        instance: String,
        /// The address.
        address: IpAddr,
    },
    /// Virtual routers, sync groups, tracked objects or static items that break a rule.
    #[error(transparent)]
    Vrrp(#[from] SpecError),
    /// Two virtual servers are one IPVS service.
    #[error("two virtual servers {key}")]
    DuplicateVirtualServer {
        /// The service.
        key: ServiceKey,
    },
    /// Two real servers of one virtual server are one destination.
    #[error("virtual server {key} has real server {address} twice")]
    DuplicateRealServer {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// A virtual server that could never serve.
    #[error("virtual server {key} has no real server")]
    NoRealServer {
        /// The service.
        key: ServiceKey,
    },
    /// Only a tunnel may reach a real server of the other address family.
    #[error("virtual server {key} reaches {address} of the other address family without a tunnel")]
    Family {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// Only masquerading can change the port.
    #[error("virtual server {key} reaches port {} of {} without masquerading", .address.port(), .address.ip())]
    Port {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// The quorum can never be reached.
    #[error("virtual server {key} has quorum {quorum}, its real servers weigh {weight}")]
    Quorum {
        /// The service.
        key: ServiceKey,
        /// The quorum.
        quorum: u32,
        /// The sum of the weights.
        weight: u64,
    },
    /// The quorum could never be lost, or never be gained.
    #[error("virtual server {key} has hysteresis {hysteresis}, must be below its quorum {quorum}")]
    Hysteresis {
        /// The service.
        key: ServiceKey,
        /// The quorum.
        quorum: u32,
        /// The hysteresis.
        hysteresis: u32,
    },
    /// A service for all ports must be persistent.
    #[error("virtual server {key} has port 0 and no persistence")]
    PortZero {
        /// The service.
        key: ServiceKey,
    },
    /// One-packet scheduling of a protocol other than UDP.
    #[error("virtual server {key} schedules single packets, which only UDP allows")]
    OnePacket {
        /// The service.
        key: ServiceKey,
    },
    /// A mark that is reserved for checks at the virtual address.
    #[error("mark {mark} is one of those of checks at the virtual address, {range}")]
    ReservedMark {
        /// The mark of a virtual server or of a check.
        mark: u32,
        /// The reserved marks.
        range: MarkRange,
    },
    /// More real servers have checks at the virtual address than there are marks.
    #[error("{needed} marks needed for checks at the virtual address, there are {}", .range.count())]
    Marks {
        /// The number of real servers and forwarding methods.
        needed: usize,
        /// The reserved marks.
        range: MarkRange,
    },
    /// A check at the virtual address of a real server that is reached in another way.
    #[error(
        "virtual server {key} checks {address} at the virtual address without direct routing or a tunnel"
    )]
    ViaVip {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// A table in another network namespace, which the packets of probes do not pass.
    #[error("checks at the virtual address need the IPVS table of this network namespace")]
    ViaVipNamespace,
    /// Checks without a period.
    #[error("virtual server {key} checks without a pause")]
    NoInterval {
        /// The service.
        key: ServiceKey,
    },
}

/// Every rule that a model breaks; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelErrors(Vec<ModelError>);

impl ModelErrors {
    pub(super) const fn new(errors: Vec<ModelError>) -> Self {
        Self(errors)
    }

    /// The rules, in the order of the model.
    pub fn iter(&self) -> std::slice::Iter<'_, ModelError> {
        self.0.iter()
    }
}

impl IntoIterator for ModelErrors {
    type Item = ModelError;
    type IntoIter = std::vec::IntoIter<ModelError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ModelErrors {
    type Item = &'a ModelError;
    type IntoIter = std::slice::Iter<'a, ModelError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for ModelErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ModelErrors {}
