// SPDX-License-Identifier: MIT OR Apache-2.0
//! Advertisements of every dialect as they are on the wire, read here and not by the code under
//! test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

const ETHER_HEADER: usize = 14;
const VRRP: u8 = 112;
const AUTHENTICATION_HEADER: u8 = 51;

/// What a judge needs to know of an advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advert {
    pub(crate) at: Instant,
    pub(crate) source_mac: [u8; 6],
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    /// The protocol of the IP header: 112, or 51 with an authentication header.
    pub(crate) protocol: u8,
    pub(crate) version: u8,
    pub(crate) vrid: u8,
    pub(crate) priority: u8,
    pub(crate) authentication_type: u8,
}

/// Reads a frame; `None` if it is no advertisement.
pub(crate) fn advert(frame: &[u8], at: Instant) -> Option<Advert> {
    let source_mac = frame.get(6..12)?.try_into().ok()?;
    let packet = frame.get(ETHER_HEADER..)?;
    let (source, destination, hop_limit, protocol, payload) = match frame.get(12..14)? {
        [0x08, 0x00] => {
            let address = |at: usize| -> Option<IpAddr> {
                let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                Some(Ipv4Addr::from(octets).into())
            };
            let header = usize::from(packet.first()? & 15) * 4;
            let (ttl, protocol) = (*packet.get(8)?, *packet.get(9)?);
            (
                address(12)?,
                address(16)?,
                ttl,
                protocol,
                packet.get(header..)?,
            )
        }
        [0x86, 0xdd] => {
            let address = |at: usize| -> Option<IpAddr> {
                let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(Ipv6Addr::from(octets).into())
            };
            let (next, hops) = (*packet.get(6)?, *packet.get(7)?);
            (address(8)?, address(24)?, hops, next, packet.get(40..)?)
        }
        _ => return None,
    };
    let message = match protocol {
        VRRP => payload,
        // Its length field counts words, less two.
        AUTHENTICATION_HEADER => payload.get((usize::from(*payload.get(1)?) + 2) * 4..)?,
        _ => return None,
    };
    let &[version, vrid, priority, _, authentication_type, ..] = message else {
        return None;
    };
    Some(Advert {
        at,
        source_mac,
        source,
        destination,
        hop_limit,
        protocol,
        version: version >> 4,
        vrid,
        priority,
        authentication_type,
    })
}
