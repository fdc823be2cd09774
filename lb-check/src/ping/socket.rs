// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket of an echo request: a datagram socket where `net.ipv4.ping_group_range` permits one, else a
//! raw socket where CAP_NET_RAW permits one.

use std::io::{self, ErrorKind};

use nix::unistd::getegid;
use socket2::{Domain, Protocol, Socket, Type};

use crate::connect::system;
use crate::datagram::{Datagram, random};
use crate::outcome::Failure;
use crate::{LocalError, Target};

/// A socket and the identifier of its requests.
#[derive(Debug)]
pub(super) struct PingSocket {
    pub(super) socket: Datagram,
    pub(super) id: u16,
    /// Whether received packets begin with the header of IP.
    pub(super) with_ip_header: bool,
}

/// Opens a socket for echo requests to a target.
pub(super) fn open(target: &Target) -> Result<PingSocket, Failure> {
    let kind = match open_as(target, Type::DGRAM) {
        Ok(socket) => {
            let socket = Datagram::connect(socket, target)?;
            // The kernel writes the port of the socket into the identifier.
            let id = socket.local_address()?.port();
            return Ok(PingSocket {
                socket,
                id,
                with_ip_header: false,
            });
        }
        Err(error) if is_refused(&error) => Type::RAW,
        Err(error) => return Err(Failure::Local(system("socket", &error))),
    };
    let socket = open_as(target, kind).map_err(|error| {
        Failure::Local(match is_refused(&error) {
            true => LocalError::Other(advice()),
            false => system("socket", &error),
        })
    })?;
    let id = match target.source() {
        Some(source) if source.port() != 0 => source.port(),
        _ => u16::from_be_bytes(random()?),
    };
    Ok(PingSocket {
        socket: Datagram::connect(socket, target)?,
        id,
        with_ip_header: target.address.is_ipv4(),
    })
}

fn open_as(target: &Target, kind: Type) -> io::Result<Socket> {
    let protocol = match target.address.is_ipv4() {
        true => Protocol::ICMPV4,
        false => Protocol::ICMPV6,
    };
    Socket::new(Domain::for_address(target.address), kind, Some(protocol))
}

fn is_refused(error: &io::Error) -> bool {
    // `EACCES` outside ping_group_range, `EPERM` without CAP_NET_RAW.
    error.kind() == ErrorKind::PermissionDenied
}

fn advice() -> String {
    format!(
        "no permission for echo requests: set net.ipv4.ping_group_range to a range that includes group {}, \
         or grant CAP_NET_RAW",
        getegid()
    )
}
