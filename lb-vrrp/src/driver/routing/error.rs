// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a route or rule from being there.

use std::io;

use lb_host::RoutingEntry;

use crate::driver::AddressOperation;

/// A route or rule could not be added or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {entry}")]
#[non_exhaustive]
pub struct RouteError {
    /// What was tried.
    pub operation: AddressOperation,
    /// With what.
    pub entry: RoutingEntry,
    /// What the kernel said.
    pub source: io::Error,
}

impl RouteError {
    pub(in crate::driver) fn new(
        operation: AddressOperation,
        entry: &RoutingEntry,
        source: io::Error,
    ) -> Self {
        Self {
            operation,
            entry: entry.clone(),
            source,
        }
    }
}
