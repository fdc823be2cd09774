// SPDX-License-Identifier: MIT OR Apache-2.0
//! The objects that routers track: scripts, files, processes and BFD sessions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

use super::error::Error;

mod command;
mod object;
mod task;
mod tracking;

pub use self::command::{CommandRunner, ScriptRunner};
pub use self::object::Report;
pub(super) use self::task::TrackerTask;
pub(super) use self::tracking::Tracking;
pub(super) use crate::spec::{FileSource, ObjectSpec, ScriptSource, Source};
pub(super) use crate::track::{ObjectId, ProcessPattern};

/// Tracks these objects and no others; starts the tracker when the first one is tracked.
pub(super) async fn track(
    tracker: &Mutex<Option<TrackerTask>>,
    objects: Vec<ObjectSpec>,
    runner: &Arc<dyn ScriptRunner>,
    reports: &mpsc::Sender<(ObjectId, Report)>,
    limit: Duration,
) -> Result<(), Error> {
    let mut tracker = tracker.lock().await;
    match tracker.as_ref() {
        Some(running) => running.set(objects),
        None if objects.iter().all(|object| object.source == Source::Bfd) => {}
        None => {
            let runner = Arc::clone(runner);
            let task = TrackerTask::start(objects, runner, reports.clone(), limit);
            *tracker = Some(task.await?);
        }
    }
    Ok(())
}

/// A copy without the initial values of files, which are written at the start only.
pub(super) fn without_init(objects: &[ObjectSpec]) -> Vec<ObjectSpec> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if let Source::File(file) = &mut object.source {
            file.init = None;
        }
    }
    objects
}
