// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of every model, whatever its source.

use std::collections::{BTreeSet, HashSet};

use lb_ipvs::{AddressFamily, Destination, ForwardingMethod, Protocol, ServiceFlags, ServiceKey};
use lb_vrrp::spec::{self, GroupSpec, RouterSpec};

use super::error::{ModelError, ModelErrors};
use super::{IpvsNamespace, Model, ViaPath, VirtualServer};

pub(super) fn validate(model: &Model) -> Result<(), ModelErrors> {
    let mut errors = Vec::new();
    global(model, &mut errors);
    routers(model, &mut errors);
    let mut keys = HashSet::with_capacity(model.virtual_servers.len());
    for server in &model.virtual_servers {
        for key in server.keys() {
            if !keys.insert(key) {
                errors.push(ModelError::DuplicateVirtualServer { key });
            }
        }
        virtual_server(server, &mut errors);
    }
    via_vip(model, &mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ModelErrors::new(errors))
    }
}

/// Checks at the virtual address have marks of their own and a way of their own to each real server.
fn via_vip(model: &Model, errors: &mut Vec<ModelError>) {
    let paths = ViaPath::of_model(model);
    if paths.is_empty() {
        return;
    }
    let range = model.global.checks.via_vip_marks;
    if u64::try_from(paths.len()).is_ok_and(|needed| needed > range.count()) {
        let needed = paths.len();
        errors.push(ModelError::Marks { needed, range });
    }
    if model.global.runtime.ipvs_namespace != IpvsNamespace::Own {
        errors.push(ModelError::ViaVipNamespace);
    }
    let mut marks = BTreeSet::new();
    for server in &model.virtual_servers {
        marks.extend(server.keys().filter_map(|key| match key {
            ServiceKey::FirewallMark { mark, .. } => Some(mark.get()),
            ServiceKey::Address { .. } => None,
        }));
        for real_server in &server.real_servers {
            let checks = &real_server.checks;
            marks.extend(checks.iter().filter_map(|check| check.probe.target.mark()));
            let forwarding = real_server.destination.forwarding;
            let has_way = matches!(
                forwarding,
                ForwardingMethod::DirectRouting | ForwardingMethod::Tunnel(_)
            );
            if !has_way && checks.iter().any(|check| check.via_vip) {
                errors.push(ModelError::ViaVip {
                    key: server.service.key,
                    address: real_server.destination.address,
                });
            }
        }
    }
    let reserved = marks.into_iter().filter(|mark| range.contains(*mark));
    errors.extend(reserved.map(|mark| ModelError::ReservedMark { mark, range }));
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
    if let Some(instance) = followed.filter(|name| {
        !model
            .routers
            .iter()
            .any(|router| router.spec.name == **name)
    }) {
        errors.push(ModelError::UnknownInstance {
            instance: instance.clone(),
        });
    }
}

/// Instances are referred to by name and hold what they advertise; all other rules are those of their
/// description.
fn routers(model: &Model, errors: &mut Vec<ModelError>) {
    let mut names = HashSet::new();
    for router in &model.routers {
        let name = &router.spec.name;
        if !names.insert(name) {
            errors.push(ModelError::DuplicateInstance { name: name.clone() });
        }
        for address in router.spec.unheld_addresses() {
            let instance = name.clone();
            errors.push(ModelError::AddressNotHeld { instance, address });
        }
    }
    let routers: Vec<&RouterSpec> = model.routers.iter().map(|router| &router.spec).collect();
    let groups: Vec<&GroupSpec> = model.groups.iter().map(|group| &group.spec).collect();
    let broken = spec::check(&routers, &groups, &model.objects, &model.statics);
    errors.extend(broken.into_iter().map(ModelError::from));
}

fn virtual_server(server: &VirtualServer, errors: &mut Vec<ModelError>) {
    let key = server.service.key;
    if server.real_servers.is_empty() {
        errors.push(ModelError::NoRealServer { key });
    }
    if server.delay_loop.is_zero() {
        errors.push(ModelError::NoInterval { key });
    }
    for key in server.keys() {
        let every_port = key.address().is_some_and(|address| address.port() == 0);
        if every_port && server.service.persistence.is_none() {
            errors.push(ModelError::PortZero { key });
        }
    }
    if key
        .protocol()
        .is_some_and(|protocol| protocol != Protocol::Udp)
        && server.service.flags.contains(ServiceFlags::ONE_PACKET)
    {
        errors.push(ModelError::OnePacket { key });
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
        reachable(server, destination, errors);
    }
    if let Some(sorry_server) = &server.sorry_server {
        reachable(server, sorry_server, errors);
    }
}

fn reachable(server: &VirtualServer, destination: &Destination, errors: &mut Vec<ModelError>) {
    let forwarding = destination.forwarding;
    for key in server.keys() {
        let address = server.destination_for(key, destination).address;
        if AddressFamily::for_address(&address) != key.family()
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
}
