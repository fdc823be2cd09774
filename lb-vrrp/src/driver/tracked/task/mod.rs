// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracker: runs scripts, watches files, counts processes, and reports the results.
//!
//! The tracker has a thread and a runtime of its own, with ordinary scheduling: no script delays an
//! advert. Each script and each file has a task, all processes share one. The advert thread receives
//! the reports from a bounded channel; when that is full, the tasks wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lb_host::number_file::{FirstContent, Watcher, follow};
use lb_host::thread::{Thread, catch_future};
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use super::{
    FileSource, ObjectId, ObjectSpec, ProcessPattern, Report, ScriptRunner, ScriptSource, Source,
};
use crate::driver::error::Error;

mod process;
mod script;
#[cfg(test)]
mod tests;

/// Pause before a task that panicked is restarted.
const RETRY: Duration = Duration::from_secs(1);

type Reports = mpsc::Sender<(ObjectId, Report)>;

/// The tracker's thread. Dropping this ends it, and all its scripts are killed.
#[derive(Debug)]
pub(in crate::driver) struct TrackerTask {
    wanted: watch::Sender<Orders>,
    thread: Thread,
}

impl TrackerTask {
    /// Starts the thread in the network namespace of the calling one, and tracks `objects`: scripts run
    /// at once, and files are written according to their `init`.
    ///
    /// The thread also ends when the receiver of `reports` is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Thread`] if the thread or its runtime cannot be created, [`Error::TimedOut`] after `limit`.
    pub(in crate::driver) async fn start(
        objects: Vec<ObjectSpec>,
        runner: Arc<dyn ScriptRunner>,
        reports: Reports,
        limit: Duration,
    ) -> Result<Self, Error> {
        let (wanted, orders) = watch::channel(Orders::default().followed_by(objects));
        // The receiver of the reports sees the end of a tracker that panics.
        let starting = Thread::start_runtime("vrrp-tracker", limit, async move || {
            Ok(((), Tracker::new(runner, reports).run(orders)))
        });
        let (thread, ()) = starting.ready().await?;
        Ok(Self { wanted, thread })
    }

    /// Tracks these objects and no others. Objects that remain are not disturbed, a script with another
    /// interval keeps its present run, and files are not written.
    ///
    /// A new object, or one with another program, path or pattern, is reported as soon as its state is
    /// known; one that remains is reported when it changes, or with its next run.
    pub(in crate::driver) fn set(&self, objects: Vec<ObjectSpec>) {
        self.wanted.send_if_modified(|wanted| {
            let next = wanted.followed_by(objects);
            let differs = *wanted != next;
            *wanted = next;
            differs
        });
    }

    /// Ends the thread, and waits until it and its scripts have ended.
    pub(in crate::driver) async fn stop(self) {
        drop(self.wanted);
        self.thread.join().await;
    }
}

/// The objects to track. The tracker sees the latest orders only, so each object carries the number of
/// the orders since which it is tracked: an object that was removed and added again is reported again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Orders {
    number: u64,
    objects: Vec<(u64, ObjectSpec)>,
}

impl Orders {
    fn followed_by(&self, objects: Vec<ObjectSpec>) -> Self {
        let known: BTreeMap<ObjectId, u64> = self
            .objects
            .iter()
            .map(|(since, object)| (object.id(), *since))
            .collect();
        let number = self.number + 1;
        let objects: Vec<(u64, ObjectSpec)> = objects
            .into_iter()
            .map(|object| (known.get(&object.id()).copied().unwrap_or(number), object))
            .collect();
        // Equal orders keep their number.
        let number = if objects == self.objects {
            self.number
        } else {
            number
        };
        Self { number, objects }
    }
}

type Task = AbortOnDropHandle<()>;

/// Spawns the future that `begin` returns, and another one after a panic.
fn supervise<F>(id: ObjectId, mut begin: impl FnMut() -> F + Send + 'static) -> Task
where
    F: Future<Output = ()> + Send,
{
    let supervised = async move {
        while let Err(panic) = catch_future(begin()).await {
            error!(object = %id, "{panic}; starting again, please report this");
            tokio::time::sleep(RETRY).await;
        }
    };
    AbortOnDropHandle::new(tokio::spawn(supervised))
}

/// The tasks of all tracked objects.
struct Tracker {
    reports: Reports,
    runner: Arc<dyn ScriptRunner>,
    /// The number of the orders since which each object is tracked.
    since: BTreeMap<ObjectId, u64>,
    scripts: BTreeMap<ObjectId, (watch::Sender<ScriptSource>, Task)>,
    files: BTreeMap<ObjectId, (FileSource, Task)>,
    /// Started with the first file, and kept.
    watcher: Option<Arc<Watcher>>,
    processes: Option<(watch::Sender<Patterns>, Task)>,
}

type Patterns = BTreeMap<ObjectId, ProcessPattern>;

impl Tracker {
    const fn new(runner: Arc<dyn ScriptRunner>, reports: Reports) -> Self {
        Self {
            reports,
            runner,
            since: BTreeMap::new(),
            scripts: BTreeMap::new(),
            files: BTreeMap::new(),
            watcher: None,
            processes: None,
        }
    }

    /// Runs until the sender of orders or the receiver of reports is dropped.
    async fn run(mut self, mut orders: watch::Receiver<Orders>) {
        let mut first = true;
        loop {
            let objects = orders.borrow_and_update().objects.clone();
            self.forget(&objects);
            self.set(
                objects.into_iter().map(|(_, object)| object).collect(),
                first,
            );
            first = false;
            tokio::select! {
                changed = orders.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = self.reports.closed() => return,
            }
        }
    }

    /// Ends the tasks of objects that were removed, or removed and added again, since the last orders.
    fn forget(&mut self, objects: &[(u64, ObjectSpec)]) {
        let since: BTreeMap<ObjectId, u64> = objects
            .iter()
            .map(|(since, object)| (object.id(), *since))
            .collect();
        let before = std::mem::replace(&mut self.since, since);
        let mut processes = false;
        for (id, _) in before
            .iter()
            .filter(|(id, since)| self.since.get(id) != Some(since))
        {
            self.scripts.remove(id);
            self.files.remove(id);
            processes |= matches!(id, ObjectId::Process(_));
        }
        if processes {
            // One task for all: they are counted and reported again.
            self.processes = None;
        }
    }

    /// Tracks these objects and no others.
    fn set(&mut self, objects: Vec<ObjectSpec>, first: bool) {
        let mut scripts = BTreeMap::new();
        let mut files = BTreeMap::new();
        let mut patterns = Patterns::new();
        for object in objects {
            let id = object.id();
            match object.source {
                Source::Script(script) => drop(scripts.insert(id, script)),
                Source::File(file) => drop(files.insert(id, file)),
                Source::Process(process) => drop(patterns.insert(id, process.pattern)),
                Source::Bfd => {}
            }
        }
        self.set_scripts(scripts);
        self.set_files(files, first);
        self.set_processes(patterns);
    }

    fn set_scripts(&mut self, wanted: BTreeMap<ObjectId, ScriptSource>) {
        self.scripts.retain(|id, _| wanted.contains_key(id));
        for (id, source) in wanted {
            if let Some((current, _)) = self.scripts.get(&id) {
                current.send_if_modified(|current| {
                    let differs = *current != source;
                    *current = source;
                    differs
                });
                continue;
            }
            let (sender, source) = watch::channel(source);
            let task = supervise(id.clone(), {
                let (id, reports) = (id.clone(), self.reports.clone());
                let runner = Arc::clone(&self.runner);
                move || {
                    let runner = Arc::clone(&runner);
                    script::run(id.clone(), runner, source.clone(), reports.clone())
                }
            });
            self.scripts.insert(id, (sender, task));
        }
    }

    fn set_files(&mut self, wanted: BTreeMap<ObjectId, FileSource>, first: bool) {
        self.files.retain(|id, (source, _)| {
            wanted
                .get(id)
                .is_some_and(|wanted| wanted.path == source.path)
        });
        if !wanted.is_empty() && self.watcher.is_none() {
            self.watcher = Some(Watcher::start());
        }
        for (id, source) in wanted {
            let Some(watcher) = &self.watcher else { break };
            if self.files.contains_key(&id) {
                continue;
            }
            let task = supervise(id.clone(), {
                let (id, reports) = (id.clone(), self.reports.clone());
                let (path, watcher) = (source.path.clone(), Arc::clone(watcher));
                let init = source.init.filter(|_| first);
                let mut content = init.map(|init| FirstContent {
                    value: init.value,
                    overwrite: init.overwrite,
                });
                move || {
                    let (id, name) = (id.clone(), Arc::clone(id.name()));
                    follow(
                        name,
                        path.clone(),
                        content.take(),
                        Arc::clone(&watcher),
                        reports.clone(),
                        move |value| (id.clone(), Report::Value(value)),
                    )
                }
            });
            self.files.insert(id, (source, task));
        }
    }

    fn set_processes(&mut self, wanted: Patterns) {
        let Some(any) = wanted.keys().next() else {
            self.processes = None;
            return;
        };
        if let Some((current, _)) = &self.processes {
            current.send_if_modified(|current| {
                let differs = *current != wanted;
                *current = wanted;
                differs
            });
            return;
        }
        let any = any.clone();
        let (sender, patterns) = watch::channel(wanted);
        let reports = self.reports.clone();
        let task = supervise(any, move || process::run(patterns.clone(), reports.clone()));
        self.processes = Some((sender, task));
    }
}
