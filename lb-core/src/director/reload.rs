// SPDX-License-Identifier: MIT OR Apache-2.0
//! A new model in place of the old: what is in both keeps its state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use lb_ipvs::{Part, Protocol, ServiceKey, TableService};

use super::output::{CheckId, Output};
use super::queue::Queue;
use super::real::{RealState, Slot};
use super::service::ServiceState;
use super::via::ViaServices;
use super::{Director, Event};
use crate::model::{CheckSpec, Model, RealServer, ViaPath, VirtualServer, VrrpInstance};
use crate::notify::real_server_notifications;

const REMOVED: &str = "no longer configured";
const CONFIGURED: &str = "configured";

impl Director {
    /// Puts another model in place of the present one.
    ///
    /// Virtual servers are the same when their service key is, real servers when their address is,
    /// checks when they do the same at the same pace. What is the same keeps its state; a new real
    /// server starts like any at the start; a new check of a real server that is up counts as passed,
    /// of one that is down it has to pass once. Only services whose desired state changes
    /// are passed to the data plane.
    pub fn replace_model(&mut self, model: Model) {
        self.install(model, |_| {});
    }

    /// Puts a model in place; `prepare` sees each new virtual server before it begins.
    pub(super) fn install(&mut self, model: Model, prepare: impl Fn(&mut ServiceState)) {
        let (paths, marks) = (ViaPath::of_model(&model), model.global.checks.via_vip_marks);
        let Model {
            global,
            routers,
            virtual_servers,
            groups,
            objects: _,
            statics: _,
        } = model;
        self.queue.set_router_id(&global.router_id);
        self.queue.set_no_check_mails(global.checks.no_check_mails);
        self.queue.set_notifications(&global);
        self.notify_removed(&routers);
        self.keep_roles(&routers);
        self.global = global;
        self.routers = routers;
        self.mailed_groups
            .retain(|name, _| groups.iter().any(|known| known.spec.name == *name));
        self.group_states
            .retain(|name, _| groups.iter().any(|known| known.spec.name == *name));
        self.groups = groups;

        let mut old = Previous::new(std::mem::take(&mut self.services), &virtual_servers);
        self.members.clear();
        let mut order = Vec::with_capacity(virtual_servers.len());
        for spec in virtual_servers {
            let suspended = self.is_suspended(&spec);
            let service = match old.take(&spec) {
                Some(mut service) => {
                    service.replace(spec, suspended, &mut self.queue);
                    service
                }
                None => {
                    // The checks of another virtual server with this identity end first.
                    if let Some(gone) = old.services.remove(&spec.service.key) {
                        gone.end(&mut self.queue);
                    }
                    let mut service = Box::new(ServiceState::new(spec, suspended));
                    prepare(&mut service);
                    service.begin(&mut self.queue);
                    service
                }
            };
            let id = service.id;
            if service.spec.group.is_some() {
                let members = service.spec.keys().map(|key| (key, id));
                self.members.extend(members);
            }
            order.push(id);
            self.services.insert(id, service);
        }
        let before = std::mem::replace(&mut self.order, order);
        for service in before.iter().filter_map(|id| old.services.get(id)) {
            service.end(&mut self.queue);
        }
        for key in self.via.replace(&paths, marks) {
            self.queue.service_changed(key, Part::Whole);
        }
        for id in &self.order {
            if let Some(service) = self.services.get_mut(id) {
                service.update_marks(&self.via, &mut self.queue);
            }
        }
        self.update_sync_daemons();
        self.queue.end_round();
    }

    /// Keeps the roles of the routers that stay, also under another name.
    fn keep_roles(&mut self, routers: &[VrrpInstance]) {
        let before = || self.routers.iter().map(|router| &router.spec);
        let names: HashSet<&str> = before().map(|spec| spec.name.as_str()).collect();
        let renamed: HashMap<_, &str> = before()
            .map(|spec| (spec.identity(), spec.name.as_str()))
            .collect();
        let mut roles = BTreeMap::new();
        let mut mailed = BTreeMap::new();
        let mut priorities = BTreeMap::new();
        for spec in routers.iter().map(|router| &router.spec) {
            let same_name = names.get(spec.name.as_str());
            let Some(&old) = same_name.or_else(|| renamed.get(&spec.identity())) else {
                continue;
            };
            if let Some(state) = self.roles.get(old) {
                roles.insert(spec.name.clone(), *state);
            }
            if let Some(state) = self.mailed.get(old) {
                mailed.insert(spec.name.clone(), *state);
            }
            if let Some(priority) = self.priorities.get(old) {
                priorities.insert(spec.name.clone(), *priority);
            }
        }
        self.roles = roles;
        self.mailed = mailed;
        self.priorities = priorities;
    }
}

impl ServiceState {
    /// Takes another specification; the key is the same.
    fn replace(&mut self, spec: VirtualServer, suspended: bool, queue: &mut Queue) {
        let before: Vec<TableService> = self.desired_services().collect();
        let sorry_before = self.sorry_server_names().filter(|_| self.is_sorry());
        self.suspend(suspended, queue);
        let kept = self.sort_out(&spec, queue);
        self.take_over(spec, kept, queue);
        let sorry_now = self.sorry_server_names().filter(|_| self.is_sorry());
        if sorry_before != sorry_now {
            let inhibit = self.spec.sorry_server_inhibit;
            if let Some(names) = sorry_before {
                queue.push(Output::SorryServerRemoved { names, inhibit });
            }
            if let Some(names) = sorry_now {
                queue.push(Output::SorryServerAdded { names, inhibit });
            }
        }
        self.judge_quorum(false, queue);
        let after: Vec<TableService> = self.desired_services().collect();
        if after == before {
            return;
        }
        let gone = before.iter().filter(|service| !after.contains(service));
        let new = after.iter().filter(|service| !before.contains(service));
        for service in gone.chain(new) {
            queue.service_changed(service.service().key, Part::Whole);
        }
    }

    /// Has checks at the virtual address that get another mark begin again; they keep their verdicts.
    fn update_marks(&mut self, via: &ViaServices, queue: &mut Queue) {
        let mut changed = Vec::new();
        let real_servers = self.spec.real_servers.iter().zip(&mut self.real_servers);
        for (real, (spec, state)) in real_servers.enumerate() {
            for (check, slot) in spec.checks.iter().zip(&mut state.slots) {
                let path = ViaPath::of_check(spec, check);
                let key = path
                    .and_then(|path| via.of_path(&path))
                    .map(|service| service.key);
                let before = std::mem::replace(&mut slot.via, key);
                if before.is_some() && before != key {
                    changed.push((real, slot.index));
                }
            }
        }
        for (real, index) in changed {
            let Some(spec) = self.spec.real_servers.get(real) else {
                continue;
            };
            let id = CheckId {
                service: self.id,
                real_server: spec.destination.address,
                index,
            };
            let (names, suspended) = (self.names(spec), self.suspended);
            queue.push(Output::CheckRemoved {
                id,
                names: names.clone(),
            });
            queue.push(Output::CheckAdded {
                id,
                suspended,
                names,
            });
        }
    }

    /// Reports the end of real servers and checks that are not in `spec`; returns the state of the
    /// real servers that are, with the checks they have there.
    fn sort_out(&mut self, spec: &VirtualServer, queue: &mut Queue) -> HashMap<SocketAddr, Kept> {
        let wanted: HashMap<SocketAddr, &RealServer> = spec
            .real_servers
            .iter()
            .map(|real| (real.destination.address, real))
            .collect();
        let mut kept = HashMap::new();
        for (old, state) in self.spec.real_servers.iter().zip(&self.real_servers) {
            let address = old.destination.address;
            let new = wanted.get(&address);
            let checks = new.map_or(&[][..], |new| &new.checks);
            let same = same_checks(&old.checks, checks);
            for (position, slot) in state.slots.iter().enumerate() {
                if !same.contains(&Some(position)) {
                    self.remove_check(old, slot, queue);
                }
            }
            match new {
                Some(_) => kept.insert(address, Kept::new(state, &same)),
                None => {
                    self.remove_real_server(state, old, queue);
                    None
                }
            };
        }
        kept
    }

    fn take_over(
        &mut self,
        spec: VirtualServer,
        mut kept: HashMap<SocketAddr, Kept>,
        queue: &mut Queue,
    ) {
        let mut fresh_from = Vec::with_capacity(spec.real_servers.len());
        self.real_servers.clear();
        for real_server in &spec.real_servers {
            let state = match kept.remove(&real_server.destination.address) {
                Some(kept) => {
                    fresh_from.push(Some(kept.fresh_from));
                    kept.state
                }
                None => {
                    fresh_from.push(None);
                    RealState::new(real_server)
                }
            };
            self.real_servers.push(state);
        }
        self.spec = spec;
        for (real, from_index) in fresh_from.into_iter().enumerate() {
            self.add_checks(real, from_index.unwrap_or(0), queue);
            if from_index.is_some() {
                self.recompute(real, CONFIGURED, queue);
            } else if let (Some(spec), Some(state)) = (
                self.spec.real_servers.get(real),
                self.real_servers.get(real),
            ) && state.alive
            {
                let names = self.names(spec);
                queue.push(Output::RealServerAdded {
                    names,
                    reason: CONFIGURED.to_owned(),
                });
                self.notify_added(real, queue);
            }
        }
    }

    fn remove_real_server(&self, state: &RealState, spec: &RealServer, queue: &mut Queue) {
        queue.push(Output::RealServerGone {
            names: self.names(spec),
        });
        if state.alive {
            let (names, reason) = (self.names(spec), REMOVED.to_owned());
            queue.push(Output::RealServerRemoved { names, reason });
            let names = self.names(spec);
            queue.notify(real_server_notifications(spec, &names, false));
            if spec.smtp_alert {
                let names = self.names(spec);
                let event =
                    Event::real_server(names.virtual_server, names.real_server, false, "Removing");
                queue.mail(event, false);
            }
        }
    }

    /// Reports the end of a virtual server that is not in the model any more.
    fn end(&self, queue: &mut Queue) {
        let virtual_server = self.spec.name();
        queue.push(Output::VirtualServerRemoved { virtual_server });
        for (spec, state) in self.spec.real_servers.iter().zip(&self.real_servers) {
            for slot in &state.slots {
                self.remove_check(spec, slot, queue);
            }
            self.remove_real_server(state, spec, queue);
        }
        self.notify_removed(queue);
        self.services_changed(&Part::Whole, queue);
    }
}

/// The virtual servers of the model before.
struct Previous {
    services: HashMap<ServiceKey, Box<ServiceState>>,
    /// The groups, by name and protocol.
    groups: HashMap<(String, Option<Protocol>), ServiceKey>,
    /// The first services of the virtual servers of the new model.
    first: HashSet<ServiceKey>,
}

impl Previous {
    fn new(services: HashMap<ServiceKey, Box<ServiceState>>, new: &[VirtualServer]) -> Self {
        let groups = services.iter().filter_map(|(id, service)| {
            let group = service.spec.group.as_ref()?;
            Some(((group.name.clone(), service.spec.protocol()), *id))
        });
        Self {
            groups: groups.collect(),
            services,
            first: new.iter().map(|spec| spec.service.key).collect(),
        }
    }

    /// Removes and returns the virtual server that `spec` describes: a group is the same while its name and
    /// protocol are, whatever its services.
    fn take(&mut self, spec: &VirtualServer) -> Option<Box<ServiceState>> {
        let id = match &spec.group {
            None => spec.service.key,
            Some(group) => {
                let id = *self.groups.get(&(group.name.clone(), spec.protocol()))?;
                // Another virtual server that begins with this service takes the identity.
                if self.first.contains(&id) && id != spec.service.key {
                    return None;
                }
                id
            }
        };
        let same = self.services.get(&id)?.spec.group.is_some() == spec.group.is_some();
        same.then(|| self.services.remove(&id)).flatten()
    }
}

/// A real server that is in both models.
struct Kept {
    state: RealState,
    /// Checks with this index and above are new.
    fresh_from: usize,
}

impl Kept {
    /// `same` has for each of the new checks the position of the old one that it continues.
    fn new(state: &RealState, same: &[Option<usize>]) -> Self {
        let fresh_from = state.next_index;
        let mut next_index = fresh_from;
        let slots = same
            .iter()
            .map(|position| {
                position
                    .and_then(|position| state.slots.get(position))
                    .cloned()
                    .unwrap_or_else(|| {
                        next_index += 1;
                        Slot::new(next_index - 1, state.alive)
                    })
            })
            .collect();
        let state = RealState {
            alive: state.alive,
            weight: state.weight,
            slots,
            next_index,
        };
        Self { state, fresh_from }
    }
}

/// For each of the new checks the position of the old one that it continues; each old one at most once.
/// What a check means for the start (alpha) does not matter any more.
fn same_checks(old: &[CheckSpec], new: &[CheckSpec]) -> Vec<Option<usize>> {
    let mut taken = vec![false; old.len()];
    new.iter()
        .map(|check| {
            let (position, taken) =
                old.iter()
                    .zip(&mut taken)
                    .enumerate()
                    .find_map(|(position, (other, taken))| {
                        (check.probes_as(other) && !*taken).then_some((position, taken))
                    })?;
            *taken = true;
            Some(position)
        })
        .collect()
}
