// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files that checks of real servers follow: keepalived's `track_file` for `FILE_CHECK`.
//!
//! Each file has a task; all share one inotify instance. Virtual routers have tasks of their own for the files
//! that they track, on the thread of their tracker.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use lb_check::{FileCheck, Input};
use lb_host::number_file::{FirstContent, Watcher, follow};
use lb_vrrp::track::ObjectId;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::model::{FileSource, Model, Source};

use super::supervise::supervised;

/// Numbers that wait for the director; when it is full, the tasks wait and send the newest number then.
const QUEUE: usize = 64;

type Number = (Arc<str>, i64);

/// The followed files.
#[derive(Debug)]
pub(super) struct TrackedFiles {
    files: BTreeMap<Arc<str>, TrackedFile>,
    /// Started with the first file, and kept.
    watcher: Option<Arc<Watcher>>,
    /// Whether files have been followed: at the first time they are written according to `init_file`.
    started: bool,
    numbers: mpsc::Sender<Number>,
    received: mpsc::Receiver<Number>,
}

/// One followed file.
#[derive(Debug)]
struct TrackedFile {
    path: PathBuf,
    /// The last number; `None` before the first one.
    number: Option<i64>,
    /// Dropped to end it.
    _task: AbortOnDropHandle<()>,
}

impl Default for TrackedFiles {
    fn default() -> Self {
        let (numbers, received) = mpsc::channel(QUEUE);
        Self {
            files: BTreeMap::new(),
            watcher: None,
            started: false,
            numbers,
            received,
        }
    }
}

impl TrackedFiles {
    /// Follows the files that the checks of this model need, and no others. A file that stays is not
    /// disturbed. Must be called in a runtime.
    pub(super) fn follow(&mut self, model: &Model) {
        let first = !std::mem::replace(&mut self.started, true);
        let desired: BTreeMap<Arc<str>, &FileSource> = model
            .checked_files()
            .filter_map(|object| match &object.source {
                Source::File(file) => Some((Arc::from(object.name.as_str()), file)),
                _ => None,
            })
            .collect();
        self.files.retain(|name, file| {
            let source = desired.get(name);
            source.is_some_and(|source| source.path == file.path)
        });
        for (name, source) in desired {
            if self.files.contains_key(&name) {
                continue;
            }
            let watcher = self.watcher.get_or_insert_with(Watcher::start);
            // The tracker of virtual routers writes the files that it follows.
            let id = ObjectId::File(Arc::clone(&name));
            let is_written_here = first && !model.is_tracked(&id);
            let init = source.init.filter(|_| is_written_here);
            let mut content = init.map(|init| FirstContent {
                value: init.value,
                overwrite: init.overwrite,
            });
            let task = supervised("tracked file", {
                let (name, path) = (Arc::clone(&name), source.path.clone());
                let (watcher, numbers) = (Arc::clone(watcher), self.numbers.clone());
                move || {
                    let (content, watcher) = (content.take(), Arc::clone(&watcher));
                    let reported = Arc::clone(&name);
                    let report = move |number| (Arc::clone(&reported), number);
                    let (name, path) = (Arc::clone(&name), path.clone());
                    follow(name, path, content, watcher, numbers.clone(), report)
                }
            });
            let file = TrackedFile {
                path: source.path.clone(),
                number: None,
                _task: AbortOnDropHandle::new(tokio::spawn(task)),
            };
            self.files.insert(name, file);
        }
    }

    /// Waits for the next number in a file that is followed. Cancel-safe.
    pub(super) async fn next(&mut self) -> Number {
        loop {
            let Some((name, number)) = self.received.recv().await else {
                // This holds a sender.
                std::future::pending().await
            };
            // A file that is gone may still have a number in the channel.
            if let Some(file) = self.files.get_mut(&name) {
                file.number = Some(number);
                return (name, number);
            }
        }
    }

    /// The last number in the file that an input is of.
    pub(super) fn number(&self, input: &Input) -> Option<i64> {
        let file = self.files.get(input.name())?;
        file.number
            .filter(|_| Self::is_input_of(input, input.name()))
    }

    /// Whether an input is of the file with this name.
    pub(super) fn is_input_of(input: &Input, file: &str) -> bool {
        input.kind() == FileCheck::SOURCE && input.name() == file
    }
}
