// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network namespaces with unique names, removed on drop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use super::NetError;
use crate::process::{self, Background, ProcessError};

/// What all our namespaces' names begin with; a process id and a number follow.
const PREFIX: &str = "lbt-";
const DIRECTORY: &str = "/run/netns";
/// Ten times what the slowest `ip` call takes in the guest.
const IP_DEADLINE: Duration = Duration::from_secs(10);

/// A network namespace; its clones share it, and the last one to go removes it.
#[derive(Debug, Clone)]
pub struct Netns {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    label: String,
}

impl Netns {
    /// Makes a namespace with loopback up. `label` tells it from others in error messages and is
    /// the end of its name.
    ///
    /// # Errors
    ///
    /// When `ip netns add` fails: no privilege, or `/run` is not writable.
    pub fn new(label: &str) -> Result<Self, NetError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{count}-{label}", std::process::id());
        ip(&["netns", "add", &name])?;
        let netns = Self {
            inner: Arc::new(Inner {
                name,
                label: label.to_owned(),
            }),
        };
        netns.ip("link set lo up")?;
        Ok(netns)
    }

    /// Removes namespaces of ours whose process is gone (it was killed before it could).
    ///
    /// # Errors
    ///
    /// When one of them cannot be removed.
    pub fn sweep() -> Result<(), NetError> {
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
                ip(&["netns", "delete", &name])?;
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

    /// Runs `ip -n NAME …`; the arguments are separated by blanks. Returns its output.
    ///
    /// # Errors
    ///
    /// When `ip` fails.
    pub fn ip(&self, arguments: &str) -> Result<String, NetError> {
        let mut words = vec!["-n", self.name()];
        words.extend(arguments.split_whitespace());
        ip(&words)
    }

    /// Runs one `ip -n NAME` for all the lines: in the guest a program's start costs more than what
    /// it does.
    ///
    /// # Errors
    ///
    /// When one of them fails; those after it are not done.
    pub fn ip_all(&self, lines: &[String]) -> Result<(), NetError> {
        let path = std::env::temp_dir().join(format!("{}.ip", self.name()));
        let file = path.display().to_string();
        fs::write(&path, lines.join("\n")).map_err(NetError::system(&file))?;
        let done = self.ip(&format!("-batch {file}"));
        fs::remove_file(&path).map_err(NetError::system(&file))?;
        done.map(drop)
    }

    /// A command that runs in this namespace; process id and environment are the program's own.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name()]).arg(program);
        command
    }

    /// Runs a program here that must succeed; `line` is split as a shell would.
    ///
    /// # Errors
    ///
    /// When it fails or takes longer than 10 s.
    pub fn run(&self, line: &str) -> Result<String, NetError> {
        Ok(process::run(&mut self.split(line), IP_DEADLINE)?)
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
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), NetError> {
        let path = Path::new("/proc/sys").join(key);
        let value = value.to_owned();
        let what = format!("sysctl {key} = {value} in {}", self.label());
        self.enter(move || fs::write(path, value))?
            .map_err(NetError::system(what))
    }

    /// Calls `work` on a thread that is in this namespace, and waits for it.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered.
    pub fn enter<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NetError> {
        let path = self.path();
        let what = || format!("enter namespace {}", path.display());
        let file = File::open(&path).map_err(NetError::system(what()))?;
        let thread = thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        });
        match thread.join() {
            Ok(result) => result.map_err(NetError::errno(what())),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The namespace itself goes when its last process does; a failure leaves it to `sweep`.
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> Result<String, NetError> {
    Ok(process::run(
        Command::new("ip").args(arguments),
        IP_DEADLINE,
    )?)
}
