// SPDX-License-Identifier: MIT OR Apache-2.0
//! Updates of the desired state by the advert thread, and what is owned at a handover.

use std::collections::BTreeMap;
use std::sync::Arc;

use lb_host::{AddressFamily, AddressKey, Adopted, Desired, HostObject, Key};

use super::super::advert::Command;
use super::super::desired::DesiredRouter;
use super::super::event::Event;
use super::super::handover::{ContinuedRouter, HostState};
use super::super::host::host_address;
use super::super::key::{Claimant, RouterKey};
use super::super::mailbox::End;
use super::super::shields::FilterNeeds;
use super::super::vmac::RouterLinks;
use super::{Actuator, is_shared};

impl Actuator {
    /// Merges what the advert thread has changed since the last call.
    pub(super) async fn take_update(&mut self) {
        let mut update = self.mailbox.take();
        if let Some(needs) = update.filter {
            self.set_filter(needs).await;
        }
        if let Some((host, routers)) = update.handover {
            self.continue_with(host, &routers);
        }
        for (link, address) in update.stale {
            let key = Key::Address(AddressKey::new(link.index, address.address));
            if !self.reconciler.is_held(&key) {
                let object = HostObject::from(host_address(&address, &Arc::new(link)));
                self.events.send(Event::StaleFound {
                    object: object.clone(),
                });
                self.reconciler.adopt(None, Adopted::new(object));
            }
        }
        for (key, router) in update.routers {
            self.set_router(key, router);
        }
        if let Some(priority) = update.realtime
            && !std::mem::replace(&mut self.realtime, true)
        {
            // The advert thread has reported already whether SCHED_RR is permitted.
            let _ = lb_host::scheduling::set_round_robin(priority);
        }
        let desired = &mut self.desired;
        if let Some(frozen) = update.frozen {
            desired.frozen = frozen.map(|attempt| (attempt, false));
        }
        if update.end.is_some_and(|end| end != End::HandedOver) && desired.end.is_none() {
            update.statics = Some(Arc::default());
            update.links = Some(Arc::default());
            desired.routers.clear();
            self.reconciler.clear_desired();
            self.announcer.clear();
        }
        desired.end = desired.end.or(update.end);
        if let Some(links) = update.links {
            self.set_links(&links);
        }
        let desired = &mut self.desired;
        if let Some(statics) = update.statics {
            desired.statics = statics;
            self.statics_changed = true;
        }
        if std::mem::take(&mut self.statics_changed) {
            let placed = self.statics.place(&self.desired.statics);
            let objects = self.statics.objects(&placed, &self.reconciler);
            self.reconciler.set_desired(&Claimant::Static, 0, objects);
            self.desired.placed = placed;
        }
    }

    pub(super) fn set_router(&mut self, key: RouterKey, router: Option<Arc<DesiredRouter>>) {
        let before = match &router {
            Some(router) => {
                let name = Arc::clone(&router.router);
                self.names.insert(key.clone(), name);
                let routers = &mut self.desired.routers;
                routers.insert(key.clone(), Arc::clone(router))
            }
            None => self.desired.routers.remove(&key),
        };
        self.announcer
            .update(&key, before.as_deref(), router.as_deref());
        let is_same = match (&before, &router) {
            (Some(before), Some(router)) => before.has_same_objects(router),
            _ => false,
        };
        if is_same {
            return;
        }
        self.desire(key, router.as_deref());
    }

    /// Has the host objects of a router added, and others that were its own removed.
    pub(super) fn desire(&mut self, key: RouterKey, router: Option<&DesiredRouter>) {
        self.unshielded_changed |= self.shields.has_problems() || !self.unshielded.is_empty();
        let epoch = router.map_or(0, |router| router.epoch);
        let objects = router
            .iter()
            .flat_map(|router| router.objects(&self.shields));
        let objects: Vec<Desired> = objects.collect();
        let claimant = Claimant::Router(key);
        self.reconciler.set_desired(&claimant, epoch, objects);
    }

    /// Has packets dropped as another configuration needs it.
    pub(super) async fn set_filter(&mut self, needs: FilterNeeds) {
        let host = self.host.as_mut();
        self.shields.set_needs(needs, host, &self.events).await;
        self.unshielded_changed = true;
        let routers = self.desired.routers.iter();
        let shielded = routers.filter(|(_, router)| router.held && router.shielded);
        let shielded: Vec<_> = shielded
            .map(|(key, router)| (key.clone(), Arc::clone(router)))
            .collect();
        for (key, router) in shielded {
            self.desire(key, Some(&router));
        }
    }

    /// Reports to the advert thread what is owned, once for each attempt at a handover.
    pub(super) async fn report_owned(&mut self) {
        let Some((attempt, is_reported @ false)) = &mut self.desired.frozen else {
            return;
        };
        *is_reported = true;
        let owned = self.reconciler.owned().into_iter();
        let state = HostState {
            // Stale objects are this process's to remove.
            owned: owned
                .filter_map(|(claimant, adopted)| Some((claimant?, adopted)))
                .collect(),
            added_once: self.statics.added_once().clone(),
        };
        let attempt = *attempt;
        // Fails once the thread has ended; then the mailbox is closed.
        let _ = self.commands.send(Command::Frozen { attempt, state }).await;
    }

    /// Continues with what another process owns, for these routers and for static items.
    pub(super) fn continue_with(&mut self, host: HostState, routers: &[ContinuedRouter]) {
        let routers: BTreeMap<&RouterKey, &ContinuedRouter> =
            routers.iter().map(|router| (&router.key, router)).collect();
        for (claimant, mut adopted) in host.owned {
            let router = claimant.router().map(|key| routers.get(key));
            if matches!(router, Some(None)) && !is_shared(&adopted.object) {
                // The old process removes these.
                continue;
            }
            if let (Some(Some(router)), HostObject::Address(address)) = (router, &adopted.object) {
                let since = router.since.into();
                self.announcer
                    .continue_with(address.key(), &router.key, since);
            }
            match &adopted.object {
                HostObject::Shield(shield)
                    if !self
                        .shields
                        .is_available(AddressFamily::for_address(shield.address)) =>
                {
                    continue;
                }
                HostObject::Address(_) if claimant != Claimant::Static => {
                    // Acknowledged in the first epoch of this process.
                    adopted.generation = adopted.generation.min(1);
                }
                // Whether these are still there was not observed, and macvlans and settings are recorded as
                // those of this process when they are added again.
                _ => adopted.is_seen = false,
            }
            self.reconciler.adopt(Some(&claimant), adopted);
        }
        self.statics.continue_with(host.added_once);
        for router in routers.into_values() {
            self.names
                .insert(router.key.clone(), Arc::clone(&router.name));
        }
    }

    /// Replaces the desired macvlans and settings.
    pub(super) fn set_links(&mut self, links: &[RouterLinks]) {
        let mut before = std::mem::take(&mut self.desired.links);
        for links in links {
            let router = &links.router;
            self.names.insert(router.clone(), Arc::clone(&links.name));
            if before.remove(router).as_ref() != Some(links) {
                let objects = links.objects.iter().cloned().map(Desired::new);
                let claimant = Claimant::Links(router.clone());
                self.reconciler.set_desired(&claimant, 0, objects);
            }
            self.desired.links.insert(router.clone(), links.clone());
        }
        for router in before.into_keys() {
            self.reconciler.set_desired(&Claimant::Links(router), 0, []);
        }
    }
}
