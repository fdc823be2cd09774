// SPDX-License-Identifier: MIT OR Apache-2.0
//! What routers track beside their interfaces, and what sync groups they form.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::error::Error;

mod command;
mod group;
mod object;
mod source;
mod task;
mod tracking;

pub use self::command::CommandRunner;
pub use self::group::GroupSpec;
pub use self::object::Report;
pub use self::source::{FileSource, ObjectSpec, ProcessSource, ScriptRunner, ScriptSource, Source};
pub(super) use self::task::TrackerTask;
pub(super) use self::tracking::Tracking;
pub use crate::track::{FileInit, ObjectId, ProcessPattern};

/// Has these objects tracked from now on, and no others; starts the tracker if it is needed first.
pub(super) fn track(
    tracker: &Mutex<Option<TrackerTask>>,
    objects: Vec<ObjectSpec>,
    reports: &mpsc::Sender<(ObjectId, Report)>,
    limit: Duration,
) -> Result<(), Error> {
    let mut tracker = tracker.lock().unwrap_or_else(PoisonError::into_inner);
    match tracker.as_ref() {
        Some(running) => running.set(objects),
        None if objects.iter().all(|of| of.source == Source::Bfd) => {}
        None => *tracker = Some(TrackerTask::start(objects, reports.clone(), limit)?),
    }
    Ok(())
}

/// The same, with files as they are: they are written at the start only.
pub(super) fn without_init(objects: &[ObjectSpec]) -> Vec<ObjectSpec> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if let Source::File(file) = &mut object.source {
            file.init = None;
        }
    }
    objects
}
