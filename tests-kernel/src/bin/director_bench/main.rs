// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director_bench [--rounds N] [--quick] [--case N]`: a daemon with thousands of virtual servers, keepalived and
//! `lbctl` in turn, in the same guest: start, memory, a reload with one change, stop. Prints Markdown and
//! leaves it in the directory of the run.

#![expect(clippy::print_stdout, reason = "a program that reports")]

mod case;
mod report;
mod server;

use std::error::Error;
use std::fs;

use tests_kernel::cluster::{Software, results};

use case::{Case, Check, Found};
use report::Report;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const CASES: [Case; 3] = [
    Case {
        virtual_servers: 2_500,
        check: Some(Check::Tcp),
    },
    Case {
        virtual_servers: 2_500,
        check: Some(Check::Http),
    },
    Case {
        virtual_servers: 10_000,
        check: None,
    },
];
/// The cases of `--quick`.
const QUICK: [Case; 3] = [
    Case {
        virtual_servers: 250,
        check: Some(Check::Tcp),
    },
    Case {
        virtual_servers: 250,
        check: Some(Check::Http),
    },
    Case {
        virtual_servers: 1_000,
        check: None,
    },
];
const PROGRAMS: [Software; 2] = [Software::Keepalived, Software::Lbctl];

fn main() -> Outcome {
    let (mut rounds, mut cases) = (1_usize, CASES);
    let mut only = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--case" => only = Some(arguments.next().ok_or(USAGE)?.parse::<usize>()?),
            "--rounds" => rounds = arguments.next().ok_or(USAGE)?.parse()?,
            "--quick" => cases = QUICK,
            _ => return Err(USAGE.into()),
        }
    }
    let mut report = Report::default();
    for (number, case) in cases.into_iter().enumerate() {
        if only.is_some_and(|only| only != number + 1) {
            continue;
        }
        let mut found: [Vec<Found>; 2] = Default::default();
        for round in 1..=rounds {
            for (found, software) in found.iter_mut().zip(PROGRAMS) {
                let one = case.measure(software)?;
                println!("{case}, {software}, round {round}: {one:?}");
                found.push(one);
            }
        }
        let [theirs, ours] = found.map(|found| Found::medians(&found));
        report.add(case, &theirs, &ours);
    }
    println!("---- benches/README.md ----\n{report}");
    fs::write(results().join("director.md"), report.to_string())?;
    Ok(())
}

const USAGE: &str = "usage: director_bench [--rounds N] [--quick] [--case 1|2|3]";
