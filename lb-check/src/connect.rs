// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP connection to a target, and what its errors mean.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::outcome::Failure;
use crate::{LocalError, Reason, Target};

/// How a connection ends when it is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Close {
    /// With a reset (`SO_LINGER` 0): no TIME_WAIT, a tenth less work than FIN.
    Reset,
    /// With FIN.
    #[cfg(feature = "http")]
    Orderly,
}

/// Connects within `limit`.
pub(crate) async fn connect(
    target: &Target,
    limit: Duration,
    close: Close,
) -> Result<TcpStream, Failure> {
    let socket = prepare(target, close).map_err(Failure::Local)?;
    let stream: StdStream = socket.into();
    match timeout(
        limit,
        TcpSocket::from_std_stream(stream).connect(target.address),
    )
    .await
    {
        Ok(connected) => connected.map_err(|error| classify("connect", &error)),
        Err(_) => Err(Failure::Target(Reason::L4Timeout)),
    }
}

/// A non-blocking socket with everything set that the target asks for.
fn prepare(target: &Target, close: Close) -> Result<Socket, LocalError> {
    let step = |operation, result: io::Result<()>| result.map_err(|e| system(operation, &e));
    let domain = Domain::for_address(target.address);
    let kind = Type::STREAM.nonblocking();
    let socket =
        Socket::new(domain, kind, Some(Protocol::TCP)).map_err(|e| system("socket", &e))?;
    if close == Close::Reset {
        step("set linger", socket.set_linger(Some(Duration::ZERO)))?;
    }
    set_source(&socket, target)?;
    Ok(socket)
}

/// Sets everything that a target asks for of the packets of a probe: mark, interface, source address.
pub(crate) fn set_source(socket: &Socket, target: &Target) -> Result<(), LocalError> {
    let step = |operation, result: io::Result<()>| result.map_err(|e| system(operation, &e));
    if let Some(mark) = target.mark {
        step("set mark", socket.set_mark(mark))?;
    }
    if let Some(device) = &target.device {
        step(
            "bind to device",
            socket.bind_device(Some(device.as_bytes())),
        )?;
    }
    if let Some(source) = target.source {
        bind(socket, source)?;
    }
    Ok(())
}

fn bind(socket: &Socket, source: SocketAddr) -> Result<(), LocalError> {
    if source.port() != 0 {
        // The last probe's connection from this port may be in TIME_WAIT.
        socket
            .set_reuse_address(true)
            .map_err(|e| system("set reuse address", &e))?;
    }
    socket.bind(&source.into()).map_err(|e| system("bind", &e))
}

/// Whether an error of a connected or connecting socket counts against the target or this host.
pub(crate) fn classify(operation: &'static str, error: &io::Error) -> Failure {
    /// `ENOBUFS`, which has no `ErrorKind`.
    const ENOBUFS: i32 = 105;
    Failure::Target(match error.kind() {
        ErrorKind::ConnectionRefused => Reason::L4Refused,
        ErrorKind::TimedOut => Reason::L4Timeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Reason::L4Unreachable
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Reason::L4Reset
        }
        // No free port, a local firewall, no memory: causes on this host.
        ErrorKind::AddrNotAvailable
        | ErrorKind::AddrInUse
        | ErrorKind::PermissionDenied
        | ErrorKind::OutOfMemory
        | ErrorKind::WouldBlock => return Failure::Local(system(operation, error)),
        _ => match error.raw_os_error() {
            None | Some(ENOBUFS) => return Failure::Local(system(operation, error)),
            Some(errno) => Reason::System(errno),
        },
    })
}

pub(crate) fn system(operation: &'static str, error: &io::Error) -> LocalError {
    match error.raw_os_error() {
        Some(errno) => LocalError::System { operation, errno },
        None => LocalError::Other(format!("{operation}: {error}")),
    }
}
