// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs with deadlines: [`run`] one to its end, or keep one as a [`Background`] with its
//! output at hand.
//!
//! Every program gets a process group of its own, and it is that group that is killed: at the
//! deadline, on drop, never by name.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

pub use crate::wait::{pause, poll_until};

/// Why a program did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It could not be started or waited for.
    #[error("cannot run `{command}`")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended, but not with success.
    #[error("`{command}` ended with {status}: {output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote, both streams.
        output: String,
    },
    /// It was killed because its time was up.
    #[error("`{command}` did not end within {deadline:?}: {output}")]
    Deadline {
        /// The command line.
        command: String,
        /// The time it had.
        deadline: Duration,
        /// What it wrote until then.
        output: String,
    },
    /// A line or an end that was waited for did not come.
    #[error("`{command}`: no {awaited} within {deadline:?}; it wrote: {output}")]
    Awaited {
        /// The command line.
        command: String,
        /// What was waited for.
        awaited: String,
        /// The time it had.
        deadline: Duration,
        /// What it wrote until then.
        output: String,
    },
}

/// The command line as one would type it.
#[must_use]
pub fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a program to its end and returns status and output, whatever the status.
///
/// # Errors
///
/// [`ProcessError::Start`] when it cannot be started, [`ProcessError::Deadline`] when it had to be
/// killed.
pub fn output(command: &mut Command, deadline: Duration) -> Result<Output, ProcessError> {
    let line = command_line(command);
    let start_error = |source| ProcessError::Start {
        command: line.clone(),
        source,
    };
    let mut child = spawn(command).map_err(start_error)?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let end = Instant::now() + deadline;
    let mut step = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(start_error)? {
            break Some(status);
        }
        if Instant::now() >= end {
            end_group(&mut child);
            break None;
        }
        pause(step);
        step = (step * 2).min(Duration::from_millis(20));
    };
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    match status {
        Some(status) => Ok(Output {
            status,
            stdout,
            stderr,
        }),
        None => Err(ProcessError::Deadline {
            command: line,
            deadline,
            output: both(&stdout, &stderr),
        }),
    }
}

/// Runs a program that must succeed and returns its standard output.
///
/// # Errors
///
/// As [`output`], and [`ProcessError::Failed`] when its exit status is not zero.
pub fn run(command: &mut Command, deadline: Duration) -> Result<String, ProcessError> {
    let finished = output(command, deadline)?;
    if finished.status.success() {
        return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
    }
    Err(ProcessError::Failed {
        command: command_line(command),
        status: finished.status,
        output: both(&finished.stdout, &finished.stderr),
    })
}

fn both(stdout: &[u8], stderr: &[u8]) -> String {
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    text.join("\n").trim().to_owned()
}

fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // A read error ends the text early; the exit status still tells the story.
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn end_group(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // ESRCH: it ended by itself meanwhile.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.wait();
}

/// One line a [`Background`] program wrote.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// The line, without its end.
    pub text: String,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Mutex<Vec<Line>>,
    grown: Condvar,
    /// One for each stream, until its end has been read.
    readers: Mutex<Vec<thread::JoinHandle<()>>>,
}

/// How long the last lines of a program that has ended may take. A child of the
/// program that still runs keeps the streams open: the lines read until then count.
const LAST_LINES: Duration = Duration::from_secs(2);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all that a program wrote before its end has been read.
    fn wait_for_last(&self) {
        poll_until(LAST_LINES, Duration::from_millis(5), || {
            let readers = self.readers.lock();
            let mut readers = readers.unwrap_or_else(PoisonError::into_inner);
            readers.retain(|reader| !reader.is_finished());
            readers.is_empty().then_some(())
        });
    }
}

/// A running program whose output lines (both streams) are collected; killed with its process
/// group on drop.
pub struct Background {
    child: Child,
    command: String,
    lines: Arc<Lines>,
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("pid", &self.child.id())
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

impl Background {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Start`].
    pub fn spawn(command: &mut Command) -> Result<Self, ProcessError> {
        let line = command_line(command);
        let mut child = spawn(command).map_err(|source| ProcessError::Start {
            command: line.clone(),
            source,
        })?;
        let lines = Arc::new(Lines::default());
        collect(child.stdout.take(), &lines);
        collect(child.stderr.take(), &lines);
        Ok(Self {
            child,
            command: line,
            lines,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().clone()
    }

    /// The text of all lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines
            .lock()
            .iter()
            .map(|line| format!("{}\n", line.text))
            .collect()
    }

    /// Waits for a line that satisfies `wanted`, among those already there or to come.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Awaited`] when the time is up.
    pub fn wait_for_line(
        &self,
        awaited: &str,
        deadline: Duration,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Line, ProcessError> {
        let end = Instant::now() + deadline;
        let mut seen = 0;
        let mut lines = self.lines.lock();
        loop {
            for line in lines.iter().skip(seen) {
                if wanted(&line.text) {
                    return Ok(line.clone());
                }
            }
            seen = lines.len();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(lines);
                return Err(self.awaited(awaited, deadline));
            }
            lines = self
                .lines
                .grown
                .wait_timeout(lines, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(lines, _)| lines);
        }
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        // ESRCH: it is gone, which the caller sees when it waits.
        let _ = kill(self.pid(), signal);
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end; all its lines are there then.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Awaited`] when it still runs at the deadline (it is not killed).
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let step = Duration::from_millis(5);
        let child = &mut self.child;
        let status = poll_until(deadline, step, || child.try_wait().ok().flatten())
            .ok_or_else(|| self.awaited("end", deadline))?;
        self.lines.wait_for_last();
        Ok(status)
    }

    /// Kills its process group now.
    pub fn kill(&mut self) {
        end_group(&mut self.child);
    }

    fn awaited(&self, awaited: &str, deadline: Duration) -> ProcessError {
        ProcessError::Awaited {
            command: self.command.clone(),
            awaited: awaited.to_owned(),
            deadline,
            output: self.text(),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        end_group(&mut self.child);
    }
}

fn collect(stream: Option<impl Read + Send + 'static>, lines: &Arc<Lines>) {
    let Some(stream) = stream else { return };
    let sink = Arc::clone(lines);
    let reader = read_lines(stream, move |text| {
        let at = Instant::now();
        sink.lock().push(Line { at, text });
        sink.grown.notify_all();
        true
    });
    let readers = lines.readers.lock();
    readers.unwrap_or_else(PoisonError::into_inner).push(reader);
}

/// Starts a program in a process group of its own, without input, its output piped.
///
/// # Errors
///
/// What the system answers when it cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// Receives each line of both streams of a program that [`spawn`] started, without its end; bytes
/// that are no UTF-8 are replaced. When `backlog` lines wait, the program waits, too. The channel is
/// closed when both streams have ended.
pub fn receive_lines(child: &mut Child, backlog: usize) -> Receiver<String> {
    let (sender, lines) = sync_channel(backlog);
    if let Some(stream) = child.stdout.take() {
        let sender = sender.clone();
        read_lines(stream, move |line| sender.send(line).is_ok());
    }
    if let Some(stream) = child.stderr.take() {
        read_lines(stream, move |line| sender.send(line).is_ok());
    }
    lines
}

/// Passes on each line, on a thread of its own, until `on_line` refuses or the stream ends.
fn read_lines(
    stream: impl Read + Send + 'static,
    mut on_line: impl FnMut(String) -> bool + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            if !on_line(line.trim_end_matches('\r').to_owned()) {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_there_when_a_program_has_ended() -> Result<(), ProcessError> {
        for _ in 0..20 {
            let mut command = Command::new("sh");
            command.args(["-c", "seq 2000; echo last >&2"]);
            let mut program = Background::spawn(&mut command)?;
            assert!(program.wait(Duration::from_secs(60))?.success());
            assert_eq!(program.lines().len(), 2001);
        }
        Ok(())
    }

    #[test]
    fn wait_with_running_grandchild_returns() -> Result<(), ProcessError> {
        let mut command = Command::new("sh");
        command.args(["-c", "echo first; sleep 60 &"]);
        let mut program = Background::spawn(&mut command)?;
        assert!(program.wait(Duration::from_secs(30))?.success());
        assert_eq!(program.text(), "first\n");
        Ok(())
    }
}
