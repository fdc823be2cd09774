// SPDX-License-Identifier: MIT OR Apache-2.0
//! One router of a LAN: the engine under test, its machine, and an oracle for its timer.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    time::Duration,
};

use lb_vrrp::{
    AdvertisedPriority, Reason, RouterConfig, State, Version, VirtualRouter, wire::Advertisement,
};

/// A router and what its machine holds.
#[derive(Debug)]
pub struct Node {
    pub config: RouterConfig,
    pub address: IpAddr,
    /// `None`: the machine is off.
    pub router: Option<VirtualRouter>,
    pub link_up: bool,
    pub paused: bool,
    /// Frames that arrived while the process was paused.
    pub waiting: VecDeque<(IpAddr, Vec<u8>)>,
    pub holds_addresses: bool,
    /// Machine off while master: nobody told its peers.
    pub died_as_master: bool,
    /// When the last advertisement was sent, and the stations it did not reach.
    pub last_advert: (Duration, HashSet<usize>),
    /// The stations that could not be told when it stopped being master.
    pub not_told: HashSet<usize>,
    /// The stations that the last announcement did not reach.
    pub not_announced: HashSet<usize>,
    pub oracle: Oracle,
}

impl Node {
    pub fn new(config: RouterConfig, address: IpAddr) -> Self {
        Self {
            oracle: Oracle::new(&config),
            config,
            address,
            router: None,
            link_up: true,
            paused: false,
            waiting: VecDeque::new(),
            holds_addresses: false,
            died_as_master: false,
            last_advert: (Duration::ZERO, HashSet::new()),
            not_told: HashSet::new(),
            not_announced: HashSet::new(),
        }
    }

    pub fn state(&self) -> State {
        self.router
            .as_ref()
            .map_or(State::Initialize, VirtualRouter::state)
    }

    pub fn is_master(&self) -> bool {
        self.state() == State::Master
    }

    /// Started, and able to take part.
    pub fn takes_part(&self) -> bool {
        matches!(self.state(), State::Backup | State::Master)
    }

    /// Takes over from a master of lower priority.
    pub fn preempts(&self) -> bool {
        self.config.preempt() || self.config.priority().is_owner()
    }
}

/// When a backup must take over, computed beside the engine from RFC 3768 §6 and RFC 9568 §6, in
/// integer nanoseconds.
#[derive(Debug)]
pub struct Oracle {
    version: Version,
    priority: u64,
    preempts: bool,
    own_interval: u64,
    /// The interval the backup has to use.
    interval: u64,
    pub due: Option<Duration>,
    /// Whether the process was paused since, and may be late.
    pub paused: bool,
}

impl Oracle {
    fn new(config: &RouterConfig) -> Self {
        let own_interval = u64::from(config.interval().as_centis()) * 10_000_000;
        Self {
            version: config.version(),
            priority: u64::from(config.priority().get()),
            preempts: config.preempt() || config.priority().is_owner(),
            own_interval,
            interval: own_interval,
            due: None,
            paused: false,
        }
    }

    fn skew(&self) -> Duration {
        let unit = match self.version {
            Version::V2 => 1_000_000_000,
            Version::V3 => self.interval,
        };
        Duration::from_nanos(unit * (256 - self.priority) / 256)
    }

    pub fn master_down(&self) -> Duration {
        Duration::from_nanos(3 * self.interval) + self.skew()
    }

    fn learn(&mut self, advertisement: &Advertisement) {
        if self.version == Version::V3 {
            self.interval = u64::from(advertisement.interval.as_centis()) * 10_000_000;
        }
    }

    /// A backup hears `advertisement`.
    pub fn heard(&mut self, now: Duration, advertisement: &Advertisement) {
        match advertisement.priority {
            AdvertisedPriority::Resign => {
                let due = now + self.skew();
                self.due = Some(self.due.map_or(due, |before| before.min(due)));
            }
            AdvertisedPriority::Active(priority) => {
                if !self.preempts || u64::from(priority.get()) >= self.priority {
                    self.learn(advertisement);
                    self.due = Some(now + self.master_down());
                }
            }
        }
    }

    /// The router changed its state; `advertisement` is what it heard last, if that was why.
    pub fn changed(
        &mut self,
        now: Duration,
        to: State,
        reason: Reason,
        advertisement: Option<&Advertisement>,
    ) {
        self.paused = false;
        self.due = match to {
            State::Initialize | State::Fault | State::Master => None,
            State::Backup => {
                match reason {
                    Reason::Startup | Reason::Recovered => self.interval = self.own_interval,
                    _ => {
                        if let Some(advertisement) = advertisement {
                            self.learn(advertisement);
                        }
                    }
                }
                Some(now + self.master_down())
            }
        };
    }
}
