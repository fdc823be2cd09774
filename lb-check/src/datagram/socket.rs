// SPDX-License-Identifier: MIT OR Apache-2.0
//! A connected datagram socket that reports ICMP errors.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{SockaddrStorage, recvfrom, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::connect::{classify, set_source, system};
use crate::outcome::Failure;
use crate::{LocalError, Target};

/// A connected socket: the kernel drops datagrams of other senders, and an ICMP error (port, host or network
/// unreachable) is an error of the next call.
#[derive(Debug)]
pub(crate) struct Datagram(UdpSocket);

impl Datagram {
    /// Opens a UDP socket to the target, from the source that the target asks for.
    pub(crate) fn udp(target: &Target) -> Result<Self, Failure> {
        let domain = Domain::for_address(target.address);
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
            .map_err(|error| Failure::Local(system("socket", &error)))?;
        Self::connect(socket, target)
    }

    /// Connects a datagram or raw socket to the target, from the source that the target asks for.
    pub(crate) fn connect(socket: Socket, target: &Target) -> Result<Self, Failure> {
        let prepared = report_errors(&socket, target)
            .and_then(|()| step("set nonblocking", socket.set_nonblocking(true)))
            .and_then(|()| set_source(&socket, target));
        prepared.map_err(Failure::Local)?;
        let connected = socket.connect(&target.address.into());
        connected.map_err(|error| classify("connect", &error))?;
        UdpSocket::from_std(socket.into())
            .map(Self)
            .map_err(|error| Failure::Local(system("register socket", &error)))
    }

    /// The address that the kernel chose.
    pub(crate) fn local_address(&self) -> Result<SocketAddr, Failure> {
        let address = self.0.local_addr();
        address.map_err(|error| Failure::Local(system("local address", &error)))
    }

    /// Sends a datagram. A full buffer of the socket is a local failure.
    pub(crate) fn send(&self, datagram: &[u8]) -> Result<(), Failure> {
        let sent = SockRef::from(&self.0).send(datagram);
        sent.map(drop).map_err(|error| classify("send", &error))
    }

    /// Receives a datagram into `buffer`, and cuts it to the length of the buffer, with the address that sent
    /// it; none at the deadline. Cancel-safe.
    pub(crate) async fn receive<'a>(
        &self,
        buffer: &'a mut [u8],
        deadline: Instant,
    ) -> Result<Option<(&'a [u8], Option<IpAddr>)>, Failure> {
        // An ICMP error makes the socket ready for its error, not for reading.
        let interest = Interest::READABLE | Interest::ERROR;
        let received = self.0.async_io(interest, || {
            recvfrom::<SockaddrStorage>(self.0.as_raw_fd(), buffer).map_err(io::Error::from)
        });
        let received = timeout_at(deadline, received).await;
        match received {
            Err(_) => Ok(None),
            Ok(Err(error)) => Err(classify("receive", &error)),
            Ok(Ok((length, from))) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                Ok(Some((datagram, from.as_ref().and_then(ip))))
            }
        }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn step(operation: &'static str, result: io::Result<()>) -> Result<(), LocalError> {
    result.map_err(|error| system(operation, &error))
}

/// Without the option the kernel reports only `ECONNREFUSED`, not an unreachable host or network.
fn report_errors(socket: &Socket, target: &Target) -> Result<(), LocalError> {
    let result = if target.address.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)
    };
    step("set error queue", result.map_err(io::Error::from))
}
