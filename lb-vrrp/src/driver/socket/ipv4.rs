// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv4: the driver writes the header of sent packets, and the kernel delivers that of received ones.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use rustix::net::{SendFlags, sendto};
use socket2::Socket;

use super::{Datagram, HOP_LIMIT, TRAFFIC_CLASS};
use crate::Transmit;

const HEADER: usize = Ipv4Packet::minimum_packet_size();

/// Parses a packet from a raw socket; trims the payload to the total length of the header, because
/// Ethernet pads short frames. `None` if the packet is not a complete IPv4 packet.
pub(in crate::driver) fn parse(bytes: &[u8]) -> Option<Datagram<'_>> {
    let packet = Ipv4Packet::new(bytes)?;
    let header = usize::from(packet.get_header_length()) * 4;
    let total = usize::from(packet.get_total_length());
    if packet.get_version() != 4 || header < HEADER {
        return None;
    }
    Some(Datagram {
        source: IpAddr::V4(packet.get_source()),
        destination: IpAddr::V4(packet.get_destination()),
        hop_limit: packet.get_ttl(),
        ip_header: bytes.get(..header),
        payload: bytes.get(header..total)?,
    })
}

/// Receives one packet; `None` if it is not complete.
pub(super) fn receive<'a>(
    mut socket: &Socket,
    buffer: &'a mut [u8],
) -> io::Result<Option<Datagram<'a>>> {
    let length = socket.read(buffer)?;
    Ok(parse(buffer.get(..length).unwrap_or_default()))
}

/// Sets the options of a new socket.
pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    // Each router has its own source, so the driver writes the header. Programs that list socket
    // options see the others.
    socket.set_header_included_v4(true)?;
    socket.set_multicast_ttl_v4(u32::from(HOP_LIMIT))?;
    socket.set_tos_v4(u32::from(TRAFFIC_CLASS))?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_all_v4(false)
}

/// Sends one advert with its header.
pub(super) fn send(socket: &Socket, frame: &[u8], destination: Ipv4Addr) -> io::Result<()> {
    let to = SocketAddrV4::new(destination, 0);
    let sent = sendto(socket, frame, SendFlags::empty(), &to)?;
    super::check_sent(sent, frame.len())
}

/// Appends an advert with its header. The kernel fills in the checksum, and the identification
/// where it is zero.
pub(in crate::driver) fn append(
    frame: &mut Vec<u8>,
    advert: &Transmit,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> io::Result<()> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let total = u16::try_from(HEADER + advert.payload.len()).map_err(|_| invalid())?;
    let start = frame.len();
    frame.resize(start + HEADER, 0);
    let packet = frame.get_mut(start..).unwrap_or_default();
    let mut header = MutableIpv4Packet::new(packet).ok_or_else(invalid)?;
    header.set_version(4);
    header.set_header_length(5);
    header.set_dscp(TRAFFIC_CLASS >> 2);
    header.set_total_length(total);
    header.set_identification(advert.identification);
    header.set_ttl(advert.hop_limit);
    header.set_next_level_protocol(IpNextHeaderProtocol(advert.protocol));
    header.set_source(source);
    header.set_destination(destination);
    frame.extend_from_slice(&advert.payload);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An advert as a raw socket delivers it, with two bytes of Ethernet padding behind it.
    fn packet() -> Vec<u8> {
        let mut bytes = vec![
            0x45, 0xc0, 0, 32, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18,
        ];
        bytes.extend([0x31, 0x33, 0x64, 1, 0, 0x64, 0x05, 0x72, 192, 0, 2, 0x64]);
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn the_payload_is_trimmed_to_the_total_length() {
        let bytes = packet();
        let datagram = parse(&bytes).unwrap();
        assert_eq!(datagram.source, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(datagram.destination, Ipv4Addr::new(224, 0, 0, 18));
        assert_eq!(datagram.hop_limit, 255);
        assert_eq!(datagram.payload.len(), 12);
    }

    #[test]
    fn a_packet_cut_anywhere_inside_its_length_is_refused() {
        let bytes = packet();
        for length in 0..32 {
            assert_eq!(parse(&bytes[..length]), None, "{length} bytes");
        }
        assert!(parse(&bytes[..32]).is_some());
    }

    #[test]
    fn nonsense_headers_are_refused() {
        let mut version = packet();
        version[0] = 0x65;
        assert_eq!(parse(&version), None);
        let mut header = packet();
        header[0] = 0x44;
        assert_eq!(parse(&header), None);
        let mut total = packet();
        total[3] = 19;
        assert_eq!(parse(&total), None);
    }
}
