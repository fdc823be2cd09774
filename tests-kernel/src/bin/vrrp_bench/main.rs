// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_bench [--quick] [--runs N] [--only PART]…`: VRRP at short intervals, Debian's keepalived and
//! `lbctl` in turn, in namespaces of the host's kernel, seen by a third host that takes the kernel's
//! time stamps. Prints Markdown, and which budgets are met.
//!
//! N is the number of failovers at 10 ms; there is a third of it at 50 ms, a tenth at 1 s. `--quick`
//! is a short look at everything: its percentiles mean little.
//!
//! The guest kernel ticks at 100 Hz and has no `SCHED_RR` to speak of; so this one runs outside,
//! in network and mount namespaces of its own (`cargo xtask bench --only vrrp` makes them), and
//! with `SCHED_RR` only where that is allowed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports"
)]

mod daemons;
mod failover;
mod load;
mod machine;
mod pair;
mod progress;
mod reload;
mod report;
mod scale;
mod witness;

use std::error::Error;
use std::time::Instant;

use machine::Ticks;
use report::Report;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The master crashes.
    Failover,
    /// The processors are busy.
    Load,
    /// Many virtual routers.
    Scale,
    /// Many daemons.
    Daemons,
    /// The file changes.
    Reload,
}

impl Part {
    const ALL: [(&'static str, Self); 5] = [
        ("failover", Self::Failover),
        ("load", Self::Load),
        ("scale", Self::Scale),
        ("daemons", Self::Daemons),
        ("reload", Self::Reload),
    ];
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Failovers at the shortest interval.
    runs: u32,
    quick: bool,
}

const RUNS: u32 = 300;
const QUICK_RUNS: u32 = 20;

fn main() -> Outcome {
    let (mut runs, mut quick) = (None, false);
    let mut parts = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--runs" => runs = Some(value(&mut arguments)?.parse()?),
            "--only" => {
                let name = value(&mut arguments)?;
                let part = Part::ALL.iter().find(|(known, _)| *known == name);
                parts.push(part.ok_or_else(|| format!("no part {name}"))?.1);
            }
            _ => return Err(USAGE.into()),
        }
    }
    let usual = if quick { QUICK_RUNS } else { RUNS };
    let runs = runs.unwrap_or(usual);
    let extent = Extent { runs, quick };
    // Without it the development build would be measured.
    let lbctl = std::env::var("LBCTL").map_err(|_| {
        "LBCTL is to name the release build of lbctl, as `cargo xtask bench --only vrrp` has it"
    })?;
    let mut report = Report::default();
    report.note(&format!("measured: {lbctl}"));
    for (name, part) in Part::ALL {
        if !parts.is_empty() && !parts.contains(&part) {
            continue;
        }
        eprintln!("---- {name}");
        let before = machine::lateness();
        let (begin, ticks) = (Instant::now(), Ticks::now()?);
        match part {
            Part::Failover => failover::bench(extent, &mut report)?,
            Part::Load => load::bench(extent, &mut report)?,
            Part::Scale => scale::bench(extent, &mut report)?,
            Part::Daemons => daemons::bench(extent, &mut report)?,
            Part::Reload => reload::bench(extent, &mut report)?,
        }
        let stolen = Ticks::now()?.stolen_since(ticks);
        let took = begin.elapsed().as_secs();
        let after = machine::lateness();
        report.note(&format!(
            "{name}: {took} s, {stolen:.1} % of the processors stolen; a thread that only slept was \
             late by {before} ms before and {after} ms after it"
        ));
    }
    println!("{report}");
    Ok(())
}

const USAGE: &str =
    "usage: vrrp_bench [--quick] [--runs N] [--only failover|load|scale|daemons|reload]…";

fn value(arguments: &mut impl Iterator<Item = String>) -> Outcome<String> {
    Ok(arguments.next().ok_or(USAGE)?)
}
