// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program that its owner does not wait for at once.

use std::ffi::OsString;

use nix::sys::signal::Signal;

use super::process::Running;
use super::{End, RunError};

/// A program that [`Program::start`](super::Program::start) has started. Dropped before the program has
/// ended, its process group gets SIGKILL.
///
/// ```
/// use lb_host::script::{End, Program};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lb_host::script::RunError> {
/// let mut started = Program::new(["/bin/sh", "-c", "trap 'exit 7' TERM; sleep 600 & wait"]).start()?;
/// # let wait = tokio::time::timeout(std::time::Duration::from_millis(300), started.wait());
/// # assert!(wait.await.is_err());
/// started.terminate();
/// assert_eq!(started.wait().await?, End::Exited(7));
/// # Ok(())
/// # }
/// ```
pub struct Started {
    program: OsString,
    state: Result<Running, End>,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("Started");
        f.field("program", &self.program).finish_non_exhaustive()
    }
}

impl Started {
    pub(super) const fn new(program: OsString, state: Result<Running, End>) -> Self {
        Self { program, state }
    }

    /// Waits for the end of the program. Cancel-safe.
    ///
    /// # Errors
    /// [`RunError::Wait`] when the exit status cannot be read.
    pub async fn wait(&mut self) -> Result<End, RunError> {
        let running = match &mut self.state {
            Ok(running) => running,
            Err(end) => return Ok(*end),
        };
        let end = running.wait().await.map_err(|source| RunError::Wait {
            program: self.program.clone(),
            source,
        })?;
        self.state = Err(end);
        Ok(end)
    }

    /// Sends SIGTERM to the process group of the program.
    pub fn terminate(&self) {
        if let Ok(running) = &self.state {
            running.signal(Signal::SIGTERM);
        }
    }

    /// Sends SIGKILL to the process group of the program.
    pub fn kill(&self) {
        if let Ok(running) = &self.state {
            running.signal(Signal::SIGKILL);
        }
    }

    /// Lets the program continue without this process waiting for it.
    pub fn release(mut self) {
        if let Ok(running) = &mut self.state {
            running.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Program;
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(["/bin/sh", "-c", script])
    }

    #[tokio::test]
    async fn a_started_program_is_waited_for_or_was_never_executable() {
        let mut started = shell("exit 3").start().unwrap();
        assert_eq!(started.wait().await.unwrap(), End::Exited(3));
        assert_eq!(started.wait().await.unwrap(), End::Exited(3));
        let mut missing = Program::new(["/nonexistent/program"]).start().unwrap();
        let end = missing.wait().await.unwrap();
        assert!(matches!(end, End::NotExecutable(_)), "{end:?}");
    }

    #[tokio::test]
    async fn a_released_program_continues() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("end");
        let script = format!("sleep 0.3; echo end >{}", file.display());
        shell(&script).start().unwrap().release();
        let written = async {
            while !std::fs::read_to_string(&file).is_ok_and(|text| text == "end\n") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), written)
            .await
            .unwrap();
    }
}
