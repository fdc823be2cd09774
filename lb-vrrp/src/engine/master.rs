// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Master state (RFC 9568 §6.4.3, there Active), one function per clause.

use std::{
    cmp::Ordering,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{AnnounceReason, Notice, Output, Reason, RouterConfig, State, VirtualRouter};
use crate::{
    params::{AdvertisedPriority, Priority},
    wire::Advertisement,
};

/// After this many intervals of silence another router may have become master.
const STALL_INTERVALS: u32 = 3;

/// How many advertisements of other masters are answered at once in an interval. Two masters that
/// disagree about who is better, a misconfiguration, would answer each other endlessly.
const ANSWERS: u8 = 4;

/// Another address owner of this virtual router that does not yield although it should.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conflict {
    source: IpAddr,
    since: Instant,
    last: Instant,
}

/// Answers that a master may still give, or has to.
#[derive(Debug)]
pub(super) struct Answers {
    /// Answers left in this interval.
    left: u8,
    /// Reports of losing advertisements left in this interval.
    reports: u8,
    /// The announcement that waits for the next advertisement.
    owed: Option<AnnounceReason>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            left: ANSWERS,
            reports: ANSWERS,
            owed: None,
        }
    }
}

impl VirtualRouter {
    /// §6.4.3: "If an ADVERTISEMENT is received".
    pub(super) fn master_receives(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement,
    ) {
        let AdvertisedPriority::Active(priority) = advertisement.priority else {
            return self.master_receives_resignation(now, source);
        };
        // §6.4.3: "or … equal to the local Priority and the primary IPvX address of the sender is
        // greater than the local primary IPvX address (based on an unsigned integer comparison)".
        match (priority.cmp(&self.effective), source.cmp(&self.primary)) {
            (Ordering::Greater, _) => {
                let reason = Reason::HigherPriority { source, priority };
                self.master_yields(now, source, advertisement, reason);
            }
            (Ordering::Equal, Ordering::Greater) => {
                let reason = Reason::HigherAddress { source, priority };
                self.master_yields(now, source, advertisement, reason);
            }
            (Ordering::Equal, Ordering::Less | Ordering::Equal) | (Ordering::Less, _) => {
                self.master_receives_losing(now, source, priority, advertisement);
            }
        }
    }

    /// §6.4.3: "If the Priority in the ADVERTISEMENT is zero … Send an ADVERTISEMENT, Reset the
    /// Adver_Timer to Advertisement_Interval". The sender was a master too and may have announced
    /// itself, so the addresses are announced again.
    fn master_receives_resignation(&mut self, now: Instant, source: IpAddr) {
        if self.answer(now, AnnounceReason::PeerResigned { source }) {
            self.timers
                .start_advert(now, self.config.interval().as_duration());
        }
    }

    /// §6.4.3: "Cancel Adver_Timer, Set Active_Adver_Interval …, Set Active_Down_Timer to
    /// Active_Down_Interval, Transition to the {Backup} state".
    fn master_yields(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement,
        reason: Reason,
    ) {
        self.learn_interval(source, advertisement.interval);
        self.transition(now, State::Backup, reason);
        if let AdvertisedPriority::Active(priority) = advertisement.priority {
            self.master = Some((source, priority));
        }
    }

    /// §6.4.3: "else … Discard the ADVERTISEMENT, Immediately send an ADVERTISEMENT to assert
    /// Active state". The sender may have announced itself, so the addresses are announced again.
    fn master_receives_losing(
        &mut self,
        now: Instant,
        source: IpAddr,
        priority: Priority,
        advertisement: &Advertisement,
    ) {
        self.stats.losing_advertisements += 1;
        if priority.is_owner() && self.other_owner(now, source) {
            let reason = Reason::OwnerConflict { source };
            return self.master_yields(now, source, advertisement, reason);
        }
        if self.config.answer_losing() {
            self.answer(
                now,
                AnnounceReason::LosingAdvertisement { source, priority },
            );
        }
        if let Some(reports) = self.answers.reports.checked_sub(1) {
            self.answers.reports = reports;
            let notice = Notice::LosingAdvertisement { source, priority };
            self.outputs.push_back(Output::Noticed(notice));
        }
    }

    /// Two routers are configured as owner of the addresses. The one with the lower address should
    /// have yielded; one that ignores advertisements (RFC 5798 §7.1) never does, and then this one must
    /// yield, or there are two masters for ever. Returns whether to yield now: as in keepalived, a
    /// little after two more advertisements.
    fn other_owner(&mut self, now: Instant, source: IpAddr) -> bool {
        let interval = self.config.interval().as_duration();
        let known = self.conflict.filter(|conflict| {
            conflict.source == source
                && now.saturating_duration_since(conflict.last) < interval * STALL_INTERVALS
        });
        let Some(known) = known else {
            self.stats.owner_conflicts += 1;
            self.outputs
                .push_back(Output::Noticed(Notice::OwnerConflict { source }));
            self.conflict = Some(Conflict {
                source,
                since: now,
                last: now,
            });
            return false;
        };
        self.conflict = Some(Conflict { last: now, ..known });
        now.saturating_duration_since(known.since) > interval * 16 / 5
    }

    /// Answers another master by an advertisement and an announcement: at once, or after too many
    /// answers in this interval with the next advertisement.
    fn answer(&mut self, now: Instant, reason: AnnounceReason) -> bool {
        let Some(left) = self.answers.left.checked_sub(1) else {
            self.answers.owed = Some(reason);
            return false;
        };
        self.answers.left = left;
        self.send_advertisement(now, self.effective.into());
        self.announce(reason);
        true
    }

    /// §6.4.3: "If the Adver_Timer fires … Send an ADVERTISEMENT, Reset the Adver_Timer".
    pub(super) fn master_timeout(&mut self, now: Instant) {
        let interval = self.config.interval().as_duration();
        if !self.timers.advert_fired(now, interval) {
            return;
        }
        let silent = self
            .last_sent
            .map(|sent| now.saturating_duration_since(sent));
        let stalled = silent.filter(|&silent| silent >= interval * STALL_INTERVALS);
        self.stats.stalls += u64::from(stalled.is_some());
        if let Some(silent) = stalled
            && self.was_replaced(silent)
        {
            return self.transition(now, State::Backup, Reason::Stalled { silent });
        }
        self.send_advertisement(now, self.effective.into());
        let owed = std::mem::take(&mut self.answers).owed;
        if let Some(reason) = stalled
            .map(|silent| AnnounceReason::Stalled { silent })
            .or(owed)
        {
            self.announce(reason);
        }
    }

    /// Whether a backup of the priority in [`RouterConfig::yield_after_stall`](crate::RouterConfig) may
    /// have taken over.
    fn was_replaced(&self, silent: Duration) -> bool {
        self.config.yield_after_stall().is_some_and(|priority| {
            let interval = self.config.interval();
            let down = self.config.down_timer_adverts();
            silent >= interval.down_interval(down, self.config.version(), priority)
        })
    }

    /// The configuration changed while this router is master: what peers should know at once is
    /// advertised, and only added addresses are announced.
    pub(super) fn master_reconfigured(
        &mut self,
        now: Instant,
        old: &RouterConfig,
        effective: Priority,
    ) {
        self.timers.shift_advert(
            now,
            old.interval().as_duration(),
            self.config.interval().as_duration(),
        );
        // A backup that does not know a longer interval would take over before the next advertisement.
        if old.addresses() != self.config.addresses()
            || old.interval() < self.config.interval()
            || self.effective < effective
        {
            self.send_advertisement(now, self.effective.into());
        }
        if old.accept() && !self.config.accept() {
            self.outputs.push_back(Output::ShieldAddresses);
        }
        let (old_list, new): (Vec<_>, Vec<_>) = (
            old.all_addresses().collect(),
            self.config.all_addresses().collect(),
        );
        let missing = |addresses: &[IpAddr], among: &[IpAddr]| -> Vec<IpAddr> {
            addresses
                .iter()
                .filter(|address| !among.contains(address))
                .copied()
                .collect()
        };
        let added = missing(&new, &old_list);
        let removed = missing(&old_list, &new);
        if !added.is_empty() || !removed.is_empty() {
            self.outputs.push_back(Output::UpdateAddresses {
                added: added.clone(),
                removed,
            });
        }
        if !added.is_empty() {
            self.announce(AnnounceReason::AddressesAdded { addresses: added });
        }
        if !old.accept() && self.config.accept() {
            self.outputs.push_back(Output::UnshieldAddresses);
        }
    }
}
