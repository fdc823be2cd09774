// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers on a virtual MAC address: what is on the wire, what is on the host, and what is left.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lb_vrrp::driver::handover::{Payload, Receiver, Sender};
use lb_vrrp::driver::{Driver, DriverOptions, Error, Ports};
use lb_vrrp::spec::RouterSpec;
use lb_vrrp::wire::UnsolicitedNeighbourAdvertisement;
use lb_vrrp::{State, Vmac};

use super::handover::hand_over;
use super::netns::{Capture, Frame, Lan, MASTER_DOWN_ADVERTS, Namespace, Node, wait_for};
use super::{Killed, VIP, assert_put_back, calm_spec, ipv6, quick_spec, transitions, vip};

const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const MAC_TEXT: &str = "00:00:5e:00:01:33";
const SETTINGS: [&str; 3] = ["arp_ignore", "arp_announce", "arp_filter"];

fn quick(priority: u8) -> RouterSpec {
    quick_spec(priority).with_vmac(Vmac::new())
}

fn calm(vrid: u8, priority: u8) -> RouterSpec {
    calm_spec(vrid, priority).with_vmac(Vmac::new())
}

/// Whether the interface is there; if so, whether it is up.
pub(crate) fn link(host: &Namespace, name: &str) -> Option<bool> {
    let listing = host.ip("-o link show");
    let line = listing
        .lines()
        .find(|line| line.contains(&format!(" {name}@")))?;
    let flags = line.split(['<', '>']).nth(1).unwrap();
    Some(flags.split(',').any(|flag| flag == "UP"))
}

pub(crate) fn address_on(host: &Namespace, name: &str, address: &str) -> bool {
    let listing = host.ip(&format!("-o addr show dev {name}"));
    listing.contains(&format!(" {address}/"))
}

fn beneath(host: &Namespace) -> [String; 3] {
    SETTINGS.map(|setting| host.setting(&format!("ipv4/conf/eth0/{setting}")))
}

/// The port at which the switch knows the virtual MAC address.
fn learnt(lan: &Lan) -> Option<String> {
    let table = lan.bridge.bridge("fdb show br br0");
    let line = table.lines().find(|line| line.starts_with(MAC_TEXT))?;
    line.split_whitespace().nth(2).map(str::to_owned)
}

fn wait_learnt(lan: &Lan, port: &str) {
    wait_for(&format!("virtual MAC address at {port}"), || {
        (learnt(lan).as_deref() == Some(port)).then_some(())
    });
}

/// Sender's MAC and IPv4 address of any ARP packet.
fn arp(frame: &Frame) -> Option<([u8; 6], [u8; 4])> {
    let bytes = &frame.bytes;
    (bytes.len() >= 42 && bytes[12..14] == [8, 6]).then(|| {
        let mac = bytes[22..28].try_into().unwrap();
        (mac, bytes[28..32].try_into().unwrap())
    })
}

/// Whether `c` gets an answer from `address` on `host`, and the MAC address it asked then.
fn answers(lan: &Lan, host: &Namespace, address: &str) -> Option<String> {
    let at = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 7);
    let any = |at: SocketAddr| if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let short = Some(Duration::from_millis(500));
    let server = host.run(|| UdpSocket::bind(at)).ok()?;
    server.set_read_timeout(short).unwrap();
    let client = lan.c.run(|| UdpSocket::bind(any(at)).unwrap());
    client.set_read_timeout(short).unwrap();
    client.send_to(b"?", at).ok()?;
    let mut buffer = [0; 8];
    let (_, from) = server.recv_from(&mut buffer).ok()?;
    server.send_to(b"!", from).ok()?;
    client.recv_from(&mut buffer).ok()?;
    let entry = lan.c.ip(&format!("neigh show {address}"));
    let mac = entry
        .split_whitespace()
        .skip_while(|word| *word != "lladdr")
        .nth(1);
    mac.map(str::to_owned)
}

pub(crate) fn wait_answers(lan: &Lan, host: &Namespace, address: &str) -> String {
    wait_for(&format!("an answer from {address}"), || {
        answers(lan, host, address)
    })
}

#[testbed::host_test]
fn a_virtual_mac_address_goes_with_the_master() {
    let lan = Lan::new();
    let before = beneath(&lan.a);
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![quick(150)]);
    let b = Node::start(&lan.b, vec![quick(100)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    wait_for("the address on the macvlan of a", || {
        address_on(&lan.a, "vrrp.51", VIP).then_some(())
    });
    assert_eq!(a.status().routers[0].vmac.as_deref(), Some("vrrp.51"));
    assert_eq!(link(&lan.a, "vrrp.51"), Some(true));
    assert_eq!(link(&lan.b, "vrrp.51"), Some(false), "down while Backup");
    assert!(!lan.b.holds(VIP) && !address_on(&lan.a, "eth0", VIP));
    let described = lan.a.ip("-d link show vrrp.51");
    assert!(described.contains("macvlan mode private"), "{described}");
    assert_eq!(lan.a.setting("ipv4/conf/vrrp.51/arp_ignore"), "1");
    assert_eq!(lan.a.setting("ipv4/conf/vrrp.51/rp_filter"), "0");
    assert_eq!(lan.a.setting("ipv4/conf/vrrp.51/promote_secondaries"), "1");
    assert_eq!(lan.a.setting("ipv6/conf/vrrp.51/disable_ipv6"), "1");
    assert_eq!(beneath(&lan.a), ["1", "2", "0"]);

    // Everything that is said of the address is said with the virtual MAC address.
    wait_for("five announcements", || {
        (capture.count(|frame| frame.announcement().is_some()) >= 5).then_some(())
    });
    for frame in capture.frames() {
        if let Some(packet) = frame.vrrp() {
            assert_eq!(frame.bytes[..6], [0x01, 0, 0x5e, 0, 0, 0x12]);
            assert_eq!(
                (&frame.bytes[6..12], &packet[12..16]),
                (&MAC[..], &[192, 0, 2, 1][..])
            );
            assert_eq!(super::checksum(&packet[..20]), 0, "IPv4 header");
        }
        if let Some(announcement) = frame.announcement() {
            assert_eq!(
                (announcement.mac.octets(), &frame.bytes[6..12]),
                (MAC, &MAC[..])
            );
        }
    }
    wait_learnt(&lan, "pa");
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    // The switch never sees it elsewhere.
    let sent = || capture.count(|frame| frame.vrrp().is_some());
    let earlier = sent();
    wait_for("five more adverts", || {
        assert_eq!(learnt(&lan).as_deref(), Some("pa"));
        (sent() >= earlier + 5).then_some(())
    });

    // Connections of the master's own, from the virtual address, do not tell another story.
    let client = lan.c.run(|| UdpSocket::bind("192.0.2.3:9").unwrap());
    client
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    lan.a.ip("neigh flush all");
    let own = lan.a.run(|| UdpSocket::bind((VIP, 0)).unwrap());
    own.send_to(b"!", "192.0.2.3:9").unwrap();
    client.recv_from(&mut [0; 8]).unwrap();
    let virtual_address = VIP.parse::<std::net::Ipv4Addr>().unwrap().octets();
    for (mac, address) in capture.frames().iter().filter_map(arp) {
        assert_eq!(
            mac == MAC,
            address == virtual_address,
            "{mac:x?} {address:?}"
        );
    }

    a.shutdown();
    assert_eq!(link(&lan.a, "vrrp.51"), None);
    assert_eq!(beneath(&lan.a), before);
    b.wait_state(State::Master);
    wait_learnt(&lan, "pb");
    assert_eq!(wait_answers(&lan, &lan.b, VIP), MAC_TEXT);

    // A better router comes back: its adverts have the MAC address of b's own macvlan.
    b.drain();
    let a = Node::start(&lan.a, vec![quick(150)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    wait_for("the address on a only", || {
        (lan.a.holds(VIP) && !lan.b.holds(VIP)).then_some(())
    });
    assert_eq!(link(&lan.b, "vrrp.51"), Some(false));
    assert_eq!(transitions(&b), [(State::Master, State::Backup)]);
    wait_learnt(&lan, "pa");
    assert_eq!(b.status().routers[0].counters.send_failures, 0);
}

#[testbed::host_test]
fn a_master_yields_to_the_first_advert_with_its_own_address() {
    let lan = Lan::new();
    let b = Node::start(&lan.b, vec![calm(51, 100)]);
    b.wait_state(State::Master);
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![calm(51, 150)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    let adverts = |host: u8| -> Vec<Frame> {
        let mut frames = capture.frames();
        frames.retain(|frame| frame.vrrp().is_some_and(|packet| packet[15] == host));
        frames
    };
    // A whole interval after the second one, which b has received, too.
    wait_for("three adverts", || (adverts(1).len() >= 3).then_some(()));
    let first = adverts(1)[0].at;
    let mut last_words = adverts(2);
    last_words.retain(|frame| frame.at > first);
    // Its farewell, at once: half an interval before a second one is due.
    let late = first + Duration::from_millis(250);
    assert!(
        last_words.len() <= 2 && last_words.iter().all(|frame| frame.at < late),
        "{:?}",
        last_words
            .iter()
            .map(|frame| frame.at - first)
            .collect::<Vec<_>>()
    );
}

#[testbed::host_test]
fn a_backup_takes_no_frame_that_is_for_the_master() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![quick(150)]);
    let _b = Node::start(&lan.b, vec![quick(100)]);
    a.wait_state(State::Master);
    wait_answers(&lan, &lan.a, VIP);
    // A switch that has learnt nothing sends it everywhere.
    for port in ["pa", "pb"] {
        lan.bridge
            .ip(&format!("link set {port} type bridge_slave learning off"));
        lan.bridge
            .bridge(&format!("link set dev {port} learning off"));
    }
    let table = lan.bridge.bridge("fdb show br br0");
    for line in table.lines().filter(|line| line.starts_with(MAC_TEXT)) {
        let port = line.split_whitespace().nth(2).unwrap();
        lan.bridge
            .bridge(&format!("fdb del {MAC_TEXT} dev {port} master"));
    }
    let reaches = |host: &Namespace, address: &str| {
        lan.c.ip(&format!(
            "neigh replace {address} lladdr {MAC_TEXT} dev eth0 nud permanent"
        ));
        let server = host.run(|| UdpSocket::bind((address, 7)).unwrap());
        server
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        let client = lan.c.run(|| UdpSocket::bind("0.0.0.0:0").unwrap());
        client.send_to(b"?", (address, 7)).unwrap();
        server.recv_from(&mut [0; 8]).is_ok()
    };
    assert!(reaches(&lan.a, "192.0.2.1"), "the master takes it");
    assert!(!reaches(&lan.b, "192.0.2.2"));
    assert_eq!(learnt(&lan), None, "it went everywhere");
}

/// The routers of a test, in a process that can be killed.
#[test]
fn child_router_with_vmac() {
    if std::env::var_os("LB_VRRP_CHILD_VMAC").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let other = calm(52, 150).with_virtual_addresses([vip("192.0.2.52")]);
    runtime.block_on(async {
        let (_handle, mut events) =
            Driver::start(vec![calm(51, 150), other], DriverOptions::default())
                .await
                .unwrap();
        while events.recv().await.is_some() {}
    });
}

#[testbed::host_test]
fn macvlans_of_a_killed_router_are_repaired_by_the_next_start() {
    let lan = Lan::new();
    lan.a.set("ipv4/conf/eth0/arp_announce", "1");
    let before = beneath(&lan.a);
    let mut child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "vmac::child_router_with_vmac", "--nocapture"])
            .env("LB_VRRP_CHILD_VMAC", "1")
            .spawn()
            .unwrap()
    }));
    for address in [VIP, "192.0.2.52"] {
        wait_for("the address on a", || lan.a.holds(address).then_some(()));
    }
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert!(lan.a.holds(VIP) && link(&lan.a, "vrrp.51") == Some(true));
    assert_eq!(beneath(&lan.a), ["1", "2", "0"]);
    let index = |name: &str| lan.a.ip(&format!("-o link show {name}"));
    let index = |name| index(name).split(':').next().unwrap().to_owned();
    let left = index("vrrp.51");

    // The next process takes over the macvlan that it desires, deletes the other one, and holds no address
    // before it is Master.
    let b = Node::start(&lan.b, vec![calm(51, 200)]);
    b.wait_state(State::Master);
    let a = Node::start(&lan.a, vec![calm(51, 150)]);
    assert!(!lan.a.holds(VIP));
    assert_eq!(link(&lan.a, "vrrp.52"), None);
    a.wait_state(State::Backup);
    assert_eq!(link(&lan.a, "vrrp.51"), Some(false));
    assert_eq!(index("vrrp.51"), left);
    b.shutdown();
    a.wait_state(State::Master);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    a.shutdown();
    assert_eq!(link(&lan.a, "vrrp.51"), None);
    assert_eq!(beneath(&lan.a), before, "as the first process found it");
}

/// The router of a test, in a process that stops at the end of its input.
#[test]
fn child_router_with_vmac_that_stops() {
    if std::env::var_os("LB_VRRP_CHILD_VMAC_STOPS").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let spec = quick(150).with_promotes_secondaries(true);
    runtime.block_on(async {
        let (handle, _events) = Driver::start(vec![spec], DriverOptions::default())
            .await
            .unwrap();
        let (sender, stopped) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = sender.send(());
        });
        stopped.await.unwrap();
        handle.shutdown().await.unwrap();
    });
}

/// Routers of a test in two processes: the first hands its router over to the second.
#[test]
fn child_router_with_vmac_that_is_handed_over() {
    let Some(socket) = std::env::var_os("LB_VRRP_CHILD_VMAC_SOCKET") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let spec = quick(150);
    runtime.block_on(async {
        let options = DriverOptions::default();
        let promotes = match std::env::var("LB_VRRP_CHILD_VMAC_CONTINUES").as_deref() {
            Ok(promotes) => promotes == "promoting",
            Err(_) => {
                let spec = spec.with_promotes_secondaries(true);
                let (driver, _events) = Driver::start(vec![spec], options).await.unwrap();
                let listener = tokio::net::UnixListener::bind(socket).unwrap();
                let (stream, _) = listener.accept().await.unwrap();
                let request = Sender::accept(stream).await.unwrap();
                let routers = driver.prepare_handover().await.unwrap();
                let offered = request.offer(Some(routers), Payload::default());
                let handed_over = offered.await.unwrap();
                driver.finish_handover().await.unwrap();
                // The new process may have been killed.
                let _ = handed_over.confirm_end(String::new()).await;
                return;
            }
        };
        let stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        let mut offer = Receiver::request(stream).await.unwrap();
        let configuration = vec![spec.with_promotes_secondaries(promotes)];
        let ports = Ports::default();
        let (_driver, mut events) =
            Driver::start_from_handover(&mut offer, configuration, options, ports)
                .await
                .unwrap();
        while events.recv().await.is_some() {}
    });
}

#[testbed::host_test]
fn settings_are_restored_after_a_handover_and_a_kill() {
    let lan = Lan::new();
    lan.a.set("ipv4/conf/eth0/arp_announce", "1");
    lan.a.set("ipv4/conf/eth0/promote_secondaries", "0");
    let before = settings_below(&lan.a);
    let directory = tempfile::tempdir().unwrap();
    let records = || lan.a.ip("-d link show");
    for number in 0..10_u32 {
        let socket = directory.path().join(number.to_string());
        let start = |continues: Option<&str>| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args([
                    "--exact",
                    "vmac::child_router_with_vmac_that_is_handed_over",
                ])
                .env("LB_VRRP_CHILD_VMAC_SOCKET", &socket);
            if let Some(continues) = continues {
                command.env("LB_VRRP_CHILD_VMAC_CONTINUES", continues);
            }
            Killed(lan.a.run(|| command.spawn().unwrap()))
        };
        let mut old = start(None);
        wait_for("the address on a", || {
            let is_listening = socket.exists() && lan.a.holds(VIP);
            is_listening.then_some(())
        });
        let raised = settings_below(&lan.a);
        assert_ne!(raised, before);
        let recorded = records();
        let promotes = number % 2 == 0;
        let mut new = start(Some(if promotes { "promoting" } else { "plain" }));
        let mut wait_for_end = || {
            wait_for("the end of the old process", || {
                old.0
                    .try_wait()
                    .unwrap()
                    .map(|status| assert!(status.success()))
            });
        };
        match number {
            // The new process has written its first record, or is about to write it.
            0..4 => wait_for("another record", || (records() != recorded).then_some(())),
            4..8 => wait_for_end(),
            // The new process has all: with its records on all objects, nothing of the old one is left.
            _ => {
                wait_for_end();
                let pid = new.0.id();
                wait_for("records of the new process", || {
                    let records = records();
                    let alias = records.contains(&format!("alias lb-vrrp pid={pid} "));
                    let settings = if promotes { 3 } else { 2 };
                    let names = records.matches("altname lb-vrrp-").count();
                    let own = records.matches(&format!("-{pid}-")).count();
                    (alias && names == settings && own == settings).then_some(())
                });
                let settings = settings_below(&lan.a);
                assert_eq!(settings[..3], raised[..3]);
                assert_eq!(settings[3], if promotes { "1" } else { "0" });
                assert!(lan.a.holds(VIP));
            }
        }
        new.0.kill().unwrap();
        new.0.wait().unwrap();
        wait_for_end();
        // The next process has no macvlan.
        let next = Node::start(&lan.a, vec![calm_spec(52, 100)]);
        assert_eq!(settings_below(&lan.a), before, "{number}");
        assert_eq!(link(&lan.a, "vrrp.51"), None, "{number}");
        assert!(!records().contains("lb-vrrp"), "{number}: {}", records());
        next.shutdown();
    }
}

#[testbed::host_test]
fn settings_stay_when_another_router_needs_them_after_a_handover() {
    let lan = Lan::new();
    let before = beneath(&lan.a);
    let mut node = Node::start(&lan.a, vec![calm(51, 150)]);
    node.wait_state(State::Master);
    let raised = beneath(&lan.a);
    assert_ne!(raised, before);
    for vrid in [52, 53, 51] {
        node = hand_over(&lan.a, node, vec![calm(vrid, 150)]);
        node.wait_state(State::Master);
        let name = format!("vrrp.{vrid}");
        wait_for(&name, || link(&lan.a, &name).filter(|is_up| *is_up));
        assert_eq!(lan.a.ip("-o link show type macvlan").lines().count(), 1);
        assert_eq!(beneath(&lan.a), raised, "{name}");
    }
    node.shutdown();
    assert_eq!(beneath(&lan.a), before);
}

/// A moment at which a process is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// A setting of the interface is raised.
    Raised,
    /// The macvlan is present.
    Created,
    /// After the address was there, the process was to stop, and this is so.
    AddressGone,
    Restored,
    MacvlanGone,
    /// So long after the process was to stop.
    Stopping(Duration),
}

impl Moment {
    fn is_reached(self, host: &Namespace, before: &[String], since: Instant) -> bool {
        match self {
            Self::Raised => settings_below(host) != before,
            Self::Created => link(host, "vrrp.51").is_some(),
            Self::AddressGone => !host.holds(VIP),
            Self::Restored => settings_below(host)[..2] == before[..2],
            Self::MacvlanGone => link(host, "vrrp.51").is_none(),
            Self::Stopping(delay) => since.elapsed() >= delay,
        }
    }

    const fn is_during_start(self) -> bool {
        matches!(self, Self::Raised | Self::Created)
    }
}

/// The settings of eth0 that a router with a macvlan changes.
fn settings_below(host: &Namespace) -> Vec<String> {
    let mut settings = beneath(host).to_vec();
    settings.push(host.setting("ipv4/conf/eth0/promote_secondaries"));
    settings
}

#[testbed::host_test]
fn settings_are_restored_after_a_kill_at_any_moment() {
    let lan = Lan::new();
    lan.a.set("ipv4/conf/eth0/arp_announce", "1");
    lan.a.set("ipv4/conf/eth0/promote_secondaries", "0");
    let before = settings_below(&lan.a);
    let moments = [
        Moment::Raised,
        Moment::Created,
        Moment::AddressGone,
        Moment::Restored,
        Moment::MacvlanGone,
    ];
    let later = (0..12).map(|number| Moment::Stopping(Duration::from_millis(5) * number));
    for moment in moments.into_iter().chain(later) {
        let mut child = Killed(lan.a.run(|| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "vmac::child_router_with_vmac_that_stops"])
                .env("LB_VRRP_CHILD_VMAC_STOPS", "1")
                .stdin(Stdio::piped())
                .spawn()
                .unwrap()
        }));
        let input = child.0.stdin.take();
        if !moment.is_during_start() {
            wait_for("the address on a", || lan.a.holds(VIP).then_some(()));
            assert_ne!(settings_below(&lan.a), before);
            drop(input);
        }
        let since = Instant::now();
        wait_for(&format!("{moment:?}"), || {
            moment.is_reached(&lan.a, &before, since).then_some(())
        });
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        // The next process has no macvlan.
        let next = Node::start(&lan.a, vec![calm_spec(52, 100)]);
        assert_eq!(settings_below(&lan.a), before, "{moment:?}");
        assert_eq!(link(&lan.a, "vrrp.51"), None, "{moment:?}");
        let described = lan.a.ip("-d link show eth0");
        assert!(!described.contains("lb-vrrp"), "{moment:?}: {described}");
        next.shutdown();
    }
}

#[testbed::host_test]
fn deleted_or_downed_macvlan_is_restored() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![quick(150)]);
    wait_answers(&lan, &lan.a, VIP);
    a.drain();
    lan.a.ip("link set vrrp.51 down");
    wait_for("the macvlan up", || {
        (link(&lan.a, "vrrp.51") == Some(true)).then_some(())
    });
    wait_answers(&lan, &lan.a, VIP);
    assert_eq!(transitions(&a), []);

    lan.a.ip("link del vrrp.51");
    wait_for("the address on the macvlan", || {
        (link(&lan.a, "vrrp.51") == Some(true) && lan.a.holds(VIP)).then_some(())
    });
    a.wait_state(State::Master);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    assert_put_back(&a);
    // It receives on the new one, too.
    let b = Node::start(&lan.b, vec![quick(200)]);
    b.wait_state(State::Master);
    a.wait_state(State::Backup);
}

#[testbed::host_test]
fn a_macvlan_follows_the_interface_beneath() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![quick(150)]);
    wait_answers(&lan, &lan.a, VIP);
    for (break_it, mend_it, at) in [
        ("link set pa down", "link set pa up", &lan.bridge),
        ("link set eth0 down", "link set eth0 up", &lan.a),
    ] {
        at.ip(break_it);
        a.wait_state(State::Fault);
        wait_for("the macvlan down without the address", || {
            (link(&lan.a, "vrrp.51") == Some(false) && !lan.a.holds(VIP)).then_some(())
        });
        at.ip(mend_it);
        a.wait_state(State::Master);
        assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT, "{mend_it}");
    }
    // With the interface the macvlan goes.
    lan.bridge.ip("link del pa");
    a.wait_state(State::Fault);
    assert_eq!(link(&lan.a, "vrrp.51"), None);
    lan.connect("pa", &lan.a);
    lan.a.ip("addr add 192.0.2.1/24 brd + dev eth0");
    a.wait_state(State::Master);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    assert_eq!(beneath(&lan.a), ["1", "2", "0"]);
    a.shutdown();
    assert_eq!(beneath(&lan.a), ["0", "0", "0"]);
}

#[testbed::host_test]
fn the_hosts_own_address_stays_reachable() {
    let lan = Lan::new();
    let mac = lan.a.mac().map(|byte| format!("{byte:02x}")).join(":");
    let a = Node::start(&lan.a, vec![quick(150)]);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    assert_eq!(wait_answers(&lan, &lan.a, "192.0.2.1"), mac);
    // What the host sends of its own leaves by the macvlan now.
    let own = "192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.1";
    lan.a.ip(&format!("route del {own}"));
    lan.a.ip(&format!("route append {own}"));
    let route = lan.a.ip("route get 192.0.2.3 from 192.0.2.1");
    assert!(route.contains("dev vrrp.51"), "{route}");
    for host in [&lan.a, &lan.c] {
        host.ip("neigh flush all");
    }
    assert_eq!(wait_answers(&lan, &lan.a, "192.0.2.1"), mac);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    a.shutdown();

    // A host that is as strict as it gets about where packets come from.
    for interface in ["all", "default", "eth0"] {
        lan.a.set(&format!("ipv4/conf/{interface}/rp_filter"), "1");
    }
    let _a = Node::start(&lan.a, vec![quick(150)]);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    assert_eq!(wait_answers(&lan, &lan.a, "192.0.2.1"), mac);
    assert_eq!(lan.a.setting("ipv4/conf/vrrp.51/rp_filter"), "2");
}

#[testbed::host_test]
fn two_families_and_two_vrids_share_an_interface() {
    let lan = Lan::new();
    let six = |priority| ipv6::spec(priority).with_vmac(Vmac::new());
    let second = |priority| {
        calm(52, priority).with_virtual_addresses([vip("192.0.2.52"), vip("192.0.2.53")])
    };
    let states = |node: &Node| -> Vec<State> {
        node.status()
            .routers
            .iter()
            .map(|router| router.state)
            .collect()
    };
    let wait = |node: &Node, wanted: &[State]| {
        wait_for(&format!("{wanted:?}"), || {
            (states(node) == wanted).then_some(())
        });
    };
    let capture = Capture::start(&lan.c);
    // In the order of family and VRID.
    let b = Node::start(&lan.b, vec![calm(51, 100), second(150), six(100)]);
    let a = Node::start(&lan.a, vec![calm(51, 150), second(100), six(150)]);
    wait(&a, &[State::Master, State::Backup, State::Master]);
    wait(&b, &[State::Backup, State::Master, State::Backup]);
    let names: Vec<_> = a
        .status()
        .routers
        .iter()
        .map(|router| router.vmac.clone().unwrap())
        .collect();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["vrrp.51", "vrrp.52", "vrrp6.51"]
    );
    assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
    assert_eq!(
        wait_answers(&lan, &lan.b, "192.0.2.53"),
        "00:00:5e:00:01:34"
    );

    // The IPv6 router: no address on its macvlan but the virtual ones.
    let local = "fe80::5e:100";
    wait_for("the addresses of the IPv6 router", || {
        address_on(&lan.a, "vrrp6.51", "2001:db8::100").then_some(())
    });
    let listing = lan.a.ip("-o addr show dev vrrp6.51");
    assert_eq!(listing.lines().count(), 2, "{listing}");
    assert!(address_on(&lan.a, "vrrp6.51", local));
    lan.c.ip("addr add 2001:db8::3/64 dev eth0 nodad");
    lan.a.ip("route add 2001:db8::/64 dev vrrp6.51");
    assert_eq!(
        wait_answers(&lan, &lan.a, "2001:db8::100"),
        "00:00:5e:00:02:33"
    );
    let six_mac = [0, 0, 0x5e, 0, 2, 51];
    let is_advert =
        |frame: &Frame| frame.bytes[12..14] == [0x86, 0xdd] && frame.bytes.get(20) == Some(&112);
    wait_for("adverts of the IPv6 router", || {
        (capture.count(is_advert) >= 3).then_some(())
    });
    let frames = capture.frames();
    let adverts = frames.iter().filter(|frame| is_advert(frame));
    for frame in adverts {
        assert_eq!(
            frame.bytes[..12],
            [&[0x33, 0x33, 0, 0, 0, 0x12], &six_mac[..]].concat()
        );
        assert_eq!(frame.bytes[22..24], [0xfe, 0x80], "link-local source");
    }
    let announced = frames
        .iter()
        .filter_map(|frame| {
            Some((
                frame,
                UnsolicitedNeighbourAdvertisement::parse(&frame.bytes)?,
            ))
        })
        .filter(|(_, announcement)| announcement.address.segments()[0] == 0x2001);
    for (frame, announcement) in announced {
        assert_eq!(
            (announcement.mac.octets(), &frame.bytes[6..12]),
            (six_mac, &six_mac[..])
        );
    }

    // One goes by a reload, one comes, one stays.
    a.drain();
    a.reload(vec![calm(51, 150), second(200)]).unwrap();
    wait(&b, &[State::Backup, State::Backup, State::Master]);
    wait(&a, &[State::Master, State::Master]);
    wait_for("no macvlan of the IPv6 router", || {
        link(&lan.a, "vrrp6.51").is_none().then_some(())
    });
    assert_eq!(
        wait_answers(&lan, &lan.a, "192.0.2.52"),
        "00:00:5e:00:01:34"
    );
    assert_eq!(beneath(&lan.a), ["1", "2", "0"]);
    // Another address in the same network stays when the first one goes.
    a.reload(vec![
        calm(51, 150),
        calm(52, 200).with_virtual_addresses([vip("192.0.2.53")]),
    ])
    .unwrap();
    wait_for("one address less", || {
        (!lan.a.holds("192.0.2.52")).then_some(())
    });
    assert_eq!(
        wait_answers(&lan, &lan.a, "192.0.2.53"),
        "00:00:5e:00:01:34"
    );
    // Without a virtual MAC address it is another router on the interface itself.
    a.reload(vec![calm_spec(51, 150)]).unwrap();
    wait_for("no macvlan", || {
        let none = |name: &&str| link(&lan.a, name).is_none();
        ["vrrp.51", "vrrp.52"].iter().all(none).then_some(())
    });
    wait(&a, &[State::Master]);
    wait_for("the address on eth0", || {
        address_on(&lan.a, "eth0", VIP).then_some(())
    });
    assert_eq!(beneath(&lan.a), ["0", "0", "0"]);
    a.reload(vec![calm(51, 150).with_vmac(Vmac::new().with_name("gw"))])
        .unwrap();
    wait_for("the address on gw", || {
        (link(&lan.a, "gw").is_some() && address_on(&lan.a, "gw", VIP)).then_some(())
    });
}

// shows vrrp_instance: vmac_xmit_base
#[testbed::host_test]
fn adverts_can_leave_with_the_interfaces_own_address() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let spec = |priority, own: &str| {
        let vmac = Vmac::new()
            .with_name("gw0")
            .with_mac(own.parse().unwrap())
            .with_transmit_from_base(true);
        quick_spec(priority).with_vmac(vmac)
    };
    let own = "02:00:00:00:01:00";
    let a = Node::start(&lan.a, vec![spec(150, own)]);
    let b = Node::start(&lan.b, vec![spec(100, own)]);
    a.wait_state(State::Master);
    assert_eq!(wait_answers(&lan, &lan.a, VIP), own);
    b.wait_received(MASTER_DOWN_ADVERTS);
    assert_eq!(b.state(), State::Backup);
    let mac = lan.a.mac();
    for frame in capture.frames() {
        if frame.vrrp().is_some() {
            assert_eq!(frame.bytes[6..12], mac);
        }
        if let Some(announcement) = frame.announcement() {
            assert_eq!(announcement.mac.to_string(), own);
        }
    }
    drop(a);
    b.wait_state(State::Master);
    assert_eq!(wait_answers(&lan, &lan.b, VIP), own);
}

#[testbed::host_test]
fn what_cannot_have_a_virtual_mac_address_is_refused() {
    let lan = Lan::new();
    let refused = |spec: RouterSpec| {
        let error: Error = Node::try_start(&lan.a, vec![spec], || {}).err().unwrap();
        error.to_string()
    };
    let mut local = quick(150);
    local.interface = "lo".to_owned();
    assert_eq!(
        refused(local),
        "router VI_1: lo has no MAC address, so it can have no virtual one"
    );
    lan.a.ip("link add gw0 type veth peer name gw1");
    let named = |name: &str| quick_spec(150).with_vmac(Vmac::new().with_name(name));
    assert_eq!(
        refused(named("gw0")),
        "router VI_1: gw0 is the name of another interface"
    );
    assert_eq!(
        refused(named("a/b")),
        "virtual router VI_1: a/b 00:00:5e:00:01:33 for its virtual MAC address: not a name for an interface"
    );
    // A name that is made goes out of the way.
    lan.a.ip("link add vrrp.51 type veth peer name gw2");
    let a = Node::start(&lan.a, vec![quick(150)]);
    a.wait_state(State::Master);
    assert_eq!(a.status().routers[0].vmac.as_deref(), Some("vrrp1.51"));
    let error = a.reload(vec![named("gw0")]).unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    assert_eq!(a.state(), State::Master);
}

/// A macvlan with an address of the network, as the interface of a router.
#[testbed::host_test]
fn a_virtual_mac_address_above_a_macvlan() {
    for is_foreign in [false, true] {
        let lan = Lan::new();
        if is_foreign {
            // That of a container: the interface below is in another network namespace.
            lan.bridge
                .ip("link add pd master br0 up type veth peer name below");
            lan.bridge.ip("link set below up");
            let name = lan.a.name();
            lan.bridge.ip(&format!(
                "link add link below name mv0 netns {name} type macvlan mode bridge"
            ));
        } else {
            lan.a
                .ip("link add link eth0 name mv0 type macvlan mode bridge");
        }
        lan.a.ip("link set mv0 up");
        lan.a.ip("addr add 192.0.2.11/24 dev mv0");
        // Another interface of the host on this LAN, which would answer for all addresses of the host.
        lan.a.ip("addr flush dev eth0");
        lan.a.set("ipv4/conf/eth0/arp_ignore", "1");
        let mut router = calm(51, 150);
        router.interface = "mv0".to_owned();
        let a = Node::start(&lan.a, vec![router]);
        a.wait_state(State::Master);
        wait_for("the address", || {
            address_on(&lan.a, "vrrp.51", VIP).then_some(())
        });
        let b = Node::start(&lan.b, vec![calm(51, 100)]);
        b.wait_received(MASTER_DOWN_ADVERTS);
        assert_eq!(b.state(), State::Backup);
        assert_eq!(wait_answers(&lan, &lan.a, VIP), MAC_TEXT);
        a.shutdown();
        assert_eq!(link(&lan.a, "vrrp.51"), None);
        b.wait_state(State::Master);
        b.shutdown();
    }
}

/// The name of a macvlan stays that of the router when the router gets another VRID or interface, and two
/// can exchange their names.
#[testbed::host_test]
fn a_named_macvlan_is_replaced_at_a_reload() {
    let lan = Lan::new();
    lan.connect_as("pa1", &lan.a, "eth1");
    lan.a.ip("addr add 192.0.2.11/24 dev eth1");
    let router = |vrid: u8, interface: &str, vmac: &str, address: &str| {
        let mut spec = calm_spec(vrid, 150).with_vmac(Vmac::new().with_name(vmac));
        spec.name = format!("VI_{vrid}");
        spec.interface = interface.to_owned();
        spec.with_virtual_addresses([vip(address)])
    };
    let wait_on = |vmac: &str, address: &str, mac: &str, base: &str| {
        wait_for(&format!("{address} on {vmac} above {base}"), || {
            let listing = lan.a.ip("-o link show");
            let is_above =
                |line: &str| line.contains(&format!(" {vmac}@{base}:")) && line.contains(mac);
            let is_there = listing.lines().any(is_above) && link(&lan.a, vmac) == Some(true);
            (is_there && address_on(&lan.a, vmac, address)).then_some(())
        });
    };
    let (first, second) = ("00:00:5e:00:01:33", "00:00:5e:00:01:34");
    let a = Node::start(&lan.a, vec![router(51, "eth0", "vm1", VIP)]);
    wait_on("vm1", VIP, first, "eth0");
    // Another VRID.
    a.reload(vec![router(52, "eth0", "vm1", VIP)]).unwrap();
    wait_on("vm1", VIP, second, "eth0");
    // Another interface.
    a.reload(vec![router(52, "eth1", "vm1", VIP)]).unwrap();
    wait_on("vm1", VIP, second, "eth1");
    let other = "192.0.2.101";
    a.reload(vec![
        router(51, "eth0", "vm2", other),
        router(52, "eth1", "vm1", VIP),
    ])
    .unwrap();
    wait_on("vm2", other, first, "eth0");
    // Names exchanged.
    a.reload(vec![
        router(51, "eth0", "vm1", other),
        router(52, "eth1", "vm2", VIP),
    ])
    .unwrap();
    wait_on("vm1", other, first, "eth0");
    wait_on("vm2", VIP, second, "eth1");
    a.wait_state(State::Master);
    // The name of an interface that is none of ours is refused, and changes nothing.
    lan.a.ip("link add vm3 type veth peer name vm4");
    let error = a
        .reload(vec![router(51, "eth0", "vm3", other)])
        .unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    assert!(address_on(&lan.a, "vm1", other));
    a.shutdown();
    assert_eq!((link(&lan.a, "vm1"), link(&lan.a, "vm2")), (None, None));
}
