// SPDX-License-Identifier: MIT OR Apache-2.0
//! `MISC_CHECK`: a program decides.

mod factory;
mod security;

use std::ffi::{OsStr, OsString};
use std::io;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lb_host::script::{End, RunError};

use crate::{Arguments, HealthCheck, LocalError, Outcome, Reason, Target};

pub(crate) use self::factory::ScriptFactory;
pub use lb_host::script::{Account, Program, UnknownAccount};

/// Runs a program as [`Program::run`] does; exit status 0 = up.
///
/// Keepalived's `MISC_CHECK`, with one difference: a program that cannot be executed is a failure,
/// not a success.
///
/// A program that does not end within [`timeout`](Self::timeout) gets SIGTERM, 2 s later SIGKILL,
/// and so do the children it has in its group. When the check is cancelled, SIGKILL at once.
///
/// ```
/// use std::time::Duration;
/// use lb_check::{HealthCheck, Outcome, Reason, Script, Target, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::net::AddrParseError> {
/// let target = Target::new("192.0.2.61:80".parse()?);
/// let script = Script::new(["/bin/sh", "-c", "exit 3"], Duration::from_secs(5));
/// let outcome = script.check(&target).await;
/// assert_eq!(outcome.verdict, Verdict::Fail(Reason::Script(3)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Script {
    /// The program and its arguments (`misc_path`), and the account it runs as (`user`).
    pub program: Program,
    /// Longest time before it is ended (`misc_timeout`).
    pub timeout: Duration,
    /// Exit status 2..=255 = up with a weight of status − 2 (`misc_dynamic`); 0 = up with the
    /// configured weight.
    pub dynamic: bool,
}

impl Script {
    /// A program with its arguments.
    #[must_use]
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>, timeout: Duration) -> Self {
        Self {
            program: Program::new(argv),
            timeout,
            dynamic: false,
        }
    }

    /// Lets the exit status set the weight.
    #[must_use]
    pub const fn with_dynamic_weight(mut self) -> Self {
        self.dynamic = true;
        self
    }

    /// Sets the account of the program.
    #[must_use]
    pub const fn with_account(mut self, account: Account) -> Self {
        self.program.account = Some(account);
        self
    }

    /// Sets the supplementary groups of the account (`set_supplementary_groups`).
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.program = self.program.with_groups(groups);
        self
    }

    /// What an exit status means.
    const fn judge(&self, status: i32) -> Outcome {
        match status {
            0 => Outcome::pass(),
            2..=255 if self.dynamic => Outcome::pass().with_weight(status.unsigned_abs() - 2),
            status => Outcome::fail(Reason::Script(status)),
        }
    }

    fn command_line(&self) -> String {
        self.program
            .argv
            .join(OsStr::new(" "))
            .to_string_lossy()
            .into_owned()
    }
}

#[async_trait]
impl HealthCheck for Script {
    fn kind(&self) -> &'static str {
        "MISC_CHECK"
    }

    fn lines(&self) -> Option<Vec<Arguments>> {
        let mut lines = vec![Arguments::command("misc_path", &self.program.argv, None)];
        // The factory takes `delay_loop` where this is not a whole number of seconds.
        if self.timeout.subsec_nanos() == 0 {
            lines.push(Arguments::seconds("misc_timeout", self.timeout));
        }
        if self.dynamic {
            lines.push(Arguments::line("misc_dynamic", [] as [&str; 0]));
        }
        if let Some(account) = self.program.account {
            let (user, group) = account.names();
            lines.push(Arguments::line("user", [user, group]));
        }
        Some(lines)
    }

    fn time_limit(&self) -> Option<Duration> {
        Some(self.timeout.saturating_add(Program::GRACE))
    }

    /// The outcome's detail is the command line.
    async fn check(&self, _: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match self.program.run(Some(self.timeout)).await {
            Ok(End::Exited(status)) => self.judge(status),
            Ok(End::Signaled(signal)) => Outcome::fail(Reason::ScriptSignal(signal)),
            Ok(End::TimedOut) => Outcome::fail(Reason::ScriptTimeout),
            Ok(End::NotExecutable(errno)) => Outcome::fail(Reason::ScriptNotExecutable(errno)),
            Ok(end) => Outcome::fail(Reason::Other(format!("{end:?}"))),
            Err(RunError::Start { source, .. }) => local("start script", &source),
            Err(RunError::Wait { source, .. }) => local("wait for script", &source),
            Err(error) => Outcome::local(LocalError::Other(error.to_string())),
        };
        outcome
            .with_detail(self.command_line())
            .with_latency(started.elapsed())
    }
}

/// A fault of this host.
fn local(operation: &'static str, error: &io::Error) -> Outcome {
    Outcome::local(match error.raw_os_error() {
        Some(errno) => LocalError::System { operation, errno },
        None => LocalError::Other(format!("{operation}: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_decides() {
        let plain = Script::new(["/bin/true"], Duration::from_secs(1));
        assert_eq!(plain.judge(0), Outcome::pass());
        assert_eq!(plain.judge(1), Outcome::fail(Reason::Script(1)));
        assert_eq!(plain.judge(2), Outcome::fail(Reason::Script(2)));
        let dynamic = plain.with_dynamic_weight();
        assert_eq!(dynamic.judge(0), Outcome::pass());
        assert_eq!(dynamic.judge(1), Outcome::fail(Reason::Script(1)));
        assert_eq!(dynamic.judge(2), Outcome::pass().with_weight(0));
        assert_eq!(dynamic.judge(255), Outcome::pass().with_weight(253));
    }
}
