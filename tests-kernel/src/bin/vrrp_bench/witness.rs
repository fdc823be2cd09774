// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the processors were there at all: threads that only sleep, one on each processor and ahead
//! of what is measured. Where one of them is late, anything would have been.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, gettid};
use tests_kernel::net;
use tests_kernel::process::pause;

use crate::Outcome;

/// From one waking to the next.
const PERIOD: Duration = Duration::from_micros(500);
/// A waking that is later than this is noted.
const LATE: Duration = Duration::from_micros(250);
/// Ahead of `lbctl` (20) and of all of keepalived, under `SCHED_RR`.
const PRIORITY: &str = "60";

/// From when a thread was due until it woke, on the clock that frames are stamped with.
#[derive(Debug, Clone, Copy)]
struct Absence {
    from: Duration,
    to: Duration,
}

/// The threads, as long as they run.
pub(crate) struct Witnesses {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
}

/// By one thread.
struct Seen {
    absences: Vec<Absence>,
    /// Whether it ran ahead of what is measured.
    ahead: bool,
}

impl Witnesses {
    /// Starts them.
    pub(crate) fn start() -> Outcome<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let processors = thread::available_parallelism()?.get();
        let threads = (0..processors).map(|processor| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let ahead = settle_on(processor);
                let absences = watch(&stop);
                Seen { absences, ahead }
            })
        });
        let threads = threads.collect();
        Ok(Self { stop, threads })
    }

    /// Ends them, and takes what they have seen.
    pub(crate) fn stop(self) -> Outcome<Testimony> {
        self.stop.store(true, Ordering::Relaxed);
        let mut testimony = Testimony {
            absences: Vec::new(),
            ahead: true,
        };
        for thread in self.threads {
            let seen = thread.join().map_err(|_| "a witness panicked")?;
            testimony.absences.extend(seen.absences);
            testimony.ahead &= seen.ahead;
        }
        Ok(testimony)
    }
}

/// When a processor was not there.
#[derive(Debug)]
pub(crate) struct Testimony {
    absences: Vec<Absence>,
    ahead: bool,
}

impl Testimony {
    /// Whether that was so at any moment of this span.
    pub(crate) fn speaks_against(&self, from: Duration, to: Duration) -> bool {
        let mut absences = self.absences.iter();
        absences.any(|absence| absence.from <= to && from <= absence.to)
    }

    /// Whether each thread had its processor and `SCHED_RR`: else one may have been late because
    /// of what is measured.
    pub(crate) const fn counts(&self) -> bool {
        self.ahead
    }
}

/// Has the calling thread run on this processor only, ahead of everything else; whether it may.
fn settle_on(processor: usize) -> bool {
    let mut processors = CpuSet::new();
    let own = processors.set(processor);
    let own = own.and_then(|()| sched_setaffinity(Pid::from_raw(0), &processors));
    let ahead = Command::new("chrt")
        .args(["--rr", "--pid", PRIORITY, &gettid().to_string()])
        .output();
    own.is_ok() && ahead.is_ok_and(|output| output.status.success())
}

fn watch(stop: &AtomicBool) -> Vec<Absence> {
    let mut absences = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let due = Instant::now() + PERIOD;
        pause(PERIOD);
        let late = due.elapsed();
        if late > LATE {
            let to = net::now();
            let from = to.saturating_sub(late);
            absences.push(Absence { from, to });
        }
    }
    absences
}
