// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network namespaces: each has a table, settings and `/proc/net` files of its own.

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

/// A network namespace, held open: it lasts as long as this.
///
/// Equivalent to the argument of `ip netns exec`; ipvsadm has no such option.
///
/// ```no_run
/// use lb_ipvs::{IpvsHandle, NetworkNamespace};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lb_ipvs::Error> {
/// let namespace = NetworkNamespace::named("blue")?;
/// let mut ipvs = IpvsHandle::connect_in(&namespace).await?;
/// println!("{} services", ipvs.services().await?.len());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NetworkNamespace {
    file: Arc<File>,
    /// Device and inode, by which the kernel tells namespaces apart.
    identity: (u64, u64),
    label: String,
}

/// Why a network namespace cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// A name of a namespace is the name of a file below `/run/netns`.
    #[error("{name:?} is no name of a network namespace")]
    Name {
        /// The name.
        name: String,
    },
    /// There is no such namespace, or it may not be opened.
    #[error("cannot open the network namespace {}", .path.display())]
    Open {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it could not be opened.
        source: io::Error,
    },
    /// It could not be entered: `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` for a file that is no
    /// network namespace.
    #[error("cannot enter the network namespace {label}")]
    Enter {
        /// Which one.
        label: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no thread to enter it with.
    #[error("cannot start a thread for the network namespace {label}")]
    Thread {
        /// Which one.
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

    /// The namespace that `ip netns add NAME` made: `/run/netns/NAME`.
    ///
    /// # Errors
    /// [`NamespaceError::Name`] when the name is no name of a file, [`NamespaceError::Open`] when
    /// there is no such namespace.
    ///
    /// # Examples
    /// ```
    /// use lb_ipvs::NetworkNamespace;
    /// let error = NetworkNamespace::named("../etc/passwd").unwrap_err();
    /// assert_eq!(error.to_string(), "\"../etc/passwd\" is no name of a network namespace");
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
    /// [`NamespaceError::Open`] when there is no such process, or this one may not look at it.
    pub fn of_process(pid: u32) -> Result<Self, NamespaceError> {
        Self::at(format!("/proc/{pid}/ns/net"))
    }

    /// The namespace that is mounted, or linked, at a path.
    ///
    /// # Errors
    /// [`NamespaceError::Open`] when it cannot be opened. That it is none shows when it is entered.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, NamespaceError> {
        let path = path.as_ref();
        OpenOptions::new()
            .read(true)
            // A named pipe of that name shall not block.
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
    /// [`NamespaceError::Open`] when the descriptor cannot be looked at.
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

    /// Runs `work` inside the namespace; descriptors opened there stay in it.
    ///
    /// It happens on a thread of its own, which ends before this returns, unless the calling thread
    /// is in the namespace already. The calling thread never moves.
    ///
    /// # Errors
    /// [`NamespaceError::Enter`] without `CAP_SYS_ADMIN`, or when this is no network namespace.
    ///
    /// # Panics
    /// When `work` does.
    ///
    /// # Examples
    /// ```
    /// use lb_ipvs::NetworkNamespace;
    /// let here = NetworkNamespace::current()?;
    /// let devices = here.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    /// assert!(devices.is_ok());
    /// # Ok::<(), lb_ipvs::NamespaceError>(())
    /// ```
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        if self.is_current() {
            return Ok(work());
        }
        let inside = || {
            setns(self.file.as_ref(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
                NamespaceError::Enter {
                    label: self.label.clone(),
                    source: errno.into(),
                }
            })?;
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

    /// Whether the calling thread is in it.
    fn is_current(&self) -> bool {
        fs::metadata(CURRENT).is_ok_and(|current| (current.dev(), current.ino()) == self.identity)
    }
}

impl PartialEq for NetworkNamespace {
    /// Whether they are one namespace, whatever they were opened by.
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
    /// The name, the path or the descriptor it was opened by.
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
        let error = NetworkNamespace::named("no-such-namespace").unwrap_err();
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
        // No thread, hence no right needed.
        let thread = thread::current().id();
        assert_eq!(current.run(|| thread::current().id()).unwrap(), thread);
    }

    #[test]
    fn what_is_no_namespace() {
        let file = NetworkNamespace::at("/proc/self/status").unwrap();
        let mut entered = false;
        let error = file.run(|| entered = true).unwrap_err();
        assert!(matches!(error, NamespaceError::Enter { .. }), "{error:?}");
        assert!(!entered);
    }
}
