// SPDX-License-Identifier: MIT OR Apache-2.0
//! The HMAC trailer behind a message (draft-cassen-vrrp-auth-hmac-01, keepalived from 2.4.1 on).

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::params::HmacKey;

/// Bytes that HMAC-SHA256 works on at a time.
const BLOCK: usize = 64;

/// Where the checksum of a message lies; the digest takes it as zero.
const CHECKSUM: usize = 6;

/// The trailer: HMAC-SHA256, cut to 16 bytes, over a pseudo header, the message and the fields
/// before it. The pseudo header holds family, version, VRID and source, so that a trailer fits no
/// other router and no other sender.
///
/// ```text
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    Type, 1    |    Key id     |           Reserved            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                     Seconds since 1970, UTC                   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    1/65536 of a second        |            Counter            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         HMAC, 16 bytes                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the trailer")]
pub struct HmacTrailer {
    /// What the digest is; 1, HMAC-SHA256 cut to 128 bits, is the only one there is.
    pub kind: u8,
    /// Number of the key.
    pub key_id: u8,
    /// Zero.
    pub reserved: u16,
    /// Seconds, fraction and counter: grows with every packet of a sender.
    pub sequence: u64,
    /// The digest.
    pub hmac: [u8; Self::HMAC_LEN],
}

impl HmacTrailer {
    /// Bytes of the trailer.
    pub const LEN: usize = 28;
    /// Bytes of the digest.
    pub const HMAC_LEN: usize = 16;
    /// HMAC-SHA256 cut to 128 bits.
    pub const SHA256: u8 = 1;

    /// Reads a trailer.
    #[must_use]
    pub const fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let [
            kind,
            key_id,
            r0,
            r1,
            s0,
            s1,
            s2,
            s3,
            f0,
            f1,
            c0,
            c1,
            hmac @ ..,
        ] = *bytes;
        Self {
            kind,
            key_id,
            reserved: u16::from_be_bytes([r0, r1]),
            sequence: u64::from_be_bytes([s0, s1, s2, s3, f0, f1, c0, c1]),
            hmac,
        }
    }

    /// Makes the trailer of a message that `source` sends.
    #[must_use]
    pub fn sign(key: &HmacKey, sequence: u64, message: &[u8], source: IpAddr) -> Self {
        let mut trailer = Self {
            kind: Self::SHA256,
            key_id: key.id(),
            reserved: 0,
            sequence,
            hmac: [0; Self::HMAC_LEN],
        };
        let tag = trailer.digest(key, message, source).finalize();
        if let Some(hmac) = tag.into_bytes().first_chunk() {
            trailer.hmac = *hmac;
        }
        trailer
    }

    /// Whether the digest is right for a message that `source` sent.
    #[must_use]
    pub fn verify(&self, key: &HmacKey, message: &[u8], source: IpAddr) -> bool {
        self.digest(key, message, source)
            .verify_truncated_left(&self.hmac)
            .is_ok()
    }

    /// The trailer as it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let fields = self.head().into_iter().chain(self.hmac);
        for (byte, field) in bytes.iter_mut().zip(fields) {
            *byte = field;
        }
        bytes
    }

    /// Everything before the digest.
    const fn head(&self) -> [u8; Self::LEN - Self::HMAC_LEN] {
        let [r0, r1] = self.reserved.to_be_bytes();
        let [s0, s1, s2, s3, f0, f1, c0, c1] = self.sequence.to_be_bytes();
        [
            self.kind,
            self.key_id,
            r0,
            r1,
            s0,
            s1,
            s2,
            s3,
            f0,
            f1,
            c0,
            c1,
        ]
    }

    fn digest(&self, key: &HmacKey, message: &[u8], source: IpAddr) -> Hmac<Sha256> {
        // A key of up to one block is filled up with zeros (RFC 2104 §2).
        let mut block = [0; BLOCK];
        for (byte, of_key) in block.iter_mut().zip(key.secret()) {
            *byte = *of_key;
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(&pseudo_header(message, source));
        let (head, tail) = message.split_at(CHECKSUM.min(message.len()));
        mac.update(head);
        mac.update(&[0, 0]);
        mac.update(tail.get(2..).unwrap_or_default());
        mac.update(&self.head());
        mac.update(&[0; Self::HMAC_LEN]);
        mac
    }
}

/// Family, version, VRID, zero, and the source in 16 bytes.
fn pseudo_header(message: &[u8], source: IpAddr) -> [u8; 20] {
    let version = message.first().map_or(0, |byte| byte >> 4);
    let vrid = message.get(1).copied().unwrap_or_default();
    let mut header = [0; 20];
    let fill = |header: &mut [u8; 20], family: u8, address: &[u8]| {
        let fields = [family, version, vrid, 0].into_iter();
        let fields = fields.chain(address.iter().copied());
        for (byte, field) in header.iter_mut().zip(fields) {
            *byte = field;
        }
    };
    match source {
        IpAddr::V4(source) => fill(&mut header, 4, &source.octets()),
        IpAddr::V6(source) => fill(&mut header, 6, &source.octets()),
    }
    header
}
