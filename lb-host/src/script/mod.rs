// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs run with a deadline, as another user if need be.

mod account;
mod environment;
mod process;
mod security;
mod started;

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use tokio::process::{Child, Command};
use tokio::time;

pub use self::account::{Account, UnknownAccount};
pub use self::security::find_changeable_part;
pub use self::started::Started;

use self::process::Running;
use crate::sys;

/// A program with its arguments, and the user it runs as.
///
/// [`run`](Self::run) starts it without a shell, in a process group of its own, with null streams.
/// The program does not get the variables by which a caller could change what a program does
/// (`LD_*`, `BASH_ENV`, `PYTHONPATH` …) or that are meant for this process alone (`NOTIFY_SOCKET`,
/// `LISTEN_FDS` …).
///
/// ```
/// use std::time::Duration;
/// use lb_host::script::{End, Program};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lb_host::script::RunError> {
/// let program = Program::new(["/bin/sh", "-c", "exit $STATUS"]).with_variable("STATUS", "3");
/// let end = program.run(Some(Duration::from_secs(5))).await?;
/// assert_eq!(end, End::Exited(3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Program {
    /// The program, looked up in `PATH` unless it has a slash, and its arguments.
    pub argv: Vec<OsString>,
    /// User and group that it runs as; those of this process unless given.
    pub account: Option<Account>,
    /// Supplementary groups by number, where it runs as another account; none unless given.
    pub groups: Vec<u32>,
    /// Variables added to the environment of this process.
    pub variables: Vec<(OsString, OsString)>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// By this runner, because it did not end within the timeout.
    TimedOut,
    /// Not started: missing, not executable, or not a program. The `errno`.
    NotExecutable(i32),
}

/// Why a program could not be run: a fault of this host or of this process, not of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Not enough processes, memory or descriptors (`EAGAIN`, `ENOMEM`, `EMFILE`, `ENFILE`), no
    /// permission to become another user (`EPERM`), or a NUL byte in an argument.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: OsString,
        /// Why not.
        source: io::Error,
    },
    /// The exit status could not be read.
    #[error("cannot wait for {}", program.display())]
    Wait {
        /// The program.
        program: OsString,
        /// Why not.
        source: io::Error,
    },
}

impl Program {
    /// Time between SIGTERM and SIGKILL, and longest wait for the end after SIGKILL.
    pub const GRACE: Duration = Duration::from_secs(2);

    /// A program with its arguments, run as the user of this process.
    #[must_use]
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            account: None,
            groups: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Sets user and group.
    #[must_use]
    pub const fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Sets the supplementary groups of the account.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.groups = groups.into_iter().collect();
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs the program to its end, or until `timeout` has passed.
    ///
    /// After the timeout its process group gets SIGTERM, and SIGKILL after [`GRACE`](Self::GRACE). The wait for the
    /// end after that is bounded, because nothing ends a process that hangs in the kernel. When the
    /// future is dropped, the group gets SIGKILL at once.
    ///
    /// # Errors
    /// [`RunError`] if this host could not run it; that the program is missing or is not executable
    /// is [`End::NotExecutable`].
    pub async fn run(&self, timeout: Option<Duration>) -> Result<End, RunError> {
        let wait_error = |source| self.wait_error(source);
        let mut running = match self.spawn(true)? {
            Ok(child) => Running::new(child),
            Err(end) => return Ok(end),
        };
        let Some(timeout) = timeout else {
            return running.wait().await.map_err(wait_error);
        };
        match time::timeout(timeout, running.wait()).await {
            Ok(end) => end.map_err(wait_error),
            Err(_elapsed) => {
                running.terminate().await.map_err(wait_error)?;
                Ok(End::TimedOut)
            }
        }
    }

    /// Starts the program and returns at once.
    ///
    /// # Errors
    /// [`RunError::Start`] if this host could not start it; a program that is missing or is not
    /// executable has ended with [`End::NotExecutable`].
    pub fn start(&self) -> Result<Started, RunError> {
        let name = self.argv.first().cloned().unwrap_or_default();
        let state = self.spawn(false)?.map(Running::new);
        Ok(Started::new(name, state))
    }

    fn wait_error(&self, source: io::Error) -> RunError {
        let program = self.argv.first().cloned().unwrap_or_default();
        RunError::Wait { program, source }
    }

    fn spawn(&self, kill_on_drop: bool) -> Result<Result<Child, End>, RunError> {
        let Some((program, arguments)) = self.argv.split_first() else {
            return Ok(Err(End::NotExecutable(Errno::ENOENT as i32)));
        };
        let mut command = Command::new(program);
        command.args(arguments).process_group(0);
        command.kill_on_drop(kill_on_drop);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for name in environment::forbidden(std::env::vars_os().map(|(name, _)| name)) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        match self.account {
            Some(account) if self.groups.is_empty() => {
                command.uid(account.uid).gid(account.gid);
            }
            Some(account) => sys::set_account(command.as_std_mut(), account, &self.groups),
            None => {}
        }
        match command.spawn() {
            Ok(child) => Ok(Ok(child)),
            Err(source) => match fault_of_program(&source, self.account.is_some()) {
                Some(errno) => Ok(Err(End::NotExecutable(errno))),
                None => {
                    let program = program.clone();
                    Err(RunError::Start { program, source })
                }
            },
        }
    }
}

/// The `errno` of a start that failed because of the program, not because of this host.
fn fault_of_program(error: &io::Error, switches_account: bool) -> Option<i32> {
    let errno = error.raw_os_error()?;
    match Errno::from_raw(errno) {
        Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE => None,
        Errno::EPERM if switches_account => None,
        _ => Some(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// Ten times what anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Program {
        Program::new(["/bin/sh", "-c", script])
    }

    async fn run(program: Program) -> End {
        program.run(Some(PATIENCE)).await.unwrap()
    }

    /// Whether a process exists and does not only wait to be reaped.
    fn is_running(pid: &str) -> bool {
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

    /// The process number that a script has written to a file.
    async fn read_pid(file: &Path) -> String {
        let read = || std::fs::read_to_string(file).unwrap_or_default();
        wait_until("written", || read().ends_with('\n')).await;
        read()
    }

    #[tokio::test]
    async fn exit_status_signal_and_missing_program_are_distinguished() {
        assert_eq!(run(shell("exit 0")).await, End::Exited(0));
        assert_eq!(run(shell("exit 7")).await, End::Exited(7));
        assert_eq!(run(shell("kill -9 $$")).await, End::Signaled(9));
        assert_eq!(shell("exit 5").run(None).await.unwrap(), End::Exited(5));
        let missing = End::NotExecutable(Errno::ENOENT as i32);
        assert_eq!(run(Program::new(["/nonexistent/program"])).await, missing);
        let nothing: [&str; 0] = [];
        assert_eq!(run(Program::new(nothing)).await, missing);
    }

    #[test]
    fn lack_of_resources_is_local_and_a_missing_program_is_not() {
        let fault = |errno: Errno, switches| {
            fault_of_program(&io::Error::from_raw_os_error(errno as i32), switches)
        };
        for errno in [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE] {
            assert_eq!(fault(errno, false), None, "{errno}");
        }
        assert_eq!(fault(Errno::EPERM, true), None);
        assert_eq!(fault(Errno::EPERM, false), Some(Errno::EPERM as i32));
        assert_eq!(fault(Errno::ENOENT, true), Some(Errno::ENOENT as i32));
    }

    #[tokio::test]
    async fn an_argument_with_a_nul_byte_is_an_error_with_the_program() {
        let error = Program::new(["/bin/true", "a\0b"])
            .run(None)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot start /bin/true");
    }

    #[tokio::test]
    async fn variables_are_added_even_those_that_are_removed_otherwise() {
        let script = shell("test \"$A $ENV\" = '1 2'").with_variable("A", "1");
        assert_eq!(run(script.with_variable("ENV", "2")).await, End::Exited(0));
    }

    #[tokio::test]
    async fn a_script_that_ignores_sigterm_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!(
            "trap '' TERM; sleep 600 & echo $! >{}; wait; wait",
            file.display()
        );
        let started = Instant::now();
        let end = shell(&script).run(Some(Duration::from_millis(300))).await;
        assert_eq!(end.unwrap(), End::TimedOut);
        assert!(started.elapsed() >= Program::GRACE);
        let child = read_pid(&file).await;
        wait_until("gone", || !is_running(&child)).await;
    }

    #[tokio::test]
    async fn a_dropped_run_kills_the_group() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = shell(&format!("sleep 600 & echo $! >{}; wait", file.display()));
        let child = tokio::select! {
            end = script.run(None) => panic!("it ended: {end:?}"),
            child = read_pid(&file) => child,
        };
        wait_until("gone", || !is_running(&child)).await;
    }
}
