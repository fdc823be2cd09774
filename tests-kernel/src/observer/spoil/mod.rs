// SPDX-License-Identifier: MIT OR Apache-2.0
//! The observer bites: good frames of ours, spoilt byte by byte and field by field, are all found
//! wrong, but for what `may_differ` lists; and nothing makes it panic.

mod good;
mod time;

use std::net::{IpAddr, Ipv6Addr};

use super::{Authentication, Profile, Sum};
use good::{IPV6, Kind, SECRET, account, good, is_good};

#[test]
fn good_frames_are_good() {
    for good in good() {
        let account = account(&good.frames, &good.profile);
        assert!(is_good(&account), "{}: {:?}", good.name, account.faults);
        assert_eq!((account.adverts, account.resignations), (3, 1));
        // And what the spoils recompute is what was there.
        for frame in &good.frames {
            let mut bytes = frame.bytes.to_vec();
            good.resummed(Kind::from_bytes(&bytes), &mut bytes);
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
                    let kind = Kind::from_bytes(&frame.bytes);
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
            let kind = Kind::from_bytes(&frame.bytes);
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
