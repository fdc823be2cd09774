// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the daemon says about the data plane and about errors.

use std::error::Error;

use crate::dataplane::{Report, SyncReport};

use super::plane::Done;
use super::source::SourceError;

/// Logs what came of a job.
pub(super) fn log_done(done: Done) {
    let report = match done {
        Done::Applied { services, sync } => {
            match sync {
                Some(Ok(report)) => log_sync(&report),
                Some(Err(error)) => tracing::error!("sync daemons: {}", chain(&error)),
                None => {}
            }
            services
        }
        Done::Audited(Ok(Some(audit))) => Ok(audit.report),
        Done::Audited(Ok(None)) => return,
        Done::Audited(Err(error)) => Err(error),
        Done::Stopped(report) => report,
    };
    match report {
        Ok(report) => log_report(&report),
        Err(error) => tracing::error!("data plane: {}", chain(&error)),
    }
}

/// Logs what was found, failed and changed in the data plane.
pub(super) fn log_report(report: &Report) {
    for note in &report.notes {
        tracing::warn!("{note}");
    }
    for failure in &report.failed {
        tracing::error!("{}", chain(failure));
    }
    if let Some(error) = &report.ledger {
        tracing::error!("ownership ledger: {}", chain(error));
    }
    for change in &report.applied {
        tracing::debug!("{change}");
    }
    if let Some(sync) = &report.sync {
        log_sync(sync);
    }
}

fn log_sync(report: &SyncReport) {
    for daemon in &report.started {
        let (interface, id) = (&daemon.interface, daemon.sync_id);
        tracing::info!(
            "started {} sync daemon on {interface}, sync id {id}",
            daemon.state
        );
    }
    for state in &report.stopped {
        tracing::info!("stopped {state} sync daemon");
    }
    for error in &report.failed {
        tracing::error!("{}", chain(error));
    }
    if let Some(error) = &report.ledger {
        tracing::error!("ownership ledger: {}", chain(error));
    }
}

/// The findings that keep a configuration from being used, one line each.
pub(super) fn findings_of(error: &SourceError) -> Vec<String> {
    match error {
        SourceError::Invalid { diagnostics, .. } => diagnostics
            .iter()
            .map(|finding| diagnostics.line(finding))
            .collect(),
        other => vec![chain(other)],
    }
}

/// An error and what is behind it, joined as `lbctl` prints them.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
