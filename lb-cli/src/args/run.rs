// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the daemon is to run: what `lbctl run` and `keepalived` have in common.

use std::path::PathBuf;

use lb_core::config::ReadOptions;
use lb_core::model::RuntimeSettings;

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
    /// The instance of the configuration.
    pub(crate) instance: Option<String>,
    /// The name of the process.
    pub(crate) process_name: Option<String>,
    /// The mode of files it makes.
    pub(crate) umask: Option<u32>,
    /// Whether it runs as keepalived does, with that program's files and mode mask.
    pub(crate) is_keepalived: bool,
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
    /// Whether an option names that file.
    pub(crate) is_routers_given: bool,
    /// Of the process for virtual servers; written if there are any.
    pub(crate) virtual_servers: Option<PathBuf>,
    /// Whether an option names that file.
    pub(crate) is_virtual_servers_given: bool,
}

/// Where the files of the process ids are, unless options name them.
const PID_FOLDER: &str = "/run";

impl PidPaths {
    /// Gives each file that no option names the path that keepalived gives it. `namespace` is the network
    /// namespace, `instance` that of the configuration; with either of them, or with `use_pid_dir`, the
    /// files are in a folder of keepalived.
    pub(crate) fn set_defaults(
        &mut self,
        namespace: Option<&str>,
        instance: Option<&str>,
        use_folder: bool,
    ) {
        let mut folder = PathBuf::from(PID_FOLDER);
        if use_folder || namespace.is_some() || instance.is_some() {
            folder.push("keepalived");
        }
        folder.extend(namespace);
        let suffix = instance.map_or_else(String::new, |instance| format!("_{instance}"));
        let files = [
            (&mut self.parent, self.is_parent_given, "keepalived"),
            (&mut self.routers, self.is_routers_given, "vrrp"),
            (
                &mut self.virtual_servers,
                self.is_virtual_servers_given,
                "checkers",
            ),
        ];
        for (path, is_given, name) in files {
            if !is_given {
                *path = Some(folder.join(format!("{name}{suffix}.pid")));
            }
        }
    }

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
            instance: None,
            process_name: None,
            umask: None,
            is_keepalived: false,
            ignored: Vec::new(),
        }
    }

    /// `keepalived`: lenient, in the background, messages to the system's log.
    pub(crate) fn keepalived() -> Self {
        Self {
            search: [KEEPALIVED, LB],
            lenient: true,
            is_keepalived: true,
            detach: true,
            log: LogTargets {
                syslog: Some(DAEMON),
                ..LogTargets::default()
            },
            ..Self::lbctl()
        }
    }
}

impl RunOptions {
    /// Completes the options by what the configuration sets about the process; options of the command line
    /// hold against it.
    pub(crate) fn complete(&mut self, runtime: &RuntimeSettings) {
        let namespace = || runtime.network_namespace.clone();
        self.namespace = self.namespace.take().or_else(namespace);
        self.instance.clone_from(&runtime.instance);
        self.process_name.clone_from(&runtime.names.main);
        self.umask = self.umask.or(runtime.umask);
        if self.is_keepalived {
            self.umask.get_or_insert(KEEPALIVED_UMASK);
            let (namespace, instance) = (self.namespace.as_deref(), self.instance.as_deref());
            self.pid_files
                .set_defaults(namespace, instance, runtime.pid_directory);
        }
    }
}

impl RunOptions {
    /// The end of the names in the system's log, behind those of keepalived's processes: the network namespace
    /// and the instance.
    pub(crate) fn syslog_suffix(&self) -> String {
        let names = [&self.namespace, &self.instance];
        let names = names.into_iter().flatten();
        names.map(|name| format!("_{name}")).collect()
    }
}

/// keepalived's mode mask for itself and its scripts: new files are for the owner alone.
const KEEPALIVED_UMASK: u32 = 0o177;

/// Syslog's facility for daemons.
pub(crate) const DAEMON: u8 = 3;
