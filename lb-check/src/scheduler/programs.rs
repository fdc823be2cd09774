// SPDX-License-Identifier: MIT OR Apache-2.0
//! The limit of programs that run at the same time.

use std::time::Duration;

use tokio::time::Instant;

/// Time between two messages about delays.
const REPORT_INTERVAL: Duration = Duration::from_secs(600);

/// Counts the programs that run, and reports that they delay others.
#[derive(Debug)]
pub(super) struct Programs {
    limit: usize,
    running: usize,
    reported: Option<Instant>,
}

impl Programs {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            running: 0,
            reported: None,
        }
    }

    /// Whether one more may start.
    pub(super) const fn has_room(&self) -> bool {
        self.running < self.limit
    }

    pub(super) const fn count_start(&mut self) {
        self.running += 1;
    }

    pub(super) const fn count_end(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Logs that programs wait for each other, unless that was logged lately; `waiting` are due.
    pub(super) fn report_delay(&mut self, lateness: Duration, waiting: usize, now: Instant) {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REPORT_INTERVAL;
        if self.reported.is_some_and(is_recent) {
            return;
        }
        self.reported = Some(now);
        tracing::warn!(
            limit = self.limit,
            waiting,
            ?lateness,
            "checks that start programs are late: too many of them are due at the same time"
        );
    }
}
