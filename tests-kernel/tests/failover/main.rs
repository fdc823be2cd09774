// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director fails, stops, returns: what the wire, the client and the kernel's tables show, with
//! the article's configuration, ours and keepalived's.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "tests: a panic is a failed test"
)]

mod mixed;
mod outage;
mod preemption;
mod restart;
mod survival;
mod wire;

use std::error::Error;
use std::thread;
use std::time::Duration;

type TestResult = Result<(), Box<dyn Error>>;

/// Ten times the longest master down interval here.
const DEADLINE: Duration = Duration::from_secs(40);

/// What a scenario on another thread ends with.
type Told = Result<(), String>;

/// Runs two scenarios at the same time: most of one is waiting.
fn side_by_side(
    first: impl FnOnce() -> TestResult,
    second: impl FnOnce() -> TestResult + Send,
) -> TestResult {
    let tell = |result: TestResult| -> Told { result.map_err(|error| chain(error.as_ref())) };
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| tell(second()));
        let first = tell(first());
        (first, second.join())
    });
    first?;
    second.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(())
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
