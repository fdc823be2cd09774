// SPDX-License-Identifier: MIT OR Apache-2.0
//! Announcements after the first burst, and all of them where they wait for their turn.

use tokio::time::Instant;

use super::super::mailbox::{Burst, Prepared, Wanted, Wishes};
use super::super::pacing::Pacer;
use super::Actuator;
use super::addresses::{AddressKey, Held};

impl Held {
    /// What is left of the schedule that began elsewhere.
    pub(super) fn go_on(&mut self, now: Instant, since: Instant, wish: &Wanted, of: &Prepared) {
        let policy = &wish.announcements;
        let repeat = since + policy.delay;
        self.again = policy.repeat;
        self.repeat_at = (repeat > now).then_some(repeat);
        self.refresh_at = policy.refresh.map(|every| repeat.max(now) + every);
        self.extra_at = of.extra.map(|every| repeat.max(now) + every);
    }

    /// Plans what follows a burst of now.
    pub(super) fn schedule(&mut self, now: Instant, wish: &Wanted, burst: Burst, of: &Prepared) {
        self.again = burst.repeat;
        self.repeat_at = (!burst.delay.is_zero()).then(|| now + burst.delay);
        let refresh = wish.announcements.refresh;
        self.refresh_at = refresh.map(|every| now + burst.delay + every);
        self.extra_at = of.extra.map(|every| now + burst.delay + every);
    }

    /// Plans nothing.
    pub(super) const fn unschedule(&mut self) {
        self.repeat_at = None;
        self.refresh_at = None;
        self.extra_at = None;
    }
}

impl Actuator {
    /// Sends the repeats and refreshes whose time has come.
    pub(super) fn announce_due(&mut self, wishes: &Wishes) {
        let now = Instant::now();
        for (key, held) in &mut self.held {
            let Some(wish) = wishes.routers.get(&held.router) else {
                continue;
            };
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if ![held.repeat_at, held.refresh_at, held.extra_at]
                .into_iter()
                .any(is_due)
            {
                continue;
            }
            let prepared = find(wish, *key);
            let mut times = 0;
            if is_due(held.repeat_at) {
                held.repeat_at = None;
                times = held.again;
            }
            if is_due(held.refresh_at) {
                held.refresh_at = wish.announcements.refresh.map(|every| now + every);
                times = times.max(wish.announcements.refresh_repeat);
            }
            if is_due(held.extra_at) {
                let every = prepared.and_then(|of| of.extra);
                held.extra_at = every.map(|every| now + every);
                times = times.max(1);
            }
            announce(&mut self.pacer, *key, prepared, times);
        }
        self.pace(wishes);
    }

    /// A burst of now, of an address that waits for its turn; the advert thread sends the others.
    pub(super) fn announce_in_turn(&mut self, key: AddressKey, of: &Prepared, times: u32) {
        if of.announcement.as_ref().is_some_and(|of| of.lane.is_some()) {
            announce(&mut self.pacer, key, Some(of), times);
        }
    }

    /// Sends those whose turn has come.
    pub(super) fn pace(&mut self, wishes: &Wishes) {
        while let Some(key) = self.pacer.pop(Instant::now()) {
            let held = self.held.get(&key);
            let wish = held.and_then(|held| wishes.routers.get(&held.router));
            let prepared = wish.and_then(|wish| find(wish, key));
            if let Some(announcement) = prepared.and_then(|of| of.announcement.as_ref()) {
                announcement.send(1);
            }
        }
    }
}

fn find(wish: &Wanted, (index, address): AddressKey) -> Option<&Prepared> {
    let mut all = wish.addresses.iter();
    all.find(|of| of.link.index == index && of.address.address == address)
}

/// Sends at once, or has it wait.
fn announce(pacer: &mut Pacer<AddressKey>, key: AddressKey, of: Option<&Prepared>, times: u32) {
    let Some(announcement) = of.and_then(|of| of.announcement.as_ref()) else {
        return;
    };
    match &announcement.lane {
        Some(lane) => pacer.push(lane, key, times),
        None => {
            announcement.send(times);
        }
    }
}
