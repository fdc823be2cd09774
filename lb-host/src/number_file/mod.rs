// SPDX-License-Identifier: MIT OR Apache-2.0
//! Follows the number in a file.
//!
//! inotify watches the directory, so that a file that is replaced, deleted or created later is
//! noticed. Where inotify does not report all changes, the file is read every second instead. A change
//! counts when the writer closes the file.
//!
//! An empty or missing file counts as 0, and so does one that does not begin with a number. A file that
//! cannot be read, or whose number needs more than 32 bits, keeps its last value.
//!
//! ```
//! use lb_host::number_file::{Watcher, follow};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("load");
//! std::fs::write(&path, "5")?;
//!
//! let (values, mut receiver) = tokio::sync::mpsc::channel(1);
//! tokio::spawn(follow("load".into(), path.clone(), None, Watcher::start(), values, |value| value));
//! assert_eq!(receiver.recv().await, Some(5));
//! std::fs::write(&path, "-7")?;
//! while receiver.recv().await != Some(-7) {}
//! # Ok(())
//! # }
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::libc;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use tracing::{error, info, warn};

mod number;
#[cfg(test)]
mod tests;
mod watcher;

pub use self::watcher::Watcher;

/// Time between two looks where inotify does not report all changes.
const POLL: Duration = Duration::from_secs(1);
/// Time between two looks where inotify reports changes, for those that it misses: a renamed parent
/// directory, a mount.
const AUDIT: Duration = Duration::from_secs(10);
/// A longer read is reported.
const SLOW: Duration = Duration::from_secs(10);
/// Largest number of bytes read of a file.
const LENGTH: u64 = 128;

/// The content that is written to a file before it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a number, and whether it replaces another one"
)]
pub struct FirstContent {
    /// The number.
    pub value: i64,
    /// Whether an existing file is overwritten; else only a missing file is written.
    pub overwrite: bool,
}

/// Follows the number in the file at `path`: sends the first value and each other one after it, converted
/// by `report`. Runs until the receiver is dropped; waits while the channel is full, and sends the newest
/// value then.
///
/// `name` names the file in logs. `first` is written before the file is read; an error is logged.
///
/// # Panics
///
/// If a thread of the runtime panics while it reads the file.
pub async fn follow<T: Send>(
    name: Arc<str>,
    path: PathBuf,
    mut first: Option<FirstContent>,
    watcher: Arc<Watcher>,
    reports: mpsc::Sender<T>,
    report: impl Fn(i64) -> T + Send,
) {
    let entry = watcher.enter(&path);
    let mut known = Known::default();
    loop {
        let mut job = spawn_blocking({
            let (path, entry, first) = (path.clone(), Arc::clone(&entry), first.take());
            move || {
                let written = first.map(|first| write(&path, first));
                // Watched before it is read: a change in between is reported.
                let polled = entry.watch();
                (written, polled, read(&path))
            }
        });
        let looked = match timeout(SLOW, &mut job).await {
            Ok(looked) => looked,
            Err(_elapsed) => {
                warn!(
                    "Track file {name}: reading {} takes longer than {SLOW:?}",
                    path.display()
                );
                job.await
            }
        };
        let (written, polled, content) = unpack(looked);
        if let Some(Err(error)) = written {
            error!(
                "Track file {name}: cannot write {}: {error}",
                path.display()
            );
        }
        if let Some(value) = known.update(&name, polled, content)
            && reports.send(report(value)).await.is_err()
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
    /// large, keeps its value; a problem is logged once until it changes.
    fn update(
        &mut self,
        name: &str,
        polled: Option<&'static str>,
        content: io::Result<Vec<u8>>,
    ) -> Option<i64> {
        if self.polled != polled {
            match polled {
                Some(reason) => info!("Track file {name}: {reason}, looking every second"),
                None => info!("Track file {name}: watched"),
            }
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
            match &problem {
                Some(problem) => warn!("Track file {name}: {problem}"),
                None => info!("Track file {name}: readable again"),
            }
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
fn write(path: &Path, first: FirstContent) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    if first.overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    match options.open(path) {
        Err(error) if !first.overwrite && error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        file => writeln!(file?, "{}", first.value),
    }
}
