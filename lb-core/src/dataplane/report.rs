// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the reconciler did, for logs and status.

use lb_ipvs::{Change, Note, ServiceKey};

use super::{DataPlaneError, SyncReport};
use crate::ledger::LedgerError;

/// What one call of the [`TableReconciler`](super::TableReconciler) did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct TableReport {
    /// The changes that were made, in order.
    pub applied: Vec<Change>,
    /// What could not be done; it is tried again when the service changes or is audited.
    pub failed: Vec<Failure>,
    /// What was adopted or released, and drift that was not known before.
    pub notes: Vec<Note>,
    /// The ledger could not be written. The changes were made all the same: a real server that is
    /// down must go, even when the disk is full.
    pub ledger: Option<LedgerError>,
    /// What happened to the sync daemons; of [`TableReconciler::stop`](super::TableReconciler::stop) only.
    pub sync: Option<SyncReport>,
}

impl TableReport {
    /// Whether nothing was done and nothing is to be logged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.applied.is_empty()
            && self.failed.is_empty()
            && self.notes.is_empty()
            && self.ledger.is_none()
            && self.sync.is_none()
    }
}

/// A service that is not as desired.
#[derive(Debug, thiserror::Error)]
#[error("{service} is not as desired")]
#[non_exhaustive]
pub struct Failure {
    /// The service.
    pub service: ServiceKey,
    /// The first thing that went wrong with it.
    pub source: DataPlaneError,
}

/// What [`TableReconciler::audit_one`](super::TableReconciler::audit_one) did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Audit {
    /// The service that was looked at.
    pub service: ServiceKey,
    /// What was done about it.
    pub report: TableReport,
    /// Whether it was the last one of a round.
    pub last: bool,
}
