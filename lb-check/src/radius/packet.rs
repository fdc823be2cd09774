// SPDX-License-Identifier: MIT OR Apache-2.0
//! Access-Request and its answers (RFC 2865, RFC 3579).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

const ACCESS_REQUEST: u8 = 1;
const USER_NAME: u8 = 1;
const USER_PASSWORD: u8 = 2;
const NAS_IDENTIFIER: u8 = 32;
const MESSAGE_AUTHENTICATOR: u8 = 80;
/// Code, identifier, length and authenticator.
const HEADER: usize = 20;
/// The longest packet.
pub(super) const LONGEST: usize = 4096;
/// The longest value of an attribute.
pub(super) const LONGEST_VALUE: usize = 253;
/// The longest password.
pub(super) const LONGEST_PASSWORD: usize = 128;
const DIGEST: usize = 16;

/// What proves an answer to be one to the request.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) id: u8,
    pub(super) authenticator: [u8; DIGEST],
    pub(super) secret: &'a [u8],
}

/// The kind of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    Accept,
    Reject,
    Challenge,
    Other(u8),
}

/// Why a packet is not an answer to the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoAnswer {
    /// Another identifier: to be ignored.
    Foreign,
    /// Made without the secret, or with another one: to be ignored.
    Forged,
    /// The lengths in the packet do not fit it.
    Malformed,
}

impl Request<'_> {
    /// The packet. A name or a password that is too long is cut.
    pub(super) fn packet(&self, user: &[u8], password: &[u8]) -> Vec<u8> {
        let mut attributes = Vec::new();
        // First, as a server may require since the attack on RADIUS of 2024.
        let mac_at = HEADER + 2;
        push(&mut attributes, MESSAGE_AUTHENTICATOR, &[0; DIGEST]);
        push(&mut attributes, USER_NAME, user);
        push(&mut attributes, USER_PASSWORD, &self.hide(password));
        push(&mut attributes, NAS_IDENTIFIER, b"lb-check");
        let mut packet = vec![ACCESS_REQUEST, self.id];
        let length = u16::try_from(HEADER + attributes.len()).unwrap_or(u16::MAX);
        packet.extend(length.to_be_bytes());
        packet.extend(self.authenticator);
        packet.extend(attributes);
        let mac = self.mac(&packet).finalize().into_bytes();
        packet.splice(mac_at..mac_at + DIGEST, mac);
        packet
    }

    /// Hides a password as RFC 2865 §5.2 describes.
    fn hide(&self, password: &[u8]) -> Vec<u8> {
        let mut padded = password.to_vec();
        padded.truncate(LONGEST_PASSWORD);
        padded.resize(padded.len().next_multiple_of(DIGEST).max(DIGEST), 0);
        let mut hidden = Vec::with_capacity(padded.len());
        let mut before = self.authenticator;
        for block in padded.as_chunks::<DIGEST>().0 {
            let mut digest = Md5::new();
            digest.update(self.secret);
            digest.update(before);
            let key: [u8; DIGEST] = digest.finalize().into();
            for (byte, (plain, key)) in before.iter_mut().zip(block.iter().zip(key)) {
                *byte = plain ^ key;
            }
            hidden.extend(before);
        }
        hidden
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, packet: &[u8]) -> Hmac<Md5> {
        let mac = Hmac::<Md5>::new_from_slice(self.secret);
        mac.expect("a key of any length").chain_update(packet)
    }

    /// Reads an answer: first its form, then its authenticator, then its attributes.
    pub(super) fn read(&self, datagram: &[u8]) -> Result<Answer, NoAnswer> {
        let Some((&[code, id, l0, l1, ref authenticator @ ..], _)) =
            datagram.split_first_chunk::<HEADER>()
        else {
            return Err(NoAnswer::Malformed);
        };
        if id != self.id {
            return Err(NoAnswer::Foreign);
        }
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        // What follows is padding.
        let packet = datagram.get(..length).ok_or(NoAnswer::Malformed)?;
        let attributes = packet.get(HEADER..).ok_or(NoAnswer::Malformed)?;
        let mut digest = Md5::new();
        digest.update([code, id, l0, l1]);
        digest.update(self.authenticator);
        digest.update(attributes);
        digest.update(self.secret);
        let expected: [u8; DIGEST] = digest.finalize().into();
        if expected != *authenticator {
            return Err(NoAnswer::Forged);
        }
        self.verify_attributes(packet)?;
        Ok(match code {
            2 => Answer::Accept,
            3 => Answer::Reject,
            11 => Answer::Challenge,
            other => Answer::Other(other),
        })
    }

    /// Walks the attributes; a Message-Authenticator must be right.
    fn verify_attributes(&self, packet: &[u8]) -> Result<(), NoAnswer> {
        let mut at = HEADER;
        while at < packet.len() {
            let rest = packet.get(at..).unwrap_or_default();
            let Some(&[kind, length]) = rest.first_chunk() else {
                return Err(NoAnswer::Malformed);
            };
            let value = rest
                .get(2..usize::from(length))
                .ok_or(NoAnswer::Malformed)?;
            if kind == MESSAGE_AUTHENTICATOR {
                if value.len() != DIGEST {
                    return Err(NoAnswer::Malformed);
                }
                let mut signed = packet.to_vec();
                signed.splice(4..HEADER, self.authenticator);
                signed.splice(at + 2..at + 2 + DIGEST, [0; DIGEST]);
                let verified = self.mac(&signed).verify_slice(value);
                verified.map_err(|_| NoAnswer::Forged)?;
            }
            at += usize::from(length);
        }
        Ok(())
    }
}

fn push(attributes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let value = value.get(..LONGEST_VALUE).unwrap_or(value);
    let length = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
    attributes.extend([kind, length]);
    attributes.extend(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REQUEST: Request<'_> = Request {
        id: 7,
        authenticator: *b"0123456789abcdef",
        secret: b"s3cr3t",
    };

    /// An answer with these attributes; those of the kind Message-Authenticator are filled in.
    fn answer(code: u8, attributes: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut mac_at = None;
        for (kind, value) in attributes {
            if *kind == MESSAGE_AUTHENTICATOR {
                mac_at = Some(HEADER + bytes.len() + 2);
            }
            push(&mut bytes, *kind, value);
        }
        let length = u16::try_from(HEADER + bytes.len()).unwrap().to_be_bytes();
        let mut packet = vec![code, REQUEST.id, length[0], length[1]];
        packet.extend(REQUEST.authenticator);
        packet.extend(bytes);
        if let Some(at) = mac_at {
            let mac = REQUEST.mac(&packet).finalize().into_bytes();
            packet.splice(at..at + DIGEST, mac);
        }
        seal(&mut packet);
        packet
    }

    /// Computes the authenticator of an answer.
    fn seal(packet: &mut Vec<u8>) {
        let mut digest = Md5::new();
        digest.update(&packet[..4]);
        digest.update(REQUEST.authenticator);
        digest.update(&packet[HEADER..]);
        digest.update(REQUEST.secret);
        let digest: [u8; DIGEST] = digest.finalize().into();
        packet.splice(4..HEADER, digest);
    }

    #[test]
    fn a_request_is_that_of_rfc_2865() {
        // RFC 2865 §7.1: user nemo, password arctangent, secret xyzzy5461.
        let request = Request {
            id: 0,
            authenticator: [
                0x0f, 0x40, 0x3f, 0x94, 0x73, 0x97, 0x80, 0x57, 0xbd, 0x83, 0xd5, 0xcb, 0x98, 0xf4,
                0x22, 0x7a,
            ],
            secret: b"xyzzy5461",
        };
        let hidden = [
            0x0d, 0xbe, 0x70, 0x8d, 0x93, 0xd4, 0x13, 0xce, 0x31, 0x96, 0xe4, 0x3f, 0x78, 0x2a,
            0x0a, 0xee,
        ];
        assert_eq!(request.hide(b"arctangent"), hidden);
        let packet = request.packet(b"nemo", b"arctangent");
        assert_eq!(packet[..2], [1, 0]);
        assert_eq!(usize::from(packet[3]), packet.len());
        assert!(packet.windows(6).any(|part| part == b"\x01\x06nemo"));
        // The answer of the same section.
        let accept = [
            0x02, 0x00, 0x00, 0x26, 0x86, 0xfe, 0x22, 0x0e, 0x76, 0x24, 0xba, 0x2a, 0x10, 0x05,
            0xf6, 0xbf, 0x9b, 0x55, 0xe0, 0xb2, 0x06, 0x06, 0x00, 0x00, 0x00, 0x01, 0x0f, 0x06,
            0x00, 0x00, 0x00, 0x00, 0x0e, 0x06, 0xc0, 0xa8, 0x01, 0x03,
        ];
        assert_eq!(request.read(&accept), Ok(Answer::Accept));
    }

    #[test]
    fn passwords_of_each_length_are_hidden_in_whole_blocks() {
        for (length, hidden) in [(0, 16), (1, 16), (16, 16), (17, 32), (128, 128), (200, 128)] {
            assert_eq!(REQUEST.hide(&vec![b'x'; length]).len(), hidden, "{length}");
        }
    }

    #[test]
    fn answers_differ_by_code_and_authenticator() {
        for (code, expected) in [
            (2, Answer::Accept),
            (3, Answer::Reject),
            (11, Answer::Challenge),
            (5, Answer::Other(5)),
        ] {
            let plain = answer(code, &[(18, b"hello")]);
            assert_eq!(REQUEST.read(&plain), Ok(expected));
            let signed = answer(code, &[(18, b"hello"), (80, &[0; 16])]);
            assert_eq!(REQUEST.read(&signed), Ok(expected));
            let mut padded = plain;
            padded.extend([0; 9]);
            assert_eq!(REQUEST.read(&padded), Ok(expected));
        }
        let other = Request { id: 8, ..REQUEST };
        assert_eq!(other.read(&answer(2, &[])), Err(NoAnswer::Foreign));
        let other = Request {
            secret: b"other",
            ..REQUEST
        };
        assert_eq!(other.read(&answer(2, &[])), Err(NoAnswer::Forged));
    }

    #[test]
    fn a_message_authenticator_must_be_right() {
        let mut packet = answer(2, &[(80, &[0; 16])]);
        packet[HEADER + 5] ^= 1;
        seal(&mut packet);
        assert_eq!(REQUEST.read(&packet), Err(NoAnswer::Forged));
        let mut short = answer(2, &[(24, &[0; 15])]);
        short[HEADER] = MESSAGE_AUTHENTICATOR;
        seal(&mut short);
        assert_eq!(REQUEST.read(&short), Err(NoAnswer::Malformed));
    }

    #[test]
    fn attributes_whose_lengths_do_not_fit_are_malformed() {
        for length in [0, 1, 8, 255] {
            let mut packet = answer(2, &[(18, b"hello")]);
            packet[HEADER + 1] = length;
            seal(&mut packet);
            assert_eq!(REQUEST.read(&packet), Err(NoAnswer::Malformed), "{length}");
        }
        let whole = answer(2, &[(18, b"hello"), (80, &[0; 16])]);
        for length in 0..whole.len() {
            assert_eq!(
                REQUEST.read(&whole[..length]),
                Err(NoAnswer::Malformed),
                "{length}"
            );
        }
        for index in 0..whole.len() {
            let mut packet = whole.clone();
            packet[index] ^= 0x40;
            assert!(REQUEST.read(&packet).is_err(), "{index}");
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(REQUEST.read(&bytes).is_err());
            let mut packet = answer(2, &[]);
            packet.extend(bytes);
            let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
            packet[2..4].copy_from_slice(&length);
            seal(&mut packet);
            let _ = REQUEST.read(&packet);
        }
    }
}
