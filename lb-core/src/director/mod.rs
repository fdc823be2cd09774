// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director: states of real servers in, the desired table out.
//!
//! A [`Director`] does no I/O and has no clock. It takes the verdicts of checks, the addresses of this
//! host, the states of the virtual routers, a new model, the operator's stop; it answers with
//! [`Output`]s in one queue, in the order of their effect.
//!
//! **The rule:** after every `handle_*` and after [`Director::replace_model`], drain
//! [`Director::poll_output`] to `None`. The queue is then never longer than what one call makes of the
//! model.
//!
//! # Who takes the traffic
//! A real server is live when all its checks passed last; without checks it always is. It starts live
//! unless it, or one of its checks, is `alpha`. A virtual server has its **quorum** while the weight
//! of its live real servers is not 0 and not below `quorum - hysteresis`; it has it again from
//! `quorum + hysteresis` on. Without it the **sorry server** takes the traffic alone, if there is one;
//! else those that still live. `inhibit_on_failure` means weight 0 instead of removal.
//!
//! # Mails
//! A changed verdict of a check is mailed if its real server has `smtp_alert`, a change of quorum if
//! its virtual server has. What first verdicts bring about is gathered into one digest, sent when
//! every running check had its first verdict or when a later event has to be mailed. Virtual routers
//! and sync groups with `smtp_alert` have each change of state mailed.
//!
//! # Scripts and FIFOs
//! What [`notify`](crate::notify) makes of an event is queued as [`Output::Notify`] where the event is,
//! before its mail.

mod changes;
mod mail;
mod notify;
mod output;
mod queue;
mod real;
mod reload;
#[cfg(feature = "daemon")]
mod restore;
mod service;
mod sync;
mod via;
mod weight;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

#[cfg(feature = "daemon")]
use lb_check::Target;
use lb_check::{LocalError, Outcome};
use lb_ipvs::{Destination, Part, ServiceKey, SyncDaemon, Table, TableService};
use lb_vrrp::{Priority, State};

#[cfg(feature = "daemon")]
pub(crate) use changes::ChangedServices;
pub use mail::{Event, Mail};
pub use output::{CheckId, Names, Output, Quorum};
#[cfg(feature = "daemon")]
pub(crate) use restore::Known;
pub use via::ViaService;

use crate::dataplane::DesiredChange;
use crate::model::{CheckSpec, Global, Model, SyncGroup, ViaPath, VirtualServer, VrrpInstance};
use queue::Queue;
use service::ServiceState;

/// Decides which real servers take traffic, by their states.
///
/// # Examples
/// ```
/// use lb_core::director::{Director, Output};
/// use lb_core::model::{Model, RealServer, VirtualServer};
/// use lb_core::ipvs::{Destination, Scheduler, Service, ServiceKey};
///
/// let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
/// let server = Destination::new("192.168.1.61:80".parse()?);
/// let model = Model::builder()
///     .virtual_server(
///         VirtualServer::new(Service::new(key, Scheduler::WeightedRoundRobin))
///             .with_real_server(RealServer::new(server)),
///     )
///     .build()?;
///
/// let mut director = Director::new(model);
/// while let Some(output) = director.poll_output() {
///     match output {
///         Output::ServiceChanged(key, _) => {
///             let desired = director.desired(&key).unwrap(); // for the data plane
///             assert_eq!(desired.destination(server.address), Some(&server));
///         }
///         Output::CheckAdded { .. } => { /* subscribe to the check */ }
///         other => println!("{other:?}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Director {
    global: Global,
    routers: Vec<VrrpInstance>,
    groups: Vec<SyncGroup>,
    /// The virtual servers, by [`ServiceState::id`].
    services: HashMap<ServiceKey, Box<ServiceState>>,
    /// The virtual server of each service of a group.
    members: HashMap<ServiceKey, ServiceKey>,
    /// The virtual servers in the order of the model.
    order: Vec<ServiceKey>,
    roles: BTreeMap<String, State>,
    /// The effective priority of each router that is not the configured one, or was not.
    priorities: BTreeMap<String, Priority>,
    group_states: BTreeMap<String, State>,
    /// The state of each router that was mailed last.
    mailed: BTreeMap<String, State>,
    /// The same of each sync group.
    mailed_groups: BTreeMap<String, State>,
    present: BTreeSet<IpAddr>,
    sync_daemons: Vec<SyncDaemon>,
    /// The services of checks at the virtual address.
    via: via::ViaServices,
    queue: Queue,
    stopped: bool,
}

/// The state of a virtual server, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualServerState {
    /// Its key.
    pub key: ServiceKey,
    /// The keys of the further services of a group.
    pub further_keys: Vec<ServiceKey>,
    /// Whether it has a `virtual_server_group`.
    pub is_group: bool,
    /// Its name in logs: `[192.168.1.50]:tcp:80`.
    pub name: String,
    /// Whether it has its quorum.
    pub up: bool,
    /// The numbers of its quorum now.
    pub quorum: Quorum,
    /// Whether the sorry server takes the traffic.
    pub sorry: bool,
    /// Whether its checks rest because the virtual address is not on this host.
    pub suspended: bool,
    /// Its real servers, in the order of the model.
    pub real_servers: Vec<RealServerState>,
}

/// The state of a real server, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RealServerState {
    /// As it is configured.
    pub destination: Destination,
    /// Its name in logs: `[192.168.1.61]:tcp:80`.
    pub name: String,
    /// Whether it is live.
    pub up: bool,
    /// What its checks know of it.
    pub health: Health,
    /// Since when a check cannot run, if one cannot.
    pub since: Option<SystemTime>,
    /// The check and the reason why it is down or unknown; empty if it is neither.
    pub reason: String,
    /// Warnings of its checks, with their kind; they change nothing.
    pub warnings: Vec<String>,
    /// Its weight while it is live: the configured one and what its checks ask for.
    pub weight: u32,
    /// Its checks, in the order of the model.
    pub checks: Vec<CheckState>,
    /// Kinds of its checks that this version does not run.
    pub pending_checks: Vec<String>,
}

/// The state of a check, for status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckState {
    /// Its kind: `HTTP_GET`.
    pub kind: String,
    /// Whether it counts as passed.
    pub up: bool,
    /// What is known by it.
    pub health: Health,
    /// Whether it ever had a verdict.
    pub settled: bool,
    /// The reason of its last verdict; empty before.
    pub reason: String,
}

/// What checks know of a real server. It takes traffic by [`RealServerState::up`], which has a value also
/// while nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Health {
    /// It has no check.
    Unchecked,
    /// A check has had no result, or cannot run.
    Unknown,
    /// All checks passed last.
    Up,
    /// A check failed.
    Down,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unchecked => "unchecked",
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

impl Director {
    /// A director for this model. The first outputs — checks to run, services to make — are waiting.
    /// Virtual servers with `ha_suspend` wait for [`Director::handle_addresses`].
    #[must_use]
    pub fn new(model: Model) -> Self {
        let mut director = Self::empty();
        director.replace_model(model);
        director
    }

    fn empty() -> Self {
        Self {
            global: Global::default(),
            routers: Vec::new(),
            groups: Vec::new(),
            services: HashMap::new(),
            members: HashMap::new(),
            order: Vec::new(),
            roles: BTreeMap::new(),
            priorities: BTreeMap::new(),
            group_states: BTreeMap::new(),
            mailed: BTreeMap::new(),
            mailed_groups: BTreeMap::new(),
            present: BTreeSet::new(),
            sync_daemons: Vec::new(),
            via: via::ViaServices::default(),
            queue: Queue::default(),
            stopped: false,
        }
    }

    /// The next output; `None` when there is nothing more to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.queue.pop()
    }

    /// Takes in a verdict of a check: the first, a changed one, or another weight.
    ///
    /// Ignored when the check does not exist (any more), and after the stop. A verdict without a change has
    /// no effect. The verdict of a probe that ended before its check was suspended counts: no later
    /// probe reports it again.
    pub fn handle_check(&mut self, id: &CheckId, up: bool, outcome: &Outcome) {
        if self.stopped {
            return;
        }
        if let Some(service) = self.services.get_mut(&id.service) {
            service.verdict(id, up, outcome, &mut self.queue);
        }
    }

    /// Takes in that a check cannot run, at this time: nothing is known by it until it has a verdict or
    /// [runs again](Self::handle_check_runs). Its last verdict stays in force.
    pub fn handle_check_error(&mut self, id: &CheckId, error: &LocalError, at: SystemTime) {
        if let Some(service) = self.services.get_mut(&id.service) {
            service.set_problem(id, Some((error.to_string(), at)));
        }
    }

    /// Takes in the warning of a probe that passed. True if it is another one than before.
    pub fn handle_check_warning(&mut self, id: &CheckId, warning: Option<&str>) -> bool {
        let service = self.services.get_mut(&id.service);
        service.is_some_and(|service| service.set_warning(id, warning))
    }

    /// Takes in that a check runs again, with the verdict that it had.
    pub fn handle_check_runs(&mut self, id: &CheckId) {
        if let Some(service) = self.services.get_mut(&id.service) {
            service.set_problem(id, None);
        }
    }

    /// Takes in the addresses this host has now: checks of virtual servers with `ha_suspend` run only
    /// while the virtual address is among them.
    pub fn handle_addresses(&mut self, present: &BTreeSet<IpAddr>) {
        if self.stopped || self.present == *present {
            return;
        }
        self.present.clone_from(present);
        for key in &self.order {
            let Some(service) = self.services.get_mut(key) else {
                continue;
            };
            let suspended = is_suspended(&service.spec, &self.present);
            service.suspend(suspended, &mut self.queue);
        }
    }

    /// Takes in the state of a virtual router, by the name of its instance.
    pub fn handle_role(&mut self, router: &str, state: State) {
        self.notify_role(router, state);
        self.set_role(router, state);
    }

    fn set_role(&mut self, router: &str, state: State) {
        let Some(instance) = self.routers.iter().find(|other| other.spec.name == router) else {
            return;
        };
        self.roles.insert(router.to_owned(), state);
        let silent = state == State::Fault && self.global.no_fault_mails;
        if instance.smtp_alert
            && !silent
            && self.mailed.insert(router.to_owned(), state) != Some(state)
        {
            self.queue.mail(
                Event::Router {
                    name: router.to_owned(),
                    state,
                },
                false,
            );
        }
        if state == State::Initialize {
            self.mail_stopped_group(router);
        }
        if !self.stopped {
            self.update_sync_daemons();
        }
    }

    /// Takes in the state of a sync group, by its name.
    pub fn handle_group(&mut self, group: &str, state: State) {
        self.notify_group(group, state);
        self.mail_group(group, state);
    }

    fn mail_group(&mut self, group: &str, state: State) {
        let alerts = self
            .groups
            .iter()
            .any(|known| known.spec.name == group && known.smtp_alert);
        let silent = state == State::Fault && self.global.no_fault_mails;
        if alerts && !silent && self.mailed_groups.insert(group.to_owned(), state) != Some(state) {
            let name = group.to_owned();
            self.queue.mail(Event::Group { name, state }, false);
        }
    }

    /// A group has stopped when the last of its routers has.
    fn mail_stopped_group(&mut self, router: &str) {
        let mut groups = self.groups.iter().map(|group| &group.spec);
        let group = groups.find(|group| group.members.iter().any(|member| member == router));
        let stopped = |member: &String| self.roles.get(member) == Some(&State::Initialize);
        let Some(group) = group.filter(|group| group.members.iter().all(stopped)) else {
            return;
        };
        let name = group.name.clone();
        self.mail_group(&name, State::Initialize);
    }

    /// Takes in the operator's stop: reports each real server as shut down, by mail if the virtual
    /// server is `omega`. The data plane is cleared by [`Reconciler::stop`]; only router states are
    /// taken in from now on.
    ///
    /// [`Reconciler::stop`]: crate::dataplane::Reconciler::stop
    pub fn handle_stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.queue.flush_digest();
        for key in &self.order {
            if let Some(service) = self.services.get(key) {
                service.shut_down(&mut self.queue);
            }
        }
    }

    /// Sends the digest of the first round as it is: for a caller that has waited long enough for
    /// checks that have no verdict.
    pub fn end_first_round(&mut self) {
        self.queue.flush_digest();
    }

    /// The service as the data plane shall have it; `None` when it shall have none.
    #[must_use]
    pub fn desired(&self, key: &ServiceKey) -> Option<TableService> {
        match self.service(key) {
            Some(service) => Some(service.desired(*key)),
            None => self.via.desired(key),
        }
    }

    /// A part of a service as the data plane shall have it: what to give to
    /// [`Reconciler::services_changed`] for an [`Output::ServiceChanged`].
    ///
    /// [`Reconciler::services_changed`]: crate::dataplane::Reconciler::services_changed
    #[must_use]
    pub fn desired_change(&self, key: &ServiceKey, part: &Part) -> DesiredChange {
        match (self.service(key), part) {
            (Some(service), Part::Destinations(addresses)) => {
                let destinations = addresses
                    .iter()
                    .map(|address| (*address, service.desired_destination(*key, *address)));
                DesiredChange::Destinations(destinations.collect())
            }
            _ => DesiredChange::Whole(self.desired(key)),
        }
    }

    /// Returns the desired table, and removes the outputs about changed services so far: the table has
    /// them.
    #[cfg(feature = "daemon")]
    pub(crate) fn take_desired_table(&mut self) -> Table {
        self.queue.forget_changed_services();
        self.desired_table()
    }

    /// All services as the data plane shall have them.
    #[must_use]
    pub fn desired_table(&self) -> Table {
        let services = self.services.values();
        let services = services.flat_map(|service| service.desired_services());
        let via = self.via.iter().map(|service| service.desired());
        services.chain(via).collect()
    }

    /// The sync daemons that shall run.
    #[must_use]
    pub fn desired_sync_daemons(&self) -> &[SyncDaemon] {
        &self.sync_daemons
    }

    /// The services of the model, in its order.
    pub fn keys(&self) -> impl Iterator<Item = ServiceKey> {
        let services = self.order.iter().filter_map(|id| self.services.get(id));
        services.flat_map(|service| service.spec.keys())
    }

    /// The virtual server of a service.
    fn service(&self, key: &ServiceKey) -> Option<&ServiceState> {
        let service = self.services.get(self.members.get(key).unwrap_or(key))?;
        service
            .spec
            .keys()
            .any(|own| own == *key)
            .then_some(service)
    }

    /// The settings of the process as a whole.
    #[must_use]
    pub const fn global(&self) -> &Global {
        &self.global
    }

    /// The virtual routers of the model, in its order.
    #[must_use]
    pub fn routers(&self) -> &[VrrpInstance] {
        &self.routers
    }

    /// The last reported state of each virtual router, by name.
    #[must_use]
    pub const fn roles(&self) -> &BTreeMap<String, State> {
        &self.roles
    }

    /// The names of the real server of a check and of its virtual server.
    #[must_use]
    pub fn names(&self, id: &CheckId) -> Option<Names> {
        let service = self.services.get(&id.service)?;
        let mut servers = service.spec.real_servers.iter();
        let spec = servers.find(|spec| spec.destination.address == id.real_server)?;
        Some(service.names(spec))
    }

    /// What a check is to do.
    #[must_use]
    pub fn check(&self, id: &CheckId) -> Option<&CheckSpec> {
        let service = self.services.get(&id.service)?;
        let (spec, state) = service
            .spec
            .real_servers
            .iter()
            .zip(&service.real_servers)
            .find(|(spec, _)| spec.destination.address == id.real_server)?;
        let position = state.slots.iter().position(|slot| slot.index == id.index)?;
        spec.checks.get(position)
    }

    /// The services of checks at the virtual address. The data plane has them like any other.
    pub fn via_services(&self) -> impl Iterator<Item = ViaService> {
        self.via.iter()
    }

    /// The service of a check at the virtual address: its probes must have the mark of this service, and a source
    /// address of this host that is not the virtual address. `None` for a check that connects to the real
    /// server itself.
    #[must_use]
    pub fn via_service(&self, id: &CheckId) -> Option<ViaService> {
        let service = self.services.get(&id.service)?;
        let mut servers = service.spec.real_servers.iter();
        let real_server = servers.find(|spec| spec.destination.address == id.real_server)?;
        let path = ViaPath::of_check(real_server, self.check(id)?)?;
        self.via.of_path(&path)
    }

    /// The checks at the virtual address: their service and their target.
    #[cfg(feature = "daemon")]
    pub(crate) fn via_checks(&self) -> impl Iterator<Item = (ViaService, &Target)> {
        let services = self.order.iter().filter_map(|id| self.services.get(id));
        let real_servers = services.flat_map(|service| &service.spec.real_servers);
        real_servers.flat_map(|real_server| {
            let checks = real_server.checks.iter();
            checks.filter_map(|check| {
                let path = ViaPath::of_check(real_server, check)?;
                Some((self.via.of_path(&path)?, &check.probe.target))
            })
        })
    }

    /// The states of the virtual servers, in the order of the model.
    pub fn virtual_servers(&self) -> impl Iterator<Item = VirtualServerState> {
        self.configured_virtual_servers().map(|(_, state)| state)
    }

    /// The virtual servers with their states, in the order of the model.
    pub fn configured_virtual_servers(
        &self,
    ) -> impl Iterator<Item = (&VirtualServer, VirtualServerState)> {
        self.order
            .iter()
            .filter_map(|key| self.services.get(key))
            .map(|service| {
                let real_servers = service.spec.real_servers.iter();
                let state = VirtualServerState {
                    key: service.spec.service.key,
                    further_keys: service.spec.keys().skip(1).collect(),
                    is_group: service.spec.group.is_some(),
                    name: service.spec.name(),
                    up: service.up,
                    quorum: service.quorum(),
                    sorry: service.is_sorry(),
                    suspended: service.suspended,
                    real_servers: real_servers
                        .zip(&service.real_servers)
                        .map(|(spec, state)| {
                            state.state(spec, service.spec.protocol(), service.suspended)
                        })
                        .collect(),
                };
                (&service.spec, state)
            })
    }

    /// The sync groups of the model, in its order.
    #[must_use]
    pub fn groups(&self) -> &[SyncGroup] {
        &self.groups
    }

    fn is_suspended(&self, spec: &VirtualServer) -> bool {
        is_suspended(spec, &self.present)
    }

    fn update_sync_daemons(&mut self) {
        let desired = sync::desired(&self.global, &self.routers, &self.roles);
        if desired != self.sync_daemons {
            self.sync_daemons.clone_from(&desired);
            self.queue.push(Output::SyncDaemons(desired));
        }
    }
}

/// Whether the checks of a virtual server rest: none of its addresses is on this host. A firewall mark
/// has no address to wait for.
fn is_suspended(spec: &VirtualServer, present: &BTreeSet<IpAddr>) -> bool {
    spec.ha_suspend
        && spec.keys().all(|key| {
            key.address()
                .is_some_and(|address| !present.contains(&address.ip()))
        })
}

#[cfg(test)]
mod tests;
