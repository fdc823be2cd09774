// SPDX-License-Identifier: MIT OR Apache-2.0
//! The raw sockets of an interface and family, and the packet socket that announces addresses.

pub(super) mod ipv4;
mod ipv6;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use lb_host::sys::bind_packet_socket;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};

use super::handover::ReceivedSocket;
use super::reactor::{Reactor, Watch};
use crate::wire::AuthenticationHeader;
use crate::{AddressFamily, Transmit};

/// The only time to live an advert to the group may have (RFC 9568 §5.1.1.3, §5.1.2.3).
const HOP_LIMIT: u8 = 255;
/// Precedence "internetwork control", as keepalived marks its adverts.
pub(super) const TRAFFIC_CLASS: u8 = 0xC0;
/// Receive size in bytes, more than the largest VRRP message: 255 IPv6 addresses are 4088 bytes. A
/// longer packet is truncated, and recognised by that.
const BUFFER: usize = 4608;
/// Default receive buffer in bytes, for adverts that arrive while the thread is not scheduled.
const RECEIVE_BUFFER: usize = 512 * 1024;

/// The VRRP message of a packet, and the header fields that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) hop_limit: u8,
    /// The IPv4 header as it arrived.
    pub(super) ip_header: Option<&'a [u8]>,
    pub(super) payload: &'a [u8],
}

/// A received packet.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    Datagram(Datagram<'a>),
    /// A truncated or invalid packet.
    Malformed,
}

/// The IP protocol of adverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Protocol 112.
    Vrrp,
    /// Protocol 51, an authentication header before the VRRP message.
    AuthenticationHeader,
}

impl Protocol {
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Vrrp => 112,
            Self::AuthenticationHeader => AuthenticationHeader::PROTOCOL,
        }
    }
}

/// A raw socket that all virtual routers of one interface and family share.
#[derive(Debug)]
pub(super) struct VrrpSocket {
    socket: Watch<Socket>,
    family: AddressFamily,
    index: u32,
    /// Multicast groups.
    joined: BTreeSet<IpAddr>,
    /// The requested size of the receive buffer; `None` if it is not known.
    reserved: Option<usize>,
    buffer: Box<[u8]>,
    /// The last IPv4 packet that was sent, with its header.
    frame: Vec<u8>,
    /// The advert in `frame`.
    framed: Option<Transmit>,
}

impl VrrpSocket {
    /// Opens the socket.
    pub(super) fn open(
        reactor: &Reactor,
        interface: &str,
        index: u32,
        family: AddressFamily,
        protocol: Protocol,
    ) -> io::Result<Self> {
        let number = i32::from(protocol.number()).into();
        let socket = Socket::new(domain(family), Type::RAW, Some(number))?;
        // First, or the socket receives packets of other interfaces.
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_nonblocking(true)?;
        match family {
            AddressFamily::Ipv4 => ipv4::configure(&socket)?,
            AddressFamily::Ipv6 => ipv6::configure(&socket)?,
        }
        let mut opened = Self::register(reactor, socket, family, index, BTreeSet::new())?;
        opened.reserve(0)?;
        Ok(opened)
    }

    /// Uses a socket of another process, if it is one of this kind on this interface.
    pub(super) fn from_handover(
        reactor: &Reactor,
        received: ReceivedSocket,
        interface: &str,
        index: u32,
        family: AddressFamily,
        protocol: Protocol,
    ) -> io::Result<Self> {
        let socket = Socket::from(received.descriptor);
        let number = i32::from(protocol.number()).into();
        // The kernel stores the index of the interface, and returns its present name.
        let is_suitable = socket.domain()? == domain(family)
            && socket.r#type()? == Type::RAW
            && socket.protocol()? == Some(number)
            && socket.device()?.as_deref() == Some(interface.as_bytes());
        if !is_suitable {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let joined = received.joined.into_iter().collect();
        Self::register(reactor, socket, family, index, joined)
    }

    /// A duplicate of the socket for another process, and its multicast groups.
    pub(super) fn share(&self) -> io::Result<(OwnedFd, Vec<IpAddr>)> {
        let socket = self.socket.get().try_clone()?;
        Ok((socket.into(), self.joined.iter().copied().collect()))
    }

    fn register(
        reactor: &Reactor,
        socket: Socket,
        family: AddressFamily,
        index: u32,
        joined: BTreeSet<IpAddr>,
    ) -> io::Result<Self> {
        Ok(Self {
            socket: reactor.watch(socket)?,
            family,
            index,
            joined,
            reserved: None,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            frame: Vec::new(),
            framed: None,
        })
    }

    /// Joins these multicast groups on the interface and leaves all others. Unicast routers have none.
    pub(super) fn join(&mut self, wanted: &BTreeSet<IpAddr>) -> io::Result<()> {
        let socket = self.socket.get();
        for group in wanted.difference(&self.joined) {
            match group {
                IpAddr::V4(group) => {
                    let interface = InterfaceIndexOrAddress::Index(self.index);
                    socket.join_multicast_v4_n(group, &interface)?;
                }
                IpAddr::V6(group) => socket.join_multicast_v6(group, self.index)?,
            }
        }
        for group in self.joined.difference(wanted) {
            match group {
                IpAddr::V4(group) => {
                    let interface = InterfaceIndexOrAddress::Index(self.index);
                    socket.leave_multicast_v4_n(group, &interface)?;
                }
                IpAddr::V6(group) => socket.leave_multicast_v6(group, self.index)?,
            }
        }
        self.joined.clone_from(wanted);
        Ok(())
    }

    /// Sets the receive buffer to `bytes`, or to [`RECEIVE_BUFFER`] if that is more.
    pub(super) fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        // The kernel takes an int, and doubles it.
        let requested = i32::try_from(bytes).unwrap_or(i32::MAX).min(i32::MAX / 2);
        let wanted = usize::try_from(requested)
            .unwrap_or_default()
            .max(RECEIVE_BUFFER);
        if self.reserved == Some(wanted) {
            return Ok(());
        }
        let socket = self.socket.get();
        // Without the privilege, net.core.rmem_max limits the size.
        if wanted == RECEIVE_BUFFER || setsockopt(socket, RcvBufForce, &wanted).is_err() {
            socket.set_recv_buffer_size(wanted)?;
        }
        self.reserved = Some(wanted);
        Ok(())
    }

    /// The size of the receive buffer in bytes; 0 if the kernel does not report it.
    pub(super) fn receive_buffer(&self) -> usize {
        let socket = self.socket.get();
        socket.recv_buffer_size().unwrap_or_default()
    }

    /// Sends one advert, whose addresses must have the family of the socket.
    pub(super) fn send(&mut self, advert: &Transmit) -> io::Result<()> {
        match (advert.source, advert.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                if !self
                    .framed
                    .as_ref()
                    .is_some_and(|last| is_same(last, advert))
                {
                    self.build_frame(advert, source, destination)?;
                }
                ipv4::send(self.socket.get(), &self.frame, destination)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6::send(self.socket.get(), self.index, advert, source, destination)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Not inlined, to keep the code of repeated adverts small.
    #[inline(never)]
    fn build_frame(
        &mut self,
        advert: &Transmit,
        source: Ipv4Addr,
        destination: Ipv4Addr,
    ) -> io::Result<()> {
        self.framed = None;
        self.frame.clear();
        ipv4::append(&mut self.frame, advert, source, destination)?;
        self.framed = Some(advert.clone());
        Ok(())
    }

    /// Whether the socket may be readable.
    pub(super) fn is_readable(&self) -> bool {
        self.socket.is_ready()
    }

    /// The next packet; `None` when there is none. Then, and after an error, the socket does not count as
    /// readable until more arrives: a lasting error must not keep the thread running.
    pub(super) fn receive(&mut self) -> io::Result<Option<Incoming<'_>>> {
        if !self.socket.is_ready() {
            return Ok(None);
        }
        let socket = self.socket.get();
        let received = match self.family {
            AddressFamily::Ipv4 => ipv4::receive(socket, &mut self.buffer),
            AddressFamily::Ipv6 => ipv6::receive(socket, &mut self.buffer),
        };
        if received.is_err() {
            self.socket.clear();
        }
        match received {
            Ok(datagram) => Ok(Some(
                datagram.map_or(Incoming::Malformed, Incoming::Datagram),
            )),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether an advert equals the last one; the engine keeps the payload of a repeated advert.
fn is_same(last: &Transmit, advert: &Transmit) -> bool {
    let header = |advert: &Transmit| {
        (
            advert.source,
            advert.destination,
            advert.hop_limit,
            advert.protocol,
            advert.identification,
        )
    };
    Arc::ptr_eq(&last.payload, &advert.payload) && header(last) == header(advert)
}

const fn domain(family: AddressFamily) -> Domain {
    match family {
        AddressFamily::Ipv4 => Domain::IPV4,
        AddressFamily::Ipv6 => Domain::IPV6,
    }
}

/// Checks that a datagram was sent completely.
fn check_sent(sent: usize, length: usize) -> io::Result<()> {
    if sent == length {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// A packet socket that sends Ethernet frames on one interface, and receives nothing.
#[derive(Debug)]
pub(super) struct PacketSocket(Socket);

impl PacketSocket {
    pub(super) fn open(index: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        bind_packet_socket(&socket, index, 0)?;
        Ok(Self(socket))
    }

    pub(super) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdvertisedPriority;

    #[test]
    fn a_frame_is_sent_again_only_for_the_very_same_advert() {
        let advert = Transmit {
            source: IpAddr::from([192, 0, 2, 1]),
            destination: IpAddr::from([224, 0, 0, 18]),
            priority: AdvertisedPriority::Resign,
            hop_limit: HOP_LIMIT,
            protocol: Protocol::Vrrp.number(),
            identification: 0,
            payload: Arc::from([1, 2, 3]),
        };
        assert!(is_same(&advert, &advert.clone()));
        let changes: [fn(&mut Transmit); 6] = [
            |advert| advert.source = IpAddr::from([192, 0, 2, 2]),
            |advert| advert.destination = IpAddr::from([192, 0, 2, 3]),
            |advert| advert.hop_limit = 1,
            |advert| advert.protocol = Protocol::AuthenticationHeader.number(),
            |advert| advert.identification = 7,
            |advert| advert.payload = Arc::from([1, 2, 4]),
        ];
        for change in changes {
            let mut other = advert.clone();
            change(&mut other);
            assert!(!is_same(&advert, &other), "{other:?}");
        }
    }
}
