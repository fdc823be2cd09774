// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a router waits for before it takes part, and what keeps it out.

use std::time::{Duration, Instant};

use lb_vrrp::driver::{DriverOptions, Error, Event, LinkProblem};
use lb_vrrp::spec::Configuration;
use lb_vrrp::{RouterConfig, RouterConfigBuilder, State, UnicastPeer, Version, Vmac, Vrid};

use super::netns::{Capture, Injector, Lan, Node, pause, wait_for};
use super::{VIP, calm_spec, quick, spec, vip};

const SECOND: Duration = Duration::from_secs(1);

// shows vrrp_instance: sticky
#[testbed::host_test]
fn a_sticky_router_waits_for_any_packet_of_the_protocol_or_its_limit() {
    let lan = Lan::new();
    let sticky = |limit| {
        let config = quick(51, 150).sticky(limit).build().unwrap();
        vec![spec(config)]
    };
    let a = Node::start(&lan.a, sticky(1000 * SECOND));
    a.wait_state(State::Backup);
    let injector = Injector::new(&lan.b);
    // What was forwarded, or is none of the protocol, proves nothing.
    let advert = [0x31, 77, 100, 0, 0, 10, 0, 0];
    injector.send([192, 0, 2, 2], 254, &advert);
    injector.send([192, 0, 2, 2], 255, &[0x55, 77, 100, 0, 0, 10, 0, 0]);
    // Nothing passes that could be counted; the master down interval is 0.36 s at most.
    pause(SECOND / 2);
    assert_eq!(a.state(), State::Backup);
    assert!(!lan.a.holds(VIP));
    // Another virtual router's advert does.
    injector.send([192, 0, 2, 2], 255, &advert);
    a.wait_state(State::Master);
    a.shutdown();

    let begun = Instant::now();
    let a = Node::start(&lan.a, sticky(SECOND));
    a.wait_state(State::Master);
    assert!(begun.elapsed() >= SECOND, "{:?}", begun.elapsed());
}

#[testbed::host_test]
fn startup_delay_keeps_routers_in_initialize() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let begun = Instant::now();
    let options = DriverOptions::default().with_startup_delay(2 * SECOND);
    let a = Node::start_with(&lan.a, vec![calm_spec(51, 255)], options);
    assert_eq!(a.state(), State::Initialize);
    // A reload does not shorten it.
    a.reload(vec![calm_spec(51, 255)]).unwrap();
    assert_eq!(a.state(), State::Initialize);
    a.wait_state(State::Master);
    let first = wait_for("an advert", || {
        let frames = capture.frames();
        frames.into_iter().find(|frame| frame.vrrp().is_some())
    });
    assert!(first.at - begun >= 2 * SECOND);
    // One that is added later does not wait.
    let added = Instant::now();
    let mut second = calm_spec(52, 255);
    second.name = "VI_2".to_owned();
    second.virtual_addresses.clear();
    a.reload(vec![calm_spec(51, 255), second]).unwrap();
    wait_for("its adverts", || {
        let frames = capture.frames();
        let own = |packet: &[u8]| packet[21] == 52;
        frames
            .iter()
            .any(|frame| frame.at >= added && frame.vrrp().is_some_and(own))
            .then_some(())
    });
}

// shows vrrp_instance: track_src_ip, unicast_fault_no_peer
#[testbed::host_test]
fn a_source_that_is_tracked_and_a_peer_that_is_missing_are_faults() {
    let lan = Lan::new();
    let source = "192.0.2.77";
    let tracked = |tracks: bool| {
        vec![
            calm_spec(51, 150)
                .with_source(source.parse().unwrap())
                .with_tracks_source(tracks),
        ]
    };
    let wait_for_problem = |node: &Node, wanted: Option<LinkProblem>| {
        wait_for("the event", || {
            let events = node.drain();
            events
                .iter()
                .any(|event| matches!(event, Event::LinkChanged { problem, .. } if *problem == wanted))
                .then_some(())
        });
    };
    let a = Node::start(&lan.a, tracked(true));
    wait_for_problem(&a, Some(LinkProblem::SourceMissing));
    assert_eq!(a.state(), State::Fault);
    lan.a.ip(&format!("addr add {source}/24 dev eth0"));
    a.wait_state(State::Master);
    lan.a.ip(&format!("addr del {source}/24 dev eth0"));
    a.wait_state(State::Fault);
    a.reload(tracked(false)).unwrap();
    a.wait_state(State::Master);
    a.shutdown();

    let peerless = || spec(quick(51, 150).build().unwrap()).with_needs_peer(true);
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![peerless()]);
    wait_for_problem(&a, Some(LinkProblem::NoPeer));
    // Nothing passes that could be counted; a backup would be master after 0.36 s.
    pause(SECOND / 2);
    assert_eq!(a.state(), State::Fault);
    assert_eq!(capture.count(|frame| frame.vrrp().is_some()), 0);
    let peer = UnicastPeer::new("192.0.2.2".parse().unwrap());
    let config = quick(51, 150).peer(peer).build();
    a.reload(vec![spec(config.unwrap()).with_needs_peer(true)])
        .unwrap();
    a.wait_state(State::Master);
}

#[testbed::host_test]
fn unicast_packets_need_their_source_on_the_host() {
    let lan = Lan::new();
    let source = "192.0.2.77";
    let peer = UnicastPeer::new("192.0.2.2".parse().unwrap());
    let config = |builder: RouterConfigBuilder| spec(builder.build().unwrap());
    let router = || {
        let router = config(quick(51, 150).peer(peer));
        vec![router.with_source(source.parse().unwrap())]
    };
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, router());
    wait_for("the event", || {
        let events = a.drain();
        let is_it = |event: &Event| {
            matches!(
                event,
                Event::LinkChanged {
                    problem: Some(LinkProblem::SourceMissing),
                    ..
                }
            )
        };
        events.iter().any(is_it).then_some(())
    });
    assert_eq!(a.state(), State::Fault);
    assert_eq!(
        a.status().routers[0].problem,
        Some(LinkProblem::SourceMissing)
    );
    // On any interface, and lost while the router is master.
    for interface in ["lo", "eth0"] {
        lan.a.ip(&format!("addr add {source}/32 dev {interface}"));
        a.wait_state(State::Master);
        lan.a.ip(&format!("addr del {source}/32 dev {interface}"));
        a.wait_state(State::Fault);
        assert!(!lan.a.holds(VIP));
    }
    assert_eq!(capture.count(|frame| frame.vrrp().is_some()), 0);
    // A source of multicast packets may be any address, as in keepalived.
    let multicast = config(quick(51, 150)).with_source(source.parse().unwrap());
    a.reload(vec![multicast]).unwrap();
    a.wait_state(State::Master);
}

#[testbed::host_test]
fn status_names_what_an_ipv6_router_misses_and_what_the_kernel_refused() {
    let lan = Lan::new();
    lan.a.set("ipv6/conf/eth0/disable_ipv6", "1");
    let six = RouterConfig::builder(Vrid::new(52).unwrap())
        .version(Version::V3)
        .address("fe80::100".parse().unwrap())
        .build()
        .unwrap();
    let mut six = spec(six).with_virtual_addresses([vip("fe80::100")]);
    six.name = "VI_6".to_owned();
    // Beside the router's own family: held, and not advertised.
    let four = calm_spec(51, 150).with_virtual_addresses([vip(VIP), vip("2001:db8::100")]);
    let a = Node::start(&lan.a, vec![four, six]);
    a.wait_state(State::Master);
    let router = |name: &str| {
        let routers = a.status().routers;
        let mut routers = routers.into_iter();
        routers.find(|router| &*router.name == name).unwrap()
    };
    let refused = wait_for("a refused address", || {
        router("VI_1").refused_addresses.into_iter().next()
    });
    assert_eq!(refused.address.to_string(), "2001:db8::100");
    assert!(!refused.problem.is_empty());
    assert_eq!(router("VI_6").problem, Some(LinkProblem::NoLinkLocal));
    assert_eq!(router("VI_6").state, State::Fault);
    lan.a.set("ipv6/conf/eth0/disable_ipv6", "0");
    wait_for("no refused address", || {
        router("VI_1").refused_addresses.is_empty().then_some(())
    });
    assert!(lan.a.holds("2001:db8::100"));
}

#[testbed::host_test]
fn adverts_of_other_virtual_routers_are_counted_and_logged_on_request() {
    let lan = Lan::new();
    let configuration = Configuration::new(vec![calm_spec(51, 150)]).with_log_unknown_vrids(true);
    let a = Node::start(&lan.a, configuration);
    let injector = Injector::new(&lan.b);
    // More than once: what is sent before the bridge forwards is lost.
    let mut sent = 0;
    let counted = wait_for("the count", || {
        injector.send([192, 0, 2, 2], 255, &[0x31, 77, 100, 0, 0, 10, 0, 0]);
        sent += 1;
        let status = a.status();
        let counts = status
            .interfaces
            .iter()
            .map(|interface| interface.unknown_vrid);
        Some(counts.sum::<u64>()).filter(|count| *count >= 3)
    });
    assert!(counted <= sent, "{counted} of {sent}");
}

#[testbed::host_test]
fn an_interface_may_come_after_its_router() {
    let lan = Lan::new();
    let eth1 = |dynamic: bool| {
        let mut router = calm_spec(51, 150);
        router.interface = "eth1".to_owned();
        Configuration::new(vec![router]).with_dynamic_interfaces(dynamic)
    };
    let error = Node::try_start(&lan.a, eth1(false), || {})
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, Error::InterfaceNotFound { .. }), "{error}");

    let mut above = eth1(true);
    above.routers[0].vmac = Some(Vmac::new());
    for (configuration, holder) in [(eth1(true), "eth1"), (above, "vrrp.51")] {
        let a = Node::start(&lan.a, configuration);
        a.wait_state(State::Fault);
        assert_eq!(
            a.status().routers[0].problem,
            Some(LinkProblem::Missing),
            "{holder}"
        );
        lan.connect_as("pa1", &lan.a, "eth1");
        lan.a.ip("addr add 192.0.2.11/24 dev eth1");
        a.wait_state(State::Master);
        wait_for("the address", || {
            let on = lan.a.ip(&format!("-o addr show dev {holder}"));
            on.contains(VIP).then_some(())
        });
        a.reload(eth1(false)).unwrap();
        lan.bridge.ip("link del pa1");
        // It is down first, and missing then.
        wait_for("the interface to be missing", || {
            (a.status().routers[0].problem == Some(LinkProblem::Missing)).then_some(())
        });
        assert_eq!(a.state(), State::Fault);
        // It runs without the interface, but would not start: a reload reports that and changes nothing.
        let error = a.reload(eth1(false)).unwrap_err();
        assert!(matches!(error, Error::InterfaceNotFound { .. }), "{error}");
        a.reload(eth1(true)).unwrap();
        assert_eq!(a.state(), State::Fault);
        a.shutdown();
    }
}
