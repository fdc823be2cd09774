// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TCP connection to a target, and what its errors mean.

use std::io::{self, ErrorKind};
#[cfg(feature = "tcp")]
use std::net::TcpStream as StdStream;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
#[cfg(feature = "tcp")]
use tokio::net::{TcpSocket, TcpStream};
#[cfg(feature = "tcp")]
use tokio::time::timeout;

use crate::outcome::Failure;
use crate::{LocalError, Reason, SourcePorts, Target};

/// The error of a connection attempt that has begun.
const IN_PROGRESS: i32 = Errno::INPROGRESS.raw_os_error();

/// How a connection ends when it is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Close {
    /// With a reset (`SO_LINGER` 0): no TIME_WAIT, a tenth less work than FIN.
    Reset,
    /// With FIN.
    #[cfg(feature = "stream")]
    #[cfg_attr(
        not(any(feature = "http", feature = "text")),
        allow(dead_code, reason = "the checks over a stream are not built")
    )]
    Orderly,
}

/// Connects within `limit`.
#[cfg(feature = "tcp")]
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

/// Starts to connect. The socket becomes writable when the attempt has ended; [`result`] is its result.
pub(crate) fn start(target: &Target, close: Close) -> Result<Socket, Failure> {
    let socket = prepare(target, close).map_err(Failure::Local)?;
    match socket.connect(&target.address.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => Ok(socket),
        Err(error) => Err(classify("connect", &error)),
    }
}

/// The result of a connection attempt that has ended.
pub(crate) fn result(socket: &Socket) -> Result<(), Failure> {
    match socket.take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) | Err(error) => Err(classify("connect", &error)),
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
    if let Some(mark) = target.mark() {
        step("set mark", socket.set_mark(mark))?;
    }
    if let Some(device) = target.device() {
        step(
            "bind to device",
            socket.bind_device(Some(device.as_bytes())),
        )?;
    }
    bind_source(&socket, target)?;
    Ok(socket)
}

/// Binds a socket to the source of a target, if that has one.
pub(crate) fn bind_source(socket: &Socket, target: &Target) -> Result<(), LocalError> {
    match (target.source(), target.source_ports()) {
        (None, _) => Ok(()),
        (Some(source), Some(ports)) if source.port() == 0 => bind_next(socket, source.ip(), ports),
        (Some(source), _) => bind(socket, source),
    }
}

/// Binds to the next port that is free.
fn bind_next(socket: &Socket, ip: IpAddr, ports: &SourcePorts) -> Result<(), LocalError> {
    /// As many ports as other connections may have in a row.
    const TRIES: u32 = 64;
    let mut tries = 0;
    loop {
        let source = SocketAddr::new(ip, ports.take());
        tries += 1;
        match socket.bind(&source.into()) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries < TRIES => {}
            result => return result.map_err(|e| system("bind", &e)),
        }
    }
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

/// An error of this host.
pub(crate) fn system(operation: &'static str, error: &io::Error) -> LocalError {
    match error.raw_os_error() {
        Some(errno) => LocalError::System { operation, errno },
        None => LocalError::Other(format!("{operation}: {error}")),
    }
}

#[cfg(all(test, feature = "tcp"))]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_connection_has_the_next_port_that_is_free() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // Two ports in a row, of which the first is taken.
        let taken = (20_000..30_000).find_map(|port| {
            let first = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).ok()?;
            TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port + 1)).ok()?;
            Some((first, port))
        });
        let (_taken, port) = taken.unwrap();
        let target = Target::new(server.local_addr().unwrap())
            .with_source("127.0.0.2:0".parse().unwrap())
            .with_source_ports(SourcePorts::new(port..=port + 1));
        let limit = Duration::from_secs(5);
        let stream = connect(&target, limit, Close::Reset).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().port(), port + 1);
        // Both are in use now.
        let error = connect(&target, limit, Close::Reset).await.unwrap_err();
        let Failure::Local(LocalError::System { operation, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(operation, "bind");
    }
}
