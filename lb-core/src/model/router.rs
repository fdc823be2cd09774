// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual routers and sync groups: keepalived's `vrrp_instance` and `vrrp_sync_group`.

use lb_vrrp::spec::{GroupSpec, RouterSpec};

use super::RouterNotify;

/// One virtual router and the settings of the director that depend on its state.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VrrpInstance {
    /// The virtual router; its name is unique in a model.
    pub spec: RouterSpec,
    /// Interface of the connection sync daemon that follows this instance, with the VRID as its sync
    /// id. keepalived: `lvs_sync_daemon_interface`.
    pub sync_daemon_interface: Option<String>,
    /// Whether a change of state is mailed; no unless given.
    pub smtp_alert: bool,
    /// The scripts that its events start.
    pub notify: RouterNotify,
}

impl VrrpInstance {
    /// An instance without a sync daemon, mail or scripts.
    #[must_use]
    pub const fn new(spec: RouterSpec) -> Self {
        Self {
            spec,
            sync_daemon_interface: None,
            smtp_alert: false,
            notify: RouterNotify::new(),
        }
    }

    /// Runs the connection sync daemon on an interface, following this instance.
    #[must_use]
    pub fn with_sync_daemon_interface(mut self, interface: impl Into<String>) -> Self {
        self.sync_daemon_interface = Some(interface.into());
        self
    }

    /// Sets whether a change of state is mailed.
    #[must_use]
    pub fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }

    /// Sets the scripts that its events start.
    #[must_use]
    pub fn with_notify(mut self, notify: RouterNotify) -> Self {
        self.notify = notify;
        self
    }
}

impl From<RouterSpec> for VrrpInstance {
    fn from(spec: RouterSpec) -> Self {
        Self::new(spec)
    }
}

/// One sync group and the settings of the director that depend on its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncGroup {
    /// The sync group; its name is unique in a model.
    pub spec: GroupSpec,
    /// Whether a change of state is mailed; no unless given.
    pub smtp_alert: bool,
    /// The scripts that its events start; `Deleted` and `LosingAdvert` do not occur.
    pub notify: RouterNotify,
}

impl SyncGroup {
    /// A sync group without mail.
    #[must_use]
    pub const fn new(spec: GroupSpec) -> Self {
        Self {
            spec,
            smtp_alert: false,
            notify: RouterNotify::new(),
        }
    }

    /// Sets whether a change of state is mailed.
    #[must_use]
    pub fn with_smtp_alert(mut self, alert: bool) -> Self {
        self.smtp_alert = alert;
        self
    }

    /// Sets the scripts that its events start.
    #[must_use]
    pub fn with_notify(mut self, notify: RouterNotify) -> Self {
        self.notify = notify;
        self
    }
}

impl From<GroupSpec> for SyncGroup {
    fn from(spec: GroupSpec) -> Self {
        Self::new(spec)
    }
}
