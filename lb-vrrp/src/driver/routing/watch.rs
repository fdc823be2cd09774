// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices that a route or rule of ours was deleted.

use std::fmt;
use std::io;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::libc;
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::RuleAttribute;
use tracing::warn;

use super::super::buffers::widen;
use super::ROUTE_PROTOCOL;
use crate::NetlinkBuffer;

/// `RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV4_RULE`, `RTNLGRP_IPV6_ROUTE`, `RTNLGRP_IPV6_RULE`.
const GROUPS: [u32; 4] = [7, 8, 11, 19];
/// After an error that lasts.
const RETRY: Duration = Duration::from_secs(1);

/// A socket of its own: on a router with many routes their changes must not crowd out those of
/// links and addresses. It listens once there is something to look after.
pub(in crate::driver) struct Watch {
    socket: TokioSocket,
    listening: bool,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("listening", &self.listening)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Opens the socket, in the network namespace of the calling thread.
    pub(in crate::driver) fn open(buffer: Option<NetlinkBuffer>) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
        widen(socket.socket_ref(), buffer)?;
        Ok(Self {
            socket,
            listening: false,
        })
    }

    /// Listens from now on.
    pub(in crate::driver) fn listen(&mut self) {
        if std::mem::replace(&mut self.listening, true) {
            return;
        }
        for group in GROUPS {
            if let Err(error) = self.socket.socket_mut().add_membership(group) {
                warn!(%error, group, "deleted routes and rules are not noticed");
            }
        }
    }

    /// Returns when something of ours may have been deleted.
    pub(in crate::driver) async fn disturbed(&mut self) {
        loop {
            match self.socket.recv_from_full().await {
                Ok((bytes, _)) if deletes_ours(&bytes) => return,
                Ok(_) => {}
                // Notifications were lost: nobody knows.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return,
                Err(error) => {
                    warn!(%error, "netlink socket failed, trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

/// Whether one of the messages of a datagram deletes a route or rule with our mark.
fn deletes_ours(mut bytes: &[u8]) -> bool {
    let ours = RouteProtocol::Other(ROUTE_PROTOCOL);
    while !bytes.is_empty() {
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else {
            return true;
        };
        match &message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRoute(route))
                if route.header.protocol == ours =>
            {
                return true;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelRule(rule))
                if rule.attributes.contains(&RuleAttribute::Protocol(ours)) =>
            {
                return true;
            }
            _ => {}
        }
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    false
}
