// SPDX-License-Identifier: MIT OR Apache-2.0
//! Vectors in both directions, truncation, dirty buffers, round trips.

#![allow(clippy::indexing_slicing, reason = "tests")]

use std::{collections::HashMap, fs, net::IpAddr, path::Path};

use proptest::prelude::*;

use super::*;
use crate::{
    error::DecodeError,
    params::{
        AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, Authentication, Password,
        Priority, Version, Vrid,
    },
};

/// A file of `tests/data`: `# key: value` lines, then hexadecimal digits.
struct Vector {
    name: String,
    headers: HashMap<String, String>,
    bytes: Vec<u8>,
}

impl Vector {
    fn load(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let headers = text
            .lines()
            .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
        let bytes = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Self {
            name,
            headers,
            bytes,
        }
    }

    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let mut paths: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }

    fn named(name: &str) -> Self {
        let file = format!("tests/data/{name}.hex");
        Self::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file))
    }

    fn address(&self, key: &str) -> IpAddr {
        self.headers[key].parse().unwrap()
    }

    fn parse(&self) -> Result<Advertisement, DecodeError> {
        Advertisement::parse(
            &self.bytes,
            self.address("source"),
            self.address("destination"),
        )
    }
}

/// Emits into a buffer of 0xa5, so that bytes left alone show, with a guard behind.
fn emit(advertisement: &Advertisement, source: IpAddr, destination: IpAddr) -> Vec<u8> {
    let length = advertisement.buffer_len();
    let mut buffer = vec![0xa5; length + 4];
    advertisement.emit(&mut buffer, source, destination);
    assert_eq!(buffer.split_off(length), [0xa5; 4], "wrote behind the end");
    buffer
}

#[test]
fn every_valid_vector_is_read_and_written_the_same() {
    let mut seen = 0;
    for vector in Vector::all() {
        if vector
            .headers
            .get("expect")
            .is_none_or(|expect| expect != "ok")
        {
            continue;
        }
        seen += 1;
        let advertisement = vector
            .parse()
            .unwrap_or_else(|e| panic!("{}: {e}", vector.name));
        let dialect = match vector.headers["checksum"].as_str() {
            "message only" => ChecksumDialect::MessageOnly,
            "pseudo-header" => ChecksumDialect::PseudoHeader,
            "group pseudo-header" => ChecksumDialect::GroupPseudoHeader,
            other => panic!("{}: {other}", vector.name),
        };
        assert_eq!(advertisement.checksum, dialect, "{}", vector.name);
        let (source, destination) = (vector.address("source"), vector.address("destination"));
        assert_eq!(
            emit(&advertisement, source, destination),
            vector.bytes,
            "{}",
            vector.name
        );
    }
    assert_eq!(seen, 18);
}

#[test]
fn every_wrong_vector_is_refused_for_its_reason() {
    let mut seen = 0;
    for vector in Vector::all() {
        let expected = match vector.headers.get("expect").map(String::as_str) {
            Some("ok") | None => continue,
            // The message is right; the engine's tests refuse the packet.
            Some("hop limit" | "first address") => {
                vector.parse().unwrap();
                seen += 1;
                continue;
            }
            Some("checksum") => DecodeError::Checksum { checksum: 0x4765 },
            Some("type") => DecodeError::Type { kind: 2 },
            Some("version") => DecodeError::Version { version: 4 },
            Some("length") if vector.name == "truncated" => DecodeError::Length {
                count: 1,
                expected: 20,
                got: 19,
            },
            Some("length") => DecodeError::Length {
                count: 255,
                expected: 1036,
                got: 20,
            },
            Some("interval") => DecodeError::IntervalZero,
            Some("no address") => DecodeError::NoAddress,
            Some(other) => panic!("{}: {other}", vector.name),
        };
        seen += 1;
        assert_eq!(vector.parse(), Err(expected), "{}", vector.name);
    }
    assert_eq!(seen, 9);
}

#[test]
fn fields_of_a_version_2_message() {
    let advertisement = Vector::named("v2-pass").parse().unwrap();
    assert_eq!(
        advertisement,
        Advertisement {
            version: Version::V2,
            vrid: Vrid::new(51).unwrap(),
            priority: Priority::new(150).unwrap().into(),
            interval: AdvertInterval::from_secs(1).unwrap(),
            addresses: AddressList::new(["192.0.2.100".parse().unwrap()]).unwrap(),
            auth: Some(AuthField {
                kind: 1,
                data: *b"secret42"
            }),
            checksum: ChecksumDialect::MessageOnly,
        }
    );
}

#[test]
fn fields_of_a_version_3_message() {
    let advertisement = Vector::named("v3-ipv4-multi-pseudo").parse().unwrap();
    let addresses = ["192.0.2.100", "192.0.2.101", "198.51.100.1"];
    assert_eq!(
        advertisement,
        Advertisement {
            version: Version::V3,
            vrid: Vrid::new(7).unwrap(),
            priority: Priority::new(254).unwrap().into(),
            interval: AdvertInterval::from_centis(5).unwrap(),
            addresses: AddressList::new(addresses.map(|a| a.parse().unwrap())).unwrap(),
            auth: None,
            checksum: ChecksumDialect::PseudoHeader,
        }
    );
    let resigned = Vector::named("keepalived-v3-ipv6-resign").parse().unwrap();
    assert_eq!(resigned.priority, AdvertisedPriority::Resign);
    assert_eq!(resigned.addresses.family(), AddressFamily::Ipv6);
}

#[test]
fn no_prefix_of_a_valid_message_is_valid() {
    for vector in Vector::all()
        .iter()
        .filter(|v| v.headers.get("expect").is_some_and(|expect| expect == "ok"))
    {
        let (source, destination) = (vector.address("source"), vector.address("destination"));
        for length in 0..vector.bytes.len() {
            let prefix = &vector.bytes[..length];
            assert!(Advertisement::parse(prefix, source, destination).is_err());
        }
        let mut longer = vector.bytes.clone();
        longer.push(0);
        assert!(Advertisement::parse(&longer, source, destination).is_err());
    }
}

#[test]
fn version_2_does_not_exist_over_ipv6() {
    let vector = Vector::named("v2-noauth");
    let (source, destination) = (
        "fe80::1".parse().unwrap(),
        crate::multicast_group(AddressFamily::Ipv6),
    );
    assert_eq!(
        Advertisement::parse(&vector.bytes, source, destination),
        Err(DecodeError::Family {
            version: Version::V2,
            source_address: source,
            destination
        })
    );
}

#[test]
fn the_old_unicast_checksum_is_not_accepted_from_the_group() {
    let vector = Vector::named("v3-ipv4-unicast-pseudo");
    let group = crate::multicast_group(AddressFamily::Ipv4);
    assert_eq!(
        Advertisement::parse(&vector.bytes, vector.address("source"), group),
        Err(DecodeError::Checksum { checksum: 0x2382 })
    );
}

#[test]
fn reserved_bits_of_version_3_are_ignored() {
    let mut message = Vector::named("v3-ipv4-msgonly").bytes;
    message[4] |= 0xf0;
    let (source, group) = (
        "192.0.2.1".parse().unwrap(),
        crate::multicast_group(AddressFamily::Ipv4),
    );
    // 0xa802 - 0xf000 borrows in ones' complement: one less.
    let sum = 0xa802_u16.wrapping_sub(0xf000).wrapping_sub(1);
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    let advertisement = Advertisement::parse(&message, source, group).unwrap();
    assert_eq!(
        advertisement.interval,
        AdvertInterval::from_secs(1).unwrap()
    );
}

#[test]
fn a_gratuitous_arp_is_what_keepalived_sends() {
    let announcement = GratuitousArp {
        mac: Vrid::new(51).unwrap().virtual_mac(AddressFamily::Ipv4),
        address: "192.0.2.100".parse().unwrap(),
    };
    let mut buffer = [0xa5; GratuitousArp::LEN + 4];
    announcement.emit(&mut buffer);
    // The vector has the virtual MAC address as target (errata 7947, 7949); keepalived, and we,
    // all ones. All else is equal, and both are read.
    let vector = Vector::named("frame-garp-vmac").bytes;
    let mut expected = vector.clone();
    expected[32..38].fill(0xff);
    assert_eq!(buffer[..GratuitousArp::LEN], expected);
    assert_eq!(buffer[GratuitousArp::LEN..], [0xa5; 4]);
    for frame in [&vector, &expected] {
        assert_eq!(GratuitousArp::parse(frame), Some(announcement));
        for length in 0..frame.len() {
            assert_eq!(GratuitousArp::parse(&frame[..length]), None);
        }
    }
    let mut request = vector;
    request[41] ^= 1;
    assert_eq!(
        GratuitousArp::parse(&request),
        None,
        "asks for another address"
    );
}

#[test]
fn an_unsolicited_neighbour_advertisement_equals_the_vector() {
    let vector = Vector::named("frame-una-vmac").bytes;
    let announcement = UnsolicitedNeighbourAdvertisement {
        mac: Vrid::new(51).unwrap().virtual_mac(AddressFamily::Ipv6),
        source: "fe80::5efe:1".parse().unwrap(),
        address: "2001:db8::100".parse().unwrap(),
        router: true,
    };
    let mut buffer = [0xa5; UnsolicitedNeighbourAdvertisement::LEN + 4];
    announcement.emit(&mut buffer);
    assert_eq!(buffer[..UnsolicitedNeighbourAdvertisement::LEN], vector);
    assert_eq!(buffer[UnsolicitedNeighbourAdvertisement::LEN..], [0xa5; 4]);
    assert_eq!(
        UnsolicitedNeighbourAdvertisement::parse(&vector),
        Some(announcement)
    );
    for length in 0..vector.len() {
        assert_eq!(
            UnsolicitedNeighbourAdvertisement::parse(&vector[..length]),
            None
        );
    }
    for at in [12, 20, 54, 58, 60] {
        let mut wrong = vector.clone();
        wrong[at] ^= 0x40;
        assert_eq!(
            UnsolicitedNeighbourAdvertisement::parse(&wrong),
            None,
            "byte {at}"
        );
    }
}

#[test]
fn a_password_is_not_shown() {
    let advertisement = Vector::named("v2-pass").parse().unwrap();
    assert!(
        !format!("{advertisement:?}").contains("115"),
        "{advertisement:?}"
    );
    let password = Authentication::Password(Password::new("secret42").unwrap());
    assert_eq!(format!("{password:?}"), "Password(Password(<redacted>))");
}

fn version_2() -> impl Strategy<Value = Advertisement> {
    let addresses = prop::collection::vec(any::<[u8; 4]>(), 1..=255);
    (
        1..=255u8,
        any::<u8>(),
        1..=255u8,
        addresses,
        any::<u8>(),
        any::<[u8; 8]>(),
    )
        .prop_map(
            |(vrid, priority, seconds, addresses, kind, data)| Advertisement {
                version: Version::V2,
                vrid: Vrid::new(vrid).unwrap(),
                priority: priority.into(),
                interval: AdvertInterval::from_secs(seconds).unwrap(),
                addresses: AddressList::new(addresses.into_iter().map(IpAddr::from)).unwrap(),
                auth: Some(AuthField { kind, data }),
                checksum: ChecksumDialect::MessageOnly,
            },
        )
}

fn version_3(family: AddressFamily) -> impl Strategy<Value = Advertisement> {
    let addresses = prop::collection::vec(any::<[u8; 16]>(), 1..=90);
    let dialect = match family {
        AddressFamily::Ipv4 => prop_oneof![
            Just(ChecksumDialect::PseudoHeader),
            Just(ChecksumDialect::MessageOnly)
        ]
        .boxed(),
        AddressFamily::Ipv6 => Just(ChecksumDialect::PseudoHeader).boxed(),
    };
    (1..=255u8, any::<u8>(), 1..=4095u16, addresses, dialect).prop_map(
        move |(vrid, priority, centis, addresses, checksum)| {
            let mut addresses: Vec<IpAddr> = addresses
                .into_iter()
                .map(|octets| match family {
                    AddressFamily::Ipv4 => {
                        IpAddr::from([octets[0], octets[1], octets[2], octets[3]])
                    }
                    AddressFamily::Ipv6 => IpAddr::from(octets),
                })
                .collect();
            if family == AddressFamily::Ipv6 {
                addresses[0] = "fe80::1".parse().unwrap();
            }
            Advertisement {
                version: Version::V3,
                vrid: Vrid::new(vrid).unwrap(),
                priority: priority.into(),
                interval: AdvertInterval::from_centis(centis).unwrap(),
                addresses: AddressList::new(addresses).unwrap(),
                auth: None,
                checksum,
            }
        },
    )
}

fn source(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Ipv4 => IpAddr::from([192, 0, 2, 1]),
        AddressFamily::Ipv6 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        advertisement in prop_oneof![
            version_2(),
            version_3(AddressFamily::Ipv4),
            version_3(AddressFamily::Ipv6),
        ],
    ) {
        let family = advertisement.addresses.family();
        let (source, destination) = (source(family), crate::multicast_group(family));
        let message = emit(&advertisement, source, destination);
        prop_assert_eq!(Advertisement::parse(&message, source, destination), Ok(advertisement));
    }

    #[test]
    fn no_single_wrong_bit_is_accepted(
        advertisement in prop_oneof![version_2(), version_3(AddressFamily::Ipv6)],
        at in any::<prop::sample::Index>(),
    ) {
        let family = advertisement.addresses.family();
        let (source, destination) = (source(family), crate::multicast_group(family));
        let mut message = emit(&advertisement, source, destination);
        let bit = at.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Advertisement::parse(&message, source, destination).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        head in prop::sample::select(vec![0x21_u8, 0x31, 0x00]),
        v6 in any::<bool>(),
    ) {
        if let Some(first) = bytes.first_mut() {
            *first |= head;
        }
        let family = if v6 { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let _ = Advertisement::parse(&bytes, source(family), crate::multicast_group(family));
        let _ = Header::parse(&bytes);
        let _ = GratuitousArp::parse(&bytes);
        let _ = UnsolicitedNeighbourAdvertisement::parse(&bytes);
    }
}
