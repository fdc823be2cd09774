// SPDX-License-Identifier: MIT OR Apache-2.0
//! The observer bites: good frames of ours, spoilt byte by byte and field by field, are all found
//! wrong, but for what [`may_differ`] lists; and nothing makes it panic.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::frame::{v4, v6};
use super::sums::{hmac_md5_96, pseudo_header, sum};
use super::{Account, Authentication, Frame, Profile, Sum, Way, audit};

const SECRET: [u8; 8] = *b"secret\0\0";
const ETHERNET: usize = 14;
const IPV4: usize = ETHERNET + 20;
const IPV6: usize = ETHERNET + 40;
const AUTHENTICATION_LENGTH: usize = 24;
/// Where the recordings begin; anything but zero.
const BEGIN: Duration = Duration::from_secs(1000);

/// A recording of ours, from its first advertisement to its resignation.
struct Good {
    name: &'static str,
    frames: Vec<Frame>,
    profile: Profile,
}

/// What a frame is, as far as checksums go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ipv4Advert,
    SignedAdvert,
    Ipv6Advert,
    Arp,
    Neighbour,
}

impl Kind {
    fn of(bytes: &[u8]) -> Self {
        match (&bytes[12..14], bytes[20], bytes[23]) {
            ([0x08, 0x06], ..) => Self::Arp,
            ([0x08, 0x00], _, 51) => Self::SignedAdvert,
            ([0x08, 0x00], ..) => Self::Ipv4Advert,
            (_, 58, _) => Self::Neighbour,
            _ => Self::Ipv6Advert,
        }
    }
}

fn good() -> Vec<Good> {
    let files = [
        ("v2", include_str!("../../tests/data/frames/v2.hex")),
        (
            "v2-pass",
            include_str!("../../tests/data/frames/v2-pass.hex"),
        ),
        ("v2-ah", include_str!("../../tests/data/frames/v2-ah.hex")),
        (
            "v2-unicast",
            include_str!("../../tests/data/frames/v2-unicast.hex"),
        ),
        (
            "v3-ipv4",
            include_str!("../../tests/data/frames/v3-ipv4.hex"),
        ),
        (
            "v3-ipv6",
            include_str!("../../tests/data/frames/v3-ipv6.hex"),
        ),
    ];
    let good = files.map(|(name, text)| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut frames: Vec<Frame> = lines.map(frame).collect();
        // Announcements come in bursts: one that is wrong must not be found by being missed.
        for index in (0..frames.len()).rev() {
            if is_announcement(&frames[index]) {
                frames.insert(index, frames[index].clone());
            }
        }
        let profile = profile(name, &frames[0].bytes);
        Good {
            name,
            frames,
            profile,
        }
    });
    good.into()
}

/// A line of a recording: seconds, and the bytes in hexadecimal.
fn frame(line: &str) -> Frame {
    let (at, hex) = line.split_once(' ').unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let at = BEGIN + Duration::from_secs_f64(at.parse().unwrap());
    Frame::new(at, 0, Way::Sent, &bytes)
}

fn profile(name: &str, first: &[u8]) -> Profile {
    let [destination, mac] = [0, 6].map(|at| <[u8; 6]>::try_from(&first[at..at + 6]).unwrap());
    let ipv6 = name == "v3-ipv6";
    let version = if name.starts_with("v2") { 2 } else { 3 };
    let source = if ipv6 {
        v6(first, ETHERNET + 8).unwrap()
    } else {
        IpAddr::from([192, 168, 1, 11])
    };
    let addresses: &[&str] = if ipv6 {
        &["fe80::5e:51", "fd00:1::50"]
    } else {
        &["192.168.1.50"]
    };
    let sum = if version == 2 {
        Sum::Message
    } else {
        Sum::Pseudo
    };
    Profile {
        mac,
        virtual_mac: None,
        source,
        own: vec![source],
        peer: (name == "v2-unicast").then_some(([192, 168, 1, 12].into(), destination)),
        version,
        vrid: 51,
        priority: 150,
        interval: Duration::from_millis(if version == 2 { 1000 } else { 300 }),
        sum,
        accepts: vec![sum],
        authentication: match name {
            "v2-pass" => Authentication::Password(SECRET),
            "v2-ah" => Authentication::Header(SECRET),
            _ => Authentication::None,
        },
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

/// The account of a recording that began with the daemon.
fn account(frames: &[Frame], profile: &Profile) -> Account {
    let start = BEGIN - Duration::from_secs(10);
    audit(frames, 0, profile, &[start])
}

fn is_announcement(frame: &Frame) -> bool {
    matches!(Kind::of(&frame.bytes), Kind::Arp | Kind::Neighbour)
}

fn is_good(account: &Account) -> bool {
    account.faults.is_empty() && account.unexplained == 0
}

impl Good {
    fn with(&self, index: usize, bytes: &[u8]) -> Account {
        let mut frames = self.frames.clone();
        frames[index] = Frame::new(frames[index].at, 0, Way::Sent, bytes);
        account(&frames, &self.profile)
    }

    /// All checksums and digests made right again, so that nothing but the change is wrong.
    fn resummed(&self, kind: Kind, bytes: &mut [u8]) {
        if matches!(kind, Kind::Ipv4Advert | Kind::SignedAdvert) {
            put_sum(bytes, ETHERNET, IPV4, 10, &[]);
        }
        match kind {
            Kind::Arp => {}
            Kind::Ipv4Advert | Kind::SignedAdvert => {
                let message = match kind {
                    Kind::SignedAdvert => IPV4 + AUTHENTICATION_LENGTH,
                    _ => IPV4,
                };
                let addresses = [12, 16].map(|at| v4(bytes, ETHERNET + at).unwrap());
                let length = bytes.len() - message;
                let pseudo = match self.profile.sum {
                    Sum::Pseudo => pseudo_header(addresses[0], addresses[1], 112, length),
                    _ => Vec::new(),
                };
                put_sum(bytes, message, bytes.len(), 6, &pseudo);
                if kind == Kind::SignedAdvert {
                    sign(bytes);
                }
            }
            Kind::Ipv6Advert | Kind::Neighbour => {
                let (protocol, field) = if kind == Kind::Neighbour {
                    (58, 2)
                } else {
                    (112, 6)
                };
                let addresses = [8, 24].map(|at| v6(bytes, ETHERNET + at).unwrap());
                let length = bytes.len() - IPV6;
                let pseudo = pseudo_header(addresses[0], addresses[1], protocol, length);
                put_sum(bytes, IPV6, bytes.len(), field, &pseudo);
            }
        }
    }

    /// Why a frame with this byte changed is as good, if it is.
    fn may_differ(&self, index: usize, kind: Kind, at: usize, value: u8) -> Option<&'static str> {
        let frame = &self.frames[index].bytes;
        let changed = frame[at] ^ value;
        match (kind, at) {
            (Kind::Ipv4Advert | Kind::SignedAdvert, 18 | 19) => Some("the kernel numbers packets"),
            (Kind::Ipv4Advert | Kind::SignedAdvert, 20) if changed == 0x40 => {
                Some("don't fragment is the kernel's choice")
            }
            (Kind::Ipv6Advert | Kind::Neighbour, 15) if changed < 0x10 => {
                Some("the kernel labels flows")
            }
            (Kind::Ipv6Advert | Kind::Neighbour, 16 | 17) => Some("the kernel labels flows"),
            (Kind::Neighbour, 58) if changed == 0x80 => Some("the router flag follows forwarding"),
            (Kind::SignedAdvert, 42..46) => {
                let number = |frame: &Frame, change: Option<(usize, u8)>| {
                    let mut bytes = frame.bytes.to_vec();
                    if let Some((at, value)) = change {
                        bytes[at] = value;
                    }
                    u32::from_be_bytes(bytes[42..46].try_into().unwrap())
                };
                let signed =
                    |index: &usize| Kind::of(&self.frames[*index].bytes) == Kind::SignedAdvert;
                let before = (0..index).rev().find(signed);
                let after = (index + 1..self.frames.len()).find(signed);
                let this = number(&self.frames[index], Some((at, value)));
                let above = before.map_or(0, |of| number(&self.frames[of], None)) < this;
                let below = after.is_none_or(|of| this < number(&self.frames[of], None));
                (above && below).then_some("sequence numbers may have gaps")
            }
            _ => None,
        }
    }
}

/// Puts the checksum of `bytes[from..to]` at its offset `field`.
fn put_sum(bytes: &mut [u8], from: usize, to: usize, field: usize, pseudo: &[u8]) {
    bytes[from + field..from + field + 2].fill(0);
    let right = !sum(&[pseudo, &bytes[from..to]]);
    bytes[from + field..from + field + 2].copy_from_slice(&right.to_be_bytes());
}

/// RFC 2402 as keepalived has it.
fn sign(bytes: &mut [u8]) {
    let mut text = bytes[ETHERNET..].to_vec();
    for at in [1, 6, 7, 10, 11] {
        text[at] = 0;
    }
    text[32..44].fill(0);
    let digest = hmac_md5_96(&SECRET, &text).unwrap();
    bytes[IPV4 + 12..IPV4 + 24].copy_from_slice(&digest);
}

#[test]
fn good_frames_are_good() {
    for good in good() {
        let account = account(&good.frames, &good.profile);
        assert!(is_good(&account), "{}: {:?}", good.name, account.faults);
        assert_eq!((account.adverts, account.resignations), (3, 1));
        // And what the spoils recompute is what was there.
        for frame in &good.frames {
            let mut bytes = frame.bytes.to_vec();
            good.resummed(Kind::of(&bytes), &mut bytes);
            assert_eq!(bytes[..], frame.bytes[..], "{}", good.name);
        }
    }
}

#[test]
fn a_byte_that_is_wrong_is_found() {
    let mut missed = Vec::new();
    for good in good() {
        for (index, frame) in good.frames.iter().enumerate() {
            for at in 0..frame.bytes.len() {
                for change in [0x01, 0x10, 0x80, 0xff] {
                    let mut bytes = frame.bytes.to_vec();
                    bytes[at] ^= change;
                    let kind = Kind::of(&frame.bytes);
                    // Nothing sums up IPv6's header.
                    let summed = matches!(kind, Kind::Ipv4Advert | Kind::SignedAdvert);
                    let free = good.may_differ(index, kind, at, bytes[at]);
                    let account = good.with(index, &bytes);
                    if is_good(&account) != (!summed && at < IPV6 && free.is_some()) {
                        missed.push(format!(
                            "{}, frame {index}, byte {at} ^ {change:02x}",
                            good.name
                        ));
                    }
                }
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}

/// The same with all checksums and digests right: the fields themselves are looked at.
#[test]
fn a_byte_that_is_wrong_and_summed_up_is_found() {
    let mut missed = Vec::new();
    for good in good() {
        for (index, frame) in good.frames.iter().enumerate() {
            let kind = Kind::of(&frame.bytes);
            for at in 0..frame.bytes.len() {
                for bit in 0..8 {
                    let mut bytes = frame.bytes.to_vec();
                    bytes[at] ^= 1 << bit;
                    let value = bytes[at];
                    good.resummed(kind, &mut bytes);
                    if bytes[..] == frame.bytes[..] {
                        // A checksum or a digest.
                        continue;
                    }
                    let account = good.with(index, &bytes);
                    let free = good.may_differ(index, kind, at, value);
                    if is_good(&account) != free.is_some() {
                        missed.push(format!(
                            "{}, frame {index}, byte {at} = {value:02x}",
                            good.name
                        ));
                    }
                }
            }
        }
    }
    assert_eq!(missed, [""; 0]);
}

#[test]
fn a_frame_that_is_cut_or_padded_is_found() {
    for good in good() {
        for (index, frame) in good.frames.iter().enumerate() {
            for length in (0..frame.bytes.len() + 8).filter(|length| *length != frame.bytes.len()) {
                let mut bytes = frame.bytes.to_vec();
                bytes.resize(length, 0);
                let account = good.with(index, &bytes);
                assert!(!is_good(&account), "{}, {index}: {length}", good.name);
            }
        }
    }
}

#[test]
fn a_profile_that_differs_in_one_field_is_found() {
    type Edit = (&'static str, fn(&mut Profile));
    let edits: [Edit; 14] = [
        ("mac", |profile| profile.mac[5] ^= 1),
        ("virtual mac", |profile| {
            profile.virtual_mac = Some([0, 0, 0x5e, 0, 1, 51]);
        }),
        ("source", |profile| {
            profile.source = match profile.source {
                IpAddr::V4(_) => [192, 168, 1, 13].into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
        }),
        ("peer", |profile| {
            profile.peer = match profile.peer {
                Some(_) => None,
                None => Some(([192, 168, 1, 12].into(), [2; 6])),
            };
        }),
        ("version", |profile| profile.version ^= 1),
        ("vrid", |profile| profile.vrid += 1),
        ("priority", |profile| profile.priority += 1),
        ("interval", |profile| profile.interval *= 2),
        ("sum", |profile| {
            profile.sum = match profile.sum {
                Sum::Message => Sum::Pseudo,
                _ => Sum::Message,
            };
        }),
        ("authentication", |profile| {
            profile.authentication = match (profile.version, profile.authentication) {
                (2, Authentication::None) => Authentication::Password(SECRET),
                _ => Authentication::Header(*b"other\0\0\0"),
            };
        }),
        ("no authentication", |profile| {
            profile.authentication = match (profile.version, profile.authentication) {
                (2, Authentication::Password(_) | Authentication::Header(_)) => {
                    Authentication::None
                }
                _ => Authentication::Header(SECRET),
            };
        }),
        ("one address more", |profile| {
            profile.addresses.push([192, 168, 1, 51].into());
        }),
        ("one address less", |profile| {
            profile.addresses.pop();
        }),
        ("another address", |profile| {
            profile.addresses[0] = [192, 168, 1, 51].into();
        }),
    ];
    for good in good() {
        for (what, edit) in edits {
            let mut profile = good.profile.clone();
            edit(&mut profile);
            let account = account(&good.frames, &profile);
            assert!(!is_good(&account), "{}: {what}", good.name);
        }
    }
}

#[test]
fn a_frame_at_the_wrong_time_is_found() {
    for good in good() {
        let found = |what: &str, frames: &[Frame]| {
            let account = account(frames, &good.profile);
            assert!(!is_good(&account), "{}: {what}", good.name);
        };
        let moved = |index: usize, to: Duration| {
            let mut frames = good.frames.clone();
            frames[index].at = to;
            frames.sort_by_key(|frame| frame.at);
            frames
        };
        let last = good.frames.len() - 1;
        let interval = good.profile.interval;
        for (index, frame) in good.frames.iter().enumerate() {
            if is_announcement(frame) {
                found("announced before", &moved(index, BEGIN - interval / 2));
                found("announced after", &moved(index, BEGIN + interval * 4));
                let mut frames = good.frames.clone();
                frames.retain(|other| other.bytes != frame.bytes);
                found("never announced", &frames);
            } else {
                let mut frames = good.frames.clone();
                frames.insert(index + 1, frame.clone());
                found("said twice", &frames);
                let mut frames = good.frames.clone();
                frames.insert(index + 1, frame.clone());
                frames[index + 1].at += interval / 2;
                frames.sort_by_key(|frame| frame.at);
                found("said again in half an interval", &frames);
            }
        }
        found("resigned before", &moved(last, BEGIN - interval / 2));
        let after = good.frames[last].at + interval;
        found("advertised after", &moved(0, after));
        let late: Vec<Frame> = good
            .frames
            .iter()
            .map(|frame| {
                let mut frame = frame.clone();
                if frame.at > BEGIN + interval / 2 {
                    frame.at += interval * 11;
                }
                frame
            })
            .collect();
        found("silent for ten intervals", &late);
        let early = audit(&good.frames, 0, &good.profile, &[BEGIN - interval * 3]);
        assert!(!is_good(&early), "{}: too early", good.name);
    }
}

/// Two that were waiting for as long: each sends before it reads the other's, and the worse one
/// takes it back. Later it would be a second master.
#[test]
fn first_advertisements_that_cross_are_no_fault() {
    for good in good() {
        let advert = &good.frames[0];
        let interval = good.profile.interval;
        let start = BEGIN - good.profile.master_down(interval) - Duration::from_millis(1);
        let mut profile = good.profile.clone();
        profile.accepts = vec![Sum::Message, Sum::Pseudo];
        let mut bytes = advert.bytes.to_vec();
        // The other's priority, in the same words.
        let at = match Kind::of(&bytes) {
            Kind::SignedAdvert => IPV4 + AUTHENTICATION_LENGTH + 2,
            Kind::Ipv6Advert => IPV6 + 2,
            _ => IPV4 + 2,
        };
        bytes[at] = 200;
        good.resummed(Kind::of(&advert.bytes), &mut bytes);
        let heard = |before: Duration| {
            let frames = [
                Frame::new(BEGIN - before, 0, Way::Delivered, &bytes),
                advert.clone(),
            ];
            audit(&frames, 0, &profile, &[start])
        };
        let crossed = heard(Duration::from_micros(300));
        assert!(is_good(&crossed), "{}: {:?}", good.name, crossed.faults);
        assert_eq!((crossed.crossed, crossed.reigns.len()), (1, 0));
        let second = heard(Duration::from_millis(200));
        assert!(!is_good(&second), "{}", good.name);
    }
}
