// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adapts sockets, sources, addresses and faults to the present interfaces.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::super::event::Event;
use super::super::key::RouterKey;
use super::super::needs::{config_of, outlet_of, place, prepare, problem_of, source_of};
use super::AdvertThread;
use crate::FaultReason;
use crate::status::LinkProblem;

impl AdvertThread {
    /// Adapts sockets, sources and addresses of all routers to the present interfaces, updates the
    /// engines, and starts those that have not started.
    pub(super) fn settle(&mut self) {
        self.renew_ports();
        let now = Instant::now();
        let virtual_addresses: Vec<IpAddr> = self
            .routers
            .values()
            .flat_map(|router| router.spec.virtual_addresses.iter())
            .map(|address| address.address)
            .collect();
        let keys: Vec<RouterKey> = self.routers.keys().cloned().collect();
        for key in keys {
            if self.awaits_macvlan(&key) || self.awaits_static(&key) {
                continue;
            }
            let Some(router) = self.routers.get_mut(&key) else {
                continue;
            };
            router.mark_macvlans(&self.interfaces);
            let source = source_of(&router.spec, &self.interfaces, &virtual_addresses);
            let has_port = self.ports.get(&key.port()).is_some();
            let problem = problem_of(&router.spec, &self.interfaces, has_port, source);
            let prepared = prepare(
                &router.spec,
                &self.interfaces,
                &self.pacing,
                (&mut self.announcers, &self.events),
            );
            router.outlet = outlet_of(
                &router.spec,
                &self.interfaces,
                &mut self.announcers,
                &self.events,
            );
            let routing = place(&router.spec, &self.interfaces);
            router.prepare(now, (prepared, routing), &self.mailbox);
            if let Some(source) = source
                && router.source != Some(source)
                && router.engine.set_primary(source).is_ok()
            {
                router.source = Some(source);
            }
            let interface = self.interfaces.get(&key.interface);
            router.connected = interface.is_some_and(|interface| interface.up);
            if problem != router.problem {
                router.problem = problem;
                self.events.send(Event::LinkChanged {
                    router: Arc::clone(&router.name),
                    vrid: key.vrid,
                    interface: Arc::clone(&key.interface),
                    problem,
                });
            }
            let grouped = self.groups.group_of(&key).is_some();
            let config = config_of(&router.spec, &self.interfaces);
            let events = self.events.clone();
            self.act(&key, now, |router| {
                router.configure(now, config, &events);
                if let Some(problem) = problem {
                    router.engine.handle_fault(now, problem.fault(), true);
                }
                let fault = problem.map(LinkProblem::fault);
                let others = LinkProblem::ALL.map(LinkProblem::fault).into_iter();
                for other in others.filter(|other| Some(*other) != fault) {
                    router.engine.handle_fault(now, other, false);
                }
                if !grouped {
                    // A router that left its group may still have the group's fault.
                    let fault = FaultReason::SyncGroup;
                    router.engine.handle_fault(now, fault, false);
                }
            });
        }
        self.listen_for_own_addresses();
        // After the held addresses are known: a macvlan from another process must not be set down.
        self.publish_links();
        let changed = self.tracking.handle_interfaces(&self.interfaces);
        self.follow_objects(now, changed);
        let waiting: Vec<RouterKey> = self
            .routers
            .values()
            .filter(|router| !router.started && self.start_at.is_none())
            .map(|router| router.key.clone())
            .collect();
        for key in waiting {
            self.start(&key, now);
        }
        for group in self.groups.names() {
            self.synchronize_group(&group, now);
        }
    }
}
