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
    Audit, DataPlane, DataPlaneError, DesiredChange, Reconciler, Report, SyncReport,
};

/// The longest one job may take before it is given up and its outcome counts as unknown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job for the data plane.
#[derive(Debug)]
pub(super) enum Job {
    /// Apply these changed services, and these sync daemons if given.
    Apply {
        services: BTreeMap<ServiceKey, DesiredChange>,
        sync: Option<Vec<SyncDaemon>>,
    },
    /// Audit the next service of ours.
    Audit,
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
    pub(super) fn spawn<P: DataPlane + 'static>(reconciler: Reconciler<P>) -> Self {
        let (jobs, inbox) = mpsc::channel(1);
        let (reports, done) = mpsc::channel(1);
        let task = tokio::spawn(work(reconciler, inbox, reports));
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
        self.busy = false;
        done
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
    mut jobs: mpsc::Receiver<Job>,
    reports: mpsc::Sender<Done>,
) {
    while let Some(job) = jobs.recv().await {
        let done = match job {
            Job::Apply { services, sync } => Done::Applied {
                services: bounded(reconciler.services_changed(services)).await,
                sync: match sync {
                    Some(daemons) => Some(bounded(reconciler.set_sync_daemons(&daemons)).await),
                    None => None,
                },
            },
            Job::Audit => Done::Audited(bounded(reconciler.audit_one()).await),
            Job::Stop => Done::Stopped(bounded(reconciler.stop()).await),
        };
        if reports.send(done).await.is_err() {
            return;
        }
    }
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
