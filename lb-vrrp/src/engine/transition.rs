// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a change of state entails, for every pair of states.

use std::time::Instant;

use super::{AnnounceReason, Output, Reason, State, Transition, VirtualRouter, master::Answers};
use crate::params::AdvertisedPriority;

impl VirtualRouter {
    /// Starts from [`State::Initialize`] or [`State::Fault`].
    ///
    /// RFC 9568 §6.4.1: "If the Priority = 255 … Transition to the {Active} state", else
    /// "Set Active_Adver_Interval to Advertisement_Interval … Transition to the {Backup} state".
    pub(super) fn start(&mut self, now: Instant, reason: Reason) {
        self.learned = None;
        self.unproven = self.config.sticky().map(|limit| now + limit);
        let owner = self.effective.is_owner();
        let to = if owner && !self.grouped {
            State::Master
        } else {
            State::Backup
        };
        self.transition(now, to, reason);
        if owner && self.grouped {
            self.become_candidate(now, reason);
        }
    }

    /// Changes the state, with its outputs in the order of effect.
    pub(super) fn transition(&mut self, now: Instant, to: State, reason: Reason) {
        let from = self.state;
        match (from, to) {
            (State::Initialize | State::Backup | State::Fault, State::Master) => {
                self.send_advertisement(now, self.effective.into());
                if !self.config.accept() {
                    self.outputs.push_back(Output::ShieldAddresses);
                }
                self.outputs.push_back(Output::AddAddresses);
                self.announce(AnnounceReason::BecameMaster);
                self.stats.count_master(reason);
            }
            (State::Master, State::Backup) => {
                self.send_farewell(now, reason);
                self.release_addresses();
            }
            (State::Master, State::Initialize | State::Fault) => {
                self.send_advertisement(now, AdvertisedPriority::Resign);
                self.release_addresses();
            }
            (State::Initialize | State::Fault, State::Backup)
            | (State::Backup | State::Fault, State::Initialize)
            | (State::Initialize | State::Backup, State::Fault) => {}
            (State::Initialize, State::Initialize)
            | (State::Backup, State::Backup)
            | (State::Master, State::Master)
            | (State::Fault, State::Fault) => return,
        }
        self.disregarded = None;
        self.preempt_hold = None;
        self.resigned = false;
        self.candidacy = None;
        self.conflict = None;
        self.answers = Answers::default();
        if to != State::Backup {
            self.unproven = None;
        }
        if from != State::Backup {
            self.master = None;
        }
        match to {
            State::Initialize | State::Fault => self.timers.stop(),
            State::Backup => self
                .timers
                .start_master_down(now, self.master_down_interval()),
            State::Master => {
                self.timers
                    .start_advert(now, self.config.interval().as_duration());
            }
        }
        self.state = to;
        self.since = Some(now);
        let transition = Transition { from, to, reason };
        self.last_transition = Some(transition);
        self.outputs.push_back(Output::Transitioned(transition));
    }

    /// Sends the last advertisement of a master that becomes backup.
    fn send_farewell(&mut self, now: Instant, reason: Reason) {
        match reason {
            Reason::Resigned | Reason::SyncGroup => {
                self.send_advertisement(now, AdvertisedPriority::Resign)
            }
            // A router that took over meanwhile announced its addresses after this one; a router that was
            // master at the same time must announce them again now.
            Reason::Stalled { .. } if self.config.farewell() => {
                self.send_advertisement(now, AdvertisedPriority::Resign);
            }
            // The priority must lose against the owner's and win against all others; as in keepalived.
            Reason::OwnerConflict { .. } => self.send_advertisement(now, 254.into()),
            _ if self.config.farewell() => self.send_advertisement(now, self.effective.into()),
            _ => {}
        }
    }

    fn release_addresses(&mut self) {
        self.stats.master_released += 1;
        self.outputs.push_back(Output::RemoveAddresses);
        if !self.config.accept() {
            self.outputs.push_back(Output::UnshieldAddresses);
        }
    }
}
