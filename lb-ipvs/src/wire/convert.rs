// SPDX-License-Identifier: MIT OR Apache-2.0
//! Between the typed model and attributes.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use super::{
    address::WireAddress,
    constants::*,
    daemon::DaemonAttribute,
    destination::DestinationAttribute,
    message::{InfoAttribute, IpvsAttribute},
    service::{ServiceAttribute, WireFlags},
    stats::{Stats32Attribute, Stats64Attribute},
};
use crate::{
    destination::{Destination, Thresholds, Weight},
    entry::{Connections, DestinationEntry, ServiceEntry},
    error::DecodeError,
    flags::{PERSISTENT, ServiceFlags},
    forwarding::{ForwardingMethod, Tunnel, TunnelFlags, TunnelKind},
    names::EngineName,
    scheduler::Scheduler,
    service::{AddressFamily, Netmask, Persistence, Protocol, Service, ServiceKey},
    settings::{Info, SyncDaemon, SyncId, SyncState, Timeouts, Version},
    stats::Stats,
};

const fn family_number(family: AddressFamily) -> u16 {
    match family {
        AddressFamily::Ipv4 => AF_INET,
        AddressFamily::Ipv6 => AF_INET6,
    }
}

fn family_of(number: u16, attribute: &'static str) -> Result<AddressFamily, DecodeError> {
    match number {
        AF_INET => Ok(AddressFamily::Ipv4),
        AF_INET6 => Ok(AddressFamily::Ipv6),
        other => Err(DecodeError::Unexpected {
            attribute,
            value: other.into(),
        }),
    }
}

fn required<T>(value: Option<T>, attribute: &'static str) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Missing { attribute })
}

fn address_of(
    address: Option<WireAddress>,
    family: AddressFamily,
    attribute: &'static str,
) -> Result<IpAddr, DecodeError> {
    required(address.and_then(|address| address.to_ip(family)), attribute)
}

/// What identifies a service, for requests about an existing one.
pub(crate) fn key_attributes(key: &ServiceKey) -> Vec<ServiceAttribute> {
    let family = ServiceAttribute::Family(family_number(key.family()));
    match key {
        ServiceKey::Address { protocol, address } => vec![
            family,
            ServiceAttribute::Protocol(protocol.number().into()),
            ServiceAttribute::Address(address.ip().into()),
            ServiceAttribute::Port(address.port()),
        ],
        ServiceKey::FirewallMark { mark, .. } => {
            vec![family, ServiceAttribute::FirewallMark(mark.get())]
        }
    }
}

/// Everything about a service, for `NEW` and `SET`.
pub(crate) fn service_attributes(service: &Service) -> Vec<ServiceAttribute> {
    let mut attributes = key_attributes(&service.key);
    let persistent = if service.persistence.is_some() {
        PERSISTENT
    } else {
        0
    };
    attributes.extend([
        ServiceAttribute::Scheduler(service.scheduler.as_str().to_owned()),
        ServiceAttribute::Flags(WireFlags {
            flags: service.flags.bits() | persistent,
            mask: u32::MAX,
        }),
        ServiceAttribute::Timeout(service.persistence.map_or(0, |p| p.seconds())),
        ServiceAttribute::Netmask(match service.netmask {
            Netmask::Ipv4(mask) => mask.octets(),
            Netmask::Ipv6(length) => length.to_ne_bytes(),
        }),
    ]);
    if let Some(engine) = &service.persistence_engine {
        attributes.push(ServiceAttribute::PersistenceEngine(
            engine.as_str().to_owned(),
        ));
    }
    attributes
}

/// A service and its counters from a reply.
pub(crate) fn service_of(attributes: &[ServiceAttribute]) -> Result<ServiceEntry, DecodeError> {
    let mut parts = ServiceParts::default();
    for attribute in attributes {
        parts.take(attribute);
    }
    parts.entry()
}

/// What is known of a service so far.
#[derive(Default)]
pub(super) struct ServiceParts {
    family: Option<u16>,
    protocol: Option<u16>,
    address: Option<WireAddress>,
    port: Option<u16>,
    mark: u32,
    scheduler: Option<Scheduler>,
    flags: u32,
    timeout: u32,
    netmask: Option<[u8; 4]>,
    engine: Option<EngineName>,
    pub(super) stats: Option<Stats>,
    pub(super) stats64: Option<Stats>,
}

impl ServiceParts {
    pub(super) fn take(&mut self, attribute: &ServiceAttribute) {
        match attribute {
            ServiceAttribute::Family(value) => self.family = Some(*value),
            ServiceAttribute::Protocol(value) => self.protocol = Some(*value),
            ServiceAttribute::Address(value) => self.address = Some(*value),
            ServiceAttribute::Port(value) => self.port = Some(*value),
            ServiceAttribute::FirewallMark(value) => self.mark = *value,
            ServiceAttribute::Scheduler(name) => self.scheduler = Some(Scheduler::reported(name)),
            ServiceAttribute::Flags(value) => self.flags = value.flags,
            ServiceAttribute::Timeout(value) => self.timeout = *value,
            ServiceAttribute::Netmask(value) => self.netmask = Some(*value),
            ServiceAttribute::Stats(nest) => self.stats = Some(Stats32Attribute::stats(nest)),
            ServiceAttribute::PersistenceEngine(name) => {
                self.engine = (!name.is_empty()).then(|| EngineName::reported(name));
            }
            ServiceAttribute::Stats64(nest) => self.stats64 = Some(Stats64Attribute::stats(nest)),
            ServiceAttribute::Other(_) => {}
        }
    }

    pub(super) fn entry(self) -> Result<ServiceEntry, DecodeError> {
        let attribute = "IPVS_SVC_ATTR_AF";
        let family = family_of(required(self.family, attribute)?, attribute)?;
        let key = match NonZeroU32::new(self.mark) {
            Some(mark) => ServiceKey::FirewallMark { mark, family },
            None => {
                let number = required(self.protocol, "IPVS_SVC_ATTR_PROTOCOL")?;
                let number = u8::try_from(number).map_err(|_| DecodeError::Unexpected {
                    attribute: "IPVS_SVC_ATTR_PROTOCOL",
                    value: number.into(),
                })?;
                let ip = address_of(self.address, family, "IPVS_SVC_ATTR_ADDR")?;
                let port = required(self.port, "IPVS_SVC_ATTR_PORT")?;
                ServiceKey::Address {
                    protocol: Protocol::from_number(number),
                    address: SocketAddr::new(ip, port),
                }
            }
        };
        let scheduler = required(self.scheduler, "IPVS_SVC_ATTR_SCHED_NAME")?;
        let mut service =
            Service::new(key, scheduler).with_flags(ServiceFlags::from_kernel(self.flags));
        if self.flags & PERSISTENT != 0 {
            let timeout = Duration::from_secs(self.timeout.into());
            service.persistence = Some(Persistence::new(timeout));
        }
        if let Some(netmask) = self.netmask {
            service.netmask = match family {
                AddressFamily::Ipv4 => Netmask::Ipv4(Ipv4Addr::from(netmask)),
                AddressFamily::Ipv6 => Netmask::Ipv6(u32::from_ne_bytes(netmask)),
            };
        }
        service.persistence_engine = self.engine;
        Ok(ServiceEntry {
            service,
            stats: self.stats64.or(self.stats).unwrap_or_default(),
        })
    }
}

/// What identifies a destination within its service.
pub(crate) fn destination_key_attributes(address: &SocketAddr) -> Vec<DestinationAttribute> {
    vec![
        DestinationAttribute::Address(address.ip().into()),
        DestinationAttribute::Port(address.port()),
        DestinationAttribute::Family(family_number(AddressFamily::for_address(address))),
    ]
}

/// Everything about a destination, for `NEW` and `SET`.
pub(crate) fn destination_attributes(destination: &Destination) -> Vec<DestinationAttribute> {
    let method = match destination.forwarding {
        ForwardingMethod::Masquerade => IP_VS_CONN_F_MASQ,
        ForwardingMethod::Local => IP_VS_CONN_F_LOCALNODE,
        ForwardingMethod::Tunnel(_) => IP_VS_CONN_F_TUNNEL,
        ForwardingMethod::DirectRouting => IP_VS_CONN_F_DROUTE,
        ForwardingMethod::Bypass => IP_VS_CONN_F_BYPASS,
        ForwardingMethod::Other(other) => other,
    };
    let mut attributes = vec![
        DestinationAttribute::Address(destination.address.ip().into()),
        DestinationAttribute::Port(destination.address.port()),
        DestinationAttribute::ForwardingMethod(method),
        DestinationAttribute::Weight(destination.weight.get()),
        DestinationAttribute::UpperThreshold(destination.thresholds.upper),
        DestinationAttribute::LowerThreshold(destination.thresholds.lower),
        DestinationAttribute::Family(family_number(AddressFamily::for_address(
            &destination.address,
        ))),
    ];
    if let ForwardingMethod::Tunnel(tunnel) = destination.forwarding {
        attributes.extend([
            DestinationAttribute::TunnelKind(tunnel.kind.number()),
            DestinationAttribute::TunnelPort(tunnel.port),
            DestinationAttribute::TunnelFlags(tunnel.flags.bits()),
        ]);
    }
    attributes
}

/// A destination and its counters from a reply about a service of `service_family`: what
/// [`super::reader`] must give too.
#[cfg(test)]
pub(crate) fn destination_of(
    attributes: &[DestinationAttribute],
    service_family: AddressFamily,
) -> Result<DestinationEntry, DecodeError> {
    let mut parts = DestinationParts::default();
    for attribute in attributes {
        parts.take(attribute);
    }
    parts.entry(service_family)
}

/// What is known of a destination so far.
#[derive(Default)]
pub(super) struct DestinationParts {
    address: Option<WireAddress>,
    port: Option<u16>,
    family: u16,
    method: Option<u32>,
    weight: Option<u32>,
    kind: u8,
    tunnel_port: u16,
    tunnel_flags: u16,
    thresholds: Thresholds,
    connections: Connections,
    pub(super) stats: Option<Stats>,
    pub(super) stats64: Option<Stats>,
}

impl DestinationParts {
    pub(super) fn take(&mut self, attribute: &DestinationAttribute) {
        let (thresholds, connections) = (&mut self.thresholds, &mut self.connections);
        match attribute {
            DestinationAttribute::Address(value) => self.address = Some(*value),
            DestinationAttribute::Port(value) => self.port = Some(*value),
            DestinationAttribute::ForwardingMethod(value) => self.method = Some(*value),
            DestinationAttribute::Weight(value) => self.weight = Some(*value),
            DestinationAttribute::UpperThreshold(value) => thresholds.upper = *value,
            DestinationAttribute::LowerThreshold(value) => thresholds.lower = *value,
            DestinationAttribute::ActiveConnections(value) => connections.active = *value,
            DestinationAttribute::InactiveConnections(value) => connections.inactive = *value,
            DestinationAttribute::PersistentConnections(value) => connections.persistent = *value,
            DestinationAttribute::Stats(nest) => self.stats = Some(Stats32Attribute::stats(nest)),
            DestinationAttribute::Family(value) => self.family = *value,
            DestinationAttribute::Stats64(nest) => {
                self.stats64 = Some(Stats64Attribute::stats(nest));
            }
            DestinationAttribute::TunnelKind(value) => self.kind = *value,
            DestinationAttribute::TunnelPort(value) => self.tunnel_port = *value,
            DestinationAttribute::TunnelFlags(value) => self.tunnel_flags = *value,
            DestinationAttribute::Other(_) => {}
        }
    }

    pub(super) fn entry(
        self,
        service_family: AddressFamily,
    ) -> Result<DestinationEntry, DecodeError> {
        let family = match self.family {
            0 => service_family,
            number => family_of(number, "IPVS_DEST_ATTR_ADDR_FAMILY")?,
        };
        let ip = address_of(self.address, family, "IPVS_DEST_ATTR_ADDR")?;
        let port = required(self.port, "IPVS_DEST_ATTR_PORT")?;
        let forwarding = match required(self.method, "IPVS_DEST_ATTR_FWD_METHOD")? {
            IP_VS_CONN_F_MASQ => ForwardingMethod::Masquerade,
            IP_VS_CONN_F_LOCALNODE => ForwardingMethod::Local,
            IP_VS_CONN_F_TUNNEL => ForwardingMethod::Tunnel(Tunnel::new(
                TunnelKind::from_number(self.kind),
                self.tunnel_port,
                TunnelFlags::from_bits_retain(self.tunnel_flags),
            )),
            IP_VS_CONN_F_DROUTE => ForwardingMethod::DirectRouting,
            IP_VS_CONN_F_BYPASS => ForwardingMethod::Bypass,
            other => ForwardingMethod::Other(other),
        };
        let weight = Weight::reported(required(self.weight, "IPVS_DEST_ATTR_WEIGHT")?);
        let destination = Destination::new(SocketAddr::new(ip, port))
            .with_forwarding(forwarding)
            .with_weight(weight)
            .with_thresholds(self.thresholds);
        Ok(DestinationEntry {
            destination,
            connections: self.connections,
            stats: self.stats64.or(self.stats).unwrap_or_default(),
        })
    }
}

const fn state_number(state: SyncState) -> u32 {
    match state {
        SyncState::Master => IP_VS_STATE_MASTER,
        SyncState::Backup => IP_VS_STATE_BACKUP,
    }
}

/// A sync daemon to start.
pub(crate) fn daemon_attributes(daemon: &SyncDaemon) -> Vec<DaemonAttribute> {
    let mut attributes = daemon_state_attributes(daemon.state);
    attributes.push(DaemonAttribute::Interface(daemon.interface.clone()));
    attributes.push(DaemonAttribute::SyncId(daemon.sync_id.get()));
    attributes.extend(daemon.max_length.map(DaemonAttribute::MaxLength));
    attributes.extend(daemon.group.map(|group| match group {
        IpAddr::V4(group) => DaemonAttribute::Group(group.octets()),
        IpAddr::V6(group) => DaemonAttribute::Group6(group.octets()),
    }));
    attributes.extend(daemon.port.map(DaemonAttribute::Port));
    attributes.extend(daemon.ttl.map(DaemonAttribute::Ttl));
    attributes
}

/// A sync daemon to stop.
pub(crate) fn daemon_state_attributes(state: SyncState) -> Vec<DaemonAttribute> {
    vec![DaemonAttribute::State(state_number(state))]
}

/// A sync daemon from a reply.
pub(crate) fn daemon_of(attributes: &[DaemonAttribute]) -> Result<SyncDaemon, DecodeError> {
    let (mut state, mut interface, mut id) = (None, None, 0);
    let (mut max_length, mut group, mut port, mut ttl) = (None, None, None, None);
    for attribute in attributes {
        match attribute {
            DaemonAttribute::State(value) => state = Some(*value),
            DaemonAttribute::Interface(value) => interface = Some(value.clone()),
            DaemonAttribute::SyncId(value) => id = *value,
            DaemonAttribute::MaxLength(value) => max_length = Some(*value),
            DaemonAttribute::Group(value) => group = Some(Ipv4Addr::from(*value).into()),
            DaemonAttribute::Group6(value) => group = Some(Ipv6Addr::from(*value).into()),
            DaemonAttribute::Port(value) => port = Some(*value),
            DaemonAttribute::Ttl(value) => ttl = Some(*value),
            DaemonAttribute::Other(_) => {}
        }
    }
    let state = match required(state, "IPVS_DAEMON_ATTR_STATE")? {
        IP_VS_STATE_MASTER => SyncState::Master,
        IP_VS_STATE_BACKUP => SyncState::Backup,
        other => {
            let attribute = "IPVS_DAEMON_ATTR_STATE";
            return Err(DecodeError::Unexpected {
                attribute,
                value: other.into(),
            });
        }
    };
    let interface = required(interface, "IPVS_DAEMON_ATTR_MCAST_IFN")?;
    let mut daemon = SyncDaemon::new(state, interface, SyncId::from_kernel(id));
    daemon.max_length = max_length;
    daemon.group = group;
    daemon.port = port;
    daemon.ttl = ttl;
    Ok(daemon)
}

/// Time-outs to set; what is zero is left out, so that it stays as it is.
pub(crate) fn config_attributes(timeouts: &Timeouts) -> Vec<IpvsAttribute> {
    let seconds = |timeout: Duration| {
        let whole = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        (!timeout.is_zero()).then_some(whole.max(1))
    };
    let mut attributes = Vec::new();
    attributes.extend(seconds(timeouts.tcp).map(IpvsAttribute::TimeoutTcp));
    attributes.extend(seconds(timeouts.tcp_fin).map(IpvsAttribute::TimeoutTcpFin));
    attributes.extend(seconds(timeouts.udp).map(IpvsAttribute::TimeoutUdp));
    attributes
}

/// Time-outs from a reply.
pub(crate) fn timeouts_of(attributes: &[IpvsAttribute]) -> Timeouts {
    let mut timeouts = Timeouts::default();
    for attribute in attributes {
        match attribute {
            IpvsAttribute::TimeoutTcp(n) => timeouts.tcp = Duration::from_secs((*n).into()),
            IpvsAttribute::TimeoutTcpFin(n) => timeouts.tcp_fin = Duration::from_secs((*n).into()),
            IpvsAttribute::TimeoutUdp(n) => timeouts.udp = Duration::from_secs((*n).into()),
            _ => {}
        }
    }
    timeouts
}

/// Version and table size from a reply.
pub(crate) fn info_of(attributes: &[InfoAttribute]) -> Result<Info, DecodeError> {
    let (mut version, mut size) = (None, 0);
    for attribute in attributes {
        match attribute {
            InfoAttribute::Version(value) => version = Some(*value),
            InfoAttribute::ConnectionTableSize(value) => size = *value,
            InfoAttribute::Other(_) => {}
        }
    }
    let version = Version::reported(required(version, "IPVS_INFO_ATTR_VERSION")?);
    Ok(Info {
        version,
        connection_table_size: size,
    })
}
