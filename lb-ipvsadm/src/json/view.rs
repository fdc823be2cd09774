// SPDX-License-Identifier: MIT OR Apache-2.0
//! The schema of the documents, apart from the model, so that the two can change independently.

use std::{borrow::Cow, net::IpAddr};

use lb_ipvs::connections::{Connection, Origin};
use lb_ipvs::{
    AddressFamily, Connections, Destination, DestinationEntry, Estimation, ForwardingMethod,
    HashTable, Netmask, Protocol, Rates, Service, ServiceFlags, ServiceKey, Stats, Status,
    SyncDaemon, TableEntry, Thresholds, Timeouts, Tunnel, TunnelFlags, TunnelKind,
};
use serde::Serialize;

use crate::names::scheduler_flags;

/// What identifies a service: `protocol`, `address` and `port`, or `firewall_mark`.
#[derive(Debug, Serialize)]
pub(super) struct KeyView {
    protocol: Option<Cow<'static, str>>,
    address: Option<IpAddr>,
    port: Option<u16>,
    firewall_mark: Option<u32>,
    family: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceView<'a> {
    #[serde(flatten)]
    key: KeyView,
    #[serde(flatten)]
    configuration: ServiceConfiguration<'a>,
    stats: StatsView,
    rates: RatesView,
    destinations: Vec<DestinationView>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceConfiguration<'a> {
    scheduler: &'a str,
    flags: Vec<String>,
    persistence_timeout: Option<u64>,
    netmask: String,
    persistence_engine: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct DestinationView {
    #[serde(flatten)]
    configuration: DestinationConfiguration,
    connections: ConnectionsView,
    stats: StatsView,
    rates: RatesView,
}

#[derive(Debug, Serialize)]
pub(super) struct DestinationConfiguration {
    address: IpAddr,
    port: u16,
    forwarding: Cow<'static, str>,
    tunnel: Option<TunnelView>,
    weight: u32,
    thresholds: ThresholdsView,
}

#[derive(Debug, Serialize)]
struct TunnelView {
    kind: Cow<'static, str>,
    port: u16,
    flags: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ThresholdsView {
    upper: u32,
    lower: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionsView {
    active: u32,
    inactive: u32,
    persistent: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct StatsView {
    connections: u64,
    incoming_packets: u64,
    outgoing_packets: u64,
    incoming_bytes: u64,
    outgoing_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct RatesView {
    connections: u64,
    incoming_packets: u64,
    outgoing_packets: u64,
    incoming_bytes: u64,
    outgoing_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionView<'a> {
    protocol: &'a str,
    client_address: IpAddr,
    client_port: u16,
    virtual_address: IpAddr,
    virtual_port: u16,
    destination_address: IpAddr,
    destination_port: u16,
    state: &'a str,
    expires: u32,
    persistence_engine: Option<&'a str>,
    persistence_data: Option<&'a str>,
    origin: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct TimeoutsView {
    tcp: u64,
    tcp_fin: u64,
    udp: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct SyncDaemonView<'a> {
    state: String,
    interface: &'a str,
    sync_id: u32,
    max_length: Option<u16>,
    group: Option<IpAddr>,
    port: Option<u16>,
    ttl: Option<u8>,
}

impl From<&ServiceKey> for KeyView {
    fn from(key: &ServiceKey) -> Self {
        let family = match key.family() {
            AddressFamily::Ipv4 => "ipv4",
            AddressFamily::Ipv6 => "ipv6",
        };
        match key {
            ServiceKey::Address { protocol, address } => Self {
                protocol: Some(protocol_name(*protocol)),
                address: Some(address.ip()),
                port: Some(address.port()),
                firewall_mark: None,
                family,
            },
            ServiceKey::FirewallMark { mark, .. } => Self {
                protocol: None,
                address: None,
                port: None,
                firewall_mark: Some(mark.get()),
                family,
            },
        }
    }
}

impl<'a> From<&'a TableEntry> for ServiceView<'a> {
    fn from(entry: &'a TableEntry) -> Self {
        let service = &entry.service.service;
        Self {
            key: KeyView::from(&service.key),
            configuration: ServiceConfiguration::from(service),
            stats: StatsView::from(&entry.service.stats),
            rates: RatesView::from(&entry.service.stats.rates),
            destinations: entry.destinations.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a Service> for ServiceConfiguration<'a> {
    fn from(service: &'a Service) -> Self {
        Self {
            scheduler: service.scheduler.as_str(),
            flags: service_flags(service),
            persistence_timeout: service.persistence.map(|one| one.timeout.as_secs()),
            netmask: match service.netmask {
                Netmask::Ipv4(mask) => mask.to_string(),
                Netmask::Ipv6(length) => length.to_string(),
            },
            persistence_engine: service
                .persistence_engine
                .as_ref()
                .map(|name| name.as_str()),
        }
    }
}

impl From<&DestinationEntry> for DestinationView {
    fn from(entry: &DestinationEntry) -> Self {
        Self {
            configuration: DestinationConfiguration::from(&entry.destination),
            connections: ConnectionsView::from(&entry.connections),
            stats: StatsView::from(&entry.stats),
            rates: RatesView::from(&entry.stats.rates),
        }
    }
}

impl From<&Destination> for DestinationConfiguration {
    fn from(destination: &Destination) -> Self {
        let (forwarding, tunnel) = match destination.forwarding {
            ForwardingMethod::Masquerade => ("masquerade".into(), None),
            ForwardingMethod::Local => ("local".into(), None),
            ForwardingMethod::Tunnel(tunnel) => ("tunnel".into(), Some((&tunnel).into())),
            ForwardingMethod::DirectRouting => ("direct-routing".into(), None),
            ForwardingMethod::Bypass => ("bypass".into(), None),
            ForwardingMethod::Other(number) => (number.to_string().into(), None),
        };
        let Thresholds { upper, lower } = destination.thresholds;
        Self {
            address: destination.address.ip(),
            port: destination.address.port(),
            forwarding,
            tunnel,
            weight: destination.weight.get(),
            thresholds: ThresholdsView { upper, lower },
        }
    }
}

impl From<&Tunnel> for TunnelView {
    fn from(tunnel: &Tunnel) -> Self {
        let mut rest = tunnel.flags;
        let mut flags = Vec::new();
        for (bit, name) in [
            (TunnelFlags::CHECKSUM, "csum"),
            (TunnelFlags::REMOTE_CHECKSUM, "remcsum"),
        ] {
            if rest.contains(bit) {
                flags.push(name.to_owned());
                rest.remove(bit);
            }
        }
        flags.extend(unnamed(rest.bits().into()));
        Self {
            kind: match tunnel.kind {
                TunnelKind::Ipip => "ipip".into(),
                TunnelKind::Gue => "gue".into(),
                TunnelKind::Gre => "gre".into(),
                TunnelKind::Other(number) => number.to_string().into(),
            },
            port: tunnel.port,
            flags,
        }
    }
}

impl From<&Connections> for ConnectionsView {
    fn from(connections: &Connections) -> Self {
        Self {
            active: connections.active,
            inactive: connections.inactive,
            persistent: connections.persistent,
        }
    }
}

impl From<&Stats> for StatsView {
    fn from(stats: &Stats) -> Self {
        Self {
            connections: stats.connections,
            incoming_packets: stats.incoming_packets,
            outgoing_packets: stats.outgoing_packets,
            incoming_bytes: stats.incoming_bytes,
            outgoing_bytes: stats.outgoing_bytes,
        }
    }
}

impl From<&Rates> for RatesView {
    fn from(rates: &Rates) -> Self {
        Self {
            connections: rates.connections,
            incoming_packets: rates.incoming_packets,
            outgoing_packets: rates.outgoing_packets,
            incoming_bytes: rates.incoming_bytes,
            outgoing_bytes: rates.outgoing_bytes,
        }
    }
}

impl<'a> From<&'a Connection> for ConnectionView<'a> {
    fn from(connection: &'a Connection) -> Self {
        let engine = connection.engine.as_ref();
        Self {
            protocol: &connection.protocol,
            client_address: connection.client.ip(),
            client_port: connection.client.port(),
            virtual_address: connection.virtual_address.ip(),
            virtual_port: connection.virtual_address.port(),
            destination_address: connection.destination.ip(),
            destination_port: connection.destination.port(),
            state: &connection.state,
            expires: connection.expires,
            persistence_engine: engine.map(|(name, _)| name.as_str()),
            persistence_data: engine.map(|(_, data)| data.as_str()),
            origin: connection.origin.map(|origin| match origin {
                Origin::Local => "local",
                Origin::Sync => "sync",
            }),
        }
    }
}

impl From<&Timeouts> for TimeoutsView {
    fn from(timeouts: &Timeouts) -> Self {
        Self {
            tcp: timeouts.tcp.as_secs(),
            tcp_fin: timeouts.tcp_fin.as_secs(),
            udp: timeouts.udp.as_secs(),
        }
    }
}

impl<'a> From<&'a SyncDaemon> for SyncDaemonView<'a> {
    fn from(daemon: &'a SyncDaemon) -> Self {
        Self {
            state: daemon.state.to_string(),
            interface: &daemon.interface,
            sync_id: daemon.sync_id.get(),
            max_length: daemon.max_length,
            group: daemon.group,
            port: daemon.port,
            ttl: daemon.ttl,
        }
    }
}

/// `TCP`, `UDP`, `SCTP`, or the number as text.
fn protocol_name(protocol: Protocol) -> Cow<'static, str> {
    match protocol {
        Protocol::Tcp => "TCP".into(),
        Protocol::Udp => "UDP".into(),
        Protocol::Sctp => "SCTP".into(),
        Protocol::Other(number) => number.to_string().into(),
    }
}

/// ipvsadm's words, then the bits without a name.
fn service_flags(service: &Service) -> Vec<String> {
    const SCHEDULERS: ServiceFlags = ServiceFlags::SCHED_1
        .union(ServiceFlags::SCHED_2)
        .union(ServiceFlags::SCHED_3);
    let mut flags = Vec::new();
    if service.flags.contains(ServiceFlags::ONE_PACKET) {
        flags.push("ops".to_owned());
    }
    if let Some(names) = scheduler_flags(&service.scheduler, service.flags) {
        flags.extend(names.split(',').map(str::to_owned));
    }
    let named = ServiceFlags::ONE_PACKET.union(SCHEDULERS);
    flags.extend(unnamed(service.flags.difference(named).bits()));
    flags
}

/// Bits without a name, as one hexadecimal number.
fn unnamed(bits: u32) -> Option<String> {
    (bits != 0).then(|| format!("{bits:#x}"))
}

#[derive(Debug, Serialize)]
pub(super) struct StatusView<'a> {
    connections: HashTableView,
    services: HashTableView,
    estimation: EstimationView,
    other: &'a [String],
}

#[derive(Debug, Serialize)]
struct HashTableView {
    entries: Option<u64>,
    buckets: Option<u64>,
    load_factor: Option<i32>,
    empty: Option<u64>,
    chains: Vec<ChainsView>,
}

#[derive(Debug, Serialize)]
struct ChainsView {
    length: u32,
    buckets: u64,
}

#[derive(Debug, Serialize)]
struct EstimationView {
    threads: Option<u64>,
    max_threads: Option<u64>,
    max_chain_length: Option<u64>,
    max_estimators: Option<u64>,
}

impl<'a> From<&'a Status> for StatusView<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            connections: (&status.connections).into(),
            services: (&status.services).into(),
            estimation: (&status.estimation).into(),
            other: &status.other,
        }
    }
}

impl From<&HashTable> for HashTableView {
    fn from(table: &HashTable) -> Self {
        let chains = table.chains.iter();
        Self {
            entries: table.entries,
            buckets: table.buckets,
            load_factor: table.load_factor,
            empty: table.empty,
            chains: chains
                .map(|(length, buckets)| ChainsView {
                    length: *length,
                    buckets: *buckets,
                })
                .collect(),
        }
    }
}

impl From<&Estimation> for EstimationView {
    fn from(estimation: &Estimation) -> Self {
        Self {
            threads: estimation.threads,
            max_threads: estimation.max_threads,
            max_chain_length: estimation.max_chain_length,
            max_estimators: estimation.max_estimators,
        }
    }
}
