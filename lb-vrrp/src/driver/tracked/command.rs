// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs a program as a tracked script.

use std::error::Error as _;
use std::fmt;

use async_trait::async_trait;
use lb_host::script::{Account, End, Program};
use tracing::debug;

use super::ScriptSource;
use crate::track::ScriptOutcome;

/// Runs the scripts of tracked objects; see [`ScriptSource`].
#[async_trait]
pub trait ScriptRunner: Send + Sync + fmt::Debug {
    /// Runs a script to its end, or kills it after its [timeout](ScriptSource::timeout). Dropping the
    /// future kills it too.
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome;
}

/// Runs scripts as programs, with their account and groups; see [`Program::run`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CommandRunner;

impl CommandRunner {
    /// The program that a script runs.
    fn program(script: &ScriptSource) -> Program {
        let mut program = Program::new(&script.argv).with_groups(script.groups.iter().copied());
        program.account = script.account.map(|(uid, gid)| Account::new(uid, gid));
        program
    }
}

#[async_trait]
impl ScriptRunner for CommandRunner {
    async fn run(&self, script: &ScriptSource) -> ScriptOutcome {
        match Self::program(script).run(Some(script.timeout)).await {
            Ok(End::Exited(status)) => ScriptOutcome::Exited(status),
            Ok(End::Signaled(signal)) => ScriptOutcome::Killed(signal),
            Ok(End::TimedOut) => ScriptOutcome::TimedOut,
            Ok(end) => {
                debug!(script = script.line(), ?end, "script not started");
                ScriptOutcome::NotStarted
            }
            Err(error) => {
                let cause = error.source();
                debug!(script = script.line(), %error, cause, "script not started");
                ScriptOutcome::NotStarted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Ten times what anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> ScriptSource {
        ScriptSource::new(["/bin/sh", "-c", script]).with_interval(PATIENCE, PATIENCE)
    }

    #[tokio::test]
    async fn an_exit_status_a_signal_and_a_missing_program_are_distinguished() {
        let run = |script: ScriptSource| async move { CommandRunner.run(&script).await };
        assert_eq!(run(shell("exit 0")).await, ScriptOutcome::Exited(0));
        assert_eq!(run(shell("exit 7")).await, ScriptOutcome::Exited(7));
        assert_eq!(run(shell("kill -9 $$")).await, ScriptOutcome::Killed(9));
        let missing = ScriptSource::new(["/nonexistent/program"]);
        assert_eq!(run(missing).await, ScriptOutcome::NotStarted);
        let nothing: [&str; 0] = [];
        let empty = ScriptSource::new(nothing);
        assert_eq!(run(empty).await, ScriptOutcome::NotStarted);
    }

    #[tokio::test]
    async fn a_program_beyond_its_limit_times_out() {
        let short = Duration::from_millis(10);
        let script = shell("sleep 600").with_interval(short, short);
        assert_eq!(CommandRunner.run(&script).await, ScriptOutcome::TimedOut);
    }

    #[test]
    fn account_and_groups_reach_the_program() {
        let script = shell("exit 0").with_account(1, 2).with_groups([3, 4]);
        let program = CommandRunner::program(&script);
        assert_eq!(program.account, Some(Account::new(1, 2)));
        assert_eq!(program.groups, [3, 4]);
    }
}
