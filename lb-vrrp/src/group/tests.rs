// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of engines, and groups of members that do anything at any time.

#![allow(clippy::indexing_slicing, reason = "tests")]

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::*;
use crate::{
    AdvertInterval, AdvertisedPriority, Encapsulation, Output, Priority, Received, RouterConfig,
    RouterConfigBuilder, Transition, Version, Vrid,
    wire::{Advertisement, ChecksumDialect},
};

/// A machine with routers on several LANs, in one group.
struct Machine {
    now: Instant,
    routers: Vec<VirtualRouter>,
    group: SyncGroup<usize>,
}

fn builder(lan: usize, priority: u8) -> RouterConfigBuilder {
    let lan = u8::try_from(lan).unwrap();
    RouterConfig::builder(Vrid::new(lan + 1).unwrap())
        .version(Version::V3)
        .priority(Priority::new(priority).unwrap())
        .address([10, 0, lan, 1].into())
}

impl Machine {
    fn new(configs: impl IntoIterator<Item = RouterConfigBuilder>) -> Self {
        let routers: Vec<_> = (0..)
            .zip(configs)
            .map(|(lan, config)| {
                let own = IpAddr::from([10, 0, lan, 10]);
                let mut router = VirtualRouter::new(config.build().unwrap(), own).unwrap();
                router.set_grouped(true);
                router
            })
            .collect();
        Self {
            now: Instant::now(),
            group: SyncGroup::new(0..routers.len()),
            routers,
        }
    }

    fn with_priorities(priorities: &[u8]) -> Self {
        Self::new((0..).zip(priorities).map(|(lan, &p)| builder(lan, p)))
    }

    fn started(mut self) -> Self {
        for router in 0..self.routers.len() {
            self.call(router, VirtualRouter::handle_startup);
        }
        self
    }

    fn master(priorities: &[u8]) -> Self {
        let mut machine = Self::with_priorities(priorities).started();
        machine.run(Duration::from_secs(5));
        assert_eq!(machine.states(), vec![State::Master; priorities.len()]);
        machine.outputs();
        machine
    }

    fn call(&mut self, router: usize, call: impl FnOnce(&mut VirtualRouter, Instant)) {
        call(&mut self.routers[router], self.now);
        self.settle();
    }

    fn settle(&mut self) {
        let (now, routers) = (self.now, &mut self.routers);
        self.group
            .settle(|&member, request| Some(Status::after(request, now, routers.get_mut(member)?)));
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some((due, router)) = (0..self.routers.len())
            .filter_map(|n| Some((self.routers[n].next_timeout()?, n)))
            .min()
            .filter(|(due, _)| *due <= end)
        {
            self.now = due;
            self.call(router, VirtualRouter::handle_timeout);
        }
        self.now = end;
    }

    fn receive(&mut self, router: usize, priority: u8) {
        let config = self.routers[router].config();
        let lan = u8::try_from(router).unwrap();
        let (source, destination) = (IpAddr::from([10, 0, lan, 20]), config.group());
        let advertisement = Advertisement {
            version: config.version(),
            vrid: config.vrid(),
            priority: priority.into(),
            interval: AdvertInterval::DEFAULT,
            addresses: config.addresses().clone(),
            auth: None,
            checksum: ChecksumDialect::PseudoHeader,
        };
        let payload = advertisement.to_vec(source, destination);
        self.call(router, |engine, now| {
            let received = Received {
                source,
                destination,
                hop_limit: 255,
                encapsulation: Encapsulation::Ip,
                payload: &payload,
            };
            engine.handle_advertisement(now, received).unwrap();
        });
    }

    fn states(&self) -> Vec<State> {
        self.routers.iter().map(VirtualRouter::state).collect()
    }

    fn fault(&mut self, router: usize, present: bool) {
        self.call(router, |engine, now| {
            engine.handle_fault(now, FaultReason::LinkDown, present);
        });
    }

    fn outputs(&mut self) -> Vec<Vec<Output>> {
        self.routers
            .iter_mut()
            .map(|router| std::iter::from_fn(|| router.poll_output()).collect())
            .collect()
    }

    fn transitions(&mut self) -> Vec<Vec<Transition>> {
        let transition = |output| match output {
            Output::Transitioned(transition) => Some(transition),
            _ => None,
        };
        self.outputs()
            .into_iter()
            .map(|outputs| outputs.into_iter().filter_map(transition).collect())
            .collect()
    }
}

#[test]
fn a_member_that_times_out_alone_waits_for_the_last() {
    let mut machine = Machine::with_priorities(&[200, 100]).started();
    // 3 s + 56/256 s: the first would be master.
    machine.run(Duration::from_millis(3300));
    assert!(machine.routers[0].is_candidate());
    assert_eq!(machine.states(), [State::Backup, State::Backup]);
    // 3 s + 156/256 s.
    machine.run(Duration::from_millis(400));
    assert_eq!(machine.states(), [State::Master, State::Master]);
    let [first, second] = &machine.outputs()[..] else {
        panic!("two routers");
    };
    for outputs in [first, second] {
        assert!(
            matches!(
                outputs[1..],
                [
                    Output::SendAdvertisement(_),
                    Output::AddAddresses,
                    Output::Announce { .. },
                    Output::Transitioned(_)
                ]
            ),
            "{outputs:?}"
        );
    }
    assert_eq!(machine.group.state(), State::Master);
}

#[test]
fn a_master_on_one_lan_holds_back_the_group() {
    let mut machine = Machine::with_priorities(&[100, 100]).started();
    for _ in 0..20 {
        machine.run(Duration::from_secs(1));
        machine.receive(0, 150);
    }
    assert!(machine.routers[1].is_candidate());
    assert_eq!(machine.states(), [State::Backup, State::Backup]);
    assert_eq!(machine.group.state(), State::Backup);
}

#[test]
fn group_candidate_receiving_a_better_master_is_withdrawn() {
    let mut machine = Machine::with_priorities(&[200, 100]).started();
    machine.run(Duration::from_millis(3300));
    machine.receive(0, 250);
    assert!(!machine.routers[0].is_candidate());
    machine.run(Duration::from_millis(400));
    assert_eq!(machine.states(), [State::Backup, State::Backup]);
}

#[test]
fn a_member_that_yields_takes_all_to_backup() {
    let mut machine = Machine::master(&[100, 100, 100]);
    machine.receive(1, 150);
    assert_eq!(machine.states(), [State::Backup; 3]);
    let outputs = machine.outputs();
    for resigned in [0, 2] {
        let [
            Output::SendAdvertisement(sent),
            Output::RemoveAddresses,
            Output::Transitioned(_),
        ] = &outputs[resigned][..]
        else {
            panic!("{outputs:?}");
        };
        assert_eq!(sent.priority, AdvertisedPriority::Resign);
    }
    // It comes back as a whole.
    machine.run(Duration::from_secs(8));
    assert_eq!(machine.states(), [State::Master; 3]);
}

#[test]
fn group_fault_of_one_takes_all_to_fault_until_cleared() {
    for state in [State::Backup, State::Master] {
        let mut machine = match state {
            State::Master => Machine::master(&[100, 100]),
            _ => Machine::with_priorities(&[100, 100]).started(),
        };
        machine.outputs();
        machine.fault(0, true);
        assert_eq!(machine.states(), [State::Fault, State::Fault]);
        machine.fault(1, true);
        machine.fault(0, false);
        assert_eq!(machine.states(), [State::Fault, State::Fault]);
        machine.fault(1, false);
        assert_eq!(machine.states(), [State::Backup, State::Backup]);
        for transitions in machine.transitions() {
            let to: Vec<_> = transitions.iter().map(|transition| transition.to).collect();
            assert_eq!(to, [State::Fault, State::Backup], "no flapping");
        }
    }
}

#[test]
fn owners_start_as_master_only_together() {
    assert_eq!(
        Machine::with_priorities(&[255, 255]).started().states(),
        [State::Master; 2]
    );
    let mut mixed = Machine::with_priorities(&[255, 100]).started();
    assert_eq!(mixed.states(), [State::Backup; 2]);
    mixed.run(Duration::from_secs(4));
    assert_eq!(mixed.states(), [State::Master; 2]);
}

#[test]
fn the_member_that_does_not_preempt_decides() {
    let mut machine = Machine::new([builder(0, 200), builder(1, 200).preempt(false)]).started();
    for _ in 0..20 {
        machine.run(Duration::from_secs(1));
        machine.receive(0, 100);
        machine.receive(1, 100);
    }
    assert_eq!(machine.states(), [State::Backup; 2]);
    // Both masters are gone.
    machine.run(Duration::from_secs(8));
    assert_eq!(machine.states(), [State::Master; 2]);
}

#[test]
fn a_stopped_member_takes_the_others_to_backup() {
    let mut machine = Machine::master(&[100, 100]);
    machine.call(0, VirtualRouter::handle_shutdown);
    assert_eq!(machine.states(), [State::Initialize, State::Backup]);
    machine.run(Duration::from_secs(10));
    assert_eq!(machine.states(), [State::Initialize, State::Backup]);
    machine.call(0, VirtualRouter::handle_startup);
    machine.run(Duration::from_secs(5));
    assert_eq!(machine.states(), [State::Master; 2]);
}

#[test]
fn an_added_member_joins_a_group_that_is_master() {
    let mut machine = Machine::master(&[100, 100]);
    let config = builder(2, 100).build().unwrap();
    let mut router = VirtualRouter::new(config, [10, 0, 2, 10].into()).unwrap();
    router.set_grouped(true);
    machine.routers.push(router);
    machine.group.add(2);
    machine.settle();
    assert_eq!(machine.states()[..2], [State::Master; 2]);
    machine.call(2, VirtualRouter::handle_startup);
    assert_eq!(machine.states(), [State::Master; 3]);
    // It is a member like the others.
    machine.receive(2, 200);
    assert_eq!(machine.states(), [State::Backup; 3]);
}

#[test]
fn a_removed_member_goes_its_own_way() {
    let mut machine = Machine::master(&[100, 100, 100]);
    machine.group.remove(&2);
    machine.routers[2].set_grouped(false);
    machine.receive(0, 150);
    assert_eq!(
        machine.states(),
        [State::Backup, State::Backup, State::Master]
    );
    assert_eq!(machine.group.members().count(), 2);
}

#[test]
fn a_group_of_masters_is_taken_as_it_is() {
    // As after a hand-over from another process.
    let mut machine = Machine::master(&[100, 100]);
    machine.group = SyncGroup::new([0, 1]);
    machine.settle();
    assert_eq!(machine.states(), [State::Master; 2]);
    assert_eq!(machine.transitions(), vec![vec![]; 2]);
}

#[test]
fn two_groups_do_not_know_of_each_other() {
    let mut machine = Machine::with_priorities(&[100; 4]);
    machine.group = SyncGroup::new([0, 1]);
    let mut other = SyncGroup::new([2, 3]);
    let mut machine = machine.started();
    machine.run(Duration::from_secs(4));
    let (now, routers) = (machine.now, &mut machine.routers);
    other.settle(|&member, request| Some(Status::after(request, now, routers.get_mut(member)?)));
    assert_eq!(machine.states(), [State::Master; 4]);
    machine.fault(0, true);
    let (now, routers) = (machine.now, &mut machine.routers);
    other.settle(|&member, request| Some(Status::after(request, now, routers.get_mut(member)?)));
    assert_eq!(
        machine.states(),
        [State::Fault, State::Fault, State::Master, State::Master]
    );
}

#[test]
fn resigning_moves_the_whole_group() {
    let mut machine = Machine::master(&[100, 100]);
    machine.call(0, |engine, now| assert!(engine.resign(now)));
    assert_eq!(machine.states(), [State::Backup; 2]);
}

/// Anything a member may do by itself.
#[derive(Clone, Copy, Debug)]
enum Event {
    Start,
    Stop,
    Stands(bool),
    Faulty(bool),
    /// A master yields.
    Yields,
    Remove,
    Add,
}

fn event() -> impl Strategy<Value = (usize, Event)> {
    let what = prop_oneof![
        3 => Just(Event::Start),
        1 => Just(Event::Stop),
        4 => any::<bool>().prop_map(Event::Stands),
        2 => any::<bool>().prop_map(Event::Faulty),
        2 => Just(Event::Yields),
        1 => Just(Event::Remove),
        1 => Just(Event::Add),
    ];
    (0..4_usize, what)
}

/// A simple member: its [`Status`], and whether the group has set its fault.
#[derive(Clone, Copy)]
struct Model {
    status: Status,
    faulted: bool,
}

impl Model {
    fn do_this(&mut self, request: Request) {
        let state = self.status.state;
        match request {
            Request::Promote if state == State::Backup => self.enter(State::Master),
            Request::Demote if state == State::Master => self.enter(State::Backup),
            Request::Fault(present) => self.faulted = present,
            Request::Promote | Request::Demote => {}
        }
        self.follow_faults();
    }

    fn enter(&mut self, state: State) {
        self.status.state = state;
        self.status.candidate = false;
    }

    fn follow_faults(&mut self) {
        match (self.status.state, self.status.faulty || self.faulted) {
            (State::Backup | State::Master, true) => self.enter(State::Fault),
            (State::Fault, false) => self.enter(State::Backup),
            _ => {}
        }
    }

    fn happens(&mut self, event: Event) {
        match (event, self.status.state) {
            (Event::Start, State::Initialize) => self.enter(State::Backup),
            (Event::Stop, _) => self.enter(State::Initialize),
            (Event::Stands(stands), State::Backup) => self.status.candidate = stands,
            (Event::Faulty(faulty), _) => self.status.faulty = faulty,
            (Event::Yields, State::Master) => self.enter(State::Backup),
            _ => {}
        }
        self.follow_faults();
    }
}

proptest! {
    /// I12: whatever happens in whatever order, the group comes to rest at once, and then all
    /// members are master or none is, and all are faulty or none is.
    #[test]
    fn members_move_together(
        events in prop::collection::vec(event(), 1..60),
        lazy in any::<bool>(),
    ) {
        let model = Model { status: Member::new(Duty::None).status, faulted: false };
        let mut members = [model; 4];
        let mut group = SyncGroup::new(0..4_usize);
        for (n, &(member, event)) in events.iter().enumerate() {
            match event {
                Event::Remove => {
                    group.remove(&member);
                    members[member] = model;
                }
                Event::Add => group.add(member),
                _ if group.members().any(|&known| known == member) => members[member].happens(event),
                _ => {}
            }
            // The group may be informed late, of several events at once.
            if lazy && n % 3 != 0 && n + 1 != events.len() {
                continue;
            }
            let mut requests = 0;
            let before = members;
            group.settle(|&member, request| {
                if let Some(request) = request {
                    requests += 1;
                    members[member].do_this(request);
                }
                Some(members[member].status)
            });
            prop_assert!(requests <= 3 * 4, "{requests} requests");
            let inside: Vec<Model> = group.members().map(|&member| members[member]).collect();
            let masters = inside.iter().filter(|m| m.status.state == State::Master).count();
            let waiting = inside.iter().filter(|m| m.status.state == State::Initialize).count();
            prop_assert!(
                masters == 0 || masters == inside.len() || masters + waiting == inside.len(),
                "{:?}", inside.iter().map(|m| m.status).collect::<Vec<_>>()
            );
            let faulty = inside.iter().any(|m| m.status.faulty);
            for member in &inside {
                let state = member.status.state;
                prop_assert!(faulty == (state == State::Fault) || state == State::Initialize);
                prop_assert_eq!(member.faulted, faulty);
            }
            // Only a candidate or a joining member becomes master.
            for member in group.members() {
                let (was, is) = (before[*member].status, members[*member].status);
                if is.state == State::Master && was.state != State::Master {
                    prop_assert!(was.candidate || events[..=n].iter().any(|(_, e)| matches!(e, Event::Add)));
                }
            }
            // And it stays at rest.
            let mut again = 0;
            group.settle(|&member, request| {
                again += u32::from(request.is_some());
                Some(members[member].status)
            });
            prop_assert_eq!(again, 0);
        }
    }
}
