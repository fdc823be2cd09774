// SPDX-License-Identifier: MIT OR Apache-2.0
//! `vrrp_bench [--runs N] [--only PART]`: VRRP at short intervals, Debian's keepalived and `lbctl`
//! in turn, in namespaces of the host's kernel, seen by a third host that takes the kernel's time
//! stamps. Prints Markdown.
//!
//! The guest kernel ticks at 100 Hz and has no `SCHED_RR` to speak of; so this one runs outside,
//! in network and mount namespaces of its own (`cargo xtask bench --only vrrp` makes them), and
//! with `SCHED_RR` only where that is allowed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports"
)]

mod failover;
mod load;
mod pair;
mod reload;
mod report;
mod scale;

use std::error::Error;

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
    /// The file changes.
    Reload,
}

impl Part {
    const ALL: [(&'static str, Self); 4] = [
        ("failover", Self::Failover),
        ("load", Self::Load),
        ("scale", Self::Scale),
        ("reload", Self::Reload),
    ];
}

fn main() -> Outcome {
    let mut runs = 100;
    let mut parts = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next()) {
            ("--runs", Some(count)) => runs = count.parse()?,
            ("--only", Some(name)) => {
                let part = Part::ALL.iter().find(|(of, _)| *of == name);
                parts.push(part.ok_or_else(|| format!("no part {name}"))?.1);
            }
            _ => return Err("usage: vrrp_bench [--runs N] [--only PART]…".into()),
        }
    }
    let mut report = Report::default();
    for (name, part) in Part::ALL {
        if !parts.is_empty() && !parts.contains(&part) {
            continue;
        }
        eprintln!("---- {name}");
        match part {
            Part::Failover => failover::bench(runs, &mut report)?,
            Part::Load => load::bench(&mut report)?,
            Part::Scale => scale::bench(&mut report)?,
            Part::Reload => reload::bench(&mut report)?,
        }
    }
    println!("{report}");
    Ok(())
}
