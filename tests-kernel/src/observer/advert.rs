// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertisements of both versions, with and without an authentication header.

use std::net::IpAddr;
use std::time::Duration;

use super::frame::{Packet, v4, v6, word};
use super::sums::{hmac_md5_96, pseudo_header, sum};

const HEADER: usize = 8;
const VRRP: u8 = 112;
const AUTHENTICATION_HEADER: u8 = 51;
/// RFC 2402 with 96 bits of digest.
const AUTHENTICATION_LENGTH: usize = 24;

/// An advertisement, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advert {
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// Type of service or traffic class.
    pub service: u8,
    /// Time to live or hop limit.
    pub hop_limit: u8,
    /// What is between the IP header and the message.
    pub header: Option<AuthenticationHeader>,
    /// Protocol version.
    pub version: u8,
    /// Message type; 1 is the only one.
    pub kind: u8,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Priority; 0 is a resignation.
    pub priority: u8,
    /// Number of addresses by the field.
    pub count: u8,
    /// Version 2: the authentication type. Version 3: the reserved bits.
    pub authentication_type: u8,
    /// Advertisement interval: seconds in version 2, 12 bits of centiseconds in version 3.
    pub interval: Duration,
    /// As many addresses as the message has of those that `count` announces.
    pub addresses: Vec<IpAddr>,
    /// What follows the addresses: 8 bytes of authentication data in version 2.
    pub tail: Vec<u8>,
    /// Over what the checksum is right.
    pub sum: Sum,
}

/// Over what a checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sum {
    /// The message alone: version 2, and RFC 9568's reading for IPv4.
    Message,
    /// Message and pseudo header: IPv6, and keepalived's and FRR's reading for IPv4.
    Pseudo,
    /// Neither.
    Wrong,
}

/// An IP authentication header, RFC 2402, and the bytes that its digest covers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticationHeader {
    /// Security parameters index.
    pub index: u32,
    /// Sequence number.
    pub sequence: u32,
    /// HMAC-MD5-96.
    pub digest: [u8; 12],
    text: Vec<u8>,
}

impl AuthenticationHeader {
    /// Whether the digest is what this key gives: over the IP header with type of service,
    /// fragment and checksum zeroed and the time to live as sent, this header with the digest
    /// zeroed, and the message. That is keepalived's way for multicast.
    #[must_use]
    pub fn is_by(&self, key: &[u8]) -> bool {
        hmac_md5_96(key, &self.text) == Some(self.digest)
    }
}

/// `None` if it is too short to have all fixed fields.
pub(super) fn read(packet: Packet<'_>) -> Option<Advert> {
    let (header, message) = if packet.protocol == AUTHENTICATION_HEADER {
        let header = authentication_header(packet)?;
        (Some(header), packet.payload.get(AUTHENTICATION_LENGTH..)?)
    } else {
        (None, packet.payload)
    };
    let &[
        first,
        vrid,
        priority,
        count,
        kind_or_high,
        low,
        _,
        _,
        ref rest @ ..,
    ] = message
    else {
        return None;
    };
    let version = first >> 4;
    let (authentication_type, interval) = if version == 2 {
        (kind_or_high, Duration::from_secs(low.into()))
    } else {
        let centis = u64::from(word(message, 4)? & 0x0fff);
        (kind_or_high >> 4, Duration::from_millis(centis * 10))
    };
    let size = if packet.source.is_ipv4() { 4 } else { 16 };
    let listed = (usize::from(count) * size).min(rest.len() / size * size);
    let addresses = (0..listed).step_by(size).map(|at| {
        if size == 4 {
            v4(rest, at)
        } else {
            v6(rest, at)
        }
    });
    let pseudo = pseudo_header(packet.source, packet.destination, VRRP, message.len());
    let sum = match (sum(&[message]), sum(&[&pseudo, message])) {
        (0xffff, _) => Sum::Message,
        (_, 0xffff) => Sum::Pseudo,
        _ => Sum::Wrong,
    };
    Some(Advert {
        source: packet.source,
        destination: packet.destination,
        service: packet.service,
        hop_limit: packet.hop_limit,
        header,
        version,
        kind: first & 15,
        vrid,
        priority,
        count,
        authentication_type,
        interval,
        addresses: addresses.collect::<Option<_>>()?,
        tail: message.get(HEADER + listed..)?.to_vec(),
        sum,
    })
}

fn authentication_header(packet: Packet<'_>) -> Option<AuthenticationHeader> {
    let header = packet.payload.get(..AUTHENTICATION_LENGTH)?;
    // Next header, length in words less two, reserved.
    if header.get(..4)? != [VRRP, 4, 0, 0] || !packet.source.is_ipv4() {
        return None;
    }
    let number = |at: usize| -> Option<u32> {
        let bytes: [u8; 4] = header.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let mut text = packet.header.to_vec();
    for at in [1, 6, 7, 10, 11] {
        *text.get_mut(at)? = 0;
    }
    text.extend(header.get(..12)?);
    text.extend([0; 12]);
    text.extend(packet.payload.get(AUTHENTICATION_LENGTH..)?);
    Some(AuthenticationHeader {
        index: number(4)?,
        sequence: number(8)?,
        digest: header.get(12..)?.try_into().ok()?,
        text,
    })
}
