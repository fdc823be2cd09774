// SPDX-License-Identifier: MIT OR Apache-2.0
//! The raw protocol-112 socket of an interface, and the packet socket that announces addresses.

use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::task::{Context, Poll};

use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::sys::{self, Owned};

/// Where adverts go over IPv4 (RFC 9568 §5.1.1.2).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// VRRP's IP protocol number.
const PROTOCOL: u8 = 112;
/// The only time to live an advert may have (RFC 9568 §5.1.1.3).
const TTL: u8 = 255;
/// Precedence "internetwork control", as keepalived marks its adverts.
const TYPE_OF_SERVICE: u32 = 0xC0;
const HEADER: usize = Ipv4Packet::minimum_packet_size();
/// The largest VRRP message over IPv4: 8 + 255 addresses + authentication, behind the longest
/// IPv4 header. Longer packets are cut, which their length field then gives away.
const BUFFER: usize = 2048;
/// Room for a burst of adverts that arrives while the thread is not scheduled.
const RECEIVE_BUFFER: usize = 512 * 1024;

/// What an IPv4 packet carried: its VRRP message and the header fields that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) ttl: u8,
    pub(super) payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Takes apart what a raw socket delivers: header first, then trimmed to the IPv4 total
    /// length (Ethernet pads short frames). `None` if the packet is not a whole IPv4 packet.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let packet = Ipv4Packet::new(bytes)?;
        let header = usize::from(packet.get_header_length()) * 4;
        let total = usize::from(packet.get_total_length());
        if packet.get_version() != 4 || header < HEADER {
            return None;
        }
        Some(Self {
            source: packet.get_source(),
            destination: packet.get_destination(),
            ttl: packet.get_ttl(),
            payload: bytes.get(header..total)?,
        })
    }
}

/// The raw socket that all virtual routers of one interface share.
#[derive(Debug)]
pub(super) struct VrrpSocket {
    socket: AsyncFd<Owned<Socket>>,
    buffer: Box<[u8]>,
    frame: Vec<u8>,
}

impl VrrpSocket {
    /// Opens the socket and joins 224.0.0.18 on the interface. Must be called inside the runtime
    /// that will wait on it.
    pub(super) fn open(interface: &str, index: u32) -> io::Result<Self> {
        let protocol = Protocol::from(i32::from(PROTOCOL));
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        // Sources are chosen per router, so the header is ours; these hold all the same for
        // anything that reads the socket's options.
        socket.set_header_included_v4(true)?;
        socket.set_multicast_ttl_v4(u32::from(TTL))?;
        socket.set_tos_v4(TYPE_OF_SERVICE)?;
        socket.set_multicast_loop_v4(false)?;
        socket.set_multicast_all_v4(false)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.join_multicast_v4_n(&GROUP, &InterfaceIndexOrAddress::Index(index))?;
        Ok(Self {
            socket: sys::register_socket(socket)?,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            frame: Vec::with_capacity(BUFFER),
        })
    }

    /// Sends one advert from `source` to the group.
    pub(super) fn send(&mut self, source: Ipv4Addr, message: &[u8]) -> io::Result<()> {
        let total = u16::try_from(HEADER + message.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.frame.clear();
        self.frame.resize(HEADER, 0);
        {
            let mut header = MutableIpv4Packet::new(&mut self.frame)
                .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
            header.set_version(4);
            header.set_header_length(5);
            header.set_dscp(0x30);
            header.set_total_length(total);
            header.set_ttl(TTL);
            header.set_next_level_protocol(IpNextHeaderProtocol(PROTOCOL));
            header.set_source(source);
            header.set_destination(GROUP);
            // The kernel fills in identification and header checksum.
        }
        self.frame.extend_from_slice(message);
        let to = SockAddr::from(std::net::SocketAddrV4::new(GROUP, 0));
        let sent = self.socket.get_ref().get().send_to(&self.frame, &to)?;
        if sent == self.frame.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }

    /// Ready when there may be something to receive.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_read_ready(cx).map_ok(drop)
    }

    /// The next packet, or `None` when there is none; then the socket can be waited for again. So
    /// it can after an error: one that lasts must not keep the thread running.
    pub(super) fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        let buffer = &mut self.buffer;
        let mut failure = None;
        let result = self.socket.try_io(Interest::READABLE, |socket| {
            socket.get().read(buffer).map_err(|error| {
                let waits = io::Error::from(io::ErrorKind::WouldBlock);
                failure = Some(error).filter(|error| error.kind() != io::ErrorKind::WouldBlock);
                waits
            })
        });
        match (result, failure) {
            (Ok(length), _) => Ok(self.buffer.get(..length)),
            (Err(_), Some(error)) => Err(error),
            (Err(_), None) => Ok(None),
        }
    }
}

/// A packet socket bound to one interface, for whole Ethernet frames; it receives nothing.
#[derive(Debug)]
pub(super) struct PacketSocket(Socket);

impl PacketSocket {
    pub(super) fn open(index: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&sys::packet_address(index)?)?;
        Ok(Self(socket))
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame).map(drop)
    }
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
        let datagram = Datagram::parse(&bytes).unwrap();
        assert_eq!(datagram.source, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(datagram.destination, GROUP);
        assert_eq!(datagram.ttl, 255);
        assert_eq!(datagram.payload.len(), 12);
    }

    #[test]
    fn a_packet_cut_anywhere_inside_its_length_is_refused() {
        let bytes = packet();
        for length in 0..32 {
            assert_eq!(Datagram::parse(&bytes[..length]), None, "{length} bytes");
        }
        assert!(Datagram::parse(&bytes[..32]).is_some());
    }

    #[test]
    fn nonsense_headers_are_refused() {
        let mut version = packet();
        version[0] = 0x65;
        assert_eq!(Datagram::parse(&version), None);
        let mut header = packet();
        header[0] = 0x44;
        assert_eq!(Datagram::parse(&header), None);
        let mut total = packet();
        total[3] = 19;
        assert_eq!(Datagram::parse(&total), None);
    }
}
