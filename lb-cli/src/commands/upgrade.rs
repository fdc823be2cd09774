// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lbctl upgrade`: has the running daemon start a new process, and prints whether that took over.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lb_core::control::{self, ClientError};

use super::daemon::{self, FAILED};
use crate::{cli::UpgradeArgs, failure::Failure, output::print};

/// Pause between two requests for the status.
const LOOK: Duration = Duration::from_millis(50);
/// Time for the new process to take over.
const PATIENCE: Duration = Duration::from_secs(60);

/// Has the daemon start a new process, and waits until that answers on the control socket.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<u8, Failure> {
    let socket = &daemon::socket(args.control.as_deref());
    daemon::converse(wait(socket))
}

async fn wait(socket: &Path) -> Result<u8, Failure> {
    let failed = |error: ClientError| Failure::from_error(FAILED, &error);
    let started = control::upgrade(socket).await.map_err(failed)?;
    let (pid, from) = (started.pid, started.from);
    let start = Instant::now();
    loop {
        let is_running = Path::new(&format!("/proc/{pid}")).exists();
        // During the handover neither process may answer.
        let answers = control::status(socket).await.ok().map(|status| status.pid);
        if answers == Some(pid) {
            return print(&format!("PID {pid} has taken over from PID {from}\n")).map(|()| 0);
        }
        let reason = if !is_running {
            "the new process ended (see the log)"
        } else if start.elapsed() > PATIENCE {
            "the new process has not taken over within a minute (see the log)"
        } else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let text = match answers {
            Some(_) => format!("{reason}; PID {from} keeps running"),
            None => reason.to_owned(),
        };
        return Err(Failure::new(FAILED, text));
    }
}
