// SPDX-License-Identifier: MIT OR Apache-2.0
//! The router as a member of a sync group, which decides when it becomes master.

use std::time::Instant;

use super::{Reason, State, VirtualRouter};

impl VirtualRouter {
    /// Makes the router a member of a sync group, or a router of its own again.
    ///
    /// A member does not become master by itself. When its master down timer fires, or at once if
    /// it is the address owner, it is a [candidate](Self::is_candidate), and waits for
    /// [`promote`](Self::promote); the timer is restarted.
    /// [`SyncGroup`](crate::group::SyncGroup) decides when that is.
    pub const fn set_grouped(&mut self, grouped: bool) {
        self.grouped = grouped;
    }

    /// Whether the router is a backup that would be master without its group; until it receives an
    /// advertisement of a master that it does not preempt.
    #[must_use]
    pub const fn is_candidate(&self) -> bool {
        self.candidacy.is_some()
    }

    /// Makes a backup master: a candidate, or one that joins a group that is master. Returns whether
    /// it was backup.
    pub fn promote(&mut self, now: Instant) -> bool {
        let was_backup = self.state == State::Backup;
        if was_backup {
            let reason = self.candidacy.unwrap_or(Reason::SyncGroup);
            self.transition(now, State::Master, reason);
        }
        was_backup
    }

    /// Makes a master backup because another member of its group is no longer master: it resigns
    /// with priority 0, because on its own LAN no router may have taken over. Returns whether it was
    /// master.
    pub fn demote(&mut self, now: Instant) -> bool {
        let was_master = self.state == State::Master;
        if was_master {
            self.transition(now, State::Backup, Reason::SyncGroup);
        }
        was_master
    }

    /// Makes a member a candidate: its master down timer fired, or it starts as owner.
    pub(super) fn become_candidate(&mut self, now: Instant, reason: Reason) {
        self.candidacy.get_or_insert(reason);
        self.timers
            .start_master_down(now, self.master_down_interval());
    }
}
