// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters of the scheduler.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{LocalError, Outcome, Reason, Verdict};

/// A probe that starts later than this after its planned time is counted as late.
const LATE: Duration = Duration::from_millis(100);

/// Counters of a scheduler since its start, and two gauges.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SchedulerStats {
    /// Probes started.
    pub started: u64,
    /// Probes that passed.
    pub passed: u64,
    /// Probes that failed; includes [`timed_out`](Self::timed_out).
    pub failed: u64,
    /// Probes ended by the scheduler at their deadline.
    pub timed_out: u64,
    /// Probes that could not be made ([`Verdict::Local`]); includes
    /// [`panicked`](Self::panicked).
    pub local: u64,
    /// Checks that panicked.
    pub panicked: u64,
    /// Times of a fixed-rate schedule passed over because the probe before was still running, or
    /// because an event of a subscriber had not been received.
    pub skipped: u64,
    /// Probes started more than 100 ms after their planned time.
    pub late: u64,
    /// Probes that start a program, started more than 100 ms after their planned time, because
    /// [`max_programs`](crate::SchedulerOptions::max_programs) of them were running or for another reason;
    /// [`late`](Self::late) includes them.
    pub late_programs: u64,
    /// [`CheckEvent::Attempt`](crate::CheckEvent::Attempt)s lost because the channel was full.
    pub attempts_lost: u64,
    /// Gauge: subscriptions.
    pub subscriptions: u64,
    /// Gauge: distinct probes behind them.
    pub probes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    started: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    local: AtomicU64,
    panicked: AtomicU64,
    skipped: AtomicU64,
    late: AtomicU64,
    late_programs: AtomicU64,
    attempts_lost: AtomicU64,
    subscriptions: AtomicU64,
    probes: AtomicU64,
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    pub(super) fn probe_started(&self, lateness: Duration) {
        add(&self.started, 1);
        if lateness > LATE {
            add(&self.late, 1);
        }
    }

    /// Counts the start of a probe that starts a program; true if it is late.
    pub(super) fn program_started(&self, lateness: Duration) -> bool {
        let is_late = lateness > LATE;
        if is_late {
            add(&self.late_programs, 1);
        }
        is_late
    }

    pub(super) fn probe_ended(&self, outcome: &Outcome) {
        match &outcome.verdict {
            Verdict::Pass => add(&self.passed, 1),
            Verdict::Fail(reason) => {
                add(&self.failed, 1);
                if *reason == Reason::Timeout {
                    add(&self.timed_out, 1);
                }
            }
            Verdict::Local(error) => {
                add(&self.local, 1);
                if matches!(error, LocalError::Panicked { .. }) {
                    add(&self.panicked, 1);
                }
            }
        }
    }

    pub(super) fn skipped(&self, n: u64) {
        add(&self.skipped, n);
    }

    pub(super) fn attempt_lost(&self) {
        add(&self.attempts_lost, 1);
    }

    pub(super) fn sizes(&self, subscriptions: usize, probes: usize) {
        let as_u64 = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.subscriptions
            .store(as_u64(subscriptions), Ordering::Relaxed);
        self.probes.store(as_u64(probes), Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> SchedulerStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SchedulerStats {
            started: read(&self.started),
            passed: read(&self.passed),
            failed: read(&self.failed),
            timed_out: read(&self.timed_out),
            local: read(&self.local),
            panicked: read(&self.panicked),
            skipped: read(&self.skipped),
            late: read(&self.late),
            late_programs: read(&self.late_programs),
            attempts_lost: read(&self.attempts_lost),
            subscriptions: read(&self.subscriptions),
            probes: read(&self.probes),
        }
    }
}
