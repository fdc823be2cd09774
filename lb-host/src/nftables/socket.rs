// SPDX-License-Identifier: MIT OR Apache-2.0
//! A netlink socket for nf_tables.

use std::io;
use std::time::Duration;

use netlink_packet_netfilter::NetfilterProtoFamily;
use netlink_packet_netfilter::nftables::NfTablesMessage;
use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket};

use super::wire::{self, Body, Ending, Request};

/// How long the kernel may take for one answer.
const LIMIT: Duration = Duration::from_secs(5);

/// A socket in the network namespace of the thread that opened it.
pub(super) struct Socket {
    socket: TokioSocket,
    sequence: u32,
}

impl Socket {
    /// Opens a socket. Must be called in a tokio runtime.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind_auto()?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Sends a batch, which takes effect as a whole or not at all.
    pub(super) async fn batch(
        &mut self,
        generation: Option<u32>,
        requests: Vec<Request>,
        ending: Ending,
    ) -> io::Result<()> {
        let first = self.sequence.wrapping_add(1);
        let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        let bytes = wire::batch(generation, requests, ending, first);
        // The numbers of begin, requests and end.
        self.sequence = self.sequence.wrapping_add(count).wrapping_add(2);
        self.send(&bytes).await?;
        let mut open = count;
        let mut refusal = None;
        while open > 0 {
            for answer in self.receive().await? {
                let place = answer.sequence.wrapping_sub(first);
                if place > count {
                    continue;
                }
                open = open.saturating_sub(1);
                match answer.body {
                    Body::Refused(error) => {
                        refusal = refusal.or(Some(error));
                        if place == 0 {
                            // The batch as a whole: nothing else is answered.
                            open = 0;
                        }
                    }
                    Body::Unknown => return Err(malformed()),
                    Body::Done | Body::Message(..) => {}
                }
            }
        }
        refusal.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }

    /// Asks for one object or, with a dump, for several; returns the answers.
    pub(super) async fn ask(
        &mut self,
        request: Request,
    ) -> io::Result<Vec<(NetfilterProtoFamily, NfTablesMessage)>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        request.encode(self.sequence, &mut bytes);
        self.send(&bytes).await?;
        let mut messages = Vec::new();
        loop {
            for answer in self.receive().await? {
                if answer.sequence != self.sequence {
                    continue;
                }
                match answer.body {
                    Body::Message(family, message) => messages.push((family, message)),
                    Body::Done => return Ok(messages),
                    Body::Refused(error) => return Err(io::Error::from_raw_os_error(error)),
                    Body::Unknown => return Err(malformed()),
                }
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let kernel = SocketAddr::new(0, 0);
        bounded(self.socket.send_to(bytes, &kernel)).await?;
        Ok(())
    }

    async fn receive(&mut self) -> io::Result<Vec<wire::Answer>> {
        let (datagram, _) = bounded(self.socket.recv_from_full()).await?;
        Ok(wire::answers(&datagram))
    }
}

async fn bounded<T>(exchange: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(LIMIT, exchange).await {
        Ok(result) => result,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer cannot be read")
}
