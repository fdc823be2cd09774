// SPDX-License-Identifier: MIT OR Apache-2.0
//! ARP and VRRPv2 as they are on the wire, read and written here and not by the code under test.

use std::net::Ipv4Addr;

const ETHER_IPV4: [u8; 2] = [0x08, 0x00];
const ETHER_ARP: [u8; 2] = [0x08, 0x06];
const ETHER_HEADER: usize = 14;
const IP_HEADER: usize = 20;
const IP_VRRP: u8 = 112;
const VRRP_HEADER: usize = 8;

/// A VRRPv2 advertisement, RFC 3768 §5.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advert {
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// IP time to live; must be 255.
    pub ttl: u8,
    /// Protocol version.
    pub version: u8,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Priority; 0 is a resignation.
    pub priority: u8,
    /// Authentication type: 0 none, 1 simple text password, 2 IP authentication header.
    pub authentication_type: u8,
    /// Advertisement interval in seconds.
    pub interval: u8,
    /// Virtual addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Authentication data.
    pub authentication: [u8; 8],
    /// Whether the one's-complement sum over the message is right.
    pub checksum_ok: bool,
}

/// An ARP packet, RFC 826.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Sender's hardware address.
    pub sender_mac: [u8; 6],
    /// Sender's protocol address.
    pub sender: Ipv4Addr,
    /// Target's protocol address; the sender's own in a gratuitous ARP.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Whether it announces rather than asks.
    #[must_use]
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target
    }
}

/// What was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet {
    /// A VRRP advertisement.
    Advert(Advert),
    /// An ARP packet.
    Arp(Arp),
    /// An IPv4 packet of protocol 112 that is too short to be an advertisement.
    MalformedAdvert(Vec<u8>),
}

impl Advert {
    /// The Ethernet frame that carries it to 224.0.0.18; the checksum is right or, by
    /// `checksum_ok`, wrong.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let count = u8::try_from(self.addresses.len()).unwrap_or(u8::MAX);
        let mut message = vec![
            self.version << 4 | 1,
            self.vrid,
            self.priority,
            count,
            self.authentication_type,
            self.interval,
            0,
            0,
        ];
        for address in &self.addresses {
            message.extend(address.octets());
        }
        message.extend(self.authentication);
        let sum = if self.checksum_ok {
            !fold(&message)
        } else {
            0xdead
        };
        message.splice(6..8, sum.to_be_bytes());
        ip_frame(self.source, self.destination, self.ttl, &message)
    }

    fn decode(packet: &[u8]) -> Option<Self> {
        let header = usize::from(packet.first()? & 15) * 4;
        let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
        let message = packet.get(header..total)?;
        let &[
            version,
            vrid,
            priority,
            count,
            authentication_type,
            interval,
            ..,
        ] = message
        else {
            return None;
        };
        let end = VRRP_HEADER + 4 * usize::from(count);
        let listed = message.get(VRRP_HEADER..end)?;
        let data = message
            .get(end..end + 8)
            .and_then(|data| data.try_into().ok());
        Some(Self {
            source: address(packet, 12)?,
            destination: address(packet, 16)?,
            ttl: *packet.get(8)?,
            version: version >> 4,
            vrid,
            priority,
            authentication_type,
            interval,
            addresses: (0..listed.len())
                .step_by(4)
                .filter_map(|at| address(listed, at))
                .collect(),
            authentication: data.unwrap_or_default(),
            checksum_ok: fold(message) == 0xffff,
        })
    }
}

/// An Ethernet frame from a made-up station to all VRRP routers, with any message in it.
#[must_use]
pub fn ip_frame(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let total = u16::try_from(IP_HEADER + message.len()).unwrap_or(u16::MAX);
    let mut header = vec![0x45, 0xc0, 0, 0, 0, 0, 0, 0, ttl, IP_VRRP, 0, 0];
    header.splice(2..4, total.to_be_bytes());
    header.extend(source.octets());
    header.extend(destination.octets());
    let sum = !fold(&header);
    header.splice(10..12, sum.to_be_bytes());
    let mut frame = vec![
        0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x02, 0x00, 0x00, 0x00, 0x00, 0x99,
    ];
    frame.extend(ETHER_IPV4);
    frame.extend(header);
    frame.extend(message);
    frame
}

/// The packet in an Ethernet frame, when it is one of interest.
pub(super) fn decode(frame: &[u8]) -> Option<Packet> {
    let payload = frame.get(ETHER_HEADER..)?;
    let kind: [u8; 2] = frame.get(12..ETHER_HEADER)?.try_into().ok()?;
    match kind {
        ETHER_ARP => Some(Packet::Arp(Arp {
            operation: u16::from_be_bytes(payload.get(6..8)?.try_into().ok()?),
            sender_mac: payload.get(8..14)?.try_into().ok()?,
            sender: address(payload, 14)?,
            target: address(payload, 24)?,
        })),
        ETHER_IPV4 if payload.get(9) == Some(&IP_VRRP) => {
            Some(Advert::decode(payload).map_or_else(
                || Packet::MalformedAdvert(payload.to_owned()),
                Packet::Advert,
            ))
        }
        _ => None,
    }
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

/// The one's-complement sum of 16-bit words, RFC 1071.
fn fold(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(high) << 8,
        _ => 0,
    });
    let sum: u32 = words.sum();
    let once = (sum & 0xffff) + (sum >> 16);
    let twice = (once & 0xffff) + (once >> 16);
    u16::try_from(twice).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advert() -> Advert {
        Advert {
            source: Ipv4Addr::new(192, 168, 1, 11),
            destination: Ipv4Addr::new(224, 0, 0, 18),
            ttl: 255,
            version: 2,
            vrid: 100,
            priority: 100,
            authentication_type: 1,
            interval: 1,
            addresses: vec![Ipv4Addr::new(192, 168, 1, 50)],
            authentication: *b"secret\0\0",
            checksum_ok: true,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let right = advert();
        assert_eq!(decode(&right.frame()), Some(Packet::Advert(right.clone())));
        let wrong = Advert {
            checksum_ok: false,
            ..right
        };
        assert_eq!(decode(&wrong.frame()), Some(Packet::Advert(wrong.clone())));
    }

    #[test]
    fn every_truncation_is_harmless() {
        let frame = advert().frame();
        for length in 0..frame.len() {
            let decoded = decode(&frame[..length]);
            assert!(
                !matches!(decoded, Some(Packet::Advert(_))),
                "{length}: {decoded:?}"
            );
        }
    }
}
