// SPDX-License-Identifier: MIT OR Apache-2.0
//! All processors are busy: does the second router take over from a master that lives?

use std::fmt;
use std::thread;
use std::time::Duration;

use testbed::Hogs;
use tests_kernel::cluster::Software;
use tests_kernel::process::pause;

use crate::pair::{Pair, advert};
use crate::progress::Progress;
use crate::report::{Report, Sample, between};
use crate::{Extent, Outcome};

const INTERVAL: Duration = Duration::from_millis(10);
/// Each program has so long.
const WINDOW: Duration = Duration::from_secs(60);
const QUICK_WINDOW: Duration = Duration::from_secs(10);
/// Busy threads for each processor.
const HOGS: usize = 6;

/// A program as it is set up.
#[derive(Clone, Copy)]
struct Setup {
    software: Software,
    /// keepalived has `SCHED_RR` only where its file asks for it.
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

struct Figures {
    takeovers: usize,
    /// From one advertisement of the first router to its next.
    gaps: Sample,
}

/// Counts takeovers under load, one program after the other.
pub(crate) fn bench(extent: Extent, report: &mut Report) -> Outcome {
    let window = if extent.quick { QUICK_WINDOW } else { WINDOW };
    let hogs = thread::available_parallelism()?.get() * HOGS;
    report.table(
        &format!(
            "{hogs} busy threads beside a pair at {INTERVAL:?}, {window:?} each, no failure; gaps \
             between the master's adverts: median / p99 / max in ms"
        ),
        "program | takeovers | gaps",
    );
    let mut progress = Progress::new("programs under load", SETUPS.len().try_into()?);
    for setup in SETUPS {
        let figures = measure(setup, hogs, window)?;
        let Figures { takeovers, gaps } = &figures;
        report.row(&format!("{setup} | {takeovers} | {gaps}"));
        if setup.software == Software::Lbctl {
            report.budget(
                &format!("no false takeover in {window:?} at {INTERVAL:?}, {hogs} busy threads"),
                *takeovers == 0 && gaps.count() > 0,
                &format!("{takeovers} takeovers, gaps {gaps} ms"),
            );
        }
        progress.step();
    }
    Ok(())
}

fn measure(setup: Setup, hogs: usize, window: Duration) -> Outcome<Figures> {
    let mut pair = Pair::new(setup.software, INTERVAL, setup.global)?;
    for router in &mut pair.routers {
        router.start()?;
    }
    pair.wait_for_first(50)?;
    let hogs = Hogs::start(hogs);
    pair.observer.clear();
    pause(window);
    let seen = pair.observer.seen();
    drop(hogs);

    let adverts: Vec<(Duration, usize)> = seen.iter().filter_map(advert).collect();
    let changes = adverts.windows(2);
    let takeovers = changes.filter(|pair| matches!(pair, [(_, 0), (_, 1)]));
    let own = adverts.iter().filter(|(_, router)| *router == 0);
    let own: Vec<Duration> = own.map(|(at, _)| *at).collect();
    let mut gaps = Sample::default();
    gaps.extend(own.windows(2).filter_map(|gap| match gap {
        [from, to] => Some(between(*from, *to)),
        _ => None,
    }));
    Ok(Figures {
        takeovers: takeovers.count(),
        gaps,
    })
}
