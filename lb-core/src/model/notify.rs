// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is notified of events: programs, FIFOs and web servers. keepalived: `notify…`, `quorum_up`,
//! `…_fifo`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Model, Webhook};

/// A program that an event starts, without a shell.
///
/// ```
/// use lb_core::model::NotifyScript;
///
/// let script = NotifyScript::new(["/usr/local/bin/on-master", "eth0"]).with_account(1000, 1000);
/// assert_eq!(script.account, Some((1000, 1000)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NotifyScript {
    /// The program and its arguments; an event may add some.
    pub argv: Vec<OsString>,
    /// User and group id to run as; those of this process unless given.
    pub account: Option<(u32, u32)>,
    /// Supplementary group ids (`set_supplementary_groups`).
    pub groups: Vec<u32>,
}

impl NotifyScript {
    /// A program with its arguments, run as the user of this process.
    pub fn new<W: Into<OsString>>(argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            account: None,
            groups: Vec::new(),
        }
    }

    /// Sets user and group by number.
    #[must_use]
    pub const fn with_account(mut self, uid: u32, gid: u32) -> Self {
        self.account = Some((uid, gid));
        self
    }

    /// The same program with more arguments.
    #[must_use]
    pub fn with_arguments<W: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = W>,
    ) -> Self {
        let mut script = self.clone();
        script.argv.extend(arguments.into_iter().map(Into::into));
        script
    }
}

/// An event of a virtual router or a sync group that can start a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RouterEvent {
    /// The state is master now. keepalived: `notify_master`.
    Master,
    /// The state is backup now. keepalived: `notify_backup`.
    Backup,
    /// The state is fault now. keepalived: `notify_fault`.
    Fault,
    /// The daemon stops. keepalived: `notify_stop`.
    Stop,
    /// A reload removed the router. keepalived: `notify_deleted`.
    Deleted,
    /// A losing advert arrived while master. keepalived: `notify_master_rx_lower_pri`.
    LosingAdvert,
    /// Any of the first five. keepalived: `notify`.
    Any,
}

/// Notifications of a virtual router or a sync group, besides mail and FIFOs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterNotify {
    /// The script of each event.
    pub scripts: BTreeMap<RouterEvent, NotifyScript>,
    /// A removal by a reload is the event [`Deleted`](RouterEvent::Deleted), instead of a fault that
    /// starts the script of [`Any`](RouterEvent::Any) only. keepalived: `notify_deleted`.
    pub reports_deletion: bool,
    /// Changes of the effective priority are written to the FIFOs. keepalived:
    /// `notify_priority_changes`, `vrrp_notify_priority_changes`.
    pub priority_changes: bool,
    /// Gets each change of state, and with `priority_changes` those of the priority. `notify_url`.
    pub webhook: Option<Arc<Webhook>>,
}

impl RouterNotify {
    /// No script, and no changes of priority.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            scripts: BTreeMap::new(),
            reports_deletion: false,
            priority_changes: false,
            webhook: None,
        }
    }

    /// Sets the script of an event.
    #[must_use]
    pub fn with_script(mut self, event: RouterEvent, script: NotifyScript) -> Self {
        self.scripts.insert(event, script);
        self
    }

    /// Sets the web server that gets the events.
    #[must_use]
    pub fn with_webhook(mut self, webhook: impl Into<Arc<Webhook>>) -> Self {
        self.webhook = Some(webhook.into());
        self
    }
}

/// Notifications of a real server (`notify_up`, `notify_down`) or of the quorum of a virtual server
/// (`quorum_up`, `quorum_down`), besides mail and FIFOs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerNotify {
    /// Started when the server is up.
    pub up: Option<NotifyScript>,
    /// Started when the server is down.
    pub down: Option<NotifyScript>,
    /// Gets both. `notify_url`.
    pub webhook: Option<Arc<Webhook>>,
}

impl ServerNotify {
    /// Sets the script for up.
    #[must_use]
    pub fn with_up(mut self, script: NotifyScript) -> Self {
        self.up = Some(script);
        self
    }

    /// Sets the script for down.
    #[must_use]
    pub fn with_down(mut self, script: NotifyScript) -> Self {
        self.down = Some(script);
        self
    }

    /// Sets the web server that gets the events.
    #[must_use]
    pub fn with_webhook(mut self, webhook: impl Into<Arc<Webhook>>) -> Self {
        self.webhook = Some(webhook.into());
        self
    }

    const fn has_script(&self) -> bool {
        self.up.is_some() || self.down.is_some()
    }
}

/// A FIFO that gets a line for each event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fifo {
    /// Created with mode 0600 where nothing is there.
    pub path: PathBuf,
    /// User and group id of the FIFO where it is created; those of this process unless given.
    pub account: Option<(u32, u32)>,
    /// A program that reads the FIFO; started with its path as the last argument.
    pub script: Option<NotifyScript>,
}

impl Fifo {
    /// A FIFO without a program of its own.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            account: None,
            script: None,
        }
    }

    /// Sets the program that reads it.
    #[must_use]
    pub fn with_script(mut self, script: NotifyScript) -> Self {
        self.script = Some(script);
        self
    }
}

/// The FIFOs of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifyFifos {
    /// Gets all lines. keepalived: `notify_fifo`.
    pub all: Option<Fifo>,
    /// Gets the lines of virtual routers and sync groups. keepalived: `vrrp_notify_fifo`.
    pub vrrp: Option<Fifo>,
    /// Gets the lines of virtual and real servers. keepalived: `lvs_notify_fifo`.
    pub servers: Option<Fifo>,
    /// The states of virtual routers and sync groups are written after each reload. keepalived:
    /// `fifo_write_vrrp_states_on_reload`.
    pub states_on_reload: bool,
}

impl Model {
    /// Whether an event can start a script, or a script reads a FIFO.
    #[must_use]
    pub fn has_notify_scripts(&self) -> bool {
        let fifos = &self.global.fifos;
        let mut fifos = [&fifos.all, &fifos.vrrp, &fifos.servers]
            .into_iter()
            .flatten();
        let routers = self.routers.iter().map(|router| &router.notify);
        let groups = self.groups.iter().map(|group| &group.notify);
        fifos.any(|fifo| fifo.script.is_some())
            || routers
                .chain(groups)
                .any(|notify| !notify.scripts.is_empty())
            || self.server_notifications().any(ServerNotify::has_script)
    }

    /// Whether an event is posted to a web server.
    #[must_use]
    pub fn has_webhooks(&self) -> bool {
        let routers = self.routers.iter().map(|router| &router.notify);
        let groups = self.groups.iter().map(|group| &group.notify);
        routers.chain(groups).any(|notify| notify.webhook.is_some())
            || self
                .server_notifications()
                .any(|notify| notify.webhook.is_some())
    }

    /// The notifications of the virtual and real servers that have some.
    fn server_notifications(&self) -> impl Iterator<Item = &ServerNotify> {
        self.virtual_servers.iter().flat_map(|server| {
            let real_servers = server.real_servers.iter().map(|real| &real.notify);
            let all = std::iter::once(&server.notify).chain(real_servers);
            all.filter_map(|notify| notify.as_deref())
        })
    }
}
