// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups of services that share real servers.

use lb_ipvs::ForwardingMethod;

use super::*;
use crate::model::ServiceGroup;

fn service_key(n: u8, port: u16) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::from(([192, 168, 1, n], port)))
}

fn mark() -> ServiceKey {
    ServiceKey::firewall_mark(7.try_into().unwrap(), lb_ipvs::AddressFamily::Ipv4)
}

/// The virtual server of these services, named `[G]:0`.
fn group(
    keys: impl IntoIterator<Item = ServiceKey>,
    forwarding: ForwardingMethod,
) -> VirtualServer {
    let mut keys = keys.into_iter();
    let service = Service::new(keys.next().unwrap(), Scheduler::WeightedRoundRobin);
    let server = VirtualServer::new(service)
        .with_group(keys.fold(ServiceGroup::new("G"), ServiceGroup::with_service));
    [61, 62].into_iter().fold(server, |server, n| {
        let mut real = real(n);
        real.destination = real.destination.with_forwarding(forwarding);
        server.with_real_server(real)
    })
}

/// The destinations of a service: `192.168.1.61:80 1`.
fn destinations(director: &Director, key: ServiceKey) -> Vec<String> {
    let desired = director.desired(&key).unwrap();
    let text = |destination: &Destination| {
        let weight = destination.weight.get();
        format!("{} {weight}", destination.address)
    };
    desired.destinations_in_order().map(text).collect()
}

#[test]
fn checks_of_a_group_run_once_and_count_for_every_service() {
    let keys = [service_key(50, 80), service_key(51, 81), mark()];
    let mut director = Director::new(model([group(keys, ForwardingMethod::Masquerade)]));
    let outputs = drain(&mut director);
    let checks = outputs
        .iter()
        .filter(|output| matches!(output, Output::CheckAdded { .. }));
    assert_eq!(checks.count(), 2);
    let changed: Vec<_> = outputs
        .iter()
        .filter_map(|output| match output {
            Output::ServiceChanged(key, Part::Whole) => Some(*key),
            _ => None,
        })
        .collect();
    assert_eq!(changed, keys);
    assert_eq!(director.keys().collect::<Vec<_>>(), keys);
    for key in keys {
        assert_eq!(
            destinations(&director, key),
            ["192.168.1.61:80 1", "192.168.1.62:80 1"]
        );
    }

    director.handle_check(&id(61, 0), false, &Outcome::fail(Reason::L4Refused));
    let outputs = drain(&mut director);
    for key in keys {
        let part = Part::destination(address(61));
        assert!(outputs.contains(&Output::ServiceChanged(key, part.clone())));
        assert_eq!(
            director.desired_change(&key, &part),
            DesiredChange::Destinations(BTreeMap::from([(address(61), None)]))
        );
        assert_eq!(destinations(&director, key), ["192.168.1.62:80 1"]);
    }
    let line = "Removing service [192.168.1.61]:tcp:80 from VS [G]:0";
    assert!(
        outputs
            .iter()
            .any(|output| Line(output).to_string() == line)
    );
}

#[test]
fn the_port_is_the_one_of_each_service_without_masquerading() {
    let keys = [service_key(50, 80), service_key(51, 81), mark()];
    let mut director = Director::new(model([group(keys, ForwardingMethod::DirectRouting)]));
    drain(&mut director);
    for (key, port) in keys.into_iter().zip([80, 81, 0]) {
        let address = |n: u8| SocketAddr::from(([192, 168, 1, n], port));
        assert_eq!(
            destinations(&director, key),
            [format!("{} 1", address(61)), format!("{} 1", address(62))]
        );
        // A part is as the whole.
        let whole = director.desired(&key).unwrap();
        assert_eq!(
            director.desired_change(&key, &Part::destination(address(62))),
            DesiredChange::Destinations(BTreeMap::from([(
                address(62),
                whole.destination(address(62)).copied()
            )]))
        );
    }
    director.handle_check(&id(62, 0), false, &Outcome::fail(Reason::L4Refused));
    let part = Part::destination(SocketAddr::from(([192, 168, 1, 62], 81)));
    let expected = Output::ServiceChanged(keys[1], part);
    assert!(drain(&mut director).contains(&expected));
}

#[test]
fn a_reload_keeps_the_checks_while_services_come_and_go() {
    let forwarding = ForwardingMethod::DirectRouting;
    let first = [service_key(50, 80), service_key(51, 81)];
    let mut director = Director::new(model([group(first, forwarding)]));
    drain(&mut director);
    director.handle_check(&id(61, 0), false, &Outcome::fail(Reason::L4Refused));
    drain(&mut director);

    // The first service leaves, another one joins.
    let second = [service_key(51, 81), service_key(52, 82)];
    director.replace_model(model([group(second, forwarding)]));
    let outputs = drain(&mut director);
    let mut changed: Vec<_> = outputs
        .iter()
        .map(|output| match output {
            Output::ServiceChanged(key, Part::Whole) => *key,
            other => panic!("{other:?}"),
        })
        .collect();
    changed.sort_unstable();
    assert_eq!(changed, [service_key(50, 80), service_key(52, 82)]);
    assert_eq!(director.desired(&service_key(50, 80)), None);
    for (key, port) in [(service_key(51, 81), 81), (service_key(52, 82), 82)] {
        assert_eq!(
            destinations(&director, key),
            [format!("192.168.1.62:{port} 1")]
        );
    }
    director.handle_check(&id(61, 0), true, &Outcome::pass());
    assert_eq!(destinations(&director, service_key(52, 82)).len(), 2);
    assert!(director.check(&id(61, 0)).is_some());
}

/// A service that leaves a group can become a virtual server of its own in the same reload.
#[test]
fn a_reload_moves_a_service_out_of_a_group() {
    let forwarding = ForwardingMethod::DirectRouting;
    let first = [service_key(50, 80), service_key(51, 81)];
    let mut director = Director::new(model([group(first, forwarding)]));
    drain(&mut director);
    let alone = virtual_server([real(63)]);
    director.replace_model(model([group([service_key(51, 81)], forwarding), alone]));
    let mut running = BTreeSet::from([id(61, 0), id(62, 0)]);
    for output in drain(&mut director) {
        match output {
            Output::CheckAdded { id, .. } => assert!(running.insert(id), "{id:?}"),
            Output::CheckRemoved { id, .. } => assert!(running.remove(&id), "{id:?}"),
            _ => {}
        }
    }
    assert_eq!(running.len(), 3);
    for id in &running {
        assert!(director.check(id).is_some(), "{id:?}");
    }
    assert_eq!(destinations(&director, key()), ["192.168.1.63:80 1"]);
    assert_eq!(destinations(&director, service_key(51, 81)).len(), 2);
}

#[test]
fn checks_rest_until_one_address_of_the_group_is_here() {
    let keys = [service_key(50, 80), service_key(51, 81)];
    let spec = group(keys, ForwardingMethod::Masquerade).with_ha_suspend(true);
    let mut director = Director::new(model([spec]));
    drain(&mut director);
    assert!(director.virtual_servers().next().unwrap().suspended);
    director.handle_addresses(&BTreeSet::from(["192.168.1.51".parse().unwrap()]));
    assert!(!director.virtual_servers().next().unwrap().suspended);
    director.handle_addresses(&BTreeSet::new());
    assert!(director.virtual_servers().next().unwrap().suspended);
}

#[test]
fn the_sorry_server_serves_every_service() {
    let keys = [service_key(50, 80), service_key(51, 81)];
    let sorry = Destination::new(address(63)).with_forwarding(ForwardingMethod::DirectRouting);
    let spec = group(keys, ForwardingMethod::DirectRouting).with_sorry_server(sorry);
    let mut director = Director::new(model([spec]));
    drain(&mut director);
    for n in [61, 62] {
        director.handle_check(&id(n, 0), false, &Outcome::fail(Reason::L4Refused));
    }
    assert_eq!(destinations(&director, keys[0]), ["192.168.1.63:80 1"]);
    assert_eq!(destinations(&director, keys[1]), ["192.168.1.63:81 1"]);
}
