// SPDX-License-Identifier: MIT OR Apache-2.0
//! `startup_script` and `shutdown_script`: the daemon waits for their end.

use lb_host::script::{End, RunError};

use super::{notify, report};
use crate::model::StageScript;

/// Runs a script to its end, or until its timeout has passed. A failure is logged and has no effect, as in
/// keepalived.
pub(super) async fn run(stage: &str, script: Option<&StageScript>) {
    let Some(StageScript { script, timeout }) = script else {
        return;
    };
    let program = script.argv.first().map(|program| program.display());
    let program = program.map(|program| program.to_string());
    let program = program.unwrap_or_default();
    tracing::info!("running {stage} script {program}");
    let end = notify::program(script).run(Some(*timeout)).await;
    match end {
        Ok(End::Exited(0)) => tracing::info!("{stage} script succeeded"),
        Ok(End::Exited(status)) => tracing::warn!(status, "{stage} script failed"),
        Ok(End::Signaled(signal)) => tracing::warn!(signal, "{stage} script was killed"),
        Ok(End::TimedOut) => tracing::warn!(?timeout, "{stage} script timed out, terminated"),
        Ok(End::NotExecutable(errno)) => {
            let error = std::io::Error::from_raw_os_error(errno);
            tracing::error!("{stage} script cannot be executed: {error}");
        }
        Ok(end) => tracing::warn!(?end, "{stage} script ended"),
        Err(error) => log_error(stage, &error),
    }
}

fn log_error(stage: &str, error: &RunError) {
    tracing::error!("{stage} script: {}", report::chain(error));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::config::{self, Mode};

    /// The start-up script of a configuration.
    fn script(lines: &str) -> StageScript {
        let text = format!("global_defs {{\n{lines}\n}}\n");
        let parsed = config::parse(&text, "t.conf", &lb_check::Registry::builtin());
        let model = parsed.into_model(Mode::Strict).unwrap();
        model.global.runtime.startup_script.unwrap()
    }

    #[tokio::test]
    async fn its_end_is_awaited_and_a_failure_has_no_effect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ran");
        let command = format!("sh -c 'sleep 0.2; echo >{}; exit 1'", file.display());
        run(
            "startup",
            Some(&script(&format!("startup_script \"{command}\""))),
        )
        .await;
        assert!(file.exists());
        run("startup", None).await;
    }

    #[tokio::test]
    async fn its_time_is_limited() {
        let lines = "startup_script \"sleep 600\"\nstartup_script_timeout 1";
        let started = Instant::now();
        run("startup", Some(&script(lines))).await;
        let took = started.elapsed();
        assert!(took >= Duration::from_secs(1), "{took:?}");
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}
