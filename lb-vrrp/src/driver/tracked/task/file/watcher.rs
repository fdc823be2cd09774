// SPDX-License-Identifier: MIT OR Apache-2.0
//! One inotify instance for all files: their directories are watched.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, TMPFS_MAGIC, statfs,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tracing::{error, warn};

use crate::driver::sys::{self, Owned};

/// File systems that only this kernel writes to, so that inotify tells of every change. The magic
/// of ext4 is that of ext2 and ext3, too.
const LOCAL: [FsType; 5] = [
    BTRFS_SUPER_MAGIC,
    EXT4_SUPER_MAGIC,
    F2FS_SUPER_MAGIC,
    TMPFS_MAGIC,
    // nix does not name XFS for musl; linux/magic.h.
    FsType(0x5846_5342),
];

/// The inotify instance and who waits for what.
#[derive(Debug)]
pub(in super::super) struct Watcher {
    /// `None`: there is none to be had, and files are polled.
    inotify: Option<AsyncFd<Owned<Inotify>>>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    entries: BTreeMap<u64, Wait>,
    next: u64,
}

#[derive(Debug)]
struct Wait {
    /// The directory's.
    watch: Option<WatchDescriptor>,
    file: OsString,
    changed: Arc<Notify>,
}

impl Watcher {
    /// Must be called inside the runtime that will wait on it, and lives as long as that.
    pub(in super::super) fn start() -> Arc<Self> {
        let inotify = match open() {
            Ok(inotify) => Some(inotify),
            Err(error) => {
                warn!(%error, "no inotify instance, reading tracked files every second");
                None
            }
        };
        let watcher = Arc::new(Self {
            inotify,
            waiting: Mutex::default(),
        });
        let dispatcher = Arc::clone(&watcher);
        tokio::spawn(async move { dispatcher.dispatch().await });
        watcher
    }

    /// A place for a file, which watches nothing yet.
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

    /// Wakes those whose files an event is about.
    async fn dispatch(&self) {
        let Some(inotify) = &self.inotify else { return };
        loop {
            let events = match inotify.readable().await {
                Ok(mut guard) => {
                    guard.try_io(|inotify| Ok(inotify.get_ref().get().read_events()?))
                }
                Err(error) => Ok(Err(error)),
            };
            match events {
                Ok(Ok(events)) => lock(&self.waiting).wake(&events),
                Ok(Err(error)) => {
                    // Each file is still looked at now and then.
                    error!(%error, "inotify failed, changes of tracked files are seen late");
                    return;
                }
                Err(_would_block) => {}
            }
        }
    }

    /// Points an entry at its directory's watch, and gives up what nobody needs any more.
    fn place(&self, key: u64, watch: Option<WatchDescriptor>) {
        let mut waiting = lock(&self.waiting);
        let Some(wait) = waiting.entries.get_mut(&key) else {
            return;
        };
        let old = std::mem::replace(&mut wait.watch, watch);
        waiting.release(old, self.inotify.as_ref());
    }
}

impl Waiting {
    fn wake(&self, events: &[InotifyEvent]) {
        for event in events {
            let known = |wait: &&Wait| wait.watch == Some(event.wd);
            // An overflow has no watch; and a watch that is unknown may be one that was made this
            // moment.
            let all = !self.entries.values().any(|wait| known(&wait));
            let concerned = self.entries.values().filter(|wait| {
                let named = event.name.as_ref().is_none_or(|name| *name == wait.file);
                all || (known(wait) && named)
            });
            for wait in concerned {
                wait.changed.notify_one();
            }
        }
    }

    /// Ends a watch that no entry has.
    fn release(&self, watch: Option<WatchDescriptor>, inotify: Option<&AsyncFd<Owned<Inotify>>>) {
        let (Some(watch), Some(inotify)) = (watch, inotify) else {
            return;
        };
        if !self.entries.values().any(|wait| wait.watch == Some(watch)) {
            // It has ended by itself if the directory is gone.
            let _ = inotify.get_ref().get().rm_watch(watch);
        }
    }
}

/// One file's place in the watcher.
#[derive(Debug)]
pub(super) struct Entry {
    key: u64,
    path: PathBuf,
    watcher: Arc<Watcher>,
    changed: Arc<Notify>,
}

impl Entry {
    /// Watches the directory as it is now. Says why the file must be polled, if it must. May block
    /// on the file system.
    pub(super) fn watch(&self) -> Option<&'static str> {
        let Some(inotify) = &self.watcher.inotify else {
            return Some("no inotify");
        };
        let directory = match absolute(&self.path) {
            Ok(path) => path.parent().map(Path::to_owned),
            Err(_) => None,
        };
        let Some(directory) = directory else {
            return Some("no directory");
        };
        // Adding it again gives the same watch, or another one if this is another directory.
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let watch = inotify.get_ref().get().add_watch(&directory, flags);
        self.watcher.place(self.key, watch.ok());
        match watch {
            Ok(_) => self.unseen(&directory),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Some("no such directory"),
            Err(Errno::ENOSPC) => Some("no more inotify watches"),
            Err(_) => Some("the directory cannot be watched"),
        }
    }

    /// Why changes may go unseen though the directory is watched.
    fn unseen(&self, directory: &Path) -> Option<&'static str> {
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
            waiting.release(wait.watch, self.watcher.inotify.as_ref());
        }
    }
}

fn open() -> io::Result<AsyncFd<Owned<Inotify>>> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    sys::register_inotify(inotify)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
