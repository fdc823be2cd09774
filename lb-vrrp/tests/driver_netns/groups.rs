// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracked objects and sync groups, from the driver to the wire.

use std::sync::Arc;

use lb_vrrp::driver::{Event, Report};
use lb_vrrp::spec::{Configuration, GroupSpec, ObjectSpec, RouterSpec, Source};
use lb_vrrp::track::ObjectId;
use lb_vrrp::track::Weight;
use lb_vrrp::{AdvertInterval, FaultReason, Priority, Reason, RouterConfig, State, Version, Vrid};

use super::netns::{Lan, Node, wait_for};
use super::vip;

const ADDRESSES: [&str; 2] = ["192.0.2.100", "192.0.2.101"];

fn peer() -> ObjectId {
    ObjectId::Bfd(Arc::from("peer"))
}

fn router(number: u8, priority: u8) -> RouterSpec {
    let address = ADDRESSES[usize::from(number)];
    let config = RouterConfig::builder(Vrid::new(51 + number).unwrap())
        .version(Version::V3)
        .priority(Priority::new(priority).unwrap())
        .interval(AdvertInterval::from_centis(10).unwrap())
        .address(address.parse().unwrap())
        .build()
        .unwrap();
    RouterSpec::new(format!("VI_{number}"), "eth0", config).with_virtual_addresses([vip(address)])
}

/// Two routers that go together; the second one tracks the session.
fn group(priority: u8) -> Configuration {
    let second = router(1, priority).with_tracked(peer(), Weight::FAULT);
    Configuration::new(vec![router(0, priority), second])
        .with_groups([GroupSpec::new("VG", ["VI_0", "VI_1"])])
        .with_objects([ObjectSpec::new("peer", Source::Bfd)])
}

fn states(node: &Node) -> Vec<State> {
    node.status()
        .routers
        .iter()
        .map(|router| router.state)
        .collect()
}

fn wait_states(node: &Node, wanted: State) {
    wait_for(&format!("both {wanted}"), || {
        (states(node) == [wanted; 2]).then_some(())
    });
}

#[testbed::host_test]
fn a_group_is_master_or_not_as_a_whole() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, group(150));
    // A session is down until it is reported.
    wait_states(&a, State::Fault);
    let b = Node::start(&lan.b, group(100));
    b.report(peer(), Report::Up(true));
    wait_states(&b, State::Master);

    a.report(peer(), Report::Up(true));
    wait_states(&a, State::Master);
    wait_states(&b, State::Backup);
    for address in ADDRESSES {
        wait_for("both addresses there", || {
            (lan.a.holds(address) && !lan.b.holds(address)).then_some(())
        });
    }
    let status = a.status();
    assert_eq!(status.groups[0].state, State::Master);
    assert_eq!(status.groups[0].members.len(), 2);
    assert_eq!(status.routers[0].sync_group.as_deref(), Some("VG"));
    a.drain();

    // One is hit, both go.
    a.report(peer(), Report::Up(false));
    wait_states(&a, State::Fault);
    wait_states(&b, State::Master);
    let status = a.status();
    assert!(status.routers[1].tracked[0].fault);
    assert!(status.routers[0].tracked.is_empty());
    let mut reasons = Vec::new();
    let mut groups = Vec::new();
    for event in a.drain() {
        match event {
            Event::Transitioned {
                router, transition, ..
            } => reasons.push((router.to_string(), transition.reason)),
            Event::GroupChanged { from, to, .. } => groups.push((from, to)),
            _ => {}
        }
    }
    let fault = |fault| Reason::Fault { fault };
    assert_eq!(
        reasons,
        [
            ("VI_1".to_owned(), fault(FaultReason::Tracked)),
            ("VI_0".to_owned(), fault(FaultReason::SyncGroup)),
        ]
    );
    assert_eq!(groups, [(State::Master, State::Fault)]);

    a.report(peer(), Report::Up(true));
    wait_states(&a, State::Master);
    wait_states(&b, State::Backup);
    a.shutdown();
    wait_states(&b, State::Master);
}

#[testbed::host_test]
fn a_reload_makes_and_dissolves_groups_without_a_transition() {
    let lan = Lan::new();
    let alone = || Configuration::new(vec![router(0, 150), router(1, 150)]);
    let a = Node::start(&lan.a, alone());
    wait_states(&a, State::Master);
    a.drain();
    let together = || alone().with_groups([GroupSpec::new("VG", ["VI_0", "VI_1"])]);
    a.reload(together()).unwrap();
    assert_eq!(a.status().groups[0].state, State::Master);
    // One of them is new for the group.
    a.reload(alone().with_groups([GroupSpec::new("VG", ["VI_0"])]))
        .unwrap();
    a.reload(together()).unwrap();
    a.reload(alone()).unwrap();
    assert!(a.status().groups.is_empty());
    let moved = |event: &Event| matches!(event, Event::Transitioned { .. });
    assert!(!a.drain().iter().any(moved));
    // What the group did not know: a member that is gone is no reason to resign.
    a.reload(together()).unwrap();
    a.reload(
        Configuration::new(vec![router(0, 150)]).with_groups([GroupSpec::new("VG", ["VI_0"])]),
    )
    .unwrap();
    assert_eq!(states(&a), [State::Master]);
    let gone = wait_for("the transition of the one that is gone", || {
        a.drain().into_iter().find_map(|event| match event {
            Event::Transitioned {
                router, transition, ..
            } => Some((router.to_string(), transition.to)),
            _ => None,
        })
    });
    assert_eq!(gone, ("VI_1".to_owned(), State::Initialize));
    // A member that joins a master becomes master.
    a.reload(together()).unwrap();
    wait_states(&a, State::Master);
}

#[testbed::host_test]
fn an_interface_of_weight_lowers_the_priority_while_it_is_down() {
    let lan = Lan::new();
    lan.a.ip("link add t0 up type veth peer name t1");
    lan.a.ip("link set t1 up");
    let uplink = ObjectId::Interface(Arc::from("t0"));
    let weighed = router(0, 150).with_tracked(uplink.clone(), Weight::new(-60).unwrap());
    let a = Node::start(&lan.a, vec![weighed.clone()]);
    let b = Node::start(&lan.b, vec![router(0, 100)]);
    a.wait_state(State::Master);
    a.drain();

    lan.a.ip("link set t1 down");
    b.wait_state(State::Master);
    a.wait_state(State::Backup);
    let status = a.status();
    assert_eq!(status.routers[0].priority.get(), 90);
    assert_eq!(status.routers[0].tracked[0].object, uplink);
    assert_eq!(status.routers[0].tracked[0].change, -60);
    let changes: Vec<_> = a
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::PriorityChanged { from, to, .. } => Some((from.get(), to.get())),
            _ => None,
        })
        .collect();
    assert_eq!(changes, [(150, 90)]);

    // A reload keeps what is known; without the interface the priority is whole again.
    a.reload(vec![weighed]).unwrap();
    assert_eq!(a.status().routers[0].priority.get(), 90);
    a.reload(vec![router(0, 150)]).unwrap();
    assert_eq!(a.status().routers[0].priority.get(), 150);
    a.wait_state(State::Master);

    // One that is not there counts as down, and as up when it comes.
    let missing = ObjectId::Interface(Arc::from("t9"));
    a.reload(vec![router(0, 150).with_tracked(missing, Weight::FAULT)])
        .unwrap();
    a.wait_state(State::Fault);
    b.wait_state(State::Master);
    lan.a.ip("link add t9 up type veth peer name t8");
    lan.a.ip("link set t8 up");
    a.wait_state(State::Master);
}

// shows vrrp_instance: dont_track_primary
#[testbed::host_test]
fn a_router_that_ignores_its_interface_stays_master_without_carrier() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![router(0, 150).with_ignores_interface(true)]);
    a.wait_state(State::Master);
    lan.bridge.ip("link set pa down");
    wait_for("no carrier", || {
        lan.a
            .ip("-o link show eth0")
            .contains("NO-CARRIER")
            .then_some(())
    });
    // A router without a delay is in Fault by the same notification.
    a.reload(vec![router(0, 150)]).unwrap();
    a.wait_state(State::Fault);
    a.reload(vec![router(0, 150).with_ignores_interface(true)])
        .unwrap();
    a.wait_state(State::Master);
}
