// SPDX-License-Identifier: MIT OR Apache-2.0
//! `MISC_CHECK`: a program decides.

mod factory;
mod process;
mod security;
mod switch;
mod words;

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{HealthCheck, Outcome, Reason, Target};

pub(crate) use self::factory::ScriptFactory;
pub use self::process::{Account, UnknownAccount};

/// Runs a program, without a shell, in a process group of its own; exit status 0 = up.
///
/// Keepalived's `MISC_CHECK`, with one difference: a program that cannot be executed is a failure,
/// not a success.
///
/// A program that does not end within [`timeout`](Self::timeout) gets SIGTERM, 2 s later SIGKILL,
/// and so do the children it has in its group. When the check is cancelled, SIGKILL at once. The
/// program has no input and no output, and not the variables of the environment by which a caller
/// could change what a program does (`LD_*`, `BASH_ENV` …) or that are meant for the director
/// alone (`NOTIFY_SOCKET`, `LISTEN_FDS` …).
///
/// It runs as the director's user unless [`account`](Self::account) says otherwise; with another
/// account it has no supplementary groups but [`groups`](Self::groups).
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
    /// The program, and its arguments.
    pub argv: Vec<OsString>,
    /// Longest time before it is ended (`misc_timeout`).
    pub timeout: Duration,
    /// Exit status 2..=255 = up with a weight of status − 2 (`misc_dynamic`); 0 = up with the
    /// configured weight.
    pub dynamic: bool,
    /// Whom it runs as (`user`).
    pub account: Option<Account>,
    /// Supplementary groups by number, where it runs as another account
    /// (`set_supplementary_groups`).
    pub groups: Vec<u32>,
}

impl Script {
    /// A program with its arguments.
    #[must_use]
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>, timeout: Duration) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self {
            argv,
            timeout,
            dynamic: false,
            account: None,
            groups: Vec::new(),
        }
    }

    /// Lets the exit status set the weight.
    #[must_use]
    pub const fn with_dynamic_weight(mut self) -> Self {
        self.dynamic = true;
        self
    }

    /// Sets whom it runs as.
    #[must_use]
    pub const fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Sets the supplementary groups of its account.
    #[must_use]
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = u32>) -> Self {
        self.groups = groups.into_iter().collect();
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
        self.argv
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

    /// The outcome's detail is the command line.
    async fn check(&self, _: &Target) -> Outcome {
        let started = Instant::now();
        let outcome = match process::run(self).await {
            Ok(process::End::Exit(status)) => self.judge(status),
            Ok(process::End::Signal(signal)) => Outcome::fail(Reason::ScriptSignal(signal)),
            Ok(process::End::TimedOut) => Outcome::fail(Reason::ScriptTimeout),
            Ok(process::End::NotExecutable(errno)) => {
                Outcome::fail(Reason::ScriptNotExecutable(errno))
            }
            Err(error) => Outcome::local(error),
        };
        outcome
            .with_detail(self.command_line())
            .with_latency(started.elapsed())
    }
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
