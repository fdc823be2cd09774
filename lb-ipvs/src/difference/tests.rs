// SPDX-License-Identifier: MIT OR Apache-2.0
//! Differences of tables.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    destination::{Thresholds, Weight},
    entry::ServiceEntry,
    forwarding::{ForwardingMethod, Tunnel},
    scheduler::Scheduler,
    service::Persistence,
};

fn key(n: u16) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::new([10, 0, 0, 1].into(), n))
}

fn server(n: u16) -> Destination {
    Destination::new(SocketAddr::new([10, 0, 1, 1].into(), n))
}

fn entry(n: u16, servers: &[Destination]) -> TableEntry {
    TableEntry {
        service: ServiceEntry {
            service: Service::new(key(n), Scheduler::RoundRobin),
            stats: Stats::default(),
        },
        destinations: servers
            .iter()
            .map(|destination| DestinationEntry {
                destination: *destination,
                connections: Connections::default(),
                stats: Stats::default(),
            })
            .collect(),
    }
}

fn lines(old: &[TableEntry], new: &[TableEntry]) -> Vec<String> {
    difference(old, new, Aspects::all())
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn entries_come_and_go() {
    let old = [entry(80, &[server(1), server(2)]), entry(81, &[server(1)])];
    let new = [entry(82, &[server(3)]), entry(80, &[server(4), server(2)])];
    let found = difference(&old, &new, Aspects::empty());
    assert_eq!(
        found,
        [
            Difference::DestinationWent(key(80), server(1).address),
            Difference::DestinationWent(key(81), server(1).address),
            Difference::ServiceWent(key(81)),
            Difference::DestinationAppeared(key(80), server(4)),
            Difference::ServiceAppeared(new[0].service.service.clone()),
            Difference::DestinationAppeared(key(82), server(3)),
        ]
    );
    assert_eq!(found[5].key(), key(82));
    assert_eq!(found[5].address(), Some(server(3).address));
    assert_eq!(found[2].to_string(), "service TCP 10.0.0.1:81 is gone");
    assert_eq!(
        found[3].to_string(),
        "destination 10.0.1.1:4 of TCP 10.0.0.1:80 appeared (Route, weight 1)"
    );
}

#[test]
fn configuration() {
    let old = [entry(80, &[server(1)])];
    let mut new = [entry(80, &[server(1)])];
    new[0].service.service.scheduler = Scheduler::Maglev;
    new[0].service.service.persistence = Some(Persistence::new(Duration::from_secs(60)));
    new[0].destinations[0].destination = server(1)
        .with_weight(Weight::ZERO)
        .with_forwarding(ForwardingMethod::Tunnel(Tunnel::gre()))
        .with_thresholds(Thresholds { upper: 9, lower: 0 });
    assert_eq!(
        lines(&old, &new),
        [
            "service TCP 10.0.0.1:80 changed, scheduler rr -> mh, persistence none -> 60 s",
            "destination 10.0.1.1:1 of TCP 10.0.0.1:80 changed, weight 1 -> 0, \
             forwarding Route -> Tunnel, upper threshold 0 -> 9",
        ]
    );
    let mut kind = new.clone();
    kind[0].destinations[0].destination.forwarding = ForwardingMethod::Tunnel(Tunnel::ipip());
    assert_eq!(
        lines(&new, &kind),
        ["destination 10.0.1.1:1 of TCP 10.0.0.1:80 changed, tunnel"]
    );
    let others = Aspects::CONNECTIONS | Aspects::COUNTERS;
    assert_eq!(difference(&old, &new, others), []);
}

#[test]
fn counts_are_apart() {
    let old = [entry(80, &[server(1)])];
    let mut new = old.clone();
    new[0].service.stats.connections = 2;
    new[0].destinations[0].stats.incoming_bytes = 3;
    new[0].destinations[0].connections.active = 4;
    assert_eq!(difference(&old, &new, Aspects::default()), []);
    let kinds = |aspects| difference(&old, &new, aspects);
    assert!(matches!(
        kinds(Aspects::CONNECTIONS)[..],
        [Difference::Connections {
            new: Connections { active: 4, .. },
            ..
        }]
    ));
    assert!(matches!(
        kinds(Aspects::COUNTERS)[..],
        [
            Difference::ServiceStats { .. },
            Difference::DestinationStats { .. }
        ]
    ));
    assert_eq!(
        lines(&old, &new)[1],
        "destination 10.0.1.1:1 of TCP 10.0.0.1:80 has 4 active, 0 inactive, \
         0 persistent connections (had 0, 0, 0)"
    );
}

/// A table as sets, to replay differences on.
type Sets = BTreeSet<(ServiceKey, Option<Destination>)>;

fn sets(table: &[TableEntry]) -> Sets {
    table
        .iter()
        .flat_map(|entry| {
            let key = entry.service.service.key;
            let destinations = entry.destinations.iter().map(|entry| entry.destination);
            std::iter::once((key, None)).chain(destinations.map(move |d| (key, Some(d))))
        })
        .collect()
}

fn tables() -> impl Strategy<Value = Vec<TableEntry>> {
    let servers = prop::collection::btree_map(1..5_u16, 0..3_u32, 0..4);
    prop::collection::btree_map(80..85_u16, servers, 0..5).prop_map(|table| {
        let entries = table.into_iter().map(|(port, servers)| {
            let weighed = |(n, weight)| server(n).with_weight(Weight::new(weight).unwrap());
            let servers: Vec<Destination> = servers.into_iter().map(weighed).collect();
            entry(port, &servers)
        });
        entries.collect()
    })
}

proptest! {
    /// A copy that applies the differences equals the new table.
    #[test]
    fn replayed(old in tables(), new in tables()) {
        let mut followed = sets(&old);
        for step in difference(&old, &new, Aspects::all()) {
            match step {
                Difference::ServiceAppeared(service) => {
                    prop_assert!(followed.insert((service.key, None)));
                }
                Difference::ServiceWent(key) => prop_assert!(followed.remove(&(key, None))),
                Difference::DestinationAppeared(key, new) => {
                    prop_assert!(followed.insert((key, Some(new))));
                }
                Difference::DestinationChanged { key, old, new } => {
                    prop_assert!(followed.remove(&(key, Some(old))));
                    prop_assert!(followed.insert((key, Some(new))));
                }
                Difference::DestinationWent(key, address) => {
                    let is_same = |(service, server): &(ServiceKey, Option<Destination>)| {
                        *service == key && server.is_some_and(|server| server.address == address)
                    };
                    let there = followed.iter().copied().find(is_same);
                    prop_assert!(there.is_some_and(|there| followed.remove(&there)));
                }
                other => prop_assert!(false, "{other}"),
            }
        }
        prop_assert_eq!(followed, sets(&new));
    }
}
