// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs a program as a tracked script.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::warn;

use super::ScriptSource;
use crate::track::ScriptOutcome;

/// Time between SIGTERM and SIGKILL, and what SIGKILL may take.
const GRACE: Duration = Duration::from_secs(2);
/// How often a program that got SIGTERM is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What makes programs load or do something else, as in keepalived.
const FORBIDDEN: [&str; 3] = ["IFS", "LD_LIBRARY_PATH", "LD_PRELOAD"];

/// Runs the scripts of tracked objects; see [`ScriptSource`].
#[async_trait]
pub trait ScriptRunner: Send + Sync + fmt::Debug {
    /// Runs a script to its end, or kills it after its [timeout](ScriptSource::timeout). Dropping the
    /// future kills it too.
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome;
}

/// Runs programs as the user of this process, each in a process group of its own, with nothing on its
/// standard streams.
///
/// After the timeout the group gets SIGTERM, and SIGKILL two seconds later. A script with an
/// [account](ScriptSource::account) or [groups](ScriptSource::groups) is not started: that takes a
/// runner that can change them, given by [`Ports::with_scripts`](crate::driver::Ports::with_scripts).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CommandRunner;

fn spawn(script: &ScriptSource) -> Option<Running> {
    let (program, arguments) = script.argv.split_first()?;
    if script.account.is_some() || !script.groups.is_empty() {
        warn!(program = %program.display(), "cannot start script: no runner for another user");
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in FORBIDDEN {
        command.env_remove(name);
    }
    match command.spawn() {
        Ok(child) => Some(Running {
            group: child.id().and_then(|id| i32::try_from(id).ok()),
            child,
        }),
        Err(error) => {
            warn!(program = %program.display(), %error, "cannot start script");
            None
        }
    }
}

#[async_trait]
impl ScriptRunner for CommandRunner {
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome {
        let Some(mut running) = spawn(script) else {
            return ScriptOutcome::NotStarted;
        };
        match timeout(script.timeout, running.wait()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                running.terminate().await;
                ScriptOutcome::TimedOut
            }
        }
    }
}

/// A running program. Dropped before it has ended, its whole group is killed.
struct Running {
    /// The process group, as long as its leader has not been waited for: until then the number
    /// cannot belong to anybody else.
    group: Option<i32>,
    child: Child,
}

impl Running {
    async fn wait(&mut self) -> ScriptOutcome {
        let status = self.child.wait().await;
        self.group = None;
        status.map_or(ScriptOutcome::NotStarted, outcome)
    }

    /// SIGTERM, then SIGKILL for what is left of the group. The wait for that is bounded, as
    /// nothing ends a program that hangs in the kernel.
    async fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            sleep(LOOK).await;
        }
        self.signal(Signal::SIGKILL);
        let _ = timeout_at(Instant::now() + GRACE, self.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The only error that can be is that nobody is left.
            killpg(Pid::from_raw(group), signal).unwrap_or_default();
        }
    }

    /// Whether the leader has ended; leaves it to be waited for.
    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        self.group.is_none_or(|group| {
            !matches!(
                waitid(Id::Pid(Pid::from_raw(group)), flags),
                Ok(WaitStatus::StillAlive)
            )
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn outcome(status: ExitStatus) -> ScriptOutcome {
    match status.code() {
        Some(code) => ScriptOutcome::Exited(code),
        None => ScriptOutcome::Killed(status.signal().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Ten times what anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> ScriptSource {
        ScriptSource::new(["/bin/sh", "-c", script]).with_interval(PATIENCE, PATIENCE)
    }

    /// Whether a process runs, and is not only waited for.
    fn runs(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }

    async fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "never {what}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The number of a process that it has written to a file.
    async fn written(file: &Path) -> String {
        let read = || std::fs::read_to_string(file).unwrap_or_default();
        wait_until("written", || read().ends_with('\n')).await;
        read()
    }

    #[tokio::test]
    async fn an_exit_status_a_signal_and_a_missing_program_are_told_apart() {
        let run = |script: ScriptSource| async move { CommandRunner.run(&script).await };
        assert_eq!(run(shell("exit 0")).await, ScriptOutcome::Exited(0));
        assert_eq!(run(shell("exit 7")).await, ScriptOutcome::Exited(7));
        assert_eq!(run(shell("kill -9 $$")).await, ScriptOutcome::Killed(9));
        let missing = ScriptSource::new(["/nonexistent/program"]);
        assert_eq!(run(missing).await, ScriptOutcome::NotStarted);
        let nothing: [&str; 0] = [];
        let empty = ScriptSource::new(nothing);
        assert_eq!(run(empty).await, ScriptOutcome::NotStarted);
        let other = shell("exit 0").with_account(65534, 65534);
        assert_eq!(run(other).await, ScriptOutcome::NotStarted);
        let other = shell("exit 0").with_groups([65534]);
        assert_eq!(run(other).await, ScriptOutcome::NotStarted);
    }

    #[tokio::test]
    async fn a_script_that_ignores_sigterm_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!(
            "trap '' TERM; sleep 600 & echo $! >{}; wait; wait",
            file.display()
        );
        let short = Duration::from_millis(300);
        let script = shell(&script).with_interval(short, short);
        let outcome = CommandRunner.run(&script).await;
        assert_eq!(outcome, ScriptOutcome::TimedOut);
        let child = written(&file).await;
        wait_until("gone", || !runs(&child)).await;
    }

    #[tokio::test]
    async fn a_dropped_run_kills_the_group() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 600 & echo $! >{}; wait", file.display());
        let script = shell(&script);
        let child = tokio::select! {
            _ = CommandRunner.run(&script) => panic!("it ended"),
            child = written(&file) => child,
        };
        wait_until("gone", || !runs(&child)).await;
    }
}
