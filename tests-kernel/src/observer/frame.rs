// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::advert::{self, Advert};
use super::sums::{pseudo_header, sum};

const ETHERNET: usize = 14;
const ICMP: u8 = 1;
const IGMP: u8 = 2;
const AUTHENTICATION_HEADER: u8 = 51;
const ICMPV6: u8 = 58;
const VRRP: u8 = 112;
const HOP_BY_HOP: u8 = 0;

/// The content of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reading {
    /// A VRRP advertisement, whatever is wrong with it.
    Advert(Box<Advert>),
    /// A gratuitous ARP or an unsolicited neighbour advertisement.
    Announcement(Announcement),
    /// What a kernel sends of its own accord.
    Chore(Chore),
    /// Nothing known, and why.
    Unknown(&'static str),
}

/// Tells a segment which station has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announcement {
    /// The address.
    pub address: IpAddr,
    /// The station that has it, by the message.
    pub station: [u8; 6],
    /// The source address of the message.
    pub source: IpAddr,
    /// What is not as RFC 826, 5227 and 4861 have it.
    pub faults: Vec<String>,
}

/// What kernels send.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chore {
    /// IGMP or MLD: memberships begin or end.
    Membership(Vec<IpAddr>),
    /// An ARP request or a neighbour solicitation.
    Question {
        /// The sender; unspecified during duplicate address detection.
        sender: IpAddr,
        /// The address in question.
        target: IpAddr,
    },
    /// An ARP reply or a solicited neighbour advertisement, for this address.
    Answer(IpAddr),
    /// A router solicitation.
    RouterSolicitation,
    /// To a router that does not multicast: this host does not receive VRRP.
    Refusal(IpAddr),
}

/// The packet inside a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) header: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) service: u8,
    pub(super) hop_limit: u8,
    pub(super) protocol: u8,
}

/// Reads a frame. Never panics.
#[must_use]
pub fn read(frame: &[u8]) -> Reading {
    let (Some(kind), Some(payload)) = (frame.get(12..ETHERNET), frame.get(ETHERNET..)) else {
        return Reading::Unknown("shorter than an Ethernet header");
    };
    match *kind {
        [0x08, 0x06] => arp(frame, payload),
        [0x08, 0x00] => ipv4(payload).map_or_else(Reading::Unknown, |packet| inside(frame, packet)),
        [0x86, 0xdd] => ipv6(payload).map_or_else(Reading::Unknown, |packet| inside(frame, packet)),
        _ => Reading::Unknown("neither ARP nor IP"),
    }
}

fn inside(frame: &[u8], packet: Packet<'_>) -> Reading {
    match packet.protocol {
        VRRP | AUTHENTICATION_HEADER => advert::read(packet)
            .map_or(Reading::Unknown("a cut advertisement"), |advert| {
                Reading::Advert(Box::new(advert))
            }),
        ICMP => icmp(packet).map_or(Reading::Unknown("ICMP of another kind"), Reading::Chore),
        IGMP => igmp(packet).map_or(Reading::Unknown("IGMP, but no report"), Reading::Chore),
        ICMPV6 => icmpv6(frame, packet).unwrap_or(Reading::Unknown("ICMPv6 of another kind")),
        _ => Reading::Unknown("IP of another protocol"),
    }
}

/// RFC 791: no options but those of IGMP, no fragments, nothing behind the packet.
fn ipv4(bytes: &[u8]) -> Result<Packet<'_>, &'static str> {
    let cut = "a cut IPv4 header";
    let header = bytes
        .first()
        .and_then(|first| bytes.get(..usize::from(first & 15) * 4));
    let header = header.filter(|header| header.len() >= 20).ok_or(cut)?;
    if bytes.first().map(|first| first >> 4) != Some(4) || sum(&[header]) != 0xffff {
        return Err("a wrong IPv4 header");
    }
    if word(header, 2).map(usize::from) != Some(bytes.len()) {
        return Err("an IPv4 length that is not the frame's");
    }
    if word(header, 6).is_none_or(|fragment| fragment & 0xbfff != 0) {
        return Err("a fragment");
    }
    let (Some(&hop_limit), Some(&protocol)) = (header.get(8), header.get(9)) else {
        return Err(cut);
    };
    if header.len() != 20 && protocol != IGMP {
        return Err("IPv4 options");
    }
    Ok(Packet {
        header,
        payload: bytes.get(header.len()..).ok_or(cut)?,
        source: v4(header, 12).ok_or(cut)?,
        destination: v4(header, 16).ok_or(cut)?,
        service: *header.get(1).ok_or(cut)?,
        hop_limit,
        protocol,
    })
}

/// RFC 8200: no extension headers but MLD's router alert, nothing behind the packet.
fn ipv6(bytes: &[u8]) -> Result<Packet<'_>, &'static str> {
    let cut = "a cut IPv6 header";
    let header = bytes.get(..40).ok_or(cut)?;
    if header.first().map(|first| first >> 4) != Some(6) {
        return Err("a wrong IPv6 version");
    }
    let mut payload = bytes.get(40..).ok_or(cut)?;
    if word(header, 4).map(usize::from) != Some(payload.len()) {
        return Err("an IPv6 length that is not the frame's");
    }
    let mut protocol = *header.get(6).ok_or(cut)?;
    if protocol == HOP_BY_HOP {
        // Router alert for MLD and padding, RFC 2711.
        if payload.get(1..8) != Some(&[0, 5, 2, 0, 0, 1, 0]) {
            return Err("hop-by-hop options");
        }
        protocol = *payload.first().ok_or(cut)?;
        payload = payload.get(8..).ok_or(cut)?;
    }
    Ok(Packet {
        header,
        payload,
        source: v6(header, 8).ok_or(cut)?,
        destination: v6(header, 24).ok_or(cut)?,
        service: u8::try_from(word(header, 0).ok_or(cut)? >> 4 & 0xff).unwrap_or_default(),
        hop_limit: *header.get(7).ok_or(cut)?,
        protocol,
    })
}

/// RFC 826 over Ethernet; sender = target is RFC 5227's announcement.
fn arp(frame: &[u8], packet: &[u8]) -> Reading {
    let [sender, target] = [14, 24].map(|at| v4(packet, at));
    let (Some(sender), Some(target), Some(station)) = (sender, target, mac(packet, 8)) else {
        return Reading::Unknown("a cut ARP packet");
    };
    let operation = match packet.get(..8) {
        Some([0, 1, 8, 0, 6, 4, 0, operation @ 1..=2]) => *operation,
        _ => return Reading::Unknown("ARP of another kind"),
    };
    // One that takes the address for its own answers another's announcement of it.
    let to_one = operation == 2 && mac(frame, 0) == mac(packet, 18);
    if sender != target || (to_one && mac(frame, 0) != Some([0xff; 6])) {
        return match (operation, mac(frame, 6) == Some(station)) {
            (1, true) if mac(packet, 18) != Some([0; 6]) => {
                Reading::Unknown("an ARP request that has its answer")
            }
            (1, true) => Reading::Chore(Chore::Question { sender, target }),
            (_, true) => Reading::Chore(Chore::Answer(sender)),
            _ => Reading::Unknown("ARP on behalf of another station"),
        };
    }
    let mut faults = Vec::new();
    let mut must = |right: bool, what: &str| {
        if !right {
            faults.push(what.to_owned());
        }
    };
    must(packet.len() == 28, "length of an ARP packet");
    must(operation == 1, "not a request");
    must(mac(frame, 0) == Some([0xff; 6]), "not broadcast");
    must(mac(frame, 6) == Some(station), "sender's hardware address");
    // Errata 7947 and 7949 of RFC 9568 and what keepalived has: receivers ignore the field.
    let there = mac(packet, 18).unwrap_or_default();
    must(
        [[0; 6], [0xff; 6], station].contains(&there),
        "target's hardware address",
    );
    Reading::Announcement(Announcement {
        address: sender,
        station,
        source: sender,
        faults,
    })
}

/// RFC 792: no such protocol, about VRRP.
fn icmp(packet: Packet<'_>) -> Option<Chore> {
    let message = packet.payload;
    let refused = *message.get(8 + 9)?;
    let right = message.get(..2)? == [3, 2]
        && [VRRP, AUTHENTICATION_HEADER].contains(&refused)
        && sum(&[message]) == 0xffff;
    right.then_some(Chore::Refusal(packet.destination))
}

/// RFC 2236 and 3376: reports and leaves.
fn igmp(packet: Packet<'_>) -> Option<Chore> {
    let message = packet.payload;
    if packet.hop_limit != 1 || sum(&[message]) != 0xffff {
        return None;
    }
    let groups = match *message.first()? {
        0x12 | 0x16 | 0x17 => vec![v4(message, 4)?],
        0x22 => records(message, 6, 8, 4)?
            .into_iter()
            .map(|at| v4(message, at))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    Some(Chore::Membership(groups))
}

/// Where the groups of a report of IGMPv3 or MLDv2 are: each record has 4 bytes, the group, and
/// sources.
fn records(message: &[u8], count: usize, first: usize, size: usize) -> Option<Vec<usize>> {
    let mut at = first;
    let mut groups = Vec::new();
    for _ in 0..word(message, count)? {
        groups.push(at + 4);
        let auxiliary = usize::from(*message.get(at + 1)?) * 4;
        at += 4 + size * (1 + usize::from(word(message, at + 2)?)) + auxiliary;
    }
    (at == message.len()).then_some(groups)
}

/// RFC 4861, 2710 and 3810.
fn icmpv6(frame: &[u8], packet: Packet<'_>) -> Option<Reading> {
    let message = packet.payload;
    let (source, destination) = (packet.source, packet.destination);
    let pseudo = pseudo_header(source, destination, ICMPV6, message.len());
    if sum(&[&pseudo, message]) != 0xffff {
        return None;
    }
    let kind = *message.first()?;
    if packet.hop_limit != if (133..=137).contains(&kind) { 255 } else { 1 } {
        return None;
    }
    let chore = match kind {
        131 | 132 => Chore::Membership(vec![v6(message, 8)?]),
        143 => Chore::Membership(
            records(message, 6, 8, 16)?
                .into_iter()
                .map(|at| v6(message, at))
                .collect::<Option<_>>()?,
        ),
        133 => Chore::RouterSolicitation,
        135 => Chore::Question {
            sender: source,
            target: v6(message, 8)?,
        },
        // RFC 4861 §4.4: an advertisement to all nodes is not solicited.
        136 if *message.get(4)? & 0x40 != 0 && !is_to_all(destination) => {
            Chore::Answer(v6(message, 8)?)
        }
        136 => return neighbour(frame, packet),
        _ => return None,
    };
    Some(Reading::Chore(chore))
}

/// An unsolicited neighbour advertisement, RFC 4861 §7.2.6 and RFC 9568 §8.2.2.
fn neighbour(frame: &[u8], packet: Packet<'_>) -> Option<Reading> {
    let message = packet.payload;
    let mut faults = Vec::new();
    let mut must = |right: bool, what: &str| {
        if !right {
            faults.push(what.to_owned());
        }
    };
    must(is_to_all(packet.destination), "not to all nodes");
    must(packet.service == 0, "traffic class");
    must(
        mac(frame, 0) == Some([0x33, 0x33, 0, 0, 0, 1]),
        "not all nodes' hardware address",
    );
    // Override; the router flag follows forwarding, and nothing else is set.
    must(
        message
            .get(4..8)
            .is_some_and(|flags| matches!(flags, [0x20 | 0xa0, 0, 0, 0])),
        "flags",
    );
    must(message.get(1) == Some(&0), "code");
    must(
        message.len() == 32 && message.get(24..26) == Some(&[2, 1]),
        "option: the target's hardware address alone",
    );
    let station = mac(message, 26)?;
    must(mac(frame, 6) == Some(station), "hardware address");
    Some(Reading::Announcement(Announcement {
        address: v6(message, 8)?,
        station,
        source: packet.source,
        faults,
    }))
}

fn is_to_all(destination: IpAddr) -> bool {
    destination == IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1))
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}

pub(super) fn v4(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets).into())
}

pub(super) fn v6(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}

pub(super) fn mac(bytes: &[u8], at: usize) -> Option<[u8; 6]> {
    bytes.get(at..at + 6)?.try_into().ok()
}
