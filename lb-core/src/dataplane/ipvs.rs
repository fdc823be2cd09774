// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's IPVS as a data plane.

use std::error::Error as StdError;
use std::io;

use async_trait::async_trait;
use lb_ipvs::{
    Change, Error, IpvsHandle, NetworkNamespace, ServiceKey, SyncDaemon, SyncState, TableEntry,
};

use super::{Capabilities, DataPlane, DataPlaneError};

const ESRCH: i32 = 3;

/// The kernel's IPVS, in the network namespace of the thread that connects or in a given one.
///
/// A connection that failed in the middle of a conversation is given up; the next call makes a new
/// one.
///
/// # Examples
/// ```no_run
/// use lb_core::dataplane::{IpvsPlane, TableReconciler};
/// use lb_core::ledger::{Identity, Ledger};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let (ledger, _) = Ledger::open("/run/lb/ledger", Identity::current()?)?;
/// let reconciler = TableReconciler::new(IpvsPlane::connect().await?, ledger);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct IpvsPlane {
    handle: Option<IpvsHandle>,
    /// That of the thread unless given.
    namespace: Option<NetworkNamespace>,
}

impl IpvsPlane {
    /// Connects to the kernel, whose module is loaded if need be.
    ///
    /// # Errors
    /// As [`IpvsHandle::connect`]: no IPVS in this kernel, or not permitted.
    pub async fn connect() -> Result<Self, Error> {
        Self::connect_in(None).await
    }

    /// Connects to the kernel in a network namespace; without one as [`connect`](Self::connect).
    ///
    /// # Errors
    /// As [`IpvsHandle::connect_in`].
    pub async fn connect_in(namespace: Option<NetworkNamespace>) -> Result<Self, Error> {
        Ok(Self {
            handle: Some(connect(namespace.as_ref()).await?),
            namespace,
        })
    }

    /// Uses a connection made elsewhere.
    #[must_use]
    pub const fn new(handle: IpvsHandle) -> Self {
        Self {
            handle: Some(handle),
            namespace: None,
        }
    }

    async fn handle(&mut self) -> Result<&mut IpvsHandle, Error> {
        let handle = match self.handle.take() {
            Some(handle) => handle,
            None => connect(self.namespace.as_ref()).await?,
        };
        Ok(self.handle.insert(handle))
    }

    /// Gives the connection up unless the error is the kernel's word on what was asked.
    fn judge(&mut self, error: Error) -> Box<dyn StdError + Send + Sync> {
        if error.is_outcome_unknown() {
            self.handle = None;
        }
        reason(error)
    }

    async fn read_service(&mut self, key: &ServiceKey) -> Result<Option<TableEntry>, Error> {
        let handle = self.handle().await?;
        let service = match handle.service(key).await {
            Ok(service) => service,
            Err(error) if error.errno() == Some(ESRCH) => return Ok(None),
            Err(error) => return Err(error),
        };
        let destinations = handle.destinations(key).await?;
        Ok(Some(TableEntry {
            service,
            destinations,
        }))
    }
}

/// Connects in a network namespace, or in that of this thread.
pub(crate) async fn connect(namespace: Option<&NetworkNamespace>) -> Result<IpvsHandle, Error> {
    match namespace {
        Some(namespace) => IpvsHandle::connect_in(namespace).await,
        None => IpvsHandle::connect().await,
    }
}

/// What a kernel's refusal comes down to: our own errors say already what was asked.
fn reason(error: Error) -> Box<dyn StdError + Send + Sync> {
    match error {
        Error::Kernel {
            operation,
            source,
            message: None,
            ..
        } => match source.raw_os_error() {
            Some(errno) => Box::new(KernelError {
                text: operation.explain(errno),
                source,
            }),
            None => source.into(),
        },
        error => error.into(),
    }
}

/// An errno of the kernel's, in ipvsadm's words: `ENOENT` means something else for each operation.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct KernelError {
    text: String,
    source: io::Error,
}

#[async_trait]
impl DataPlane for IpvsPlane {
    fn name(&self) -> &'static str {
        "ipvs"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            sync_daemons: true,
            persistent: true,
        }
    }

    async fn snapshot(&mut self) -> Result<Vec<TableEntry>, DataPlaneError> {
        let table = match self.handle().await {
            Ok(handle) => handle.snapshot().await,
            Err(error) => Err(error),
        };
        table.map_err(|error| DataPlaneError::Read {
            source: self.judge(error),
        })
    }

    async fn service(&mut self, key: &ServiceKey) -> Result<Option<TableEntry>, DataPlaneError> {
        let entry = self.read_service(key).await;
        entry.map_err(|error| DataPlaneError::Read {
            source: self.judge(error),
        })
    }

    async fn apply(
        &mut self,
        changes: &[Change],
    ) -> Result<Vec<Result<(), DataPlaneError>>, DataPlaneError> {
        let results = match self.handle().await {
            Ok(handle) => handle.apply(changes).await,
            Err(error) => Err(error),
        };
        match results {
            Ok(results) => Ok(changes
                .iter()
                .zip(results)
                .map(|(change, result)| {
                    result.map_err(|error| DataPlaneError::Refused {
                        change: Box::new(change.clone()),
                        source: reason(error),
                    })
                })
                .collect()),
            Err(error) => Err(DataPlaneError::Lost {
                source: self.judge(error),
            }),
        }
    }

    async fn sync_daemons(&mut self) -> Result<Vec<SyncDaemon>, DataPlaneError> {
        let daemons = match self.handle().await {
            Ok(handle) => handle.sync_daemons().await,
            Err(error) => Err(error),
        };
        daemons.map_err(|error| DataPlaneError::Read {
            source: self.judge(error),
        })
    }

    async fn start_sync_daemon(&mut self, daemon: &SyncDaemon) -> Result<(), DataPlaneError> {
        let result = match self.handle().await {
            Ok(handle) => handle.start_sync_daemon(daemon).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| DataPlaneError::SyncDaemon {
            action: "start",
            state: daemon.state,
            source: self.judge(error),
        })
    }

    async fn stop_sync_daemon(&mut self, state: SyncState) -> Result<(), DataPlaneError> {
        let result = match self.handle().await {
            Ok(handle) => handle.stop_sync_daemon(state).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| DataPlaneError::SyncDaemon {
            action: "stop",
            state,
            source: self.judge(error),
        })
    }
}
