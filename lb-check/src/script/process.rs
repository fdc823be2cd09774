// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program in a process group of its own, which never outlives its probe.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Gid, Group, Pid, User, getgrouplist};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::{Script, switch};
use crate::LocalError;

/// Time between SIGTERM and SIGKILL.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How often a program that got SIGTERM is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Variables that programs must not inherit, besides `LD_*` and exported shell functions.
const FORBIDDEN: &[&str] = &[
    "BASH_ENV",
    "BASHOPTS",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "IFS",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LOCPATH",
    "MALLOC_CHECK_",
    "MALLOC_TRACE",
    "NLSPATH",
    "NOTIFY_SOCKET",
    "PERL5LIB",
    "PERL5OPT",
    "PS4",
    "PYTHONHOME",
    "PYTHONPATH",
    "RUBYLIB",
    "RUBYOPT",
    "SHELLOPTS",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// A user and a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Account {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Account {
    /// An account by its numbers.
    #[must_use]
    pub const fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }

    /// The groups that its user is in beside [`gid`](Self::gid), as the machine has them now; none for
    /// a number that is no user's.
    #[must_use]
    pub fn supplementary_groups(&self) -> Vec<u32> {
        let user = User::from_uid(uid_of(self.uid)).ok().flatten();
        let name = user.and_then(|of| CString::new(of.name).ok());
        let own = Gid::from_raw(self.gid);
        let all = name.and_then(|name| getgrouplist(&name, own).ok());
        let others = all.into_iter().flatten().filter(|of| *of != own);
        others.map(Gid::as_raw).collect()
    }

    /// Looks a user and a group up, by name or number; without a group it is the user's own.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub fn find(user: &str, group: Option<&str>) -> Result<Self, UnknownAccount> {
        let unknown_user = || UnknownAccount::User(user.to_owned());
        let entry = match User::from_name(user).ok().flatten() {
            None => match user.parse() {
                Ok(uid) => User::from_uid(uid_of(uid)).ok().flatten(),
                Err(_) => None,
            },
            entry => entry,
        };
        let entry = entry.ok_or_else(unknown_user)?;
        let gid = match group {
            None => entry.gid.as_raw(),
            Some(name) => Group::from_name(name)
                .ok()
                .flatten()
                .map(|group| group.gid.as_raw())
                .or_else(|| name.parse().ok())
                .ok_or_else(|| UnknownAccount::Group(name.to_owned()))?,
        };
        Ok(Self {
            uid: entry.uid.as_raw(),
            gid,
        })
    }
}

const fn uid_of(uid: u32) -> nix::unistd::Uid {
    nix::unistd::Uid::from_raw(uid)
}

/// There is no such account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownAccount {
    /// No such user.
    #[error("unknown user '{0}'")]
    User(String),
    /// No such group.
    #[error("unknown group '{0}'")]
    Group(String),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Exit(i32),
    Signal(i32),
    TimedOut,
    NotExecutable(i32),
}

/// Runs the program to its end, or to the end of its time.
pub(super) async fn run(script: &Script) -> Result<End, LocalError> {
    let Some((program, arguments)) = script.argv.split_first() else {
        return Ok(End::NotExecutable(Errno::ENOENT as i32));
    };
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for name in forbidden_variables(std::env::vars_os().map(|(name, _)| name)) {
        command.env_remove(name);
    }
    match script.account {
        Some(account) if script.groups.is_empty() => {
            command.uid(account.uid).gid(account.gid);
        }
        Some(account) => switch::become_account(&mut command, account, &script.groups),
        None => {}
    }
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return not_started(&error, script.account.is_some()),
    };
    let mut running = Running {
        group: child.id().and_then(|id| i32::try_from(id).ok()),
        child,
    };
    match timeout(script.timeout, running.wait()).await {
        Ok(status) => status.map(end),
        Err(_) => running.terminate().await.map(|()| End::TimedOut),
    }
}

/// Whose fault it is that a program did not start.
fn not_started(error: &io::Error, switches_account: bool) -> Result<End, LocalError> {
    let local = |errno| LocalError::System {
        operation: "start script",
        errno,
    };
    match error.raw_os_error() {
        None => Err(LocalError::Other(format!("start script: {error}"))),
        Some(errno) => match Errno::from_raw(errno) {
            Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE => Err(local(errno)),
            // Without the privilege to become another user.
            Errno::EPERM if switches_account => Err(local(errno)),
            _ => Ok(End::NotExecutable(errno)),
        },
    }
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exit(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

fn forbidden_variables(names: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    names.filter(|name| {
        let bytes = name.as_bytes();
        bytes.starts_with(b"LD_")
            || bytes.starts_with(b"BASH_FUNC_")
            || FORBIDDEN
                .iter()
                .any(|forbidden| name == OsStr::new(forbidden))
    })
}

/// A running program. Dropped before it has ended, its whole group is killed.
struct Running {
    /// The process group, as long as its leader has not been waited for: until then the number
    /// cannot belong to anybody else.
    group: Option<i32>,
    child: Child,
}

impl Running {
    async fn wait(&mut self) -> Result<ExitStatus, LocalError> {
        let status = self.child.wait().await;
        self.group = None;
        status.map_err(|error| LocalError::System {
            operation: "wait for script",
            errno: error.raw_os_error().unwrap_or_default(),
        })
    }

    /// SIGTERM, then SIGKILL for what is left of the group.
    async fn terminate(&mut self) -> Result<(), LocalError> {
        self.signal(Signal::SIGTERM);
        let until = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < until {
            sleep(LOOK).await;
        }
        self.signal(Signal::SIGKILL);
        self.wait().await.map(drop)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The only error that can be is that nobody is left.
            killpg(Pid::from_raw(group), signal).unwrap_or_default();
        }
    }

    /// Whether the leader has ended; leaves it to be waited for.
    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        self.group.is_none_or(|group| {
            !matches!(
                waitid(Id::Pid(Pid::from_raw(group)), flags),
                Ok(WaitStatus::StillAlive)
            )
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_change_programs_are_found() {
        let names = [
            "PATH",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "HOME",
            "BASH_ENV",
            "NOTIFY_SOCKET",
        ];
        let found: Vec<_> = forbidden_variables(names.iter().map(OsString::from)).collect();
        assert_eq!(
            found,
            ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "NOTIFY_SOCKET"]
        );
    }

    #[test]
    fn accounts_are_found_by_name_and_by_number() {
        assert_eq!(Account::find("root", None), Ok(Account::new(0, 0)));
        assert_eq!(Account::find("0", Some("0")), Ok(Account::new(0, 0)));
        let nobody = "no-such-user-here";
        assert_eq!(
            Account::find(nobody, None),
            Err(UnknownAccount::User(nobody.to_owned()))
        );
        assert_eq!(
            Account::find("root", Some(nobody)),
            Err(UnknownAccount::Group(nobody.to_owned()))
        );
    }

    #[test]
    fn lack_of_resources_is_local_and_a_missing_program_is_not() {
        let os = |errno: Errno| io::Error::from_raw_os_error(errno as i32);
        assert!(not_started(&os(Errno::EAGAIN), false).is_err());
        assert!(not_started(&os(Errno::EPERM), true).is_err());
        let enoent = Errno::ENOENT as i32;
        assert_eq!(
            not_started(&os(Errno::ENOENT), true),
            Ok(End::NotExecutable(enoent))
        );
    }
}
