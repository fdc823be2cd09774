// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of every model, whatever its source.

use std::collections::HashSet;

use lb_ipvs::{AddressFamily, Destination, ForwardingMethod, Protocol, ServiceFlags};
use lb_vrrp::spec::{self, GroupSpec, RouterSpec};

use super::error::{ModelError, ModelErrors};
use super::{Model, VirtualServer};

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
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ModelErrors::new(errors))
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
