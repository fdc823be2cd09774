// SPDX-License-Identifier: MIT OR Apache-2.0
//! A guest kernel with IPVS, booted as an ordinary process.
//!
//! User Mode Linux is a kernel that runs as a program. Its root is the host's, read-only, below a
//! tmpfs; the unpacked Debian packages (`keepalived`, `ipvsadm`, …) are stacked between, so that a
//! program there is found as if installed. The first process is root inside, also when an ordinary
//! user starts the guest. Only one directory, that of the run, is written back to the host.
//!
//! ```no_run
//! use std::time::Duration;
//! use tests_kernel::guest::Guest;
//! use tests_kernel::lab::Lab;
//!
//! let lab = Lab::locate()?;
//! let guest = Guest::new(lab.kernel()?).with_deadline(Duration::from_secs(60));
//! let outcome = guest.run(["ipvsadm", "-Ln"], |line| eprintln!("{line}"))?;
//! assert_eq!(outcome.exit_code, 0);
//! # Ok::<(), tests_kernel::guest::GuestError>(())
//! ```

mod console;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use console::{Boot, Console};

use crate::lab::{KERNEL_VARIABLE, Kernel, Lab, PEERS_VARIABLE, Suite, Tree};

/// Kernel modules a guest has loaded before the command starts: IPVS with its schedulers, and
/// what a scenario's network is made of. Others load on demand, as on any machine.
pub const MODULES: &[&str] = &[
    "ip_vs",
    "ip_vs_rr",
    "ip_vs_wrr",
    "ip_vs_lc",
    "ip_vs_wlc",
    "ip_vs_sh",
    "ip_vs_dh",
    "ip_vs_mh",
    "veth",
    "bridge",
    "dummy",
    "macvlan",
    "ipip",
    "nf_conntrack",
];
/// Modules that a kernel may lack: IPv6 is built into the newest, and that one has neither
/// `arptables` nor `iptables` of the old kind. They are loaded first where they exist.
pub const OPTIONAL_MODULES: &[&str] = &["ipv6", "arptable_filter"];

const INIT: &str = include_str!("init.sh");

/// Why a guest did not run its command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The packages are not unpacked, or no kernel was booted yet; `cargo xtask fetch` does both.
    #[error("{} does not name a kernel that boots here: run `cargo xtask fetch` first", path.display())]
    NotFetched {
        /// What was looked for.
        path: PathBuf,
    },
    /// The kernel that was asked for does not boot on this machine.
    #[error("{KERNEL_VARIABLE}={wanted} names no kernel that boots here; there are: {}", known.join(", "))]
    NoSuchKernel {
        /// The value of the variable.
        wanted: String,
        /// The kernels that boot.
        known: Vec<String>,
    },
    /// The kernel command line cannot carry this path.
    #[error("{} contains a blank, a comma or a quote, which the guest's command line cannot carry", path.display())]
    Path {
        /// The path of the checkout's target directory.
        path: PathBuf,
    },
    /// A file of the run could not be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guest kernel could not be started.
    #[error("cannot start {}", path.display())]
    Start {
        /// The kernel's path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guest ended, or was killed at its boot deadline, before its first process was ready.
    #[error(
        "kernel {kernel} was not ready after {after:.1?}{}; `cargo xtask fetch --again` finds a kernel \
         and a mode that boot here; its console is in {}",
        reason.as_ref().map(|line| format!(" ({line})")).unwrap_or_default(), console.display()
    )]
    Boot {
        /// The kernel and its mode.
        kernel: String,
        /// When it had ended, or was killed.
        after: Duration,
        /// The line of its console that names the cause, if one does.
        reason: Option<String>,
        /// The file that has its whole console.
        console: PathBuf,
    },
    /// The guest's kernel panicked while the command ran.
    #[error("kernel {kernel} panicked: {line}; its console is in {}", console.display())]
    Panicked {
        /// The kernel and its mode.
        kernel: String,
        /// What it wrote about the panic.
        line: String,
        /// The file that has its whole console.
        console: PathBuf,
    },
    /// The command still ran at the deadline; the guest was killed.
    #[error("the guest was killed at its deadline of {deadline:?}; results so far are in {}", results.display())]
    Deadline {
        /// The time it had.
        deadline: Duration,
        /// The run's directory.
        results: PathBuf,
    },
    /// The guest ended without leaving the command's exit code.
    #[error("the guest ended without an exit code; results so far are in {}", results.display())]
    Died {
        /// The run's directory.
        results: PathBuf,
    },
    /// The caller's interrupt flag was set; the guest was killed.
    #[error("interrupted")]
    Interrupted,
}

impl GuestError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// What came back from a guest.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The command's exit code, 128 + signal when a signal ended it.
    pub exit_code: i32,
    /// The run's directory on the host; the command found its path in `LAB_RESULTS`.
    pub results: PathBuf,
    /// From start to the command's start.
    pub boot: Duration,
    /// From start to the guest's end.
    pub total: Duration,
}

/// A guest to be booted, once per [`run`](Self::run).
#[derive(Debug, Clone)]
pub struct Guest {
    kernel: Kernel,
    peers: Suite,
    servers: bool,
    directory: Option<PathBuf>,
    name: String,
    memory_mib: u32,
    boot_deadline: Duration,
    deadline: Duration,
    modules: Vec<String>,
    environment: Vec<(String, OsString)>,
    interrupted: Arc<AtomicBool>,
}

impl Guest {
    /// A guest of this kernel with 768 MiB, [`MODULES`], 60 s to boot and 15 minutes in all.
    #[must_use]
    pub fn new(kernel: &Kernel) -> Self {
        Self {
            kernel: kernel.clone(),
            peers: Suite::of_peers(),
            servers: false,
            directory: None,
            name: "guest".to_owned(),
            memory_mib: 768,
            boot_deadline: Duration::from_secs(60),
            deadline: Duration::from_secs(15 * 60),
            modules: MODULES.iter().map(|&name| name.to_owned()).collect(),
            environment: Vec::new(),
            interrupted: Arc::default(),
        }
    }

    /// Names the run: its directory is `target/lab/run/NAME`, replaced by the next of that name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Chooses the suite of the programs stacked over the host's; [`Suite::of_peers`] unless given.
    #[must_use]
    pub fn with_peers(mut self, peers: Suite) -> Self {
        self.peers = peers;
        self
    }

    /// Stacks [`Tree::Servers`] over the host's programs instead of the peers.
    #[must_use]
    pub fn with_servers(mut self) -> Self {
        self.servers = true;
        self
    }

    /// Sets the command's working directory; the caller's unless given.
    #[must_use]
    pub fn with_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the guest's memory in MiB.
    #[must_use]
    pub fn with_memory_mib(mut self, memory_mib: u32) -> Self {
        self.memory_mib = memory_mib;
        self
    }

    /// Sets the time from start to the end of the command, boot included.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Replaces the list of modules loaded before the command starts.
    #[must_use]
    pub fn with_modules<'a>(mut self, modules: impl IntoIterator<Item = &'a str>) -> Self {
        self.modules = modules.into_iter().map(str::to_owned).collect();
        self
    }

    /// Adds a variable to the command's environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Gives the flag that, once set, ends a run with [`GuestError::Interrupted`].
    #[must_use]
    pub fn with_interrupt(mut self, flag: Arc<AtomicBool>) -> Self {
        self.interrupted = flag;
        self
    }

    /// Boots, runs `command` in its working directory with `LB_LAB=guest`, hands every
    /// line of its output to `on_line` as it comes, and powers off.
    ///
    /// # Errors
    ///
    /// See [`GuestError`]; a command that ran and failed is not an error but an
    /// [`Outcome::exit_code`].
    pub fn run<I, S>(
        &self,
        command: I,
        mut on_line: impl FnMut(&str),
    ) -> Result<Outcome, GuestError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let results = self.prepare(command)?;
        let log = results.join("console.log");
        let start = Instant::now();
        let mut console = Console::start(&self.boot(&results), &log)?;
        let console_deadline = start + self.boot_deadline.min(self.deadline);
        let mut reason = None;
        let ready =
            console.read_until("lab: ready", console_deadline, &self.interrupted, |line| {
                if reason.is_none() && names_cause(line) {
                    reason = Some(line.trim_start_matches("lab: ").to_owned());
                }
            })?;
        if !ready {
            return Err(GuestError::Boot {
                kernel: self.kernel.to_string(),
                after: start.elapsed(),
                reason,
                console: log,
            });
        }
        let boot = start.elapsed();
        let mut panic = None;
        let end = start + self.deadline;
        let ended = console.read_to_end(end, &self.interrupted, |line| {
            // The trace of a panic is for the console's file, not for the command's output.
            if panic.is_none() && line.starts_with("Kernel panic") {
                panic = Some(line.to_owned());
            }
            if panic.is_none() {
                on_line(line);
            }
        })?;
        if let Some(line) = panic {
            return Err(GuestError::Panicked {
                kernel: self.kernel.to_string(),
                line,
                console: log,
            });
        }
        if !ended {
            return Err(GuestError::Deadline {
                deadline: self.deadline,
                results,
            });
        }
        let exit_code = fs::read_to_string(results.join("exit"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        match exit_code {
            Some(exit_code) => Ok(Outcome {
                exit_code,
                results,
                boot,
                total: start.elapsed(),
            }),
            None => Err(GuestError::Died { results }),
        }
    }

    fn boot(&self, results: &Path) -> Boot {
        let arguments = self.kernel.argument().map(str::to_owned);
        let tree = if self.servers {
            Tree::Servers
        } else {
            Tree::of_peers(self.peers)
        };
        Boot {
            kernel: self.kernel.program(),
            environment: self.kernel.environment(),
            directory: results.to_owned(),
            arguments: [
                format!("mem={}M", self.memory_mib),
                "rootfstype=hostfs".into(),
                "rootflags=/".into(),
                "ro".into(),
                format!("init={}", results.join("init").display()),
                "con=null".into(),
                "con0=null,fd:1".into(),
                "quiet".into(),
                "uml_dir=.".into(),
                "umid=guest".into(),
                format!("LAB_TREE={}", tree.path().display()),
                format!("LAB_MODULES={}", self.kernel.modules().display()),
                format!("LAB_RUN={}", results.display()),
            ]
            .into_iter()
            .chain(arguments)
            .collect(),
        }
    }

    /// Makes the run's directory with `init` and `job`.
    fn prepare<I, S>(&self, command: I) -> Result<PathBuf, GuestError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let results = Lab::runs().join(&self.name);
        let text = results.to_string_lossy();
        if text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '\'' | '=')) {
            return Err(GuestError::Path { path: results });
        }
        if results.exists() {
            fs::remove_dir_all(&results).map_err(GuestError::file(&results))?;
        }
        fs::create_dir_all(&results).map_err(GuestError::file(&results))?;
        for (file, modules) in [
            ("modules", self.modules.join("\n")),
            ("optional-modules", OPTIONAL_MODULES.join("\n")),
        ] {
            fs::write(results.join(file), modules).map_err(GuestError::file(&results))?;
        }
        write_script(&results.join("init"), INIT.as_bytes())?;
        write_script(&results.join("job"), &self.job(&results, command)?)?;
        Ok(results)
    }

    fn job<I, S>(&self, results: &Path, command: I) -> Result<Vec<u8>, GuestError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let here = match &self.directory {
            Some(directory) => directory.clone(),
            None => std::env::current_dir().map_err(GuestError::file(Path::new(".")))?,
        };
        let mut job = b"export TERM=dumb LB_LAB=guest LAB_RESULTS=".to_vec();
        job.extend(quote(results.as_os_str()));
        let peers = self.peers.name();
        job.extend(format!("\nexport {PEERS_VARIABLE}={peers}").into_bytes());
        for (name, value) in &self.environment {
            job.extend(format!("\nexport {name}=").into_bytes());
            job.extend(quote(value));
        }
        job.extend(b"\ncd ");
        job.extend(quote(here.as_os_str()));
        job.extend(b" || exit 125\nexec");
        for word in command {
            job.push(b' ');
            job.extend(quote(word.as_ref()));
        }
        job.push(b'\n');
        Ok(job)
    }
}

/// Whether a line of the console names the reason why the guest did not come up.
fn names_cause(line: &str) -> bool {
    [
        "lab: guest set-up failed",
        "Kernel panic",
        "check_ptrace",
        "Checking ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        && !line.ends_with("OK")
}

/// Quotes one word for `sh`; a NUL cannot occur in an argument.
fn quote(word: &OsStr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = word.as_bytes();
    shlex::bytes::try_quote(bytes).map_or_else(|_| bytes.to_vec(), |quoted| quoted.into_owned())
}

fn write_script(path: &Path, text: &[u8]) -> Result<(), GuestError> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).map_err(GuestError::file(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(GuestError::file(path))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::process::Command;

    use crate::lab::Mode;

    use super::*;

    /// Set for the process that has the kernel below: the lab's directory comes from a variable.
    const INNER: &str = "LB_TEST_DEAD_KERNEL";
    /// A kernel that dies as one before 6.13 does on a processor with AMX.
    const DEAD: &str = "#!/bin/sh
echo 'Linux version 6.1.176'
echo 'Kernel panic - not syncing: do_syscall_stub: PTRACE_SETREGS failed, errno = 14'
echo 'Call Trace:'
echo ' [<6047b1b6>] panic+0x174/0x2ef'
exit 134
";

    #[test]
    fn dead_kernel_is_one_sentence_and_its_trace_is_in_a_file() -> Result<(), Box<dyn Error>> {
        if std::env::var_os(INNER).is_some() {
            let kernel = Kernel::new(Suite::Distribution, "6.1.176".to_owned(), Mode::Ptrace);
            let error = Guest::new(&kernel).run(["true"], |line| println!("guest: {line}"));
            println!("error: {}", error.err().ok_or("it ran")?);
            return Ok(());
        }
        let target = tempfile::tempdir()?;
        let program = target.path().join("lab/distribution/usr/bin/linux.uml");
        fs::create_dir_all(program.parent().ok_or("no parent")?)?;
        write_script(&program, DEAD.as_bytes())?;
        let output = Command::new(std::env::current_exe()?)
            .args(["--exact", "--nocapture"])
            .arg("guest::tests::dead_kernel_is_one_sentence_and_its_trace_is_in_a_file")
            .env("CARGO_TARGET_DIR", target.path())
            .env(INNER, "1")
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find_map(|line| line.split_once("error: "));
        let (_, error) = line.ok_or_else(|| text.clone())?;
        let console = target.path().join("lab/run/guest/console.log");
        for part in [
            "kernel 6.1.176 (distribution, ptrace) was not ready",
            "PTRACE_SETREGS failed",
            "cargo xtask fetch --again",
            &console.display().to_string(),
        ] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        assert!(!text.contains("Call Trace"), "{text}");
        assert!(fs::read_to_string(console)?.contains("panic+0x174"));
        Ok(())
    }
}
