// SPDX-License-Identifier: MIT OR Apache-2.0
//! The running scripts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lb_host::script::{End, Started};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::TaskTracker;

use super::program;
use crate::daemon::report;
use crate::notify::ScriptCall;

/// Scripts that run at once, at most.
const ALL: usize = 512;
/// The same for those of one object: an object that changes often, whose scripts hang, must not take
/// the room of others.
const EACH: usize = 16;
/// A script of an object starts when the one before it has ended, or has run for this time. keepalived
/// starts them all at once; a short wait keeps the effects of short scripts in order.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longest wait for the end of the tasks after the request to end.
const LAST: Duration = Duration::from_millis(500);

/// What happens to scripts that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// They run on.
    None,
    /// They get SIGTERM and are not waited for.
    Terminate,
    /// They are not waited for.
    Release,
}

/// The scripts of one object.
#[derive(Debug)]
struct Object {
    /// Completes when the next script may start.
    turn: Option<oneshot::Receiver<()>>,
    room: Arc<Semaphore>,
    /// Scripts that were not started since there was no room.
    dropped: u64,
}

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    objects: HashMap<String, Object>,
    room: Arc<Semaphore>,
    tasks: TaskTracker,
    ending: watch::Sender<Ending>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            objects: HashMap::new(),
            room: Arc::new(Semaphore::new(ALL)),
            tasks: TaskTracker::new(),
            ending: watch::Sender::new(Ending::None),
        }
    }

    /// Starts a script in its turn; without room it is dropped and counted.
    pub(super) fn start(&mut self, call: ScriptCall) {
        let object = self
            .objects
            .entry(call.object.clone())
            .or_insert_with(|| Object {
                turn: None,
                room: Arc::new(Semaphore::new(EACH)),
                dropped: 0,
            });
        let own = Arc::clone(&object.room).try_acquire_owned();
        let (Ok(own), Ok(all)) = (own, Arc::clone(&self.room).try_acquire_owned()) else {
            object.dropped += 1;
            if object.dropped == 1 {
                let name = &call.object;
                tracing::warn!("dropping scripts of {name}: too many of its scripts are running");
            }
            return;
        };
        if object.dropped > 0 {
            let dropped = std::mem::take(&mut object.dropped);
            tracing::warn!(dropped, "scripts of {} were dropped", call.object);
        }
        let (done, turn) = oneshot::channel();
        let previous = object.turn.replace(turn);
        let script = Script {
            call,
            previous,
            done: Some(done),
            _room: [own, all],
        };
        self.tasks.spawn(script.run(self.ending.subscribe()));
    }

    /// Waits for the scripts until `deadline`; those that run then get SIGTERM.
    pub(super) async fn end_by(self, deadline: Instant) {
        self.tasks.close();
        if timeout_at(deadline, self.tasks.wait()).await.is_err() {
            let running = self.tasks.len();
            tracing::warn!(running, "scripts have not ended in time and get SIGTERM");
            self.end(Ending::Terminate).await;
        }
    }

    /// Ends the wait for all scripts.
    pub(super) async fn end(self, ending: Ending) {
        self.ending.send_replace(ending);
        self.tasks.close();
        // They end at once.
        let _ = timeout_at(Instant::now() + LAST, self.tasks.wait()).await;
    }
}

/// One call with its place among those of its object.
struct Script {
    call: ScriptCall,
    previous: Option<oneshot::Receiver<()>>,
    done: Option<oneshot::Sender<()>>,
    _room: [OwnedSemaphorePermit; 2],
}

impl Script {
    async fn run(mut self, mut ending: watch::Receiver<Ending>) {
        if let Some(previous) = self.previous.take() {
            // The sender is dropped when the script before has ended or has run for a while.
            let _ = previous.await;
        }
        let object = &self.call.object;
        let mut started = match program(&self.call.script).start() {
            Ok(started) => started,
            Err(error) => {
                tracing::error!("script of {object}: {}", report::chain(&error));
                return;
            }
        };
        loop {
            tokio::select! {
                end = started.wait() => {
                    match end {
                        Ok(end) => log_end(&self.call, end),
                        Err(error) => {
                            tracing::error!("script of {object}: {}", report::chain(&error));
                        }
                    }
                    return;
                }
                () = sleep(PATIENCE), if self.done.is_some() => drop(self.done.take()),
                end = ending.wait_for(|ending| *ending != Ending::None) => {
                    // Without a sender the worker has panicked: the script continues.
                    leave(started, end.map_or(Ending::Release, |end| *end));
                    return;
                }
            }
        }
    }
}

fn leave(started: Started, ending: Ending) {
    if ending == Ending::Terminate {
        started.terminate();
    }
    started.release();
}

fn log_end(call: &ScriptCall, end: End) {
    let object = &call.object;
    let program = call.script.argv.first().map(|program| program.display());
    let program = program.map(|program| program.to_string());
    let program = program.unwrap_or_default();
    match end {
        End::Exited(0) => tracing::debug!("script {program} of {object} succeeded"),
        End::Exited(status) => {
            tracing::info!(status, "script {program} of {object} failed");
        }
        End::Signaled(signal) => {
            tracing::info!(signal, "script {program} of {object} was killed");
        }
        End::NotExecutable(errno) => {
            let error = std::io::Error::from_raw_os_error(errno);
            tracing::error!("script {program} of {object} cannot be executed: {error}");
        }
        end => tracing::debug!(?end, "script {program} of {object} ended"),
    }
}
