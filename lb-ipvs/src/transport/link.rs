// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket itself.

#[cfg(any(test, feature = "test-util"))]
pub(crate) mod scripted;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use netlink_sys::{
    AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_GENERIC,
};
use nix::{
    libc,
    sys::socket::{setsockopt, sockopt},
};

#[cfg(any(test, feature = "test-util"))]
use self::scripted::ScriptedLink;
use super::datagrams::Datagrams;
use crate::error::Error;

/// The receive buffer asked for, which the kernel doubles.
const RECEIVE_BUFFER: usize = 1 << 20;
/// How often to throw away what there is before a socket is given up.
const LEFTOVERS: usize = 100_000;

/// Where requests go and replies come from.
pub(crate) enum Link {
    /// The kernel.
    Netlink(Arc<TokioSocket>),
    /// A test.
    #[cfg(any(test, feature = "test-util"))]
    Scripted(ScriptedLink),
}

impl Link {
    /// Opens a socket in the network namespace of this thread.
    pub(crate) fn open() -> Result<Self, Error> {
        let failed = |action| move |source| Error::Socket { action, source };
        let mut socket = TokioSocket::new(NETLINK_GENERIC).map_err(failed("open"))?;
        socket.socket_mut().bind_auto().map_err(failed("bind"))?;
        let plain = socket.socket_ref();
        plain
            .connect(&SocketAddr::new(0, 0))
            .map_err(failed("connect"))?;
        // Both make errors shorter or clearer; a kernel without them is no obstacle.
        if let Err(error) = plain
            .set_cap_ack(true)
            .and_then(|()| plain.set_ext_ack(true))
        {
            tracing::debug!(%error, "netlink acknowledgements stay as they are");
        }
        if setsockopt(plain, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(plain, sockopt::RcvBuf, &RECEIVE_BUFFER).map_err(|errno| Error::Socket {
                action: "size its buffer",
                source: errno.into(),
            })?;
        }
        Ok(Self::Netlink(Arc::new(socket)))
    }

    /// The socket, if it is one.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Netlink(socket) => Some(socket.socket_ref().as_fd()),
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(_) => None,
        }
    }

    /// Bytes of replies the socket can hold, by the kernel's reckoning.
    pub(super) fn receive_buffer(&self) -> usize {
        match self {
            Self::Netlink(socket) => socket.socket_ref().get_rx_buf_sz().unwrap_or(0),
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => link.receive_buffer(),
        }
    }

    /// Sends requests, which the kernel carries out meanwhile, if there is room for them.
    pub(super) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => all_of(bytes, socket.socket_ref().send(bytes, 0)?),
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => link.send(bytes),
        }
    }

    /// As [`Link::try_send`], once there is room.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => all_of(bytes, socket.send(bytes).await?),
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => link.send(bytes),
        }
    }

    /// As [`Link::send`], on another thread, for what takes the kernel seconds.
    pub(super) async fn send_aside(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => {
                let socket = Arc::clone(socket);
                let send = move || all_of(&bytes, socket.socket_ref().send(&bytes, 0)?);
                tokio::task::spawn_blocking(send)
                    .await
                    .map_err(io::Error::other)?
            }
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => link.send(&bytes),
        }
    }

    /// Receives what there is, several datagrams at once.
    pub(super) fn try_receive(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => datagrams.receive(socket.socket_ref()),
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => link.try_receive(datagrams),
        }
    }

    /// Receives a datagram, once there is one.
    pub(super) async fn receive(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => {
                let mut room = datagrams.room();
                let offered = room.len();
                AsyncSocketExt::recv(socket.as_ref(), &mut room).await?;
                let left = room.len();
                datagrams.received(offered - left);
                Ok(())
            }
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(_) => std::future::pending().await,
        }
    }

    /// Throws away what an abandoned exchange left behind; reading also ends its dump.
    pub(super) fn discard(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        match self {
            Self::Netlink(socket) => {
                for _ in 0..LEFTOVERS {
                    match datagrams.receive(socket.socket_ref()) {
                        Ok(()) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                        Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(io::Error::other("replies to abandoned requests do not end"))
            }
            #[cfg(any(test, feature = "test-util"))]
            Self::Scripted(link) => {
                link.discard();
                Ok(())
            }
        }
    }
}

fn all_of(bytes: &[u8], sent: usize) -> io::Result<()> {
    if sent == bytes.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}
