// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adverts with an HMAC trailer: elected among those who know the key, and of no use to others.

use std::time::{Duration, Instant};

use lb_vrrp::spec::RouterSpec;
use lb_vrrp::wire::{Advertisement, HmacTrailer};
use lb_vrrp::{AntiReplay, Authentication, HmacConfig, HmacKey, State};

use super::netns::{Capture, Frame, Injector, Lan, Node, wait_for};
use super::{quick, spec};

fn key(secret: u8) -> HmacKey {
    HmacKey::new(1, [secret; 32]).unwrap()
}

fn signed(priority: u8, secret: u8) -> RouterSpec {
    let window = Duration::from_secs(30);
    let hmac = HmacConfig::new([key(secret)], 1)
        .unwrap()
        .with_anti_replay(AntiReplay::Time { window })
        .unwrap();
    let config = quick(51, priority).authentication(Authentication::Hmac(hmac));
    spec(config.build().unwrap())
}

/// The VRRP message with its trailer, and the trailer.
fn trailer(frame: &Frame) -> Option<(&[u8], HmacTrailer)> {
    let packet = frame.vrrp()?;
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let message = &packet[20..length];
    let source = std::net::IpAddr::from(<[u8; 4]>::try_from(&packet[12..16]).unwrap());
    let destination = std::net::IpAddr::from(<[u8; 4]>::try_from(&packet[16..20]).unwrap());
    let (_, trailer) = Advertisement::parse_signed(message, source, destination).unwrap();
    let trailer = trailer.unwrap();
    let unsigned = &message[..message.len() - HmacTrailer::LEN];
    assert!(trailer.verify(&key(7), unsigned, source));
    Some((message, trailer))
}

// shows vrrp_instance: auth_hmac
#[testbed::host_test]
fn signed_adverts_elect_and_recordings_and_forgeries_do_nothing() {
    let lan = Lan::new();
    let capture = Capture::start(&lan.c);
    let a = Node::start(&lan.a, vec![signed(150, 7)]);
    a.wait_state(State::Master);
    let b = Node::start(&lan.b, vec![signed(100, 7)]);
    b.wait_state(State::Backup);
    let mac = lan.a.mac();
    let seen = wait_for("ten signed adverts", || {
        let mut frames = capture.frames();
        frames.retain(|frame| frame.vrrp_from(mac).is_some());
        Some(frames).filter(|frames| frames.len() >= 10)
    });
    let trailers: Vec<_> = seen.iter().filter_map(trailer).collect();
    assert!(
        trailers.is_sorted_by(|(_, one), (_, next)| one.sequence < next.sequence),
        "sequences grow"
    );
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let sent = trailers[0].1.sequence >> 32;
    assert!(now.abs_diff(sent) < 30, "made at {sent}, now {now}");
    wait_for("five accepted adverts", || {
        (b.status().routers[0].counters.stats.advertisements_received >= 5).then_some(())
    });
    assert_eq!(b.state(), State::Backup);

    // Recordings from the sender's own address, and a forgery that would win.
    let from_c = Injector::new(&lan.c);
    for (message, _) in trailers.iter().take(3) {
        from_c.send([192, 0, 2, 1], 255, message);
    }
    let mut forged = trailers[0].0.to_vec();
    forged[2] = 254;
    forged[6..8].fill(0);
    let sum = super::checksum(&forged[..12]).to_be_bytes();
    forged[6..8].copy_from_slice(&sum);
    from_c.send([192, 0, 2, 3], 255, &forged);
    let stats = wait_for("four rejected packets", || {
        let stats = b.status().routers[0].counters.stats;
        (stats.replays >= 3 && stats.hmac_invalid >= 1).then_some(stats)
    });
    assert_eq!((stats.replays, stats.hmac_invalid), (3, 1));
    assert_eq!((a.state(), b.state()), (State::Master, State::Backup));

    // A router with another key is ignored, and ignores the others.
    drop(b);
    let other = Node::start(&lan.b, vec![signed(100, 8)]);
    other.wait_state(State::Master);
    wait_for("forgeries counted at both", || {
        let invalid = |node: &Node| node.status().routers[0].counters.stats.hmac_invalid;
        (invalid(&a) >= 1 && invalid(&other) >= 1).then_some(())
    });
    assert_eq!(a.state(), State::Master);
    let start = Instant::now();
    drop(other);
    assert!(start.elapsed() < Duration::from_secs(10));
}
