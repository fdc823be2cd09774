// SPDX-License-Identifier: MIT OR Apache-2.0
//! Announcements after the first burst, and all announcements that are paced.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lb_host::AddressKey;
use tokio::time::Instant;

use super::super::desired::{Burst, DesiredRouter, Prepared};
use super::super::key::RouterKey;
use super::super::pacing::Pacer;

/// The announcements of one address that is on its interface.
#[derive(Debug)]
struct Schedule {
    router: RouterKey,
    announced: u64,
    bursts: u64,
    repeat_at: Option<Instant>,
    refresh_at: Option<Instant>,
    extra_at: Option<Instant>,
    /// When another process began to announce the address, until its announcements are scheduled here.
    continued: Option<Instant>,
    /// Announcements at `repeat_at`.
    again: u32,
    /// The time in [`Announcer::due`].
    next: Option<Instant>,
}

impl Schedule {
    fn new(router: &RouterKey) -> Self {
        Self {
            router: router.clone(),
            announced: 0,
            bursts: 0,
            repeat_at: None,
            refresh_at: None,
            extra_at: None,
            continued: None,
            again: 0,
            next: None,
        }
    }

    /// Schedules what remains of the announcements that began in another process.
    fn resume(
        &mut self,
        now: Instant,
        since: Instant,
        router: &DesiredRouter,
        prepared: &Prepared,
    ) {
        let policy = &router.announcements;
        let repeat = since + policy.delay;
        self.again = policy.repeat;
        self.repeat_at = (repeat > now).then_some(repeat);
        self.refresh_at = policy.refresh.map(|every| next_period(since, every, now));
        self.extra_at = prepared.extra.map(|every| repeat.max(now) + every);
    }

    /// Schedules what follows a burst at `now`.
    fn follow_burst(
        &mut self,
        now: Instant,
        router: &DesiredRouter,
        burst: Burst,
        prepared: &Prepared,
    ) {
        self.again = burst.repeat;
        self.repeat_at = (!burst.delay.is_zero()).then(|| now + burst.delay);
        // Refreshes neither wait for the repeat nor start again, as in keepalived.
        let refresh = router.announcements.refresh;
        self.refresh_at = refresh.map(|every| match self.refresh_at {
            Some(at) if at <= now + every => at,
            _ => now + every,
        });
        self.extra_at = prepared.extra.map(|every| now + burst.delay + every);
    }

    /// The announcements that are due; schedules the next ones.
    fn take_due(&mut self, now: Instant, router: &DesiredRouter, extra: Option<Duration>) -> u32 {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let policy = &router.announcements;
        let mut times = 0;
        if is_due(self.repeat_at) {
            self.repeat_at = None;
            times = self.again;
        }
        if let Some(at) = self.refresh_at.filter(|at| *at <= now) {
            self.refresh_at = policy.refresh.map(|every| next_period(at, every, now));
            times += policy.refresh_repeat;
        }
        if is_due(self.extra_at) {
            self.extra_at = extra.map(|every| now + every);
            times = times.max(1);
        }
        times
    }
}

/// The first end of a period after `now`, of periods that began at `since`.
fn next_period(since: Instant, every: Duration, now: Instant) -> Instant {
    let elapsed = now.saturating_duration_since(since).as_nanos();
    let rest = elapsed.checked_rem(every.as_nanos()).unwrap_or_default();
    now + every - Duration::from_nanos(u64::try_from(rest).unwrap_or_default())
}

/// Repeats the announcements of the addresses that are on their interfaces.
#[derive(Debug)]
pub(super) struct Announcer {
    schedules: BTreeMap<AddressKey, Box<Schedule>>,
    due: BTreeSet<(Instant, AddressKey)>,
    pacer: Pacer<AddressKey>,
}

/// The desired states of all routers.
type Routers = BTreeMap<RouterKey, std::sync::Arc<DesiredRouter>>;

impl Announcer {
    pub(super) const fn new() -> Self {
        Self {
            schedules: BTreeMap::new(),
            due: BTreeSet::new(),
            pacer: Pacer::new(),
        }
    }

    /// Starts the announcements of an address of a new Master that is on its interface.
    pub(super) fn start(&mut self, key: AddressKey, router_key: &RouterKey, routers: &Routers) {
        self.stop(key);
        let router = routers.get(router_key);
        let Some((router, prepared)) =
            router.and_then(|router| Some((router, router.prepared(key)?)))
        else {
            return;
        };
        let mut schedule = Schedule::new(router_key);
        schedule.announced = router.announced;
        schedule.bursts = router.bursts;
        let burst = Burst::new(&router.announcements);
        schedule.follow_burst(Instant::now(), router, burst, prepared);
        self.insert(key, Box::new(schedule));
        self.announce_in_turn(key, prepared, burst.repeat);
    }

    /// An address has been on its interface since another process became Master.
    pub(super) fn continue_with(&mut self, key: AddressKey, router: &RouterKey, since: Instant) {
        self.stop(key);
        let mut schedule = Schedule::new(router);
        schedule.continued = Some(since);
        self.insert(key, Box::new(schedule));
    }

    /// Applies a changed desired state of a router: starts or ends announcements of its addresses.
    pub(super) fn update(
        &mut self,
        router_key: &RouterKey,
        before: Option<&DesiredRouter>,
        router: Option<&DesiredRouter>,
    ) {
        let router = router.filter(|router| router.held);
        let is_same = |before: &DesiredRouter| {
            router.is_some_and(|now| std::sync::Arc::ptr_eq(&before.addresses, &now.addresses))
        };
        if let Some(before) = before.filter(|before| !is_same(before)) {
            for prepared in before.addresses.iter() {
                let key = prepared.key();
                let stays = router.is_some_and(|router| router.prepared(key).is_some());
                if !stays && self.is_of(key, router_key) {
                    self.stop(key);
                }
            }
        }
        let Some(router) = router else { return };
        let now = Instant::now();
        for prepared in router.addresses.iter() {
            let key = prepared.key();
            let known = self.schedules.get_mut(&key);
            let Some(schedule) = known.filter(|known| known.router == *router_key) else {
                continue;
            };
            if let Some(since) = schedule.continued.take() {
                schedule.resume(now, since, router, prepared);
                schedule.bursts = router.bursts;
            }
            let mut times = 0;
            if schedule.announced != router.announced {
                schedule.announced = router.announced;
                schedule.follow_burst(now, router, router.burst, prepared);
                if std::mem::replace(&mut schedule.bursts, router.bursts) != router.bursts {
                    times = router.burst.repeat;
                }
            }
            self.reschedule(key);
            if times > 0 {
                self.announce_in_turn(key, prepared, times);
            }
        }
    }

    fn is_of(&self, key: AddressKey, router: &RouterKey) -> bool {
        let schedule = self.schedules.get(&key);
        schedule.is_some_and(|schedule| schedule.router == *router)
    }

    /// Ends the announcements of an address that is not on its interface.
    pub(super) fn stop(&mut self, key: AddressKey) {
        if let Some(schedule) = self.schedules.remove(&key) {
            if let Some(next) = schedule.next {
                self.due.remove(&(next, key));
            }
            self.pacer.forget(&key);
        }
    }

    /// Ends the announcements on a deleted interface.
    pub(super) fn stop_on(&mut self, link: u32) {
        let on_link = self.schedules.keys().filter(|key| key.link == link);
        for key in on_link.copied().collect::<Vec<_>>() {
            self.stop(key);
        }
    }

    /// Ends all announcements.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    fn insert(&mut self, key: AddressKey, schedule: Box<Schedule>) {
        self.schedules.insert(key, schedule);
        self.reschedule(key);
    }

    /// Updates the next time of an address.
    fn reschedule(&mut self, key: AddressKey) {
        let Some(schedule) = self.schedules.get_mut(&key) else {
            return;
        };
        let times = [schedule.repeat_at, schedule.refresh_at, schedule.extra_at];
        let next = times.into_iter().flatten().min();
        if let Some(before) = std::mem::replace(&mut schedule.next, next) {
            self.due.remove(&(before, key));
        }
        if let Some(next) = next {
            self.due.insert((next, key));
        }
    }

    /// When the next repeat or refresh is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// When the next paced announcement may be sent.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        self.pacer.next_due(Instant::now())
    }

    /// Sends the repeats and refreshes that are due.
    pub(super) fn announce_due(&mut self, routers: &Routers) {
        let now = Instant::now();
        while let Some((_, key)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            let Some(schedule) = self.schedules.get_mut(&key) else {
                self.due.pop_first();
                continue;
            };
            let Some(router) = routers.get(&schedule.router) else {
                self.stop(key);
                continue;
            };
            let prepared = router.prepared(key);
            let extra = prepared.and_then(|prepared| prepared.extra);
            let times = schedule.take_due(now, router, extra);
            self.reschedule(key);
            if let Some(prepared) = prepared {
                self.announce(key, prepared, times);
            }
        }
        self.announce_next(routers);
    }

    /// Starts a burst of an address whose announcements are paced; the advert thread sends the others.
    fn announce_in_turn(&mut self, key: AddressKey, prepared: &Prepared, times: u32) {
        let lane = prepared
            .announcement
            .as_ref()
            .map(|announcement| announcement.lane.is_some());
        if lane == Some(true) {
            self.announce(key, prepared, times);
        }
    }

    /// Sends announcements at once, or queues them where they are paced.
    fn announce(&mut self, key: AddressKey, prepared: &Prepared, times: u32) {
        let Some(announcement) = &prepared.announcement else {
            return;
        };
        match &announcement.lane {
            Some(lane) => self.pacer.push(lane, key, times),
            None => {
                announcement.send(times);
            }
        }
    }

    /// Sends the paced announcements that are due.
    pub(super) fn announce_next(&mut self, routers: &Routers) {
        while let Some(key) = self.pacer.pop(Instant::now()) {
            let schedule = self.schedules.get(&key);
            let router = schedule.and_then(|schedule| routers.get(&schedule.router));
            let prepared = router.and_then(|router| router.prepared(key));
            if let Some(announcement) = prepared.and_then(|prepared| prepared.announcement.as_ref())
            {
                announcement.send(1);
            }
        }
    }
}
