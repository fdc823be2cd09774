// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs that read FIFOs (`notify_fifo_script`).

use std::path::PathBuf;
use std::time::Duration;

use lb_host::script::{End, Program, Started};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::program;
use crate::daemon::report;
use crate::model::{Fifo, NotifyFifos};

/// First wait before a program that ended is started again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest such wait; a program that ran for longer is started again after the first wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The programs of all FIFOs.
#[derive(Debug, Default)]
pub(super) struct Readers {
    tasks: TaskTracker,
    /// Dropped to end the program.
    running: Vec<oneshot::Sender<()>>,
}

impl Readers {
    /// Starts the programs of these FIFOs.
    pub(super) fn start(&mut self, fifos: &NotifyFifos) {
        let fifos = [&fifos.all, &fifos.vrrp, &fifos.servers];
        for fifo in fifos.into_iter().flatten() {
            let Some(reader) = Reader::new(fifo) else {
                continue;
            };
            let (running, end) = oneshot::channel();
            self.running.push(running);
            self.tasks.spawn(reader.run(end));
        }
    }

    /// Sends SIGTERM to the programs, and SIGKILL after [`Program::GRACE`].
    pub(super) fn end(&mut self) {
        self.running.clear();
    }

    /// Waits until the programs that were ended have ended.
    pub(super) async fn wait(&self, deadline: Instant) {
        self.tasks.close();
        // Those that remain get SIGKILL when the runtime ends.
        let _ = timeout_at(deadline, self.tasks.wait()).await;
    }
}

struct Reader {
    path: PathBuf,
    program: Program,
}

impl Reader {
    fn new(fifo: &Fifo) -> Option<Self> {
        let script = fifo.script.as_ref()?.with_arguments([&fifo.path]);
        Some(Self {
            path: fifo.path.clone(),
            program: program(&script),
        })
    }

    /// Runs the program again and again until `end` is dropped.
    async fn run(self, mut end: oneshot::Receiver<()>) {
        let path = self.path.display();
        let mut wait = FIRST_WAIT;
        loop {
            let begin = Instant::now();
            match self.program.start() {
                Ok(mut started) => tokio::select! {
                    ended = started.wait() => match ended {
                        Ok(End::NotExecutable(errno)) => {
                            let error = std::io::Error::from_raw_os_error(errno);
                            tracing::error!("script for {path} cannot be executed: {error}");
                        }
                        Ok(how) => tracing::warn!(?how, "script for {path} ended"),
                        Err(error) => tracing::error!("script for {path}: {}", report::chain(&error)),
                    },
                    _ = &mut end => return terminate(started).await,
                },
                Err(error) => tracing::error!("script for {path}: {}", report::chain(&error)),
            }
            if begin.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            tracing::info!("script for {path} is started again in {wait:?}");
            tokio::select! {
                () = sleep(wait) => {}
                _ = &mut end => return,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

async fn terminate(mut started: Started) {
    started.terminate();
    if timeout(Program::GRACE, started.wait()).await.is_err() {
        started.kill();
        // Bounded, because nothing ends a process that hangs in the kernel.
        let _ = timeout(Program::GRACE, started.wait()).await;
    }
}
