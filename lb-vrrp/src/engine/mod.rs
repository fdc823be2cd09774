// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state machine of one virtual router (RFC 3768 §6.4, RFC 9568 §6.4), without I/O or clock.
//!
//! `backup` and `master` hold one function per clause of the RFC, `transition` what each pair of
//! states entails, `timers` the two deadlines.

#![warn(clippy::indexing_slicing)]

mod backup;
mod config;
mod master;
mod output;
mod received;
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
    config::{RouterConfig, RouterConfigBuilder},
    output::{AnnounceReason, Notice, Output, Transmit},
    received::{Received, Rejected},
    state::{Reason, State, Transition},
    stats::{NewMasterReason, RouterStats},
};
use self::{master::Answers, timers::Timers};
use crate::{
    error::ConfigError,
    params::{AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, Priority, Version},
    wire::{Advertisement, AuthField, ChecksumDialect},
};

/// One virtual router.
///
/// The caller owns sockets, clock and addresses, and drives the router in this order, forever:
///
/// 1. Give it what happened: every waiting packet first ([`handle_advertisement`]), then the time
///    ([`handle_timeout`], when [`next_timeout`] has passed), then `handle_link`, `reconfigure`
///    and the like. Packets before time matters to a process that was not scheduled for a while:
///    a backup whose master advertised meanwhile must not take over.
/// 2. After **each** of these calls take [`poll_output`] until it returns `None`, and do what it
///    says in that order. One call leaves at most a handful of outputs.
/// 3. Sleep until a packet arrives or [`next_timeout`].
///
/// Time is the caller's: the router never asks for it. `now` should not go backwards; if it does,
/// nothing worse happens than a timer that fires late.
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
    link_up: bool,
    timers: Timers,
    /// The interval of the master as a VRRPv3 backup learned it.
    learned: Option<AdvertInterval>,
    /// The last master of lower priority that was disregarded while the timer ran.
    disregarded: Option<(IpAddr, Priority)>,
    last_sent: Option<Instant>,
    answers: Answers,
    told: Told,
    outputs: VecDeque<Output>,
    stats: RouterStats,
}

/// What was told in a [`Notice`] and need not be told again.
#[derive(Debug, Default)]
struct Told {
    addresses: Option<(IpAddr, AddressList)>,
    dialect: Option<(IpAddr, ChecksumDialect)>,
}

impl VirtualRouter {
    /// Makes a router in state [`State::Initialize`] on a link that is up. `primary` is the
    /// interface's own address, or the link-local one for IPv6.
    ///
    /// # Errors
    ///
    /// [`ConfigError::PrimaryFamily`] if `primary` is not of the virtual addresses' family.
    pub fn new(config: RouterConfig, primary: IpAddr) -> Result<Self, ConfigError> {
        check_primary(&config, primary)?;
        Ok(Self {
            effective: config.priority(),
            config,
            primary,
            state: State::Initialize,
            link_up: true,
            timers: Timers::default(),
            learned: None,
            disregarded: None,
            last_sent: None,
            answers: Answers::default(),
            told: Told::default(),
            outputs: VecDeque::new(),
            stats: RouterStats::default(),
        })
    }

    /// Starts the router (RFC 9568 §6.4.1): the address owner becomes master, any other router
    /// backup, and on a link that is down it waits in [`State::Fault`].
    pub fn handle_startup(&mut self, now: Instant) {
        match self.state {
            State::Initialize if self.link_up => self.start(now, Reason::Startup),
            State::Initialize => self.transition(now, State::Fault, Reason::Startup),
            State::Backup | State::Master | State::Fault => {}
        }
    }

    /// Stops the router (RFC 9568 §6.4.2, §6.4.3): a master resigns with priority 0.
    pub fn handle_shutdown(&mut self, now: Instant) {
        self.transition(now, State::Initialize, Reason::Shutdown);
    }

    /// Takes a packet of IP protocol 112.
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
        let advertisement = received
            .validate(&self.config, self.primary)
            .inspect_err(|rejected| self.stats.count_rejected(rejected))?;
        self.stats.advertisements_received += 1;
        self.stats.count_dialect(advertisement.checksum);
        if advertisement.priority == AdvertisedPriority::Resign {
            self.stats.priority_zero_received += 1;
        }
        match self.state {
            // RFC 9568 §6.4.1: only Startup is expected here; a late packet does no harm.
            State::Initialize | State::Fault => {}
            State::Backup => {
                self.compare(received.source, &advertisement);
                self.backup_receives(now, received.source, &advertisement);
            }
            State::Master => {
                self.compare(received.source, &advertisement);
                self.master_receives(now, received.source, &advertisement);
            }
        }
        Ok(())
    }

    /// Lets time pass: does what is due at `now`, if anything is.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::Initialize | State::Fault => {}
            State::Backup => self.backup_timeout(now),
            State::Master => self.master_timeout(now),
        }
    }

    /// Tells whether the link, or all that a router needs of it, is up. A router that loses it
    /// goes to [`State::Fault`], and starts anew when it comes back.
    pub fn handle_link(&mut self, now: Instant, up: bool) {
        self.link_up = up;
        match (self.state, up) {
            (State::Backup | State::Master, false) => {
                self.transition(now, State::Fault, Reason::LinkDown);
            }
            (State::Fault, true) => self.start(now, Reason::LinkUp),
            (State::Initialize, _)
            | (State::Backup | State::Master, true)
            | (State::Fault, false) => {}
        }
    }

    /// Changes the configuration while the router runs. State, what was learned, and the time that
    /// has passed are kept; an equal configuration changes nothing. A changed configured priority
    /// becomes the effective one.
    ///
    /// # Errors
    ///
    /// [`ConfigError::IdentityChanged`] if VRID, version or address family differ: that is another
    /// router. Nothing has changed then.
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
        let effective = self.effective;
        let old = self.retime(now, |router| {
            if router.config.priority() != config.priority() {
                router.effective = config.priority();
            }
            std::mem::replace(&mut router.config, config)
        });
        if self.state == State::Master {
            self.master_reconfigured(now, &old, effective);
        }
        Ok(())
    }

    /// Changes the priority in the election, as tracking does. A pending deadline moves by the
    /// change of the skew time; it does not start again. A master whose priority dropped
    /// advertises it at once.
    pub fn set_effective_priority(&mut self, now: Instant, priority: Priority) {
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
    /// [`ConfigError::PrimaryFamily`] if it is not of the virtual addresses' family.
    pub fn set_primary(&mut self, primary: IpAddr) -> Result<(), ConfigError> {
        check_primary(&self.config, primary)?;
        self.primary = primary;
        Ok(())
    }

    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest; `None`: never.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The current state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The counters.
    pub const fn stats(&self) -> &RouterStats {
        &self.stats
    }

    /// The current configuration.
    pub const fn config(&self) -> &RouterConfig {
        &self.config
    }

    /// The interface's own address.
    pub const fn primary(&self) -> IpAddr {
        self.primary
    }

    /// The priority after tracking.
    pub const fn effective_priority(&self) -> Priority {
        self.effective
    }

    /// `Master_Adver_Interval`: the interval a backup expects; with VRRPv3 the master's own, once
    /// one was heard (RFC 9568 §6.1).
    pub fn master_interval(&self) -> AdvertInterval {
        self.learned.unwrap_or_else(|| self.config.interval())
    }

    /// `Skew_Time` at present.
    pub fn skew_time(&self) -> Duration {
        self.master_interval()
            .skew_time(self.config.version(), self.effective)
    }

    /// `Master_Down_Interval` at present.
    pub fn master_down_interval(&self) -> Duration {
        self.master_interval()
            .master_down_interval(self.config.version(), self.effective)
    }

    /// Compares what was advertised with the configuration. Differences are counted and told,
    /// never a reason to drop: a peer that is being reconfigured must not become a second master.
    fn compare(&mut self, source: IpAddr, advertisement: &Advertisement) {
        if advertisement.interval != self.config.interval() {
            self.stats.interval_errors += 1;
        }
        if advertisement.addresses.same_set(self.config.addresses()) {
            self.told.addresses.take_if(|(told, _)| *told == source);
        } else {
            self.stats.address_list_errors += 1;
            let told = Some((source, advertisement.addresses.clone()));
            if self.told.addresses != told {
                self.told.addresses = told;
                self.outputs
                    .push_back(Output::Noticed(Notice::AddressListMismatch {
                        source,
                        advertised: advertisement.addresses.clone(),
                    }));
            }
        }
        let dialect = advertisement.checksum;
        if self.config.version() == Version::V2
            || self.config.family() == AddressFamily::Ipv6
            || dialect == self.config.checksum()
        {
            self.told.dialect.take_if(|(told, _)| *told == source);
        } else if self.told.dialect != Some((source, dialect)) {
            self.told.dialect = Some((source, dialect));
            self.outputs
                .push_back(Output::Noticed(Notice::ChecksumDialect { source, dialect }));
        }
    }

    /// RFC 9568 §6.4.3: "Set Active_Adver_Interval to Adver Interval contained in the
    /// ADVERTISEMENT". VRRPv2 has dropped any other interval before.
    fn learn_interval(&mut self, source: IpAddr, interval: AdvertInterval) {
        if self.config.version() == Version::V2 {
            return;
        }
        if interval != self.master_interval() {
            self.outputs
                .push_back(Output::Noticed(Notice::IntervalLearned {
                    source,
                    interval,
                    configured: self.config.interval(),
                }));
        }
        self.learned = Some(interval);
    }

    /// Makes a change on which waiting times depend, and moves a pending deadline by the
    /// difference.
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

    /// Sends an advertisement made from the configuration of this moment.
    fn send_advertisement(&mut self, now: Instant, priority: AdvertisedPriority) {
        let destination = self.config.family().group();
        let advertisement = Advertisement {
            version: self.config.version(),
            vrid: self.config.vrid(),
            priority,
            interval: self.config.interval(),
            addresses: self.config.addresses().clone(),
            auth: match self.config.version() {
                Version::V2 => Some(AuthField::from(&self.config.authentication())),
                Version::V3 => None,
            },
            checksum: self.config.checksum(),
        };
        self.outputs.push_back(Output::SendAdvertisement(Transmit {
            source: self.primary,
            destination,
            priority,
            payload: advertisement.to_vec(self.primary, destination),
        }));
        self.last_sent = Some(now);
        self.stats.advertisements_sent += 1;
        if priority == AdvertisedPriority::Resign {
            self.stats.priority_zero_sent += 1;
        }
    }

    /// Asks for an announcement of the virtual addresses.
    fn announce(&mut self, reason: AnnounceReason) {
        self.stats.announcements += 1;
        self.outputs.push_back(Output::Announce { reason });
    }
}

fn check_primary(config: &RouterConfig, primary: IpAddr) -> Result<(), ConfigError> {
    if AddressFamily::of(primary) == config.family() {
        Ok(())
    } else {
        Err(ConfigError::PrimaryFamily {
            primary,
            family: config.family(),
        })
    }
}
