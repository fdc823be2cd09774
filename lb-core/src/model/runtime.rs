// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the program runs: processes, files, reloads, the IPVS table as a whole.

use std::path::PathBuf;
use std::time::Duration;

use lb_vrrp::spec::Scheduling;

use super::{MarkRange, NotifyScript};

/// Settings of the running program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeSettings {
    /// Part of the names of pid files and dump files. keepalived: `instance`.
    pub instance: Option<String>,
    /// The network namespace that the program runs in. keepalived: `net_namespace`.
    pub network_namespace: Option<String>,
    /// The network namespace of the IPVS table. keepalived: `net_namespace_ipvs`.
    pub ipvs_namespace: IpvsNamespace,
    /// Pid files are in a directory of their own. keepalived: `use_pid_dir`.
    pub pid_directory: bool,
    /// How long a stop waits for the mail server, at most also for the takeover of a backup and for scripts;
    /// 5 s unless given. keepalived: `child_wait_time`.
    pub child_wait: Duration,
    /// Names of processes. keepalived: `process_names`, `process_name` and those that end in it.
    pub names: ProcessNames,
    /// Mode bits that files of the program do not get. keepalived: `umask`.
    pub umask: Option<u32>,
    /// Seed of random numbers. keepalived: `random_seed`.
    pub random_seed: Option<u32>,
    /// When and how the configuration is read again.
    pub reload: ReloadSettings,
    /// Where dumps go.
    pub dumps: DumpSettings,
    /// Runs before everything else. keepalived: `startup_script`, `startup_script_timeout`.
    pub startup_script: Option<StageScript>,
    /// Runs after everything else. keepalived: `shutdown_script`, `shutdown_script_timeout`.
    pub shutdown_script: Option<StageScript>,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self {
            instance: None,
            network_namespace: None,
            ipvs_namespace: IpvsNamespace::default(),
            pid_directory: false,
            child_wait: Duration::from_secs(5),
            names: ProcessNames::default(),
            umask: None,
            random_seed: None,
            reload: ReloadSettings::default(),
            dumps: DumpSettings::default(),
            startup_script: None,
            shutdown_script: None,
        }
    }
}

/// The network namespace of the IPVS table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpvsNamespace {
    /// That of the program.
    #[default]
    Own,
    /// The one in which the program was started.
    Initial,
    /// One with a name.
    Named(String),
}

/// Names of processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessNames {
    /// Parts without a name get the default one. keepalived: `process_names`.
    pub defaults: bool,
    /// Name of the main process. keepalived: `process_name`.
    pub main: Option<String>,
    /// Name of the part with virtual routers. keepalived: `vrrp_process_name`.
    pub vrrp: Option<String>,
    /// Name of the part with checks. keepalived: `checker_process_name`.
    pub checker: Option<String>,
    /// Name of the part with BFD. keepalived: `bfd_process_name`.
    pub bfd: Option<String>,
}

/// When and how the configuration is read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadSettings {
    /// File with the time of the next reload. keepalived: `reload_time_file`.
    pub time_file: Option<PathBuf>,
    /// The file stays after its reload. keepalived: `reload_repeat`.
    pub repeat: bool,
    /// A configuration with an error is not taken. keepalived: `reload_check_config`.
    pub check: bool,
    /// Where the findings of that check go. keepalived: `reload_check_config FILE`.
    pub check_log: Option<PathBuf>,
    /// File that exists while the configuration is read. keepalived: `reload_file`.
    pub file: Option<ReloadFile>,
}

/// The file that exists while the configuration is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReloadFile {
    /// The usual one.
    Default,
    /// One with a path.
    Path(PathBuf),
}

/// Where dumps go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpSettings {
    /// The state. keepalived: `state_dump_file`.
    pub state: Option<PathBuf>,
    /// The counters. keepalived: `stats_dump_file`.
    pub stats: Option<PathBuf>,
    /// The state in JSON. keepalived: `json_dump_file`.
    pub json: Option<PathBuf>,
    /// Version of the JSON document, 1 or 2; 1 unless given. keepalived: `json_version`.
    pub json_version: u8,
    /// The names have the instance in them. keepalived: `data_use_instance`.
    pub use_instance: bool,
}

impl Default for DumpSettings {
    fn default() -> Self {
        Self {
            state: None,
            stats: None,
            json: None,
            json_version: 1,
            use_instance: false,
        }
    }
}

/// A script that runs at the start or at the end of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageScript {
    /// The program, its arguments and its user.
    pub script: NotifyScript,
    /// How long it may run; 10 s unless given.
    pub timeout: Duration,
}

impl StageScript {
    /// A script with the default timeout.
    #[must_use]
    pub const fn new(script: NotifyScript) -> Self {
        Self {
            script,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Settings of the IPVS table as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpvsSettings {
    /// Timeouts of connections, which are restored at the stop. keepalived: `lvs_timeouts`.
    pub timeouts: Option<lb_ipvs::Timeouts>,
    /// All services are deleted at the start, also those of other programs. keepalived: `lvs_flush`.
    pub flush: bool,
    /// All services are deleted at the stop, also those of other programs. keepalived: `lvs_flush_on_stop` without `VS`.
    pub flush_on_stop: bool,
}

/// Settings of all checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckSettings {
    /// A mail is sent only if the real server changes with its check. keepalived: `no_checker_emails`.
    pub no_check_mails: bool,
    /// Scheduling of the thread of the checks. keepalived: `checker_priority`, `checker_rt_priority`,
    /// `checker_cpu_affinity`, `checker_rlimit_rttime`, `checker_no_swap`.
    pub scheduling: Scheduling,
    /// The certificate of `SSL_GET`. keepalived: `SSL`.
    pub ssl: SslFiles,
    /// The firewall marks of checks at the virtual address.
    pub via_vip_marks: MarkRange,
}

/// Files of the certificate that `SSL_GET` shows to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SslFiles {
    /// Roots; read, and without effect, as `SSL_GET` verifies no certificate. keepalived: `ca`.
    pub ca: Option<PathBuf>,
    /// The certificate and its chain. keepalived: `certificate`.
    pub certificate: Option<PathBuf>,
    /// Its key, not encrypted. keepalived: `key`.
    pub key: Option<PathBuf>,
    /// Has no effect: a key that is encrypted is refused. keepalived: `password`.
    pub password: Option<String>,
}

/// The packet filter of instances with `no_accept` or strict mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketFilterSettings {
    /// Name of the table; `keepalived` unless given. keepalived: `nftables`.
    pub table: Option<String>,
    /// Priority of the chains; -1 unless given. keepalived: `nftables_priority`.
    pub priority: Option<i32>,
    /// Rules have counters. keepalived: `nftables_counters`.
    pub counters: bool,
    /// The file asks for rules that name interfaces by number, which they always do. keepalived:
    /// `nftables_ifindex`.
    pub interface_index: bool,
}
