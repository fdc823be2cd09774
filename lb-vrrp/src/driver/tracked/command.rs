// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs a program as a tracked script.

use std::error::Error as _;
use std::ffi::OsString;
use std::time::Duration;

use async_trait::async_trait;
use lb_host::script::{End, Program};
use tracing::debug;

use super::ScriptRunner;
use crate::track::ScriptOutcome;

/// Runs a program, as [`Program::run`] does.
///
/// Made from a [`Program`], it may run as another user.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use lb_vrrp::driver::{CommandRunner, ObjectSpec, ScriptSource};
///
/// let runner = CommandRunner::new(["/usr/bin/pgrep", "nginx"]);
/// let source = ScriptSource::new(Arc::new(runner))
///     .with_interval(Duration::from_secs(2), Duration::from_secs(1));
/// let object = ObjectSpec::new("check_nginx", source);
/// # assert_eq!(object.name, "check_nginx");
/// ```
#[derive(Clone, Debug)]
pub struct CommandRunner {
    program: Program,
    line: String,
}

impl CommandRunner {
    /// A program, looked up in `PATH` unless it has a slash, and its arguments. No shell.
    pub fn new<W: Into<OsString>>(argv: impl IntoIterator<Item = W>) -> Self {
        Program::new(argv).into()
    }
}

impl From<Program> for CommandRunner {
    fn from(program: Program) -> Self {
        // `Debug` shows every field, and quotes what is free text.
        let line = format!("{program:?}");
        Self { program, line }
    }
}

#[async_trait]
impl ScriptRunner for CommandRunner {
    fn line(&self) -> &str {
        &self.line
    }

    async fn run(&self, limit: Duration) -> ScriptOutcome {
        match self.program.run(Some(limit)).await {
            Ok(End::Exited(status)) => ScriptOutcome::Exited(status),
            Ok(End::Signaled(signal)) => ScriptOutcome::Killed(signal),
            Ok(End::TimedOut) => ScriptOutcome::TimedOut,
            Ok(end) => {
                debug!(line = self.line, ?end, "script not started");
                ScriptOutcome::NotStarted
            }
            Err(error) => {
                let cause = error.source();
                debug!(line = self.line, %error, cause, "script not started");
                ScriptOutcome::NotStarted
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times what anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> CommandRunner {
        CommandRunner::new(["/bin/sh", "-c", script])
    }

    #[tokio::test]
    async fn an_exit_status_a_signal_and_a_missing_program_are_told_apart() {
        let run = |runner: CommandRunner| async move { runner.run(PATIENCE).await };
        assert_eq!(run(shell("exit 0")).await, ScriptOutcome::Exited(0));
        assert_eq!(run(shell("exit 7")).await, ScriptOutcome::Exited(7));
        assert_eq!(run(shell("kill -9 $$")).await, ScriptOutcome::Killed(9));
        let missing = CommandRunner::new(["/nonexistent/program"]);
        assert_eq!(run(missing).await, ScriptOutcome::NotStarted);
        let nothing: [&str; 0] = [];
        let empty = CommandRunner::new(nothing);
        assert_eq!(run(empty).await, ScriptOutcome::NotStarted);
    }

    #[tokio::test]
    async fn a_program_beyond_its_limit_times_out() {
        let outcome = shell("sleep 600").run(Duration::from_millis(10)).await;
        assert_eq!(outcome, ScriptOutcome::TimedOut);
    }

    #[test]
    fn lines_of_different_words_differ() {
        let line = |words: &[&str]| CommandRunner::new(words.iter().copied()).line().to_owned();
        assert_ne!(line(&["a b"]), line(&["a", "b"]));
        assert_ne!(line(&["a\", \"b"]), line(&["a", "b"]));
        assert_eq!(line(&["a", "b"]), line(&["a", "b"]));
    }
}
