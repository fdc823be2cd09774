// SPDX-License-Identifier: MIT OR Apache-2.0
//! IP authentication headers and HMAC trailers: proved, fresh, or discarded.

use std::sync::Arc;

use super::*;
use crate::{
    params::{AntiReplay, HmacConfig, HmacKey, HmacMode},
    wire::{AuthenticationHeader, HmacTrailer},
};

const NOW: Duration = Duration::from_secs(0x6800_0000);

fn ah() -> RouterConfigBuilder {
    builder(Version::V2, 100).authentication(Authentication::Ah(Password::new("secret42").unwrap()))
}

fn key(id: u8) -> HmacKey {
    HmacKey::new(id, [id; 32]).unwrap()
}

fn hmac(change: impl FnOnce(HmacConfig) -> HmacConfig) -> RouterConfigBuilder {
    let hmac = HmacConfig::new([key(1), key(2)], 1).unwrap();
    builder(Version::V3, 100).authentication(Authentication::Hmac(change(hmac)))
}

/// A router that knows the time of day.
fn rig(base: RouterConfigBuilder, state: State) -> Rig {
    let mut rig = Rig::with(base, state);
    rig.router.handle_clock(rig.now, NOW);
    rig
}

/// Another router of this configuration at another address, as master: what it sends first.
fn sent_by(base: RouterConfigBuilder, from: &str, utc: Duration) -> Transmit {
    let mut router = VirtualRouter::new(base.build().unwrap(), ip(from)).unwrap();
    let start = Instant::now();
    router.handle_startup(start);
    let at = router.next_timeout().unwrap();
    router.handle_clock(at, utc);
    router.handle_timeout(at);
    first_sent(&mut router)
}

fn first_sent(router: &mut VirtualRouter) -> Transmit {
    std::iter::from_fn(|| router.poll_output())
        .find_map(|output| match output {
            Output::SendAdvertisement(sent) => Some(sent),
            _ => None,
        })
        .expect("an advertisement")
}

/// The IPv4 header as the kernel would complete it, TTL and all.
fn ip_header(sent: &Transmit) -> Vec<u8> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (sent.source, sent.destination) else {
        panic!("IPv4");
    };
    let total = u16::try_from(20 + sent.payload.len()).unwrap();
    let mut header = vec![0x45, 0xc0];
    header.extend(total.to_be_bytes());
    header.extend(sent.identification.to_be_bytes());
    header.extend([0, 0, sent.hop_limit, sent.protocol, 0xab, 0xcd]);
    header.extend(source.octets());
    header.extend(destination.octets());
    header
}

fn give(rig: &mut Rig, sent: &Transmit) -> Result<(), Rejected> {
    let header = ip_header(sent);
    let received = Received {
        source: sent.source,
        destination: sent.destination,
        hop_limit: sent.hop_limit,
        encapsulation: match sent.protocol {
            51 => Encapsulation::AuthenticationHeader { ip_header: &header },
            _ => Encapsulation::Ip,
        },
        payload: &sent.payload,
    };
    rig.router.handle_advertisement(rig.now, received)
}

#[test]
fn a_captured_authentication_header_is_accepted_and_our_own_is_the_same() {
    // keepalived 2.2.7: 192.0.2.2, priority 150, VRID 51, password secret42.
    let hex = include_str!("../../../tests/data/ip-v2-ah.hex");
    let digits: String = hex.lines().filter(|line| !line.starts_with('#')).collect();
    let packet: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    let mut rig = Rig::with(ah(), State::Backup);
    let received = Received {
        source: ip("192.0.2.2"),
        destination: ip("224.0.0.18"),
        hop_limit: packet[8],
        encapsulation: Encapsulation::AuthenticationHeader {
            ip_header: &packet[..20],
        },
        payload: &packet[20..],
    };
    rig.router.handle_advertisement(rig.now, received).unwrap();
    assert_eq!(rig.router.master(), Some((ip("192.0.2.2"), priority(150))));
    // A recording of it is of no use.
    assert_eq!(
        rig.router.handle_advertisement(rig.now, received),
        Err(Rejected::SequenceReplayed {
            sequence: 1,
            last: 1
        })
    );

    let sent = sent_by(ah().priority(priority(150)), "192.0.2.2", NOW);
    assert_eq!((sent.protocol, sent.identification), (51, 1));
    assert_eq!(*sent.payload, packet[20..]);
}

#[test]
fn an_authentication_header_must_be_right_in_every_part() {
    let good = sent_by(ah(), HIGHER, NOW);
    let mut rig = Rig::with(ah(), State::Backup);
    // Any bit but those of the checksum that the digest does not need: it covers everything.
    for at in 0..good.payload.len() {
        let mut bad = good.clone();
        Arc::make_mut(&mut bad.payload)[at] ^= 1;
        let before = *rig.router.stats();
        assert!(give(&mut rig, &bad).is_err(), "byte {at}");
        assert_eq!(rig.router.stats().rejected, before.rejected + 1);
    }
    let other = sent_by(
        builder(Version::V2, 100)
            .authentication(Authentication::Ah(Password::new("other").unwrap())),
        HIGHER,
        NOW,
    );
    assert_eq!(give(&mut rig, &other), Err(Rejected::AuthenticationFailure));
    // The IP header is covered too, but not what routers change.
    let received = |header: &[u8]| {
        let mut rig = Rig::with(ah(), State::Backup);
        let received = Received {
            source: good.source,
            destination: good.destination,
            hop_limit: 255,
            encapsulation: Encapsulation::AuthenticationHeader { ip_header: header },
            payload: &good.payload,
        };
        rig.router.handle_advertisement(rig.now, received)
    };
    for (at, mutable) in [
        (1, true),
        (4, false),
        (6, true),
        (10, true),
        (12, false),
        (19, false),
    ] {
        let mut header = ip_header(&good);
        header[at] ^= 1;
        assert_eq!(received(&header).is_ok(), mutable, "byte {at}");
    }
    assert!(received(&[]).is_err());
    assert_eq!(give(&mut rig, &good), Ok(()));
}

#[test]
fn types_do_not_mix() {
    let header = sent_by(ah(), HIGHER, NOW);
    let plain = sent_by(builder(Version::V2, 100), HIGHER, NOW);
    let mismatch = |got, expected| Err(Rejected::AuthenticationType { got, expected });
    let mut none = Rig::in_state(Version::V2, 100, State::Backup);
    assert_eq!(give(&mut none, &header), mismatch(2, 0));
    let mut with = Rig::with(ah(), State::Backup);
    assert_eq!(give(&mut with, &plain), mismatch(0, 2));
    // Type 2 in the message, and no header in front of it.
    let mut bare = header.clone();
    bare.protocol = 112;
    bare.payload = bare.payload[24..].into();
    assert_eq!(
        give(&mut with, &bare),
        Err(Rejected::AuthenticationHeaderMissing)
    );
    assert_eq!(with.router.stats().authentication_type_mismatch, 2);
    // The header of another sender, moved.
    let mut moved = header;
    moved.source = ip(LOWER);
    assert_eq!(
        give(&mut with, &moved),
        Err(Rejected::AuthenticationFailure)
    );
}

#[test]
fn a_foreign_security_parameter_index_is_refused() {
    let mut sent = sent_by(ah(), HIGHER, NOW);
    let (_, message) = AuthenticationHeader::parse(&sent.payload).unwrap();
    let message = message.to_vec();
    let mut header = AuthenticationHeader::new([192, 0, 2, 77].into(), 1);
    let key = Password::new("secret42").unwrap();
    header.sign(&key, &ip_header(&sent), false, &message);
    sent.payload = [&header.to_bytes()[..], &message].concat().into();
    let mut rig = Rig::with(ah(), State::Backup);
    assert_eq!(
        give(&mut rig, &sent),
        Err(Rejected::SecurityParameterIndex {
            spi: [192, 0, 2, 77].into()
        })
    );
}

#[test]
fn ah_sequence_new_master_continues_from_the_old() {
    let mut rig = Rig::with(ah(), State::Backup);
    let mut old = Rig::with(ah(), State::Master);
    old.router.set_primary(ip(HIGHER)).unwrap();
    for sequence in 2..5 {
        old.fire();
        let sent = first_sent(&mut old.router);
        give(&mut rig, &sent).unwrap();
        assert_eq!(rig.router.handover_state(rig.now).ah_seen, sequence);
    }
    rig.fire();
    assert_eq!(rig.router.handover_state(rig.now).ah_sent, 5);
}

#[test]
fn what_is_discarded_moves_no_sequence() {
    let three = AdvertInterval::from_secs(3).unwrap();
    let mut rig = Rig::with(ah(), State::Backup);
    let sent = sent_by(ah().interval(three), HIGHER, NOW);
    assert!(matches!(
        give(&mut rig, &sent),
        Err(Rejected::Interval { .. })
    ));
    assert_eq!(rig.router.handover_state(rig.now).ah_seen, 0);
}

#[test]
fn a_signed_advertisement_is_accepted_once() {
    for version in [Version::V2, Version::V3] {
        let base = || hmac(|hmac| hmac).version(version);
        let mut rig = rig(base(), State::Backup);
        let sent = sent_by(base().priority(priority(200)), HIGHER, NOW);
        assert_eq!(give(&mut rig, &sent), Ok(()));
        assert_eq!(rig.router.master(), Some((ip(HIGHER), priority(200))));
        assert!(matches!(
            give(&mut rig, &sent),
            Err(Rejected::TrailerReplayed { .. })
        ));
        assert_eq!(rig.router.stats().replays, 1);
        // Another sender's sequence is its own.
        let sent = sent_by(base(), LOWER, NOW);
        assert_eq!(give(&mut rig, &sent), Ok(()));
    }
}

#[test]
fn a_trailer_must_be_right_in_every_part() {
    let mut rig = rig(hmac(|hmac| hmac), State::Backup);
    let good = sent_by(hmac(|hmac| hmac), HIGHER, NOW);
    for at in 0..good.payload.len() {
        let mut bad = good.clone();
        Arc::make_mut(&mut bad.payload)[at] ^= 1;
        assert!(give(&mut rig, &bad).is_err(), "byte {at}");
    }
    let tail = good.payload.len() - HmacTrailer::LEN;
    let mut change = |at: usize, value: u8| {
        let mut bad = good.clone();
        Arc::make_mut(&mut bad.payload)[tail + at] ^= value;
        give(&mut rig, &bad).unwrap_err()
    };
    assert_eq!(
        change(0, 3),
        Rejected::TrailerMalformed {
            kind: 2,
            reserved: 0
        }
    );
    assert_eq!(
        change(3, 1),
        Rejected::TrailerMalformed {
            kind: 1,
            reserved: 1
        }
    );
    assert_eq!(change(1, 8), Rejected::TrailerKey { id: 9 });
    assert_eq!(change(1, 3), Rejected::TrailerInvalid { id: 2 });
    assert_eq!(change(27, 1), Rejected::TrailerInvalid { id: 1 });
    // It is bound to its sender.
    let mut moved = good.clone();
    moved.source = ip(LOWER);
    assert!(give(&mut rig, &moved).is_err());
    assert_eq!(give(&mut rig, &good), Ok(()));
}

#[test]
fn a_trailer_of_another_time_is_refused() {
    for (offset, expected) in [(-6_i64, Some(6)), (-5, None), (5, None), (6, Some(-6))] {
        let utc = Duration::from_secs(NOW.as_secs().checked_add_signed(offset).unwrap());
        let mut rig = rig(hmac(|hmac| hmac), State::Backup);
        let sent = sent_by(hmac(|hmac| hmac), HIGHER, utc);
        let got = give(&mut rig, &sent);
        match expected {
            Some(skew) => assert_eq!(got, Err(Rejected::TrailerStale { skew, window: 5 })),
            None => {
                assert_eq!(got, Ok(()));
                let notice = format!("notice: clock of {HIGHER} {}", -offset);
                assert_eq!(rig.outputs(), [notice]);
            }
        }
    }
    // Our own clock advances too.
    let mut rig = rig(hmac(|hmac| hmac), State::Backup);
    let sent = sent_by(hmac(|hmac| hmac), HIGHER, NOW);
    rig.now += millis(6000);
    assert!(matches!(
        give(&mut rig, &sent),
        Err(Rejected::TrailerStale { .. })
    ));
    // Who does not know the time cannot tell.
    let mut rig = Rig::with(hmac(|hmac| hmac), State::Backup);
    assert_eq!(give(&mut rig, &sent), Err(Rejected::TrailerWithoutClock));
    assert_eq!(rig.router.stats().hmac_stale, 1);
}

#[test]
fn without_a_window_only_growth_counts() {
    let monotonic = || hmac(|hmac| hmac.with_anti_replay(AntiReplay::Monotonic).unwrap());
    let mut rig = Rig::with(monotonic(), State::Backup);
    let later = sent_by(monotonic(), HIGHER, NOW + Duration::from_secs(1000));
    let earlier = sent_by(monotonic(), HIGHER, NOW);
    assert_eq!(give(&mut rig, &later), Ok(()));
    assert!(matches!(
        give(&mut rig, &earlier),
        Err(Rejected::TrailerReplayed { .. })
    ));
}

#[test]
fn hmac_sender_with_clock_set_back_is_accepted_again() {
    let mut rig = rig(hmac(|hmac| hmac), State::Backup);
    let sent = sent_by(hmac(|hmac| hmac), HIGHER, NOW + Duration::from_secs(4));
    assert_eq!(give(&mut rig, &sent), Ok(()));
    // Both clocks are set back by a minute: the old mark guards nothing any more.
    let past = NOW - Duration::from_secs(60);
    rig.router.handle_clock(rig.now, past);
    let sent = sent_by(hmac(|hmac| hmac), HIGHER, past);
    assert_eq!(give(&mut rig, &sent), Ok(()));
    assert!(give(&mut rig, &sent).is_err());
}

#[test]
fn modes_let_a_group_change_over_without_a_gap() {
    let base = |mode| hmac(|hmac| hmac.with_mode(mode));
    let plain = sent_by(base(HmacMode::ReceiveOnly), HIGHER, NOW);
    assert_eq!(plain.payload.len(), 12, "receive-only signs nothing");
    let signed = sent_by(base(HmacMode::Permissive), HIGHER, NOW);
    for mode in [HmacMode::Permissive, HmacMode::ReceiveOnly] {
        let mut rig = rig(base(mode), State::Backup);
        assert_eq!(give(&mut rig, &plain), Ok(()));
        assert_eq!(give(&mut rig, &plain), Ok(()));
        assert_eq!(
            rig.outputs(),
            [format!("notice: unsigned {HIGHER}")],
            "reported once"
        );
        assert_eq!(rig.router.stats().unsigned_advertisements, 2);
        assert_eq!(give(&mut rig, &signed), Ok(()));
        let mut bad = signed.clone();
        *Arc::make_mut(&mut bad.payload).last_mut().unwrap() ^= 1;
        assert_eq!(
            give(&mut rig, &bad),
            Err(Rejected::TrailerInvalid { id: 1 })
        );
    }
    let mut rig = rig(base(HmacMode::Enforce), State::Backup);
    assert_eq!(give(&mut rig, &plain), Err(Rejected::TrailerMissing));
    assert_eq!(rig.router.stats().hmac_missing, 1);
    // Who knows nothing of trailers sees a wrong length.
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    give(&mut rig, &signed).unwrap_err();
    assert_eq!(rig.router.stats().packet_length_errors, 1);
}

#[test]
fn any_configured_key_is_accepted() {
    let second = HmacConfig::new([key(1), key(2)], 2).unwrap();
    let second = builder(Version::V3, 100).authentication(Authentication::Hmac(second));
    let mut rig = rig(hmac(|hmac| hmac), State::Backup);
    assert_eq!(give(&mut rig, &sent_by(second, HIGHER, NOW)), Ok(()));
}
