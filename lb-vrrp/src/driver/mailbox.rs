// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passes the desired state from the advert thread to the actuator.
//!
//! The mailbox holds what has changed since the actuator last looked, the latest state of each router:
//! it is bounded by the number of routers, and a router that becomes Master and Backup again within a
//! millisecond costs nothing. The advert thread runs in real time. The lock is held for one entry, or
//! for taking all of them at once, never while a state is copied.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lb_host::Link;
use tokio::sync::Notify;

use super::desired::DesiredRouter;
use super::handover::{ContinuedRouter, HostState};
use super::key::RouterKey;
use super::shields::FilterNeeds;
use super::vmac::RouterLinks;
use crate::{StaticItems, VirtualAddress};

/// How the advert thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Orderly,
    Failed,
    /// The desired state is another process's from now on: what is desired stays.
    HandedOver,
}

/// The changes of the desired state since the last one that was taken; `None` where nothing changed.
#[derive(Debug, Default)]
pub(super) struct Update {
    /// Routers that changed; `None` for those that are gone.
    pub(super) routers: BTreeMap<RouterKey, Option<Arc<DesiredRouter>>>,
    /// What another process has handed over.
    pub(super) handover: Option<(HostState, Vec<ContinuedRouter>)>,
    /// The macvlans and settings of all routers.
    pub(super) links: Option<Arc<[RouterLinks]>>,
    /// Static addresses, routes and rules, installed independently of the VRRP state.
    pub(super) statics: Option<Arc<StaticItems>>,
    /// What the routers need of the packet filter.
    pub(super) filter: Option<FilterNeeds>,
    /// Addresses of new routers that were there before them, left by a process that was killed.
    pub(super) stale: Vec<(Link, VirtualAddress)>,
    /// The attempt at a handover during which nothing is added, restored or removed; `Some(None)` when
    /// it has ended.
    pub(super) frozen: Option<Option<u8>>,
    /// Priority under `SCHED_RR`; the advert thread runs in real time, and the address thread shall.
    pub(super) realtime: Option<i32>,
    pub(super) end: Option<End>,
}

#[derive(Debug, Default)]
struct State {
    update: Update,
    is_changed: bool,
    /// The last published values, to tell whether there is a change.
    links: Option<Arc<[RouterLinks]>>,
    statics: Arc<StaticItems>,
    filter: FilterNeeds,
}

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
}

impl Mailbox {
    pub(super) fn publish(&self, key: RouterKey, router: DesiredRouter) {
        let router = Some(Arc::new(router));
        // The replaced state is dropped after the lock.
        let _replaced = self.change(|state| state.update.routers.insert(key, router));
    }

    /// Continues with what another process owns, for these routers and for static items. Changes are to be
    /// [suspended](Self::freeze) until all desired states are published.
    pub(super) fn continue_with(&self, host: HostState, routers: Vec<ContinuedRouter>) {
        self.change(|state| state.update.handover = Some((host, routers)));
    }

    pub(super) fn retire(&self, key: &RouterKey) {
        let key = key.clone();
        let _replaced = self.change(|state| state.update.routers.insert(key, None));
    }

    /// The advert thread has ended. Nothing is desired any more, unless another process desires it. The
    /// first call counts.
    pub(super) fn close(&self, end: End) {
        self.change(|state| {
            state.update.end.get_or_insert(end);
        });
    }

    /// Suspends all changes, and has the actuator report what it owns.
    pub(super) fn freeze(&self, attempt: u8) {
        self.change(|state| state.update.frozen = Some(Some(attempt)));
    }

    /// Resumes changes.
    pub(super) fn thaw(&self) {
        self.change(|state| state.update.frozen = Some(None));
    }

    /// Replaces the desired macvlans and settings.
    pub(super) fn set_links(&self, links: Vec<RouterLinks>) {
        if self.lock().links.as_deref() != Some(&*links) {
            let links: Arc<[RouterLinks]> = links.into();
            self.change(|state| {
                state.links = Some(Arc::clone(&links));
                state.update.links = Some(links);
            });
        }
    }

    /// Replaces the static items.
    pub(super) fn set_statics(&self, statics: Arc<StaticItems>) {
        if !Arc::ptr_eq(&self.lock().statics, &statics) {
            self.change(|state| {
                state.statics = Arc::clone(&statics);
                state.update.statics = Some(statics);
            });
        }
    }

    /// Replaces what the routers need of the packet filter.
    pub(super) fn set_filter(&self, filter: FilterNeeds) {
        if self.lock().filter != filter {
            self.change(|state| {
                state.filter = filter.clone();
                state.update.filter = Some(filter);
            });
        }
    }

    /// Has an address removed that a killed process left.
    pub(super) fn remove_stale(&self, link: Link, address: VirtualAddress) {
        self.change(|state| state.update.stale.push((link, address)));
    }

    /// Has the address thread run in real time.
    pub(super) fn enable_realtime(&self, priority: i32) {
        self.change(|state| state.update.realtime = Some(priority));
    }

    /// Takes the changes since the last call.
    pub(super) fn take(&self) -> Update {
        let mut state = self.lock();
        state.is_changed = false;
        std::mem::take(&mut state.update)
    }

    /// Whether there are changes to take.
    pub(super) fn is_changed(&self) -> bool {
        self.lock().is_changed
    }

    /// Returns after a change since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.is_changed = true;
        drop(state);
        self.changed.notify_one();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lb_host::{Setting, SettingName};

    use super::*;
    use crate::driver::desired::Burst;
    use crate::{AddressFamily, Announcements, Vrid};

    fn key(vrid: u8) -> RouterKey {
        RouterKey {
            interface: Arc::from("eth0"),
            family: AddressFamily::Ipv4,
            vrid: Vrid::new(vrid).unwrap(),
        }
    }

    fn router(epoch: u64) -> DesiredRouter {
        DesiredRouter {
            router: Arc::from("VI_1"),
            held: true,
            shielded: false,
            owner: false,
            epoch,
            announced: 0,
            bursts: 0,
            burst: Burst {
                repeat: 1,
                delay: Duration::ZERO,
            },
            announcements: Announcements::default(),
            addresses: Arc::default(),
            routing: Arc::default(),
        }
    }

    fn epochs(update: &Update) -> Vec<(u8, Option<u64>)> {
        let routers = update.routers.iter();
        routers
            .map(|(key, router)| (key.vrid.get(), router.as_ref().map(|router| router.epoch)))
            .collect()
    }

    #[test]
    fn update_has_the_latest_state_of_changed_routers_only() {
        let mailbox = Mailbox::default();
        assert!(!mailbox.is_changed());
        mailbox.publish(key(1), router(1));
        mailbox.publish(key(2), router(1));
        mailbox.publish(key(1), router(2));
        assert!(mailbox.is_changed());
        assert_eq!(epochs(&mailbox.take()), [(1, Some(2)), (2, Some(1))]);
        assert!(!mailbox.is_changed());
        mailbox.publish(key(2), router(2));
        mailbox.retire(&key(2));
        assert_eq!(epochs(&mailbox.take()), [(2, None)]);
        assert_eq!(epochs(&mailbox.take()), []);
    }

    #[test]
    fn handed_over_objects_come_once() {
        let mailbox = Mailbox::default();
        mailbox.freeze(0);
        mailbox.continue_with(HostState::default(), Vec::new());
        mailbox.publish(key(1), router(1));
        let update = mailbox.take();
        assert_eq!(epochs(&update), [(1, Some(1))]);
        assert!(update.handover.is_some());
        assert_eq!(update.frozen, Some(Some(0)));
        mailbox.thaw();
        let update = mailbox.take();
        assert_eq!(update.frozen, Some(None));
        assert!(update.handover.is_none());
    }

    #[test]
    fn equal_values_are_not_published_again() {
        let mailbox = Mailbox::default();
        let statics = Arc::new(StaticItems::default());
        let links = || {
            let eth0 = Arc::new(Link::new(2, "eth0"));
            vec![RouterLinks {
                router: key(1),
                name: Arc::from("VI_1"),
                objects: vec![Setting::new(eth0, SettingName::PromoteSecondaries).into()],
            }]
        };
        mailbox.set_statics(Arc::clone(&statics));
        mailbox.set_links(links());
        let update = mailbox.take();
        assert!(update.statics.is_some() && update.links.is_some());
        mailbox.set_statics(statics);
        mailbox.set_links(links());
        assert!(!mailbox.is_changed());
        mailbox.set_links(Vec::new());
        assert_eq!(mailbox.take().links.as_deref(), Some(&[][..]));
    }

    #[test]
    fn absence_of_links_is_published_once() {
        let mailbox = Mailbox::default();
        mailbox.set_links(Vec::new());
        assert_eq!(mailbox.take().links.as_deref(), Some(&[][..]));
        mailbox.set_links(Vec::new());
        assert!(!mailbox.is_changed());
    }

    #[test]
    fn first_end_counts() {
        let mailbox = Mailbox::default();
        mailbox.close(End::HandedOver);
        mailbox.close(End::Failed);
        assert_eq!(mailbox.take().end, Some(End::HandedOver));
    }

    #[tokio::test]
    async fn change_wakes_the_actuator_once() {
        let mailbox = Mailbox::default();
        mailbox.freeze(1);
        mailbox.thaw();
        mailbox.changed().await;
        assert_eq!(mailbox.take().frozen, Some(None));
        let again = tokio::time::timeout(Duration::from_millis(1), mailbox.changed());
        assert!(again.await.is_err());
    }
}
