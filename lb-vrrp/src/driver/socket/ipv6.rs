// SPDX-License-Identifier: MIT OR Apache-2.0
//! IPv6: raw sockets deliver no header, so control messages carry addresses and hop limit.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::sockopt::Ipv6RecvPacketInfo;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
};
use socket2::Socket;

use super::{Datagram, HOP_LIMIT, TRAFFIC_CLASS};
use crate::Transmit;

/// Sets the options of a new socket.
pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    // Each advert carries its own hop limit; programs that list socket options see this one.
    socket.set_multicast_hops_v6(u32::from(HOP_LIMIT))?;
    socket.set_tclass_v6(u32::from(TRAFFIC_CLASS))?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_all_v6(false)?;
    socket.set_recv_hoplimit_v6(true)?;
    Ok(setsockopt(socket, Ipv6RecvPacketInfo, &true)?)
}

/// Sends one advert on the interface of this index.
pub(super) fn send(
    socket: &Socket,
    index: u32,
    advert: &Transmit,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> io::Result<()> {
    let from = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr {
            s6_addr: source.octets(),
        },
        ipi6_ifindex: index,
    };
    let hop_limit = libc::c_int::from(advert.hop_limit);
    let to = SocketAddrV6::new(destination, 0, 0, index);
    let sent = sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(&advert.payload)],
        &[
            ControlMessage::Ipv6PacketInfo(&from),
            ControlMessage::Ipv6HopLimit(&hop_limit),
        ],
        MsgFlags::empty(),
        Some(&SockaddrIn6::from(to)),
    )?;
    super::check_sent(sent, advert.payload.len())
}

/// Receives one packet; `None` if its header fields are missing or it was truncated.
pub(super) fn receive<'a>(
    socket: &Socket,
    buffer: &'a mut [u8],
) -> io::Result<Option<Datagram<'a>>> {
    // One in6_pktinfo and one int; each has a header and is aligned.
    let mut space = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let (length, source, destination, hop_limit, flags) = {
        let mut parts = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrIn6>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            MsgFlags::empty(),
        )?;
        let (mut destination, mut hop_limit) = (None, None);
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                ControlMessageOwned::Ipv6HopLimit(value) => hop_limit = u8::try_from(value).ok(),
                _ => {}
            }
        }
        let source = message.address.map(|from| from.ip());
        (message.bytes, source, destination, hop_limit, message.flags)
    };
    let (Some(source), Some(destination), Some(hop_limit), Some(payload)) =
        (source, destination, hop_limit, buffer.get(..length))
    else {
        return Ok(None);
    };
    let cut = flags.intersects(MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC);
    Ok((!cut).then_some(Datagram {
        source: IpAddr::V6(source),
        destination: IpAddr::V6(destination),
        hop_limit,
        ip_header: None,
        payload,
    }))
}
