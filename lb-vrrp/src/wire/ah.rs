// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IP authentication header in front of a VRRPv2 message (RFC 2402; RFC 2338 §5.3.6.3).

use std::{fmt, net::Ipv4Addr};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use crate::{error::DecodeError, params::Password};

/// IP protocol number of VRRP, the only thing that may follow.
const VRRP: u8 = 112;

/// Bytes that HMAC-MD5 works on at a time.
const BLOCK: usize = 64;

/// An IP authentication header as keepalived makes it: HMAC-MD5-96 (RFC 2403) over the IP header,
/// this header and the message.
///
/// The sender's address is the security parameter index. TTL is not zeroed for the digest in
/// multicast packets, though RFC 2402 §3.3.3.1.1.1 calls it mutable: no router may touch it there.
///
/// ```
/// use lb_vrrp::{Password, wire::AuthenticationHeader};
///
/// let header = AuthenticationHeader::new([192, 0, 2, 2].into(), 1);
/// assert_eq!(header.to_bytes()[..8], [112, 4, 0, 0, 192, 0, 2, 2]);
/// # Ok::<(), lb_vrrp::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the header")]
pub struct AuthenticationHeader {
    /// Reserved bits: zero when sent, of any value when received.
    pub reserved: u16,
    /// Security parameter index: the sender's address.
    pub spi: Ipv4Addr,
    /// Grows with every packet.
    pub sequence: u32,
    /// Integrity check value.
    pub icv: [u8; Self::ICV_LEN],
}

impl AuthenticationHeader {
    /// Bytes of the header.
    pub const LEN: usize = 24;
    /// IP protocol number.
    pub const PROTOCOL: u8 = 51;
    /// Bytes of the integrity check value.
    pub const ICV_LEN: usize = 12;

    /// Its length field: 32-bit words, less two.
    const WORDS: u8 = 4;

    /// A header without integrity check value.
    #[must_use]
    pub const fn new(spi: Ipv4Addr, sequence: u32) -> Self {
        Self {
            reserved: 0,
            spi,
            sequence,
            icv: [0; Self::ICV_LEN],
        }
    }

    /// Reads the header at the start of `bytes`; returns the bytes after it.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooShort`], [`DecodeError::NextHeader`] if no VRRP message follows,
    /// [`DecodeError::AuthenticationLength`] for another length than HMAC-MD5-96 has.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let Some((header, rest)) = bytes.split_first_chunk::<{ Self::LEN }>() else {
            return Err(DecodeError::TooShort {
                needed: Self::LEN,
                got: bytes.len(),
            });
        };
        let [next, words, r0, r1, a, b, c, d, s0, s1, s2, s3, icv @ ..] = *header;
        if next != VRRP {
            return Err(DecodeError::NextHeader { protocol: next });
        }
        if words != Self::WORDS {
            return Err(DecodeError::AuthenticationLength { words });
        }
        let header = Self {
            reserved: u16::from_be_bytes([r0, r1]),
            spi: Ipv4Addr::new(a, b, c, d),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            icv,
        };
        Ok((header, rest))
    }

    /// The header as it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let [r0, r1] = self.reserved.to_be_bytes();
        let [a, b, c, d] = self.spi.octets();
        let [s0, s1, s2, s3] = self.sequence.to_be_bytes();
        let [i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11] = self.icv;
        [
            VRRP,
            Self::WORDS,
            r0,
            r1,
            a,
            b,
            c,
            d,
            s0,
            s1,
            s2,
            s3,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            i8,
            i9,
            i10,
            i11,
        ]
    }

    /// Sets the integrity check value for a packet with this IPv4 header.
    pub fn sign(&mut self, key: &Password, ip_header: &[u8], unicast: bool, message: &[u8]) {
        let tag = self.digest(key, ip_header, unicast, message).finalize();
        if let Some(icv) = tag.into_bytes().first_chunk() {
            self.icv = *icv;
        }
    }

    /// Whether the integrity check value is right.
    #[must_use]
    pub fn verify(&self, key: &Password, ip_header: &[u8], unicast: bool, message: &[u8]) -> bool {
        self.digest(key, ip_header, unicast, message)
            .verify_truncated_left(&self.icv)
            .is_ok()
    }

    /// HMAC-MD5 over all that no router on the way may change.
    fn digest(&self, key: &Password, ip_header: &[u8], unicast: bool, message: &[u8]) -> Hmac<Md5> {
        let mut block = [0; BLOCK];
        for (byte, of_key) in block.iter_mut().zip(key.as_bytes()) {
            *byte = *of_key;
        }
        let mut mac = Hmac::<Md5>::new(&block.into());
        for (at, byte) in ip_header.iter().enumerate() {
            // Type of service, flags and fragment offset, checksum; TTL where routers may be.
            let mutable = matches!(at, 1 | 6 | 7 | 10 | 11) || (unicast && at == 8);
            mac.update(&[if mutable { 0 } else { *byte }]);
        }
        let header = Self {
            icv: [0; Self::ICV_LEN],
            ..*self
        };
        mac.update(&header.to_bytes());
        mac.update(message);
        mac
    }
}

impl fmt::Debug for AuthenticationHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationHeader")
            .field("spi", &self.spi)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
