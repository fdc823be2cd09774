// SPDX-License-Identifier: MIT OR Apache-2.0
//! Dialogues in text against scripted servers on loopback.

mod agent;
mod protocols;
mod send_expect;
mod server;
mod smtp;

use std::time::{Duration, Instant};

use lb_check::{HealthCheck, Outcome, Reason, Target, Verdict};

/// One step may take this; ten times as long is too long for a test.
const STEP: Duration = Duration::from_millis(800);

/// Runs a check and makes sure that it ended in time.
async fn run(check: &impl HealthCheck, target: &Target) -> Outcome {
    let started = Instant::now();
    let outcome = check.check(target).await;
    let took = started.elapsed();
    assert!(took < 10 * STEP, "took {took:?}");
    outcome
}

#[track_caller]
fn failed(outcome: &Outcome, reason: Reason) {
    assert_eq!(outcome.verdict, Verdict::Fail(reason));
}

fn unexpected(text: &str) -> Reason {
    Reason::L7Unexpected(text.to_owned())
}
