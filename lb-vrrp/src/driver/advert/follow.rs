// SPDX-License-Identifier: MIT OR Apache-2.0
//! Effects of tracked objects and sync groups on routers.

use std::sync::Arc;
use std::time::Instant;

use super::super::event::Event;
use super::super::key::RouterKey;
use super::super::needs::awaits_macvlan;
use super::super::router::Surroundings;
use super::super::tracked::{ObjectId, Observation};
use super::AdvertThread;
use crate::FaultReason;
use crate::group::Status;
use crate::track::{Output, Verdict};

impl AdvertThread {
    /// Applies a report on a tracked object.
    pub(super) fn handle_report(&mut self, object: ObjectId, report: Observation) {
        let now = Instant::now();
        let changed = self.tracking.handle_report(now, object, report);
        self.follow_objects(now, changed);
    }

    /// Sends events for changed objects, and applies their effects to the routers.
    pub(super) fn follow_objects(
        &mut self,
        now: Instant,
        changed: impl IntoIterator<Item = (ObjectId, Verdict)>,
    ) {
        for (object, verdict) in changed {
            self.events.send(Event::ObjectChanged { object, verdict });
        }
        while let Some(output) = self.tracking.poll_output() {
            match output {
                Output::Priority { router, priority } => {
                    let Some(known) = self.routers.get(&router) else {
                        continue;
                    };
                    let before = known.engine.effective_priority();
                    // A router from another process may have this priority already.
                    if before == priority {
                        continue;
                    }
                    self.events.send(Event::PriorityChanged {
                        router: Arc::clone(&known.name),
                        vrid: router.vrid,
                        from: before,
                        to: priority,
                    });
                    self.act(&router, now, |router| {
                        router.engine.handle_priority(now, priority);
                    });
                }
                Output::Fault { router, present } => self.act(&router, now, |router| {
                    router
                        .engine
                        .handle_fault(now, FaultReason::Tracked, present);
                }),
                // A router is not started before the state of its tracked objects is known.
                Output::Ready { router } => self.start(&router, now),
            }
        }
    }

    /// Whether a router has not started because its macvlan is missing.
    pub(super) fn awaits_macvlan(&self, key: &RouterKey) -> bool {
        self.routers
            .get(key)
            .is_some_and(|router| !router.started && awaits_macvlan(&router.spec, &self.interfaces))
    }

    /// Starts a router, unless it runs, or waits for a script, its macvlan or an address.
    pub(super) fn start(&mut self, key: &RouterKey, now: Instant) {
        let waits =
            !self.tracking.is_ready(key) || self.awaits_macvlan(key) || self.awaits_static(key);
        self.act(key, now, |router| {
            if !waits && !std::mem::replace(&mut router.started, true) {
                router.engine.handle_startup(now);
            }
        });
    }

    /// Synchronizes the group of a router.
    pub(super) fn follow_member(&mut self, key: &RouterKey, now: Instant) {
        if let Some(group) = self.groups.group_of(key) {
            let group = Arc::clone(group);
            self.synchronize_group(&group, now);
        }
    }

    /// Synchronizes the members of a group.
    pub(super) fn synchronize_group(&mut self, name: &Arc<str>, now: Instant) {
        let routers = &mut self.routers;
        let changed = self.groups.synchronize(name, |member, request| {
            let router = routers.get_mut(member)?;
            if request.is_some() {
                router.update_clock(now);
            }
            Some(Status::after(request, now, &mut router.engine))
        });
        let mut around = Surroundings {
            ports: &mut self.ports,
            mailbox: &self.mailbox,
            events: &mut self.events,
        };
        for member in self.groups.members(name) {
            if let Some(router) = self.routers.get_mut(&member) {
                router.drain(now, &mut around);
            }
        }
        if let Some((from, to)) = changed {
            self.events.send(Event::GroupChanged {
                group: Arc::clone(name),
                from,
                to,
            });
        }
    }
}
