// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a handover.

use std::fs;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use lb_host::descriptors;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::HandoverError;
use crate::AddressFamily;
use crate::driver::key::RouterKey;

/// Grows when a document changes its meaning.
pub(super) const FORMAT: u32 = 4;

/// A message; see the table of the [module](super).
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) enum Message {
    /// New to old. All formats have this message.
    Request { format: u32, pid: u32 },
    /// Old to new, with the descriptors of the program, followed by those of the routers' sockets.
    Offer(Offer),
    /// Either: the handover is cancelled.
    Refused { reason: String },
    /// New to old: all is prepared that can be prepared without the state.
    Ready,
    /// Old to new, with the file of a [`State`](super::State). The routers are frozen.
    State { attempt: u8 },
    /// New to old: the state was decoded.
    Prepared { attempt: u8 },
    /// Old to new: the new process is to drive the routers.
    Commit { attempt: u8 },
    /// New to old: it drives the routers of the state for which this is `true`, in their order; none
    /// without a state.
    Running { driven: Vec<bool> },
    /// Old to new: the old process has ended; the document is its program's.
    Ended { document: String },
}

/// What the old process offers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) struct Offer {
    pub(super) pid: u32,
    /// The program's document, and the number of its descriptors.
    pub(super) document: String,
    pub(super) descriptors: usize,
    /// `None` if the old process has no routers.
    pub(super) routers: Option<SharedRouters>,
}

/// The sockets of routers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) struct SharedRouters {
    /// Namespaces of the advert thread.
    pub(super) namespaces: Namespaces,
    pub(super) ports: Vec<SharedPort>,
    /// Routers whose claims follow the sockets of the ports.
    #[serde(default)]
    pub(super) claims: Vec<RouterKey>,
}

impl SharedRouters {
    /// The sockets of the calling thread's namespaces.
    pub(in crate::driver) fn new(ports: Vec<SharedPort>, claims: Vec<RouterKey>) -> Self {
        Self {
            namespaces: Namespaces::current(),
            ports,
            claims,
        }
    }

    /// Number of descriptors.
    pub(super) fn sockets(&self) -> usize {
        let ports = self.ports.iter().map(SharedPort::sockets);
        ports.sum::<usize>() + self.claims.len()
    }
}

/// The sockets of an interface and family.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) struct SharedPort {
    pub(in crate::driver) interface: String,
    pub(in crate::driver) index: u32,
    pub(in crate::driver) family: AddressFamily,
    /// Multicast groups of the first socket.
    pub(in crate::driver) plain: Vec<IpAddr>,
    /// Multicast groups of the socket for authentication headers, if there is one.
    pub(in crate::driver) authenticated: Option<Vec<IpAddr>>,
}

impl SharedPort {
    pub(super) fn sockets(&self) -> usize {
        1 + usize::from(self.authenticated.is_some())
    }
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::driver) struct Namespaces {
    pub(super) net: String,
    pub(super) time: String,
}

impl Namespaces {
    /// Those of the calling thread; empty without `/proc`.
    pub(in crate::driver) fn current() -> Self {
        let name = |path| {
            let target = fs::read_link(path).unwrap_or_default();
            target.to_string_lossy().into_owned()
        };
        Self {
            net: name("/proc/thread-self/ns/net"),
            time: name("/proc/thread-self/ns/time"),
        }
    }
}

impl Message {
    pub(super) fn encode(&self) -> Result<Vec<u8>, HandoverError> {
        Ok(serde_json::to_vec(self)?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HandoverError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The error of a message that was not expected.
    pub(in crate::driver) fn unexpected(self) -> HandoverError {
        match self {
            Self::Refused { reason } => HandoverError::Refused { reason },
            other => {
                let description = format!("{other:?}");
                let kind = description.split(|character: char| !character.is_alphabetic());
                let message = kind.take(1).collect();
                HandoverError::Unexpected { message }
            }
        }
    }

    pub(super) async fn send(
        &self,
        stream: &UnixStream,
        descriptors: &[OwnedFd],
        limit: Duration,
    ) -> Result<(), HandoverError> {
        let message = self.encode()?;
        Ok(descriptors::send(stream, &message, descriptors, limit).await?)
    }

    pub(super) async fn receive(
        stream: &UnixStream,
        limit: Duration,
    ) -> Result<(Self, Vec<OwnedFd>), HandoverError> {
        let (message, descriptors) = descriptors::receive(stream, limit).await?;
        Ok((Self::decode(&message)?, descriptors))
    }
}
