// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules every model keeps, whatever it was made from.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use lb_ipvs::{AddressFamily, Destination, ForwardingMethod, ServiceFlags, ServiceKey};
use lb_vrrp::Vrid;
use lb_vrrp::track::ObjectId;

use super::{Model, VirtualAddress, VirtualServer, VrrpInstance};

/// A rule that a model breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Mail is asked for, but to nobody.
    #[error("mail settings without a recipient")]
    NoRecipient,
    /// A sync daemon follows an instance that is not there.
    #[error("sync daemon follows the unknown vrrp instance {instance}")]
    UnknownInstance {
        /// The name it asks for.
        instance: String,
    },
    /// Two instances have one name.
    #[error("two vrrp instances are named {name}")]
    DuplicateInstance {
        /// The name.
        name: String,
    },
    /// Two instances share VRID, interface and address family: neither could tell its advertisements from
    /// the other's.
    #[error("vrrp instances {first} and {second} share virtual router id {vrid} on {interface}")]
    DuplicateVrid {
        /// The earlier instance.
        first: String,
        /// The later instance.
        second: String,
        /// The virtual router id.
        vrid: Vrid,
        /// The interface.
        interface: String,
    },
    /// Two sync groups, or two tracked objects of a kind, have one name.
    #[error("{what} is given twice")]
    DuplicateName {
        /// Which, with its kind.
        what: String,
    },
    /// A sync group has a member that is no instance.
    #[error("sync group {group} has the unknown member {instance}")]
    UnknownMember {
        /// The group.
        group: String,
        /// The name that no instance has.
        instance: String,
    },
    /// An instance is in two sync groups.
    #[error("vrrp instance {instance} is in the sync groups {first} and {second}")]
    SharedMember {
        /// The instance.
        instance: String,
        /// One group.
        first: String,
        /// The other.
        second: String,
    },
    /// Something is tracked that is not defined.
    #[error("{name} tracks {object}, which is not defined")]
    UnknownObject {
        /// The instance or group.
        name: String,
        /// What it tracks.
        object: ObjectId,
    },
    /// An instance without an interface.
    #[error("vrrp instance {instance} has no interface")]
    NoInterface {
        /// The instance.
        instance: String,
    },
    /// An address would be advertised and never be held.
    #[error("vrrp instance {instance} advertises {address} and does not hold it")]
    AddressNotHeld {
        /// The instance.
        instance: String,
        /// The address.
        address: IpAddr,
    },
    /// A prefix, label or broadcast address that the address cannot have.
    #[error("vrrp instance {instance}: address {address}/{prefix_len} has {part}")]
    AddressPart {
        /// The instance.
        instance: String,
        /// The address.
        address: IpAddr,
        /// Its prefix length.
        prefix_len: u8,
        /// What is wrong.
        part: AddressFault,
    },
    /// Two virtual servers are one IPVS service.
    #[error("two virtual servers {key}")]
    DuplicateVirtualServer {
        /// The service.
        key: ServiceKey,
    },
    /// Two real servers of one virtual server are one destination.
    #[error("virtual server {key} has real server {address} twice")]
    DuplicateRealServer {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// A virtual server that could never serve.
    #[error("virtual server {key} has no real server")]
    NoRealServer {
        /// The service.
        key: ServiceKey,
    },
    /// Only a tunnel may reach a real server of the other address family.
    #[error("virtual server {key} reaches {address} of the other address family without a tunnel")]
    Family {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// Only masquerading can change the port.
    #[error("virtual server {key} reaches port {} of {} without masquerading", .address.port(), .address.ip())]
    Port {
        /// The service.
        key: ServiceKey,
        /// The destination.
        address: SocketAddr,
    },
    /// The quorum can never be reached.
    #[error("virtual server {key} has quorum {quorum}, its real servers weigh {weight}")]
    Quorum {
        /// The service.
        key: ServiceKey,
        /// The quorum.
        quorum: u32,
        /// The sum of the weights.
        weight: u64,
    },
    /// The quorum could never be lost, or never be gained.
    #[error("virtual server {key} has hysteresis {hysteresis}, must be below its quorum {quorum}")]
    Hysteresis {
        /// The service.
        key: ServiceKey,
        /// The quorum.
        quorum: u32,
        /// The hysteresis.
        hysteresis: u32,
    },
    /// A service for all ports must be persistent.
    #[error("virtual server {key} has port 0 and no persistence")]
    PortZero {
        /// The service.
        key: ServiceKey,
    },
    /// One-packet scheduling of a protocol other than UDP.
    #[error("virtual server {key} schedules single packets, which only UDP allows")]
    OnePacket {
        /// The service.
        key: ServiceKey,
    },
    /// Checks without a period.
    #[error("virtual server {key} checks without a pause")]
    NoInterval {
        /// The service.
        key: ServiceKey,
    },
}

/// What is wrong with one virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressFault {
    /// The prefix is longer than the address.
    Prefix,
    /// The label is longer than 15 bytes or empty.
    Label,
    /// A broadcast address, label or scope on IPv6.
    Ipv4Only,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "a prefix longer than the address",
            Self::Label => "a label that is empty or longer than 15 bytes",
            Self::Ipv4Only => "a broadcast address, label or scope, which IPv6 does not know",
        })
    }
}

/// Every rule that a model breaks; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelErrors(Vec<ModelError>);

impl ModelErrors {
    /// The rules, in the order of the model.
    pub fn iter(&self) -> std::slice::Iter<'_, ModelError> {
        self.0.iter()
    }
}

impl IntoIterator for ModelErrors {
    type Item = ModelError;
    type IntoIter = std::vec::IntoIter<ModelError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ModelErrors {
    type Item = &'a ModelError;
    type IntoIter = std::slice::Iter<'a, ModelError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for ModelErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ModelErrors {}

fn tracking(model: &Model, errors: &mut Vec<ModelError>) {
    let mut objects = HashSet::new();
    for object in &model.objects {
        if !objects.insert(&object.id) {
            let what = object.id.to_string();
            errors.push(ModelError::DuplicateName { what });
        }
    }
    let routers = model.routers.iter().map(|of| (&of.name, &of.tracked));
    let groups = model.groups.iter().map(|of| (&of.name, &of.tracked));
    for (name, tracked) in routers.chain(groups) {
        for (object, _) in tracked {
            let watched = matches!(object, ObjectId::Interface(_));
            if !watched && !objects.contains(object) {
                let (name, object) = (name.clone(), object.clone());
                errors.push(ModelError::UnknownObject { name, object });
            }
        }
    }
    let mut names = HashSet::new();
    let mut members = HashMap::new();
    for group in &model.groups {
        if !names.insert(&group.name) {
            let what = format!("sync group {}", group.name);
            errors.push(ModelError::DuplicateName { what });
        }
        for instance in &group.members {
            if !model.routers.iter().any(|of| of.name == *instance) {
                errors.push(ModelError::UnknownMember {
                    group: group.name.clone(),
                    instance: instance.clone(),
                });
            } else if let Some(first) = members.insert(instance, &group.name) {
                errors.push(ModelError::SharedMember {
                    instance: instance.clone(),
                    first: first.clone(),
                    second: group.name.clone(),
                });
            }
        }
    }
}

pub(super) fn validate(model: &Model) -> Result<(), ModelErrors> {
    let mut errors = Vec::new();
    global(model, &mut errors);
    routers(&model.routers, &mut errors);
    tracking(model, &mut errors);
    let mut keys = HashSet::with_capacity(model.virtual_servers.len());
    for server in &model.virtual_servers {
        if !keys.insert(server.service.key) {
            errors.push(ModelError::DuplicateVirtualServer {
                key: server.service.key,
            });
        }
        virtual_server(server, &mut errors);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ModelErrors(errors))
    }
}

fn global(model: &Model, errors: &mut Vec<ModelError>) {
    if model
        .global
        .mail
        .as_ref()
        .is_some_and(|mail| mail.to.is_empty())
    {
        errors.push(ModelError::NoRecipient);
    }
    let followed = model
        .global
        .sync_daemon
        .as_ref()
        .and_then(|daemon| daemon.instance.as_ref());
    if let Some(instance) =
        followed.filter(|name| !model.routers.iter().any(|router| router.name == **name))
    {
        errors.push(ModelError::UnknownInstance {
            instance: instance.clone(),
        });
    }
}

fn routers(routers: &[VrrpInstance], errors: &mut Vec<ModelError>) {
    let mut names = HashSet::new();
    let mut ids = HashMap::new();
    for router in routers {
        if !names.insert(router.name.as_str()) {
            errors.push(ModelError::DuplicateInstance {
                name: router.name.clone(),
            });
        }
        if router.interface.is_empty() {
            errors.push(ModelError::NoInterface {
                instance: router.name.clone(),
            });
        }
        let id = (
            router.config.vrid(),
            router.interface.as_str(),
            router.config.family(),
        );
        if let Some(first) = ids.insert(id, router.name.as_str()) {
            errors.push(ModelError::DuplicateVrid {
                first: first.to_owned(),
                second: router.name.clone(),
                vrid: router.config.vrid(),
                interface: router.interface.clone(),
            });
        }
        for &address in router.config.addresses().as_slice() {
            if !router
                .virtual_addresses
                .iter()
                .any(|held| held.address == address)
            {
                errors.push(ModelError::AddressNotHeld {
                    instance: router.name.clone(),
                    address,
                });
            }
        }
        for address in &router.virtual_addresses {
            if let Some(part) = address_fault(address) {
                errors.push(ModelError::AddressPart {
                    instance: router.name.clone(),
                    address: address.address,
                    prefix_len: address.prefix_len,
                    part,
                });
            }
        }
    }
}

fn address_fault(address: &VirtualAddress) -> Option<AddressFault> {
    let v4 = address.address.is_ipv4();
    if address.prefix_len > if v4 { 32 } else { 128 } {
        return Some(AddressFault::Prefix);
    }
    if address
        .label
        .as_ref()
        .is_some_and(|label| label.is_empty() || label.len() > 15)
    {
        return Some(AddressFault::Label);
    }
    let only_v4 = address.broadcast.is_some()
        || address.label.is_some()
        || address.scope != super::Scope::GLOBAL;
    (only_v4 && !v4).then_some(AddressFault::Ipv4Only)
}

fn virtual_server(server: &VirtualServer, errors: &mut Vec<ModelError>) {
    let key = server.service.key;
    if server.real_servers.is_empty() {
        errors.push(ModelError::NoRealServer { key });
    }
    if server.delay_loop.is_zero() {
        errors.push(ModelError::NoInterval { key });
    }
    if let ServiceKey::Address { protocol, address } = key {
        if address.port() == 0 && server.service.persistence.is_none() {
            errors.push(ModelError::PortZero { key });
        }
        if server.service.flags.contains(ServiceFlags::ONE_PACKET)
            && protocol != lb_ipvs::Protocol::Udp
        {
            errors.push(ModelError::OnePacket { key });
        }
    }
    let weight = server
        .real_servers
        .iter()
        .map(|rs| u64::from(rs.destination.weight.get()))
        .sum();
    if server.quorum == 0 || (u64::from(server.quorum) > weight && server.quorum != 1) {
        errors.push(ModelError::Quorum {
            key,
            quorum: server.quorum,
            weight,
        });
    }
    if server.quorum != 0 && server.hysteresis >= server.quorum {
        errors.push(ModelError::Hysteresis {
            key,
            quorum: server.quorum,
            hysteresis: server.hysteresis,
        });
    }
    let mut addresses = HashSet::with_capacity(server.real_servers.len());
    for real_server in &server.real_servers {
        let destination = &real_server.destination;
        if !addresses.insert(destination.address) {
            errors.push(ModelError::DuplicateRealServer {
                key,
                address: destination.address,
            });
        }
        reachable(key, destination, errors);
    }
    if let Some(sorry_server) = &server.sorry_server {
        reachable(key, sorry_server, errors);
    }
}

fn reachable(key: ServiceKey, destination: &Destination, errors: &mut Vec<ModelError>) {
    let address = destination.address;
    let forwarding = destination.forwarding;
    if AddressFamily::of(&address) != key.family()
        && !matches!(forwarding, ForwardingMethod::Tunnel(_))
    {
        errors.push(ModelError::Family { key, address });
    }
    let port = key.address().map_or(0, |service| service.port());
    if address.port() != port
        && matches!(
            forwarding,
            ForwardingMethod::DirectRouting | ForwardingMethod::Tunnel(_)
        )
    {
        errors.push(ModelError::Port { key, address });
    }
}
