// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handover of everything beside state and timers: sequence numbers, states of tracked objects,
//! routes and rules.

use std::fs;
use std::time::Duration;

use lb_vrrp::spec::{Configuration, FileSource, ObjectSpec, RouterSpec, ScriptSource};
use lb_vrrp::track::Weight;
use lb_vrrp::{
    AdvertInterval, AntiReplay, Authentication, HmacConfig, HmacKey, Password, Priority,
    RouterConfig, State, Vmac, Vrid,
};

use super::handover::hand_over;
use super::netns::{Capture, Frame, Lan, Node, wait_for};
use super::routes::{ALL, all, spec as routed, wait_all};
use super::{VIP, quick, quick_spec, spec, transitions, vip};

/// The new driver continues the sequence: the peer, which remembers the last number, accepts all.
fn check_sequence_continues(router: impl Fn(u8) -> RouterSpec) {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![router(150)]);
    let b = Node::start(&lan.b, vec![router(100)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    b.wait_received(1);
    b.drain();
    let mut node = a;
    for _ in 0..3 {
        node = hand_over(&lan.a, node, vec![router(150)]);
        b.wait_received(2);
    }
    let stats = b.status().routers[0].counters.stats;
    assert_eq!((stats.rejected, stats.replays), (0, 0));
    assert!(transitions(&b).is_empty());

    // A backup hands over the sequence numbers that it received, too.
    let b = hand_over(&lan.b, b, vec![router(100)]);
    let stats = b.status().routers[0].counters.stats;
    assert!(stats.advertisements_received > 2);
    b.wait_received(1);
    let stats = b.status().routers[0].counters.stats;
    assert_eq!((stats.rejected, stats.replays), (0, 0));
    assert_eq!((node.state(), b.state()), (State::Master, State::Backup));
    assert!(transitions(&b).is_empty());
}

#[testbed::host_test]
fn handover_continues_the_sequence_of_authentication_headers() {
    check_sequence_continues(|priority| {
        let config = RouterConfig::builder(Vrid::new(51).unwrap())
            .priority(Priority::new(priority).unwrap())
            .interval(AdvertInterval::from_secs(1).unwrap())
            .authentication(Authentication::Ah(Password::new("secret").unwrap()))
            .address(VIP.parse().unwrap());
        spec(config.build().unwrap())
    });
}

#[testbed::host_test]
fn handover_continues_the_sequence_of_hmac_trailers() {
    check_sequence_continues(|priority| {
        let window = Duration::from_secs(30);
        let hmac = HmacConfig::new([HmacKey::new(1, [7; 32]).unwrap()], 1)
            .unwrap()
            .with_anti_replay(AntiReplay::Time { window })
            .unwrap();
        let config = quick(51, priority).authentication(Authentication::Hmac(hmac));
        spec(config.build().unwrap())
    });
}

#[testbed::host_test]
fn a_priority_that_tracking_lowered_stays_low() {
    let lan = Lan::new();
    let directory = tempfile::tempdir().unwrap();
    let [sick, load, runs] = ["sick", "load", "runs"].map(|name| directory.path().join(name));
    fs::write(&sick, "").unwrap();
    fs::write(&load, "-20").unwrap();
    let configuration = || {
        let line = format!(
            "echo run >>{}; sleep 0.3; test ! -e {}",
            runs.display(),
            sick.display()
        );
        let interval = Duration::from_millis(200);
        let source = ScriptSource::new(["/bin/sh", "-c", line.as_str()])
            .with_interval(interval, interval * 50);
        let script = ObjectSpec::new("health", source);
        let file = ObjectSpec::new("load", FileSource::new(&load));
        let router = quick_spec(150)
            .with_virtual_addresses([vip(VIP)])
            .with_tracked(script.id(), Weight::new(-60).unwrap())
            .with_tracked(file.id(), Weight::ONE);
        Configuration::new(vec![router]).with_objects([script, file])
    };
    let a = Node::start(&lan.a, configuration());
    let b = Node::start(&lan.b, vec![quick_spec(100)]);
    let priority = |node: &Node| node.status().routers[0].priority.get();
    wait_for("a low priority", || (priority(&a) == 70).then_some(()));
    b.wait_state(State::Master);
    a.wait_state(State::Backup);
    a.drain();
    b.drain();

    let a = hand_over(&lan.a, a, configuration());
    // Before its script has run once.
    assert_eq!(priority(&a), 70);
    let count = || fs::read_to_string(&runs).unwrap().lines().count();
    let before = count();
    // The old driver may have begun the first run, and the third begins when the second has ended.
    wait_for("three more runs", || (count() >= before + 3).then_some(()));
    assert_eq!(priority(&a), 70);
    assert!(transitions(&a).is_empty() && transitions(&b).is_empty());

    // And what it sees itself counts.
    fs::remove_file(&sick).unwrap();
    a.wait_state(State::Master);
    assert_eq!(priority(&a), 130);
    // Without the file the priority is whole, though the old one did not know.
    let a = hand_over(&lan.a, a, vec![quick_spec(150)]);
    assert_eq!(priority(&a), 150);
    assert_eq!(a.state(), State::Master);
}

#[testbed::host_test]
fn routes_and_rules_stay_and_are_known() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![routed(150)]);
    wait_all(&lan.a, &ALL);
    let monitor = lan.a.monitor("route rule address");
    let a = hand_over(&lan.a, a, vec![routed(150)]);
    a.wait_sent(2);
    let changes = monitor.stop().unwrap();
    assert!(!changes.contains("Deleted"), "{changes}");
    assert!(!changes.contains("proto keepalived"), "{changes}");
    assert!(!changes.contains("proto 112"), "{changes}");
    wait_all(&lan.a, &ALL);
    // One route and one rule less.
    let mut less = routed(150);
    less.virtual_routes.pop();
    less.virtual_rules.pop();
    let a = hand_over(&lan.a, a, vec![less]);
    wait_all(&lan.a, &[ALL[0], ALL[1], ALL[3]]);
    a.shutdown();
    assert_eq!(all(&lan.a), Vec::<String>::new());
}

#[testbed::host_test]
fn a_virtual_mac_address_stays() {
    let lan = Lan::new();
    let router = |priority| quick_spec(priority).with_vmac(Vmac::new());
    let start = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![router(150)]);
    a.wait_state(State::Master);
    wait_for("the address on a", || lan.a.holds(VIP).then_some(()));
    let b = Node::start(&lan.b, vec![router(100)]);
    b.wait_state(State::Backup);
    // The repeated ones among them.
    start.wait_for_announcements(10);
    b.drain();
    let capture = Capture::start(&lan.c);
    let monitor = lan.a.monitor("link address");
    let beneath = || lan.a.setting("ipv4/conf/eth0/arp_ignore");
    let set = beneath();

    let a = hand_over(&lan.a, a, vec![router(150)]);
    let b = hand_over(&lan.b, b, vec![router(100)]);
    let mac = [0, 0, 0x5e, 0, 1, 51];
    let ours = |frame: &Frame| frame.vrrp_from(mac).is_some();
    capture.wait_for_more(6, ours);
    let changes = monitor.stop().unwrap();
    assert!(
        !changes.contains("Deleted") && !changes.contains(VIP),
        "{changes}"
    );
    assert!(!changes.contains("DOWN"), "{changes}");
    assert_eq!(capture.count(|frame| frame.announcement().is_some()), 0);
    let resigned = |frame: &Frame| frame.vrrp().is_some_and(|packet| packet[22] == 0);
    assert_eq!(capture.count(resigned), 0);
    assert!(capture.count(ours) > 5);
    assert!(transitions(&a).is_empty() && transitions(&b).is_empty());
    assert_eq!(beneath(), set);

    // Without it is another router: the old one resigns and takes its macvlan along.
    let a = hand_over(&lan.a, a, vec![quick_spec(150)]);
    wait_for("the macvlan to go", || {
        (!lan.a.ip("-o link show").contains("vrrp")).then_some(())
    });
    assert_eq!(capture.count(resigned), 1);
    a.wait_state(State::Master);
    assert_ne!(beneath(), set, "the settings beneath are as before");
    // The last one knows how to clean up.
    b.shutdown();
    assert!(!lan.b.ip("-o link show").contains("vrrp"));
}
