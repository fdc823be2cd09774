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
    pub(crate) log: LogTarget,
    /// Show debug messages too.
    pub(crate) detail: bool,
    /// Files that get the process id while the daemon runs.
    pub(crate) pid_files: Vec<PathBuf>,
    /// The network namespace to run in.
    pub(crate) namespace: Option<String>,
    /// The mode of files it makes.
    pub(crate) umask: Option<u32>,
    /// Options that were accepted and have no effect, each with its reason.
    pub(crate) ignored: Vec<String>,
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogTarget {
    /// Standard error.
    Stderr,
    /// The system's log, with a facility's number.
    Syslog(u8),
    /// Nowhere.
    None,
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
            log: LogTarget::Stderr,
            detail: false,
            pid_files: Vec::new(),
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
            log: LogTarget::Syslog(DAEMON),
            ..Self::lbctl()
        }
    }
}

/// Syslog's facility for daemons.
const DAEMON: u8 = 3;
