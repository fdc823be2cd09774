// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checksums and digests, as their documents have them.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

/// RFC 1071: the one's-complement sum of all parts, each of even length but the last. What
/// carries its own checksum sums up to 0xffff.
pub(super) fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or_default();
            let high = pair.first().copied().unwrap_or_default();
            total += u32::from(u16::from_be_bytes([high, low]));
            total = (total & 0xffff) + (total >> 16);
        }
    }
    u16::try_from(total).unwrap_or(u16::MAX)
}

/// RFC 8200 §8.1 for IPv6; for IPv4 its older sibling of 12 bytes.
pub(super) fn pseudo_header(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    length: usize,
) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut header = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => header.extend(address.octets()),
            IpAddr::V6(address) => header.extend(address.octets()),
        }
    }
    if source.is_ipv4() {
        header.extend([0, protocol, length[2], length[3]]);
    } else {
        header.extend(length);
        header.extend([0, 0, 0, protocol]);
    }
    header
}

/// RFC 2403: HMAC-MD5 cut to 96 bits.
pub(super) fn hmac_md5_96(key: &[u8], text: &[u8]) -> Option<[u8; 12]> {
    let mut mac = Hmac::<Md5>::new_from_slice(key).ok()?;
    mac.update(text);
    mac.finalize().into_bytes().get(..12)?.try_into().ok()
}
