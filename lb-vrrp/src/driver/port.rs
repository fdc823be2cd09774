// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets that the routers of one interface and family share.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use super::handover::{ReceivedPort, ReceivedSocket, SharedPort};
use super::key::PortKey;
use super::links::Interface;
use super::reactor::Reactor;
use super::receiver::{Receiver, Senders};
use super::reports::UnknownRouters;
use super::socket::{Incoming, Protocol, VrrpSocket};
use crate::spec::RouterSpec;
use crate::status::InterfaceStatus;
use crate::{AddressFamily, Authentication, MacAddr, Transmit};
use lb_host::Link;

/// The sockets of an interface and family, and counters of packets for no router.
#[derive(Debug)]
pub(super) struct Port {
    /// Index of the interface of the sockets; another interface may have the name meanwhile.
    pub(super) index: u32,
    plain: VrrpSocket,
    /// For authentication headers, where a router uses them.
    authenticated: Option<VrrpSocket>,
    /// Receivers on the macvlans above the interface, by index.
    above: BTreeMap<u32, Receiver>,
    /// Receiver of adverts from addresses of this host.
    own: Option<Receiver>,
    pub(super) unknown_vrid: u64,
    pub(super) unknown_routers: UnknownRouters,
    /// Whether a router waits for a proof that packets arrive.
    pub(super) sticky: bool,
    pub(super) malformed: u64,
}

/// A packet from one of the sockets.
#[derive(Debug)]
pub(super) struct Arrival<'a> {
    pub(super) protocol: Protocol,
    pub(super) incoming: Incoming<'a>,
    /// Whether the source may be an address of this host; if it is none at present, a raw socket
    /// receives the packet too.
    pub(super) is_own: bool,
}

impl<'a> Arrival<'a> {
    fn new((protocol, incoming): (Protocol, Incoming<'a>)) -> Self {
        Self {
            protocol,
            incoming,
            is_own: false,
        }
    }
}

impl Port {
    pub(super) fn open(
        reactor: &Reactor,
        interface: &Interface,
        family: AddressFamily,
    ) -> io::Result<Self> {
        let plain = socket(reactor, interface, family, Protocol::Vrrp)?;
        Ok(Self::new(interface.link.index, plain, None))
    }

    fn new(index: u32, plain: VrrpSocket, authenticated: Option<VrrpSocket>) -> Self {
        Self {
            index,
            plain,
            authenticated,
            above: BTreeMap::new(),
            own: None,
            unknown_vrid: 0,
            unknown_routers: UnknownRouters::default(),
            sticky: false,
            malformed: 0,
        }
    }

    /// Uses the sockets of another process, if they are on this interface.
    pub(super) fn from_handover(
        reactor: &Reactor,
        received: ReceivedPort,
        interface: &Interface,
        family: AddressFamily,
    ) -> io::Result<Self> {
        let Link { index, name, .. } = &*interface.link;
        if received.index != *index {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let register = |socket: ReceivedSocket, protocol| {
            VrrpSocket::from_handover(reactor, socket, name, *index, family, protocol)
        };
        let plain = register(received.plain, Protocol::Vrrp)?;
        let authenticated = received
            .authenticated
            .map(|socket| register(socket, Protocol::AuthenticationHeader))
            .transpose()?;
        Ok(Self::new(*index, plain, authenticated))
    }

    /// Duplicates of the sockets, for another process.
    pub(super) fn share(
        &self,
        (interface, family): &PortKey,
        sockets: &mut Vec<OwnedFd>,
    ) -> io::Result<SharedPort> {
        let mut share = |socket: &VrrpSocket| {
            let (descriptor, joined) = socket.share()?;
            sockets.push(descriptor);
            Ok::<_, io::Error>(joined)
        };
        Ok(SharedPort {
            interface: interface.to_string(),
            index: self.index,
            family: *family,
            plain: share(&self.plain)?,
            authenticated: self.authenticated.as_ref().map(share).transpose()?,
        })
    }

    /// Opens and closes sockets, joins multicast groups and sets buffers as these routers need them.
    pub(super) fn configure<'a>(
        &mut self,
        reactor: &Reactor,
        interface: &Interface,
        routers: impl Iterator<Item = &'a RouterSpec>,
    ) -> io::Result<()> {
        let by_header =
            |spec: &RouterSpec| matches!(spec.config.authentication(), Authentication::Ah(_));
        let groups = |routers: &[&RouterSpec]| -> BTreeSet<IpAddr> {
            let multicast = routers.iter().filter(|spec| spec.config.peers().is_empty());
            multicast.map(|spec| spec.config.group()).collect()
        };
        let all: Vec<&RouterSpec> = routers.collect();
        self.sticky = all.iter().any(|spec| spec.config.sticky().is_some());
        // Routers that authenticate by header receive adverts without a header too, to reject them.
        self.plain.join(&groups(&all))?;
        let sizes = all
            .iter()
            .filter_map(|spec| Some(spec.receive_buffer?.bytes(&spec.config, interface.mtu)));
        let size = sizes.fold(0, u64::saturating_add);
        self.plain.reserve(size)?;
        let headed: Vec<&RouterSpec> = all.into_iter().filter(|spec| by_header(spec)).collect();
        if headed.is_empty() {
            self.authenticated = None;
            return Ok(());
        }
        let socket = match &mut self.authenticated {
            Some(socket) => socket,
            None => {
                let (family, protocol) = (AddressFamily::Ipv4, Protocol::AuthenticationHeader);
                self.authenticated
                    .insert(socket(reactor, interface, family, protocol)?)
            }
        };
        socket.join(&groups(&headed))?;
        socket.reserve(size)
    }

    /// Receives on these macvlans and no others.
    pub(super) fn listen(
        &mut self,
        reactor: &Reactor,
        family: AddressFamily,
        macvlans: &BTreeMap<u32, MacAddr>,
    ) -> io::Result<()> {
        let senders = |mac: &MacAddr| Senders::Mac(*mac, family);
        self.above.retain(|index, receiver| {
            macvlans.get(index).map(senders).as_ref() == Some(receiver.senders())
        });
        for (index, mac) in macvlans {
            if !self.above.contains_key(index) {
                let receiver = Receiver::open(reactor, *index, senders(mac))?;
                self.above.insert(*index, receiver);
            }
        }
        Ok(())
    }

    /// Receives adverts of other hosts that come from one of these addresses of this host. The kernel
    /// drops them as packets with a wrong source, so that two masters would not notice each other.
    pub(super) fn listen_for_own(
        &mut self,
        reactor: &Reactor,
        addresses: BTreeSet<Ipv4Addr>,
    ) -> io::Result<()> {
        if addresses.is_empty() {
            self.own = None;
            return Ok(());
        }
        let senders = Senders::Addresses(addresses);
        if self.own.as_ref().map(Receiver::senders) != Some(&senders) {
            self.own = Some(Receiver::open(reactor, self.index, senders)?);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, advert: &Transmit) -> io::Result<()> {
        let socket = if advert.protocol == Protocol::AuthenticationHeader.number() {
            self.authenticated.as_mut()
        } else {
            Some(&mut self.plain)
        };
        socket.ok_or(io::ErrorKind::NotConnected)?.send(advert)
    }

    /// Whether a socket may be readable.
    pub(super) fn is_readable(&self) -> bool {
        self.plain.is_readable()
            || self
                .authenticated
                .as_ref()
                .is_some_and(VrrpSocket::is_readable)
            || self.above.values().any(Receiver::is_readable)
            || self.own.as_ref().is_some_and(Receiver::is_readable)
    }

    /// The next packet of any socket; `None` when no socket has one.
    pub(super) fn receive(&mut self) -> io::Result<Option<Arrival<'_>>> {
        let authenticates = self.authenticated.is_some();
        if let Some(socket) = &mut self.authenticated
            && let Some(incoming) = socket.receive()?
        {
            let protocol = Protocol::AuthenticationHeader;
            return Ok(Some(Arrival::new((protocol, incoming))));
        }
        let above = self.above.values_mut().map(|receiver| (receiver, false));
        let own = self.own.iter_mut().map(|receiver| (receiver, true));
        for (receiver, is_own) in above.chain(own) {
            match receiver.receive() {
                Ok(Some((Protocol::AuthenticationHeader, _))) if !authenticates => {}
                Ok(Some(incoming)) => {
                    return Ok(Some(Arrival {
                        is_own,
                        ..Arrival::new(incoming)
                    }));
                }
                // The interface is down or was deleted.
                Ok(None) | Err(_) => {}
            }
        }
        let incoming = self.plain.receive()?;
        Ok(incoming.map(|incoming| Arrival::new((Protocol::Vrrp, incoming))))
    }

    pub(super) fn status(
        &self,
        (name, family): &PortKey,
        interface: Option<&Interface>,
    ) -> InterfaceStatus {
        InterfaceStatus {
            name: Arc::clone(name),
            family: Some(*family),
            unknown_vrid: self.unknown_vrid,
            malformed: self.malformed,
            up: interface.map(|interface| interface.up),
            polled: interface.and_then(|interface| interface.polled),
            changes_in: interface
                .and_then(|interface| interface.changes_at)
                .map(|at| at.saturating_duration_since(Instant::now())),
            receive_buffer: self.plain.receive_buffer(),
        }
    }
}

fn socket(
    reactor: &Reactor,
    interface: &Interface,
    family: AddressFamily,
    protocol: Protocol,
) -> io::Result<VrrpSocket> {
    let link = &interface.link;
    VrrpSocket::open(reactor, &link.name, link.index, family, protocol)
}
