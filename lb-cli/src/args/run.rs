// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the daemon is to run: what `lbctl run` and `keepalived` have in common.

use std::path::PathBuf;

use lb_core::config::ReadOptions;

/// The daemon's settings, from whichever command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunOptions {
    /// The configuration; else the first of [`Self::search`] that exists.
    pub(crate) file: Option<PathBuf>,
    /// Where to look for a configuration.
    pub(crate) search: [&'static str; 2],
    /// Which of its lines count.
    pub(crate) reading: ReadOptions,
    /// Start in spite of errors in it, as keepalived does.
    pub(crate) lenient: bool,
    /// Run the virtual routers.
    pub(crate) routers: bool,
    /// Run the virtual servers.
    pub(crate) virtual_servers: bool,
    /// Leave the IPVS table as it is when stopped.
    pub(crate) keep: bool,
    /// Take over from the running daemon.
    pub(crate) upgrade: bool,
    /// The control socket, if not the usual one.
    pub(crate) control: Option<PathBuf>,
    /// Go to the background.
    pub(crate) detach: bool,
    /// Where messages go.
    pub(crate) log: LogTargets,
    /// Show debug messages too.
    pub(crate) detail: bool,
    /// Files that get the process id while the daemon runs.
    pub(crate) pid_files: PidPaths,
    /// Write the whole state to the log once the daemon has started.
    pub(crate) dump: bool,
    /// Ignore SIGINT.
    pub(crate) ignore_interrupt: bool,
    /// Write a core file when the process crashes.
    pub(crate) core_dump: bool,
    /// The network namespace to run in.
    pub(crate) namespace: Option<String>,
    /// The mode of files it makes.
    pub(crate) umask: Option<u32>,
    /// Options that were accepted and have no effect, each with its reason.
    pub(crate) ignored: Vec<String>,
}

/// The files of the process id, as keepalived's processes have them. One process does it all here,
/// so all of them contain the same number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PidPaths {
    /// Of the process that starts the others.
    pub(crate) parent: Option<PathBuf>,
    /// Whether an option names that file.
    pub(crate) is_parent_given: bool,
    /// Of the process for virtual routers; written if there are any.
    pub(crate) routers: Option<PathBuf>,
    /// Of the process for virtual servers; written if there are any.
    pub(crate) virtual_servers: Option<PathBuf>,
}

impl PidPaths {
    /// Replaces paths that depend on the working directory.
    pub(crate) fn make_absolute(&mut self) {
        let paths = [
            &mut self.parent,
            &mut self.routers,
            &mut self.virtual_servers,
        ];
        for path in paths.into_iter().flatten() {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
    }
}

/// Where messages go; any number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogTargets {
    /// Standard error.
    pub(crate) console: bool,
    /// The system's log, with the number of a facility.
    pub(crate) syslog: Option<u8>,
    /// A file.
    pub(crate) file: Option<PathBuf>,
}

const LB: &str = "/etc/lb/lb.conf";
const KEEPALIVED: &str = "/etc/keepalived/keepalived.conf";

impl RunOptions {
    /// `lbctl run`: strict, in the foreground, messages on standard error.
    pub(crate) fn lbctl() -> Self {
        Self {
            file: None,
            search: [LB, KEEPALIVED],
            reading: ReadOptions::new(),
            lenient: false,
            routers: true,
            virtual_servers: true,
            keep: false,
            upgrade: false,
            control: None,
            detach: false,
            log: LogTargets {
                console: true,
                ..LogTargets::default()
            },
            detail: false,
            pid_files: PidPaths::default(),
            dump: false,
            ignore_interrupt: false,
            core_dump: false,
            namespace: None,
            umask: None,
            ignored: Vec::new(),
        }
    }

    /// `keepalived`: lenient, in the background, messages to the system's log.
    pub(crate) fn keepalived() -> Self {
        Self {
            search: [KEEPALIVED, LB],
            lenient: true,
            detach: true,
            log: LogTargets {
                syslog: Some(DAEMON),
                ..LogTargets::default()
            },
            ..Self::lbctl()
        }
    }
}

/// Syslog's facility for daemons.
pub(crate) const DAEMON: u8 = 3;
