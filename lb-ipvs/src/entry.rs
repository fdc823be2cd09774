// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel reports: the configured object and its counters.

use crate::{destination::Destination, service::Service, stats::Stats};

/// Connections of a destination at this moment.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the kernel counts exactly these three"
)]
pub struct Connections {
    /// Established connections.
    pub active: u32,
    /// Connections in any other state.
    pub inactive: u32,
    /// Remembered clients (persistence templates).
    pub persistent: u32,
}

/// A service as the kernel reports it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "configuration and counters; both grow inside"
)]
pub struct ServiceEntry {
    /// What is configured.
    pub service: Service,
    /// What went through it.
    pub stats: Stats,
}

/// A destination as the kernel reports it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "configuration and counters; both grow inside"
)]
pub struct DestinationEntry {
    /// What is configured.
    pub destination: Destination,
    /// The connections it has now.
    pub connections: Connections,
    /// What went through it.
    pub stats: Stats,
}

/// A service with its destinations.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct TableEntry {
    /// The service.
    pub service: ServiceEntry,
    /// Its destinations, in the kernel's order: the newest first.
    pub destinations: Vec<DestinationEntry>,
}
