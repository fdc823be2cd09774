// SPDX-License-Identifier: MIT OR Apache-2.0
//! ICMP echo requests and replies (RFC 792, RFC 4443).

/// Bytes of random data that a reply must carry back.
pub(super) const NONCE: usize = 16;
/// Bytes of data in a request: the nonce, then zeros. As much as ping(8) sends.
const DATA: usize = 56;
const HEADER: usize = 8;

/// An echo request, by which its reply is recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Echo {
    pub(super) is_ipv4: bool,
    pub(super) id: u16,
    pub(super) sequence: u16,
    pub(super) nonce: [u8; NONCE],
}

impl Echo {
    /// The request. The kernel fills in the checksum of ICMPv6, and that of ICMP on a datagram socket.
    pub(super) fn request(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(HEADER + DATA);
        packet.extend([if self.is_ipv4 { 8 } else { 128 }, 0, 0, 0]);
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.nonce);
        packet.resize(HEADER + DATA, 0);
        if self.is_ipv4 {
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        packet
    }

    /// Whether a packet is the reply. On a raw socket of IPv4 the packet begins with the header of IP.
    pub(super) fn is_answered_by(&self, packet: &[u8], with_ip_header: bool) -> bool {
        let message = if with_ip_header {
            skip_ip_header(packet)
        } else {
            Some(packet)
        };
        let parts = message.and_then(|message| message.split_first_chunk::<HEADER>());
        let Some(([kind, 0, _, _, i0, i1, s0, s1], data)) = parts else {
            return false;
        };
        *kind == if self.is_ipv4 { 0 } else { 129 }
            && u16::from_be_bytes([*i0, *i1]) == self.id
            && u16::from_be_bytes([*s0, *s1]) == self.sequence
            && data.len() == DATA
            && data.starts_with(&self.nonce)
    }
}

fn skip_ip_header(packet: &[u8]) -> Option<&[u8]> {
    let first = packet.first()?;
    let length = usize::from(first & 0x0f) * 4;
    (first >> 4 == 4 && length >= 20).then(|| packet.get(length..))?
}

/// The Internet checksum (RFC 1071).
fn checksum(packet: &[u8]) -> u16 {
    let (words, rest) = packet.as_chunks::<2>();
    let last = rest
        .first()
        .map_or(0, |byte| u16::from_be_bytes([*byte, 0]));
    let sum = words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)))
        .sum::<u64>()
        + u64::from(last);
    let mut folded = sum;
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ECHO: Echo = Echo {
        is_ipv4: true,
        id: 0x1234,
        sequence: 7,
        nonce: *b"0123456789abcdef",
    };

    fn reply() -> Vec<u8> {
        let mut packet = ECHO.request();
        packet[0] = 0;
        packet
    }

    #[test]
    fn the_sum_of_a_request_with_its_checksum_is_zero() {
        assert_eq!(checksum(&ECHO.request()), 0);
        assert_eq!(checksum(&[0xff]), 0x00ff);
    }

    #[test]
    fn only_the_reply_to_the_request_counts() {
        assert!(ECHO.is_answered_by(&reply(), false));
        assert!(!ECHO.is_answered_by(&ECHO.request(), false));
        // Type, code, identifier, sequence number, both ends of the nonce.
        for index in [0, 1, 4, 5, 6, 7, 8, 23] {
            let mut packet = reply();
            packet[index] ^= 1;
            assert!(!ECHO.is_answered_by(&packet, false), "{index}");
        }
        for length in 0..reply().len() {
            assert!(!ECHO.is_answered_by(&reply()[..length], false), "{length}");
        }
        let six = Echo {
            is_ipv4: false,
            ..ECHO
        };
        assert!(!six.is_answered_by(&reply(), false));
        let mut packet = six.request();
        packet[0] = 129;
        assert!(six.is_answered_by(&packet, false));
    }

    #[test]
    fn a_raw_socket_has_the_header_of_ip() {
        for words in [5, 6, 15] {
            let mut packet = vec![0; words * 4];
            packet[0] = 0x40 | u8::try_from(words).unwrap();
            packet.extend(reply());
            assert!(ECHO.is_answered_by(&packet, true));
            assert!(!ECHO.is_answered_by(&packet, false));
        }
        for first in [0x00, 0x44, 0x65] {
            let mut packet = vec![first; 20];
            packet.extend(reply());
            assert!(!ECHO.is_answered_by(&packet, true), "{first}");
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read(packet in proptest::collection::vec(any::<u8>(), 0..200), raw in any::<bool>()) {
            prop_assert!(!ECHO.is_answered_by(&packet, raw));
        }
    }
}
