// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual server: which of its real servers are live, and who takes the traffic.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::SystemTime;

use lb_check::Outcome;
use lb_ipvs::{Destination, Part, ServiceKey, TableService, Weight};

use super::Event;
use super::mail::check_text;
use super::output::{CheckId, Names, Output, Quorum};
use super::queue::Queue;
use super::real::{Problem, RealState, Slot, result_text};
use super::weight::WeightRequest;
use crate::model::{RealServer, VirtualServer};
use crate::notify::{real_server_notifications, virtual_server_notifications};

#[derive(Debug)]
pub(super) struct ServiceState {
    /// Identifies the virtual server for as long as it exists: the key of its first service when it was
    /// added. A reload can give a group another first service.
    pub(super) id: ServiceKey,
    pub(super) spec: VirtualServer,
    /// As `spec.real_servers`.
    pub(super) real_servers: Vec<RealState>,
    /// Whether it has its quorum.
    pub(super) up: bool,
    /// Whether its checks rest.
    pub(super) suspended: bool,
    /// Whether another process has had it: then its start is no event.
    pub(super) is_restored: bool,
}

impl ServiceState {
    pub(super) fn new(spec: VirtualServer, suspended: bool) -> Self {
        Self {
            id: spec.service.key,
            real_servers: spec.real_servers.iter().map(RealState::new).collect(),
            up: true,
            suspended,
            is_restored: false,
            spec,
        }
    }

    /// Reports that this part of each of its services is desired otherwise.
    pub(super) fn services_changed(&self, part: &Part, queue: &mut Queue) {
        if self.spec.group.is_none() {
            return queue.service_changed(self.spec.service.key, part.clone());
        }
        for key in self.spec.keys() {
            let part = match part {
                Part::Destinations(addresses) => {
                    Part::Destinations(self.addresses_for(key, addresses).collect())
                }
                whole => whole.clone(),
            };
            queue.service_changed(key, part);
        }
    }

    /// The addresses of destinations as the service with this key has them.
    fn addresses_for(
        &self,
        key: ServiceKey,
        addresses: &BTreeSet<SocketAddr>,
    ) -> impl Iterator<Item = SocketAddr> {
        let real_servers = self.spec.real_servers.iter();
        real_servers
            .filter(|real| addresses.contains(&real.destination.address))
            .map(move |real| self.spec.destination_for(key, &real.destination).address)
    }

    /// Queues the outputs for a new virtual server. A restored one without its quorum stays without
    /// it until it is regained.
    pub(super) fn begin(&mut self, queue: &mut Queue) {
        for real in 0..self.real_servers.len() {
            self.add_checks(real, 0, queue);
        }
        if !self.is_restored {
            for real in 0..self.real_servers.len() {
                self.notify_added(real, queue);
            }
        }
        let quorum = self.quorum();
        if !self.is_restored {
            // As keepalived: it starts without its quorum, and gains it.
            self.up = quorum.gained();
        }
        if !self.up {
            let virtual_server = self.spec.name();
            queue.push(Output::StartedWithoutQuorum {
                virtual_server,
                quorum,
            });
            self.sorry_server_takes_over(queue);
        } else if !self.is_restored {
            self.notify_quorum(queue);
            // With the first round of checks, which follows.
            self.mail_quorum(quorum.start_text(), true, queue);
        }
        self.services_changed(&Part::Whole, queue);
    }

    /// Queues the checks of a real server from this index on.
    pub(super) fn add_checks(&self, real: usize, from_index: usize, queue: &mut Queue) {
        let spec = self.spec.real_servers.get(real);
        let (Some(spec), Some(state)) = (spec, self.real_servers.get(real)) else {
            return;
        };
        for slot in state.slots.iter().filter(|slot| slot.index >= from_index) {
            let id = self.check_id(spec, slot);
            if !self.suspended {
                queue.await_verdict();
            }
            let (suspended, names) = (self.suspended, self.names(spec));
            queue.push(Output::CheckAdded {
                id,
                suspended,
                names,
            });
        }
    }

    pub(super) fn remove_check(&self, spec: &RealServer, slot: &Slot, queue: &mut Queue) {
        if !self.suspended && !slot.settled {
            queue.verdict_is_in();
        }
        queue.push(Output::CheckRemoved {
            id: self.check_id(spec, slot),
            names: self.names(spec),
        });
    }

    const fn check_id(&self, spec: &RealServer, slot: &Slot) -> CheckId {
        CheckId {
            service: self.id,
            real_server: spec.destination.address,
            index: slot.index,
        }
    }

    fn address(&self, real: usize) -> Option<SocketAddr> {
        let spec = self.spec.real_servers.get(real)?;
        Some(spec.destination.address)
    }

    pub(super) fn names(&self, real_server: &RealServer) -> Names {
        Names {
            virtual_server: self.spec.name(),
            real_server: real_server.name(self.spec.protocol()),
        }
    }

    /// Lets the checks rest or run.
    pub(super) fn suspend(&mut self, suspended: bool, queue: &mut Queue) {
        if self.suspended == suspended {
            return;
        }
        self.suspended = suspended;
        for (spec, state) in self.spec.real_servers.iter().zip(&self.real_servers) {
            for slot in &state.slots {
                let id = self.check_id(spec, slot);
                let names = self.names(spec);
                if suspended {
                    if !slot.settled {
                        queue.verdict_is_in();
                    }
                    queue.push(Output::CheckSuspended { id, names });
                } else {
                    if !slot.settled {
                        queue.await_verdict();
                    }
                    queue.push(Output::CheckResumed { id, names });
                }
            }
        }
        queue.end_round();
    }

    /// Takes in a verdict.
    pub(super) fn verdict(&mut self, id: &CheckId, up: bool, outcome: &Outcome, queue: &mut Queue) {
        let real_servers = self.spec.real_servers.iter().zip(&mut self.real_servers);
        let Some((real, (spec, state))) = real_servers
            .enumerate()
            .find(|(_, (spec, _))| spec.destination.address == id.real_server)
        else {
            return;
        };
        let Some((check, slot)) = spec
            .checks
            .iter()
            .zip(&mut state.slots)
            .find(|(_, slot)| slot.index == id.index)
        else {
            return;
        };
        let first = !std::mem::replace(&mut slot.settled, true);
        let changed = std::mem::replace(&mut slot.up, up) != up;
        slot.request = match up {
            true => outcome.into(),
            false => WeightRequest::default(),
        };
        slot.reason = result_text(outcome);
        slot.problem = None;
        let reason = format!("{} {outcome}", check.kind);
        let kind = std::sync::Arc::clone(&check.kind);
        if first && !self.suspended {
            queue.verdict_is_in();
        }
        let up_before = state.alive;
        let up_now = state.slots.iter().all(|slot| slot.up);
        if changed && (up_before != up_now || !queue.no_check_mails()) {
            self.mail_check(real, &kind, up, outcome, first, queue);
        }
        self.refresh(real, &reason, first, queue);
        queue.end_round();
    }

    fn slot(&mut self, id: &CheckId) -> Option<&mut Slot> {
        let real_servers = self.spec.real_servers.iter().zip(&mut self.real_servers);
        real_servers
            .filter(|(spec, _)| spec.destination.address == id.real_server)
            .find_map(|(_, state)| state.slots.iter_mut().find(|slot| slot.index == id.index))
    }

    /// Sets the warning of a check. True if it is another one than before.
    pub(super) fn set_warning(&mut self, id: &CheckId, warning: Option<&str>) -> bool {
        let slot = self.slot(id);
        let Some(slot) = slot.filter(|slot| slot.warning.as_deref() != warning) else {
            return false;
        };
        slot.warning = warning.map(Into::into);
        true
    }

    /// Sets why a check cannot run, or (`None`) that it runs.
    pub(super) fn set_problem(&mut self, id: &CheckId, problem: Option<(String, SystemTime)>) {
        let Some(slot) = self.slot(id) else {
            return;
        };
        // A check runtime that was started again reports the same once more.
        let known = slot.problem.take();
        slot.problem = problem.map(|(reason, since)| {
            known
                .filter(|known| known.reason == reason)
                .unwrap_or_else(|| Box::new(Problem { since, reason }))
        });
    }

    fn mail_check(
        &self,
        real: usize,
        kind: &str,
        up: bool,
        outcome: &Outcome,
        first: bool,
        queue: &mut Queue,
    ) {
        let (Some(spec), Some(state)) = (
            self.spec.real_servers.get(real),
            self.real_servers.get(real),
        ) else {
            return;
        };
        if spec.smtp_alert {
            let reason = outcome.to_string();
            let (text, wants_reason) = check_text(kind, up, &reason);
            let event = Event::RealServer {
                virtual_server: self.spec.name(),
                real_server: spec.name(self.spec.protocol()),
                up: state.slots.iter().all(|slot| slot.up),
                text,
                reason: wants_reason.then_some(reason),
            };
            queue.mail(event, first);
        }
    }

    /// Applies the states of a real server's checks.
    fn refresh(&mut self, real: usize, reason: &str, first: bool, queue: &mut Queue) {
        let Some(address) = self.address(real) else {
            return;
        };
        if self.recompute(real, reason, queue) {
            let up = self.up;
            self.judge_quorum(first, queue);
            // with the quorum every destination may change
            let part = if self.up == up {
                Part::destination(address)
            } else {
                Part::Whole
            };
            self.services_changed(&part, queue);
        }
    }

    /// Computes whether a real server is live and with which weight; reports the changes,
    /// and returns whether there were any.
    pub(super) fn recompute(&mut self, real: usize, reason: &str, queue: &mut Queue) -> bool {
        let (Some(spec), Some(state)) = (
            self.spec.real_servers.get(real),
            self.real_servers.get_mut(real),
        ) else {
            return false;
        };
        let alive = state.slots.iter().all(|slot| slot.up);
        let flipped = std::mem::replace(&mut state.alive, alive) != alive;
        let to = state.effective_weight(spec.destination.weight);
        let from = std::mem::replace(&mut state.weight, to);
        let names = Names {
            virtual_server: self.spec.name(),
            real_server: spec.name(self.spec.protocol()),
        };
        if from != to {
            let names = names.clone();
            queue.push(Output::WeightChanged {
                names,
                from,
                to,
                active: alive,
            });
        }
        if flipped {
            let reason = reason.to_owned();
            let notifications = real_server_notifications(spec, &names, alive);
            queue.push(match (alive, spec.inhibit_on_failure) {
                (true, false) => Output::RealServerAdded { names, reason },
                (false, false) => Output::RealServerRemoved { names, reason },
                (true, true) => Output::RealServerEnabled { names, reason },
                (false, true) => Output::RealServerDisabled { names, reason },
            });
            queue.notify(notifications);
        }
        flipped || from != to
    }

    /// Decides who takes the traffic.
    pub(super) fn judge_quorum(&mut self, first: bool, queue: &mut Queue) {
        let quorum = self.quorum();
        let virtual_server = self.spec.name();
        let text = if self.up && quorum.lost() {
            self.up = false;
            queue.push(Output::QuorumLost {
                virtual_server,
                quorum,
            });
            self.sorry_server_takes_over(queue);
            quorum.lost_text()
        } else if !self.up && quorum.gained() {
            self.up = true;
            queue.push(Output::QuorumGained {
                virtual_server,
                quorum,
            });
            self.sorry_server_steps_back(queue);
            quorum.gained_text()
        } else {
            return;
        };
        self.notify_quorum(queue);
        self.mail_quorum(text, first, queue);
    }

    /// Mails whether the quorum is there, where that is asked for.
    fn mail_quorum(&self, text: String, first: bool, queue: &mut Queue) {
        if self.spec.smtp_alert {
            let event = Event::VirtualServer {
                virtual_server: self.spec.name(),
                up: self.up,
                text,
            };
            queue.mail(event, first);
        }
    }

    /// Notifies that a virtual server with its quorum is removed, and mails the lost quorum.
    pub(super) fn notify_removed(&self, queue: &mut Queue) {
        if !self.up {
            return;
        }
        let name = self.spec.name();
        queue.notify(virtual_server_notifications(&self.spec, &name, false));
        if self.spec.smtp_alert {
            let quorum = Quorum {
                weight: 0,
                ..self.quorum()
            };
            let event = Event::VirtualServer {
                virtual_server: name,
                up: false,
                text: quorum.lost_text(),
            };
            queue.mail(event, false);
        }
    }

    /// Notifies that a real server was added live, where that is asked for.
    pub(super) fn notify_added(&self, real: usize, queue: &mut Queue) {
        let spec = self.spec.real_servers.get(real);
        if let (Some(spec), Some(state)) = (spec, self.real_servers.get(real))
            && state.alive
            && queue.notifies_added()
        {
            queue.notify(real_server_notifications(spec, &self.names(spec), true));
        }
    }

    /// Notifies whether the quorum is there.
    pub(super) fn notify_quorum(&self, queue: &mut Queue) {
        queue.notify(virtual_server_notifications(
            &self.spec,
            &self.spec.name(),
            self.up,
        ));
    }

    fn sorry_server_takes_over(&self, queue: &mut Queue) {
        let Some(names) = self.sorry_server_names() else {
            return;
        };
        let inhibit = self.spec.sorry_server_inhibit;
        queue.push(Output::SorryServerAdded { names, inhibit });
        if self.real_servers.iter().any(|real| real.alive) {
            let virtual_server = self.spec.name();
            queue.push(Output::AliveServersRemoved { virtual_server });
        }
    }

    fn sorry_server_steps_back(&self, queue: &mut Queue) {
        let Some(names) = self.sorry_server_names() else {
            return;
        };
        let inhibit = self.spec.sorry_server_inhibit;
        queue.push(Output::SorryServerRemoved { names, inhibit });
        queue.push(Output::AliveServersAdded {
            virtual_server: self.spec.name(),
        });
    }

    /// Reports the stop.
    pub(super) fn shut_down(&self, queue: &mut Queue) {
        const TEXT: &str = "Shutting down";
        let alive = self.spec.real_servers.iter().zip(&self.real_servers);
        for (spec, _) in alive.filter(|(_, state)| state.alive) {
            let names = self.names(spec);
            if self.spec.omega {
                queue.notify(real_server_notifications(spec, &names, false));
            }
            if self.spec.omega && spec.smtp_alert {
                let Names {
                    virtual_server,
                    real_server,
                } = names.clone();
                queue.mail(
                    Event::real_server(virtual_server, real_server, false, TEXT),
                    false,
                );
            }
            queue.push(Output::RealServerShutDown { names });
        }
        if self.spec.omega && self.up {
            queue.notify(virtual_server_notifications(
                &self.spec,
                &self.spec.name(),
                false,
            ));
        }
        if self.spec.omega && self.spec.smtp_alert && self.up {
            let (virtual_server, text) = (self.spec.name(), TEXT.to_owned());
            queue.mail(
                Event::VirtualServer {
                    virtual_server,
                    up: false,
                    text,
                },
                false,
            );
        }
    }

    pub(super) fn sorry_server_names(&self) -> Option<Names> {
        let sorry_server = RealServer::new(self.spec.sorry_server?);
        Some(Names {
            virtual_server: self.spec.name(),
            real_server: sorry_server.name(self.spec.protocol()),
        })
    }

    pub(super) fn quorum(&self) -> Quorum {
        let live = self.real_servers.iter().filter(|real| real.alive);
        Quorum {
            quorum: self.spec.quorum,
            hysteresis: self.spec.hysteresis,
            weight: live.map(|real| u64::from(real.weight)).sum(),
        }
    }

    /// Whether the sorry server takes the traffic.
    pub(super) const fn is_sorry(&self) -> bool {
        !self.up && self.spec.sorry_server.is_some()
    }

    /// Its services as the data plane shall have them.
    pub(super) fn desired_services(&self) -> impl Iterator<Item = TableService> {
        self.spec.keys().map(|key| self.desired(key))
    }

    /// The service with this key as the data plane shall have it.
    pub(super) fn desired(&self, key: ServiceKey) -> TableService {
        let real_servers = self.spec.real_servers.iter().zip(&self.real_servers);
        let destinations = real_servers
            .filter_map(|(spec, state)| self.destination(spec, state))
            .map(|destination| self.spec.destination_for(key, &destination));
        let mut service =
            TableService::new(self.spec.service_for(key)).with_destinations(destinations);
        if let Some(server) = self.sorry_destination_for(key)
            && (self.is_sorry() || service.destination(server.address).is_none())
        {
            service.set_destination(server.address, Some(server));
        }
        service
    }

    /// One destination of the service with this key as the data plane shall have it.
    pub(super) fn desired_destination(
        &self,
        key: ServiceKey,
        address: SocketAddr,
    ) -> Option<Destination> {
        let sorry_server = self
            .sorry_destination_for(key)
            .filter(|server| server.address == address);
        if self.is_sorry() && sorry_server.is_some() {
            return sorry_server;
        }
        let mut real_servers = self.spec.real_servers.iter().zip(&self.real_servers);
        real_servers
            .find(|(spec, _)| self.spec.destination_for(key, &spec.destination).address == address)
            .and_then(|(spec, state)| self.destination(spec, state))
            .map(|destination| self.spec.destination_for(key, &destination))
            .or(sorry_server)
    }

    fn sorry_destination_for(&self, key: ServiceKey) -> Option<Destination> {
        let server = self.sorry_destination()?;
        Some(self.spec.destination_for(key, &server))
    }

    /// What a real server is in the data plane, were it not the sorry server as well.
    fn destination(&self, spec: &RealServer, state: &RealState) -> Option<Destination> {
        let weight = match Weight::new(state.weight) {
            Some(weight) if state.alive && !self.is_sorry() => weight,
            _ if spec.inhibit_on_failure => Weight::ZERO,
            _ => return None,
        };
        Some(spec.destination.with_weight(weight))
    }

    /// What the sorry server is in the data plane. A real server may be the sorry server as well: one
    /// destination, and the one that takes the traffic counts.
    fn sorry_destination(&self) -> Option<Destination> {
        let server = self.spec.sorry_server?;
        if self.is_sorry() {
            return Some(server);
        }
        let inhibit = self.spec.sorry_server_inhibit;
        inhibit.then(|| server.with_weight(Weight::ZERO))
    }
}
