// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director fails, stops, returns: what the wire, the client and the kernel's tables show, with
//! the article's configuration, ours and keepalived's.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "tests: a panic is a failed test"
)]

mod connections;
mod mixed;
mod outage;
mod preemption;
mod restart;
mod survival;
mod wire;

use std::error::Error;
use std::thread;
use std::time::Duration;

use tests_kernel::cluster::{Forwarding, Software};

type TestResult = Result<(), Box<dyn Error>>;

/// Ten times the longest master down interval here.
const DEADLINE: Duration = Duration::from_secs(40);

/// A scenario and what to call it.
type Story = (&'static str, fn() -> TestResult);

/// Runs scenarios at the same time: most of each is waiting.
fn at_once(stories: &[Story]) -> TestResult {
    let failures: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = stories
            .iter()
            .map(|(name, story)| {
                scope.spawn(move || {
                    let result = story();
                    result.map_err(|error| format!("{name}: {}", chain(error.as_ref())))
                })
            })
            .collect();
        let ended = running.into_iter().map(|story| {
            let ended = story.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        ended.filter_map(Result::err).collect()
    });
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n").into())
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Whether every case is to run many times (`cargo xtask soak`).
fn soak() -> bool {
    std::env::var_os("LB_SOAK").is_some()
}

// shows vrrp_instance: nopreempt
#[testbed::guest_test]
fn who_is_master_is_agreed_with_keepalived_and_without_preemption() -> TestResult {
    use Software::{Keepalived, Lbctl};
    at_once(&[
        ("ours preferred", || mixed::story([Lbctl, Keepalived])),
        ("keepalived preferred", || mixed::story([Keepalived, Lbctl])),
        ("nopreempt", || preemption::story([Lbctl, Lbctl])),
    ])
}

#[testbed::guest_test]
fn connections_persistence_and_what_is_not_ours_survive() -> TestResult {
    at_once(&[
        ("direct routing", || {
            survival::story(Forwarding::DirectRouting)
        }),
        ("masquerading", || survival::story(Forwarding::Masquerade)),
        ("restart", restart::story),
    ])
}
