// SPDX-License-Identifier: MIT OR Apache-2.0
//! Machines with a router on each of two LANs, in a sync group.

use std::time::Duration;

use lb_vrrp::{AdvertInterval, Priority, RouterConfig, State, Version, Vrid, group::SyncGroup};

use crate::{
    invariants::{hosts_send_to_the_master, settling_time},
    lan::Lan,
    millis,
    network::Random,
    random, secs,
};

/// Groups of an ordinary run.
const SEEDS: u64 = 300;

/// LANs of one clock; machine n is router n on each.
struct Cluster {
    lans: Vec<Lan>,
    groups: Vec<SyncGroup<usize>>,
}

impl Cluster {
    fn new(lans: Vec<Lan>) -> Self {
        let machines = lans[0].nodes.len();
        let groups = (0..machines)
            .map(|_| SyncGroup::new(0..lans.len()))
            .collect();
        let mut cluster = Self { lans, groups };
        for lan in &mut cluster.lans {
            lan.nodes.iter_mut().for_each(|node| node.grouped = true);
        }
        cluster
    }

    /// Two LANs of routers with these priorities and this preemption.
    fn with_priorities(seed: u64, latency: Duration, priorities: &[(u8, bool)]) -> Self {
        let lan = |n: u64| {
            let configs = priorities.iter().map(|&(priority, preempt)| {
                RouterConfig::builder(Vrid::new(60).unwrap())
                    .version(Version::V3)
                    .priority(Priority::new(priority).unwrap())
                    .preempt(preempt)
                    .interval(AdvertInterval::from_centis(100).unwrap())
                    .address("192.0.2.200".parse().unwrap())
                    .build()
                    .unwrap()
            });
            let label = format!("LB_SIM_SEED={seed} LAN {n}");
            Lan::with(label, seed * 2 + n, latency, 1, configs)
        };
        Self::new(vec![lan(0), lan(1)])
    }

    fn now(&self) -> Duration {
        self.lans[0].now
    }

    /// Something happens to one LAN, and the groups follow.
    fn on(&mut self, lan: usize, what: impl FnOnce(&mut Lan)) {
        what(&mut self.lans[lan]);
        self.settle();
    }

    /// Something happens to all LANs at once. A machine that is off then knows nothing any more.
    fn on_all(&mut self, what: impl Fn(&mut Lan)) {
        self.lans.iter_mut().for_each(what);
        for (machine, group) in self.groups.iter_mut().enumerate() {
            if self.lans[0].nodes[machine].router.is_none() {
                *group = SyncGroup::new(0..self.lans.len());
            }
        }
        self.settle();
    }

    /// I12, wherever a machine runs: what its group asks is done at once.
    fn settle(&mut self) {
        for (machine, group) in self.groups.iter_mut().enumerate() {
            let lans = &mut self.lans;
            group.settle(|&lan, request| lans[lan].member(machine, request));
            let states: Vec<_> = lans.iter().map(|lan| lan.state(machine)).collect();
            if states.windows(2).any(|pair| pair[0] != pair[1]) {
                lans[0].fail(&format!("I12: machine {machine} is {states:?}"));
            }
        }
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now() + duration;
        while let Some((next, lan)) = (0..self.lans.len())
            .filter_map(|lan| Some((self.lans[lan].next_event()?, lan)))
            .min()
            .filter(|(next, _)| *next <= end)
        {
            for lan in &mut self.lans {
                lan.now = next.max(lan.now);
            }
            self.lans[lan].step();
            self.settle();
        }
        for lan in &mut self.lans {
            lan.now = end;
        }
        for lan in &mut self.lans {
            lan.check();
        }
    }

    fn masters(&self) -> Vec<usize> {
        let masters = self.lans[0].masters();
        assert!(self.lans.iter().all(|lan| lan.masters() == masters));
        masters
    }

    fn start_all(&mut self) {
        for machine in self.lans[0].routers() {
            self.on_all(|lan| lan.start(machine));
        }
    }
}

fn pair() -> Cluster {
    let mut cluster = Cluster::with_priorities(0, millis(1), &[(200, true), (100, true)]);
    cluster.start_all();
    cluster.run_for(secs(10));
    assert_eq!(cluster.masters(), [0]);
    cluster
}

#[test]
fn a_link_that_goes_down_on_one_lan_moves_both() {
    let mut cluster = pair();
    cluster.on(1, |lan| lan.link(0, false));
    assert_eq!(cluster.lans[0].state(0), State::Fault);
    cluster.run_for(secs(5));
    assert_eq!(cluster.masters(), [1]);
    for lan in &cluster.lans {
        assert_eq!(lan.caches, [Some(1)]);
    }
    cluster.on(1, |lan| lan.link(0, true));
    cluster.run_for(secs(10));
    assert_eq!(cluster.masters(), [0]);
}

#[test]
fn a_lan_that_falls_apart_does_not_make_half_a_master() {
    let mut cluster = pair();
    cluster.on(1, |lan| lan.partition(&[0, 1, 1]));
    cluster.run_for(secs(20));
    // The second receives nothing there, and the first's adverts here.
    assert_eq!(cluster.masters(), [0]);
    cluster.on(0, |lan| lan.partition(&[0, 1, 1]));
    cluster.run_for(secs(20));
    assert_eq!(cluster.masters(), [0, 1]);
    cluster.on(0, |lan| lan.partition(&[0, 0, 0]));
    cluster.run_for(secs(20));
    assert_eq!(cluster.masters(), [0]);
    assert_eq!(cluster.lans[0].caches, [Some(0)]);
}

#[test]
fn a_stopped_machine_hands_both_over_within_the_skew_time() {
    let mut cluster = pair();
    cluster.on_all(|lan| lan.stop(0));
    cluster.run_for(millis(620));
    assert_eq!(cluster.masters(), [1]);
}

#[test]
fn random_clusters_move_together() {
    random::seeds(SEEDS, run);
}

fn run(seed: u64) {
    let mut random = Random::new(!seed ^ 0x6702);
    let machines = 2 + random.below(2);
    // The same order on both LANs.
    let priorities: Vec<_> = (0..machines)
        .map(|_| (random.pick(&[50, 100, 100, 200, 255]), random.chance(700)))
        .collect();
    let latency = random.pick(&[millis(1), millis(10)]);
    let mut cluster = Cluster::with_priorities(seed, latency, &priorities);
    for _ in 0..2 {
        for _ in 0..2 + random.below(8) {
            fault(&mut cluster, &mut random);
            let pause = random.duration(secs(5));
            cluster.run_for(pause);
        }
        rest(&mut cluster, &priorities);
    }
}

fn fault(cluster: &mut Cluster, random: &mut Random) {
    let machines: Vec<_> = cluster.lans[0].routers().collect();
    let (machine, lan) = (random.pick(&machines), random.pick(&[0, 1]));
    let on = |cluster: &Cluster| cluster.lans[lan].nodes[machine].router.is_some();
    match random.below(8) {
        0 if on(cluster) => cluster.on_all(|lan| lan.crash(machine)),
        1 if on(cluster) => cluster.on_all(|lan| lan.stop(machine)),
        0..=2 if !on(cluster) => cluster.on_all(|lan| lan.start(machine)),
        3 => {
            let up = cluster.lans[lan].nodes[machine].link_up;
            cluster.on(lan, |lan| lan.link(machine, !up));
        }
        4 => {
            let stations = cluster.lans[lan].network.groups.len();
            let groups: Vec<_> = (0..stations)
                .map(|_| usize::from(random.chance(500)))
                .collect();
            cluster.on(lan, |lan| lan.partition(&groups));
        }
        5 => {
            let well = cluster.lans[lan].nodes[machine].tracked[0];
            cluster.on(lan, |lan| lan.track(machine, 0, !well));
        }
        6 => {
            let loss = random.pick(&[0, 100, 300]);
            cluster.on(lan, |lan| lan.network.loss_permille = loss);
        }
        _ => {}
    }
}

/// All is well on both LANs: one machine is master, and none that preempts is better.
fn rest(cluster: &mut Cluster, priorities: &[(u8, bool)]) {
    cluster.on_all(|lan| {
        for machine in lan.routers() {
            if lan.nodes[machine].router.is_none() {
                lan.start(machine);
            }
            lan.link(machine, true);
            lan.track(machine, 0, true);
        }
        lan.network.loss_permille = 0;
        let stations = lan.network.groups.len();
        lan.partition(&vec![0; stations]);
    });
    // Twice: a member may have begun to wait just before the others were ready.
    let wait = settling_time(&cluster.lans[0]) * 2 + secs(1);
    cluster.run_for(wait);
    let masters = cluster.masters();
    let [master] = masters[..] else {
        cluster.lans[0].fail(&format!("I1: masters {masters:?}"));
    };
    for (machine, &(priority, preempt)) in priorities.iter().enumerate() {
        let preempts = preempt || priority == 255;
        if preempts && priority > priorities[master].0 {
            cluster.lans[0].fail(&format!("I1: machine {machine} does not preempt {master}"));
        }
    }
    for lan in &cluster.lans {
        if let Err(why) = hosts_send_to_the_master(lan) {
            lan.fail(&why);
        }
    }
    let before: Vec<_> = cluster.lans.iter().map(Lan::transcript).collect();
    cluster.run_for(secs(20));
    for (lan, before) in cluster.lans.iter().zip(before) {
        if lan.transcript()[before.len()..].contains("->") {
            lan.fail("I5: a transition although nothing happened");
        }
    }
}
