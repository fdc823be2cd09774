// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data plane, which forwards the packets, behind one small port.
//!
//! [`DataPlane`] reads the table and makes changes. `IpvsPlane` (feature `daemon`) is the kernel's
//! IPVS; [`MemoryPlane`] is a table in memory that refuses what the kernel refuses, for tests and for
//! trying things out. [`TableReconciler`] holds a data plane, a shadow of its table and the
//! [ledger](crate::ledger), and makes the table as desired, touching only what is owned.

mod error;
#[cfg(feature = "daemon")]
mod ipvs;
mod memory;
mod reconcile;
mod report;

use async_trait::async_trait;
use lb_ipvs::{Change, ServiceKey, SyncDaemon, SyncState, TableEntry};

pub use error::DataPlaneError;
#[cfg(feature = "daemon")]
pub use ipvs::IpvsPlane;
#[cfg(feature = "daemon")]
pub(crate) use ipvs::connect;
pub use memory::MemoryPlane;
pub use reconcile::{ActualService, DesiredChange, SyncReport, TableReconciler};
pub use report::{Audit, Failure, TableReport};

/// What a data plane can do beyond services and destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Connections are synchronised to another director ([`DataPlane::start_sync_daemon`]).
    pub sync_daemons: bool,
    /// The table outlives the process: ownership must be remembered over a restart.
    pub persistent: bool,
}

/// Whatever forwards the packets.
///
/// Object-safe; methods take `&mut self` because a data plane answers one question at a time.
/// Dropping a future of [`DataPlane::apply`] leaves the outcome unknown: read again afterwards.
#[async_trait]
pub trait DataPlane: Send {
    /// Its name in logs: `ipvs`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Reads the whole table.
    ///
    /// # Errors
    /// [`DataPlaneError::Read`].
    async fn snapshot(&mut self) -> Result<Vec<TableEntry>, DataPlaneError>;

    /// Reads one service with its destinations; `None` when there is none.
    ///
    /// # Errors
    /// [`DataPlaneError::Read`].
    async fn service(&mut self, key: &ServiceKey) -> Result<Option<TableEntry>, DataPlaneError>;

    /// Makes the changes in their order; a refused one does not stop those behind it. One result for
    /// each.
    ///
    /// # Errors
    /// [`DataPlaneError::Lost`]: it is not known which changes were made. What was refused is an
    /// error of its own among the results: [`DataPlaneError::Refused`].
    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError>;

    /// The sync daemons that run.
    ///
    /// # Errors
    /// [`DataPlaneError::Read`].
    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError>;

    /// Starts a sync daemon.
    ///
    /// # Errors
    /// [`DataPlaneError::SyncDaemon`], with `EEXIST` when one of this state runs.
    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError>;

    /// Stops the sync daemon of this state.
    ///
    /// # Errors
    /// [`DataPlaneError::SyncDaemon`], with `ESRCH` when none runs.
    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError>;
}

#[async_trait]
impl<P: DataPlane + ?Sized> DataPlane for Box<P> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn snapshot(&mut self) -> Result<Vec<TableEntry>, DataPlaneError> {
        (**self).snapshot().await
    }

    async fn service(&mut self, key: &ServiceKey) -> Result<Option<TableEntry>, DataPlaneError> {
        (**self).service(key).await
    }

    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError> {
        (**self).apply(changes).await
    }

    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError> {
        (**self).sync_daemons().await
    }

    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError> {
        (**self).start_sync_daemon(daemon).await
    }

    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError> {
        (**self).stop_sync_daemon(state).await
    }
}
