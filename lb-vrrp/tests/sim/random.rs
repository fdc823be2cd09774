// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random LANs and random faults, from a seed.

use std::{collections::HashSet, env, time::Duration};

use lb_vrrp::{AdvertInterval, Authentication, Password, Priority, RouterConfig, Version, Vrid};

use crate::{invariants::settling_time, lan::Lan, millis, network::Random};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 600;

/// Rounds of faults and rest for each seed.
const ROUNDS: usize = 3;

/// Seeds nobody has tried yet, in a soak.
const FRESH: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|value| value.parse().expect("a number"))
}

/// Every n-th seed where `LB_SHARD=k/n` asks for the k-th part.
fn in_shard(seed: u64) -> bool {
    let Ok(shard) = env::var("LB_SHARD") else {
        return true;
    };
    let (k, n) = shard.split_once('/').expect("k/n");
    let (k, n): (u64, u64) = (k.parse().expect("k"), n.parse().expect("n"));
    seed % n == k - 1
}

#[test]
fn invariants_hold_on_random_lans() {
    if let Some(seed) = number("LB_SIM_SEED") {
        return run(seed);
    }
    let seeds = number("LB_SIM_SEEDS").unwrap_or(SEEDS);
    (0..seeds).filter(|seed| in_shard(*seed)).for_each(run);
    if env::var_os("LB_SOAK").is_some() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let first = now.unwrap().as_secs() << 16;
        println!("fresh seeds from {first}");
        (first..first + FRESH)
            .filter(|seed| in_shard(*seed))
            .for_each(run);
    }
}

fn run(seed: u64) {
    let mut lan = make(seed);
    for _ in 0..ROUNDS {
        let before = lan.invariants.settled;
        trouble(&mut lan);
        rest(&mut lan);
        assert!(
            lan.invariants.settled > before,
            "seed {seed} proves nothing"
        );
    }
}

fn make(seed: u64) -> Lan {
    let mut random = Random::new(!seed);
    let version = random.pick(&[Version::V2, Version::V3]);
    let routers = 2 + random.below(4);
    let configs: Vec<_> = (0..routers).map(|_| config(version, &mut random)).collect();
    let latency = random.pick(&[Duration::from_micros(50), millis(1), millis(10)]);
    let hosts = usize::try_from(1 + random.below(3)).unwrap();
    Lan::with(format!("LB_SIM_SEED={seed}"), seed, latency, hosts, configs)
}

fn config(version: Version, random: &mut Random) -> RouterConfig {
    let interval = match version {
        Version::V2 => AdvertInterval::from_secs(1),
        Version::V3 => AdvertInterval::from_centis(random.pick(&[10, 50, 100])),
    };
    let authentication = match version {
        Version::V2 => Authentication::Password(Password::new("secret").unwrap()),
        Version::V3 => Authentication::None,
    };
    let priority = random.pick(&[1, 50, 99, 100, 100, 150, 254, 255]);
    RouterConfig::builder(Vrid::new(100).unwrap())
        .version(version)
        .priority(Priority::new(priority).unwrap())
        .interval(interval.unwrap())
        .authentication(authentication)
        .preempt(random.chance(700))
        .address("192.168.1.50".parse().unwrap())
        .build()
        .unwrap()
}

/// Faults, for about twenty intervals.
fn trouble(lan: &mut Lan) {
    lan.network.loss_permille = lan.random.pick(&[0, 0, 50, 300]);
    lan.network.duplicate_permille = lan.random.pick(&[0, 100]);
    let interval = lan
        .nodes
        .iter()
        .map(|node| node.config.interval())
        .max()
        .unwrap();
    for _ in 0..2 + lan.random.below(7) {
        fault(lan);
        let pause = lan.random.duration(interval.as_duration() * 5);
        lan.run_for(pause);
    }
}

fn fault(lan: &mut Lan) {
    let routers: Vec<_> = lan.routers().collect();
    let router = lan.random.pick(&routers);
    let node = &lan.nodes[router];
    let (on, paused, link_up) = (node.router.is_some(), node.paused, node.link_up);
    match lan.random.below(9) {
        0 | 1 if !on => lan.start(router),
        0 if on => lan.crash(router),
        1 if on => lan.stop(router),
        2 if on && !paused => lan.pause(router),
        2 | 3 if paused => lan.resume(router),
        4 => {
            let stations = lan.network.groups.len();
            let groups: Vec<_> = (0..stations)
                .map(|_| usize::from(lan.random.chance(500)))
                .collect();
            lan.partition(&groups);
        }
        5 => {
            let stations = lan.network.groups.len();
            lan.partition(&vec![0; stations]);
        }
        6 => {
            let to = lan.random.pick(&routers);
            lan.disturb(&format!("r{to} is deaf to r{router}"));
            lan.network.one_way.insert((router, to));
        }
        7 if !paused => lan.link(router, !link_up),
        _ => {
            let off = routers
                .iter()
                .copied()
                .find(|&router| lan.nodes[router].router.is_none());
            if let Some(router) = off {
                lan.start(router);
            }
        }
    }
}

/// Nothing happens, until the LAN has settled and some time beyond. Partitions may remain.
fn rest(lan: &mut Lan) {
    for router in lan.routers() {
        lan.resume(router);
    }
    lan.network.loss_permille = 0;
    lan.network.one_way = HashSet::new();
    if lan.random.chance(600) {
        let stations = lan.network.groups.len();
        lan.network.groups = vec![0; stations];
    }
    lan.disturb("all is well");
    lan.run_for(settling_time(lan) + millis(1) + Duration::from_secs(3));
}
