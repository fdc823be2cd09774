// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network namespaces: each has links, addresses, settings and `/proc/net` files of its own.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use nix::{
    libc::O_NONBLOCK,
    sched::{CloneFlags, setns},
};

/// Where `ip netns` keeps the namespaces that have names.
const NAMED: &str = "/run/netns";
/// The namespace of the calling thread.
const CURRENT: &str = "/proc/thread-self/ns/net";

/// A network namespace. The kernel keeps the namespace as long as this value exists.
///
/// Equivalent to the argument of `ip netns exec`.
///
/// ```no_run
/// use std::net::UdpSocket;
/// use lb_host::namespace::NetworkNamespace;
///
/// let blue = NetworkNamespace::named("blue")?;
/// // A socket stays in the namespace that it was opened in.
/// let socket = blue.run(|| UdpSocket::bind("192.0.2.1:5000"))?;
/// # Ok::<(), lb_host::namespace::NamespaceError>(())
/// ```
#[derive(Clone)]
pub struct NetworkNamespace {
    file: Arc<File>,
    /// Device and inode, which identify the namespace.
    identity: (u64, u64),
    label: String,
}

/// Why a network namespace cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// The name is not that of a file in `/run/netns`.
    #[error("{name:?} is not a valid name of a network namespace")]
    Name {
        /// The name.
        name: String,
    },
    /// There is no such namespace, or no permission to open it.
    #[error("cannot open the network namespace {}", .path.display())]
    Open {
        /// The path of its file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The namespace could not be entered: `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` for a file that
    /// is not a network namespace.
    #[error("cannot enter the network namespace {label}")]
    Enter {
        /// Its name, path or descriptor.
        label: String,
        /// Why not.
        source: io::Error,
    },
    /// The thread that would enter the namespace could not be started.
    #[error("cannot start a thread for the network namespace {label}")]
    Thread {
        /// Its name, path or descriptor.
        label: String,
        /// Why not.
        source: io::Error,
    },
}

impl NetworkNamespace {
    /// The namespace of the calling thread.
    ///
    /// # Errors
    /// [`NamespaceError::Open`] without `/proc`.
    pub fn current() -> Result<Self, NamespaceError> {
        Self::at(CURRENT)
    }

    /// The namespace that a text names: a path if it has a slash, else a [name](Self::named).
    ///
    /// # Errors
    /// As [`at`](Self::at) and [`named`](Self::named).
    pub fn find(name_or_path: &str) -> Result<Self, NamespaceError> {
        if name_or_path.contains('/') {
            Self::at(name_or_path)
        } else {
            Self::named(name_or_path)
        }
    }

    /// The namespace that `ip netns add NAME` made: `/run/netns/NAME`.
    ///
    /// # Errors
    /// [`NamespaceError::Name`] when the name is not that of a file, [`NamespaceError::Open`] when
    /// there is no such namespace.
    ///
    /// # Examples
    /// ```
    /// use lb_host::namespace::NetworkNamespace;
    /// let error = NetworkNamespace::named("../etc/passwd").unwrap_err();
    /// let text = "\"../etc/passwd\" is not a valid name of a network namespace";
    /// assert_eq!(error.to_string(), text);
    /// ```
    pub fn named(name: &str) -> Result<Self, NamespaceError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(NamespaceError::Name {
                name: name.to_owned(),
            });
        }
        let mut namespace = Self::at(Path::new(NAMED).join(name))?;
        name.clone_into(&mut namespace.label);
        Ok(namespace)
    }

    /// The namespace of a process.
    ///
    /// # Errors
    /// [`NamespaceError::Open`] when there is no such process, or no permission to inspect it.
    pub fn of_process(pid: u32) -> Result<Self, NamespaceError> {
        Self::at(format!("/proc/{pid}/ns/net"))
    }

    /// The namespace that is mounted, or linked, at a path.
    ///
    /// # Errors
    /// [`NamespaceError::Open`] when the file cannot be opened. A file that is not a namespace is an
    /// error when it is entered.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, NamespaceError> {
        let path = path.as_ref();
        OpenOptions::new()
            .read(true)
            // The open of a named pipe would block.
            .custom_flags(O_NONBLOCK)
            .open(path)
            .and_then(|file| Self::over(file, path.display().to_string()))
            .map_err(|source| NamespaceError::Open {
                path: path.to_owned(),
                source,
            })
    }

    /// The namespace behind a file descriptor.
    ///
    /// # Errors
    /// [`NamespaceError::Open`] when the descriptor cannot be inspected.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, NamespaceError> {
        let label = format!("{fd:?}");
        Self::over(File::from(fd), label.clone()).map_err(|source| NamespaceError::Open {
            path: label.into(),
            source,
        })
    }

    fn over(file: File, label: String) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            file: Arc::new(file),
            identity: (metadata.dev(), metadata.ino()),
            label,
        })
    }

    /// Moves the calling thread into the namespace; threads and programs that it starts from then on
    /// are in the namespace, too. Called before any other thread is started, this moves the process.
    ///
    /// # Errors
    /// [`NamespaceError::Enter`] without `CAP_SYS_ADMIN`, or when this is not a network namespace.
    pub fn enter(&self) -> Result<(), NamespaceError> {
        setns(self.file.as_ref(), CloneFlags::CLONE_NEWNET).map_err(|errno| NamespaceError::Enter {
            label: self.label.clone(),
            source: errno.into(),
        })
    }

    /// Calls `work` inside the namespace; sockets that are opened there stay in the namespace.
    ///
    /// The call is made on a thread that ends before this returns, unless the calling thread is in the
    /// namespace already. The calling thread never moves.
    ///
    /// # Errors
    /// [`NamespaceError::Enter`] without `CAP_SYS_ADMIN`, or when this is not a network namespace.
    ///
    /// # Panics
    /// When `work` panics.
    ///
    /// # Examples
    /// ```
    /// use lb_host::namespace::NetworkNamespace;
    /// let here = NetworkNamespace::current()?;
    /// let devices = here.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    /// assert!(devices.is_ok());
    /// # Ok::<(), lb_host::namespace::NamespaceError>(())
    /// ```
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        if self.is_current() {
            return Ok(work());
        }
        let inside = || {
            self.enter()?;
            Ok(work())
        };
        thread::scope(|scope| {
            let running = thread::Builder::new()
                .name("netns".to_owned())
                .spawn_scoped(scope, inside)
                .map_err(|source| NamespaceError::Thread {
                    label: self.label.clone(),
                    source,
                })?;
            running
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Whether the calling thread is in the namespace.
    fn is_current(&self) -> bool {
        fs::metadata(CURRENT).is_ok_and(|current| (current.dev(), current.ino()) == self.identity)
    }
}

impl PartialEq for NetworkNamespace {
    /// Whether both are the same namespace, however they were opened.
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for NetworkNamespace {}

impl fmt::Debug for NetworkNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetworkNamespace")
            .field(&self.label)
            .finish()
    }
}

impl fmt::Display for NetworkNamespace {
    /// The name, path or descriptor that the namespace was opened by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.label)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn names() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
            let error = NetworkNamespace::named(name).unwrap_err();
            assert!(matches!(error, NamespaceError::Name { .. }), "{error:?}");
        }
        let error = NetworkNamespace::find("no-such-namespace").unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot open the network namespace /run/netns/no-such-namespace"
        );
    }

    #[test]
    fn one_namespace_by_different_ways() {
        let current = NetworkNamespace::current().unwrap();
        let mine = NetworkNamespace::of_process(std::process::id()).unwrap();
        let file = File::open("/proc/self/ns/net").unwrap();
        assert_eq!(current, mine);
        assert_eq!(
            current,
            NetworkNamespace::from_fd(OwnedFd::from(file)).unwrap()
        );
        // On the calling thread: no privilege is needed.
        let thread = thread::current().id();
        assert_eq!(current.run(|| thread::current().id()).unwrap(), thread);
    }

    #[test]
    fn what_is_no_namespace() {
        let file = NetworkNamespace::find("/proc/self/status").unwrap();
        let error = file.enter().unwrap_err();
        assert!(matches!(error, NamespaceError::Enter { .. }), "{error:?}");
        let mut entered = false;
        let error = file.run(|| entered = true).unwrap_err();
        assert!(matches!(error, NamespaceError::Enter { .. }), "{error:?}");
        assert!(!entered);
    }
}
