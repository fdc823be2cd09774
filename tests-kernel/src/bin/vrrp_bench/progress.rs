// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far the bench is, for whoever waits for it.

use std::time::{Duration, Instant};

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(10);

/// How far something is that is done a number of times.
pub(crate) struct Progress {
    what: String,
    total: u32,
    done: u32,
    begin: Instant,
    told: Instant,
}

impl Progress {
    pub(crate) fn new(what: impl Into<String>, total: u32) -> Self {
        let begin = Instant::now();
        Self {
            what: what.into(),
            total,
            done: 0,
            begin,
            told: begin,
        }
    }

    /// One more is done; tells so now and then, and at the end.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if self.done < self.total && now - self.told < PAUSE {
            return;
        }
        self.told = now;
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
