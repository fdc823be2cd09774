// SPDX-License-Identifier: MIT OR Apache-2.0
//! One daemon per control socket: a lock beside the socket that the kernel drops with the process.
//!
//! The lock is `flock(2)` on `SOCKET.lock`, so a `kill -9` frees it; the file holds the PID of the
//! owner, so that a second daemon can name the first in its error.

use std::fs::{File, TryLockError};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use lb_host::file;

/// Mode of the lock file: others may read the PID.
const MODE: u32 = 0o644;
/// Mode of the run-time directory.
const DIRECTORY_MODE: u32 = 0o755;

/// The lock of a running daemon; dropping it releases the control socket's name.
#[derive(Debug)]
pub(crate) struct ControlLock {
    // Held for the lock on it.
    file: File,
    path: PathBuf,
}

/// Why the control socket's name could not be claimed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another daemon answers on this control socket.
    #[error("already running with PID {pid} on control socket {}", socket.display())]
    AlreadyRunning {
        /// Process that holds the lock.
        pid: u32,
        /// Control socket both want.
        socket: PathBuf,
    },
    /// The lock is held, but its file names no PID.
    #[error("control socket {} is held by another process that left no PID", socket.display())]
    HeldByUnknown {
        /// Control socket both want.
        socket: PathBuf,
    },
    /// The lock file could not be made or read.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The error of the kernel.
        source: std::io::Error,
    },
}

impl ControlLock {
    /// Claims the name of `socket` for this process.
    ///
    /// # Errors
    /// [`LockError::AlreadyRunning`] with the PID of the first daemon, or [`LockError::Io`].
    pub(crate) fn acquire(socket: &Path) -> Result<Self, LockError> {
        let path = lock_path(socket);
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        if let Some(directory) = path.parent() {
            file::create_directory(directory, DIRECTORY_MODE).map_err(io)?;
        }
        loop {
            let mut file = file::open_for_writing(&path, MODE).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(holder(&mut file, socket)),
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
            let lock = Self {
                file,
                path: path.clone(),
            };
            // The file may have been removed or replaced before it was locked: then another process
            // locks another file under this name.
            if lock.is_in_place().map_err(io)? {
                lock.sign()?;
                return Ok(lock);
            }
        }
    }

    /// Whether the locked file is the one under its name.
    fn is_in_place(&self) -> std::io::Result<bool> {
        let locked = self.file.metadata()?;
        match self.path.symlink_metadata() {
            Ok(named) => Ok((locked.dev(), locked.ino()) == (named.dev(), named.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uses the lock of the old process; the lock is held as long as either process has it.
    pub(crate) fn from_handover(lock: OwnedFd, socket: &Path) -> Result<Self, LockError> {
        let path = lock_path(socket);
        let file = File::from(lock);
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let lock = Self {
            file,
            path: path.clone(),
        };
        // The descriptor must be that of the lock file, on which other processes try the lock.
        if lock.is_in_place().map_err(io)? {
            Ok(lock)
        } else {
            Err(io(std::io::ErrorKind::NotFound.into()))
        }
    }

    /// A duplicate of the lock's descriptor, for a new process.
    pub(crate) fn duplicate(&self) -> Result<OwnedFd, LockError> {
        let file = self.file.try_clone();
        file.map(Into::into).map_err(|source| LockError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// Frees the name and removes the file, at an end in order. A process that has opened the file by then
    /// sees that it is not the one under its name any more.
    pub(crate) fn remove(self) {
        if matches!(self.is_in_place(), Ok(true))
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "{} stays", self.path.display());
        }
    }

    /// Writes the process id of this process into it.
    pub(crate) fn sign(&self) -> Result<(), LockError> {
        let io = |source| LockError::Io {
            path: self.path.clone(),
            source,
        };
        let text = format!("{}\n", std::process::id());
        self.file.set_len(0).map_err(io)?;
        self.file.write_all_at(text.as_bytes(), 0).map_err(io)
    }
}

fn lock_path(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn holder(file: &mut File, socket: &Path) -> LockError {
    let socket = socket.to_owned();
    let mut text = String::new();
    // An owner that has not written its PID yet is reported without one.
    let pid = file
        .read_to_string(&mut text)
        .ok()
        .and_then(|_| text.trim().parse().ok());
    match pid {
        Some(pid) => LockError::AlreadyRunning { pid, socket },
        None => LockError::HeldByUnknown { socket },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_daemon_is_refused_with_the_pid_of_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("run/lb.sock");
        let first = ControlLock::acquire(&socket).unwrap();
        let error = ControlLock::acquire(&socket).unwrap_err();
        assert!(
            matches!(&error, LockError::AlreadyRunning { pid, .. } if *pid == std::process::id()),
            "{error}"
        );
        drop(first);
        ControlLock::acquire(&socket).expect("a released name is free again");
    }

    #[test]
    fn link_in_the_place_of_the_lock_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lb.sock");
        let target = directory.path().join("target");
        std::fs::write(&target, "precious\n").unwrap();
        std::os::unix::fs::symlink(&target, lock_path(&socket)).unwrap();
        let error = ControlLock::acquire(&socket).unwrap_err();
        assert!(matches!(error, LockError::Io { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious\n");
    }

    #[test]
    fn modes_do_not_depend_on_the_umask() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("run/lb.sock");
        let _lock = ControlLock::acquire(&socket).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory.path().join("run")), DIRECTORY_MODE);
        assert_eq!(mode(&lock_path(&socket)), MODE);
    }

    #[test]
    fn lock_that_was_removed_is_not_taken_for_the_one_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lb.sock");
        let first = ControlLock::acquire(&socket).unwrap();
        std::fs::remove_file(lock_path(&socket)).unwrap();
        assert!(!first.is_in_place().unwrap());
        let second = ControlLock::acquire(&socket).unwrap();
        assert!(second.is_in_place().unwrap());
        assert!(ControlLock::from_handover(first.duplicate().unwrap(), &socket).is_err());
    }

    #[test]
    fn removed_lock_is_that_under_the_name() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lb.sock");
        let first = ControlLock::acquire(&socket).unwrap();
        std::fs::remove_file(lock_path(&socket)).unwrap();
        let second = ControlLock::acquire(&socket).unwrap();
        first.remove();
        assert!(second.is_in_place().unwrap());
        second.remove();
        assert!(!lock_path(&socket).exists());
        ControlLock::acquire(&socket).unwrap();
    }

    #[test]
    fn leftover_file_without_owner_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("lb.sock");
        std::fs::write(lock_path(&socket), "4711\n").unwrap();
        ControlLock::acquire(&socket).unwrap();
        let text = std::fs::read_to_string(lock_path(&socket)).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }
}
