// SPDX-License-Identifier: MIT OR Apache-2.0
//! The task that follows links and addresses by netlink.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::libc;
use rtnetlink::constants::{RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_LINK};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use super::actuator::Hint;
use super::advert::Command;
use super::links::{Change, Interfaces};

/// Room for notifications while the task is not scheduled.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Datagrams taken in before the outcome is passed on.
const BATCH: usize = 256;
const RETRY: Duration = Duration::from_secs(1);

/// Names of the interfaces that routers use; a reload changes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched(Arc<Mutex<BTreeSet<Arc<str>>>>);

impl Watched {
    /// Watches these and no others.
    pub(super) fn set(&self, names: BTreeSet<Arc<str>>) {
        *self.names() = names;
    }

    /// Watches these too.
    pub(super) fn extend(&self, names: &BTreeSet<Arc<str>>) {
        self.names().extend(names.iter().cloned());
    }

    fn project(&self, interfaces: &Interfaces) -> Interfaces {
        interfaces.only(&self.names())
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket on which the kernel tells of links and addresses, in this network namespace.
pub(super) fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    socket.socket_mut().bind(&SocketAddr::new(0, groups))?;
    socket
        .socket_ref()
        .set_rx_buf_sz(i32::try_from(RECEIVE_BUFFER).unwrap_or(i32::MAX))?;
    Ok(socket)
}

pub(super) struct Monitor {
    pub(super) socket: TokioSocket,
    pub(super) handle: rtnetlink::Handle,
    pub(super) watched: Watched,
    /// All interfaces, for whoever needs them.
    pub(super) table: watch::Sender<Interfaces>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) hints: mpsc::Sender<Hint>,
}

impl Monitor {
    /// Runs until it is aborted or nobody listens any more.
    pub(super) async fn run(self) {
        let mut interfaces = self.table.borrow().clone();
        let mut told = self.watched.project(&interfaces);
        // What changed between the first look and now has been told on the socket; a fresh look
        // costs little and cannot miss anything.
        let mut stale = true;
        loop {
            if stale {
                match self.look(&mut interfaces).await {
                    Ok(()) => stale = false,
                    Err(error) => {
                        error!(%error, "cannot read links and addresses, trying again");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
            }
            self.table.send_replace(interfaces.clone());
            let now = self.watched.project(&interfaces);
            if now != told {
                told = now;
                if self
                    .commands
                    .send(Command::InterfacesChanged)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            match self.receive(&mut interfaces).await {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    warn!("netlink notifications lost, reading links and addresses again");
                    stale = true;
                }
                Err(error) => {
                    error!(%error, "netlink socket failed, trying again");
                    tokio::time::sleep(RETRY).await;
                    stale = true;
                }
            }
        }
    }

    async fn look(&self, interfaces: &mut Interfaces) -> io::Result<()> {
        *interfaces = Interfaces::dump(&self.handle).await?;
        // The actuator may have gone; the thread's end is what ends this task.
        let _ = self.hints.send(Hint::Audit(interfaces.clone())).await;
        Ok(())
    }

    /// Waits for notifications and takes in all that are there.
    async fn receive(&self, interfaces: &mut Interfaces) -> io::Result<()> {
        let (mut bytes, _) = self.socket.recv_from_full().await?;
        for _ in 0..BATCH {
            for change in apply(interfaces, &bytes) {
                let hint = match change {
                    Change::AddressGone { link, address } => Hint::AddressGone { link, address },
                    Change::LinkGone { link } => Hint::LinkGone { link },
                    Change::Lowered { link } => Hint::Lowered { link },
                    Change::None | Change::Updated => continue,
                };
                let _ = self.hints.send(hint).await;
            }
            match self.socket.recv_from_full().now_or_never() {
                Some(next) => (bytes, _) = next?,
                None => break,
            }
        }
        Ok(())
    }
}

/// Takes in one datagram, which may hold several messages.
fn apply(interfaces: &mut Interfaces, mut bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let message = match NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) {
            Ok(message) => message,
            Err(error) => {
                warn!(%error, "netlink notification not understood");
                break;
            }
        };
        if let NetlinkPayload::InnerMessage(inner) = &message.payload {
            changes.push(interfaces.apply(inner));
        }
        // Messages stand at multiples of four bytes.
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    changes
}
