// SPDX-License-Identifier: MIT OR Apache-2.0
//! All processors are busy: does the second router take over from a master that lives?

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::process::pause;

use crate::Outcome;
use crate::pair::{Pair, advert};
use crate::report::{Report, Sample, between};

const INTERVAL: Duration = Duration::from_millis(10);
/// Each program has so many rounds of so long.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_secs(20);
/// Busy threads for each processor.
const HOGS: usize = 6;

/// A program as it is set up.
#[derive(Clone, Copy)]
struct Setup {
    software: Software,
    /// keepalived has `SCHED_RR` only where its file says so.
    global: &'static str,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.software)?;
        if !self.global.is_empty() {
            write!(f, ", `{}`", self.global)?;
        }
        Ok(())
    }
}

const SETUPS: [Setup; 3] = [
    Setup {
        software: Software::Keepalived,
        global: "",
    },
    Setup {
        software: Software::Keepalived,
        global: "vrrp_rt_priority 50",
    },
    Setup {
        software: Software::Lbctl,
        global: "",
    },
];

#[derive(Default)]
struct Figures {
    takeovers: usize,
    /// From one advertisement of the first router to its next.
    gaps: Sample,
}

/// Counts takeovers under load, in turn.
pub(crate) fn bench(report: &mut Report) -> Outcome {
    let hogs = thread::available_parallelism()?.get() * HOGS;
    report.table(
        &format!(
            "{hogs} busy threads beside a pair at 10 ms, {:?} each, no failure; gaps between the \
             master's adverts: median / p99 / max in ms",
            ROUND * ROUNDS
        ),
        "program | takeovers | gaps",
    );
    let mut figures: [Figures; SETUPS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for (setup, figures) in SETUPS.iter().zip(&mut figures) {
            round(*setup, hogs, figures)?;
        }
    }
    for (setup, figures) in SETUPS.iter().zip(&figures) {
        report.row(&format!(
            "{setup} | {} | {}",
            figures.takeovers, figures.gaps
        ));
    }
    Ok(())
}

fn round(setup: Setup, hogs: usize, figures: &mut Figures) -> Outcome {
    let mut pair = Pair::new(setup.software, INTERVAL, setup.global)?;
    for router in &mut pair.routers {
        router.start()?;
    }
    pair.wait_for_first(50)?;
    let hogs = Hogs::start(hogs);
    pair.observer.clear();
    pause(ROUND);
    let seen = pair.observer.seen();
    drop(hogs);

    let adverts: Vec<(Duration, usize)> = seen.iter().filter_map(advert).collect();
    let changes = adverts.windows(2);
    let takeovers = changes.filter(|pair| matches!(pair, [(_, 0), (_, 1)]));
    figures.takeovers += takeovers.count();
    let own: Vec<Duration> = adverts
        .iter()
        .filter(|(_, of)| *of == 0)
        .map(|(at, _)| *at)
        .collect();
    figures
        .gaps
        .extend(own.windows(2).filter_map(|gap| match gap {
            [from, to] => Some(between(*from, *to)),
            _ => None,
        }));
    Ok(())
}

/// Threads that do nothing, all the time, until dropped.
struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Hogs {
    fn start(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let hog = |_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        };
        let threads = (0..count).map(hog).collect();
        Self { stop, threads }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
