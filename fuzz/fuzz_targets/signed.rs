// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any bytes as authentication header, as trailer, and as packet of a router that insists on either: no panic;
//! what is read is written the same; nothing is believed that was not signed, and what is discarded changes only
//! counters.
#![no_main]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use lb_vrrp::wire::{Advertisement, AuthenticationHeader, HmacTrailer};
use lb_vrrp::{
    AddressFamily, Authentication, Carrier, HmacConfig, HmacKey, HmacMode, Password, Received,
    RouterConfig, State, Version, VirtualRouter, Vrid, multicast_group,
};
use libfuzzer_sys::fuzz_target;

const IPV4: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const IPV6: [&str; 2] = ["fe80::1", "fe80::10"];

fuzz_target!(|data: &[u8]| {
    round_trips(data);
    // The first bytes say what the packet is; the rest is the packet.
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let pair = if choice & 1 == 0 { IPV4 } else { IPV6 };
    let [own, peer] = pair.map(|address| address.parse::<IpAddr>().expect("an address"));
    let mode = match choice >> 1 & 3 {
        0 => HmacMode::Enforce,
        1 => HmacMode::Permissive,
        _ => HmacMode::ReceiveOnly,
    };
    if choice & 8 == 0 {
        let (header, payload) = rest.split_at(rest.len().min(20));
        let carrier = Carrier::AuthenticationHeader { ip_header: header };
        take(authenticated(own), own, peer, carrier, payload);
    }
    // The sender of the draft's IPv4 vector.
    let peer = if own.is_ipv4() {
        IpAddr::from([198, 51, 100, 10])
    } else {
        peer
    };
    take(signed(own, mode), own, peer, Carrier::Ip, rest);
});

fn round_trips(data: &[u8]) {
    if let Ok((header, rest)) = AuthenticationHeader::parse(data) {
        assert_eq!(header.to_bytes()[..], data[..AuthenticationHeader::LEN]);
        assert_eq!(rest.len(), data.len() - AuthenticationHeader::LEN);
    }
    if let Some(bytes) = data.first_chunk() {
        assert_eq!(HmacTrailer::parse(bytes).to_bytes(), *bytes);
    }
    for [own, peer] in [IPV4, IPV6] {
        let (own, peer): (IpAddr, IpAddr) =
            (own.parse().expect("own"), peer.parse().expect("peer"));
        if let Ok((read, Some(trailer))) = Advertisement::parse_signed(data, peer, own) {
            let again = read.to_signed_vec(peer, own, &key(), trailer.sequence);
            let (same, trailer) =
                Advertisement::parse_signed(&again, peer, own).expect("what we wrote");
            assert_eq!(same, read);
            let message = &again[..again.len() - HmacTrailer::LEN];
            assert!(trailer.expect("a trailer").verify(&key(), message, peer));
        }
    }
}

fn key() -> HmacKey {
    HmacKey::new(1, (0..32).collect::<Vec<u8>>()).expect("a key")
}

fn base(own: IpAddr) -> lb_vrrp::RouterConfigBuilder {
    let vrid = Vrid::new(51).expect("a VRID");
    let address = match own {
        IpAddr::V4(_) => IpAddr::from([192, 0, 2, 100]),
        IpAddr::V6(_) => "fe80::100".parse().expect("an address"),
    };
    RouterConfig::builder(vrid).address(address)
}

fn authenticated(own: IpAddr) -> Option<RouterConfig> {
    let password = Password::new("secret42").ok()?;
    base(own)
        .authentication(Authentication::Ah(password))
        .build()
        .ok()
}

fn signed(own: IpAddr, mode: HmacMode) -> Option<RouterConfig> {
    let hmac = HmacConfig::new([key()], 1).ok()?.with_mode(mode);
    base(own)
        .version(Version::V3)
        .authentication(Authentication::Hmac(hmac))
        .build()
        .ok()
}

/// Gives the packet twice: what was accepted by its signature is not accepted again.
fn take(
    config: Option<RouterConfig>,
    own: IpAddr,
    peer: IpAddr,
    carrier: Carrier<'_>,
    payload: &[u8],
) {
    let Some(mut router) = config.and_then(|config| VirtualRouter::new(config, own).ok()) else {
        return;
    };
    let now = Instant::now();
    router.handle_clock(now, Duration::from_secs(0x6800_0000));
    router.handle_startup(now);
    let received = Received {
        source: peer,
        destination: multicast_group(AddressFamily::of(peer)),
        hop_limit: 255,
        carrier,
        payload,
    };
    let deadline = router.next_timeout();
    let mut accepted = 0;
    for round in 1..=2 {
        let unsigned = router.stats().unsigned_advertisements;
        let taken = router.handle_advertisement(now, received).is_ok();
        let signed = taken && router.stats().unsigned_advertisements == unsigned;
        accepted += u32::from(signed);
        assert!(taken || accepted > 0 || router.next_timeout() == deadline);
        assert_eq!(router.state(), State::Backup);
        let stats = router.stats();
        assert_eq!(stats.packets_received, round);
        assert_eq!(
            stats.packets_received,
            stats.advertisements_received + stats.rejected
        );
    }
    assert!(accepted <= 1, "a recording was accepted");
}
