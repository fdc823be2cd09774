// SPDX-License-Identifier: MIT OR Apache-2.0
//! The data plane task: owns the reconciler, does one job at a time, reports each.
//!
//! The director gives the next job only when the last is reported, and gathers what changed
//! meanwhile: the queue between them holds one job, and no service change waits behind a stale one.

use std::collections::BTreeMap;
use std::time::Duration;

use lb_ipvs::{ServiceKey, SyncDaemon};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::dataplane::{
    ActualService, Audit, DataPlane, DataPlaneError, DesiredChange, Reconciler, Report, SyncReport,
};
use crate::model::MarkRange;

use super::via::ViaGates;

/// The longest one job may take before it is given up and its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest time that reading the table for the status takes.
const READ: Duration = Duration::from_millis(400);

/// A job for the data plane.
#[derive(Debug)]
pub(super) enum Job {
    /// Apply these changed services, and these sync daemons if given.
    Apply {
        services: BTreeMap<ServiceKey, DesiredChange>,
        sync: Option<Vec<SyncDaemon>>,
        /// The marks of services of checks at the virtual address.
        marks: MarkRange,
    },
    /// Audit the next service of ours.
    Audit,
    /// Compare the table with the desired one.
    Read,
    /// Delete all our entries.
    Stop,
}

/// The outcome of a job.
#[derive(Debug)]
pub(super) enum Done {
    Applied {
        services: Result<Report, DataPlaneError>,
        sync: Option<Result<SyncReport, DataPlaneError>>,
    },
    Audited(Result<Option<Audit>, DataPlaneError>),
    Read(Vec<ActualService>),
    Stopped(Result<Report, DataPlaneError>),
}

/// The director's end of the data plane task.
#[derive(Debug)]
pub(super) struct Plane {
    jobs: mpsc::Sender<Job>,
    done: mpsc::Receiver<Done>,
    busy: bool,
    task: JoinHandle<()>,
}

impl Plane {
    /// Starts the task around a reconciler that has been started.
    ///
    /// `gates` learn which services of checks at the virtual address are in the table.
    pub(super) fn spawn<P: DataPlane + 'static>(
        reconciler: Reconciler<P>,
        gates: ViaGates,
    ) -> Self {
        let (jobs, inbox) = mpsc::channel(1);
        let (reports, done) = mpsc::channel(1);
        let task = tokio::spawn(work(reconciler, gates, inbox, reports));
        Self {
            jobs,
            done,
            busy: false,
            task,
        }
    }

    /// Whether a job is under way.
    pub(super) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Gives the next job; only when not busy.
    pub(super) fn give(&mut self, job: Job) {
        debug_assert!(!self.busy, "one job at a time");
        // A closed channel shows as the end of `done`, which the director waits for.
        self.busy = self.jobs.try_send(job).is_ok();
    }

    /// Waits for the report of the job under way; `None` when the task has died. Cancel-safe.
    pub(super) async fn done(&mut self) -> Option<Done> {
        let done = self.done.recv().await;
        // The next wait shows the end of the task again.
        self.busy = done.is_none();
        done
    }

    /// Returns what the data plane has of the desired services, after the job under way, which `log`
    /// takes; `None` if that takes longer than `limit`. Cancel-safe.
    pub(super) async fn actual(
        &mut self,
        limit: Duration,
        mut log: impl FnMut(Done),
    ) -> Option<Vec<ActualService>> {
        let reading = async {
            if self.busy {
                log(self.done().await?);
            }
            self.give(Job::Read);
            loop {
                match self.done().await? {
                    Done::Read(services) => return Some(services),
                    other => log(other),
                }
            }
        };
        tokio::time::timeout(limit, reading).await.ok().flatten()
    }

    /// Ends the task and leaves the table as it is.
    pub(super) async fn end(self) {
        drop(self.jobs);
        drop(self.done);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "data plane task failed");
        }
    }
}

async fn work<P: DataPlane>(
    mut reconciler: Reconciler<P>,
    gates: ViaGates,
    mut jobs: mpsc::Receiver<Job>,
    reports: mpsc::Sender<Done>,
) {
    while let Some(job) = jobs.recv().await {
        let done = match job {
            Job::Apply {
                services,
                sync,
                marks,
            } => {
                reconciler.enforce(marks);
                let keys: Vec<ServiceKey> = services.keys().copied().collect();
                let services = bounded(reconciler.services_changed(services)).await;
                update(&gates, &reconciler, keys);
                let sync = match sync {
                    Some(daemons) => Some(bounded(reconciler.set_sync_daemons(&daemons)).await),
                    None => None,
                };
                Done::Applied { services, sync }
            }
            Job::Audit => {
                let audit = bounded(reconciler.audit_one()).await;
                let key = audit
                    .as_ref()
                    .ok()
                    .and_then(|audit| Some(audit.as_ref()?.service));
                update(&gates, &reconciler, key);
                Done::Audited(audit)
            }
            Job::Read => Done::Read(read_actual(&mut reconciler).await),
            Job::Stop => Done::Stopped(bounded(reconciler.stop()).await),
        };
        if reports.send(done).await.is_err() {
            return;
        }
    }
}

/// Sets which of these services are in the table, as far as they are of checks at the virtual address.
pub(super) fn update<P: DataPlane>(
    gates: &ViaGates,
    reconciler: &Reconciler<P>,
    keys: impl IntoIterator<Item = ServiceKey>,
) {
    for key in keys {
        if gates.knows(&key) {
            gates.set(key, reconciler.is_in_place(&key));
        }
    }
}

/// Reads the table; a table that cannot be read soon is taken as it was last read.
async fn read_actual<P: DataPlane>(reconciler: &mut Reconciler<P>) -> Vec<ActualService> {
    match tokio::time::timeout(READ, reconciler.read_actual()).await {
        Ok(Ok(services)) => return services,
        Ok(Err(error)) => tracing::debug!(%error, "table not read for the status"),
        Err(_) => tracing::debug!("table not read for the status within {READ:?}"),
    }
    reconciler.known_actual()
}

async fn bounded<T>(
    job: impl Future<Output = Result<T, DataPlaneError>>,
) -> Result<T, DataPlaneError> {
    tokio::time::timeout(PATIENCE, job)
        .await
        .unwrap_or_else(|_| {
            let source = format!("no answer within {PATIENCE:?}").into();
            Err(DataPlaneError::Lost { source })
        })
}
