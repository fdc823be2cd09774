// SPDX-License-Identifier: MIT OR Apache-2.0
//! Good frames of ours, from the files in `tests/data/frames`, and the means to spoil them.

use std::net::IpAddr;
use std::time::Duration;

use super::super::frame::{v4, v6};
use super::super::sums::{hmac_md5_96, pseudo_header, sum};
use super::super::{Account, Authentication, Frame, Profile, Sum, Way, audit};

pub(super) const SECRET: [u8; 8] = *b"secret\0\0";
pub(super) const ETHERNET: usize = 14;
pub(super) const IPV4: usize = ETHERNET + 20;
pub(super) const IPV6: usize = ETHERNET + 40;
pub(super) const AUTHENTICATION_LENGTH: usize = 24;
/// Where the recordings begin; anything but zero.
pub(super) const BEGIN: Duration = Duration::from_secs(1000);

/// A recording of ours, from its first advertisement to its resignation.
pub(super) struct Good {
    pub(super) name: &'static str,
    pub(super) frames: Vec<Frame>,
    pub(super) profile: Profile,
}

/// What a frame is, as far as checksums go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ipv4Advert,
    SignedAdvert,
    Ipv6Advert,
    Arp,
    Neighbour,
}

impl Kind {
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        match (&bytes[12..14], bytes[20], bytes[23]) {
            ([0x08, 0x06], ..) => Self::Arp,
            ([0x08, 0x00], _, 51) => Self::SignedAdvert,
            ([0x08, 0x00], ..) => Self::Ipv4Advert,
            (_, 58, _) => Self::Neighbour,
            _ => Self::Ipv6Advert,
        }
    }
}

pub(super) fn good() -> Vec<Good> {
    let files = [
        ("v2", include_str!("../../../tests/data/frames/v2.hex")),
        (
            "v2-pass",
            include_str!("../../../tests/data/frames/v2-pass.hex"),
        ),
        (
            "v2-ah",
            include_str!("../../../tests/data/frames/v2-ah.hex"),
        ),
        (
            "v2-unicast",
            include_str!("../../../tests/data/frames/v2-unicast.hex"),
        ),
        (
            "v3-ipv4",
            include_str!("../../../tests/data/frames/v3-ipv4.hex"),
        ),
        (
            "v3-ipv6",
            include_str!("../../../tests/data/frames/v3-ipv6.hex"),
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
pub(super) fn frame(line: &str) -> Frame {
    let (at, hex) = line.split_once(' ').unwrap();
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let at = BEGIN + Duration::from_secs_f64(at.parse().unwrap());
    Frame::new(at, 0, Way::Sent, &bytes)
}

pub(super) fn profile(name: &str, first: &[u8]) -> Profile {
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
pub(super) fn account(frames: &[Frame], profile: &Profile) -> Account {
    let start = BEGIN - Duration::from_secs(10);
    audit(frames, 0, profile, &[start])
}

pub(super) fn is_announcement(frame: &Frame) -> bool {
    matches!(Kind::from_bytes(&frame.bytes), Kind::Arp | Kind::Neighbour)
}

pub(super) fn is_good(account: &Account) -> bool {
    account.faults.is_empty() && account.unexplained == 0
}

impl Good {
    pub(super) fn with(&self, index: usize, bytes: &[u8]) -> Account {
        let mut frames = self.frames.clone();
        frames[index] = Frame::new(frames[index].at, 0, Way::Sent, bytes);
        account(&frames, &self.profile)
    }

    /// All checksums and digests made right again, so that nothing but the change is wrong.
    pub(super) fn resummed(&self, kind: Kind, bytes: &mut [u8]) {
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
    pub(super) fn may_differ(
        &self,
        index: usize,
        kind: Kind,
        at: usize,
        value: u8,
    ) -> Option<&'static str> {
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
                let signed = |index: &usize| {
                    Kind::from_bytes(&self.frames[*index].bytes) == Kind::SignedAdvert
                };
                let before = (0..index).rev().find(signed);
                let after = (index + 1..self.frames.len()).find(signed);
                let this = number(&self.frames[index], Some((at, value)));
                let above = before.map_or(0, |index| number(&self.frames[index], None)) < this;
                let below = after.is_none_or(|index| this < number(&self.frames[index], None));
                (above && below).then_some("sequence numbers may have gaps")
            }
            _ => None,
        }
    }
}

/// Puts the checksum of `bytes[from..to]` at its offset `field`.
pub(super) fn put_sum(bytes: &mut [u8], from: usize, to: usize, field: usize, pseudo: &[u8]) {
    bytes[from + field..from + field + 2].fill(0);
    let right = !sum(&[pseudo, &bytes[from..to]]);
    bytes[from + field..from + field + 2].copy_from_slice(&right.to_be_bytes());
}

/// RFC 2402 as keepalived has it.
pub(super) fn sign(bytes: &mut [u8]) {
    let mut text = bytes[ETHERNET..].to_vec();
    for at in [1, 6, 7, 10, 11] {
        text[at] = 0;
    }
    text[32..44].fill(0);
    let digest = hmac_md5_96(&SECRET, &text).unwrap();
    bytes[IPV4 + 12..IPV4 + 24].copy_from_slice(&digest);
}
