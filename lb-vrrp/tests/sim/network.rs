// SPDX-License-Identifier: MIT OR Apache-2.0
//! The medium: which stations reach which others, with delay and loss.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A small generator with a seed (SplitMix64): the same on every platform and for all time.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub const fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    pub fn duration(&mut self, below: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(below.as_nanos()).unwrap().max(1)))
    }
}

/// What becomes of a frame on its way to one station.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives at these times (twice: it was doubled).
    Arrives(Vec<Duration>),
    /// There is no way.
    Apart,
    /// It was lost by chance.
    Lost,
}

/// One LAN. Stations are numbered, routers first.
#[derive(Debug)]
pub struct Network {
    /// Stations reach each other within a group.
    pub groups: Vec<usize>,
    /// Ways that are cut in one direction.
    pub one_way: HashSet<(usize, usize)>,
    pub loss_permille: u64,
    /// Loss in one direction, besides.
    pub lossy: HashMap<(usize, usize), u64>,
    pub duplicate_permille: u64,
    /// A frame takes this time or up to nine tenths more. Less than twice: a frame that was
    /// answered arrives everywhere before the answer does.
    pub latency: Duration,
    /// What a station adds to each frame it sends, and to each that it gets: ways there and back
    /// take different times, and no detour is faster than the direct way.
    pub delays: Vec<(Duration, Duration)>,
    busy_until: HashMap<(usize, usize), Duration>,
}

impl Network {
    pub fn new(stations: usize, latency: Duration) -> Self {
        Self {
            groups: vec![0; stations],
            one_way: HashSet::new(),
            loss_permille: 0,
            lossy: HashMap::new(),
            duplicate_permille: 0,
            latency,
            delays: vec![(Duration::ZERO, Duration::ZERO); stations],
            busy_until: HashMap::new(),
        }
    }

    pub fn max_latency(&self) -> Duration {
        let slowest = |delay: fn(&(Duration, Duration)) -> Duration| {
            self.delays.iter().map(delay).max().unwrap_or_default()
        };
        self.latency * 2 + slowest(|delay| delay.0) + slowest(|delay| delay.1)
    }

    pub fn together(&self, a: usize, b: usize) -> bool {
        self.groups[a] == self.groups[b]
    }

    /// Whether there is a way.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.together(from, to) && !self.one_way.contains(&(from, to))
    }

    /// Frames between two stations keep their order.
    pub fn send(&mut self, now: Duration, from: usize, to: usize, random: &mut Random) -> Fate {
        if !self.reaches(from, to) {
            return Fate::Apart;
        }
        let lossy = self.lossy.get(&(from, to)).copied().unwrap_or_default();
        if random.chance(self.loss_permille + lossy) {
            return Fate::Lost;
        }
        let copies = 1 + usize::from(random.chance(self.duplicate_permille));
        let busy = self.busy_until.entry((from, to)).or_default();
        let mut arrivals = Vec::with_capacity(copies);
        for _ in 0..copies {
            let fixed = self.latency + self.delays[from].0 + self.delays[to].1;
            let arrival = now + fixed + random.duration(self.latency * 9 / 10);
            *busy = arrival.max(*busy);
            arrivals.push(*busy);
        }
        Fate::Arrives(arrivals)
    }
}
