// SPDX-License-Identifier: MIT OR Apache-2.0
//! The master crashes: how much later than by the protocol does the other one advertise, and how
//! long after that does it announce the address?

use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::net::Packet;
use tests_kernel::process::pause;

use crate::pair::{DEADLINE, Pair, ROUTERS, VIP, advert};
use crate::progress::Progress;
use crate::report::{Report, Sample, between};
use crate::witness::{Testimony, Witnesses};
use crate::{Extent, Outcome};

/// By when the second router advertises after theory, and announces the address after that; of 99
/// runs in 100 in which the processors were there.
const BUDGET: Duration = Duration::from_millis(1);
/// With more disturbed runs than one in this many, the remaining runs are not conclusive.
const MOST_DISTURBED: usize = 4;
/// What a router does with an advertisement before it sleeps again.
const RECEIVING: Duration = Duration::from_millis(1);

/// One interval.
struct Case {
    interval: Duration,
    /// Which part of the runs it gets, as a divisor.
    share: u32,
    /// Pairs of each program side by side, where a run is mostly waiting.
    lanes: u32,
    /// Advertisements of the first router alone until it is taken for master.
    adverts: usize,
}

const CASES: [Case; 3] = [
    Case {
        interval: Duration::from_millis(10),
        share: 1,
        lanes: 1,
        adverts: 5,
    },
    Case {
        interval: Duration::from_millis(50),
        share: 3,
        lanes: 1,
        adverts: 3,
    },
    Case {
        interval: Duration::from_secs(1),
        share: 10,
        lanes: 5,
        adverts: 2,
    },
];

/// A takeover as it was seen.
struct Takeover {
    /// The last advertisement of the first router.
    last: Duration,
    /// When the second one should advertise.
    theory: Duration,
    /// When it did.
    first: Duration,
    /// Its first gratuitous ARP after that.
    announced: Duration,
}

impl Takeover {
    /// Whether a processor was away when the second router had something to do.
    fn is_disturbed(&self, testimony: &Testimony) -> bool {
        let away = |from, to| testimony.speaks_against(from, to);
        away(self.last, self.last + RECEIVING) || away(self.theory, self.announced)
    }
}

/// What the runs of one program came to.
#[derive(Default)]
struct Runs {
    takeovers: Vec<Takeover>,
    /// Runs in which the second router advertised before the first one crashed.
    early: usize,
}

impl Runs {
    /// The runs in which no processor was absent between crash and takeover; all runs if the
    /// witnesses do not count.
    fn undisturbed(&self, testimony: &Testimony) -> Figures {
        let takeovers = self.takeovers.iter();
        Figures::collect(
            takeovers.filter(|takeover| !testimony.counts() || !takeover.is_disturbed(testimony)),
        )
    }
}

/// How late the second router was.
#[derive(Default)]
struct Figures {
    advert: Sample,
    announcement: Sample,
}

impl Figures {
    fn collect<'a>(takeovers: impl Iterator<Item = &'a Takeover>) -> Self {
        let mut figures = Self::default();
        for takeover in takeovers {
            let late = between(takeover.theory, takeover.first);
            figures.advert.push(late);
            let after = between(takeover.first, takeover.announced);
            figures.announcement.push(after);
        }
        figures
    }
}

/// Measures each interval, keepalived and ours in turn.
pub(crate) fn bench(extent: Extent, report: &mut Report) -> Outcome {
    report.table(
        "Failover after a crash, VRRPv3 over IPv4; median / p99 / max in ms",
        "interval | program | runs | theory | first advert after theory | gratuitous ARP after \
         that | takeovers before the crash",
    );
    for case in &CASES {
        let runs = (extent.runs / case.share).max(1);
        measure(case, runs.div_ceil(case.lanes), report)?;
    }
    Ok(())
}

fn measure(case: &Case, rounds: u32, report: &mut Report) -> Outcome {
    let programs = [Software::Keepalived, Software::Lbctl];
    let mut runs = [Runs::default(), Runs::default()];
    let mut pairs: [Vec<Pair>; 2] = [Vec::new(), Vec::new()];
    for (pairs, software) in pairs.iter_mut().zip(programs) {
        for _ in 0..case.lanes {
            let mut pair = Pair::new(software, case.interval, "")?;
            pair.routers[1].start()?;
            pairs.push(pair);
        }
    }
    let mut progress = Progress::new(format!("rounds at {:?}", case.interval), rounds);
    let witnesses = Witnesses::start()?;
    for round in 0..rounds {
        for (pairs, runs) in pairs.iter_mut().zip(&mut runs) {
            run(pairs, case, round, runs)?;
        }
        progress.step();
    }
    let testimony = witnesses.stop()?;
    if !testimony.counts() {
        report.note("no thread may watch the processors in real time: all runs count");
    }
    for ((runs, software), pairs) in runs.iter().zip(programs).zip(&pairs) {
        let theory = pairs.first().map(Pair::master_down).unwrap_or_default();
        let mut row = |which: &str, figures: &Figures| {
            report.row(&format!(
                "{:?} | {software}{which} | {} | {:.3} | {} | {} | {}",
                case.interval,
                figures.advert.count(),
                theory.as_secs_f64() * 1000.0,
                figures.advert,
                figures.announcement,
                runs.early,
            ));
        };
        let undisturbed = runs.undisturbed(&testimony);
        row("", &Figures::collect(runs.takeovers.iter()));
        row(", undisturbed", &undisturbed);
        if software == Software::Lbctl {
            judge(case, runs, &undisturbed, report);
        }
    }
    Ok(())
}

/// Whether ours keeps to the budgets.
fn judge(case: &Case, all: &Runs, undisturbed: &Figures, report: &mut Report) {
    let Figures {
        advert,
        announcement,
    } = undisturbed;
    let runs = all.takeovers.len();
    let disturbed = runs - advert.count();
    let enough = disturbed * MOST_DISTURBED <= runs;
    let without = format!("{disturbed} of {runs} runs disturbed");
    report.budget(
        &format!(
            "failover at {:?}: first advert within theory + 1 ms at p99, no takeover before",
            case.interval
        ),
        advert.p99_within(BUDGET) && all.early == 0 && enough,
        &format!("{advert} ms, {} takeovers, {without}", all.early),
    );
    report.budget(
        &format!(
            "failover at {:?}: gratuitous ARP within 1 ms of it at p99",
            case.interval
        ),
        announcement.p99_within(BUDGET) && enough,
        &format!("{announcement} ms, {without}"),
    );
}

/// Starts the first routers, waits until they are masters and their processes at rest, crashes
/// them, and looks at what was on the wire.
fn run(pairs: &mut [Pair], case: &Case, round: u32, runs: &mut Runs) -> Outcome {
    for pair in pairs.iter_mut() {
        pair.observer.clear();
        pair.routers[0].start()?;
    }
    for pair in pairs.iter_mut() {
        pair.wait_for_first(case.adverts)?;
        pair.observer.clear();
    }
    for pair in pairs.iter() {
        // The observer then holds an advert without a longer search.
        pair.wait_for_first(1)?;
    }
    pause(REST);
    for pair in pairs.iter_mut() {
        // Another moment of the interval each time.
        let phase = round * 7 % 16;
        pause(case.interval.min(REST) * phase / 16);
        pair.routers[0].crash()?;
        pair.routers[0].forget_process_ids()?;
    }
    for pair in pairs.iter_mut() {
        look(pair, runs)?;
    }
    Ok(())
}

/// For a process that has just become master.
const REST: Duration = Duration::from_millis(150);

fn look(pair: &Pair, runs: &mut Runs) -> Outcome {
    let found = pair.observer.wait(DEADLINE, |seen| {
        let adverts = || seen.iter().filter_map(advert);
        let (last, _) = adverts().rfind(|(_, router)| *router == 0)?;
        let (first, _) = adverts().find(|(at, router)| *router == 1 && *at > last)?;
        let announced = seen.iter().find_map(|seen| match &seen.packet {
            Packet::Arp(arp) if arp.is_gratuitous() && arp.sender == VIP && seen.at > first => {
                Some(seen.at)
            }
            _ => None,
        })?;
        let early = adverts().any(|(at, router)| router == 1 && at < last);
        Some((last, first, announced, early))
    });
    let (last, first, announced, early) =
        found.ok_or_else(|| format!("{} did not take over from {}", ROUTERS[1], ROUTERS[0]))?;
    if early {
        runs.early += 1;
        return Ok(());
    }
    runs.takeovers.push(Takeover {
        last,
        theory: last + pair.master_down(),
        first,
        announced,
    });
    Ok(())
}
