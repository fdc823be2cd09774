// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl upgrade`: the running daemon starts its successor, and whether that took over is told.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lb_core::control::{self, ClientError};

use super::daemon::{self, FAILED};
use crate::{cli::UpgradeArgs, failure::Failure, output::print};

/// Between two looks at who answers.
const LOOK: Duration = Duration::from_millis(50);
/// How long the successor may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has the daemon start a successor, and waits until that answers in its place.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<u8, Failure> {
    let socket = daemon::socket(args.control.as_deref());
    daemon::converse(wait(socket))
}

async fn wait(socket: &Path) -> Result<u8, Failure> {
    let failed = |error: ClientError| Failure::of(FAILED, &error);
    let started = control::upgrade(socket).await.map_err(failed)?;
    let (pid, from) = (started.pid, started.from);
    let start = Instant::now();
    loop {
        let lives = Path::new(&format!("/proc/{pid}")).exists();
        // Between the two nobody may answer.
        let answers = control::status(socket).await.ok().map(|status| status.pid);
        if answers == Some(pid) {
            return print(&format!("PID {pid} has taken over from PID {from}\n")).map(|()| 0);
        }
        let reason = if !lives {
            "the new process ended; the log says why"
        } else if start.elapsed() > PATIENCE {
            "the new process has not taken over within a minute; the log says more"
        } else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let text = match answers {
            Some(_) => format!("{reason}; PID {from} runs on"),
            None => reason.to_owned(),
        };
        return Err(Failure::new(FAILED, text));
    }
}
