// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process group that never outlives its owner.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::{End, Program};

/// Interval at which a program that got SIGTERM is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A running program. Dropped before the program has ended, its whole group is killed, unless it was
/// [released](Self::release).
pub(super) struct Running {
    /// The process group, as long as its leader has not been waited for: until then the kernel does
    /// not reuse the number.
    group: Option<Pid>,
    child: Child,
}

impl Running {
    pub(super) fn new(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            group: id.map(Pid::from_raw),
            child,
        }
    }

    pub(super) async fn wait(&mut self) -> io::Result<End> {
        let status = self.child.wait().await;
        self.group = None;
        status.map(end)
    }

    /// Sends SIGTERM, then SIGKILL to what is left of the group.
    pub(super) async fn terminate(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGTERM);
        let until = Instant::now() + Program::GRACE;
        while !self.has_ended() && Instant::now() < until {
            sleep(LOOK).await;
        }
        self.signal(Signal::SIGKILL);
        match timeout(Program::GRACE, self.wait()).await {
            Ok(status) => status.map(drop),
            Err(_elapsed) => Ok(()),
        }
    }

    /// Lets the program continue without its owner.
    pub(super) fn release(&mut self) {
        self.group = None;
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // ESRCH, the only possible error, means that all processes of the group have ended.
            let _ = killpg(group, signal);
        }
    }

    /// Whether the leader has ended; leaves it to be waited for.
    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        self.group.is_none_or(|group| {
            !matches!(waitid(Id::Pid(group), flags), Ok(WaitStatus::StillAlive))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

fn end(status: ExitStatus) -> End {
    match status.code() {
        Some(code) => End::Exited(code),
        None => End::Signaled(status.signal().unwrap_or_default()),
    }
}
