// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of one virtual router (RFC 3768 §6.4, RFC 9568 §6.4), without I/O or clock.
//!
//! `backup` and `master` hold one function per clause of the RFC, `transition` what each pair of
//! states entails, `timers` the two deadlines.

#![warn(clippy::indexing_slicing)]

mod backup;
mod builder;
mod compare;
mod config;
mod fault;
mod handover;
mod master;
mod member;
mod output;
mod peers;
mod received;
mod rejected;
mod security;
mod send;
mod state;
mod stats;
mod timers;
mod transition;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

pub use self::{
    builder::RouterConfigBuilder,
    config::RouterConfig,
    fault::{FaultReason, Faults},
    handover::{HandoverState, HandoverStateError, HandoverTimer},
    output::{AnnounceReason, Notice, Output, Transmit},
    received::{Encapsulation, Received},
    rejected::Rejected,
    state::{Reason, State, Transition},
    stats::{NewMasterReason, ProtocolErrorReason, RouterStats},
};
use self::{
    master::{Answers, Conflict},
    received::Accepted,
    security::Security,
    send::Repeatable,
    timers::Timers,
};
use crate::{
    error::ConfigError,
    params::{AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, Priority},
    wire::ChecksumDialect,
};

/// One virtual router.
///
/// The caller owns sockets, clock and addresses, and drives the router in this order, forever:
///
/// 1. Pass on what happened: every waiting packet first ([`handle_advertisement`]), then the time
///    ([`handle_timeout`], when [`next_timeout`] has passed), then `handle_fault`, `reconfigure`
///    and the like. Packets before time matters to a process that was not scheduled for a while:
///    a backup whose master advertised meanwhile must not take over.
/// 2. After **each** of these calls take [`poll_output`] until it returns `None`, and carry out
///    the outputs in that order. One call leaves at most a handful of them.
/// 3. Sleep until a packet arrives or [`next_timeout`].
///
/// The caller passes the time; the router never reads a clock. `now` should not go backwards; if it
/// does, the worst effect is a timer that fires late.
///
/// [`handle_advertisement`]: Self::handle_advertisement
/// [`handle_timeout`]: Self::handle_timeout
/// [`next_timeout`]: Self::next_timeout
/// [`poll_output`]: Self::poll_output
#[derive(Debug)]
pub struct VirtualRouter {
    config: RouterConfig,
    /// The interface's own address: source of advertisements, and the tie-break.
    primary: IpAddr,
    /// Priority after tracking.
    effective: Priority,
    state: State,
    /// When the state was entered.
    since: Option<Instant>,
    /// The transition into the state.
    last_transition: Option<Transition>,
    faults: Faults,
    timers: Timers,
    /// The interval of the master as a VRRPv3 backup learned it.
    learned: Option<AdvertInterval>,
    /// The master of the last accepted advertisement, and its priority.
    master: Option<(IpAddr, Priority)>,
    /// The last master of lower priority whose advertisement did not reset the timer.
    disregarded: Option<(IpAddr, Priority)>,
    /// End of the preemption delay.
    preempt_hold: Option<Instant>,
    /// For a sticky router that has not received anything yet: until when it waits for that.
    unproven: Option<Instant>,
    /// An operator made it step down: it does not preempt.
    resigned: bool,
    /// Whether it is a member of a sync group.
    grouped: bool,
    /// Why a member would be master now.
    candidacy: Option<Reason>,
    /// Another address owner that does not yield.
    conflict: Option<Conflict>,
    last_sent: Option<Instant>,
    answers: Answers,
    noticed: Noticed,
    /// Dialect of the last valid advertisement.
    received_dialect: Option<ChecksumDialect>,
    security: Security,
    /// The last advertisement, if it can be sent again.
    repeatable: Option<Repeatable>,
    outputs: VecDeque<Output>,
    stats: RouterStats,
}

/// The differences that a [`Notice`] has reported, so that each is reported once.
#[derive(Debug, Default)]
struct Noticed {
    addresses: Option<(IpAddr, AddressList)>,
    dialect: Option<(IpAddr, ChecksumDialect)>,
    unsigned: Option<IpAddr>,
    clock: Option<IpAddr>,
}

impl VirtualRouter {
    /// Makes a router in state [`State::Initialize`] without a fault. `primary` is the
    /// interface's own address, or the link-local one for IPv6.
    ///
    /// # Errors
    ///
    /// [`ConfigError::PrimaryFamily`] if `primary` is not of the virtual addresses' family,
    /// [`ConfigError::PeerIsSelf`] if it is one of the unicast peers.
    pub fn new(config: RouterConfig, primary: IpAddr) -> Result<Self, ConfigError> {
        check_primary(&config, primary)?;
        Ok(Self {
            effective: config.priority(),
            config,
            primary,
            state: State::Initialize,
            since: None,
            last_transition: None,
            faults: Faults::default(),
            timers: Timers::default(),
            learned: None,
            master: None,
            disregarded: None,
            preempt_hold: None,
            unproven: None,
            resigned: false,
            grouped: false,
            candidacy: None,
            conflict: None,
            last_sent: None,
            answers: Answers::default(),
            noticed: Noticed::default(),
            received_dialect: None,
            security: Security::default(),
            repeatable: None,
            outputs: VecDeque::new(),
            stats: RouterStats::default(),
        })
    }

    /// Starts the router (RFC 9568 §6.4.1): the address owner becomes master, any other router
    /// backup, and with a fault it waits in [`State::Fault`].
    pub fn handle_startup(&mut self, now: Instant) {
        match self.state {
            State::Initialize if self.faults.is_empty() => self.start(now, Reason::Startup),
            State::Initialize => self.transition(now, State::Fault, Reason::Startup),
            State::Backup | State::Master | State::Fault => {}
        }
    }

    /// Stops the router (RFC 9568 §6.4.2, §6.4.3): a master resigns with priority 0.
    pub fn handle_shutdown(&mut self, now: Instant) {
        self.transition(now, State::Initialize, Reason::Shutdown);
    }

    /// Takes a packet of IP protocol 112, or 51 with an authentication header.
    ///
    /// # Errors
    ///
    /// [`Rejected`] if the packet was discarded; it is counted, and nothing else has changed.
    pub fn handle_advertisement(
        &mut self,
        now: Instant,
        received: Received<'_>,
    ) -> Result<(), Rejected> {
        self.stats.packets_received += 1;
        let accepted = received
            .validate(now, &self.config, &self.security, self.primary)
            .and_then(|accepted| {
                if self.config.owner_ignores_adverts() && self.effective.is_owner() {
                    return Err(Rejected::AddressOwner);
                }
                Ok(accepted)
            })
            .inspect_err(|rejected| self.stats.count_rejected(rejected))?;
        let Accepted {
            advertisement,
            proof,
        } = accepted;
        let source = received.source;
        let peers = self.config.peers().len();
        self.security.remember(source, peers, proof);
        self.stats.advertisements_received += 1;
        self.stats.count_dialect(advertisement.checksum);
        if advertisement.priority == AdvertisedPriority::Resign {
            self.stats.priority_zero_received += 1;
        }
        self.received_dialect = Some(advertisement.checksum);
        match self.state {
            // RFC 9568 §6.4.1: only Startup is expected here; a late packet does no harm.
            State::Initialize | State::Fault => {}
            State::Backup => {
                self.unproven = None;
                self.compare(source, &advertisement, proof);
                self.backup_receives(now, source, &advertisement);
            }
            State::Master => {
                self.compare(source, &advertisement, proof);
                self.master_receives(now, source, &advertisement);
            }
        }
        Ok(())
    }

    /// Handles the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(deadline) = self.timers.next().filter(|deadline| *deadline <= now) {
            let tenth = self.config.interval().as_duration() / 10;
            self.stats
                .count_lateness(now.saturating_duration_since(deadline), tenth);
        }
        match self.state {
            State::Initialize | State::Fault => {}
            State::Backup => self.backup_timeout(now),
            State::Master => self.master_timeout(now),
        }
    }

    /// Sets or clears a fault. The first one takes the router to [`State::Fault`]; when the last one is
    /// cleared, it starts again.
    pub fn handle_fault(&mut self, now: Instant, fault: FaultReason, present: bool) {
        self.faults.set(fault, present);
        match (self.state, self.faults.is_empty()) {
            (State::Backup | State::Master, false) => {
                self.transition(now, State::Fault, Reason::Fault { fault });
            }
            (State::Fault, true) => self.start(now, Reason::Recovered),
            (State::Initialize, _)
            | (State::Backup | State::Master, true)
            | (State::Fault, false) => {}
        }
    }

    /// Sets whether the link is up: [`FaultReason::LinkDown`] of
    /// [`handle_fault`](Self::handle_fault).
    pub fn handle_link(&mut self, now: Instant, up: bool) {
        self.handle_fault(now, FaultReason::LinkDown, !up);
    }

    /// Sets the time of day, as the duration since 1970-01-01 UTC. Only the HMAC trailer needs it; a
    /// call at the start and one from time to time are enough.
    pub const fn handle_clock(&mut self, now: Instant, utc: Duration) {
        self.security.set_clock(now, utc);
    }

    /// Notes for a sticky router that its interface received a packet other than an advertisement for
    /// it: the router waits one whole master down interval from now on. See
    /// [`RouterConfigBuilder::sticky`].
    pub fn handle_received_proof(&mut self, now: Instant) {
        if self.unproven.take().is_some() && self.state == State::Backup {
            self.timers
                .start_master_down(now, self.master_down_interval());
        }
    }

    /// Asks a master to step down: it resigns with priority 0 and becomes backup. It does
    /// not preempt, not even as address owner, until it is master again because no other router took
    /// over, or until [`resume`](Self::resume). Returns whether it was master.
    pub fn resign(&mut self, now: Instant) -> bool {
        let was_master = self.state == State::Master;
        if was_master {
            self.transition(now, State::Backup, Reason::Resigned);
            self.resigned = true;
        }
        was_master
    }

    /// Ends the effect of [`resign`](Self::resign): the router preempts again as configured.
    pub const fn resume(&mut self) {
        self.resigned = false;
    }

    /// Changes the configuration while the router runs. State, the learned interval and the
    /// elapsed time are kept; an equal configuration changes nothing. A changed configured priority
    /// becomes the effective one.
    ///
    /// # Errors
    ///
    /// [`ConfigError::IdentityChanged`] if VRID, version or address family differ: that is another
    /// router. [`ConfigError::PeerIsSelf`] if the router's own address is one of the new unicast
    /// peers. Nothing has changed then.
    pub fn reconfigure(&mut self, now: Instant, config: RouterConfig) -> Result<(), ConfigError> {
        let old = &self.config;
        if (old.vrid(), old.version(), old.family())
            != (config.vrid(), config.version(), config.family())
        {
            return Err(ConfigError::IdentityChanged {
                from_vrid: old.vrid(),
                from_version: old.version(),
                from_family: old.family(),
                to_vrid: config.vrid(),
                to_version: config.version(),
                to_family: config.family(),
            });
        }
        check_primary(&config, self.primary)?;
        self.repeatable = None;
        let effective = self.effective;
        let old = self.retime(now, |router| {
            if router.config.priority() != config.priority() {
                router.effective = config.priority();
            }
            std::mem::replace(&mut router.config, config)
        });
        if self.config.sticky().is_none() {
            self.unproven = None;
        }
        if self.state == State::Master {
            self.master_reconfigured(now, &old, effective);
        }
        Ok(())
    }

    /// Changes the priority in the election, as tracking does. A pending deadline moves by the
    /// change of the skew time; it does not start again. A master whose priority dropped
    /// advertises it at once.
    pub fn handle_priority(&mut self, now: Instant, priority: Priority) {
        let old = self.retime(now, |router| {
            std::mem::replace(&mut router.effective, priority)
        });
        if self.state == State::Master && priority < old {
            self.send_advertisement(now, priority.into());
        }
    }

    /// Changes the interface's own address.
    ///
    /// # Errors
    ///
    /// [`ConfigError::PrimaryFamily`] if it is not of the virtual addresses' family,
    /// [`ConfigError::PeerIsSelf`] if it is one of the unicast peers.
    pub fn set_primary(&mut self, primary: IpAddr) -> Result<(), ConfigError> {
        check_primary(&self.config, primary)?;
        self.primary = primary;
        Ok(())
    }

    /// The next output, in order; `None` when there is no more.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // A transition leaves several, an advertisement one.
            self.outputs.shrink_to(1);
        }
        output
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The current state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When the current state was entered; `None` before the first change.
    #[must_use]
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The last change of state, and why; `None` before the first.
    #[must_use]
    pub const fn last_transition(&self) -> Option<Transition> {
        self.last_transition
    }

    /// The faults that keep the router in [`State::Fault`].
    #[must_use]
    pub const fn faults(&self) -> Faults {
        self.faults
    }

    /// The master and its priority: this router itself, or the sender of the last
    /// advertisement that a backup accepted.
    #[must_use]
    pub const fn master(&self) -> Option<(IpAddr, Priority)> {
        match self.state {
            State::Master => Some((self.primary, self.effective)),
            State::Backup => self.master,
            State::Initialize | State::Fault => None,
        }
    }

    /// Whether an operator made the router step down, so that it does not preempt.
    #[must_use]
    pub const fn is_resigned(&self) -> bool {
        self.resigned
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> &RouterStats {
        &self.stats
    }

    /// The current configuration.
    #[must_use]
    pub const fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// The interface's own address.
    #[must_use]
    pub const fn primary(&self) -> IpAddr {
        self.primary
    }

    /// The priority after tracking.
    #[must_use]
    pub const fn effective_priority(&self) -> Priority {
        self.effective
    }

    /// `Master_Adver_Interval`: the interval a backup expects; with VRRPv3 the master's own, once
    /// received (RFC 9568 §6.1).
    #[must_use]
    pub fn master_interval(&self) -> AdvertInterval {
        self.learned.unwrap_or_else(|| self.config.interval())
    }

    /// `Skew_Time` at present.
    #[must_use]
    pub fn skew_time(&self) -> Duration {
        self.master_interval()
            .skew_time(self.config.version(), self.effective)
    }

    /// `Master_Down_Interval` at present.
    #[must_use]
    pub fn master_down_interval(&self) -> Duration {
        self.master_interval().down_interval(
            self.config.down_timer_adverts(),
            self.config.version(),
            self.effective,
        )
    }

    /// Applies a change that affects waiting times, and moves a pending deadline by the difference.
    fn retime<T>(&mut self, now: Instant, change: impl FnOnce(&mut Self) -> T) -> T {
        let before = self
            .timers
            .wait(self.skew_time(), self.master_down_interval());
        let result = change(self);
        let after = self
            .timers
            .wait(self.skew_time(), self.master_down_interval());
        self.timers.shift_master_down(now, before, after);
        result
    }

    /// Queues an announcement of the virtual addresses.
    fn announce(&mut self, reason: AnnounceReason) {
        self.stats.announcements += 1;
        self.outputs.push_back(Output::Announce { reason });
    }
}

fn check_primary(config: &RouterConfig, primary: IpAddr) -> Result<(), ConfigError> {
    if AddressFamily::for_address(primary) != config.family() {
        return Err(ConfigError::PrimaryFamily {
            primary,
            family: config.family(),
        });
    }
    if config.settings.peers.find(primary).is_some() {
        return Err(ConfigError::PeerIsSelf { address: primary });
    }
    Ok(())
}
