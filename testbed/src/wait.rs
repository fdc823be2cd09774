// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a condition with a deadline. A deadline is ten times what the wait nominally takes.

use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Sleeps; for test support code, which has no runtime to block.
pub fn pause(duration: Duration) {
    #[expect(clippy::disallowed_methods, reason = "plain threads, no runtime here")]
    thread::sleep(duration);
}

/// Polls `ready` every `step` until it yields a value or the deadline passes.
///
/// Returns `None` when the time was up; the last poll happens after the deadline, so that a slow
/// machine gets one look more rather than one less.
pub fn poll_until<T>(
    deadline: Duration,
    step: Duration,
    mut ready: impl FnMut() -> Option<T>,
) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        let late = Instant::now() >= end;
        if let Some(value) = ready() {
            return Some(value);
        }
        if late {
            return None;
        }
        pause(step);
    }
}

/// Waits until `look` yields a value; otherwise it returns what it found.
///
/// # Errors
///
/// [`Error::Awaited`] with the last finding when the time is up.
pub fn wait_until<T>(
    awaited: &str,
    deadline: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, Error> {
    let mut last = String::new();
    poll_until(deadline, Duration::from_millis(20), || match look() {
        Ok(value) => Some(value),
        Err(found) => {
            last = found;
            None
        }
    })
    .ok_or_else(|| Error::Awaited {
        awaited: awaited.to_owned(),
        deadline,
        found: last,
    })
}
