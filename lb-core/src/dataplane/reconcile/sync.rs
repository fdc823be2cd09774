// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sync daemons: the same idea as for services, with at most one of each state.

use lb_ipvs::{SyncDaemon, SyncState};

use super::super::{DataPlane, DataPlaneError};
use super::{ESRCH, TableReconciler, keep_first};
use crate::ledger::LedgerError;

/// What [`TableReconciler::set_sync_daemons`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SyncReport {
    /// Daemons that were started.
    pub started: Vec<SyncDaemon>,
    /// Daemons that were stopped.
    pub stopped: Vec<SyncState>,
    /// What could not be done.
    pub failed: Vec<DataPlaneError>,
    /// The ledger could not be written; the daemons were started and stopped all the same.
    pub ledger: Option<LedgerError>,
}

impl<P: DataPlane> TableReconciler<P> {
    /// Makes the sync daemons as desired: at most one of each state. Starts before it stops. A daemon
    /// that was started externally stays, unless one of its state is desired with other settings.
    ///
    /// # Errors
    /// When the running daemons cannot be read. What is refused is in the report.
    pub async fn set_sync_daemons(
        &mut self,
        desired: &[SyncDaemon],
    ) -> Result<SyncReport, DataPlaneError> {
        let mut report = SyncReport::default();
        if !self.plane.capabilities().sync_daemons {
            return Ok(report);
        }
        let running = self.plane.sync_daemons().await?;
        let owned = self.ledger.sync_daemons().to_vec();
        let wanted: Vec<SyncState> = desired.iter().map(|daemon| daemon.state).collect();
        let gone: Vec<SyncState> = owned
            .iter()
            .filter(|state| !wanted.contains(state))
            .copied()
            .collect();
        let intent: Vec<SyncState> = wanted.iter().chain(&gone).copied().collect();
        keep_first(&mut report.ledger, self.ledger.record_sync_daemons(&intent));

        for daemon in desired {
            match running.iter().find(|running| running.state == daemon.state) {
                Some(running) if running.satisfies(daemon) => continue,
                Some(_) if !self.stop_daemon(daemon.state, &mut report).await => continue,
                _ => {}
            }
            match self.plane.start_sync_daemon(daemon).await {
                Ok(()) => report.started.push(daemon.clone()),
                Err(error) => report.failed.push(error),
            }
        }
        let mut settled = wanted;
        for state in gone {
            let runs = running.iter().any(|running| running.state == state);
            if runs && !self.stop_daemon(state, &mut report).await {
                settled.push(state);
            }
        }
        keep_first(
            &mut report.ledger,
            self.ledger.record_sync_daemons(&settled),
        );
        Ok(report)
    }

    /// Whether none of this state runs afterwards.
    async fn stop_daemon(&mut self, state: SyncState, report: &mut SyncReport) -> bool {
        match self.plane.stop_sync_daemon(state).await {
            Ok(()) => report.stopped.push(state),
            Err(error) if error.errno() == Some(ESRCH) => {}
            Err(error) => {
                report.failed.push(error);
                return false;
            }
        }
        true
    }
}
