// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ordered outputs, without duplicates, and the digest of the first round.

use std::collections::VecDeque;

use lb_ipvs::{Part, ServiceKey};

use super::changes::ChangedServices;
use super::{Event, Mail, Output};
use crate::model::Global;
use crate::notify::{self, LineKind};

#[derive(Debug, Default)]
pub(super) struct Queue {
    outputs: VecDeque<Output>,
    /// The changed parts of services whose output waits.
    changed: ChangedServices,
    router_id: String,
    /// Whether real servers that are added live are notified.
    notifies_added: bool,
    no_check_mails: bool,
    /// Whether a FIFO gets the lines of virtual routers, and those of servers.
    has_readers: [bool; 2],
    /// Running checks that have not had a verdict.
    awaited: usize,
    digest: Vec<Event>,
}

impl Queue {
    pub(super) fn set_router_id(&mut self, router_id: &str) {
        router_id.clone_into(&mut self.router_id);
    }

    /// Sets whether a check is mailed only if its real server changes with it.
    pub(super) const fn set_no_check_mails(&mut self, no_check_mails: bool) {
        self.no_check_mails = no_check_mails;
    }

    pub(super) const fn no_check_mails(&self) -> bool {
        self.no_check_mails
    }

    pub(super) fn set_notifications(&mut self, global: &Global) {
        let fifos = &global.fifos;
        self.notifies_added = global.notifies_added_servers;
        self.has_readers =
            [LineKind::Vrrp, LineKind::Servers].map(|kind| fifos.readers(kind).next().is_some());
    }

    /// Whether real servers that are added live are notified.
    pub(super) const fn notifies_added(&self) -> bool {
        self.notifies_added
    }

    /// Queues notifications; without lines that no FIFO gets.
    pub(super) fn notify(&mut self, notifications: Vec<notify::Notification>) {
        let [vrrp, servers] = self.has_readers;
        let is_wanted = |notification: &notify::Notification| match notification {
            notify::Notification::Script(_) | notify::Notification::Post(_) => true,
            notify::Notification::Line(line) => match line.kind {
                LineKind::Vrrp => vrrp,
                LineKind::Servers => servers,
            },
        };
        let wanted = notifications.into_iter().filter(is_wanted);
        self.outputs.extend(wanted.map(Output::Notify));
    }

    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn service_changed(&mut self, key: ServiceKey, part: Part) {
        if self.changed.add(key, part) {
            // the part is filled in when the output is taken
            let output = Output::ServiceChanged(key, Part::Whole);
            self.outputs.push_back(output);
        }
    }

    /// Removes the outputs about changed services.
    #[cfg(feature = "daemon")]
    pub(super) fn forget_changed_services(&mut self) {
        self.changed = ChangedServices::default();
        self.outputs
            .retain(|output| !matches!(output, Output::ServiceChanged(..)));
        self.outputs.shrink_to_fit();
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        let mut output = self.outputs.pop_front();
        if let Some(Output::ServiceChanged(key, part)) = &mut output
            && let Some(changed) = self.changed.remove(key)
        {
            *part = changed;
        }
        output
    }

    /// A running check has not had a verdict.
    pub(super) const fn await_verdict(&mut self) {
        self.awaited += 1;
    }

    /// One of those had its verdict, or rests, or is gone.
    pub(super) fn verdict_is_in(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
    }

    /// Ends the digest if nothing more is to come for it.
    pub(super) fn end_round(&mut self) {
        if self.awaited == 0 {
            self.flush_digest();
        }
    }

    pub(super) fn flush_digest(&mut self) {
        let mut events = std::mem::take(&mut self.digest);
        let event = match events.len() {
            0 => return,
            1 => events.remove(0),
            _ => Event::Digest(events),
        };
        self.send(event);
    }

    /// Mails an event: with the digest when it comes of a first verdict, else at once.
    pub(super) fn mail(&mut self, event: Event, first: bool) {
        if first {
            self.digest.push(event);
        } else {
            // what is older goes first
            self.flush_digest();
            self.send(event);
        }
    }

    fn send(&mut self, event: Event) {
        let router_id = self.router_id.clone();
        self.push(Output::Mail(Mail { router_id, event }));
    }
}
