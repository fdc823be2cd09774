// SPDX-License-Identifier: MIT OR Apache-2.0
//! `failover [--runs N] [--only keepalived|lbctl]`: a client's outage when the master goes, with
//! keepalived and with ours in turn, in the same guest. Prints a table and leaves it, with the
//! daemons' logs, in the run's directory.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use tests_kernel::cluster::{Cluster, Failure, Forwarding, Software, measure, results};

const FAILURES: [Failure; 3] = [Failure::Crash, Failure::CutAndCrash, Failure::Stop];

fn main() -> Result<(), Box<dyn Error>> {
    let mut runs = 3;
    let mut software = vec![Software::Keepalived, Software::Lbctl];
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.next().as_deref()) {
            ("--runs", Some(count)) => runs = count.parse()?,
            ("--only", Some("keepalived")) => software = vec![Software::Keepalived],
            ("--only", Some("lbctl")) => software = vec![Software::Lbctl],
            _ => return Err("usage: failover [--runs N] [--only keepalived|lbctl]".into()),
        }
    }
    let mut table = String::from(
        "software    failure             run  outage  failed  silence  takeover  announced  on return (ms)\n",
    );
    print!("{table}");
    for run in 1..=runs {
        for &software in &software {
            let mut cluster =
                Cluster::new([software; 2], Forwarding::DirectRouting, str::to_owned)?;
            cluster.start()?;
            for failure in FAILURES {
                let measured = measure(&mut cluster, failure)?;
                let row = format!(
                    "{:<11} {:<19} {run:>3} {:>7} {:>7} {:>8} {:>9} {:>10} {:>10}\n",
                    software.to_string(),
                    failure.to_string(),
                    millis(measured.outage),
                    measured.failed,
                    millis(measured.silence),
                    millis(measured.takeover),
                    millis(measured.announced),
                    millis(measured.return_outage),
                );
                print!("{row}");
                table.push_str(&row);
                let name = format!("{software}-{failure}-{run}").replace(' ', "_");
                let mut log = measured.log;
                let _ = write!(log, "\n---- {} ----\n", cluster.directors[1].name());
                log.push_str(&cluster.directors[1].log());
                fs::write(results().join(format!("{name}.log")), log)?;
            }
        }
    }
    fs::write(results().join("failover.txt"), table)?;
    Ok(())
}

fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}
