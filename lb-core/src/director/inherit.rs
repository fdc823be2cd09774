// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verdicts of an earlier process: what it had taken out stays out until a check says otherwise, and
//! what it had found live stays in.

use lb_vrrp::State;

use super::Director;
use super::service::ServiceState;

/// What a check found last, in another process.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Verdict {
    /// Its virtual server and its real server, as in logs.
    pub(crate) virtual_server: String,
    pub(crate) real_server: String,
    /// Its kind, and its place among the checks of the real server.
    pub(crate) kind: String,
    pub(crate) place: usize,
    pub(crate) up: bool,
    pub(crate) weight: Option<u32>,
    pub(crate) reason: String,
}

impl Director {
    /// The verdicts so far.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let services = self.order.iter().filter_map(|key| self.services.get(key));
        let mut verdicts = Vec::new();
        for service in services {
            for (spec, state) in service.spec.real_servers.iter().zip(&service.real_servers) {
                let checks = spec.checks.iter().zip(&state.slots).enumerate();
                verdicts.extend(checks.filter(|(_, (_, slot))| slot.settled).map(
                    |(place, (check, slot))| Verdict {
                        virtual_server: service.name.clone(),
                        real_server: state.name.clone(),
                        kind: check.kind.clone(),
                        place,
                        up: slot.up,
                        weight: slot.weight,
                        reason: slot.reason.clone(),
                    },
                ));
            }
        }
        verdicts
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

    /// Begins with these verdicts instead of none. The first round of checks is still to come, and
    /// is told as such. Nothing is mailed: it was.
    pub(crate) fn inherit(&mut self, verdicts: &[Verdict]) {
        for key in &self.order {
            if let Some(service) = self.services.get_mut(key) {
                service.inherit(verdicts);
                self.queue.service_changed(*key);
            }
        }
    }
}

impl ServiceState {
    fn inherit(&mut self, verdicts: &[Verdict]) {
        for (spec, state) in self.spec.real_servers.iter().zip(&mut self.real_servers) {
            for (place, (check, slot)) in spec.checks.iter().zip(&mut state.slots).enumerate() {
                let known = verdicts.iter().find(|of| {
                    of.place == place
                        && of.kind == check.kind
                        && of.virtual_server == self.name
                        && of.real_server == state.name
                });
                if let Some(known) = known {
                    slot.up = known.up;
                    slot.weight = known.weight.filter(|_| known.up);
                    slot.reason.clone_from(&known.reason);
                }
            }
            state.alive = state.slots.iter().all(|slot| slot.up);
            state.weight = state.effective_weight(spec.destination.weight);
        }
        self.up = !self.quorum().lost();
    }
}
