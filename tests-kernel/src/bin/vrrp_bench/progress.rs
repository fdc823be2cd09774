// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints the progress of the bench.

use std::time::{Duration, Instant};

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// The progress of a task with a known number of steps.
pub(crate) struct Progress {
    what: String,
    total: u32,
    done: u32,
    begin: Instant,
    printed: Instant,
}

impl Progress {
    pub(crate) fn new(what: impl Into<String>, total: u32) -> Self {
        let begin = Instant::now();
        Self {
            what: what.into(),
            total,
            done: 0,
            begin,
            printed: begin,
        }
    }

    /// Counts a step; prints a line every [`PAUSE`] and after the last step.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if self.done < self.total && now - self.printed < PAUSE {
            return;
        }
        self.printed = now;
        let took = now - self.begin;
        let left = took * self.total.saturating_sub(self.done) / self.done;
        eprintln!(
            "{}: {} of {}, {} s, about {} s to go",
            self.what,
            self.done,
            self.total,
            took.as_secs(),
            left.as_secs()
        );
    }
}
