// SPDX-License-Identifier: MIT OR Apache-2.0
//! The master crashes: how much later than the protocol says does the other one advertise, and how
//! long after that does it announce the address?

use std::time::Duration;

use tests_kernel::cluster::Software;
use tests_kernel::net::Packet;
use tests_kernel::process::pause;

use crate::pair::{DEADLINE, Pair, ROUTERS, VIP, advert};
use crate::progress::Progress;
use crate::report::{Report, Sample, between};
use crate::{Extent, Outcome};

/// By when the second router advertises after theory, and announces the address after that; of 99
/// runs in 100.
const BUDGET: Duration = Duration::from_millis(1);

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

/// What the runs of one program came to.
#[derive(Default)]
struct Figures {
    late: Sample,
    announced: Sample,
    /// Runs in which the second router advertised before the first one crashed.
    early: usize,
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
    let mut figures = [Figures::default(), Figures::default()];
    let mut pairs: [Vec<Pair>; 2] = [Vec::new(), Vec::new()];
    for (pairs, software) in pairs.iter_mut().zip(programs) {
        for _ in 0..case.lanes {
            let mut pair = Pair::new(software, case.interval, "")?;
            pair.routers[1].start()?;
            pairs.push(pair);
        }
    }
    let mut progress = Progress::new(format!("rounds at {:?}", case.interval), rounds);
    for round in 0..rounds {
        for (pairs, figures) in pairs.iter_mut().zip(&mut figures) {
            run(pairs, case, round, figures)?;
        }
        progress.step();
    }
    for (figures, (software, pairs)) in figures.iter().zip(programs.iter().zip(&pairs)) {
        let theory = pairs.first().map(Pair::master_down).unwrap_or_default();
        report.row(&format!(
            "{:?} | {software} | {} | {:.3} | {} | {} | {}",
            case.interval,
            figures.late.count(),
            theory.as_secs_f64() * 1000.0,
            figures.late,
            figures.announced,
            figures.early,
        ));
    }
    let [_, ours] = &figures;
    report.budget(
        &format!(
            "failover at {:?}: first advert within theory + 1 ms at p99, no takeover before",
            case.interval
        ),
        ours.late.p99_within(BUDGET) && ours.early == 0,
        &format!("{} ms, {} takeovers", ours.late, ours.early),
    );
    report.budget(
        &format!(
            "failover at {:?}: gratuitous ARP within 1 ms of it at p99",
            case.interval
        ),
        ours.announced.p99_within(BUDGET),
        &format!("{} ms", ours.announced),
    );
    Ok(())
}

/// Starts the first routers, waits until they are masters and their processes at rest, crashes
/// them, and looks at what was on the wire.
fn run(pairs: &mut [Pair], case: &Case, round: u32, figures: &mut Figures) -> Outcome {
    for pair in pairs.iter_mut() {
        pair.observer.clear();
        pair.routers[0].start()?;
    }
    for pair in pairs.iter_mut() {
        pair.wait_for_first(case.adverts)?;
        pair.observer.clear();
    }
    for pair in pairs.iter() {
        // One that nobody has to look further back for.
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
        look(pair, figures)?;
    }
    Ok(())
}

/// For a process that has just become master.
const REST: Duration = Duration::from_millis(150);

fn look(pair: &Pair, figures: &mut Figures) -> Outcome {
    let found = pair.observer.wait(DEADLINE, |seen| {
        let adverts = || seen.iter().filter_map(advert);
        let (last, _) = adverts().rfind(|(_, of)| *of == 0)?;
        let (first, _) = adverts().find(|(at, of)| *of == 1 && *at > last)?;
        let announced = seen.iter().find_map(|seen| match &seen.packet {
            Packet::Arp(arp) if arp.is_gratuitous() && arp.sender == VIP && seen.at > first => {
                Some(seen.at)
            }
            _ => None,
        })?;
        let early = adverts().any(|(at, of)| of == 1 && at < last);
        Some((last, first, announced, early))
    });
    let (last, first, announced, early) =
        found.ok_or_else(|| format!("{} did not take over from {}", ROUTERS[1], ROUTERS[0]))?;
    if early {
        figures.early += 1;
        return Ok(());
    }
    let theory = last + pair.master_down();
    figures.late.push(between(theory, first));
    figures.announced.push(between(first, announced));
    Ok(())
}
