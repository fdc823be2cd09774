// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several IPVS services that share one set of real servers: keepalived's `virtual_server_group`.

use lb_ipvs::{
    Destination, ForwardingMethod, Netmask, Protocol, Service, ServiceFlags, ServiceKey,
};

use super::VirtualServer;

/// The services of a virtual server beside its first one.
///
/// All of them have the settings of the first one and the same real servers, which are checked once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceGroup {
    /// Name of the `virtual_server_group`.
    pub name: String,
    /// Position of the virtual server among those of the group, from 0.
    pub ordinal: u32,
    /// The keys of the services after the first one, in the order of the file.
    pub further: Vec<ServiceKey>,
}

impl ServiceGroup {
    /// A group whose only service is the first one of its virtual server.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ordinal: 0,
            further: Vec::new(),
        }
    }

    /// Sets the position of the virtual server among those of the group.
    #[must_use]
    pub const fn with_ordinal(mut self, ordinal: u32) -> Self {
        self.ordinal = ordinal;
        self
    }

    /// Adds a service.
    #[must_use]
    pub fn with_service(mut self, key: ServiceKey) -> Self {
        self.further.push(key);
        self
    }
}

impl VirtualServer {
    /// Makes the virtual server one of a group of services.
    ///
    /// ```
    /// use lb_core::model::{ServiceGroup, VirtualServer};
    /// use lb_ipvs::{Scheduler, Service, ServiceKey};
    ///
    /// let key = ServiceKey::tcp("192.0.2.50:80".parse()?);
    /// let other = ServiceKey::tcp("192.0.2.50:443".parse()?);
    /// let server = VirtualServer::new(Service::new(key, Scheduler::RoundRobin))
    ///     .with_group(ServiceGroup::new("web").with_service(other));
    /// assert_eq!(server.name(), "[web]:0");
    /// assert_eq!(server.keys().collect::<Vec<_>>(), [key, other]);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn with_group(mut self, group: ServiceGroup) -> Self {
        self.group = Some(Box::new(group));
        self
    }

    /// The keys of its IPVS services: one, or those of its group.
    pub fn keys(&self) -> impl Iterator<Item = ServiceKey> {
        let further = self.group.iter().flat_map(|group| &group.further);
        std::iter::once(self.service.key).chain(further.copied())
    }

    /// The service with this key, which has the settings of the first one.
    ///
    /// One-packet scheduling applies to UDP and to marks, a persistence mask to its own family.
    #[must_use]
    pub fn service_for(&self, key: ServiceKey) -> Service {
        let mut service = self.service.clone();
        service.key = key;
        if service.netmask.family() != key.family() {
            service.netmask = Netmask::host(key.family());
        }
        if !matches!(key.protocol(), None | Some(Protocol::Udp)) {
            service.flags.remove(ServiceFlags::ONE_PACKET);
        }
        service
    }

    /// A destination as the service with this key has it.
    ///
    /// In a group only masquerading keeps the port of the real server; otherwise the port is that of the
    /// service, and 0 with a firewall mark.
    #[must_use]
    pub fn destination_for(&self, key: ServiceKey, destination: &Destination) -> Destination {
        let mut destination = *destination;
        if self.group.is_some() && destination.forwarding != ForwardingMethod::Masquerade {
            let port = key.address().map_or(0, |address| address.port());
            destination.address.set_port(port);
        }
        destination
    }
}
