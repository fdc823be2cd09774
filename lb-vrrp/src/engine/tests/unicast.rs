// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers without multicast, and routers with another group.

use super::*;
use crate::params::UnicastPeer;

fn peers() -> RouterConfigBuilder {
    builder(Version::V3, 100)
        .peer(UnicastPeer::new(ip(HIGHER)))
        .peer(UnicastPeer::new(ip("198.51.100.7")).with_hop_limits(60..=64))
        .unicast_hop_limit(64)
}

fn sent(rig: &mut Rig) -> Vec<Transmit> {
    std::iter::from_fn(|| rig.router.poll_output())
        .filter_map(|output| match output {
            Output::SendAdvertisement(sent) => Some(sent),
            _ => None,
        })
        .collect()
}

#[test]
fn each_peer_gets_its_advertisement() {
    let mut rig = Rig::with(peers(), State::Backup);
    rig.fire();
    let sent = sent(&mut rig);
    let to: Vec<_> = sent.iter().map(|sent| sent.destination).collect();
    assert_eq!(to, [ip(HIGHER), ip("198.51.100.7")]);
    for sent in &sent {
        assert_eq!((sent.hop_limit, sent.protocol), (64, 112));
        // The destination is part of the checksum.
        let read = Advertisement::parse(&sent.payload, sent.source, sent.destination).unwrap();
        assert_eq!(read.checksum, ChecksumDialect::PseudoHeader);
    }
    assert_eq!(
        rig.router.stats().advertisements_sent,
        1,
        "one, to everybody"
    );
}

/// What `from` sends to `to` arrives with this many hops left.
fn receive(rig: &mut Rig, from: &str, to: &str, hop_limit: u8) -> Result<(), Rejected> {
    let mut advertisement = advertisement(rig.router.config());
    advertisement.priority = 200.into();
    let payload = advertisement.to_vec(ip(from), ip(to));
    let received = Received {
        source: ip(from),
        destination: ip(to),
        hop_limit,
        encapsulation: Encapsulation::Ip,
        payload: &payload,
    };
    rig.router.handle_advertisement(rig.now, received)
}

#[test]
fn distance_and_source_are_bounded_where_that_is_configured() {
    let group = "224.0.0.18";
    let far = "198.51.100.7";
    let mut rig = Rig::with(peers(), State::Backup);
    for (from, to, hop_limit, expected) in [
        (HIGHER, ME, 1, Ok(())),
        (HIGHER, ME, 255, Ok(())),
        (far, ME, 60, Ok(())),
        (far, ME, 64, Ok(())),
        (far, ME, 59, Err("TTL 59 from this peer, must be 60 to 64")),
        (far, ME, 65, Err("TTL 65 from this peer, must be 60 to 64")),
        (LOWER, ME, 255, Err("not a unicast peer")),
        (HIGHER, group, 255, Err("sent to 224.0.0.18")),
        (ME, ME, 255, Err("not a unicast peer")),
    ] {
        let got = receive(&mut rig, from, to, hop_limit).map_err(|error| error.to_string());
        assert_eq!(got, expected.map_err(str::to_owned), "{from} {hop_limit}");
    }
    let stats = rig.router.stats();
    assert_eq!((stats.ip_ttl_errors, stats.source_errors), (2, 2));
    assert_eq!(stats.protocol_error_reason, ProtocolErrorReason::NoError);

    // Without bounds any sender may be a router, as in keepalived.
    let open = builder(Version::V3, 100).peer(UnicastPeer::new(ip(HIGHER)));
    let mut rig = Rig::with(open.clone(), State::Backup);
    assert_eq!(receive(&mut rig, LOWER, ME, 3), Ok(()));
    assert_eq!(receive(&mut rig, ME, ME, 255), Err(Rejected::OwnAddress));
    let mut rig = Rig::with(open.check_unicast_source(true), State::Backup);
    assert_eq!(receive(&mut rig, LOWER, ME, 3), Err(Rejected::Source));
}

#[test]
fn the_old_unicast_checksum_is_accepted_and_counted() {
    let mut rig = Rig::with(peers(), State::Backup);
    let mut other = advertisement(rig.router.config());
    other.checksum = ChecksumDialect::GroupPseudoHeader;
    let payload = other.to_vec(ip(HIGHER), ip(ME));
    let received = Received {
        source: ip(HIGHER),
        destination: ip(ME),
        hop_limit: 255,
        encapsulation: Encapsulation::Ip,
        payload: &payload,
    };
    rig.router.handle_advertisement(rig.now, received).unwrap();
    assert_eq!(rig.router.stats().group_pseudo_header_checksums, 1);
    assert_eq!(rig.outputs(), ["notice: GroupPseudoHeader"]);
}

#[test]
fn another_group_replaces_the_protocols() {
    let base = builder(Version::V3, 100).group(ip("224.0.0.77"));
    let mut rig = Rig::with(base, State::Backup);
    assert_eq!(receive(&mut rig, HIGHER, "224.0.0.77", 255), Ok(()));
    assert_eq!(
        receive(&mut rig, HIGHER, "224.0.0.18", 255),
        Err(Rejected::Destination {
            destination: ip("224.0.0.18")
        })
    );
    rig.fire();
    assert_eq!(sent(&mut rig)[0].destination, ip("224.0.0.77"));
}
