// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table as a plain listing shows it: what can be read fast.

use std::{fmt, net::SocketAddr};

use crate::{
    destination::Weight,
    entry::{DestinationEntry, TableEntry},
    forwarding::ForwardingMethod,
    service::Service,
};

/// A service with its destinations, in as much as `ipvsadm -L -n` prints of them.
///
/// Thresholds, kinds of tunnels, persistence templates and all counters but two are not in it;
/// [`TableEntry`] has them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct PlainEntry {
    /// The service, as it is configured.
    pub service: Service,
    /// Its destinations, in the kernel's order: the newest first.
    pub destinations: Vec<PlainDestination>,
}

/// A destination as a line of `ipvsadm -L -n`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PlainDestination {
    /// Address and port.
    pub address: SocketAddr,
    /// How packets get there.
    pub forwarding: ForwardingName,
    /// Its share of new connections.
    pub weight: Weight,
    /// Established connections.
    pub active: u32,
    /// Connections in any other state.
    pub inactive: u32,
}

/// A forwarding method by name, without its parameters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ForwardingName {
    /// Addresses are rewritten both ways (NAT). `/proc/net/ip_vs` shows methods it does not know
    /// as this one.
    Masquerade,
    /// The destination is this host.
    Local,
    /// Packets are encapsulated (TUN), in one way or another.
    Tunnel,
    /// Packets are sent unchanged to the destination's link address (DR).
    DirectRouting,
    /// Packets go to their original address.
    Bypass,
    /// A value this crate does not know.
    Other(u32),
}

impl fmt::Display for ForwardingName {
    /// The name in ipvsadm's listings: `Masq`, `Local`, `Tunnel`, `Route`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Masquerade => "Masq",
            Self::Local => "Local",
            Self::Tunnel => "Tunnel",
            Self::DirectRouting => "Route",
            Self::Bypass => "Bypass",
            Self::Other(_) => "?",
        })
    }
}

impl From<ForwardingMethod> for ForwardingName {
    fn from(method: ForwardingMethod) -> Self {
        match method {
            ForwardingMethod::Masquerade => Self::Masquerade,
            ForwardingMethod::Local => Self::Local,
            ForwardingMethod::Tunnel(_) => Self::Tunnel,
            ForwardingMethod::DirectRouting => Self::DirectRouting,
            ForwardingMethod::Bypass => Self::Bypass,
            ForwardingMethod::Other(other) => Self::Other(other),
        }
    }
}

impl From<&DestinationEntry> for PlainDestination {
    fn from(entry: &DestinationEntry) -> Self {
        Self {
            address: entry.destination.address,
            forwarding: entry.destination.forwarding.into(),
            weight: entry.destination.weight,
            active: entry.connections.active,
            inactive: entry.connections.inactive,
        }
    }
}

impl From<TableEntry> for PlainEntry {
    /// Leaves out what a plain listing does not show.
    fn from(entry: TableEntry) -> Self {
        Self {
            service: entry.service.service,
            destinations: entry
                .destinations
                .iter()
                .map(PlainDestination::from)
                .collect(),
        }
    }
}
