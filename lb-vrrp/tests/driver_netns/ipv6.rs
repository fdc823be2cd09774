// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv6 routers: link-local sources, ff02::12, neighbour advertisements; beside an IPv4 router of
//! the same VRID.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use lb_vrrp::spec::RouterSpec;
use lb_vrrp::wire::{Advertisement, UnsolicitedNeighbourAdvertisement};
use lb_vrrp::{
    AddressFamily, AdvertInterval, AdvertisedPriority, Priority, RouterConfig, State, Version,
    VirtualAddress, Vmac, Vrid,
};

use super::netns::{Capture, Frame, Lan, Namespace, Node, wait_for};
use super::{quick_spec, transitions};

const LOCAL: &str = "fe80::5e:100";
const GLOBAL: &str = "2001:db8::100";

pub(crate) fn spec(priority: u8) -> RouterSpec {
    let addresses = [LOCAL, GLOBAL].map(|address| address.parse::<IpAddr>().unwrap());
    let config = RouterConfig::builder(Vrid::new(51).unwrap())
        .version(Version::V3)
        .priority(Priority::new(priority).unwrap())
        .interval(AdvertInterval::from_centis(20).unwrap())
        .address(addresses[0])
        .address(addresses[1])
        .build()
        .unwrap();
    let [local, global] = addresses.map(VirtualAddress::new);
    RouterSpec::new("VI_6", "eth0", config)
        .with_virtual_addresses([local.with_prefix_len(64), global.with_prefix_len(128)])
}

/// Header fields and content of an IPv6 advert.
struct Advert {
    source: Ipv6Addr,
    hop_limit: u8,
    traffic_class: u8,
    content: Advertisement,
}

fn advert(frame: &Frame) -> Option<Advert> {
    let packet = frame.bytes.get(14..)?;
    if frame.bytes[12..14] != [0x86, 0xdd] || packet.get(6) != Some(&112) {
        return None;
    }
    assert_eq!(
        frame.bytes[..6],
        [0x33, 0x33, 0, 0, 0, 0x12],
        "destination MAC address"
    );
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
    let (source, destination) = (address(8), address(24));
    assert_eq!(destination, "ff02::12".parse::<Ipv6Addr>().unwrap());
    let length = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    let content = Advertisement::parse(&packet[40..40 + length], source.into(), destination.into());
    Some(Advert {
        source,
        hop_limit: packet[7],
        traffic_class: (packet[0] << 4) | (packet[1] >> 4),
        content: content.unwrap(),
    })
}

fn state_of(node: &Node, family: AddressFamily) -> State {
    let status = node.status();
    let name = match family {
        AddressFamily::Ipv4 => "VI_1",
        AddressFamily::Ipv6 => "VI_6",
    };
    status
        .routers
        .iter()
        .find(|router| *router.name == *name)
        .unwrap()
        .state
}

#[testbed::host_test]
fn ipv6_routers_elect_announce_and_resign_beside_ipv4_ones_of_the_same_vrid() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![spec(150), quick_spec(100)]);
    let b = Node::start(&lan.b, vec![spec(100), quick_spec(150)]);
    // Not before the link-local address is known to be unique, a second or two.
    let wait = |node: &Node, family: AddressFamily, state: State| {
        wait_for(&format!("{family} {state}"), || {
            (state_of(node, family) == state).then_some(())
        });
    };
    wait(&a, AddressFamily::Ipv6, State::Master);
    wait(&b, AddressFamily::Ipv4, State::Master);
    wait(&b, AddressFamily::Ipv6, State::Backup);
    wait(&a, AddressFamily::Ipv4, State::Backup);
    for address in [LOCAL, GLOBAL] {
        wait_for("the address on a", || lan.a.holds(address).then_some(()));
        assert!(!lan.b.holds(address));
        let entry = lan.a.address(address).unwrap();
        assert!(!entry.contains("tentative"), "{entry}");
        // Not for connections of the host's own.
        assert_eq!(entry.contains("\"deprecated\":true"), address == GLOBAL);
    }

    let frames = wait_for("adverts and announcements", || {
        let frames = capture.frames();
        let announced = |address: &str| {
            let address: Ipv6Addr = address.parse().unwrap();
            frames
                .iter()
                .filter_map(|frame| UnsolicitedNeighbourAdvertisement::parse(&frame.bytes))
                .any(|announcement| {
                    announcement.address == address && announcement.mac.octets() == lan.a.mac()
                })
        };
        let enough = frames.iter().filter_map(advert).count() >= 3;
        (enough && announced(LOCAL) && announced(GLOBAL)).then_some(frames)
    });
    let first = |wanted: &dyn Fn(&Frame) -> bool| frames.iter().position(wanted).unwrap();
    let advert_at = first(&|frame| advert(frame).is_some());
    let announced_at =
        first(&|frame| UnsolicitedNeighbourAdvertisement::parse(&frame.bytes).is_some());
    assert!(advert_at < announced_at, "advert first, then announcement");
    for sent in frames.iter().filter_map(advert) {
        assert!(sent.source.is_unicast_link_local(), "{}", sent.source);
        assert_ne!(sent.source, LOCAL.parse::<Ipv6Addr>().unwrap());
        assert_eq!((sent.hop_limit, sent.traffic_class), (255, 0xc0));
        assert_eq!(sent.content.addresses.as_slice().len(), 2);
    }

    let stopped = Instant::now();
    a.shutdown();
    assert!(!lan.a.holds(GLOBAL) && !lan.a.holds(LOCAL));
    wait(&b, AddressFamily::Ipv6, State::Master);
    // Skew at priority 100: 0.12 s.
    let took = stopped.elapsed();
    assert!(took < Duration::from_millis(1200), "{took:?}");
    wait_for("the address on b", || lan.b.holds(GLOBAL).then_some(()));
    let resigned = capture.count(|frame| {
        advert(frame).is_some_and(|sent| sent.content.priority == AdvertisedPriority::Resign)
    });
    assert_eq!(resigned, 1, "adverts with priority 0");
    b.shutdown();
    assert!(!lan.b.holds(GLOBAL) && !lan.b.holds(LOCAL));
}

/// A router of this many addresses, the first one link-local.
fn crowded(count: u16) -> RouterSpec {
    let address = |number| match number {
        0 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x5e, 0x100),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number),
    };
    let addresses: Vec<IpAddr> = (0..count).map(|number| address(number).into()).collect();
    let config = RouterConfig::builder(Vrid::new(51).unwrap())
        .version(Version::V3)
        .interval(AdvertInterval::from_centis(50).unwrap())
        .addresses(addresses.iter().copied())
        .build()
        .unwrap();
    RouterSpec::new("VI_6", "eth0", config)
        .with_virtual_addresses(addresses.into_iter().map(VirtualAddress::new))
}

#[testbed::host_test]
fn an_advert_has_as_many_addresses_as_its_interface_has_room_for() {
    for vmac in [None, Some(Vmac::new())] {
        let lan = Lan::new();
        let capture = Capture::start(&lan.c);
        let mut router = crowded(100);
        router.vmac = vmac;
        let held = |host: &Namespace| host.ip("-6 -o addr show").matches("2001:db8::1:").count();
        let advertised = |since: Instant, wanted: usize| {
            wait_for(&format!("adverts of {wanted} addresses"), || {
                let frames = capture.frames();
                let count = |frame: &Frame| Some(advert(frame)?.content.addresses.as_slice().len());
                let last = frames.iter().rev().filter(|frame| frame.at >= since);
                (last.take(2).filter_map(count).next() == Some(wanted)).then_some(())
            });
        };
        let a = Node::start(&lan.a, vec![router.clone()]);
        a.wait_state(State::Master);
        advertised(Instant::now(), 90);
        let _ = a.drain();
        wait_for("all addresses", || (held(&lan.a) == 99).then_some(()));
        // 1280 bytes less the headers, 40 and 8.
        for (mtu, room) in [(1280, 77), (1500, 90)] {
            lan.a.ip(&format!("link set eth0 mtu {mtu}"));
            advertised(Instant::now(), room);
            // A reload does not forget that.
            let reloaded = Instant::now();
            a.reload(vec![router.clone()]).unwrap();
            advertised(reloaded, room);
            assert_eq!(held(&lan.a), 99);
        }
        assert_eq!(transitions(&a), [], "it stays Master");
        assert_eq!(a.status().routers[0].counters.send_failures, 0);
    }
}
