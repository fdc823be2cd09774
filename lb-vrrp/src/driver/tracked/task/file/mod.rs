// SPDX-License-Identifier: MIT OR Apache-2.0
//! Follows the number in a file.
//!
//! inotify watches the directory, so that a file that is replaced, deleted or created later is
//! noticed. Where inotify does not report all changes, the file is read every second instead. A change
//! counts when the writer closes the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::libc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use super::super::{FileInit, ObjectId, Observation};
use super::Reports;
use crate::driver::event::EventSender;
use crate::driver::note::TrackingNote;

mod number;
#[cfg(test)]
mod tests;
mod watcher;

pub(super) use self::watcher::Watcher;

/// Time between two looks where inotify does not report all changes.
const POLL: Duration = Duration::from_secs(1);
/// Time between two looks where inotify reports changes, for those that it misses: a renamed parent
/// directory, a mount.
const AUDIT: Duration = Duration::from_secs(10);
/// A longer read is reported.
const SLOW: Duration = Duration::from_secs(10);
/// Largest number of bytes read of a file.
const LENGTH: u64 = 128;

/// Runs until the receiver of reports is dropped.
pub(super) async fn run(
    id: ObjectId,
    path: PathBuf,
    mut init: Option<FileInit>,
    watcher: Arc<Watcher>,
    (reports, events): (Reports, EventSender),
) {
    let entry = watcher.enter(&path);
    let mut known = Known::default();
    loop {
        let mut job = spawn_blocking({
            let (path, entry, init) = (path.clone(), Arc::clone(&entry), init.take());
            move || {
                let written = init.map(|init| write(&path, init));
                // Watched before it is read: a change in between is reported.
                let polled = entry.watch();
                (written, polled, read(&path))
            }
        });
        let looked = match timeout(SLOW, &mut job).await {
            Ok(looked) => looked,
            Err(_elapsed) => {
                let (path, limit) = (path.clone(), SLOW);
                events.note_tracking(&id, TrackingNote::SlowRead { path, limit });
                job.await
            }
        };
        let (written, polled, content) = unpack(looked);
        if let Some(Err(error)) = written {
            let (path, error) = (path.clone(), Arc::new(error));
            events.note_tracking(&id, TrackingNote::FileNotWritten { path, error });
        }
        if let Some(value) = known.update(polled, content, |note| events.note_tracking(&id, note))
            && reports
                .send((id.clone(), Observation::Value(value)))
                .await
                .is_err()
        {
            return;
        }
        let pause = if polled.is_some() { POLL } else { AUDIT };
        let _ = timeout(pause, entry.changed()).await;
    }
}

/// Resumes a panic of the job; there is no other error, because the job is never aborted.
fn unpack<T>(looked: Result<T, JoinError>) -> T {
    looked.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => std::panic::resume_unwind(Box::new(error)),
    })
}

/// The state of a file that was reported last.
#[derive(Debug, Default)]
struct Known {
    value: Option<i64>,
    /// Why the file is polled; `None` if it is watched.
    polled: Option<&'static str>,
    /// Why the content was not used.
    problem: Option<String>,
}

impl Known {
    /// Returns the value if it is to be reported. A file that cannot be read, or whose number is too
    /// large, keeps its value; a problem is noted once until it changes.
    fn update(
        &mut self,
        polled: Option<&'static str>,
        content: io::Result<Vec<u8>>,
        note: impl Fn(TrackingNote),
    ) -> Option<i64> {
        if self.polled != polled {
            note(match polled {
                Some(reason) => TrackingNote::FilePolled { reason },
                None => TrackingNote::FileWatched,
            });
            self.polled = polled;
        }
        let read = match content {
            Ok(content) => {
                number::parse(&content).ok_or_else(|| "number out of range, ignored".to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        let (value, problem) = match read {
            Ok(value) => (value, None),
            Err(problem) => (self.value.unwrap_or(0), Some(problem)),
        };
        if self.problem != problem {
            note(match &problem {
                Some(problem) => TrackingNote::FileUnreadable {
                    problem: Arc::from(problem.as_str()),
                },
                None => TrackingNote::FileReadable,
            });
            self.problem = problem;
        }
        (self.value != Some(value)).then(|| {
            self.value = Some(value);
            value
        })
    }
}

/// Reads the beginning of a regular file; a missing file is empty.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = match open(path) {
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        file => file?,
    };
    let mut content = Vec::new();
    file.take(LENGTH).read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a regular file without waiting, as a pipe would.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Writes the first number, if there is no file or it is to be overwritten.
fn write(path: &Path, init: FileInit) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    if init.overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Err(error) if !init.overwrite && error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        file => writeln!(file?, "{}", init.value),
    }
}
