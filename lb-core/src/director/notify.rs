// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts and FIFO lines of virtual routers and sync groups.

use lb_vrrp::{Priority, State};

use super::{Director, Event};
use crate::model::VrrpInstance;
use crate::notify::{
    RouterPhase, group_notifications, losing_advert_notifications, priority_notifications,
    router_notifications,
};

impl Director {
    /// Takes in the effective priority of a virtual router. Call this before
    /// [`handle_role`](Self::handle_role) where both change.
    pub fn handle_priority(&mut self, router: &str, priority: Priority) {
        let Some(instance) = self.routers.iter().find(|other| other.spec.name == router) else {
            return;
        };
        let before = self.priority(instance);
        if before != priority
            && let Some(state) = self.roles.get(router)
        {
            let made = priority_notifications(instance, *state, priority);
            self.queue.notify(made);
        }
        self.priorities.insert(router.to_owned(), priority);
    }

    /// Takes in that a virtual router received a losing advert as master.
    pub fn handle_losing_advert(&mut self, router: &str) {
        let mut routers = self.routers.iter();
        if let Some(instance) = routers.find(|other| other.spec.name == router) {
            let made = losing_advert_notifications(instance, self.priority(instance));
            self.queue.notify(made);
        }
    }

    /// Takes in that all virtual routers have stopped because the daemon stops: notifies that for each
    /// router, then for each sync group.
    pub fn handle_routers_stopped(&mut self) {
        for router in &self.routers {
            let priority = self.priority(router);
            let made = router_notifications(router, RouterPhase::Stop, priority);
            self.queue.notify(made);
        }
        for group in &self.groups {
            self.queue
                .notify(group_notifications(group, RouterPhase::Stop));
        }
    }

    /// The effective priority that is known last, or the configured one.
    fn priority(&self, router: &VrrpInstance) -> Priority {
        let known = self.priorities.get(&router.spec.name);
        known
            .copied()
            .unwrap_or_else(|| router.spec.config.priority())
    }

    /// Notifies the state of a router. The end of a router is notified by
    /// [`handle_routers_stopped`](Self::handle_routers_stopped) and by a reload.
    pub(super) fn notify_role(&mut self, router: &str, state: State) {
        let mut routers = self.routers.iter();
        let instance = routers.find(|other| other.spec.name == router);
        if let (Some(instance), Some(phase)) = (instance, RouterPhase::from_state(state)) {
            let made = router_notifications(instance, phase, self.priority(instance));
            self.queue.notify(made);
        }
    }

    pub(super) fn notify_group(&mut self, group: &str, state: State) {
        let Some(known) = self.groups.iter().find(|known| known.spec.name == group) else {
            return;
        };
        // The driver reports the state of a group that another process passed on, too.
        let is_new = self.group_states.insert(group.to_owned(), state) != Some(state);
        let phase = RouterPhase::from_state(state).filter(|_| is_new);
        if let Some(phase) = phase {
            self.queue.notify(group_notifications(known, phase));
        }
    }

    /// Notifies that the routers are gone that these are not. A router under another name is the same
    /// one if VRID, family and interface are.
    pub(super) fn notify_removed(&mut self, routers: &[VrrpInstance]) {
        for old in &self.routers {
            let identity = old.spec.identity();
            if routers.iter().any(|new| new.spec.identity() == identity) {
                continue;
            }
            let phase = RouterPhase::removed(&old.notify);
            let made = router_notifications(old, phase, self.priority(old));
            self.queue.notify(made);
            let name = old.spec.name.clone();
            let state = State::Fault;
            let is_known = self.mailed.get(&name) == Some(&state) || self.global.no_fault_mails;
            match phase {
                _ if !old.smtp_alert => {}
                RouterPhase::Deleted => self.queue.mail(Event::RouterDeleted { name }, false),
                _ if is_known => {}
                _ => self.queue.mail(Event::Router { name, state }, false),
            }
        }
    }

    /// Writes the states of sync groups and virtual routers to the FIFOs, if the model asks for it
    /// (`fifo_write_vrrp_states_on_reload`).
    pub fn write_states(&mut self) {
        if !self.global.fifos.states_on_reload {
            return;
        }
        let groups = self.groups.iter().filter_map(|group| {
            let state = self.group_states.get(&group.spec.name)?;
            let phase = RouterPhase::from_state(*state)?;
            Some(group_notifications(group, phase))
        });
        let routers = self.routers.iter().filter_map(|router| {
            let state = self.roles.get(&router.spec.name)?;
            let phase = RouterPhase::from_state(*state)?;
            Some(router_notifications(router, phase, self.priority(router)))
        });
        let mut made: Vec<_> = groups.chain(routers).flatten().collect();
        made.retain(|made| matches!(made, crate::notify::Notification::Line(_)));
        self.queue.notify(made);
    }
}
