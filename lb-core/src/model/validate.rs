// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules every model keeps, whatever it was made from.

use std::collections::{HashMap, HashSet};

use lb_ipvs::{AddressFamily, Destination, ForwardingMethod, ServiceFlags, ServiceKey};
use lb_vrrp::track::ObjectId;

use super::error::{ModelError, ModelErrors};
use super::{Model, VirtualServer, VrrpInstance};

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
    let names: Vec<&str> = model.routers.iter().map(|of| of.name.as_str()).collect();
    errors.extend(model.statics.check(&names).err().map(ModelError::from));
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
            if let Some(part) = address.problem() {
                errors.push(ModelError::AddressPart {
                    instance: router.name.clone(),
                    address: address.address,
                    prefix_len: address.prefix_len,
                    part,
                });
            }
        }
        let routes = router.virtual_routes.iter();
        let routes = routes.filter_map(|of| Some((of.to_string(), of.problem()?)));
        let rules = router.virtual_rules.iter();
        let rules = rules.filter_map(|of| Some((of.to_string(), of.problem()?)));
        for (entry, problem) in routes.chain(rules) {
            errors.push(ModelError::Routing {
                instance: router.name.clone(),
                entry,
                problem,
            });
        }
    }
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
