// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts the scripts of notifications, writes their lines to FIFOs and posts them to web servers, on a
//! thread of its own: the start of a process takes milliseconds, in which neither the director nor an
//! advert waits.
//!
//! ```text
//! director ── bounded queue ──> notify thread ──> scripts, each waited for by a task
//!                                      ├────────> FIFOs, and the programs that read them
//!                                      └────────> web servers, each with a queue and a task
//! ```

mod fifo;
mod reader;
mod scripts;
mod webhook;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use lb_host::thread::{StartError, Thread};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::model::{Global, Model, NotifyFifos, NotifyScript};
use crate::notify::Notification;

use self::fifo::Fifos;
use self::reader::Readers;
use self::scripts::{Ending, Scripts};
use self::webhook::Webhooks;
use super::supervise::supervised;

/// Notifications that wait for the thread at most; further ones are dropped and counted.
const QUEUE: usize = 4096;
/// Longest time that the start of the thread takes.
const START: Duration = Duration::from_secs(10);
/// Longest wait for room in the queue, where a request must not be dropped.
const ROOM: Duration = Duration::from_secs(1);
/// Time that the scripts of a stop have to end, keepalived's; and its last events to be posted.
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
    /// Carry out a notification of this time.
    Notify(Notification, Timestamp),
    /// Use these settings from now on, and start the programs of FIFOs again.
    Settings(Box<Settings>),
    /// End the programs that read FIFOs.
    EndReaders,
    /// Let the scripts end and the web servers answer until then, terminate the others, and remove the
    /// FIFOs.
    Stop(Instant, oneshot::Sender<()>),
    /// Let the scripts continue without this process, and leave the FIFOs.
    Release(oneshot::Sender<()>),
}

/// The settings of notifications as a whole.
#[derive(Clone, Debug, Default)]
struct Settings {
    fifos: NotifyFifos,
    router_id: String,
}

/// What outlives a panic of the worker.
#[derive(Debug)]
struct Shared {
    jobs: AsyncMutex<mpsc::Receiver<Job>>,
    settings: Mutex<Settings>,
}

/// Whether this model has scripts, FIFOs or web servers to post to.
pub(super) fn needs_notifier(model: &Model) -> bool {
    let fifos = &model.global.fifos;
    let fifos = [&fifos.all, &fifos.vrrp, &fifos.servers];
    fifos.into_iter().any(Option::is_some) || model.has_notify_scripts() || model.has_webhooks()
}

impl Notifier {
    /// Starts the thread, without FIFOs.
    pub(super) async fn start() -> Result<Self, NotifyThreadError> {
        let starting = Thread::start_runtime("notify", START, async move || {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let shared = Arc::new(Shared {
                jobs: AsyncMutex::new(receiver),
                settings: Mutex::default(),
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
        match self
            .jobs
            .try_send(Job::Notify(notification, Timestamp::now()))
        {
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

    /// Uses these settings from now on; programs that read FIFOs are started (again).
    pub(super) async fn apply(&self, global: &Global) {
        let settings = Settings {
            fifos: global.fifos.clone(),
            router_id: global.router_id.clone(),
        };
        self.request(Job::Settings(Box::new(settings))).await;
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
    let settings = || {
        shared
            .settings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    let mut scripts = Scripts::new();
    let mut webhooks = Webhooks::new();
    webhooks.set_router_id(settings().router_id.clone());
    let mut open = Fifos::default();
    let mut readers = Readers::default();
    open.set(settings().fifos.clone());
    readers.start(&settings().fifos);
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Notify(Notification::Script(call), _) => scripts.start(call),
            Job::Notify(Notification::Line(line), _) => open.write(&line),
            Job::Notify(Notification::Post(call), time) => webhooks.post(*call, time),
            Job::Settings(new) => {
                readers.end();
                (*settings()).clone_from(&new);
                webhooks.set_router_id(new.router_id);
                open.set(new.fifos);
                readers.start(&settings().fifos);
            }
            Job::EndReaders => readers.end(),
            Job::Stop(deadline, done) => {
                readers.end();
                scripts.end_by(deadline).await;
                // The events were posted meanwhile.
                webhooks.end_by(deadline).await;
                readers.wait(deadline).await;
                open.remove();
                // An error means that the daemon does not wait.
                let _ = done.send(());
                return;
            }
            Job::Release(done) => {
                readers.end();
                scripts.end(Ending::Release).await;
                let deadline = Instant::now() + LAST_SCRIPTS;
                readers.wait(deadline).await;
                webhooks.end_by(deadline).await;
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
