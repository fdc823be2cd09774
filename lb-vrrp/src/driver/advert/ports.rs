// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sockets of present interfaces, and the desired macvlans.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use super::super::error::Error;
use super::super::event::Event;
use super::super::handover::ReceivedPort;
use super::super::key::{PortKey, RouterKey};
use super::super::needs::{announcer, interfaces_of};
use super::super::port::Port;
use super::super::vmac::{list_above, list_links};
use super::AdvertThread;
use crate::MacAddr;
use crate::spec::RouterSpec;
use lb_host::{VirtualLink, VirtualLinkKind};

impl AdvertThread {
    /// Uses sockets of another process. One that no longer matches its interface is closed, and opened again
    /// as any other.
    pub(super) fn use_ports(&mut self, received: BTreeMap<PortKey, ReceivedPort>) {
        for (key, port) in received {
            let (name, family) = &key;
            let Some(interface) = self.interfaces.get(name) else {
                continue;
            };
            match Port::from_handover(&self.reactor, port, interface, *family) {
                Ok(port) => self.ports.insert(key, port),
                Err(error) => {
                    warn!(ifname = %name, %family, %error, "cannot use a socket of the old process")
                }
            }
        }
    }

    /// Opens the missing sockets of present interfaces.
    pub(super) fn open_ports(&mut self, specs: &[RouterSpec]) -> Result<(), Error> {
        for spec in specs {
            if let Some(interface) = self.interfaces.get(&spec.interface) {
                let key = RouterKey::for_spec(spec).port();
                let fresh = |port: &Port| port.index == interface.link.index;
                if !self.ports.get(&key).is_some_and(fresh) {
                    let port = Port::open(&self.reactor, interface, spec.config.family())
                        .map_err(|source| Error::socket("raw", &spec.interface, source))?;
                    self.ports.insert(key.clone(), port);
                }
                // The old process still uses the groups of its sockets.
                if self.waiting.is_none()
                    && let Some(port) = self.ports.get_mut(&key)
                {
                    port.configure(
                        &self.reactor,
                        interface,
                        specs
                            .iter()
                            .filter(|spec| RouterKey::for_spec(spec).port() == key),
                    )
                    .map_err(|source| Error::socket("raw", &spec.interface, source))?;
                }
            }
            for name in interfaces_of(spec) {
                if let Some(interface) = self.interfaces.get(name) {
                    announcer(&mut self.announcers, interface)
                        .map_err(|source| Error::socket("packet", name, source))?;
                }
            }
        }
        Ok(())
    }

    /// Closes the sockets of deleted or unused interfaces, and opens those of new ones.
    pub(super) fn renew_ports(&mut self) {
        let now = Instant::now();
        let used: BTreeSet<PortKey> = self.routers.keys().map(RouterKey::port).collect();
        let interfaces = &self.interfaces;
        self.ports.retain(|key, port| {
            let index = interfaces.get(&key.0).map(|interface| interface.link.index);
            used.contains(key) && index == Some(port.index)
        });
        // Deleted interfaces are not retried.
        self.reopen
            .retain(|key| used.contains(key) && interfaces.get(&key.0).is_some());
        let above: Vec<VirtualLink> = self
            .routers
            .values()
            .flat_map(|router| list_above(&router.spec, &self.interfaces))
            .collect();
        let exists = |index: u32| interfaces.at(index).is_some();
        self.announcers.retain(|index, _| exists(*index));
        for key in used {
            let (name, family) = &key;
            let Some(interface) = self.interfaces.get(name) else {
                continue;
            };
            let routers = self.routers.values();
            let routers = routers.filter(|router| router.key.port() == key);
            // The macvlans of all routers.
            let is_above = |link: &&VirtualLink| {
                link.base.index == interface.link.index && link.family == *family
            };
            let macvlans: BTreeMap<u32, MacAddr> = above
                .iter()
                .filter(is_above)
                .filter_map(|link| match link.kind {
                    VirtualLinkKind::Macvlan(mac) => {
                        let index = self.interfaces.get(&link.name)?.link.index;
                        Some((index, MacAddr::from(mac)))
                    }
                    _ => None,
                })
                .collect();
            if self.reopen.waits(now, &key) {
                continue;
            }
            let open = || {
                if self.ports.get(&key).is_none() {
                    let port = Port::open(&self.reactor, interface, *family)?;
                    self.ports.insert(key.clone(), port);
                }
                let port = self.ports.get_mut(&key).ok_or(ErrorKind::NotFound)?;
                port.configure(&self.reactor, interface, routers.map(|router| &router.spec))?;
                port.listen(&self.reactor, *family, &macvlans)
            };
            match open() {
                Ok(()) => self.reopen.opened(&key),
                Err(error) => {
                    self.events.send(Event::SocketFailed {
                        interface: Arc::clone(name),
                        family: *family,
                        error: Arc::new(error),
                    });
                    self.reopen.failed(now, &key);
                }
            }
        }
    }

    /// Receives adverts of other hosts whose source is an address of a router on this host: that of its own
    /// adverts, if a host was cloned, or a virtual one, if the address owner returns.
    pub(super) fn listen_for_own_addresses(&mut self) {
        for (key, port) in self.ports.iter_mut() {
            let routers = self.routers.values();
            let own: BTreeSet<Ipv4Addr> = routers
                .filter(|router| router.key.port() == *key)
                .flat_map(|router| {
                    let virtual_addresses = router.spec.config.all_addresses();
                    router.source.into_iter().chain(virtual_addresses)
                })
                .filter_map(|address| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                })
                .collect();
            if let Err(error) = port.listen_for_own(&self.reactor, own) {
                let ifname = &key.0;
                warn!(%ifname, %error, "cannot receive adverts from addresses of this host");
            }
        }
    }

    /// Publishes which macvlans and settings of interfaces are desired.
    pub(super) fn publish_links(&self) {
        let routers = self.routers.values();
        let links = routers.filter_map(|router| list_links(&router.spec, &self.interfaces));
        self.mailbox.set_links(links.collect());
    }
}
