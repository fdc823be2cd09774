// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receives adverts that the kernel gives to the macvlan alone: those with the MAC address of the macvlan
//! as their source.

use std::io::{self, Read};

use lb_host::sys::bind_packet_socket;
use nix::libc;
use socket2::{Domain, SockFilter, Socket, Type};

use super::super::reactor::{Reactor, Watch};
use super::super::socket::{Incoming, Protocol};
use super::frame;
use crate::{AddressFamily, MacAddr};

/// More than the largest frame: jumbo frames have 9 KB. A longer frame is cut, and malformed.
const BUFFER: usize = 9216;

/// BPF (classic): load a word, a half word, a byte; jump if equal; return.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// A packet socket on a macvlan that receives the adverts of another router with the same MAC address,
/// and nothing of the traffic to the virtual addresses.
#[derive(Debug)]
pub(in crate::driver) struct Receiver {
    socket: Watch<Socket>,
    mac: MacAddr,
    buffer: Box<[u8]>,
}

impl Receiver {
    /// Opens the socket.
    pub(in crate::driver) fn open(
        reactor: &Reactor,
        index: u32,
        mac: MacAddr,
        family: AddressFamily,
    ) -> io::Result<Self> {
        // A socket without a protocol receives nothing before it is bound; the filter is set by then.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&filter(mac, family))?;
        bind_packet_socket(&socket, index, ethertype(family))?;
        Ok(Self {
            socket: reactor.watch(socket)?,
            mac,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    pub(in crate::driver) const fn mac(&self) -> MacAddr {
        self.mac
    }

    /// Whether there may be something to receive.
    pub(in crate::driver) fn is_readable(&self) -> bool {
        self.socket.is_ready()
    }

    /// Receives the next packet, or `None` when there is none.
    pub(in crate::driver) fn receive(&mut self) -> io::Result<Option<(Protocol, Incoming<'_>)>> {
        if !self.socket.is_ready() {
            return Ok(None);
        }
        let mut socket = self.socket.get();
        let mut received = socket.read(&mut self.buffer);
        // The macvlan was down before: the socket reports that once, ahead of received packets.
        if is_down(&received) {
            received = socket.read(&mut self.buffer);
        }
        let length = match received {
            Ok(length) => length,
            Err(error) => {
                self.socket.clear();
                if error.kind() == io::ErrorKind::WouldBlock {
                    return Ok(None);
                }
                return Err(error);
            }
        };
        let bytes = self.buffer.get(..length).unwrap_or_default();
        let Some((protocol, datagram)) = frame::parse(bytes) else {
            return Ok(Some((Protocol::Vrrp, Incoming::Malformed)));
        };
        let protocol = if protocol == Protocol::AuthenticationHeader.number() {
            Protocol::AuthenticationHeader
        } else {
            Protocol::Vrrp
        };
        Ok(Some((protocol, Incoming::Datagram(datagram))))
    }
}

fn is_down(read: &io::Result<usize>) -> bool {
    let error = read.as_ref().err();
    error.and_then(io::Error::raw_os_error) == Some(libc::ENETDOWN)
}

const fn ethertype(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => 0x0800,
        AddressFamily::Ipv6 => 0x86dd,
    }
}

/// Frames from `mac` with VRRP or an authentication header in an IP packet of this family.
fn filter(mac: MacAddr, family: AddressFamily) -> [SockFilter; 11] {
    let [a, b, c, d, e, f] = mac.octets();
    let source = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]));
    // The offset in the IP header, behind 14 bytes of Ethernet.
    let protocol = match family {
        AddressFamily::Ipv4 => 14 + 9,
        AddressFamily::Ipv6 => 14 + 6,
    };
    let load = |code, offset| SockFilter::new(code, 0, 0, offset);
    let unless_equal = |value, to| SockFilter::new(JUMP_EQUAL, 0, to, value);
    [
        load(LOAD_WORD, 6),
        unless_equal(source.0, 7),
        load(LOAD_HALF, 10),
        unless_equal(u32::from(source.1), 5),
        load(LOAD_HALF, 12),
        unless_equal(u32::from(ethertype(family)), 3),
        load(LOAD_BYTE, protocol),
        SockFilter::new(JUMP_EQUAL, 2, 0, u32::from(Protocol::Vrrp.number())),
        SockFilter::new(
            JUMP_EQUAL,
            1,
            0,
            u32::from(Protocol::AuthenticationHeader.number()),
        ),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}
