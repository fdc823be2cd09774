// SPDX-License-Identifier: MIT OR Apache-2.0
//! One router of a LAN: the engine under test, its machine, and an oracle for its timer.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use lb_vrrp::{
    AdvertInterval, AdvertisedPriority, HandoverState, Priority, Reason, RouterConfig, State,
    Version, VirtualRouter,
    track::{Object, Tracker, Weight},
    wire::Advertisement,
};

/// Weights of what each router tracks; the first makes it faulty.
pub const WEIGHTS: [i32; 3] = [0, -60, 30];

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
    pub waiting: VecDeque<(IpAddr, Arc<[u8]>)>,
    /// The state that its process handed over, and when by its clock; a new process continues with it.
    pub handed_over: Option<(HandoverState, Duration)>,
    pub holds_addresses: bool,
    /// How much faster its clock runs, in millionths.
    pub drift: i64,
    /// The objects it tracks, and whether each is well.
    pub tracked: [bool; WEIGHTS.len()],
    pub tracker: Tracker<usize, ()>,
    /// A member of a sync group.
    pub grouped: bool,
    /// Machine off while master: its peers are not informed.
    pub died_as_master: bool,
    /// When the last advertisement was sent, and the stations it did not reach.
    pub last_advert: (Duration, HashSet<usize>),
    /// The stations that do not know that it stopped being master.
    pub uninformed: HashSet<usize>,
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
            handed_over: None,
            holds_addresses: false,
            drift: 0,
            tracked: [true, true, false],
            tracker: Tracker::new(),
            grouped: false,
            died_as_master: false,
            last_advert: (Duration::ZERO, HashSet::new()),
            uninformed: HashSet::new(),
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

    /// What its clock shows.
    pub fn local(&self, now: Duration) -> Duration {
        let nanos = i128::try_from(now.as_nanos()).unwrap();
        let local = nanos + nanos * i128::from(self.drift) / 1_000_000;
        Duration::from_nanos(u64::try_from(local).unwrap())
    }

    /// When its clock will show that.
    pub fn global(&self, local: Duration) -> Duration {
        let nanos = i128::try_from(local.as_nanos()).unwrap();
        let near = nanos * 1_000_000 / (1_000_000 + i128::from(self.drift));
        let mut global = Duration::from_nanos(u64::try_from((near - 2).max(0)).unwrap());
        while self.local(global) < local {
            global += Duration::from_nanos(1);
        }
        global
    }

    /// Makes a tracker with the known states.
    pub fn restart_tracking(&mut self, now: std::time::Instant) {
        self.tracker = Tracker::new();
        self.tracker.set_router((), self.config.priority());
        for (object, (weight, well)) in WEIGHTS.into_iter().zip(self.tracked).enumerate() {
            self.tracker.set_object(now, object, Object::Interface);
            self.tracker.handle_up(&object, well);
            let weight = Weight::new(weight).unwrap();
            self.tracker.subscribe((), object, weight);
        }
    }

    /// The priority it must have, computed beside the tracker.
    pub fn priority(&self) -> Priority {
        let base = self.config.priority();
        let weights = WEIGHTS.into_iter().zip(self.tracked);
        let sum: i32 = weights
            .map(|(weight, well)| if well == (weight > 0) { weight } else { 0 })
            .sum();
        if base.is_owner() {
            return base;
        }
        let cut = (i32::from(base.get()) + sum).clamp(1, 254);
        Priority::new(u8::try_from(cut).unwrap()).unwrap()
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
    /// The master's interval, once it is known.
    learned: Option<u64>,
    pub due: Option<Duration>,
    /// Whether it waits for another router to take over from a master that resigned.
    skewed: bool,
    /// Whether the process was paused since, and may be late.
    paused: bool,
    /// Whether it was too late, and listened for another interval.
    again: bool,
}

impl Oracle {
    pub fn new(config: &RouterConfig) -> Self {
        Self {
            version: config.version(),
            priority: u64::from(config.priority().get()),
            preempts: config.preempt() || config.priority().is_owner(),
            own_interval: u64::from(config.interval().as_centis()) * 10_000_000,
            learned: None,
            due: None,
            skewed: false,
            paused: false,
            again: false,
        }
    }

    /// Whether the process was paused since, and may be late.
    pub const fn was_paused(&self) -> bool {
        self.paused
    }

    /// A new process continues with it: what was due meanwhile is due now.
    pub fn taken_over(&mut self, now: Duration) {
        self.due = self.due.map(|due| due.max(now));
        self.again = false;
    }

    /// The process runs again, and has read the queued packets: more than half an interval late it
    /// cannot know whether its master is down, and waits for another interval, once.
    pub fn resumed(&mut self, now: Duration) {
        self.paused = true;
        let interval = Duration::from_nanos(self.interval());
        if !self.again && self.due.is_some_and(|due| now > due + interval / 2) {
            self.again = true;
            self.due = Some(now + interval);
        }
    }

    fn interval(&self) -> u64 {
        self.learned.unwrap_or(self.own_interval)
    }

    /// The interval it counts with.
    pub fn expects(&self) -> AdvertInterval {
        let centis = u16::try_from(self.interval() / 10_000_000).unwrap();
        AdvertInterval::from_centis(centis).unwrap()
    }

    /// Configuration or priority changed: what is left to wait changes by the difference.
    pub fn retime(&mut self, now: Duration, config: &RouterConfig, priority: Priority) {
        let wait = |oracle: &Self| {
            if oracle.skewed {
                oracle.skew()
            } else {
                oracle.master_down()
            }
        };
        let before = wait(self);
        self.priority = u64::from(priority.get());
        self.preempts = config.preempt() || config.priority().is_owner();
        self.own_interval = u64::from(config.interval().as_centis()) * 10_000_000;
        let after = wait(self);
        self.due = self.due.map(|due| {
            (due + after)
                .checked_sub(before)
                .map_or(now, |due| if after < before { due.max(now) } else { due })
        });
    }

    fn skew(&self) -> Duration {
        let unit = match self.version {
            Version::V2 => 1_000_000_000,
            Version::V3 => self.interval(),
        };
        Duration::from_nanos(unit * (256 - self.priority) / 256)
    }

    pub fn master_down(&self) -> Duration {
        Duration::from_nanos(3 * self.interval()) + self.skew()
    }

    fn learn(&mut self, advertisement: &Advertisement) {
        if self.version == Version::V3 {
            self.learned = Some(u64::from(advertisement.interval.as_centis()) * 10_000_000);
        }
    }

    /// A backup receives `advertisement`.
    pub fn received(&mut self, now: Duration, advertisement: &Advertisement) {
        match advertisement.priority {
            AdvertisedPriority::Resign => {
                let due = now + self.skew();
                if self.due.is_none_or(|before| due < before) {
                    self.due = Some(due);
                    self.skewed = true;
                    self.again = false;
                }
            }
            AdvertisedPriority::Active(priority) => {
                if !self.preempts || u64::from(priority.get()) >= self.priority {
                    self.learn(advertisement);
                    self.due = Some(now + self.master_down());
                    self.skewed = false;
                    self.again = false;
                }
            }
        }
    }

    /// The router changed its state; `advertisement` is the cause, if there is one.
    pub fn changed(
        &mut self,
        now: Duration,
        to: State,
        reason: Reason,
        advertisement: Option<&Advertisement>,
    ) {
        self.paused = false;
        self.skewed = false;
        self.again = false;
        self.due = match to {
            State::Initialize | State::Fault | State::Master => None,
            State::Backup => {
                match reason {
                    Reason::Startup | Reason::Recovered => {
                        self.learned = None;
                        // The owner of a group's address waits for the group only.
                        if self.priority == 255 {
                            self.due = Some(now);
                            return;
                        }
                    }
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
