// SPDX-License-Identifier: MIT OR Apache-2.0
//! The validated description of one load balancer: who it is, which virtual addresses it shares,
//! which virtual servers it runs and how their real servers are checked.
//!
//! A [`Model`] describes the desired state only, and every default is already applied. A configuration
//! file is one way to get one (`lb_core::config`); a program that embeds the load balancer writes one
//! with [`Model::builder`]. Both pass the same validation.
//!
//! ```text
//! Model ─┬─ Global                    router id, mail, global sync daemon
//!        ├─ VrrpInstance …            settings of the director for one virtual router
//!        │     └─ RouterSpec          the virtual router: lb_vrrp's own description
//!        ├─ SyncGroup …               the same for a sync group
//!        │     └─ GroupSpec           virtual routers that are master together
//!        ├─ ObjectSpec …              a script, file or process that counts in elections
//!        ├─ StaticItems               addresses, routes and rules, independent of the VRRP state
//!        └─ VirtualServer …           one IPVS service, or those of a group
//!              └─ RealServer …        one IPVS destination
//!                    └─ CheckSpec …   one health check
//! ```
//!
//! # Examples
//!
//! ```
//! use lb_core::model::{Global, Model, RealServer, VirtualServer};
//! use lb_core::ipvs::{Destination, ForwardingMethod, Scheduler, Service, ServiceKey};
//!
//! let service = Service::new(
//!     ServiceKey::tcp("192.168.1.50:80".parse()?),
//!     Scheduler::WeightedRoundRobin,
//! );
//! let destination = Destination::new("192.168.1.61:80".parse()?)
//!     .with_forwarding(ForwardingMethod::DirectRouting);
//! let model = Model::builder()
//!     .global(Global::new("lb1"))
//!     .virtual_server(VirtualServer::new(service).with_real_server(RealServer::new(destination)))
//!     .build()?;
//! assert_eq!(model.virtual_servers[0].name(), "[192.168.1.50]:tcp:80");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "config")]
#[cfg(feature = "daemon")]
use std::collections::BTreeSet;

#[cfg(feature = "daemon")]
use lb_vrrp::track::ObjectId;

mod builder;
mod error;
mod global;
mod mark_range;
mod notify;
mod pending_check;
mod real_server;
mod router;
mod runtime;
mod service_group;
mod validate;
mod via_path;
mod virtual_server;
mod vrrp;
mod webhook;

pub use builder::ModelBuilder;
pub use error::{ModelError, ModelErrors};
pub use global::{Global, GlobalSyncDaemon, MailSettings, ScriptSettings};
pub use lb_vrrp::spec::{
    FileSource, GroupSpec, ObjectSpec, ProcessSource, RouterSpec, Scheduling, ScriptSource, Source,
};
pub use lb_vrrp::{
    Announcements, Scope, StaticItem, StaticItems, TrackGroup, VirtualAddress, VirtualRoute,
    VirtualRule,
};
pub use mark_range::MarkRange;
pub use notify::{Fifo, NotifyFifos, NotifyScript, RouterEvent, RouterNotify, ServerNotify};
pub use pending_check::{CheckSetting, PendingCheck};
pub use real_server::{CheckSpec, RealServer};
pub use router::{SyncGroup, VrrpInstance};
pub use runtime::{
    CheckSettings, DumpSettings, IpvsNamespace, IpvsSettings, PacketFilterSettings, ProcessNames,
    ReloadFile, ReloadSettings, RuntimeSettings, SslFiles, StageScript,
};
pub use service_group::ServiceGroup;
pub(crate) use via_path::ViaPath;
pub use virtual_server::VirtualServer;
pub use vrrp::VrrpSettings;
pub use webhook::{Webhook, WebhookError};

/// Everything a director needs to know, validated and with defaults applied.
///
/// Made by [`Model::builder`] or by reading a configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Model {
    /// Settings of the process as a whole.
    pub global: Global,
    /// The virtual routers, in the order they were given.
    pub routers: Vec<VrrpInstance>,
    /// Sync groups: virtual routers that are master together.
    pub groups: Vec<SyncGroup>,
    /// Tracked objects beside interfaces.
    pub objects: Vec<ObjectSpec>,
    /// Static addresses, routes and rules; installed independently of the VRRP state. keepalived:
    /// `static_ipaddress`, `static_routes`, `static_rules`, `track_group`.
    pub statics: StaticItems,
    /// The virtual servers, in the order they were given.
    pub virtual_servers: Vec<VirtualServer>,
}

impl Model {
    /// Whether it runs programs of the user: scripts that are tracked, checks, or notifications.
    #[must_use]
    pub fn runs_scripts(&self) -> bool {
        let tracked = |object: &ObjectSpec| matches!(object.source, Source::Script(_));
        let runtime = &self.global.runtime;
        self.objects.iter().any(tracked)
            || self.runs_server_scripts()
            || self.has_notify_scripts()
            || runtime.startup_script.is_some()
            || runtime.shutdown_script.is_some()
    }

    /// Whether it runs programs of the user for virtual or real servers.
    #[must_use]
    pub fn runs_server_scripts(&self) -> bool {
        let mut servers = self.virtual_servers.iter();
        servers.any(|server| {
            let mut reals = server.real_servers.iter();
            let is_script = |check: &CheckSpec| &*check.kind == "MISC_CHECK";
            server.notify.is_some()
                || reals.any(|real| real.notify.is_some() || real.checks.iter().any(is_script))
        })
    }

    /// The tracked files that the checks of real servers follow, each once.
    #[cfg(feature = "daemon")]
    pub(crate) fn checked_files(&self) -> impl Iterator<Item = &ObjectSpec> {
        let names: BTreeSet<&str> = self
            .virtual_servers
            .iter()
            .flat_map(VirtualServer::checked_files)
            .collect();
        self.objects.iter().filter(move |object| {
            matches!(object.source, Source::File(_)) && names.contains(object.name.as_str())
        })
    }

    /// Whether a virtual router or a sync group tracks this object.
    #[cfg(feature = "daemon")]
    pub(crate) fn is_tracked(&self, id: &ObjectId) -> bool {
        let routers = self.routers.iter().flat_map(|router| &router.spec.tracked);
        let groups = self.groups.iter().flat_map(|group| &group.spec.tracked);
        routers.chain(groups).any(|(tracked, _)| tracked == id)
    }

    /// Starts an empty model.
    #[must_use]
    pub fn builder() -> ModelBuilder {
        ModelBuilder::default()
    }
}
