// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a client goes without answers when the master goes, ours and keepalived's in turn.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::time::Duration;

use tests_kernel::cluster::{
    Cluster, Failure, Forwarding, Measurement, Software, measure, results,
};
use tests_kernel::guest_or_skip;

use crate::wire::{LATE, MASTER_DOWN, SKEW, assert_adverts, assert_silence};
use crate::{TestResult, soak};

const FAILURES: [Failure; 3] = [Failure::Crash, Failure::CutAndCrash, Failure::Stop];
/// By how much the client's outage may be longer than with keepalived.
const THAN_KEEPALIVED: Duration = Duration::from_millis(100);

fn runs(software: Software) -> usize {
    match (soak(), software) {
        (true, _) => 20,
        (false, Software::Lbctl) => 5,
        (false, _) => 3,
    }
}

/// By the protocol the time without a master when it fails right after an advertisement.
fn theory(failure: Failure) -> Duration {
    match failure {
        Failure::Stop => SKEW,
        _ => MASTER_DOWN,
    }
}

#[test]
fn a_client_waits_no_longer_than_the_protocol_and_keepalived_let_it() -> TestResult {
    guest_or_skip!();
    let mut clusters = Vec::new();
    for software in [Software::Keepalived, Software::Lbctl] {
        let mut cluster = Cluster::new([software; 2], Forwarding::DirectRouting, str::to_owned)?;
        cluster.start()?;
        clusters.push((software, cluster));
    }
    let mut measured: Vec<(Software, Failure, Measurement)> = Vec::new();
    for run in 0..runs(Software::Lbctl) {
        for (software, cluster) in &mut clusters {
            if run >= runs(*software) {
                continue;
            }
            for failure in FAILURES {
                let measurement = measure(cluster, failure)?;
                measured.push((*software, failure, measurement));
                fs::write(results().join("outages.txt"), table(&measured)?)?;
            }
        }
    }
    // Past the harness, which keeps what a test that passes prints.
    let _ = std::io::stderr().write_all(table(&measured)?.as_bytes());

    for (software, failure, measurement) in &measured {
        let what = format!("{software}, {failure}");
        assert_silence(&what, measurement.silence, theory(*failure));
        assert!(measurement.announced <= LATE, "{what}: {measurement:?}");
    }
    for failure in FAILURES {
        let ours = median(&measured, Software::Lbctl, failure, |of| of.outage);
        let theirs = median(&measured, Software::Keepalived, failure, |of| of.outage);
        assert!(
            ours <= theory(failure) + LATE,
            "{failure}: {ours:?} without an answer"
        );
        assert!(
            ours <= theirs + THAN_KEEPALIVED,
            "{failure}: {ours:?} without an answer, with keepalived {theirs:?}"
        );
    }
    for (_, cluster) in &clusters {
        assert_adverts(cluster);
    }
    Ok(())
}

type Measured = [(Software, Failure, Measurement)];

fn median(
    measured: &Measured,
    software: Software,
    failure: Failure,
    of: impl Fn(&Measurement) -> Duration,
) -> Duration {
    let mut values: Vec<_> = measured
        .iter()
        .filter(|(by, how, _)| (*by, *how) == (software, failure))
        .map(|(_, _, measurement)| of(measurement))
        .collect();
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Every run, and the medians.
fn table(measured: &Measured) -> Result<String, std::fmt::Error> {
    let mut text = String::from(
        "ms: client's outage (failed attempts), masters' silence, advert to first ARP, outage on return\n\
         software    failure             outage        silence  announced  on return\n",
    );
    for (software, failure, of) in measured {
        writeln!(
            text,
            "{:<11} {:<19} {:>6} ({:>3}) {:>12} {:>10} {:>7} ({})",
            software.to_string(),
            failure.to_string(),
            of.outage.as_millis(),
            of.failed,
            of.silence.as_millis(),
            of.announced.as_millis(),
            of.return_outage.as_millis(),
            of.return_failed,
        )?;
    }
    for failure in FAILURES {
        for software in [Software::Keepalived, Software::Lbctl] {
            let median = |of: fn(&Measurement) -> Duration| {
                median(measured, software, failure, of).as_millis()
            };
            writeln!(
                text,
                "median of {:<11} {:<19} outage {:>5}, silence {:>5}, announced {:>3}, on return {:>4}",
                software.to_string(),
                failure.to_string(),
                median(|of| of.outage),
                median(|of| of.silence),
                median(|of| of.announced),
                median(|of| of.return_outage),
            )?;
        }
    }
    Ok(text)
}
