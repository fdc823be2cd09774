// SPDX-License-Identifier: MIT OR Apache-2.0
//! Log messages of the daemon about the data plane and about errors.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use tokio::time::Instant;

use crate::dataplane::{SyncReport, TableReport};

use super::plane::Done;
use super::source::SourceError;

/// Time until a failure is logged again. A service that cannot be made as desired is tried again at
/// each audit.
const REMINDER: Duration = Duration::from_secs(60);

/// Failures that were logged within [`REMINDER`].
#[derive(Debug, Default)]
pub(super) struct LoggedFailures(BTreeMap<String, Instant>);

impl LoggedFailures {
    fn is_news(&mut self, failure: &str, now: Instant) -> bool {
        self.0.retain(|_, at| now.duration_since(*at) < REMINDER);
        if self.0.contains_key(failure) {
            return false;
        }
        self.0.insert(failure.to_owned(), now);
        true
    }
}

/// Logs the outcome of a job.
pub(super) fn log_done(done: Done, logged: &mut LoggedFailures) {
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
        Done::Audited(Ok(None)) | Done::Read(_) => return,
        Done::Audited(Err(error)) => Err(error),
        Done::Stopped(report) => report,
    };
    match report {
        Ok(report) => log_report(&report, logged),
        Err(error) => tracing::error!("data plane: {}", chain(&error)),
    }
}

/// Logs notes, failures and changes of the data plane.
pub(super) fn log_report(report: &TableReport, logged: &mut LoggedFailures) {
    for note in &report.notes {
        tracing::warn!("{note}");
    }
    for failure in &report.failed {
        let failure = chain(failure);
        if logged.is_news(&failure, Instant::now()) {
            tracing::error!("{failure}");
        }
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

/// The findings because of which a configuration is refused, one line each.
pub(super) fn findings_of(error: &SourceError) -> Vec<String> {
    match error {
        SourceError::Invalid { diagnostics, .. } => diagnostics
            .iter()
            .map(|finding| diagnostics.line(finding))
            .collect(),
        other => vec![chain(other)],
    }
}

/// An error and its sources, joined as `lbctl` prints them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_is_logged_once_a_minute() {
        let (mut logged, begin) = (LoggedFailures::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(logged.is_news("a", begin));
        assert!(logged.is_news("b", after(30)));
        assert!(!logged.is_news("a", after(59)));
        assert!(logged.is_news("a", after(60)));
        assert!(!logged.is_news("b", after(89)));
    }
}
