// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors of routes and rules.

use std::io;

use lb_host::RoutingEntry;

use crate::driver::AddressOperation;

/// A route or rule could not be added or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {entry}")]
#[non_exhaustive]
pub struct RouteError {
    /// The operation that failed.
    pub operation: AddressOperation,
    /// The route or rule.
    pub entry: RoutingEntry,
    /// The error of the kernel.
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
