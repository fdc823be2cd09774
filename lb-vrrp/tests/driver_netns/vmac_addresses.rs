// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses on other interfaces, on macvlans with their router's virtual MAC address.

use std::process::Command;

use lb_vrrp::driver::{Driver, DriverOptions};
use lb_vrrp::spec::RouterSpec;
use lb_vrrp::{State, Vmac};

use super::handover::hand_over;
use super::netns::{Capture, Lan, Namespace, Node, wait_for};
use super::vmac::{address_on, link, wait_answers};
use super::{Killed, VIP, assert_put_back, calm_spec, transitions, vip};

const OTHER: &str = "198.51.100.101";
const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const MAC_TEXT: &str = "00:00:5e:00:01:33";

/// Three hosts on a second segment, too.
fn segments() -> Lan {
    let lan = Lan::new();
    lan.bridge
        .ip("link add br1 up type bridge stp_state 0 mcast_snooping 0");
    for (port, host, number) in [("pa1", &lan.a, 1), ("pb1", &lan.b, 2), ("pc1", &lan.c, 3)] {
        lan.connect_as(port, host, "eth1");
        lan.bridge.ip(&format!("link set {port} master br1"));
        host.ip(&format!("addr add 198.51.100.{number}/24 brd + dev eth1"));
    }
    lan
}

/// A router on eth0 that has the other address on eth1.
fn router(priority: u8, vmac: bool) -> RouterSpec {
    let other = vip(OTHER).with_interface("eth1").with_vmac(vmac);
    calm_spec(51, priority).with_virtual_addresses([vip(VIP), other])
}

fn wait_on(host: &Namespace, name: &str, address: &str) {
    wait_for(&format!("{address} on {name}"), || {
        (link(host, name) == Some(true) && address_on(host, name, address)).then_some(())
    });
}

/// The MAC address that the third host asks `host` at.
fn resolved(lan: &Lan, host: &Namespace, address: &str) -> String {
    lan.c.ip("neigh flush all");
    wait_answers(lan, host, address)
}

#[testbed::host_test]
fn an_address_on_another_interface_has_the_virtual_mac_address() {
    let lan = segments();
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![router(150, true)]);
    let b = Node::start(&lan.b, vec![router(100, true)]);
    a.wait_state(State::Master);
    b.wait_state(State::Backup);
    wait_on(&lan.a, "vrrp.51", OTHER);
    wait_for("its own on the interface", || {
        address_on(&lan.a, "eth0", VIP).then_some(())
    });
    let described = lan.a.ip("-d link show vrrp.51");
    assert!(described.contains("vrrp.51@eth1"), "{described}");
    assert!(described.contains("macvlan mode private"), "{described}");
    assert_eq!(lan.a.setting("ipv4/conf/eth1/arp_ignore"), "1");
    assert_eq!(lan.a.setting("ipv4/conf/eth0/arp_ignore"), "0");
    assert_eq!(link(&lan.b, "vrrp.51"), Some(false), "down while Backup");
    assert_eq!(resolved(&lan, &lan.a, OTHER), MAC_TEXT);
    assert_ne!(resolved(&lan, &lan.a, VIP), MAC_TEXT);
    for frame in capture.frames() {
        if let Some(announcement) = frame.announcement() {
            let virtual_mac = announcement.address.octets() == [198, 51, 100, 101];
            assert_eq!(
                announcement.mac.octets() == MAC,
                virtual_mac,
                "{announcement:?}"
            );
            assert_eq!(frame.bytes[6..12], announcement.mac.octets());
        }
        if frame.vrrp().is_some() {
            assert_ne!(frame.bytes[6..12], MAC, "adverts are the router's");
        }
    }

    // It goes with the master.
    a.shutdown();
    assert_eq!(link(&lan.a, "vrrp.51"), None);
    assert_eq!(lan.a.setting("ipv4/conf/eth1/arp_ignore"), "0");
    b.wait_state(State::Master);
    wait_on(&lan.b, "vrrp.51", OTHER);
    assert_eq!(resolved(&lan, &lan.b, OTHER), MAC_TEXT);

    // Deleted, it is restored; a reload moves the address off it and on again.
    b.drain();
    lan.b.ip("link del vrrp.51");
    wait_on(&lan.b, "vrrp.51", OTHER);
    b.wait_state(State::Master);
    assert_put_back(&b);
    b.reload(vec![router(100, false)]).unwrap();
    wait_for("the address on eth1", || {
        (link(&lan.b, "vrrp.51").is_none() && address_on(&lan.b, "eth1", OTHER)).then_some(())
    });
    b.reload(vec![router(100, true).with_address_prefix("va")])
        .unwrap();
    wait_on(&lan.b, "va.51", OTHER);
    assert!(!address_on(&lan.b, "eth1", OTHER));
    assert_eq!(resolved(&lan, &lan.b, OTHER), MAC_TEXT);
    assert_eq!(transitions(&b), [], "it stays Master");
}

#[testbed::host_test]
fn beside_the_routers_own_there_is_one_for_each_interface_and_family() {
    let lan = segments();
    let above =
        |address: &str, interface: &str| vip(address).with_interface(interface).with_vmac(true);
    let router = calm_spec(51, 150)
        .with_vmac(Vmac::new())
        .with_address_prefix("va")
        .with_virtual_addresses([
            vip(VIP),
            above(OTHER, "eth1"),
            above("198.51.100.102", "eth1"),
            above("2001:db8::102", "eth1"),
            vip("2001:db8::103").with_vmac(true),
            vip("2001:db8::104").with_interface("eth1"),
        ]);
    let a = Node::start(&lan.a, vec![router]);
    a.wait_state(State::Master);
    for (name, address) in [
        ("vrrp.51", VIP),
        ("va.51", OTHER),
        ("va.51", "198.51.100.102"),
        ("va6.51", "2001:db8::102"),
        ("va1.51", "2001:db8::103"),
        ("eth1", "2001:db8::104"),
    ] {
        wait_on_any(&lan.a, name, address);
    }
    for address in [VIP, OTHER, "198.51.100.102"] {
        assert_eq!(resolved(&lan, &lan.a, address), MAC_TEXT, "{address}");
    }
    lan.c.ip("addr add 2001:db8::3/64 dev eth1 nodad");
    lan.a.ip("route add 2001:db8::/64 dev va6.51");
    let six = resolved(&lan, &lan.a, "2001:db8::102");
    assert_eq!(six, "00:00:5e:00:02:33");
    a.shutdown();
    for name in ["vrrp.51", "va.51", "va6.51", "va1.51"] {
        assert_eq!(link(&lan.a, name), None, "{name}");
    }
}

/// On an interface that is no macvlan, too.
fn wait_on_any(host: &Namespace, name: &str, address: &str) {
    wait_for(&format!("{address} on {name}"), || {
        let there = host.ip("-o link show").contains(&format!(" {name}@"));
        (there && address_on(host, name, address)).then_some(())
    });
}

/// The router of `a_killed_one_leaves…`, in a process that can be killed.
#[test]
fn child_router_with_a_macvlan_for_an_address() {
    if std::env::var_os("LB_VRRP_CHILD_ADDRESS").is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let nobodys = calm_spec(52, 150)
        .with_virtual_addresses([vip("198.51.100.52").with_interface("eth1").with_vmac(true)]);
    runtime.block_on(async {
        let (_handle, mut events) =
            Driver::start(vec![router(150, true), nobodys], DriverOptions::default())
                .await
                .unwrap();
        while events.recv().await.is_some() {}
    });
}

#[testbed::host_test]
fn a_killed_one_leaves_a_macvlan_that_is_taken_over_or_removed() {
    let lan = segments();
    let test = "vmac_addresses::child_router_with_a_macvlan_for_an_address";
    let mut child = Killed(lan.a.run(|| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("LB_VRRP_CHILD_ADDRESS", "1")
            .spawn()
            .unwrap()
    }));
    wait_on(&lan.a, "vrrp.51", OTHER);
    wait_on(&lan.a, "vrrp.52", "198.51.100.52");
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(link(&lan.a, "vrrp.51"), Some(true));
    assert_eq!(lan.a.setting("ipv4/conf/eth1/arp_ignore"), "1");
    let index = || {
        let line = lan.a.ip("-o link show vrrp.51");
        line.split(':').next().unwrap().to_owned()
    };
    let left = index();

    let b = Node::start(&lan.b, vec![router(200, true)]);
    b.wait_state(State::Master);
    let a = Node::start(&lan.a, vec![router(150, true)]);
    assert!(!lan.a.holds(OTHER) && !lan.a.holds("198.51.100.52"));
    assert_eq!(link(&lan.a, "vrrp.52"), None);
    a.wait_state(State::Backup);
    assert_eq!(link(&lan.a, "vrrp.51"), Some(false));
    assert_eq!(index(), left);
    b.shutdown();
    a.wait_state(State::Master);
    wait_on(&lan.a, "vrrp.51", OTHER);
    a.shutdown();
    assert_eq!(link(&lan.a, "vrrp.51"), None);
    assert_eq!(lan.a.setting("ipv4/conf/eth1/arp_ignore"), "0");
}

#[testbed::host_test]
fn upgrade_keeps_the_macvlan_of_an_address() {
    let lan = segments();
    let a = Node::start(&lan.a, vec![router(150, true)]);
    let b = Node::start(&lan.b, vec![router(100, true)]);
    a.wait_state(State::Master);
    wait_on(&lan.a, "vrrp.51", OTHER);
    b.wait_state(State::Backup);
    b.drain();
    let monitor = lan.a.monitor("link address");
    let a = hand_over(&lan.a, a, vec![router(150, true)]);
    assert_eq!(a.state(), State::Master);
    let changes = monitor.stop().unwrap();
    assert!(
        !changes.contains("Deleted") && !changes.contains(OTHER),
        "{changes}"
    );
    wait_on(&lan.a, "vrrp.51", OTHER);
    assert_eq!(resolved(&lan, &lan.a, OTHER), MAC_TEXT);
    assert_eq!(transitions(&b), [], "the peer sees nothing");

    // Without it, the new one deletes what the old one made.
    let a = hand_over(&lan.a, a, vec![router(150, false)]);
    wait_for("the address on eth1", || {
        (link(&lan.a, "vrrp.51").is_none() && address_on(&lan.a, "eth1", OTHER)).then_some(())
    });
    assert_eq!(a.state(), State::Master);
    assert_eq!(transitions(&b), [], "the peer sees nothing");
    a.shutdown();
    assert!(!lan.a.holds(OTHER) && !lan.a.holds(VIP));
    assert_eq!(lan.a.setting("ipv4/conf/eth1/arp_ignore"), "0");
}
