// SPDX-License-Identifier: MIT OR Apache-2.0
//! The running guest process and its console, read line by line under a deadline.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use testbed::process::{receive_lines, spawn};

use super::GuestError;

/// How often the interrupt flag is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// Lines the guest may be ahead of the reader before its console blocks.
const BACKLOG: usize = 1024;

/// What to start.
pub(super) struct Boot {
    pub(super) kernel: PathBuf,
    /// Variables of the kernel's own process.
    pub(super) environment: Vec<(&'static str, OsString)>,
    /// Working directory; the guest's memory file and control socket go there too.
    pub(super) directory: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// A running guest; its process group is killed on drop.
pub(super) struct Console {
    child: Child,
    lines: Receiver<String>,
    log: File,
}

impl Console {
    /// Starts the guest; `log` receives its whole console.
    pub(super) fn start(boot: &Boot, log: &Path) -> Result<Self, GuestError> {
        let log = File::create(log).map_err(GuestError::file(log))?;
        let start_error = |source| GuestError::Start {
            path: boot.kernel.clone(),
            source,
        };
        // setpriv: when this process is killed outright, the guest ends, too. env: the variables
        // are for the kernel alone; setpriv and env run with the host's C library.
        let variables = boot.environment.iter().map(|(name, value)| {
            let mut word = OsString::from(format!("{name}="));
            word.push(value);
            word
        });
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "env"])
            .args(variables)
            .arg(&boot.kernel)
            .args(&boot.arguments)
            .current_dir(&boot.directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TMPDIR", &boot.directory);
        let mut child = spawn(&mut command).map_err(start_error)?;
        let lines = receive_lines(&mut child, BACKLOG);
        Ok(Self { child, lines, log })
    }

    /// Reads lines until one equals `marker` (true) or the guest ends or the deadline passes.
    pub(super) fn read_until(
        &mut self,
        marker: &str,
        deadline: Instant,
        interrupted: &AtomicBool,
        mut on_line: impl FnMut(&str),
    ) -> Result<bool, GuestError> {
        loop {
            match self.next_line(deadline, interrupted)? {
                Next::Line(line) if line == marker => return Ok(true),
                Next::Line(line) => on_line(&line),
                Next::End | Next::Deadline => return Ok(false),
            }
        }
    }

    /// Reads lines until the guest ends (true) or the deadline passes.
    pub(super) fn read_to_end(
        &mut self,
        deadline: Instant,
        interrupted: &AtomicBool,
        mut on_line: impl FnMut(&str),
    ) -> Result<bool, GuestError> {
        loop {
            match self.next_line(deadline, interrupted)? {
                Next::Line(line) => on_line(&line),
                Next::End => return Ok(true),
                Next::Deadline => return Ok(false),
            }
        }
    }

    fn next_line(
        &mut self,
        deadline: Instant,
        interrupted: &AtomicBool,
    ) -> Result<Next, GuestError> {
        loop {
            if interrupted.load(Ordering::Relaxed) {
                return Err(GuestError::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left.min(GLANCE)) {
                Ok(line) => {
                    // The file is for a reader of a failure; the run does not depend on it.
                    let _ = writeln!(self.log, "{line}");
                    if !is_noise(&line) {
                        return Ok(Next::Line(line));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::End),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(Next::Deadline),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // ESRCH: it powered off by itself.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

enum Next {
    Line(String),
    End,
    Deadline,
}

/// Whether the guest kernel prints the line at every boot or power-off, without a fault.
fn is_noise(line: &str) -> bool {
    [
        "SELinux: ",
        "mmapper_init - ",
        "Failed to initialize ubd device 0 ",
        "Warning: tempdir ",
        "sysrq: Power Off",
        "reboot: Power down",
    ]
    .iter()
    .any(|noise| line.starts_with(noise))
}
