// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs programs for a step: shows their output as it comes, counts the results of the test
//! harness and the skipped tests in it, and ends the programs on Ctrl-C.

use std::io;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use testbed::process::{command_line, receive_lines, spawn};

const GLANCE: Duration = Duration::from_millis(100);
const BACKLOG: usize = 256;

/// Numbers of test results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Counts {
    /// Counts the results that one line of output reports.
    pub(crate) fn observe(&mut self, line: &str) {
        if line.starts_with("SKIPPED:") {
            self.skipped += 1;
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        // "ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
        let words: Vec<&str> = result.split_whitespace().collect();
        for pair in words.windows(2) {
            let [count, what] = pair else { continue };
            let Ok(count) = count.parse::<usize>() else {
                continue;
            };
            match what.trim_end_matches(';') {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error("`{command}` ended with {status}")]
    Failed { command: String, status: ExitStatus },
    #[error("cannot run `{command}`")]
    Start {
        command: String,
        #[source]
        source: io::Error,
    },
    #[error("`{command}` was killed at its deadline of {deadline:?}")]
    Deadline { command: String, deadline: Duration },
    #[error("{0} skipped; everything must run here")]
    Skipped(usize),
    #[error("{failed} of {all} tests failed")]
    Tests { failed: usize, all: usize },
    #[error("{0}")]
    Missing(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Fetch(#[from] crate::fetch::FetchError),
    #[error(transparent)]
    Guest(#[from] tests_kernel::guest::GuestError),
    #[error("`{what}` ended with exit code {code} in the guest; results in {results}")]
    InGuest {
        what: String,
        code: i32,
        results: String,
    },
}

/// Runs a program to its end; its output is shown and counted.
pub(crate) fn run(
    command: &mut Command,
    interrupted: &Arc<AtomicBool>,
    counts: &mut Counts,
) -> Result<(), StepError> {
    let mut show = |line: &str| {
        println!("{line}");
        counts.observe(line);
    };
    stream(command, interrupted, None, &mut show)
}

/// Runs a program to its end, or kills its process group at the deadline, and passes on each line
/// of both its streams.
pub(crate) fn stream(
    command: &mut Command,
    interrupted: &Arc<AtomicBool>,
    deadline: Option<Duration>,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), StepError> {
    let start = Instant::now();
    let line = command_line(command);
    let start_error = |source| StepError::Start {
        command: line.clone(),
        source,
    };
    let mut child = spawn(command).map_err(start_error)?;
    let lines = receive_lines(&mut child, BACKLOG);
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if interrupted.load(Ordering::Relaxed) {
            if let Ok(pid) = i32::try_from(child.id()) {
                // ESRCH: it has just ended.
                let _ = killpg(Pid::from_raw(pid), Signal::SIGTERM);
            }
            let _ = child.wait();
            return Err(StepError::Interrupted);
        }
        if let Some(deadline) = deadline.filter(|deadline| start.elapsed() > *deadline) {
            if let Ok(pid) = i32::try_from(child.id()) {
                // ESRCH: it has just ended.
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
            let _ = child.wait();
            return Err(StepError::Deadline {
                command: line,
                deadline,
            });
        }
    }
    let status = child.wait().map_err(start_error)?;
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Failed {
            command: line.clone(),
            status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_is_understood() {
        let mut counts = Counts::default();
        counts.observe("SKIPPED: ipvs: needs the guest kernel");
        counts.observe(
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; \
             finished in 0.10s",
        );
        counts.observe("test a::result ... ok");
        assert_eq!(
            counts,
            Counts {
                passed: 12,
                failed: 3,
                skipped: 2
            }
        );
    }
}
