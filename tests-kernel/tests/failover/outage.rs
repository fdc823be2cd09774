// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a client goes without answers when the master goes, ours and keepalived's in turn.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use tests_kernel::cluster::{
    Cluster, Failed, Failure, Forwarding, Measurement, Software, come_back, fail, results,
    wait_for_takeover,
};
use tests_kernel::net::NetError;

use crate::wire::{LATE, MASTER_DOWN, SKEW, assert_adverts, assert_silence, assert_takeover};
use crate::{TestResult, soak};

const FAILURES: [Failure; 3] = [Failure::Crash, Failure::CutAndCrash, Failure::Stop];
/// By how much the client's outage may be longer than with keepalived.
const THAN_KEEPALIVED: Duration = Duration::from_millis(100);

fn runs() -> usize {
    if soak() { 20 } else { 5 }
}

/// By the protocol the time without a master when it fails right after an advertisement.
fn theory(failure: Failure) -> Duration {
    match failure {
        Failure::Stop => SKEW,
        _ => MASTER_DOWN,
    }
}

#[testbed::guest_test]
fn a_client_waits_no_longer_than_the_protocol_and_keepalived_let_it() -> TestResult {
    let mut both = Both {
        at_work: cluster_of(Software::Keepalived)?,
        other: cluster_of(Software::Lbctl)?,
        returning: None,
        measured: Vec::new(),
    };
    for _ in 0..runs() {
        for failure in FAILURES {
            both.fail(failure)?;
            both.fail(failure)?;
        }
    }
    both.come_back()?;
    let Both {
        at_work,
        other,
        measured,
        ..
    } = both;
    fs::write(results().join("outages.txt"), table(&measured)?)?;
    // Past the harness, which keeps what a test that passes prints.
    let _ = std::io::stderr().write_all(table(&measured)?.as_bytes());

    // How late one run is may be this machine's doing, hence medians below. keepalived is measured,
    // not judged.
    for (software, failure, measurement) in &measured {
        let what = format!("{software}, {failure}");
        assert_takeover(&what, *software, measurement.silence, theory(*failure));
    }
    for failure in FAILURES {
        let silence = median(&measured, Software::Lbctl, failure, |measurement| {
            measurement.silence
        });
        assert_silence(&failure.to_string(), silence, theory(failure));
        let announced = median(&measured, Software::Lbctl, failure, |measurement| {
            measurement.announced
        });
        assert!(
            announced <= LATE,
            "{failure}: announced {announced:?} after the advertisement"
        );
        let ours = median(&measured, Software::Lbctl, failure, |measurement| {
            measurement.outage
        });
        let theirs = median(&measured, Software::Keepalived, failure, |measurement| {
            measurement.outage
        });
        assert!(
            ours <= theory(failure) + LATE,
            "{failure}: {ours:?} without an answer"
        );
        assert!(
            ours <= theirs + THAN_KEEPALIVED,
            "{failure}: {ours:?} without an answer, with keepalived {theirs:?}"
        );
    }
    for (_, cluster) in [&at_work, &other] {
        assert_adverts(cluster);
    }
    Ok(())
}

fn cluster_of(software: Software) -> Result<(Software, Cluster), NetError> {
    let mut cluster = Cluster::new([software; 2], Forwarding::DirectRouting, str::to_owned)?;
    cluster.start()?;
    Ok((software, cluster))
}

/// The two clusters, which take turns in failing. While the master of one is gone for seconds the
/// one that failed before gets its master back.
struct Both {
    at_work: (Software, Cluster),
    other: (Software, Cluster),
    /// How `other` failed, if it did.
    returning: Option<(Failure, Failed)>,
    measured: Vec<(Software, Failure, Measurement)>,
}

impl Both {
    /// Lets the next of the two fail, and waits until its other director serves.
    fn fail(&mut self, failure: Failure) -> TestResult {
        if failure == Failure::Stop {
            // Too short for anything beside it.
            self.come_back()?;
        }
        let failed = fail(&mut self.at_work.1, failure)?;
        thread::scope(|scope| {
            let returning = self.returning.take();
            let (software, other) = (self.other.0, &mut self.other.1);
            let back = returning.map(|(how, failed)| {
                scope.spawn(move || Ok((software, how, come_back(other, failed)?)))
            });
            let taken_over = wait_for_takeover(&self.at_work.1, &failed);
            let back: Option<Result<_, NetError>> = back.map(|back| {
                back.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            self.measured.extend(back.transpose()?);
            taken_over
        })?;
        self.returning = Some((failure, failed));
        std::mem::swap(&mut self.at_work, &mut self.other);
        Ok(())
    }

    /// Gets the master of the one that failed last back.
    fn come_back(&mut self) -> TestResult {
        if let Some((failure, failed)) = self.returning.take() {
            let measurement = come_back(&mut self.other.1, failed)?;
            self.measured.push((self.other.0, failure, measurement));
        }
        Ok(())
    }
}

type Measured = [(Software, Failure, Measurement)];

fn median(
    measured: &Measured,
    software: Software,
    failure: Failure,
    value: impl Fn(&Measurement) -> Duration,
) -> Duration {
    let mut values: Vec<_> = measured
        .iter()
        .filter(|(by, how, _)| (*by, *how) == (software, failure))
        .map(|(_, _, measurement)| value(measurement))
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
    for (software, failure, measurement) in measured {
        writeln!(
            text,
            "{:<11} {:<19} {:>6} ({:>3}) {:>12} {:>10} {:>7} ({})",
            software.to_string(),
            failure.to_string(),
            measurement.outage.as_millis(),
            measurement.failed,
            measurement.silence.as_millis(),
            measurement.announced.as_millis(),
            measurement.return_outage.as_millis(),
            measurement.return_failed,
        )?;
    }
    for failure in FAILURES {
        for software in [Software::Keepalived, Software::Lbctl] {
            let median = |value: fn(&Measurement) -> Duration| {
                median(measured, software, failure, value).as_millis()
            };
            writeln!(
                text,
                "median of {:<11} {:<19} outage {:>5}, silence {:>5}, announced {:>3}, on return {:>4}",
                software.to_string(),
                failure.to_string(),
                median(|measurement| measurement.outage),
                median(|measurement| measurement.silence),
                median(|measurement| measurement.announced),
                median(|measurement| measurement.return_outage),
            )?;
        }
    }
    Ok(text)
}
