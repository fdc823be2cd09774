// SPDX-License-Identifier: MIT OR Apache-2.0
//! How often, when and how far apart addresses are announced.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use lb_vrrp::spec::{Configuration, RouterSpec};
use lb_vrrp::wire::UnsolicitedNeighbourAdvertisement;
use lb_vrrp::{
    AdvertInterval, Announcements, ExtraRefresh, Pacing, PacingGroup, RouterConfig, State, Version,
    VirtualAddress, Vrid,
};

use super::netns::{Capture, Frame, Injector, Lan, Node, wait_for};
use super::{calm_spec, quick, spec, vip};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn many(addresses: &[&str], announcements: Announcements) -> RouterSpec {
    let interval = AdvertInterval::from_centis(50).unwrap();
    let config = quick(51, 150).interval(interval).build().unwrap();
    spec(config)
        .with_virtual_addresses(addresses.iter().map(|address| vip(address)))
        .with_announcements(announcements)
}

/// The announced addresses with their times, from a moment on.
fn announced(capture: &Capture, since: Instant) -> Vec<(Ipv4Addr, Instant)> {
    let pair = |frame: Frame| Some((frame.announcement()?.address, frame.at));
    let all = capture.frames().into_iter().filter_map(pair);
    all.filter(|(_, at)| *at >= since).collect()
}

// shows global_defs: vrrp_garp_interval
#[testbed::host_test]
fn paced_announcements_leave_one_by_one_first_ones_first_and_none_is_lost() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let addresses = ["192.0.2.100", "192.0.2.101", "192.0.2.102", "192.0.2.103"];
    let policy = Announcements::default()
        .with_repeat(3)
        .with_delay(3 * SECOND);
    let pacing = Pacing::default().with_intervals(100 * MS, Duration::ZERO);
    let configuration = Configuration::new(vec![many(&addresses, policy)]).with_pacing(pacing);
    let begun = Instant::now();
    let a = Node::start(&lan.a, configuration);
    let first: Vec<Ipv4Addr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let rounds: Vec<Ipv4Addr> = first.repeat(3);

    let burst = |since: Instant| {
        let mut seen = wait_for("a burst", || {
            Some(announced(&capture, since)).filter(|seen| seen.len() >= rounds.len())
        });
        seen.truncate(rounds.len());
        // Eleven times 100 ms; all at once it would be none.
        let last = seen[rounds.len() - 1].1;
        assert!(last - seen[0].1 >= 550 * MS, "{seen:?}");
        let order: Vec<Ipv4Addr> = seen.iter().map(|(address, _)| *address).collect();
        (order, last)
    };
    let (mut order, last) = burst(begun);
    // An address is announced as soon as it is placed, which the next one may be only after its
    // repetition on a busy machine.
    let mut placed = order.clone();
    placed.retain({
        let mut seen = Vec::new();
        move |address| {
            let is_first = !seen.contains(address);
            seen.push(*address);
            is_first
        }
    });
    assert_eq!(placed, first);
    order.sort();
    let mut each = rounds.clone();
    each.sort();
    assert_eq!(order, each);
    // And once more after the delay: nothing of it is lost to the first burst. All are placed.
    let (order, _) = burst(last + MS);
    assert_eq!(order, rounds);

    // Interfaces of a group: the interval is the group's.
    let group = PacingGroup::new(["eth0", "eth7"], Duration::ZERO, Duration::ZERO);
    let pacing = Pacing::default()
        .with_intervals(100 * SECOND, Duration::ZERO)
        .with_group(group);
    let mut more = addresses.to_vec();
    more.extend(["192.0.2.104", "192.0.2.105"]);
    let changed = Instant::now();
    let configuration = Configuration::new(vec![many(&more, policy)]).with_pacing(pacing);
    a.reload(configuration).unwrap();
    wait_for("the new addresses", || {
        let seen = announced(&capture, changed);
        let new = |last: u8| {
            let address = Ipv4Addr::new(192, 0, 2, last);
            seen.iter()
                .filter(|(announced, _)| *announced == address)
                .count()
                == 3
        };
        (new(104) && new(105)).then_some(())
    });
}

/// Asserts that these are announced in so many rounds, one address every `interval`. The sender may be
/// kept from sending after it has looked at the clock: what it was late with one, it may be early with
/// the next.
fn assert_paced<A: Ord + Copy + std::fmt::Debug>(
    seen: &[(A, Instant)],
    (addresses, rounds): (&[A], usize),
    interval: Duration,
) {
    assert_eq!(seen.len(), addresses.len() * rounds, "{seen:?}");
    let mut all = addresses.to_vec();
    all.sort_unstable();
    for round in seen.chunks(addresses.len()) {
        let mut round: Vec<A> = round.iter().map(|(address, _)| *address).collect();
        round.sort_unstable();
        assert_eq!(round, all, "{seen:?}");
    }
    for pair in seen.windows(2) {
        assert!(pair[1].1 - pair[0].1 >= interval / 2, "{seen:?}");
    }
    let span = seen[seen.len() - 1].1 - seen[0].1;
    let turns = u32::try_from(seen.len() - 1).unwrap();
    assert!(span >= interval * turns - interval / 2, "{seen:?}");
}

// shows global_defs: vrrp_gna_interval
#[testbed::host_test]
fn neighbour_advertisements_are_paced_by_an_interval_of_their_own() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let addresses: Vec<IpAddr> = ["fe80::5e:100", "2001:db8::1:0", "2001:db8::1:1"]
        .map(|text| text.parse().unwrap())
        .into();
    let config = RouterConfig::builder(Vrid::new(51).unwrap())
        .version(Version::V3)
        .interval(AdvertInterval::from_centis(50).unwrap())
        .addresses(addresses.iter().copied())
        .build()
        .unwrap();
    let router = || {
        // Much longer than a burst, so that the second one does not meet the first one.
        let announcements = Announcements::default()
            .with_repeat(3)
            .with_delay(3 * SECOND);
        RouterSpec::new("VI_6", "eth0", config.clone())
            .with_virtual_addresses(
                addresses
                    .iter()
                    .map(|address| VirtualAddress::new(*address)),
            )
            .with_announcements(announcements)
    };
    let announced = |since: Instant| -> Vec<(IpAddr, Instant)> {
        let pair = |frame: Frame| {
            let address = UnsolicitedNeighbourAdvertisement::parse(&frame.bytes)?.address;
            Some((IpAddr::from(address), frame.at))
        };
        let all = capture.frames().into_iter().filter_map(pair);
        all.filter(|(_, at)| *at >= since).collect()
    };
    let burst = |since: Instant| {
        let seen = wait_for("a burst", || {
            Some(announced(since)).filter(|seen| seen.len() >= 9)
        });
        assert_paced(&seen[..9], (&addresses, 3), 100 * MS);
        seen[8].1
    };
    // That of gratuitous ARP has nothing to do with it.
    let pacing = Pacing::default().with_intervals(100 * SECOND, 100 * MS);
    let begun = Instant::now();
    let a = Node::start(
        &lan.a,
        Configuration::new(vec![router()]).with_pacing(pacing),
    );
    let last = burst(begun);
    burst(last + MS);
    a.shutdown();

    // The interval of a group, where the interface is in one.
    let group = PacingGroup::new(["eth7", "eth0"], 100 * SECOND, 100 * MS);
    let pacing = Pacing::default()
        .with_intervals(Duration::ZERO, 100 * SECOND)
        .with_group(group);
    let begun = Instant::now();
    let _a = Node::start(
        &lan.a,
        Configuration::new(vec![router()]).with_pacing(pacing),
    );
    burst(begun);
}

// shows top level: garp_group
#[testbed::host_test]
fn interfaces_of_a_group_take_turns() {
    let lan = Lan::new();
    lan.connect_as("pa1", &lan.a, "eth1");
    let capture = Capture::start(&lan.c);
    let policy = Announcements::default()
        .with_repeat(3)
        .with_delay(Duration::ZERO);
    let addresses = ["192.0.2.100", "192.0.2.101", "192.0.2.102", "192.0.2.103"];
    let second = |at: usize| at % 2 == 1;
    let mut router = many(&addresses, policy);
    for (at, address) in router.virtual_addresses.iter_mut().enumerate() {
        if second(at) {
            address.interface = Some("eth1".to_owned());
        }
    }
    let group = PacingGroup::new(["eth0", "eth1"], 100 * MS, Duration::ZERO);
    let configuration =
        Configuration::new(vec![router]).with_pacing(Pacing::default().with_group(group));
    let begun = Instant::now();
    let a = Node::start(&lan.a, configuration);
    a.wait_state(State::Master);
    let parsed = addresses.map(|text| text.parse::<Ipv4Addr>().unwrap());
    let seen = wait_for("three of each", || {
        Some(announced(&capture, begun)).filter(|seen| seen.len() >= 12)
    });
    assert_paced(&seen, (&parsed, 3), 100 * MS);
    // Each by its own interface.
    let first = lan.a.mac();
    for frame in capture.frames() {
        if let Some(announcement) = frame.announcement() {
            let at = parsed
                .iter()
                .position(|wanted| *wanted == announcement.address);
            assert_eq!(
                announcement.mac.octets() != first,
                second(at.unwrap()),
                "{announcement:?}"
            );
        }
    }
}

// shows vrrp_instance: garp_lower_prio_delay, garp_lower_prio_repeat
#[testbed::host_test]
fn the_answer_to_a_losing_router_has_a_number_and_a_delay_of_its_own() {
    const DELAY: Duration = Duration::from_millis(500);
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let policy = |lower| {
        Announcements::default()
            .with_repeat(1)
            .with_delay(Duration::ZERO)
            .with_lower(Some(DELAY), Some(lower))
    };
    let address = ["192.0.2.100"];
    let a = Node::start(&lan.a, vec![many(&address, policy(4))]);
    a.wait_state(State::Master);
    let begun = Instant::now() - SECOND;
    wait_for("the first", || {
        (!announced(&capture, begun).is_empty()).then_some(())
    });
    let injector = Injector::new(&lan.b);
    let advert = lb_vrrp_advert(100);
    let losing = Instant::now();
    injector.send([192, 0, 2, 2], 255, &advert);
    wait_for("two bursts of four", || {
        (announced(&capture, losing).len() == 8).then_some(())
    });
    let seen = announced(&capture, losing);
    assert!(seen[4].1 - seen[0].1 >= DELAY / 2, "{seen:?}");

    // None at all, but an advert.
    a.reload(vec![many(&address, policy(0))]).unwrap();
    a.wait_sent(2);
    let losing = Instant::now();
    injector.send([192, 0, 2, 2], 255, &advert);
    // The answer, and two more, which take twice the delay.
    let mac = lan.a.mac();
    capture.wait_for_more(3, |frame| frame.vrrp_from(mac).is_some());
    assert_eq!(announced(&capture, losing), []);
    assert_eq!(a.state(), State::Master);
}

/// VRRPv3 for 192.0.2.100, 500 ms, with a checksum over the pseudo-header.
fn lb_vrrp_advert(priority: u8) -> Vec<u8> {
    let mut message = vec![0x31, 51, priority, 1, 0, 50, 0, 0, 192, 0, 2, 100];
    let mut pseudo = vec![192, 0, 2, 2, 224, 0, 0, 18, 0, 112, 0, 12];
    pseudo.extend(&message);
    let sum = super::checksum(&pseudo).to_be_bytes();
    message[6..8].copy_from_slice(&sum);
    message
}

// shows vrrp_instance: garp_extra_if
#[testbed::host_test]
fn addresses_on_other_interfaces_are_announced_again_and_again() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    // Frames of the second interface arrive at the same switch.
    lan.a
        .ip("link add link eth0 name eth1 type macvlan mode bridge");
    lan.a.ip("link set eth1 up");
    let second = vip("192.0.2.101").with_interface("eth1");
    let policy = |all| {
        Announcements::default()
            .with_repeat(1)
            .with_delay(Duration::ZERO)
            .with_extra(Some(ExtraRefresh::new(SECOND, all)))
    };
    let router = |all| {
        calm_spec(51, 150)
            .with_virtual_addresses([vip("192.0.2.100"), second.clone()])
            .with_announcements(policy(all))
    };
    let _a = Node::start(&lan.a, vec![router(true)]);
    wait_for("four of the second", || {
        let seen = announced(&capture, Instant::now() - 100 * SECOND);
        let count = |last| {
            let address = Ipv4Addr::new(192, 0, 2, last);
            seen.iter()
                .filter(|(announced, _)| *announced == address)
                .count()
        };
        assert!(count(100) <= 1, "{seen:?}");
        (count(101) >= 4).then_some(())
    });
}

/// Neighbours are to send to the new MAC address of an interface.
#[testbed::host_test]
fn a_new_mac_address_of_the_interface_is_announced() {
    let lan = Lan::new();
    let a = Node::start(&lan.a, vec![calm_spec(51, 150)]);
    a.wait_state(State::Master);
    let capture = Capture::start(&lan.c);
    let mac = [2, 0, 0, 0, 0, 0x77];
    lan.a.ip("link set eth0 address 02:00:00:00:00:77");
    wait_for("announcements of the new address", || {
        let is_new = |frame: &Frame| {
            frame
                .announcement()
                .is_some_and(|announcement| announcement.mac.octets() == mac)
        };
        (capture.count(is_new) >= 5).then_some(())
    });
    assert_eq!(a.state(), State::Master);
}
