// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restores the state of an earlier process: a real server that is down stays down until its checks
//! pass, one that is live stays live, and a lost quorum has to be regained. The rules are those of a
//! reload.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;

use lb_vrrp::{Priority, State};
use serde::{Deserialize, Serialize};

use super::Director;
use super::service::ServiceState;
use super::weight::WeightRequest;
use crate::model::{CheckSpec, Model};

/// The state of real servers and quorums that one process passes to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// The virtual servers, by the service key or the group as text.
    services: BTreeMap<String, KnownService>,
    /// Device and number of the FIFOs that the process created.
    #[serde(default)]
    pub(crate) fifos: BTreeSet<(u64, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownService {
    /// Whether it has its quorum.
    up: bool,
    real_servers: Vec<KnownRealServer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownRealServer {
    address: SocketAddr,
    up: bool,
    checks: Vec<KnownCheck>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownCheck {
    /// The check and its target, as text.
    what: String,
    up: bool,
    /// What it asks of the weight.
    #[serde(flatten)]
    request: WeightRequest,
    reason: String,
}

impl Known {
    /// The number of known real servers, and of those that are down.
    pub(crate) fn real_servers(&self) -> (usize, usize) {
        let all = || {
            self.services
                .values()
                .flat_map(|server| &server.real_servers)
        };
        (all().count(), all().filter(|server| !server.up).count())
    }
}

impl Director {
    /// A director with the state of another process; servers that are unknown there start as usual.
    /// The first round of checks is still to come, and has its digest. What the other process mailed
    /// is not mailed again.
    pub(crate) fn restored(model: Model, known: &Known) -> Self {
        let mut director = Self::empty();
        director.install(model, |service| {
            if let Some(known) = known.services.get(&service.known_name()) {
                service.restore(known);
            }
        });
        director
    }

    /// Sets the state of a virtual router that another process passed on.
    pub(crate) fn restore_role(&mut self, router: &str, state: State) {
        // The other process has mailed it and started its scripts.
        self.mailed.insert(router.to_owned(), state);
        self.set_role(router, state);
    }

    /// Sets the effective priority of a virtual router that another process passed on.
    pub(crate) fn restore_priority(&mut self, router: &str, priority: Priority) {
        self.priorities.insert(router.to_owned(), priority);
    }

    /// Sets the state of a sync group that another process passed on.
    pub(crate) fn restore_group(&mut self, group: &str, state: State) {
        self.mailed_groups.insert(group.to_owned(), state);
        self.group_states.insert(group.to_owned(), state);
    }

    /// The state to pass to another process.
    pub(crate) fn known(&self) -> Known {
        let services = self.services.values();
        Known {
            services: services
                .map(|service| (service.known_name(), service.known()))
                .collect(),
            fifos: BTreeSet::new(),
        }
    }
}

impl ServiceState {
    /// Identifies the virtual server to another process: the key of its service, or the name of a group.
    fn known_name(&self) -> String {
        match &self.spec.group {
            None => self.id.to_string(),
            Some(_) => self.spec.name(),
        }
    }

    fn known(&self) -> KnownService {
        let real_servers = self.spec.real_servers.iter().zip(&self.real_servers);
        let real_servers = real_servers.map(|(spec, state)| KnownRealServer {
            address: spec.destination.address,
            up: state.alive,
            checks: spec
                .checks
                .iter()
                .zip(&state.slots)
                .map(|(check, slot)| KnownCheck {
                    what: what(check),
                    up: slot.up,
                    request: slot.request,
                    reason: slot.reason.to_string(),
                })
                .collect(),
        });
        KnownService {
            up: self.up,
            real_servers: real_servers.collect(),
        }
    }

    /// Sets this state. A check that is new for a real server counts as passed if that is up.
    fn restore(&mut self, known: &KnownService) {
        let by_address: HashMap<SocketAddr, &KnownRealServer> = known
            .real_servers
            .iter()
            .map(|known| (known.address, known))
            .collect();
        for (spec, state) in self.spec.real_servers.iter().zip(&mut self.real_servers) {
            let Some(real_server) = by_address.get(&spec.destination.address) else {
                continue;
            };
            for (check, slot) in spec.checks.iter().zip(&mut state.slots) {
                let what = what(check);
                match real_server.checks.iter().find(|check| check.what == what) {
                    Some(known) => {
                        slot.up = known.up;
                        slot.request = known.request;
                        slot.reason = known.reason.clone().into();
                    }
                    None => slot.up = real_server.up,
                }
            }
            state.alive = state.slots.iter().all(|slot| slot.up);
            state.weight = state.effective_weight(spec.destination.weight);
        }
        self.is_restored = true;
        let quorum = self.quorum();
        self.up = if known.up {
            !quorum.lost()
        } else {
            quorum.gained()
        };
    }
}

fn what(check: &CheckSpec) -> String {
    let CheckSpec { kind, probe, .. } = check;
    format!("{kind} {} {}", probe.target, probe.check.identity())
}
