// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a LAN, as a list that can be made shorter.

use std::{collections::HashSet, time::Duration};

use lb_vrrp::{AdvertInterval, Authentication, Password, Priority, RouterConfig, Version, Vrid};

use crate::{invariants::settling_time, lan::Lan, millis, network::Random, node::WEIGHTS};

/// One thing that happens. Routers and groups are numbers; what is impossible just then is left
/// out.
#[derive(Clone, Debug)]
pub enum Step {
    /// Chance of loss and of doubling from now on, in thousandths.
    Weather { loss: u64, duplicate: u64 },
    /// On, or off without a word.
    Power(usize),
    /// On, or an orderly stop.
    Service(usize),
    /// Paused, or resumed.
    Pause(usize),
    /// Its process hands over to another one, at once or when it is resumed.
    Handover { router: usize, at_once: bool },
    /// The link goes down, or up.
    Link(usize),
    /// The stations fall into two groups, by bits.
    Part(usize),
    /// All stations are together.
    Join,
    /// One way is cut, or loses this many thousandths.
    OneWay { from: usize, to: usize, loss: u64 },
    /// An object of a router fails, or is well again.
    Track { router: usize, object: usize },
    /// A new configuration; 0 is the same again.
    Reload {
        router: usize,
        kind: u64,
        value: u64,
    },
    /// Time passes.
    Run(Duration),
    /// Nothing happens until the LAN has settled, and some time beyond. Partitions may remain.
    Rest { join: bool },
}

/// A LAN and what happens to it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    configs: Vec<RouterConfig>,
    /// Millionths that each clock is fast.
    drifts: Vec<i64>,
    latency: Duration,
    /// What each station adds to a frame, on the way out and in.
    delays: Vec<(Duration, Duration)>,
    hosts: usize,
    pub steps: Vec<Step>,
}

/// Rounds of faults and rest for each seed.
const ROUNDS: usize = 3;

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(!seed);
        let version = random.pick(&[Version::V2, Version::V3]);
        let routers = usize::try_from(2 + random.below(4)).unwrap();
        let configs: Vec<_> = (0..routers).map(|_| config(version, &mut random)).collect();
        let latency = random.pick(&[Duration::from_micros(50), millis(1), millis(5)]);
        let hosts = usize::try_from(1 + random.below(3)).unwrap();
        let clocks = random.chance(500);
        let drifts = (0..routers)
            .map(|_| i64::try_from(random.below(401)).unwrap() - 200)
            .map(|drift| if clocks { drift } else { 0 })
            .collect();
        let asymmetric = random.chance(300);
        let delays = (0..routers + hosts)
            .map(|_| (random.duration(latency * 2), random.duration(latency * 2)))
            .map(|delay| {
                if asymmetric {
                    delay
                } else {
                    Default::default()
                }
            })
            .collect();
        let interval = configs.iter().map(RouterConfig::interval).max().unwrap();
        let mut steps = Vec::new();
        for _ in 0..ROUNDS {
            steps.push(Step::Weather {
                loss: random.pick(&[0, 0, 50, 300]),
                duplicate: random.pick(&[0, 100]),
            });
            for _ in 0..2 + random.below(8) {
                steps.push(fault(&mut random, routers));
                steps.push(Step::Run(random.duration(interval.as_duration() * 5)));
            }
            steps.push(Step::Rest {
                join: random.chance(600),
            });
        }
        Self {
            seed,
            configs,
            drifts,
            latency,
            delays,
            hosts,
            steps,
        }
    }

    /// A LAN as it is before anything has happened.
    pub fn lan(&self) -> Lan {
        let label = format!("LB_SIM_SEED={}", self.seed);
        let configs = self.configs.iter().cloned();
        let mut lan = Lan::with(label, self.seed, self.latency, self.hosts, configs);
        for (node, drift) in lan.nodes.iter_mut().zip(&self.drifts) {
            node.drift = *drift;
        }
        lan.network.delays.clone_from(&self.delays);
        lan
    }
}

fn fault(random: &mut Random, routers: usize) -> Step {
    let all: Vec<_> = (0..routers).collect();
    let (router, other) = (random.pick(&all), random.pick(&all));
    match random.below(15) {
        0 | 1 => Step::Power(router),
        2 | 3 => Step::Service(router),
        4 | 5 => Step::Pause(router),
        6 => Step::Part(usize::try_from(random.next() & 0xffff).unwrap()),
        7 => Step::Join,
        8 => Step::OneWay {
            from: router,
            to: other,
            loss: random.pick(&[1000, 1000, 500]),
        },
        9 => Step::Link(router),
        10 | 11 => Step::Track {
            router,
            object: usize::try_from(random.below(WEIGHTS.len() as u64)).unwrap(),
        },
        12 => Step::Handover {
            router,
            at_once: random.chance(500),
        },
        _ => Step::Reload {
            router,
            kind: random.below(5),
            value: random.next(),
        },
    }
}

fn interval(version: Version, random: &mut Random) -> AdvertInterval {
    match version {
        Version::V2 => AdvertInterval::from_secs(1),
        Version::V3 => AdvertInterval::from_centis(random.pick(&[10, 50, 100])),
    }
    .unwrap()
}

fn priority(random: &mut Random) -> Priority {
    Priority::new(random.pick(&[1, 50, 99, 100, 100, 150, 254, 255])).unwrap()
}

fn config(version: Version, random: &mut Random) -> RouterConfig {
    let authentication = match version {
        Version::V2 => Authentication::Password(Password::new("secret").unwrap()),
        Version::V3 => Authentication::None,
    };
    RouterConfig::builder(Vrid::new(100).unwrap())
        .version(version)
        .priority(priority(random))
        .interval(interval(version, random))
        .authentication(authentication)
        .preempt(random.chance(700))
        .address("192.168.1.50".parse().unwrap())
        .build()
        .unwrap()
}

/// A configuration that differs in one thing, or in none.
fn reloaded(old: &RouterConfig, kind: u64, value: u64) -> RouterConfig {
    let mut random = Random::new(value);
    let mut new = RouterConfig::builder(old.vrid())
        .version(old.version())
        .priority(old.priority())
        .interval(old.interval())
        .authentication(old.authentication().clone())
        .preempt(old.preempt());
    let mut second = old.addresses().as_slice().len() > 1;
    match kind {
        1 => new = new.priority(priority(&mut random)),
        2 => new = new.interval(interval(old.version(), &mut random)),
        3 => new = new.preempt(!old.preempt()),
        4 => second = !second,
        _ => {}
    }
    new = new.address("192.168.1.50".parse().unwrap());
    if second {
        new = new.address("192.168.1.51".parse().unwrap());
    }
    new.build().unwrap()
}

impl Step {
    pub fn apply(&self, lan: &mut Lan) {
        let stations = lan.network.groups.len();
        match *self {
            Self::Weather { loss, duplicate } => {
                lan.network.loss_permille = loss;
                lan.network.duplicate_permille = duplicate;
            }
            Self::Power(router) | Self::Service(router) | Self::Link(router)
                if lan.nodes[router].paused =>
            {
                lan.resume(router);
            }
            Self::Power(router) | Self::Service(router) if lan.nodes[router].router.is_none() => {
                lan.start(router);
            }
            Self::Power(router) => lan.crash(router),
            Self::Service(router) => lan.stop(router),
            Self::Pause(router) if lan.nodes[router].paused => lan.resume(router),
            Self::Pause(router) => lan.pause(router),
            Self::Handover { router, at_once } => {
                lan.begin_handover(router);
                if at_once {
                    lan.resume(router);
                }
            }
            Self::Link(router) => {
                let up = lan.nodes[router].link_up;
                lan.link(router, !up);
            }
            Self::Part(bits) => {
                let groups: Vec<_> = (0..stations).map(|station| bits >> station & 1).collect();
                lan.partition(&groups);
            }
            Self::Join => lan.partition(&vec![0; stations]),
            Self::OneWay { from, to, loss } => {
                lan.disturb(&format!("r{to} is deaf to r{from}: {loss}"));
                if loss == 1000 {
                    lan.network.one_way.insert((from, to));
                } else {
                    lan.network.lossy.insert((from, to), loss);
                }
            }
            Self::Track { router, object } => {
                lan.resume(router);
                let well = lan.nodes[router].tracked[object];
                lan.track(router, object, !well);
            }
            Self::Reload {
                router,
                kind,
                value,
            } => {
                lan.resume(router);
                let config = reloaded(&lan.nodes[router].config, kind, value);
                lan.reload(router, config);
            }
            Self::Run(duration) => lan.run_for(duration),
            Self::Rest { join } => rest(lan, join),
        }
    }
}

fn rest(lan: &mut Lan, join: bool) {
    let before = lan.invariants.settled;
    for router in lan.routers() {
        lan.resume(router);
    }
    lan.network.loss_permille = 0;
    lan.network.lossy.clear();
    lan.network.one_way = HashSet::new();
    if join {
        let stations = lan.network.groups.len();
        lan.network.groups = vec![0; stations];
    }
    lan.disturb("all is well");
    lan.run_for(settling_time(lan) + millis(1) + Duration::from_secs(3));
    if lan.invariants.settled == before {
        lan.fail("nothing was proven");
    }
}
