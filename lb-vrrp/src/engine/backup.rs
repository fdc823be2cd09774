// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Backup state (RFC 9568 §6.4.2), one function per clause.

use std::{net::IpAddr, time::Instant};

use super::{Reason, State, VirtualRouter, timers::Wait};
use crate::{
    params::{AdvertisedPriority, Priority},
    wire::Advertisement,
};

impl VirtualRouter {
    /// §6.4.2: "If an ADVERTISEMENT is received".
    pub(super) fn backup_receives(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement,
    ) {
        match advertisement.priority {
            AdvertisedPriority::Resign => self.backup_receives_resignation(now, source),
            AdvertisedPriority::Active(priority) if priority >= self.effective => {
                // The next advertisement of lower priority starts a new preemption delay.
                self.preempt_hold = None;
                self.backup_receives_master(now, source, priority, advertisement);
            }
            AdvertisedPriority::Active(priority) if !self.preempts(now) => {
                self.backup_receives_master(now, source, priority, advertisement);
            }
            AdvertisedPriority::Active(priority) => self.backup_receives_lower(source, priority),
        }
    }

    /// §6.4.2: "If the Priority in the ADVERTISEMENT is zero … Set the Active_Down_Timer to
    /// Skew_Time"; earlier, if it would fire earlier.
    fn backup_receives_resignation(&mut self, now: Instant, source: IpAddr) {
        self.timers.start_skew_time(now, self.skew_time(), source);
    }

    /// §6.4.2: "If Preempt_Mode is False, or if the Priority in the ADVERTISEMENT is greater than
    /// or equal to the local Priority … Reset the Active_Down_Timer".
    fn backup_receives_master(
        &mut self,
        now: Instant,
        source: IpAddr,
        priority: Priority,
        advertisement: &Advertisement,
    ) {
        self.master = Some((source, priority));
        self.learn_interval(source, advertisement.interval);
        self.timers
            .start_master_down(now, self.master_down_interval());
        self.disregarded = None;
        self.candidacy = None;
    }

    /// §6.4.2: "else … Discard the ADVERTISEMENT". The timer is not reset, and this router preempts.
    const fn backup_receives_lower(&mut self, source: IpAddr, priority: Priority) {
        self.master = Some((source, priority));
        self.disregarded = Some((source, priority));
        self.stats.lower_priority_discarded += 1;
    }

    /// §6.4.2: "If the Active_Down_Timer fires … Transition to the {Active} state".
    ///
    /// A late timer does not prove that the master is down: the whole machine may have been stopped,
    /// with the master's advertisements in a queue, or with the master itself. The backup waits for one
    /// more interval, once.
    pub(super) fn backup_timeout(&mut self, now: Instant) {
        let Some(wait) = self.timers.master_down_fired(now) else {
            return;
        };
        if let Some(limit) = self.unproven.take_if(|limit| now < *limit) {
            // Nothing was received, and nothing shows yet that the interface can receive.
            self.unproven = Some(limit);
            self.timers.extend_master_down(limit);
            return;
        }
        let interval = self.master_interval().as_duration();
        if self.timers.extend_late(now, interval / 2, interval) {
            self.stats.backup_stalls += 1;
            return;
        }
        let reason = match (wait, self.disregarded) {
            (Wait::Resigned { source }, _) => Reason::PeerResigned { source },
            (Wait::Advertisement, Some((source, priority))) => {
                Reason::Preemption { source, priority }
            }
            (Wait::Advertisement, None) => Reason::MasterDownTimer,
        };
        if self.grouped {
            return self.become_candidate(now, reason);
        }
        self.transition(now, State::Master, reason);
    }

    /// `Preempt_Mode`; RFC 9568 §6.1: the address owner "always preempts, independent of the
    /// setting of this flag". A delay runs from the first lower priority on.
    fn preempts(&mut self, now: Instant) -> bool {
        if self.resigned {
            return false;
        }
        if self.effective.is_owner() {
            return true;
        }
        let delay = self.config.preempt_delay();
        self.config.preempt() && *self.preempt_hold.get_or_insert(now + delay) <= now
    }
}
