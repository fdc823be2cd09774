// SPDX-License-Identifier: MIT OR Apache-2.0
//! `checks_bench [--quick]`: the CPU time of a check, Debian's keepalived and lb-check in turn, on the host's
//! kernel, the server on another processor. Prints Markdown, and which budgets are met.
//!
//! The host's kernel need not have IPVS: keepalived's requests to it succeed at once (`ipvs_stub.c`), and
//! lb-check is measured without a daemon. Memory beside keepalived is the matter of `director_bench`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports"
)]

mod case;
mod keepalived;
mod prober;
mod report;
mod server;

use std::error::Error;
use std::time::Duration;

use tests_kernel::net::Netns;

use case::{Case, Program};
use report::Report;
use server::{Kind, Server};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The processor of the programs that check, and that of the server and of all else.
const CHECKING: usize = 0;
const SERVING: usize = 1;

const CASES: [Case; 4] = [
    Case::new(Kind::Tcp, 1000, 0.5),
    Case::new(Kind::Tcp, 5000, 0.5),
    Case::new(Kind::Http, 1000, 0.6),
    Case::new(Kind::Https, 200, 0.8),
];
const WINDOW: Duration = Duration::from_secs(15);
const QUICK: Duration = Duration::from_secs(5);
const ROUNDS: usize = 3;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let (mut window, mut rounds) = (WINDOW, ROUNDS);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => (window, rounds) = (QUICK, 1),
            "--rounds" => rounds = arguments.next().ok_or(USAGE)?.parse()?,
            // The program calls itself: what is measured is a process of its own.
            "--prober" => return prober::run(arguments),
            _ => return Err(USAGE.into()),
        }
    }
    case::pin_to(SERVING)?;
    let netns = Netns::new("checks")?;
    let mut report = Report::default();
    for case in CASES {
        let server = Server::start(&netns, case.kind)?;
        let mut found: [Vec<_>; 2] = Default::default();
        for round in 1..=rounds {
            for (found, program) in found.iter_mut().zip(Program::ALL) {
                let one = case.measure(program, &netns, &server, window)?;
                eprintln!("{case}, {program}, round {round}: {one:?}");
                found.push(one);
            }
        }
        let [theirs, ours] = found;
        report.add(&case, theirs, ours);
    }
    report.add_replacement(&prober::replace()?);
    println!("{report}");
    Ok(())
}

const USAGE: &str = "usage: checks_bench [--quick] [--rounds N]";
