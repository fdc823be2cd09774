// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes after the IP header: no panic; what is understood is emitted and understood again; a router in
//! any state takes it or counts it, and says a bounded number of things.
#![no_main]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use lb_vrrp::wire::Advertisement;
use lb_vrrp::{
    AddressFamily, Authentication, Carrier, Password, Priority, Received, RouterConfig, Version,
    VirtualRouter, Vrid, multicast_group,
};
use libfuzzer_sys::fuzz_target;

/// The router's own address and that of whoever sends.
const IPV4: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const IPV6: [&str; 2] = ["fe80::1", "fe80::8af:56ff:febd:2bd"];
/// More than one packet or one timeout can give rise to.
const OUTPUTS: usize = 16;

fuzz_target!(|data: &[u8]| {
    for pair in [IPV4, IPV6] {
        let [own, peer] = pair.map(|address| address.parse::<IpAddr>().expect("an address"));
        let group = multicast_group(AddressFamily::of(peer));
        round_trip(data, peer, group);
        round_trip(data, peer, own);
        // A right checksum takes the bytes past the parser.
        let mut right = data.to_vec();
        correct_checksum(&mut right, peer, group);
        round_trip(&right, peer, group);
        for payload in [data, &right] {
            for version in [Version::V2, Version::V3] {
                engine(version, payload, own, peer);
            }
        }
    }
});

fn round_trip(data: &[u8], source: IpAddr, destination: IpAddr) {
    if let Ok(advertisement) = Advertisement::parse(data, source, destination) {
        let emitted = advertisement.to_vec(source, destination);
        let again = Advertisement::parse(&emitted, source, destination);
        assert_eq!(again.as_ref(), Ok(&advertisement));
    }
}

/// RFC 1071 over the message, and over the pseudo header where the family is IPv6.
fn correct_checksum(message: &mut [u8], source: IpAddr, destination: IpAddr) {
    let Some(field) = message.get_mut(6..8) else {
        return;
    };
    field.fill(0);
    let mut summed = message.to_vec();
    if summed.len() % 2 == 1 {
        summed.push(0);
    }
    if let (IpAddr::V6(source), IpAddr::V6(destination)) = (source, destination) {
        summed.extend([source.octets(), destination.octets()].concat());
        summed.extend((message.len() as u32).to_be_bytes());
        summed.extend([0, 0, 0, 112]);
    }
    let words = summed.chunks_exact(2);
    let mut sum: u64 = words
        .map(|word| u64::from(word[0]) << 8 | u64::from(word[1]))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[6..8].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// Takes the packet as backup, as master, and after its farewell.
fn engine(version: Version, payload: &[u8], own: IpAddr, peer: IpAddr) {
    let Some(mut router) = router(version, payload, own) else {
        return;
    };
    let mut now = Instant::now();
    router.handle_startup(now);
    for _ in 0..4 {
        let received = Received {
            source: peer,
            destination: multicast_group(AddressFamily::of(peer)),
            hop_limit: 255,
            carrier: Carrier::Ip,
            payload,
        };
        let before = (router.stats().packets_received, router.state());
        let taken = router.handle_advertisement(now, received).is_ok();
        assert_eq!(router.stats().packets_received, before.0 + 1);
        assert!(
            taken || router.state() == before.1,
            "a rejected packet did something"
        );
        drain(&mut router);
        now = router
            .next_timeout()
            .unwrap_or(now + Duration::from_secs(1))
            .max(now);
        router.handle_timeout(now);
        drain(&mut router);
    }
    router.handle_shutdown(now);
    drain(&mut router);
    assert_eq!(router.next_timeout(), None);
}

/// The router the packet may be for: of its VRID, with the password of the vectors.
fn router(version: Version, payload: &[u8], own: IpAddr) -> Option<VirtualRouter> {
    let vrid = Vrid::new(*payload.get(1)?).ok()?;
    let mut config = RouterConfig::builder(vrid)
        .version(version)
        .priority(Priority::new(150).ok()?);
    config = match own {
        IpAddr::V4(_) => config.address([192, 0, 2, 100].into()),
        IpAddr::V6(_) => config.address("fe80::5e:fe00:120".parse().ok()?),
    };
    if version == Version::V2 && payload.get(4) == Some(&1) {
        config = config.authentication(Authentication::Password(Password::new("secret").ok()?));
    }
    VirtualRouter::new(config.build().ok()?, own).ok()
}

fn drain(router: &mut VirtualRouter) {
    let mut outputs = 0;
    while router.poll_output().is_some() {
        outputs += 1;
        assert!(outputs <= OUTPUTS, "an endless queue");
    }
}
