// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts the scripts of notifications and writes their lines to FIFOs, on a thread of its own: the
//! start of a process takes milliseconds, in which neither the director nor an advert waits.
//!
//! ```text
//! director ── bounded queue ──> notify thread ──> scripts, each waited for by a task
//!                                      └────────> FIFOs, and the programs that read them
//! ```

mod fifo;
mod reader;
mod scripts;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lb_host::thread::{StartError, Thread};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::model::{Model, NotifyFifos, NotifyScript};
use crate::notify::Notification;

use self::fifo::Fifos;
use self::reader::Readers;
use self::scripts::{Ending, Scripts};
use super::supervise::supervised;

/// Notifications that wait for the thread at most; further ones are dropped and counted.
const QUEUE: usize = 4096;
/// Longest time that the start of the thread takes.
const START: Duration = Duration::from_secs(10);
/// Longest wait for room in the queue, where a request must not be dropped.
const ROOM: Duration = Duration::from_secs(1);
/// Time that the scripts of a stop have to end; keepalived's.
pub(super) const LAST_SCRIPTS: Duration = Duration::from_secs(1);

/// The thread for notifications could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the thread for notifications")]
pub struct NotifyThreadError(#[source] StartError<Infallible>);

/// The queue of the thread for notifications.
#[derive(Debug)]
pub(super) struct Notifier {
    jobs: mpsc::Sender<Job>,
    thread: Thread,
    /// Notifications that were dropped since the queue was full first.
    dropped: u64,
}

#[derive(Debug)]
enum Job {
    Notify(Notification),
    /// Use these FIFOs from now on, and start their programs again.
    Fifos(Box<NotifyFifos>),
    /// The FIFOs that the old process of an upgrade created.
    TakeOver(BTreeSet<(u64, u64)>),
    /// Report the FIFOs that are removed at the end.
    Owned(oneshot::Sender<BTreeSet<(u64, u64)>>),
    /// End the programs that read FIFOs.
    EndReaders,
    /// Let the scripts end until then, terminate the others, and remove the FIFOs.
    Stop(Instant, oneshot::Sender<()>),
    /// Let the scripts continue without this process, and leave the FIFOs.
    Release(oneshot::Sender<()>),
}

/// What outlives a panic of the worker.
#[derive(Debug)]
struct Shared {
    jobs: AsyncMutex<mpsc::Receiver<Job>>,
    fifos: Mutex<NotifyFifos>,
}

/// Whether this model has scripts or FIFOs.
pub(super) fn needs_notifier(model: &Model) -> bool {
    let fifos = &model.global.fifos;
    let fifos = [&fifos.all, &fifos.vrrp, &fifos.servers];
    fifos.into_iter().any(Option::is_some) || model.has_notify_scripts()
}

impl Notifier {
    /// Starts the thread, without FIFOs.
    pub(super) async fn start() -> Result<Self, NotifyThreadError> {
        let starting = Thread::start_runtime("notify", START, async move || {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let shared = Arc::new(Shared {
                jobs: AsyncMutex::new(receiver),
                fifos: Mutex::default(),
            });
            Ok((sender, async move {
                supervised("notifications", || work(&shared)).await;
            }))
        });
        let (thread, jobs) = starting.ready().await.map_err(NotifyThreadError)?;
        Ok(Self {
            jobs,
            thread,
            dropped: 0,
        })
    }

    /// Queues a notification; where the queue is full it is dropped and counted.
    pub(super) fn offer(&mut self, notification: Notification) {
        match self.jobs.try_send(Job::Notify(notification)) {
            Ok(()) if self.dropped == 0 => {}
            Ok(()) => {
                let dropped = std::mem::take(&mut self.dropped);
                tracing::warn!(dropped, "notifications were dropped, {QUEUE} were waiting");
            }
            Err(TrySendError::Full(_)) => {
                if self.dropped == 0 {
                    tracing::warn!("dropping notifications, {QUEUE} are waiting");
                }
                self.dropped += 1;
            }
            Err(TrySendError::Closed(_)) => {
                tracing::error!("notification lost, its thread has ended");
            }
        }
    }

    /// Uses these FIFOs from now on; programs that read them are started (again).
    pub(super) async fn set_fifos(&self, fifos: NotifyFifos) {
        self.request(Job::Fifos(Box::new(fifos))).await;
    }

    /// Removes these FIFOs at the end, as those that it creates: the old process of an upgrade created them.
    pub(super) async fn take_over_fifos(&self, created: BTreeSet<(u64, u64)>) {
        self.request(Job::TakeOver(created)).await;
    }

    /// Device and number of the FIFOs that are removed at the end.
    pub(super) async fn owned_fifos(&self) -> BTreeSet<(u64, u64)> {
        let (reply, owned) = oneshot::channel();
        self.request(Job::Owned(reply)).await;
        let owned = tokio::time::timeout(ROOM, owned).await;
        owned.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Ends the programs that read FIFOs.
    pub(super) async fn end_readers(&self) {
        self.request(Job::EndReaders).await;
    }

    /// Ends the thread when all scripts have ended or at `deadline`; then the scripts get SIGTERM.
    pub(super) async fn shutdown(self, deadline: Instant) {
        let (done, ended) = oneshot::channel();
        self.request(Job::Stop(deadline, done)).await;
        self.end(ended, deadline).await;
    }

    /// Ends the thread and leaves FIFOs and running scripts to themselves.
    pub(super) async fn release(self) {
        let (done, ended) = oneshot::channel();
        self.request(Job::Release(done)).await;
        self.end(ended, Instant::now()).await;
    }

    async fn request(&self, job: Job) {
        if self.jobs.send_timeout(job, ROOM).await.is_err() {
            tracing::error!("the thread for notifications does not answer");
        }
    }

    async fn end(self, ended: oneshot::Receiver<()>, deadline: Instant) {
        // An error means that the worker has ended, too.
        let _ = tokio::time::timeout_at(deadline + ROOM, ended).await;
        drop(self.jobs);
        if tokio::time::timeout(ROOM, self.thread.join())
            .await
            .is_err()
        {
            tracing::warn!("the thread for notifications did not end in time");
        }
    }
}

/// Carries out jobs until one ends it.
async fn work(shared: &Shared) {
    let mut jobs = shared.jobs.lock().await;
    let fifos = || shared.fifos.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scripts = Scripts::new();
    let mut open = Fifos::default();
    let mut readers = Readers::default();
    open.set(fifos().clone());
    readers.start(&fifos());
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Notify(Notification::Script(call)) => scripts.start(call),
            Job::Notify(Notification::Line(line)) => open.write(&line),
            Job::Fifos(new) => {
                readers.end();
                (*fifos()).clone_from(&new);
                open.set(*new);
                readers.start(&fifos());
            }
            Job::TakeOver(created) => open.take_over(created),
            // An error means that the daemon does not wait.
            Job::Owned(reply) => drop(reply.send(open.owned())),
            Job::EndReaders => readers.end(),
            Job::Stop(deadline, done) => {
                readers.end();
                scripts.end_by(deadline).await;
                readers.wait(deadline).await;
                open.remove();
                // An error means that the daemon does not wait.
                let _ = done.send(());
                return;
            }
            Job::Release(done) => {
                readers.end();
                scripts.end(Ending::Release).await;
                readers.wait(Instant::now() + LAST_SCRIPTS).await;
                let _ = done.send(());
                return;
            }
        }
    }
}

/// What runs a script.
pub(super) fn program(script: &NotifyScript) -> lb_host::script::Program {
    let mut program = lb_host::script::Program::new(&script.argv);
    program = program.with_groups(script.groups.iter().copied());
    match script.account {
        Some((uid, gid)) => program.with_account(lb_host::script::Account::new(uid, gid)),
        None => program,
    }
}

#[cfg(test)]
mod tests;
