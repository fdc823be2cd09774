// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of the process as a whole: keepalived's `global_defs`.

use std::time::Duration;

use lb_ipvs::SyncDaemon;

use super::{
    CheckSettings, IpvsSettings, NotifyFifos, PacketFilterSettings, RuntimeSettings, VrrpSettings,
};

/// Settings that are for no single object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Global {
    /// Names this director in mails; the host name unless given. keepalived: `router_id`.
    pub router_id: String,
    /// Where notifications are mailed; none unless both a server and a recipient are given.
    pub mail: Option<MailSettings>,
    /// Faults of virtual routers are not mailed. keepalived: `no_email_faults`.
    pub no_fault_mails: bool,
    /// Real servers that are live when they are added are notified. keepalived: `rs_init_notifies`.
    pub notifies_added_servers: bool,
    /// FIFOs that get a line for each event.
    pub fifos: NotifyFifos,
    /// A sync daemon asked for by `lvs_sync_daemon`, beside those asked for by an instance.
    pub sync_daemon: Option<GlobalSyncDaemon>,
    /// As whom scripts run, and which are refused.
    pub scripts: ScriptSettings,
    /// What concerns all virtual routers.
    pub vrrp: VrrpSettings,
    /// What concerns all checks.
    pub checks: CheckSettings,
    /// What concerns the IPVS table as a whole.
    pub ipvs: IpvsSettings,
    /// How the program runs.
    pub runtime: RuntimeSettings,
    /// Which packet filter serves virtual routers.
    pub packet_filter: PacketFilterSettings,
}

impl Global {
    /// Settings with this router id and every default.
    pub fn new(router_id: impl Into<String>) -> Self {
        Self {
            router_id: router_id.into(),
            ..Self::default()
        }
    }

    /// Sets where notifications are mailed.
    #[must_use]
    pub fn with_mail(mut self, mail: MailSettings) -> Self {
        self.mail = Some(mail);
        self
    }

    /// Sets the global sync daemon.
    #[must_use]
    pub fn with_sync_daemon(mut self, daemon: GlobalSyncDaemon) -> Self {
        self.sync_daemon = Some(daemon);
        self
    }
}

/// The mail server and the addresses of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailSettings {
    /// Host name or address of the server. keepalived: `smtp_server HOST`.
    pub server: String,
    /// Port of the server, 25 unless given. keepalived: `smtp_server HOST PORT`.
    pub port: u16,
    /// Sender, in the header and in the envelope. keepalived: `notification_email_from`.
    pub from: String,
    /// Recipients; never empty in a valid model. keepalived: `notification_email`.
    pub to: Vec<String>,
    /// What we call ourselves in the greeting; the host name unless given. keepalived: `smtp_helo_name`.
    pub helo: Option<String>,
    /// Limit for connecting and for each reply, 30 s unless given. keepalived: `smtp_connect_timeout`.
    pub timeout: Duration,
}

impl MailSettings {
    /// Settings for mails from `from` through `server`, port 25, without recipients yet.
    pub fn new(server: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            port: 25,
            from: from.into(),
            to: Vec::new(),
            helo: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// Adds a recipient.
    #[must_use]
    pub fn with_recipient(mut self, address: impl Into<String>) -> Self {
        self.to.push(address.into());
        self
    }

    /// Sets the port.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the name used in the greeting.
    #[must_use]
    pub fn with_helo(mut self, name: impl Into<String>) -> Self {
        self.helo = Some(name.into());
        self
    }

    /// Sets the limit for connecting and for each reply.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// The connection sync daemon of `lvs_sync_daemon`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GlobalSyncDaemon {
    /// The daemon. Its state has no effect: that of the instance counts, and without an instance one
    /// daemon of each state runs.
    pub daemon: SyncDaemon,
    /// The instance whose state it follows. `None`: master and backup daemon both run.
    pub instance: Option<String>,
}

impl GlobalSyncDaemon {
    /// A master and a backup daemon with the options of `daemon`.
    #[must_use]
    pub const fn new(daemon: SyncDaemon) -> Self {
        Self {
            daemon,
            instance: None,
        }
    }

    /// Follows the state of an instance.
    #[must_use]
    pub fn following(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }
}

/// As whom scripts run and which are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptSettings {
    /// User and group names of `script_user`.
    pub user: Option<String>,
    /// Group of `script_user`; the user's own unless given.
    pub group: Option<String>,
    /// Refuse scripts run as root whose path others may write. keepalived: `enable_script_security`.
    pub security: bool,
    /// Whether scripts are in all the groups of their user. keepalived: `set_supplementary_groups`.
    pub supplementary_groups: bool,
}
