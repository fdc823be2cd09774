// SPDX-License-Identifier: MIT OR Apache-2.0

use std::net::IpAddr;

use lb_ipvs::{ForwardingMethod, TableService, Tunnel};

use super::*;

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 50));

/// A real server with a check at the virtual address.
fn via(n: u8, forwarding: ForwardingMethod) -> RealServer {
    let destination = destination(n, 1).with_forwarding(forwarding);
    RealServer::new(destination).with_check(check(n).with_via_vip(VIP))
}

fn direct(n: u8) -> RealServer {
    via(n, ForwardingMethod::DirectRouting)
}

/// The services of firewall marks: mark, destination, method.
fn marked(director: &Director) -> Vec<(u32, String, ForwardingMethod)> {
    let table = director.desired_table();
    let mut found: Vec<_> = table
        .services()
        .filter_map(|service| {
            let ServiceKey::FirewallMark { mark, .. } = service.service().key else {
                return None;
            };
            let only = service.destinations().next().unwrap();
            Some((mark.get(), only.address.to_string(), only.forwarding))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_check_at_the_virtual_address_has_a_service_with_a_mark() {
    let tunnel = ForwardingMethod::Tunnel(Tunnel::ipip());
    let server = virtual_server([direct(61), via(62, tunnel), real(63)]);
    let mut director = Director::new(model([server]));
    let changed: Vec<ServiceKey> = drain(&mut director)
        .into_iter()
        .filter_map(|output| match output {
            Output::ServiceChanged(key, Part::Whole) => Some(key),
            _ => None,
        })
        .collect();
    assert_eq!(changed.len(), 3);
    let direct = ForwardingMethod::DirectRouting;
    assert_eq!(
        marked(&director),
        [
            (65_536, "192.168.1.61:0".to_owned(), direct),
            (65_537, "192.168.1.62:0".to_owned(), tunnel)
        ]
    );
    let service = director.via_service(&id(62, 0)).unwrap();
    assert!(changed.contains(&service.key));
    let desired = director.desired_change(&service.key, &Part::Whole);
    let whole = TableService::new(Service::new(service.key, Scheduler::RoundRobin))
        .with_destinations([service.destination]);
    assert_eq!(desired, DesiredChange::Whole(Some(whole)));
    assert_eq!(director.via_service(&id(63, 0)), None);
    assert_eq!(director.via_services().count(), 2);
    // It is no virtual server.
    assert_eq!(director.keys().count(), 1);
    assert_eq!(director.virtual_servers().count(), 1);
    let target = &director.check(&id(61, 0)).unwrap().probe.target;
    assert_eq!(target.to_string(), "192.168.1.50:80");
}

#[test]
fn a_service_is_shared_by_virtual_servers_and_goes_with_the_last_check() {
    let other_key = ServiceKey::tcp("192.168.1.50:81".parse().unwrap());
    let other = || {
        let mut other = virtual_server([direct(61)]);
        other.service = Service::new(other_key, Scheduler::RoundRobin);
        let real_server = other.real_servers.first_mut().unwrap();
        real_server.destination.address.set_port(81);
        other
    };
    let mut director = Director::new(model([virtual_server([direct(61)]), other()]));
    drain(&mut director);
    assert_eq!(marked(&director).len(), 1);
    let key = director.via_service(&id(61, 0)).unwrap().key;
    director.replace_model(model([other()]));
    assert_eq!(marked(&director).len(), 1);
    let mut plain = other();
    plain.real_servers = vec![RealServer::new(other().real_servers[0].destination)];
    director.replace_model(model([plain]));
    assert_eq!(marked(&director), []);
    let outputs = drain(&mut director);
    assert!(outputs.contains(&Output::ServiceChanged(key, Part::Whole)));
    assert_eq!(
        director.desired_change(&key, &Part::Whole),
        DesiredChange::Whole(None)
    );
}

#[test]
fn a_check_with_another_mark_begins_again_and_keeps_its_verdict() {
    let mut director = director(virtual_server([direct(61), direct(62)]));
    down(&mut director, 61);
    up(&mut director, 62);
    drain(&mut director);
    let tunnel = ForwardingMethod::Tunnel(Tunnel::ipip());
    director.replace_model(model([virtual_server([via(61, tunnel), direct(62)])]));
    let checks: Vec<Output> = drain(&mut director)
        .into_iter()
        .filter(|output| !matches!(output, Output::ServiceChanged(..)))
        .collect();
    let (id, names) = (id(61, 0), names(61));
    assert_eq!(
        checks,
        [
            Output::CheckRemoved {
                id,
                names: names.clone()
            },
            Output::CheckAdded {
                id,
                suspended: false,
                names
            }
        ]
    );
    assert_eq!(pool(&director).len(), 1, "61 is still down");
    let direct = ForwardingMethod::DirectRouting;
    assert_eq!(
        marked(&director),
        [
            (65_537, "192.168.1.62:0".to_owned(), direct),
            (65_538, "192.168.1.61:0".to_owned(), tunnel)
        ]
    );
}

#[test]
fn a_model_keeps_the_marks_apart() {
    use crate::model::{MarkRange, ModelError};
    let global = |first, last| {
        let mut global = Global::new("lb1");
        global.checks.via_vip_marks = MarkRange::new(first, last).unwrap();
        global
    };
    let build = |global, server| {
        let built = Model::builder()
            .global(global)
            .virtual_server(server)
            .build();
        built
            .map(drop)
            .map_err(|errors| errors.into_iter().collect::<Vec<_>>())
    };
    let range = MarkRange::new(7, 7).unwrap();
    let two = || virtual_server([direct(61), direct(62)]);
    assert_eq!(build(global(7, 8), two()), Ok(()));
    assert_eq!(
        build(global(7, 7), two()),
        Err(vec![ModelError::Marks { needed: 2, range }])
    );
    let mut marked = check(62);
    let probe = Arc::make_mut(&mut marked.probe);
    probe.target = probe.target.clone().with_mark(7);
    let other = RealServer::new(destination(62, 1)).with_check(marked);
    assert_eq!(
        build(global(7, 7), virtual_server([direct(61), other.clone()])),
        Err(vec![ModelError::ReservedMark { mark: 7, range }])
    );
    assert_eq!(
        build(global(7, 7), virtual_server([other])),
        Ok(()),
        "without a check at the virtual address no mark is reserved"
    );
    let masqueraded = via(61, ForwardingMethod::Masquerade);
    assert_eq!(
        build(global(7, 7), virtual_server([masqueraded])),
        Err(vec![ModelError::ViaVip {
            key: key(),
            address: address(61)
        }])
    );
}
