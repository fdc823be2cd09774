// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each check beside a real server of its protocol, from the block of a configuration to the outcome.
//!
//! The servers are Debian's. Each has its data below a directory of the test and listens on the
//! loopback of the guest.

mod directory;
mod mail;
mod names;
mod pages;
mod store;

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lb_check::{Outcome, Registry};
use lb_core::config::{self, Mode};
use nix::unistd::User;
use tempfile::TempDir;
use testbed::process::Background;
use tests_kernel::net::wait_until;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// More than ten times what the slowest server needs to start.
const DEADLINE: Duration = Duration::from_secs(120);

/// A server that runs until it is dropped, with its directory.
struct Server {
    process: Background,
    /// Removed with the server.
    directory: TempDir,
}

impl Server {
    /// Starts the words of a command. `{}` in them and in the files is the directory of the server.
    fn start(directory: TempDir, words: &[&str], files: &[(&str, &str)]) -> TestResult<Self> {
        let path = directory.path().display().to_string();
        for (name, text) in files {
            fs::write(directory.path().join(name), text.replace("{}", &path))?;
        }
        let mut words = words.iter().map(|word| word.replace("{}", &path));
        let mut command = Command::new(words.next().ok_or("no command")?);
        command.args(words).current_dir(directory.path());
        Ok(Self {
            process: Background::spawn(&mut command)?,
            directory,
        })
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Probes until the check passes: the server has started.
    fn wait_for_pass(&self, block: &str, port: u16) -> TestResult {
        let check = Check::read(block, port)?;
        wait_until("the server", DEADLINE, || {
            let outcome = check.probe().map_err(|error| error.to_string())?;
            match outcome.is_pass() {
                true => Ok(()),
                false => Err(format!("{outcome}\n{}", self.process.text())),
            }
        })?;
        Ok(())
    }
}

/// A directory that any user may enter, for servers with a user of their own.
fn directory() -> TestResult<TempDir> {
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    Ok(directory)
}

/// A directory in it of the user daemon, for what a server writes without root.
fn directory_of_daemon(parent: &TempDir, name: &str) -> TestResult<PathBuf> {
    let path = parent.path().join(name);
    fs::create_dir(&path)?;
    let daemon = User::from_name("daemon")?.ok_or("no user daemon")?;
    chown(&path, Some(daemon.uid.as_raw()), Some(daemon.gid.as_raw()))?;
    Ok(path)
}

/// A check as a configuration has it.
struct Check {
    model: lb_core::model::Model,
    runtime: tokio::runtime::Runtime,
}

impl Check {
    /// Reads the block of a check of a real server on the loopback.
    fn read(block: &str, port: u16) -> TestResult<Self> {
        let text = format!(
            "virtual_server 192.0.2.1 {port} {{\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n\
             real_server 127.0.0.1 {port} {{\n{block}\n}}\n}}\n"
        );
        let parsed = config::parse(&text, "servers.conf", &Registry::builtin());
        let findings = parsed.diagnostics().render(false);
        if !parsed.diagnostics().is_empty() {
            return Err(findings.into());
        }
        Ok(Self {
            model: parsed.into_model(Mode::Strict).map_err(|_| findings)?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    /// Probes once, within the deadline of the check's policy.
    fn probe(&self) -> TestResult<Outcome> {
        let servers = self.model.virtual_servers.first();
        let real = servers.and_then(|server| server.real_servers.first());
        let spec = real
            .and_then(|real| real.checks.first())
            .ok_or("no check")?;
        let probe = &spec.probe;
        let start = Instant::now();
        let outcome = self.runtime.block_on(async {
            tokio::time::timeout(probe.policy.deadline, probe.check.check(&probe.target)).await
        });
        outcome.map_err(|_| format!("no outcome within {:?}", start.elapsed()).into())
    }
}

/// Asserts that a probe passes.
fn assert_passes(block: &str, port: u16) -> TestResult {
    let outcome = Check::read(block, port)?.probe()?;
    assert!(outcome.is_pass(), "{block}: {outcome}");
    Ok(())
}

/// Asserts that a probe fails with a reason that contains the text.
fn assert_fails(block: &str, port: u16, reason: &str) -> TestResult {
    let outcome = Check::read(block, port)?.probe()?;
    let failed = matches!(outcome.verdict, lb_check::Verdict::Fail(_));
    assert!(
        failed && outcome.to_string().contains(reason),
        "{block}: {outcome}"
    );
    Ok(())
}
