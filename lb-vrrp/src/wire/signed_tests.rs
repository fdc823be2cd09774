// SPDX-License-Identifier: MIT OR Apache-2.0
//! Authentication headers and HMAC trailers as bytes.

#![allow(clippy::indexing_slicing, reason = "tests")]

use std::net::IpAddr;

use super::{Advertisement, AuthenticationHeader, ChecksumDialect, HmacTrailer};
use crate::{
    error::DecodeError,
    params::{HmacKey, Password},
};

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The key of the draft's vectors.
fn key() -> HmacKey {
    let secret: Vec<u8> = (0..32).collect();
    HmacKey::new(1, secret).unwrap()
}

/// Vectors of the draft's appendix, which keepalived's own test has too: VRID 51, priority 200.
/// (source, destination, message with trailer, addresses, dialect)
const VECTORS: [(&str, &str, &str, &str, ChecksumDialect); 2] = [
    (
        "198.51.100.10",
        "224.0.0.18",
        "3133c80100644402c00002640101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265",
        "192.0.2.100",
        ChecksumDialect::MessageOnly,
    ),
    (
        "fe80::10",
        "fe80::20",
        "3133c8010064a2e9fe800000000000000000000000000100010100006800000080000000c8c56146ebfd66ee10ec4d8186461b78",
        "fe80::100",
        ChecksumDialect::PseudoHeader,
    ),
];

#[test]
fn signed_vectors_are_read_and_written_the_same() {
    for (source, destination, digits, address, dialect) in VECTORS {
        let (source, destination) = (ip(source), ip(destination));
        let packet = bytes(digits);
        let (advertisement, trailer) =
            Advertisement::parse_signed(&packet, source, destination).unwrap();
        assert_eq!(advertisement.addresses.as_slice(), [ip(address)]);
        assert_eq!(advertisement.priority.get(), 200);
        assert_eq!(advertisement.checksum, dialect);
        let trailer = trailer.unwrap();
        assert_eq!(trailer.sequence, 0x6800_0000_8000_0000);
        let message = &packet[..packet.len() - HmacTrailer::LEN];
        assert!(trailer.verify(&key(), message, source));
        assert!(
            !trailer.verify(&key(), message, destination),
            "bound to its sender"
        );
        let again = advertisement.to_signed_vec(source, destination, &key(), trailer.sequence);
        assert_eq!(again, packet);
        assert_eq!(
            trailer.to_bytes()[..],
            packet[packet.len() - HmacTrailer::LEN..]
        );
    }
}

#[test]
fn a_digest_covers_all_but_the_checksum() {
    let (source, _, digits, ..) = VECTORS[1];
    let packet = bytes(digits);
    let (message, trailer) = packet.split_at(packet.len() - HmacTrailer::LEN);
    let trailer = HmacTrailer::parse(trailer.first_chunk().unwrap());
    for at in 0..message.len() {
        let mut other = message.to_vec();
        other[at] ^= 1;
        assert_eq!(
            trailer.verify(&key(), &other, ip(source)),
            (6..8).contains(&at),
            "byte {at}"
        );
    }
}

#[test]
fn no_prefix_of_a_signed_message_is_a_signed_message() {
    for (source, destination, digits, ..) in VECTORS {
        let (source, destination) = (ip(source), ip(destination));
        let packet = bytes(digits);
        for length in 0..packet.len() {
            let read = Advertisement::parse_signed(&packet[..length], source, destination);
            // Over IPv4 the message stands by itself where the trailer is missing whole.
            let plain = source.is_ipv4() && length == packet.len() - HmacTrailer::LEN;
            assert_eq!(read.is_ok(), plain, "{length} bytes");
            assert!(!matches!(read, Ok((_, Some(_)))));
        }
        let longer = [&packet[..], &[0]].concat();
        assert!(Advertisement::parse_signed(&longer, source, destination).is_err());
    }
}

/// keepalived 2.2.7, behind the IPv4 header: password secret42.
const AH: &str =
    "70040000c0000202000000015c98829b2087e634a975038c2133960102018465c00002640000000000000000";
const AH_IP: &str = "45c0004000010000ff3318b5c0000202e0000012";

#[test]
fn a_captured_authentication_header_is_read_and_written_the_same() {
    let packet = bytes(AH);
    let (header, message) = AuthenticationHeader::parse(&packet).unwrap();
    assert_eq!((header.spi, header.sequence), ([192, 0, 2, 2].into(), 1));
    let key = Password::new("secret42").unwrap();
    assert!(header.verify(&key, &bytes(AH_IP), false, message));
    assert!(
        !header.verify(&key, &bytes(AH_IP), true, message),
        "TTL counts"
    );
    let mut again = AuthenticationHeader::new(header.spi, 1);
    again.sign(&key, &bytes(AH_IP), false, message);
    assert_eq!(again.to_bytes()[..], packet[..AuthenticationHeader::LEN]);
    assert!(!format!("{header:?}").contains("icv"));
}

#[test]
fn what_is_no_authentication_header_is_refused() {
    let packet = bytes(AH);
    for length in 0..AuthenticationHeader::LEN {
        assert_eq!(
            AuthenticationHeader::parse(&packet[..length]),
            Err(DecodeError::TooShort {
                needed: 24,
                got: length
            })
        );
    }
    let mut other = packet.clone();
    other[0] = 6;
    assert_eq!(
        AuthenticationHeader::parse(&other),
        Err(DecodeError::NextHeader { protocol: 6 })
    );
    let mut other = packet;
    other[1] = 5;
    assert_eq!(
        AuthenticationHeader::parse(&other),
        Err(DecodeError::AuthenticationLength { words: 5 })
    );
}
