// SPDX-License-Identifier: MIT OR Apache-2.0
//! Receives adverts that the kernel does not give to a raw socket: those with the MAC address of a macvlan as
//! their source, which the macvlan alone receives, and those with an address of this host as their source,
//! which the kernel drops.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::net::Ipv4Addr;

use lb_host::sys::bind_packet_socket;
use nix::libc;
use socket2::{Domain, SockFilter, Socket, Type};

use super::reactor::{Reactor, Watch};
use super::socket::{Incoming, Protocol};
use super::vmac::frame;
use crate::{AddressFamily, MacAddr};

/// More than the largest frame: jumbo frames have 9 KB. A longer frame is cut, and malformed.
const BUFFER: usize = 9216;

/// BPF (classic): load a word, a half word, a byte; jump if equal; return.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Most addresses in a filter: the kernel accepts 4096 instructions, two for each.
const ADDRESSES: usize = 2000;

/// Whose adverts a [`Receiver`] receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Senders {
    /// Those with this MAC address, in packets of this family.
    Mac(MacAddr, AddressFamily),
    /// Those with these IPv4 addresses.
    Addresses(BTreeSet<Ipv4Addr>),
}

/// A packet socket that receives the adverts of some senders, and no other traffic of its interface.
#[derive(Debug)]
pub(super) struct Receiver {
    socket: Watch<Socket>,
    senders: Senders,
    buffer: Box<[u8]>,
}

impl Receiver {
    /// Opens the socket.
    pub(super) fn open(reactor: &Reactor, index: u32, senders: Senders) -> io::Result<Self> {
        // A socket without a protocol receives nothing before it is bound; the filter is set by then.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&senders.filter())?;
        bind_packet_socket(&socket, index, ethertype(senders.family()))?;
        Ok(Self {
            socket: reactor.watch(socket)?,
            senders,
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    pub(super) const fn senders(&self) -> &Senders {
        &self.senders
    }

    /// Whether there may be something to receive.
    pub(super) fn is_readable(&self) -> bool {
        self.socket.is_ready()
    }

    /// Receives the next packet, or `None` when there is none.
    pub(super) fn receive(&mut self) -> io::Result<Option<(Protocol, Incoming<'_>)>> {
        if !self.socket.is_ready() {
            return Ok(None);
        }
        let mut socket = self.socket.get();
        let mut received = socket.read(&mut self.buffer);
        // The interface was down before: the socket reports that once, ahead of received packets.
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

impl Senders {
    const fn family(&self) -> AddressFamily {
        match self {
            Self::Mac(_, family) => *family,
            Self::Addresses(_) => AddressFamily::Ipv4,
        }
    }

    /// Frames of these senders with VRRP or an authentication header in an IP packet.
    fn filter(&self) -> Vec<SockFilter> {
        let family = self.family();
        // Offsets in the IP header, behind 14 bytes of Ethernet.
        let protocol = match family {
            AddressFamily::Ipv4 => 14 + 9,
            AddressFamily::Ipv6 => 14 + 6,
        };
        let source = 14 + 12;
        let accept = || SockFilter::new(RETURN, 0, 0, u32::MAX);
        let refuse = || SockFilter::new(RETURN, 0, 0, 0);
        let load = |code, offset| SockFilter::new(code, 0, 0, offset);
        // Continues behind `refuse` if the value is equal.
        let require = |value| [SockFilter::new(JUMP_EQUAL, 1, 0, value), refuse()];
        let mut filter = vec![load(LOAD_HALF, 12)];
        filter.extend(require(u32::from(ethertype(family))));
        filter.push(load(LOAD_BYTE, protocol));
        let header = u32::from(Protocol::AuthenticationHeader.number());
        filter.push(SockFilter::new(
            JUMP_EQUAL,
            2,
            0,
            u32::from(Protocol::Vrrp.number()),
        ));
        filter.extend(require(header));
        match self {
            Self::Mac(mac, _) => {
                let [a, b, c, d, e, f] = mac.octets();
                filter.push(load(LOAD_WORD, 6));
                filter.extend(require(u32::from_be_bytes([a, b, c, d])));
                filter.push(load(LOAD_HALF, 10));
                filter.extend(require(u32::from(u16::from_be_bytes([e, f]))));
                filter.push(accept());
            }
            Self::Addresses(addresses) => {
                filter.push(load(LOAD_WORD, source));
                for address in addresses.iter().take(ADDRESSES) {
                    // Continues behind `accept` unless the value is equal.
                    filter.push(SockFilter::new(JUMP_EQUAL, 0, 1, u32::from(*address)));
                    filter.push(accept());
                }
                filter.push(refuse());
            }
        }
        filter
    }
}
