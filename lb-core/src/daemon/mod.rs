// SPDX-License-Identifier: MIT OR Apache-2.0
//! The daemon: VRRP driver, check runtime, director and data plane, wired together.
//!
//! ```text
//! advert thread (VRRP driver) ── transitions ──┐
//! check thread (scheduler)    ── verdicts ─────┤
//! address monitor             ── ha_suspend ───┼──> director task ──> data plane task (reconciler)
//! control socket, signals     ── commands ─────┘         ├──> mail task
//!                                                        └──> notify thread: scripts, FIFOs
//! ```
//!
//! [`run`] reads the configuration, claims the control socket, makes the IPVS table as desired,
//! starts the virtual routers and the checks, and then serves until it is stopped. Its reactions to
//! commands and to failures of its parts:
//!
//! | event | what happens |
//! |---|---|
//! | [`Command::Reload`], `SIGHUP` | the file is read; with a new error nothing changes, else the difference is applied |
//! | [`Command::Stop`], `SIGTERM` | priority 0, addresses removed; when a backup has had the time to take over, our entries are deleted from the table ([`DaemonOptions::keep`]: kept) |
//! | advert thread or data plane task ends | priority 0, addresses removed, **table kept**, [`RunError::Died`] |
//! | control server or address monitor panics | run again, later each time |
//! | notify thread panics | run again; the FIFOs are opened again |
//! | check runtime ends | started again; verdicts are kept |
//! | another process with [`DaemonOptions::upgrade`] | it takes over the virtual routers, addresses and table stay, this one ends |
//! | `kill -9` | the next start removes stale addresses and adopts the table by its ledger |

mod addresses;
mod check_table;
mod checks;
mod command;
mod director_log;
mod dump;
mod dump_file;
mod error;
mod handover;
mod lock;
mod notify;
mod ownership;
mod plane;
mod privileges;
mod reload;
mod reload_files;
mod reload_time;
mod report;
mod resign;
mod routers;
mod running;
mod scheduling;
mod source;
mod spawn;
mod stage;
mod start;
mod status;
mod stop;
mod stop_delay;
mod supervise;
mod table_settings;
mod thread_names;
mod tracked_files;
mod via;
mod vrrp;
mod vrrp_log;

use std::ffi::OsString;
use std::path::PathBuf;

pub use addresses::AddressError;
pub use checks::CheckRuntimeError;
pub use command::{Command, Dump, Signals, signals};
pub use error::RunError;
pub use handover::UpgradeError;
pub use lb_host::file;
pub use lock::LockError;
pub use notify::NotifyThreadError;
pub use ownership::{Ownership, ownership};
pub use privileges::PrivilegeError;
pub use source::{Source, SourceError};

use lb_ipvs::NetworkNamespace;
use tokio::sync::mpsc;

/// The default of [`DaemonOptions::control`].
pub const DEFAULT_CONTROL: &str = "/run/lb/lb.sock";

/// Options of a daemon besides its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DaemonOptions {
    /// The control socket; one daemon for each. The lock (`.lock`) and the ownership ledger
    /// (`.ledger`) lie beside it.
    pub control: PathBuf,
    /// Whether an operator's stop leaves the IPVS table as it is.
    pub keep: bool,
    /// Run the virtual routers (`keepalived -C` does not).
    pub routers: bool,
    /// Whether to replace a running daemon on the control socket.
    pub upgrade: bool,
    /// The command that starts the new process of an upgrade by the control socket (`lbctl
    /// upgrade`); empty if there is none.
    pub upgrade_command: Vec<OsString>,
    /// Run the virtual servers and their checks (`keepalived -P` does not).
    pub virtual_servers: bool,
    /// Whether to write the data dump to the log after the start (`keepalived -d`).
    pub dump_at_start: bool,
    /// The directory of the files of [`Dump`]; that of temporary files unless set.
    pub dump_directory: PathBuf,
    /// The network namespace that the program was started in, if it has entered another one since.
    pub initial_namespace: Option<NetworkNamespace>,
}

impl Default for DaemonOptions {
    fn default() -> Self {
        Self {
            control: PathBuf::from(DEFAULT_CONTROL),
            keep: false,
            upgrade: false,
            upgrade_command: Vec::new(),
            routers: true,
            virtual_servers: true,
            dump_at_start: false,
            dump_directory: std::env::temp_dir(),
            initial_namespace: None,
        }
    }
}

impl DaemonOptions {
    /// Sets the control socket.
    #[must_use]
    pub fn with_control(mut self, control: impl Into<PathBuf>) -> Self {
        self.control = control.into();
        self
    }

    /// Sets whether an operator's stop leaves the IPVS table as it is.
    #[must_use]
    pub const fn with_keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Sets whether to replace a running daemon on the control socket, with its table and its virtual
    /// routers, so that no peer sees a transition. Without a running daemon it starts as usual.
    #[must_use]
    pub const fn with_upgrade(mut self, upgrade: bool) -> Self {
        self.upgrade = upgrade;
        self
    }

    /// Sets the command that starts the new process of an upgrade.
    #[must_use]
    pub fn with_upgrade_command(mut self, words: impl IntoIterator<Item = OsString>) -> Self {
        self.upgrade_command = words.into_iter().collect();
        self
    }

    /// Sets which parts run: the virtual routers, the virtual servers.
    #[must_use]
    pub const fn with_parts(mut self, routers: bool, virtual_servers: bool) -> Self {
        self.routers = routers;
        self.virtual_servers = virtual_servers;
        self
    }

    /// Sets whether to write the data dump to the log after the start.
    #[must_use]
    pub const fn with_dump_at_start(mut self, dump: bool) -> Self {
        self.dump_at_start = dump;
        self
    }

    /// Sets the directory of the files of [`Dump`].
    #[must_use]
    pub fn with_dump_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.dump_directory = directory.into();
        self
    }

    /// Sets the network namespace that the program was started in, where it has entered another one since:
    /// `net_namespace_ipvs` may ask for its table.
    #[must_use]
    pub fn with_initial_namespace(mut self, namespace: NetworkNamespace) -> Self {
        self.initial_namespace = Some(namespace);
        self
    }
}

/// A daemon that has started.
///
/// # Examples
/// ```no_run
/// use lb_core::daemon::{self, DaemonOptions, Source};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let commands = daemon::signals()?;
/// let source = Source::file("/etc/keepalived/keepalived.conf");
/// let daemon = daemon::start(source, DaemonOptions::default()).await?;
/// println!("started, with virtual routers: {}", daemon.has_routers());
/// daemon.serve(commands).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Daemon(running::Running);

impl Daemon {
    /// Whether it runs virtual routers.
    pub fn has_routers(&self) -> bool {
        self.0.parts.routers.is_some()
    }

    /// Whether it runs virtual servers.
    pub fn has_virtual_servers(&self) -> bool {
        self.0.director.virtual_servers().next().is_some()
    }

    /// Serves until a command stops it; a closed channel is [`Command::Stop`].
    ///
    /// # Errors
    /// [`RunError::Died`] when an essential part ended: addresses were removed, the table was kept.
    pub async fn serve(self, commands: mpsc::Receiver<Command>) -> Result<(), RunError> {
        self.0.run(commands).await
    }
}

/// Starts a load balancer in the network namespace of the calling thread, which
/// [`serves`](Daemon::serve) then.
///
/// Must be called inside a tokio runtime.
///
/// # Errors
/// [`RunError`] when it cannot start: nothing was changed if the error is known in advance; if the
/// kernel refuses something later, addresses are removed and the table is kept for the next start.
pub async fn start(source: Source, options: DaemonOptions) -> Result<Daemon, RunError> {
    start::start(source, options).await.map(Daemon)
}

/// Runs a load balancer in the network namespace of the calling thread until it is stopped.
///
/// Must be called inside a tokio runtime. `commands` comes from [`signals`] in a process of its own,
/// from the embedding program otherwise; a closed channel is [`Command::Stop`].
///
/// # Errors
/// [`RunError`] when it cannot start: nothing was changed if the error is known in advance; if the
/// kernel refuses something later, addresses are removed and the table is kept for the next start. Also
/// when an essential part ended (addresses removed, table kept).
///
/// # Examples
/// ```no_run
/// use lb_core::daemon::{self, DaemonOptions, Source};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let source = Source::file("/etc/keepalived/keepalived.conf");
/// daemon::run(source, DaemonOptions::default(), daemon::signals()?).await?;
/// # Ok(())
/// # }
/// ```
pub async fn run(
    source: Source,
    options: DaemonOptions,
    commands: mpsc::Receiver<Command>,
) -> Result<(), RunError> {
    start(source, options).await?.serve(commands).await
}
