// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adverts as whole Ethernet frames.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use pnet::packet::ethernet::{EtherType, EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet, checksum};
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};

use super::super::socket::{Datagram, TRAFFIC_CLASS, ipv4};
use crate::{MacAddr, Transmit};

const ETHERNET: usize = EthernetPacket::minimum_packet_size();
const IPV6: usize = Ipv6Packet::minimum_packet_size();

/// Builds the frame of an advert to a multicast group. `identification` is for an IPv4 header whose
/// identification the advert leaves open.
pub(super) fn advert(
    frame: &mut Vec<u8>,
    from: MacAddr,
    advert: &Transmit,
    identification: u16,
) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (ethertype, to) = match advert.destination {
        IpAddr::V4(group) if group.is_multicast() => {
            let [_, b, c, d] = group.octets();
            (
                EtherTypes::Ipv4,
                MacAddr::new([0x01, 0x00, 0x5e, b & 0x7f, c, d]),
            )
        }
        IpAddr::V6(group) if group.is_multicast() => {
            let [.., a, b, c, d] = group.octets();
            (EtherTypes::Ipv6, MacAddr::new([0x33, 0x33, a, b, c, d]))
        }
        _ => return Err(invalid()),
    };
    frame.clear();
    frame.resize(ETHERNET, 0);
    let mut ethernet = MutableEthernetPacket::new(frame).ok_or_else(invalid)?;
    ethernet.set_destination(to.octets().into());
    ethernet.set_source(from.octets().into());
    ethernet.set_ethertype(ethertype);
    match (advert.source, advert.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4::append(frame, advert, source, destination)?;
            let packet = frame.get_mut(ETHERNET..).unwrap_or_default();
            let mut header = MutableIpv4Packet::new(packet).ok_or_else(invalid)?;
            // The kernel does the same for a raw socket.
            if advert.identification == 0 {
                header.set_identification(identification);
            }
            let sum = checksum(&header.to_immutable());
            header.set_checksum(sum);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.resize(ETHERNET + IPV6, 0);
            let packet = frame.get_mut(ETHERNET..).unwrap_or_default();
            let mut header = MutableIpv6Packet::new(packet).ok_or_else(invalid)?;
            header.set_version(6);
            header.set_traffic_class(TRAFFIC_CLASS);
            let length = u16::try_from(advert.payload.len()).map_err(|_| invalid())?;
            header.set_payload_length(length);
            header.set_next_header(IpNextHeaderProtocol(advert.protocol));
            header.set_hop_limit(advert.hop_limit);
            header.set_source(source);
            header.set_destination(destination);
            frame.extend_from_slice(&advert.payload);
        }
        _ => return Err(invalid()),
    }
    Ok(())
}

/// Parses a frame with an IP packet, and returns its protocol and datagram. `None` for packets that the
/// kernel's IP layer drops: those that are cut, have a wrong checksum, or are fragments.
pub(in crate::driver) fn parse(frame: &[u8]) -> Option<(u8, Datagram<'_>)> {
    let ethernet = EthernetPacket::new(frame)?;
    let packet = frame.get(ETHERNET..)?;
    match ethernet.get_ethertype() {
        EtherTypes::Ipv4 => {
            let header = Ipv4Packet::new(packet)?;
            let datagram = ipv4::parse(packet)?;
            // More fragments follow, or this is not the first one.
            let fragment = header.get_flags() & 1 != 0 || header.get_fragment_offset() != 0;
            let sound = checksum(&header) == header.get_checksum();
            (sound && !fragment).then(|| (header.get_next_level_protocol().0, datagram))
        }
        EtherTypes::Ipv6 => {
            let header = Ipv6Packet::new(packet)?;
            let length = usize::from(header.get_payload_length());
            let datagram = Datagram {
                source: IpAddr::V6(header.get_source()),
                destination: IpAddr::V6(header.get_destination()),
                hop_limit: header.get_hop_limit(),
                ip_header: None,
                payload: packet.get(IPV6..IPV6 + length)?,
            };
            let whole = header.get_version() == 6 && header.get_source() != Ipv6Addr::UNSPECIFIED;
            whole.then(|| (header.get_next_header().0, datagram))
        }
        EtherType(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdvertisedPriority;

    const MAC: MacAddr = MacAddr::new([0, 0, 0x5e, 0, 1, 51]);

    fn transmit(source: &str, destination: &str) -> Transmit {
        Transmit {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            priority: AdvertisedPriority::Resign,
            hop_limit: 255,
            protocol: 112,
            identification: 0,
            payload: [0x31, 51, 0, 1, 0, 100, 0, 0, 192, 0, 2, 100].into(),
        }
    }

    fn built(transmit: &Transmit) -> Vec<u8> {
        let mut frame = vec![1, 2, 3];
        advert(&mut frame, MAC, transmit, 7).unwrap();
        frame
    }

    #[test]
    fn an_ipv4_advert_is_a_whole_frame() {
        let frame = built(&transmit("192.0.2.1", "224.0.0.18"));
        let mut expected = vec![0x01, 0, 0x5e, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 51, 8, 0];
        // The checksum was computed without this code.
        expected.extend([0x45, 0xc0, 0, 32, 0, 7, 0, 0, 255, 112, 0x18, 0x93]);
        expected.extend([192, 0, 2, 1, 224, 0, 0, 18]);
        expected.extend_from_slice(&transmit("192.0.2.1", "224.0.0.18").payload);
        assert_eq!(frame, expected);
        let mut signed = transmit("192.0.2.1", "224.0.0.18");
        signed.identification = 9;
        assert_eq!(built(&signed)[18..20], [0, 9]);
    }

    #[test]
    fn an_ipv6_advert_is_a_whole_frame() {
        let frame = built(&transmit("fe80::1", "ff02::12"));
        let mut expected = vec![0x33, 0x33, 0, 0, 0, 0x12, 0, 0, 0x5e, 0, 1, 51, 0x86, 0xdd];
        expected.extend([0x6c, 0, 0, 0, 0, 12, 112, 255]);
        expected.extend("fe80::1".parse::<Ipv6Addr>().unwrap().octets());
        expected.extend("ff02::12".parse::<Ipv6Addr>().unwrap().octets());
        expected.extend_from_slice(&transmit("fe80::1", "ff02::12").payload);
        assert_eq!(frame, expected);
    }

    #[test]
    fn only_multicast_of_one_family_is_framed() {
        let mut frame = Vec::new();
        for (source, destination) in [
            ("192.0.2.1", "192.0.2.2"),
            ("fe80::1", "fe80::2"),
            ("fe80::1", "224.0.0.18"),
        ] {
            let sent = transmit(source, destination);
            assert!(advert(&mut frame, MAC, &sent, 7).is_err(), "{destination}");
        }
    }

    #[test]
    fn frame_is_parsed_as_it_was_built_and_no_part_of_it() {
        for (source, destination) in [("192.0.2.1", "224.0.0.18"), ("fe80::1", "ff02::12")] {
            let sent = transmit(source, destination);
            let frame = built(&sent);
            // Ethernet pads short frames.
            let padded = [&frame[..], &[0; 20]].concat();
            let (protocol, datagram) = parse(&padded).unwrap();
            assert_eq!(protocol, 112);
            assert_eq!(datagram.source, sent.source);
            assert_eq!(datagram.destination, sent.destination);
            assert_eq!(datagram.hop_limit, 255);
            assert_eq!(datagram.payload, &*sent.payload);
            for length in 0..frame.len() {
                assert_eq!(parse(&frame[..length]), None, "{length} bytes");
            }
        }
    }

    #[test]
    fn fragments_and_broken_headers_are_none() {
        let frame = built(&transmit("192.0.2.1", "224.0.0.18"));
        let changed = |at: usize, to: u8, fix: bool| {
            let mut frame = frame.clone();
            frame[at] = to;
            if fix {
                let mut header = MutableIpv4Packet::new(&mut frame[14..]).unwrap();
                let sum = checksum(&header.to_immutable());
                header.set_checksum(sum);
            }
            frame
        };
        assert!(parse(&changed(22, 254, true)).is_some());
        assert_eq!(parse(&changed(22, 254, false)), None, "checksum");
        assert_eq!(parse(&changed(20, 0x20, true)), None, "more fragments");
        assert_eq!(parse(&changed(21, 1, true)), None, "a later fragment");
        assert_eq!(parse(&changed(12, 9, false)), None, "no IP");
    }
}
