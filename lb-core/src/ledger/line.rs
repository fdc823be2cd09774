// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines of a ledger file: a checksum and a JSON document each.
//!
//! ```text
//! 5d2f0a6b {"ledger":{"version":2,"boot":"9d0a…","netns":4026531840,"lines":2}}
//! 0b1cfa02 {"service":[[6,"192.168.1.50:80"],{"scheduler":"wrr"}]}
//! c47d80e1 {"destination":[[6,"192.168.1.50:80"],"192.168.1.61:80",{"method":3,"weight":1}]}
//! 18a3b90f {"destination":[[6,"192.168.1.50:80"],"192.168.1.61:80",null]}
//! 7720c1d4 {"released":[[6,"192.168.1.50:80"],"192.168.1.61:80"]}
//! 9be0a1c3 {"sync":["master"]}
//! ```
//! Each line after the first is about one object and replaces what earlier lines say about it. Numbers
//! are the kernel's. `null` instead of a configuration: the object is owned and not confirmed.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use lb_ipvs::{
    AddressFamily, Destination, EngineName, ForwardingMethod, Netmask, OwnedChange, Persistence,
    Protocol, Record, Service, ServiceFlags, ServiceKey, SyncState, Thresholds, Tunnel,
    TunnelFlags, TunnelKind, Weight,
};
use serde::{Deserialize, Serialize};

use super::Identity;

/// Length of a checksum and the space behind it.
const PREFIX: usize = 9;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// The first line.
    Ledger(Header),
    /// A service is owned.
    Service(Key, Option<ServiceForm>),
    /// A destination is owned, and so is its service.
    Destination(Key, SocketAddr, Option<DestinationForm>),
    /// A destination is no longer owned, or a service with all its destinations.
    Released(Key, Option<SocketAddr>),
    /// Exactly these sync daemons are owned.
    Sync(Vec<State>),
}

/// The content of the first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) boot: String,
    pub(super) netns: u64,
    /// Lines of the snapshot behind this one; the journal follows them.
    pub(super) lines: usize,
}

impl Header {
    pub(super) const VERSION: u32 = 2;
}

/// A service key: protocol number and address, or firewall mark and family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Key {
    Address(u8, SocketAddr),
    Mark(NonZeroU32, Family),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Master,
    Backup,
}

/// The configuration of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServiceForm {
    scheduler: String,
    #[serde(default, skip_serializing_if = "is_default")]
    flags: u32,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    persistence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    netmask: Option<Mask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
}

/// A netmask: an IPv4 mask or the length of an IPv6 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Mask {
    Ipv4(std::net::Ipv4Addr),
    Ipv6(u32),
}

/// The configuration of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DestinationForm {
    method: u32,
    weight: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    upper: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    lower: u32,
    /// Kind, port and flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tunnel: Option<(u8, u16, u16)>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why a line does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Checksum,
    Content,
}

impl Line {
    pub(super) fn service(key: &ServiceKey, record: Record<&Service>) -> Self {
        let form = match record {
            Record::Confirmed(service) => Some(ServiceForm::from(service)),
            Record::Unconfirmed => None,
        };
        Self::Service((*key).into(), form)
    }

    pub(super) fn destination(
        key: &ServiceKey,
        address: SocketAddr,
        record: &Record<Destination>,
    ) -> Self {
        let form = match record {
            Record::Confirmed(destination) => Some(DestinationForm::from(destination)),
            Record::Unconfirmed => None,
        };
        Self::Destination((*key).into(), address, form)
    }

    /// Appends the line to `out`.
    pub(super) fn encode(&self, seed: Checksum, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let json = serde_json::to_vec(self)?;
        out.extend_from_slice(seed.over(&json).text().as_bytes());
        out.push(b' ');
        out.extend_from_slice(&json);
        out.push(b'\n');
        Ok(())
    }

    /// Reads a line without its newline.
    pub(super) fn decode(line: &[u8], seed: Checksum) -> Result<Self, Unusable> {
        let (prefix, json) = line.split_at_checked(PREFIX).ok_or(Unusable::Checksum)?;
        let found = prefix.strip_suffix(b" ").ok_or(Unusable::Checksum)?;
        if found != seed.over(json).text().as_bytes() {
            return Err(Unusable::Checksum);
        }
        serde_json::from_slice(json).map_err(|_| Unusable::Content)
    }
}

/// A checksum (FNV-1a, 32 bits): a line with one wrong byte never passes, other damage once in 2³².
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum(u32);

impl Checksum {
    /// The start value of the first line.
    pub(super) const PLAIN: Self = Self(0x811c_9dc5);

    /// The start value of all other lines: a line counts for the table that it was written for only.
    pub(super) fn seed(identity: &Identity) -> Self {
        Self::PLAIN
            .over(identity.boot_id.as_bytes())
            .over(&identity.namespace.to_be_bytes())
    }

    fn over(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |sum, byte| {
            (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        }))
    }

    fn text(self) -> String {
        format!("{:08x}", self.0)
    }
}

impl From<&OwnedChange> for Line {
    fn from(change: &OwnedChange) -> Self {
        match change {
            OwnedChange::Service(key, Some(record)) => Self::service(key, record.as_ref()),
            OwnedChange::Service(key, None) => Self::Released((*key).into(), None),
            OwnedChange::Destination(key, address, Some(record)) => {
                Self::destination(key, *address, record)
            }
            OwnedChange::Destination(key, address, None) => {
                Self::Released((*key).into(), Some(*address))
            }
        }
    }
}

impl From<ServiceKey> for Key {
    fn from(key: ServiceKey) -> Self {
        match key {
            ServiceKey::Address { protocol, address } => Self::Address(protocol.number(), address),
            ServiceKey::FirewallMark { mark, family } => Self::Mark(
                mark,
                match family {
                    AddressFamily::Ipv4 => Family::Ipv4,
                    AddressFamily::Ipv6 => Family::Ipv6,
                },
            ),
        }
    }
}

impl From<Key> for ServiceKey {
    fn from(key: Key) -> Self {
        match key {
            Key::Address(number, address) => Self::Address {
                protocol: Protocol::from_number(number),
                address,
            },
            Key::Mark(mark, family) => Self::FirewallMark {
                mark,
                family: match family {
                    Family::Ipv4 => AddressFamily::Ipv4,
                    Family::Ipv6 => AddressFamily::Ipv6,
                },
            },
        }
    }
}

impl From<SyncState> for State {
    fn from(state: SyncState) -> Self {
        match state {
            SyncState::Master => Self::Master,
            SyncState::Backup => Self::Backup,
        }
    }
}

impl From<State> for SyncState {
    fn from(state: State) -> Self {
        match state {
            State::Master => Self::Master,
            State::Backup => Self::Backup,
        }
    }
}

impl From<&Service> for ServiceForm {
    fn from(service: &Service) -> Self {
        Self {
            scheduler: service.scheduler.as_str().to_owned(),
            flags: service.flags.bits(),
            persistence: service
                .persistence
                .map(|persistence| persistence.timeout.as_secs()),
            netmask: (!service.netmask.is_host()).then_some(match service.netmask {
                Netmask::Ipv4(mask) => Mask::Ipv4(mask),
                Netmask::Ipv6(length) => Mask::Ipv6(length),
            }),
            engine: service
                .persistence_engine
                .as_ref()
                .map(|engine| engine.as_str().to_owned()),
        }
    }
}

impl ServiceForm {
    /// The service; without confirmation when this version cannot express the configuration.
    pub(super) fn record(self, key: ServiceKey) -> Record<Service> {
        let build = || {
            let mut service = Service::new(key, self.scheduler.parse().ok()?)
                .with_flags(ServiceFlags::from_bits_retain(self.flags));
            service.persistence = self
                .persistence
                .map(|seconds| Persistence::new(std::time::Duration::from_secs(seconds)));
            match self.netmask {
                Some(Mask::Ipv4(mask)) => service.netmask = Netmask::Ipv4(mask),
                Some(Mask::Ipv6(length)) => service.netmask = Netmask::Ipv6(length),
                None => {}
            }
            if let Some(engine) = self.engine {
                service.persistence_engine = Some(EngineName::new(&engine).ok()?);
            }
            Some(service)
        };
        build().map_or(Record::Unconfirmed, Record::Confirmed)
    }
}

impl From<&Destination> for DestinationForm {
    fn from(destination: &Destination) -> Self {
        let (method, tunnel) = match destination.forwarding {
            ForwardingMethod::Masquerade => (0, None),
            ForwardingMethod::Local => (1, None),
            ForwardingMethod::Tunnel(tunnel) => {
                let parts = (tunnel.kind.number(), tunnel.port, tunnel.flags.bits());
                (2, Some(parts))
            }
            ForwardingMethod::DirectRouting => (3, None),
            ForwardingMethod::Bypass => (4, None),
            ForwardingMethod::Other(number) => (number, None),
        };
        Self {
            method,
            weight: destination.weight.get(),
            upper: destination.thresholds.upper,
            lower: destination.thresholds.lower,
            tunnel,
        }
    }
}

impl DestinationForm {
    /// The destination; without confirmation when this version cannot express the configuration.
    pub(super) fn record(self, address: SocketAddr) -> Record<Destination> {
        let forwarding = match (self.method, self.tunnel) {
            (0, None) => ForwardingMethod::Masquerade,
            (1, None) => ForwardingMethod::Local,
            (2, Some((kind, port, flags))) => {
                let flags = TunnelFlags::from_bits_retain(flags);
                ForwardingMethod::Tunnel(Tunnel::new(TunnelKind::from_number(kind), port, flags))
            }
            (3, None) => ForwardingMethod::DirectRouting,
            (4, None) => ForwardingMethod::Bypass,
            (number, _) => ForwardingMethod::Other(number),
        };
        let Some(weight) = Weight::new(self.weight) else {
            return Record::Unconfirmed;
        };
        let destination = Destination::new(address)
            .with_forwarding(forwarding)
            .with_weight(weight)
            .with_thresholds(Thresholds {
                upper: self.upper,
                lower: self.lower,
            });
        Record::Confirmed(destination)
    }
}
