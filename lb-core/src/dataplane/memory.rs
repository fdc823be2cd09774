// SPDX-License-Identifier: MIT OR Apache-2.0
//! A data plane in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use lb_ipvs::{
    Change, Connections, DestinationEntry, ServiceEntry, ServiceKey, Stats, SyncDaemon, SyncState,
    Table, TableEntry, TableError, TableService,
};

use super::{Capabilities, DataPlane, DataPlaneError};

/// A table in memory that refuses what the kernel refuses, with the kernel's error numbers.
///
/// Clones share the table, as two programs share the kernel's: keep one to look at what another made,
/// or to make external changes.
///
/// # Examples
/// ```
/// use lb_core::dataplane::{DataPlane, MemoryPlane};
/// use lb_core::ipvs::{Change, Scheduler, Service, ServiceKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut plane = MemoryPlane::new();
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let add = Change::AddService(Service::new(key, Scheduler::WeightedRoundRobin));
/// let results = plane.apply(&[add.clone(), add]).await?;
/// assert!(results[0].is_ok());
/// assert_eq!(results[1].as_ref().unwrap_err().errno(), Some(17)); // EEXIST
/// assert_eq!(plane.snapshot().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryPlane {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    table: Table,
    daemons: BTreeMap<SyncState, SyncDaemon>,
    applied: Vec<Change>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    /// Changes that still get through.
    after: usize,
}

impl MemoryPlane {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the table holds now.
    #[must_use]
    pub fn table(&self) -> Table {
        self.lock().table.clone()
    }

    /// Makes a change as another program would: not among [`MemoryPlane::take_applied`].
    ///
    /// # Errors
    /// As the kernel.
    pub fn by_hand(&self, change: &Change) -> Result<(), TableError> {
        self.lock().table.apply(change)
    }

    /// The changes made through [`DataPlane::apply`] since the last call, in order.
    #[must_use]
    pub fn take_applied(&self) -> Vec<Change> {
        std::mem::take(&mut self.lock().applied)
    }

    /// Breaks the connection once, after `after` more changes: that [`DataPlane::apply`] ends with
    /// [`DataPlaneError::Lost`] and those behind are not made.
    pub fn lose_after(&self, after: usize) {
        self.lock().fault = Some(Fault { after });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // no code that holds the lock leaves the table half changed
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DataPlane for MemoryPlane {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync_daemons: true,
            persistent: false,
        }
    }

    async fn snapshot(&mut self) -> Result<Vec<TableEntry>, DataPlaneError> {
        Ok(self.lock().table.services().map(entry).collect())
    }

    async fn service(&mut self, key: &ServiceKey) -> Result<Option<TableEntry>, DataPlaneError> {
        Ok(self.lock().table.service(key).map(entry))
    }

    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError> {
        let mut state = self.lock();
        let mut results = Vec::with_capacity(changes.len());
        for change in changes {
            if let Some(fault) = &mut state.fault {
                if fault.after == 0 {
                    state.fault = None;
                    let source = io::Error::from(io::ErrorKind::ConnectionReset).into();
                    return Err(DataPlaneError::Lost { source });
                }
                fault.after -= 1;
            }
            let result = state.table.apply(change);
            if result.is_ok() {
                state.applied.push(change.clone());
            }
            results.push(result.map_err(|refusal| DataPlaneError::Refused {
                change: Box::new(change.clone()),
                source: io::Error::from_raw_os_error(refusal.errno()).into(),
            }));
        }
        Ok(results)
    }

    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError> {
        Ok(self.lock().daemons.values().cloned().collect())
    }

    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError> {
        let mut state = self.lock();
        if state.daemons.contains_key(&daemon.state) {
            return Err(refused_daemon("start", daemon.state, 17));
        }
        state.daemons.insert(daemon.state, daemon.clone());
        Ok(())
    }

    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError> {
        match self.lock().daemons.remove(&state) {
            Some(_) => Ok(()),
            None => Err(refused_daemon("stop", state, 3)),
        }
    }
}

fn refused_daemon(action: &'static str, state: SyncState, errno: i32) -> DataPlaneError {
    DataPlaneError::SyncDaemon {
        action,
        state,
        source: io::Error::from_raw_os_error(errno).into(),
    }
}

fn entry(service: &TableService) -> TableEntry {
    TableEntry {
        service: ServiceEntry {
            service: service.service().clone(),
            stats: Stats::default(),
        },
        destinations: service
            .destinations_in_order()
            .rev()
            .map(|destination| DestinationEntry {
                destination: *destination,
                connections: Connections::default(),
                stats: Stats::default(),
            })
            .collect(),
    }
}
