// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications of the kernel about its objects.

use std::fmt;
use std::io;

use futures_util::FutureExt as _;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, Socket, SocketAddr, TokioSocket};
use rtnetlink::packet_core::{NetlinkMessage, NetlinkPayload};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::RuleAttribute;

use crate::object::Owner;

/// What the kernel sends notifications about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// Links.
    Links,
    /// Addresses.
    Addresses,
    /// Routes and rules.
    Routing,
}

impl Subject {
    /// `RTNLGRP_*`.
    const fn groups(self) -> &'static [u32] {
        match self {
            // LINK
            Self::Links => &[1],
            // IPV4_IFADDR, IPV6_IFADDR
            Self::Addresses => &[5, 9],
            // IPV4_ROUTE, IPV4_RULE, IPV6_ROUTE, IPV6_RULE
            Self::Routing => &[7, 8, 11, 19],
        }
    }
}

/// The messages of a datagram.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
#[non_exhaustive]
pub struct KernelMessages {
    /// Those that were understood, in their order.
    pub messages: Vec<RouteNetlinkMessage>,
    /// The rest of the datagram was not understood.
    pub is_cut: bool,
}

impl KernelMessages {
    /// Takes a datagram apart.
    fn parse(mut bytes: &[u8]) -> Self {
        let mut notification = Self::default();
        while !bytes.is_empty() {
            let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) else {
                notification.is_cut = true;
                break;
            };
            // Messages begin at multiples of four bytes.
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            if let NetlinkPayload::InnerMessage(inner) = message.payload {
                notification.messages.push(inner);
            }
        }
        notification
    }

    /// Whether a route or rule with the mark of `owner` may have been deleted.
    #[must_use]
    pub fn may_delete_routing(&self, owner: Owner) -> bool {
        let protocol = RouteProtocol::from(owner.routing);
        let deletes = |message: &RouteNetlinkMessage| match message {
            RouteNetlinkMessage::DelRoute(route) => route.header.protocol == protocol,
            RouteNetlinkMessage::DelRule(rule) => {
                rule.attributes.contains(&RuleAttribute::Protocol(protocol))
            }
            _ => false,
        };
        self.is_cut || self.messages.iter().any(deletes)
    }
}

/// A socket that receives notifications. The kernel drops what does not fit its buffer; the next call
/// returns `ENOBUFS` then.
pub struct Watcher(TokioSocket);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").finish_non_exhaustive()
    }
}

impl Watcher {
    /// Opens a socket in the network namespace of the calling thread, which is in a tokio runtime.
    /// Nothing is received before [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// The kernel's refusal of a socket.
    pub fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Receives notifications about `subject` from now on.
    ///
    /// # Errors
    ///
    /// The kernel's refusal.
    pub fn subscribe(&mut self, subject: Subject) -> io::Result<()> {
        for group in subject.groups() {
            self.0.socket_mut().add_membership(*group)?;
        }
        Ok(())
    }

    /// The socket, to set its buffer.
    #[doc(hidden)]
    #[must_use]
    pub fn socket(&self) -> &Socket {
        self.0.socket_ref()
    }

    /// Waits for a notification.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` if notifications were lost; otherwise the socket failed.
    pub async fn receive(&self) -> io::Result<KernelMessages> {
        let (bytes, _) = self.0.recv_from_full().await?;
        Ok(KernelMessages::parse(&bytes))
    }

    /// The next notification that has arrived, if there is one.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn try_receive(&self) -> io::Result<Option<KernelMessages>> {
        self.receive().now_or_never().transpose()
    }
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::link::LinkMessage;
    use rtnetlink::packet_route::route::RouteMessage;

    use super::*;

    fn bytes(message: RouteNetlinkMessage) -> Vec<u8> {
        let mut message = NetlinkMessage::from(message);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    fn route(protocol: u8) -> RouteNetlinkMessage {
        let mut route = RouteMessage::default();
        route.header.protocol = RouteProtocol::from(protocol);
        RouteNetlinkMessage::DelRoute(route)
    }

    #[test]
    fn datagram_is_taken_apart_up_to_what_is_not_understood() {
        let link = RouteNetlinkMessage::NewLink(LinkMessage::default());
        let mut datagram = bytes(link.clone());
        datagram.extend(bytes(route(4)));
        let parsed = KernelMessages::parse(&datagram);
        assert_eq!(parsed.messages, [link.clone(), route(4)]);
        assert!(!parsed.is_cut);
        datagram.truncate(datagram.len() - 1);
        let parsed = KernelMessages::parse(&datagram);
        assert_eq!(parsed.messages, [link]);
        assert!(parsed.is_cut);
    }

    #[test]
    fn deleted_route_is_known_by_its_mark() {
        let owner = Owner::new(112, "lb-test");
        for (message, expected) in [
            (route(112), true),
            (route(4), false),
            (RouteNetlinkMessage::NewLink(LinkMessage::default()), false),
        ] {
            let parsed = KernelMessages::parse(&bytes(message));
            assert_eq!(parsed.may_delete_routing(owner), expected, "{parsed:?}");
        }
        assert!(KernelMessages::parse(&[1, 2, 3]).may_delete_routing(owner));
    }
}
