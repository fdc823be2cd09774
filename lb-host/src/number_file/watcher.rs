// SPDX-License-Identifier: MIT OR Apache-2.0
//! One inotify instance that watches the directories of all files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use inotify::{EventOwned, EventStream, Inotify, WatchDescriptor, WatchMask, Watches};
use nix::errno::Errno;
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, TMPFS_MAGIC, statfs,
};
use tokio::sync::Notify;
use tracing::{error, warn};

/// Bytes read at once: some tens of events.
const BUFFER: usize = 4096;
/// File systems that only this kernel writes to, so that inotify reports every change. ext2 and ext3
/// have the magic number of ext4.
const LOCAL: [FsType; 5] = [
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    TMPFS_MAGIC,
    // nix does not name XFS for musl; linux/magic.h.
    FsType(0x5846_5342),
];

type Events = EventStream<Vec<u8>>;

/// The watches of directories, and the watched files. One serves any number of files.
#[derive(Debug)]
pub struct Watcher {
    /// `None` without an inotify instance: files are polled then.
    watches: Option<Watches>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: BTreeMap<u64, Wait>,
    next: u64,
}

#[derive(Debug)]
struct Wait {
    /// The watch of the directory.
    watch: Option<WatchDescriptor>,
    file: OsString,
    changed: Arc<Notify>,
}

impl Watcher {
    /// Creates a watcher. Without an inotify instance, which is logged, files are read every second.
    ///
    /// # Panics
    ///
    /// Outside of the runtime of the tasks that follow files.
    #[must_use]
    pub fn start() -> Arc<Self> {
        let events = match open() {
            Ok(events) => Some(events),
            Err(error) => {
                warn!(%error, "no inotify instance, reading tracked files every second");
                None
            }
        };
        let watcher = Arc::new(Self {
            watches: events.as_ref().map(EventStream::watches),
            waiting: Mutex::default(),
        });
        if let Some(events) = events {
            let dispatcher = Arc::clone(&watcher);
            tokio::spawn(async move { dispatcher.dispatch(events).await });
        }
        watcher
    }

    /// Adds a file, whose directory is not watched yet.
    pub(super) fn enter(self: &Arc<Self>, path: &Path) -> Arc<Entry> {
        let changed = Arc::new(Notify::new());
        let mut waiting = lock(&self.waiting);
        let key = waiting.next;
        waiting.next += 1;
        let wait = Wait {
            watch: None,
            file: path.file_name().unwrap_or_default().to_owned(),
            changed: Arc::clone(&changed),
        };
        waiting.entries.insert(key, wait);
        Arc::new(Entry {
            key,
            path: path.to_owned(),
            watcher: Arc::clone(self),
            changed,
        })
    }

    /// Wakes the entries of the files in events.
    async fn dispatch(&self, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => lock(&self.waiting).wake(&event),
                Err(error) => {
                    // Each file is still read at long intervals.
                    error!(%error, "inotify failed, changes of tracked files are noticed late");
                    return;
                }
            }
        }
    }

    /// Sets the watch of an entry, and removes the old one if no other entry has it.
    fn place(&self, key: u64, watch: Option<WatchDescriptor>) {
        let mut waiting = lock(&self.waiting);
        let Some(wait) = waiting.entries.get_mut(&key) else {
            return;
        };
        let old = std::mem::replace(&mut wait.watch, watch);
        waiting.release(old, self.watches.as_ref());
    }
}

impl Waiting {
    fn wake(&self, event: &EventOwned) {
        let is_watched = |wait: &&Wait| wait.watch.as_ref() == Some(&event.wd);
        // An overflow event has no watch; an unknown watch may be one that is being added.
        let all = !self.entries.values().any(|wait| is_watched(&wait));
        let concerned = self.entries.values().filter(|wait| {
            let is_named = event.name.as_ref().is_none_or(|name| *name == wait.file);
            all || (is_watched(wait) && is_named)
        });
        for wait in concerned {
            wait.changed.notify_one();
        }
    }

    /// Removes a watch if no entry has it.
    fn release(&self, watch: Option<WatchDescriptor>, watches: Option<&Watches>) {
        let (Some(watch), Some(watches)) = (watch, watches) else {
            return;
        };
        let mut entries = self.entries.values();
        if !entries.any(|wait| wait.watch.as_ref() == Some(&watch)) {
            // An error means that directory and watch were deleted.
            let _ = watches.clone().remove(watch);
        }
    }
}

/// The entry of one file in the watcher.
#[derive(Debug)]
pub(super) struct Entry {
    key: u64,
    path: PathBuf,
    watcher: Arc<Watcher>,
    changed: Arc<Notify>,
}

impl Entry {
    /// Watches the present directory. Returns the reason if the file must be polled. May block on the
    /// file system.
    pub(super) fn watch(&self) -> Option<&'static str> {
        let Some(watches) = &self.watcher.watches else {
            return Some("no inotify");
        };
        let directory = match absolute(&self.path) {
            Ok(path) => path.parent().map(Path::to_owned),
            Err(_) => None,
        };
        let Some(directory) = directory else {
            return Some("no directory");
        };
        // A second call returns the same watch, or another one if this is another directory.
        let mask = WatchMask::CLOSE_WRITE
            | WatchMask::CREATE
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let (watch, errno) = match watches.clone().add(&directory, mask) {
            Ok(watch) => (Some(watch), None),
            Err(error) => (None, error.raw_os_error()),
        };
        let is_watched = watch.is_some();
        self.watcher.place(self.key, watch);
        match errno.map(Errno::from_raw) {
            None if is_watched => self.limitation(&directory),
            Some(Errno::ENOENT | Errno::ENOTDIR) => Some("no such directory"),
            Some(Errno::ENOSPC) => Some("no more inotify watches"),
            _ => Some("the directory cannot be watched"),
        }
    }

    /// Returns why changes may be missed although the directory is watched.
    fn limitation(&self, directory: &Path) -> Option<&'static str> {
        let is_link = self
            .path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_symlink());
        if is_link || directory.canonicalize().is_ok_and(|real| real != directory) {
            return Some("there is a symbolic link on the way");
        }
        match statfs(directory) {
            Ok(found) if LOCAL.contains(&found.filesystem_type()) => None,
            _ => Some("its file system may change without notice"),
        }
    }

    /// Returns after a change since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut waiting = lock(&self.watcher.waiting);
        if let Some(wait) = waiting.entries.remove(&self.key) {
            waiting.release(wait.watch, self.watcher.watches.as_ref());
        }
    }
}

fn open() -> io::Result<Events> {
    Inotify::init()?.into_event_stream(vec![0; BUFFER])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
