// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network namespaces with unique names, removed on drop.

mod child;
mod monitor;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::Error;
use crate::process::{self, Background, ProcessError};
use crate::program::program;

pub use monitor::Monitor;

/// What the names of all namespaces begin with; a process id and a number follow.
const PREFIX: &str = "lbt-";
/// Where `ip netns` and `lbctl --netns` look for names.
const DIRECTORY: &str = "/run/netns";
/// Ten times what the slowest call takes, a batch of some thousand lines.
const DEADLINE: Duration = Duration::from_secs(60);

/// A network namespace; its clones share it, and the last one that is dropped removes it.
#[derive(Debug, Clone)]
pub struct Netns {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    label: String,
    namespace: Arc<File>,
}

impl Netns {
    /// Makes a namespace with loopback up. `label` tells it from others in error messages and is
    /// the end of its name.
    ///
    /// # Errors
    ///
    /// When it cannot be made or named: no privilege, or `/run` is not writable.
    pub fn new(label: &str) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}-{label}", std::process::id());
        let namespace = create(&Path::new(DIRECTORY).join(&name))?;
        let netns = Self {
            inner: Arc::new(Inner {
                name,
                label: label.to_owned(),
                namespace: Arc::new(namespace),
            }),
        };
        netns.ip("link set lo up")?;
        Ok(netns)
    }

    /// Removes the names of namespaces whose process was killed before it could remove them.
    ///
    /// # Errors
    ///
    /// When one of them cannot be removed.
    pub fn sweep() -> Result<(), Error> {
        let Ok(entries) = fs::read_dir(DIRECTORY) else {
            return Ok(());
        };
        for name in entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
        {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let alive = rest
                .split('-')
                .next()
                .is_some_and(|pid| Path::new("/proc").join(pid).exists());
            if !alive {
                remove_name(&Path::new(DIRECTORY).join(&name))?;
            }
        }
        Ok(())
    }

    /// Its name, as `ip netns` shows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What it stands for in the scenario.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(self.name())
    }

    /// Runs `ip` in it; the arguments are separated by blanks. Returns its output.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub fn ip(&self, arguments: &str) -> Result<String, Error> {
        self.run_host_program("ip", arguments)
    }

    /// Runs `bridge` in it, as [`ip`](Self::ip).
    ///
    /// # Errors
    ///
    /// When `bridge` fails.
    pub fn bridge(&self, arguments: &str) -> Result<String, Error> {
        self.run_host_program("bridge", arguments)
    }

    /// Runs one `ip` for all the lines: in the guest the start of a program costs more than what
    /// the program does.
    ///
    /// # Errors
    ///
    /// When one of them fails; those after it are not done.
    pub fn ip_all(&self, lines: &[String]) -> Result<(), Error> {
        let path = std::env::temp_dir().join(format!("{}.ip", self.name()));
        let file = path.display().to_string();
        fs::write(&path, lines.join("\n")).map_err(Error::system(&file))?;
        let done = self.ip(&format!("-batch {file}"));
        fs::remove_file(&path).map_err(Error::system(&file))?;
        done.map(drop)
    }

    /// A command that runs in this namespace, with mounts of its own and a `/sys` of the
    /// namespace, as with `ip netns exec`.
    #[must_use]
    pub fn command(&self, name: impl AsRef<OsStr>) -> Command {
        let name = name.as_ref();
        let mut command = Command::new(program(name));
        command.arg0(name);
        child::join_before_exec(&mut command, Arc::clone(&self.inner.namespace));
        command
    }

    /// Runs a program here that must succeed; `line` is split as a shell would.
    ///
    /// # Errors
    ///
    /// When it fails or takes longer than 60 s.
    pub fn run(&self, line: &str) -> Result<String, Error> {
        Ok(process::run(&mut self.split(line), DEADLINE)?)
    }

    /// Starts a program here and collects its output.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(&self, line: &str) -> Result<Background, ProcessError> {
        Background::spawn(&mut self.split(line))
    }

    fn split(&self, line: &str) -> Command {
        let words = shlex::split(line).unwrap_or_else(|| vec![line.to_owned()]);
        let mut words = words.iter();
        let mut command = self.command(words.next().map_or("true", String::as_str));
        command.args(words);
        command
    }

    /// Sets a sysctl of this namespace, `net/ipv4/ip_forward` style.
    ///
    /// # Errors
    ///
    /// When it does not exist or cannot be written.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), Error> {
        let path = Path::new("/proc/sys").join(key);
        let what = format!("sysctl {key} = {value} in {}", self.label());
        self.enter(|| fs::write(path, value))?
            .map_err(Error::system(what))
    }

    /// Calls `work` on a thread that is in this namespace, and waits for it.
    ///
    /// A program that `work` starts is in the namespace, too; it must not outlive `work` if it asks
    /// for a signal at the end of its parent, which is that thread.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let done = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.join()?;
                Ok(work())
            });
            thread.join()
        });
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Moves the calling thread into this namespace for good.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    pub fn join(&self) -> Result<(), Error> {
        setns(&*self.inner.namespace, CloneFlags::CLONE_NEWNET)
            .map_err(Error::errno(format!("enter namespace {}", self.name())))
    }

    /// Starts the program on a thread in the namespace: nothing runs between fork and exec, and
    /// no mount is made, which is the least that a start can cost.
    fn run_host_program(&self, name: &str, arguments: &str) -> Result<String, Error> {
        let mut command = Command::new(program(name));
        command.args(arguments.split_whitespace());
        Ok(self.enter(|| process::run(&mut command, DEADLINE))??)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The namespace itself goes when its last process and descriptor do; a failure leaves the
        // name to `sweep`.
        let _ = remove_name(&Path::new(DIRECTORY).join(&self.name));
    }
}

/// Makes a namespace and binds it to the path.
fn create(path: &Path) -> Result<File, Error> {
    let system = |what: &str| Error::system(format!("{what} {}", path.display()));
    fs::create_dir_all(DIRECTORY).map_err(system("create the directory of"))?;
    File::create_new(path).map_err(system("create"))?;
    let made = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            let own = "/proc/thread-self/ns/net";
            mount(
                Some(own),
                path,
                None::<&str>,
                MsFlags::MS_BIND,
                None::<&str>,
            )?;
            File::open(own)
        });
        thread.join()
    });
    let made = made.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    made.map_err(|error| {
        let _ = fs::remove_file(path);
        system("make the network namespace")(error)
    })
}

/// What `ip netns delete` does.
fn remove_name(path: &Path) -> Result<(), Error> {
    // EINVAL: nothing is mounted there, in this mount namespace.
    let _ = umount2(path, MntFlags::MNT_DETACH);
    fs::remove_file(path).map_err(Error::system(format!("remove {}", path.display())))
}
