// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an earlier process knew: what it had taken out stays out until a check says otherwise, what
//! it had found live stays in, and a quorum that was lost has to be gained. The rules are those of a
//! reload.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use lb_vrrp::State;
use serde::{Deserialize, Serialize};

use super::Director;
use super::service::ServiceState;
use crate::model::{CheckSpec, Model};

/// What one process knows and another one goes on from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// By the service key as text.
    services: BTreeMap<String, KnownService>,
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
    /// What it does, and to whom.
    what: String,
    up: bool,
    weight: Option<u32>,
    reason: String,
}

impl Known {
    /// How many real servers are known, and how many of them are down.
    pub(crate) fn real_servers(&self) -> (usize, usize) {
        let all = || self.services.values().flat_map(|of| &of.real_servers);
        (all().count(), all().filter(|of| !of.up).count())
    }
}

impl Director {
    /// A director that goes on from what another process knew; what that did not know starts as at
    /// any start. The first round of checks is still to come, and is told as such. What was mailed
    /// there is not mailed again.
    pub(crate) fn going_on(model: Model, known: &Known) -> Self {
        let mut director = Self::empty();
        director.install(model, |service| {
            if let Some(known) = known.services.get(&service.key().to_string()) {
                service.inherit(known);
            }
        });
        director
    }

    /// Begins with a virtual router in a state that it came to in another process.
    pub(crate) fn inherit_role(&mut self, router: &str, state: State) {
        // It was mailed there.
        self.mailed.insert(router.to_owned(), state);
        self.handle_role(router, state);
    }

    /// Begins with a sync group in a state that it came to in another process.
    pub(crate) fn inherit_group(&mut self, group: &str, state: State) {
        self.mailed_groups.insert(group.to_owned(), state);
    }

    /// What is known so far.
    pub(crate) fn known(&self) -> Known {
        let known =
            |(key, service): (_, &ServiceState)| (ToString::to_string(key), service.known());
        Known {
            services: self.services.iter().map(known).collect(),
        }
    }
}

impl ServiceState {
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
                    weight: slot.weight,
                    reason: slot.reason.clone(),
                })
                .collect(),
        });
        KnownService {
            up: self.up,
            real_servers: real_servers.collect(),
        }
    }

    /// Begins with this. A check that is new for a real server counts as passed if that is up.
    fn inherit(&mut self, known: &KnownService) {
        let by_address: HashMap<SocketAddr, &KnownRealServer> = known
            .real_servers
            .iter()
            .map(|of| (of.address, of))
            .collect();
        for (spec, state) in self.spec.real_servers.iter().zip(&mut self.real_servers) {
            let Some(real_server) = by_address.get(&spec.destination.address) else {
                continue;
            };
            for (check, slot) in spec.checks.iter().zip(&mut state.slots) {
                let what = what(check);
                match real_server.checks.iter().find(|of| of.what == what) {
                    Some(known) => {
                        slot.up = known.up;
                        slot.weight = known.weight;
                        slot.reason.clone_from(&known.reason);
                    }
                    None => slot.up = real_server.up,
                }
            }
            state.alive = state.slots.iter().all(|slot| slot.up);
            state.weight = state.effective_weight(spec.destination.weight);
        }
        let quorum = self.quorum();
        self.up = if known.up {
            !quorum.lost()
        } else {
            quorum.gained()
        };
    }
}

fn what(check: &CheckSpec) -> String {
    let CheckSpec {
        kind,
        identity,
        target,
        ..
    } = check;
    format!("{kind} {target:?} {identity}")
}
