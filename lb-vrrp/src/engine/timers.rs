// SPDX-License-Identifier: MIT OR Apache-2.0
//! The deadlines of a router: `Adver_Timer` and `Master_Down_Timer` (RFC 9568 §6.2).

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

/// Both timers; at most one of them runs.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// `Adver_Timer`, of a master: when the next advertisement is due.
    advert: Option<Instant>,
    /// `Master_Down_Timer`, of a backup: when the master is given up.
    master_down: Option<MasterDown>,
}

/// A running `Master_Down_Timer`.
#[derive(Clone, Copy, Debug)]
struct MasterDown {
    deadline: Instant,
    wait: Wait,
    /// It was served too late to be conclusive, and set again.
    again: bool,
}

/// The event that a backup waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// An advertisement, for `Master_Down_Interval`.
    Advertisement,
    /// A better backup, for `Skew_Time` after the master resigned.
    Resigned {
        /// The master that resigned.
        source: IpAddr,
    },
}

impl Timers {
    pub(super) fn next(&self) -> Option<Instant> {
        self.advert
            .or_else(|| self.master_down.map(|timer| timer.deadline))
    }

    pub(super) const fn stop(&mut self) {
        self.advert = None;
        self.master_down = None;
    }

    /// Starts `Adver_Timer`, and stops the other.
    pub(super) fn start_advert(&mut self, now: Instant, interval: Duration) {
        self.master_down = None;
        self.advert = Some(now + interval);
    }

    /// Whether `Adver_Timer` has fired; if so it is set again.
    ///
    /// It is set from its deadline, not from `now`, so that lateness does not add up. Only a
    /// deadline that would have passed already is counted from `now`.
    pub(super) fn advert_fired(&mut self, now: Instant, interval: Duration) -> bool {
        match self.advert {
            Some(deadline) if deadline <= now => {
                let next = deadline + interval;
                self.advert = Some(if next > now { next } else { now + interval });
                true
            }
            Some(_) | None => false,
        }
    }

    /// Moves `Adver_Timer` when the interval changes.
    pub(super) fn shift_advert(&mut self, now: Instant, before: Duration, after: Duration) {
        self.advert = self
            .advert
            .map(|deadline| shift(deadline, now, before, after));
    }

    /// Starts `Master_Down_Timer` with `Master_Down_Interval`, and stops the other.
    pub(super) fn start_master_down(&mut self, now: Instant, interval: Duration) {
        self.advert = None;
        self.master_down = Some(MasterDown {
            deadline: now + interval,
            wait: Wait::Advertisement,
            again: false,
        });
    }

    /// Sets `Master_Down_Timer` to `Skew_Time` after `source` resigned, unless it fires earlier:
    /// repeated resignations cannot delay a takeover.
    pub(super) fn start_skew_time(&mut self, now: Instant, skew: Duration, source: IpAddr) {
        let resigned = MasterDown {
            deadline: now + skew,
            wait: Wait::Resigned { source },
            again: false,
        };
        self.master_down = Some(match self.master_down {
            Some(running) if running.deadline <= resigned.deadline => running,
            Some(_) | None => resigned,
        });
    }

    /// Sets a running `Master_Down_Timer` to a later deadline.
    pub(super) const fn extend_master_down(&mut self, deadline: Instant) {
        if let Some(timer) = &mut self.master_down {
            timer.deadline = deadline;
        }
    }

    /// Sets a `Master_Down_Timer` that is served later than `tolerated` to `pause` from now, unless
    /// that has been done before; returns whether it was set.
    pub(super) fn extend_late(
        &mut self,
        now: Instant,
        tolerated: Duration,
        pause: Duration,
    ) -> bool {
        match &mut self.master_down {
            Some(timer) if !timer.again && now > timer.deadline + tolerated => {
                timer.again = true;
                timer.deadline = now + pause;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The event that a running `Master_Down_Timer` waits for, and for how long.
    pub(super) fn master_down(&self, now: Instant) -> Option<(Wait, Duration)> {
        let timer = self.master_down?;
        Some((timer.wait, timer.deadline.saturating_duration_since(now)))
    }

    /// The remaining time of a running `Adver_Timer`.
    pub(super) fn advert(&self, now: Instant) -> Option<Duration> {
        Some(self.advert?.saturating_duration_since(now))
    }

    /// The event that `Master_Down_Timer` waited for, if the timer has fired.
    pub(super) fn master_down_fired(&self, now: Instant) -> Option<Wait> {
        self.master_down
            .filter(|timer| timer.deadline <= now)
            .map(|timer| timer.wait)
    }

    /// Which of both durations a running `Master_Down_Timer` was set to.
    pub(super) fn wait(&self, skew: Duration, master_down: Duration) -> Duration {
        match self.master_down.map(|timer| timer.wait) {
            Some(Wait::Resigned { .. }) => skew,
            Some(Wait::Advertisement) | None => master_down,
        }
    }

    /// Moves `Master_Down_Timer` when the duration it was set to changes.
    pub(super) fn shift_master_down(&mut self, now: Instant, before: Duration, after: Duration) {
        if let Some(timer) = &mut self.master_down {
            timer.deadline = shift(timer.deadline, now, before, after);
        }
    }
}

/// A deadline that was set with `before`, had it been set with `after`; never in the past.
fn shift(deadline: Instant, now: Instant, before: Duration, after: Duration) -> Instant {
    match after.checked_sub(before) {
        Some(later) => deadline + later,
        None => deadline
            .checked_sub(before - after)
            .map_or(now, |earlier| earlier.max(now)),
    }
}
