// SPDX-License-Identifier: MIT OR Apache-2.0
//! The driver on a real kernel: elections, crashes, bad packets and reloads, in network namespaces.
//!
//! Active with `LB_HOST_NS=1`, as root or inside `unshare -Urnm`.

#![cfg(feature = "driver")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod accept;
mod announcing;
mod carrier;
mod claims;
mod groups;
mod handed_over;
mod handover;
mod ipv6;
mod netns;
mod resign;
mod routes;
mod secondaries;
mod signed;
mod sockets;
mod start;
mod statics;
mod tracking;
mod vmac;
mod vmac_addresses;

use std::net::IpAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use lb_vrrp::driver::{Capability, Driver, DriverOptions, Error, Event, LinkProblem};
use lb_vrrp::spec::RouterSpec;
use lb_vrrp::wire::Advertisement;
use lb_vrrp::{
    AdvertInterval, AdvertisedPriority, Announcements, Authentication, Password, Priority,
    RouterConfig, RouterConfigBuilder, State, UnicastPeer, Version, VirtualAddress, Vrid,
};
use netns::{Capture, Injector, Lan, MASTER_DOWN_ADVERTS, Node, pause, wait_for};

const VIP: &str = "192.0.2.100";
const GROUP: [u8; 4] = [224, 0, 0, 18];

/// VRRPv3, 100 ms: master down interval 0.34–0.36 s.
fn quick(vrid: u8, priority: u8) -> RouterConfigBuilder {
    RouterConfig::builder(Vrid::new(vrid).unwrap())
        .version(Version::V3)
        .priority(Priority::new(priority).unwrap())
        .interval(AdvertInterval::from_centis(10).unwrap())
        .address(VIP.parse().unwrap())
}

/// VRRPv2 with a password, 1 s.
fn classic(priority: u8) -> RouterConfig {
    RouterConfig::builder(Vrid::new(100).unwrap())
        .priority(Priority::new(priority).unwrap())
        .authentication(Authentication::Password(Password::new("secret").unwrap()))
        .address(VIP.parse().unwrap())
        .build()
        .unwrap()
}

fn vip(address: &str) -> VirtualAddress {
    VirtualAddress::new(address.parse().unwrap()).with_prefix_len(24)
}

fn spec(config: RouterConfig) -> RouterSpec {
    RouterSpec::new("VI_1", "eth0", config)
        .with_virtual_addresses([vip(VIP)])
        .with_announcements(
            Announcements::default()
                .with_repeat(5)
                .with_delay(Duration::from_millis(300)),
        )
}

fn quick_spec(priority: u8) -> RouterSpec {
    spec(quick(51, priority).build().unwrap())
}

/// VRRPv3, 500 ms: a busy machine does not make a backup take over, nor a master find that it was
/// stalled.
fn calm_spec(vrid: u8, priority: u8) -> RouterSpec {
    let interval = AdvertInterval::from_centis(50).unwrap();
    spec(quick(vrid, priority).interval(interval).build().unwrap())
}

/// RFC 1071 over whole bytes; 0 if the checksum within is right.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

fn transitions(node: &Node) -> Vec<(State, State)> {
    let pair = |event| match event {
        Event::Transitioned { transition, .. } => Some((transition.from, transition.to)),
        _ => None,
    };
    node.drain().into_iter().filter_map(pair).collect()
}

/// Asserts the transitions of a master whose macvlan was deleted, once it holds its addresses again:
/// through Fault, or none if the macvlan was restored before its loss was noticed.
fn assert_put_back(node: &Node) {
    let seen = transitions(node);
    let expected = [
        (State::Master, State::Fault),
        (State::Fault, State::Backup),
        (State::Backup, State::Master),
    ];
    assert!(seen.is_empty() || seen == expected, "{seen:?}");
}

#[testbed::host_test]
fn version_2_with_password_elects_advertises_announces_and_resigns() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let address = VirtualAddress::new(VIP.parse().unwrap())
        .with_broadcast("192.0.2.255".parse().unwrap())
        .with_label("eth0:vip");
    let router = |priority| {
        RouterSpec::new("VI_1", "eth0", classic(priority)).with_virtual_addresses([address.clone()])
    };
    let a = Node::start(&lan.a, vec![router(150)]);
    let b = Node::start(&lan.b, vec![router(100)]);
    a.wait_state(State::Master);
    let mac = lan.a.mac();
    let adverts = || {
        let mut frames = capture.frames();
        frames.retain(|frame| frame.vrrp_from(mac).is_some());
        frames
    };
    let seen = wait_for("four adverts", || {
        Some(adverts()).filter(|seen| seen.len() >= 4)
    });

    for frame in &seen {
        assert_eq!(
            frame.bytes[..6],
            [1, 0, 0x5e, 0, 0, 18],
            "destination MAC address"
        );
        let packet = frame.vrrp().unwrap();
        assert_eq!(checksum(&packet[..20]), 0, "IPv4 header");
        assert_eq!((packet[1], packet[8]), (0xc0, 255), "type of service, TTL");
        assert_eq!(packet[12..16], [192, 0, 2, 1], "source");
        assert_eq!(packet[16..20], GROUP, "destination");
        let message = &packet[20..40];
        assert_eq!(message[..6], [0x21, 100, 150, 1, 1, 1]);
        assert_eq!(message[8..12], [192, 0, 2, 100]);
        assert_eq!(message[12..20], *b"secret\0\0");
        assert_eq!(checksum(message), 0, "VRRP message");
    }
    let period = seen[3].at - seen[0].at;
    assert!(
        period > Duration::from_millis(2900),
        "three intervals in {period:?}"
    );
    assert!(
        period < Duration::from_secs(30),
        "three intervals in {period:?}"
    );

    // Advert, then address, then announcement: five at once.
    let frames = wait_for("announcements", || {
        let frames = capture.frames();
        (frames
            .iter()
            .filter(|frame| frame.announcement().is_some())
            .count()
            >= 5)
            .then_some(frames)
    });
    let advert = frames
        .iter()
        .position(|frame| frame.vrrp().is_some())
        .unwrap();
    let announced: Vec<usize> = (0..frames.len())
        .filter(|&at| frames[at].announcement().is_some())
        .collect();
    assert!(advert < announced[0]);
    let announcement = frames[announced[0]].announcement().unwrap();
    assert_eq!(announcement.mac.octets(), mac);
    assert_eq!(
        IpAddr::V4(announcement.address),
        VIP.parse::<IpAddr>().unwrap()
    );

    let entry = lan.a.address(VIP).unwrap();
    for part in [
        "\"prefixlen\":32",
        "\"broadcast\":\"192.0.2.255\"",
        "\"scope\":\"global\"",
        "\"label\":\"eth0:vip\"",
    ] {
        assert!(entry.contains(part), "{part} is not in {entry}");
    }
    assert!(!lan.b.holds(VIP));
    assert_eq!(b.state(), State::Backup);

    let stopped = Instant::now();
    a.shutdown();
    assert!(!lan.a.holds(VIP));
    b.wait_state(State::Master);
    // Skew at priority 100: 0.61 s.
    assert!(
        stopped.elapsed() < Duration::from_millis(6100),
        "{:?}",
        stopped.elapsed()
    );
    wait_for("the address on b", || lan.b.holds(VIP).then_some(()));
    let resigned = adverts()
        .iter()
        .filter(|frame| frame.vrrp().unwrap()[22] == 0)
        .count();
    assert_eq!(resigned, 1, "adverts with priority 0");
    b.shutdown();
    assert!(!lan.b.holds(VIP));
}

/// The router of `a_killed_master_is_replaced…`, in a process that can be killed.
#[test]
fn child_router() {
    let Some(priority) = std::env::var_os("LB_VRRP_CHILD") else {
        return;
    };
    let priority = priority.to_str().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (_handle, mut events) =
            Driver::start(vec![calm_spec(51, priority)], DriverOptions::default())
                .await
                .unwrap();
        while events.recv().await.is_some() {}
    });
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[testbed::host_test]
fn a_killed_master_is_replaced_and_its_left_over_address_removed_when_it_returns() {
    let lan = Lan::new();
    let mut child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_router", "--nocapture"])
            .env("LB_VRRP_CHILD", "150")
            .spawn()
            .unwrap()
    }));
    wait_for("the address on a", || lan.a.holds(VIP).then_some(()));
    let b = Node::start(&lan.b, vec![calm_spec(51, 100)]);
    b.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!(transitions(&b), [(State::Initialize, State::Backup)]);
    assert!(!lan.b.holds(VIP));

    let capture = Capture::start(&lan.c);
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let crashed = Instant::now();
    b.wait_state(State::Master);
    // Master down interval at priority 100: 1.805 s.
    assert!(
        crashed.elapsed() < Duration::from_millis(18_050),
        "{:?}",
        crashed.elapsed()
    );
    wait_for("the address on b", || lan.b.holds(VIP).then_some(()));
    let mac = lan.b.mac();
    wait_for("ten announcements of b", || {
        let ours = |frame: &netns::Frame| {
            frame
                .announcement()
                .is_some_and(|announcement| announcement.mac.octets() == mac)
        };
        (capture.count(ours) >= 10).then_some(())
    });
    assert!(lan.a.holds(VIP), "the crash left the address");

    // The same host with a lower priority: what it left is gone before it listens.
    let a = Node::start(&lan.a, vec![calm_spec(51, 50)]);
    assert!(!lan.a.holds(VIP));
    a.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!((a.state(), b.state()), (State::Backup, State::Master));
    a.shutdown();

    // With the higher priority it preempts.
    let a = Node::start(&lan.a, vec![calm_spec(51, 150)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    wait_for("the address on a only", || {
        (lan.a.holds(VIP) && !lan.b.holds(VIP)).then_some(())
    });
}

// shows vrrp_instance: nopreempt
#[testbed::host_test]
fn without_preemption_a_returning_router_stays_backup() {
    let lan = Lan::new();
    let b = Node::start(&lan.b, vec![calm_spec(51, 100)]);
    b.wait_state(State::Master);
    let a = Node::start(
        &lan.a,
        vec![spec(
            quick(51, 150)
                .interval(AdvertInterval::from_centis(50).unwrap())
                .preempt(false)
                .build()
                .unwrap(),
        )],
    );
    a.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!((a.state(), b.state()), (State::Backup, State::Master));
    drop(b);
    a.wait_state(State::Master);
}

#[testbed::host_test]
fn a_link_that_goes_down_is_a_fault_and_coming_back_is_not_mastery() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![quick_spec(150)]);
    let b = Node::start(&lan.b, vec![quick_spec(100)]);
    a.wait_state(State::Master);
    // No carrier, as when a cable is pulled.
    lan.bridge.ip("link set pa down");
    a.wait_state(State::Fault);
    b.wait_state(State::Master);
    wait_for("the address on b only", || {
        (lan.b.holds(VIP) && !lan.a.holds(VIP)).then_some(())
    });
    a.drain();
    lan.bridge.ip("link set pa up");
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    assert_eq!(
        transitions(&a),
        [
            (State::Fault, State::Backup),
            (State::Backup, State::Master)
        ]
    );
    // Administratively down.
    lan.a.ip("link set eth0 down");
    a.wait_state(State::Fault);
    b.wait_state(State::Master);
}

/// To a peer whose address has to be resolved again the kernel sends what it was given without
/// carrier when the carrier is back: a resignation would then be an old one, and not true.
#[testbed::host_test]
fn what_a_pulled_cable_kept_back_is_not_said_when_it_is_in_again() {
    let lan = Lan::new();
    let peer = UnicastPeer::new([192, 0, 2, 2].into());
    let config = quick(51, 150).peer(peer).build().unwrap();
    let capture = Capture::start(&lan.b);
    let a = Node::start(&lan.a, vec![spec(config)]);
    a.wait_state(State::Master);
    let adverts = |resigns: bool| {
        capture.count(|frame| {
            let packet = frame.vrrp_from(lan.a.mac());
            packet.is_some_and(|packet| (packet[20 + 2] == 0) == resigns)
        })
    };
    wait_for("an advert", || (adverts(false) > 0).then_some(()));
    lan.bridge.ip("link set pa down");
    a.wait_state(State::Fault);
    let before = adverts(false);
    lan.bridge.ip("link set pa up");
    a.wait_state(State::Master);
    wait_for("what the kernel kept", || {
        (adverts(false) > before + 3).then_some(())
    });
    assert_eq!(adverts(true), 0);
    // A shutdown with the cable plugged in is advertised.
    a.shutdown();
    wait_for("the resignation", || (adverts(true) == 1).then_some(()));
}

#[testbed::host_test]
fn an_interface_that_disappears_and_appears_is_used_again() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![quick_spec(150)]);
    a.wait_state(State::Master);
    lan.bridge.ip("link del pa");
    a.wait_state(State::Fault);
    lan.connect("pa", &lan.a);
    wait_for("the interface without an address of its own", || {
        (a.status().routers[0].problem == Some(LinkProblem::NoSource)).then_some(())
    });
    assert_eq!(a.state(), State::Fault);
    let problems: Vec<Option<LinkProblem>> = a
        .drain()
        .into_iter()
        .filter_map(|event| match event {
            Event::LinkChanged { problem, .. } => Some(problem),
            _ => None,
        })
        .collect();
    assert!(
        problems.contains(&Some(LinkProblem::Missing)),
        "{problems:?}"
    );
    lan.a.ip("addr add 192.0.2.1/24 dev eth0");
    a.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    // The new interface receives adverts: a better router wins.
    let b = Node::start(&lan.b, vec![quick_spec(200)]);
    b.wait_state(State::Master);
    a.wait_state(State::Backup);
}

#[testbed::host_test]
fn without_a_source_address_a_router_waits_in_fault() {
    let lan = Lan::new();
    lan.a.ip("addr flush dev eth0");
    let a = Node::start(&lan.a, vec![quick_spec(150)]);
    wait_for("the problem", || {
        (a.status().routers[0].problem == Some(LinkProblem::NoSource)).then_some(())
    });
    // Nothing passes that could be counted; a backup would be master after 0.36 s.
    pause(Duration::from_millis(400));
    assert_eq!(a.state(), State::Fault);
    // Neither a virtual address nor, later, its own serves as one.
    lan.a.ip("addr add 192.0.2.7/24 dev eth0");
    a.wait_state(State::Master);
    let source = a.status().routers[0].source;
    assert_eq!(source, Some("192.0.2.7".parse().unwrap()));
    lan.a.ip("addr del 192.0.2.7/24 dev eth0");
    a.wait_state(State::Fault);
}

#[testbed::host_test]
fn bad_packets_are_counted_and_change_nothing() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![RouterSpec::new("VI_1", "eth0", classic(100))]);
    a.wait_state(State::Master);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    a.drain();
    let from_c = Injector::new(&lan.c);
    let source = [192, 0, 2, 3];
    // A message that would win, and variants of it that must not.
    let winning = {
        let mut message = vec![0x21, 100, 200, 1, 1, 1, 0, 0, 192, 0, 2, 100];
        message.extend(*b"secret\0\0");
        message
    };
    let finish = |mut message: Vec<u8>| {
        if message.len() >= 8 {
            message[6..8].fill(0);
            let sum = checksum(&message).to_be_bytes();
            message[6..8].copy_from_slice(&sum);
        }
        message
    };
    let changed = |at: usize, to: u8| {
        let mut message = winning.clone();
        message[at] = to;
        finish(message)
    };
    let longer = || {
        let mut message = winning.clone();
        message.extend([0; 4]);
        finish(message)
    };

    from_c.send(source, 254, &finish(winning.clone()));
    from_c.send(source, 255, &changed(12, b'S'));
    from_c.send(source, 255, &changed(4, 0));
    from_c.send(source, 255, &changed(5, 2));
    from_c.send(source, 255, &changed(0, 0x41));
    from_c.send(source, 255, &changed(0, 0x22));
    from_c.send(source, 255, &finish(winning[..16].to_vec()));
    from_c.send(source, 255, &longer());
    from_c.send(source, 255, &[0x21, 100, 200]);
    from_c.send(source, 255, &{
        let mut message = finish(winning.clone());
        message[6] ^= 1;
        message
    });
    from_c.send(source, 255, &changed(1, 101));
    from_c.send(source, 255, &[0x21]);

    let stats = wait_for("ten rejected packets", || {
        let stats = a.status().routers[0].counters.stats;
        (stats.rejected >= 10).then_some(stats)
    });
    assert_eq!(stats.rejected, 10);
    assert_eq!(stats.ip_ttl_errors, 1);
    assert_eq!(stats.authentication_failures, 1);
    assert_eq!(stats.authentication_type_mismatch, 1);
    assert_eq!(stats.interval_errors, 1);
    assert_eq!(stats.version_errors, 1);
    assert_eq!(stats.invalid_type_packets_received, 1);
    assert_eq!(stats.packet_length_errors, 3);
    assert_eq!(stats.checksum_errors, 1);
    assert_eq!(stats.advertisements_received, 0);
    let interface = &a.status().interfaces[0];
    assert_eq!((interface.unknown_vrid, interface.malformed), (1, 1));
    assert_eq!(a.state(), State::Master);
    assert!(lan.a.holds(VIP));

    // Each kind is reported once, and further ones are counted.
    from_c.send(source, 254, &finish(winning.clone()));
    wait_for("the eleventh", || {
        (a.status().routers[0].counters.stats.rejected == 11).then_some(())
    });
    let reported = a
        .drain()
        .into_iter()
        .filter(|event| matches!(event, Event::Rejected { .. }))
        .count();
    assert!(
        (5..=10).contains(&reported),
        "{reported} events for eleven packets of several kinds"
    );

    // The same bytes without a fault do win: it was the faults that kept them from it.
    from_c.send(source, 255, &finish(winning));
    a.wait_state(State::Backup);
}

#[testbed::host_test]
fn deleted_address_is_restored_and_announced() {
    let lan = Lan::new();
    let first = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![quick_spec(150)]);
    wait_for("the address", || lan.a.holds(VIP).then_some(()));
    // The repeated ones among them.
    first.wait_for_announcements(10);
    let capture = Capture::start(&lan.c);
    lan.a.ip(&format!("addr del {VIP}/24 dev eth0"));
    wait_for("the address again", || lan.a.holds(VIP).then_some(()));
    capture.wait_for_announcements(5);
    assert_eq!(a.state(), State::Master);
    let restored = |event: &Event| matches!(event, Event::AddressRestored { .. });
    wait_for("the event", || a.drain().iter().any(restored).then_some(()));
}

#[testbed::host_test]
fn a_reload_changes_what_differs_and_nothing_else() {
    let lan = Lan::new();
    let second = calm_spec(52, 150).with_virtual_addresses([vip("192.0.2.52")]);
    let first = calm_spec(51, 150).with_virtual_addresses([vip(VIP), vip("192.0.2.101")]);
    let start = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![first.clone()]);
    wait_for("both addresses", || {
        (lan.a.holds(VIP) && lan.a.holds("192.0.2.101")).then_some(())
    });
    let b = Node::start(&lan.b, vec![calm_spec(51, 100)]);
    b.wait_received(1);
    // The repeated ones of both addresses among them.
    start.wait_for_announcements(20);
    a.drain();
    b.drain();
    let capture = Capture::start(&lan.c);

    // The same again: no address changes, nothing is announced.
    a.reload(vec![first]).unwrap();
    // Half a second at least: what is announced is announced again after 0.3 s.
    a.wait_sent(2);
    assert_eq!(capture.count(|frame| frame.announcement().is_some()), 0);
    assert_eq!(transitions(&a), []);

    // One address for another, and another router.
    let changed = calm_spec(51, 150).with_virtual_addresses([vip(VIP), vip("192.0.2.102")]);
    a.reload(vec![changed, second.clone()]).unwrap();
    wait_for("the new addresses", || {
        (lan.a.holds("192.0.2.102") && lan.a.holds("192.0.2.52")).then_some(())
    });
    assert!(lan.a.holds(VIP) && !lan.a.holds("192.0.2.101"));
    let announced = |address: &'static str| {
        move |frame: &netns::Frame| {
            frame
                .announcement()
                .is_some_and(|announcement| announcement.address.to_string() == address)
        }
    };
    wait_for("ten announcements of the new address", || {
        (capture.count(announced("192.0.2.102")) >= 10).then_some(())
    });
    assert_eq!(transitions(&b), []);
    let again: Vec<netns::Frame> = capture
        .frames()
        .into_iter()
        .filter(announced(VIP))
        .collect();
    assert!(
        again.is_empty(),
        "the address that stays was announced: {again:02x?}"
    );
    assert_eq!(
        transitions(&a),
        [
            (State::Initialize, State::Backup),
            (State::Backup, State::Master)
        ],
        "of VI_2 alone"
    );

    // The first router is gone: it resigns, and b takes over.
    a.reload(vec![second]).unwrap();
    b.wait_state(State::Master);
    wait_for("the address on b only", || {
        (lan.b.holds(VIP) && !lan.a.holds(VIP)).then_some(())
    });
    assert!(lan.a.holds("192.0.2.52"));
    let resigned = |frame: &netns::Frame| {
        frame
            .vrrp()
            .is_some_and(|packet| packet[21] == 51 && packet[22] == 0)
    };
    assert_eq!(capture.count(resigned), 1);

    let nowhere = RouterSpec::new("VI_3", "eth9", quick(53, 1).build().unwrap());
    let error = a.reload(vec![nowhere]).unwrap_err();
    assert!(matches!(error, Error::InterfaceNotFound { .. }), "{error}");
    assert!(
        lan.a.holds("192.0.2.52"),
        "a reload that fails changes nothing"
    );
}

#[testbed::host_test]
fn a_router_that_a_reload_adds_begins_without_left_over_addresses() {
    let lan = Lan::new();
    let added = calm_spec(53, 100).with_virtual_addresses([vip("192.0.2.53")]);
    let master = Node::start(&lan.b, vec![added.clone()]);
    master.wait_state(State::Master);
    let first = calm_spec(51, 150);
    let a = Node::start(&lan.a, vec![first.clone()]);
    wait_for("the address on a", || lan.a.holds(VIP).then_some(()));
    lan.a.add_marked("192.0.2.53/24");
    // The driver knows the address after the kernel's notification.
    wait_for("the left-over address to go", || {
        a.reload(vec![first.clone()]).unwrap();
        a.reload(vec![first.clone(), added.clone()]).unwrap();
        let gone = || (!lan.a.holds("192.0.2.53")).then_some(());
        testbed::poll_until(Duration::from_millis(100), Duration::from_millis(5), gone)
    });
    assert!(lan.a.holds(VIP) && lan.b.holds("192.0.2.53"));
    assert_eq!(master.state(), State::Master);
}

#[testbed::host_test]
fn what_is_missing_is_named() {
    let lan = Lan::new();
    let nowhere = RouterSpec::new("VI_1", "eth9", quick(51, 100).build().unwrap());
    let error = Node::try_start(&lan.a, vec![nowhere], || {}).err().unwrap();
    assert_eq!(
        error.to_string(),
        "router VI_1: no interface eth9; there are lo, eth0"
    );
    for (lost, capability, name) in [
        (
            caps::Capability::CAP_NET_RAW,
            Capability::NetRaw,
            "CAP_NET_RAW",
        ),
        (
            caps::Capability::CAP_NET_ADMIN,
            Capability::NetAdmin,
            "CAP_NET_ADMIN",
        ),
    ] {
        let without = move || caps::drop(None, caps::CapSet::Effective, lost).unwrap();
        let error = Node::try_start(&lan.a, vec![quick_spec(100)], without)
            .err()
            .unwrap();
        assert!(
            error.to_string().ends_with(&format!("needs {name}")),
            "{error}"
        );
        assert!(
            matches!(&error, Error::MissingCapability { capability: missing, .. } if *missing == capability),
            "{error:?}"
        );
    }
}

#[testbed::host_test]
fn a_dropped_handle_resigns() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    lan.a.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (handle, mut events) =
                Driver::start(vec![quick_spec(150)], DriverOptions::default())
                    .await
                    .unwrap();
            loop {
                match events.recv().await.unwrap() {
                    Event::Transitioned { transition, .. } if transition.to == State::Master => {
                        break;
                    }
                    _ => {}
                }
            }
            drop(handle);
            // All senders of events are gone when both the thread and the actuator are.
            while events.recv().await.is_some() {}
        });
    });
    assert!(!lan.a.holds(VIP));
    let frames = capture.frames();
    let last = frames.iter().rev().find_map(netns::Frame::vrrp).unwrap();
    let advert = Advertisement::parse(
        &last[20..],
        IpAddr::from([192, 0, 2, 1]),
        IpAddr::from(GROUP),
    )
    .unwrap();
    assert_eq!(advert.priority, AdvertisedPriority::Resign);
}

#[testbed::host_test]
fn routers_join_the_groups_they_use_and_no_others() {
    let lan = Lan::new();
    let groups = || -> Vec<String> {
        let joined = lan.a.ip("-4 maddr show dev eth0");
        let words = joined
            .split_whitespace()
            .filter(|word| word.starts_with("224."));
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        words.retain(|word| word != "224.0.0.1");
        words.sort();
        words
    };
    let other = "224.0.0.99";
    let elsewhere = |priority| {
        spec(
            quick(51, priority)
                .group(other.parse().unwrap())
                .build()
                .unwrap(),
        )
    };
    let a = Node::start(&lan.a, vec![elsewhere(150)]);
    a.wait_state(State::Master);
    assert_eq!(groups(), [other]);
    // They receive each other's adverts there.
    let b = Node::start(&lan.b, vec![elsewhere(100)]);
    b.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!((a.state(), b.state()), (State::Master, State::Backup));
    // One of each kind, then none but unicast.
    a.reload(vec![elsewhere(150), calm_spec(52, 150)]).unwrap();
    assert_eq!(groups(), ["224.0.0.18", other]);
    let peer = UnicastPeer::new("192.0.2.2".parse().unwrap());
    let unicast = spec(quick(51, 150).peer(peer).build().unwrap());
    a.reload(vec![unicast]).unwrap();
    assert_eq!(groups(), Vec::<String>::new());
    a.wait_state(State::Master);
}
