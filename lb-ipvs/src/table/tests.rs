// SPDX-License-Identifier: MIT OR Apache-2.0
//! Laws of plans over arbitrary tables.

use std::time::Duration;

use proptest::prelude::*;

use super::{arbitrary::tables, *};
use crate::{ForwardingMethod, Scheduler, SchedulerName, SyncId, Weight, plan_table};

/// A table as the kernel reports it: nothing left open.
fn reported() -> impl Strategy<Value = Table> {
    tables().prop_map(|mut table| {
        let time = |time: Duration| time.max(Duration::from_secs(1));
        let timeouts = table.timeouts.unwrap_or_default();
        table.timeouts = Some(Timeouts {
            tcp: time(timeouts.tcp),
            tcp_fin: time(timeouts.tcp_fin),
            udp: time(timeouts.udp),
        });
        for daemon in table.sync_daemons.get_or_insert_default().values_mut() {
            daemon.max_length.get_or_insert(1452);
            daemon.group.get_or_insert_with(|| [224, 0, 0, 81].into());
            daemon.port.get_or_insert(8848);
            daemon.ttl.get_or_insert(1);
        }
        table
    })
}

fn make_all(table: &mut Table, changes: &[TableChange]) {
    for change in changes {
        table.apply_table_change(change).unwrap();
    }
}

proptest! {
    #[test]
    fn a_plan_makes_the_desired_table_and_its_inverse_the_old_one(
        before in reported(),
        desired in reported(),
    ) {
        let mut table = before.clone();
        make_all(&mut table, &plan_table(&before, &desired));
        prop_assert_eq!(&table, &desired);
        make_all(&mut table, &plan_table(&desired, &before));
        prop_assert_eq!(&table, &before);
    }

    #[test]
    fn from_anywhere_on_the_way_there_is_a_way_back(
        before in reported(),
        desired in reported(),
        made in any::<prop::sample::Index>(),
    ) {
        let plan = plan_table(&before, &desired);
        let mut table = before.clone();
        make_all(&mut table, &plan[..made.index(plan.len() + 1)]);
        let back = plan_table(&table, &before);
        make_all(&mut table, &back);
        prop_assert_eq!(&table, &before);
    }

    #[test]
    fn what_is_left_open_stays(before in reported(), desired in tables()) {
        let mut table = before.clone();
        make_all(&mut table, &plan_table(&before, &desired));
        prop_assert_eq!(&table.services, &desired.services);
        // Nothing is left to do.
        prop_assert_eq!(plan_table(&table, &desired), []);
        if desired.timeouts.is_none() {
            prop_assert_eq!(table.timeouts, before.timeouts);
        }
        if desired.sync_daemons.is_none() {
            prop_assert_eq!(&table.sync_daemons, &before.sync_daemons);
        }
    }

    #[test]
    fn no_change_is_needless(before in reported(), desired in reported()) {
        let plan = plan_table(&before, &desired);
        prop_assert_eq!(plan_table(&before, &before), []);
        for left_out in 0..plan.len() {
            let mut table = before.clone();
            let others = plan.iter().enumerate().filter(|(index, _)| *index != left_out);
            let made = others.map(|(_, change)| table.apply_table_change(change)).all(|outcome| outcome.is_ok());
            prop_assert!(!made || table != desired, "{}", &plan[left_out]);
        }
    }

    #[test]
    fn keeping_others_deletes_nothing(before in reported(), desired in reported()) {
        let mut kept = desired.clone();
        kept.keep_others(&before);
        kept.keep_weights(&before);
        for change in plan_table(&before, &kept) {
            let deletes = matches!(
                change,
                TableChange::Entry(Change::DeleteService(_) | Change::DeleteDestination(..))
            );
            prop_assert!(!deletes, "{}", change);
        }
        for (key, service) in &desired.services {
            prop_assert_eq!(&kept.services[key].service, &service.service);
            for wanted in service.destinations() {
                let before = before.service(key).and_then(|entry| entry.destination(wanted.address));
                let weight = before.map_or(wanted.weight, |before| before.weight);
                let kept = kept.services[key].destination(wanted.address);
                prop_assert_eq!(kept, Some(&wanted.with_weight(weight)));
            }
        }
    }
}

/// A table of masquerading destinations, with the time-outs in seconds and one sync daemon.
pub(crate) fn build_table<'a>(
    services: impl IntoIterator<Item = (ServiceKey, Scheduler, &'a [(&'a str, u32)])>,
    timeouts: [u64; 3],
    daemon: SyncDaemon,
) -> Table {
    let [tcp, tcp_fin, udp] = timeouts.map(Duration::from_secs);
    let mut table = Table::new()
        .with_timeouts(Timeouts { tcp, tcp_fin, udp })
        .with_sync_daemons([daemon]);
    for (key, scheduler, destinations) in services {
        table.add_service(Service::new(key, scheduler)).unwrap();
        for (address, weight) in destinations {
            let destination = Destination::new(address.parse().unwrap())
                .with_forwarding(ForwardingMethod::Masquerade)
                .with_weight(Weight::new(*weight).unwrap());
            table.add_destination(&key, destination).unwrap();
        }
    }
    table
}

/// Additions, then edits, then deletions, across all services.
#[test]
fn nothing_is_taken_away_before_its_replacement_is_there() {
    let [web, dns, gone] = [
        ServiceKey::tcp("10.0.0.1:80".parse().unwrap()),
        ServiceKey::udp("10.0.0.3:53".parse().unwrap()),
        ServiceKey::tcp("10.0.0.2:80".parse().unwrap()),
    ];
    let before = build_table(
        [
            (
                web,
                Scheduler::RoundRobin,
                &[("10.0.1.1:80", 1), ("10.0.1.2:80", 1)][..],
            ),
            (gone, Scheduler::RoundRobin, &[]),
        ],
        [900, 120, 300],
        SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(1)),
    );
    let desired = build_table(
        [
            (
                web,
                Scheduler::WeightedRoundRobin,
                &[("10.0.1.1:80", 5), ("10.0.1.3:80", 1)][..],
            ),
            (dns, Scheduler::RoundRobin, &[("10.0.1.1:53", 1)]),
        ],
        [900, 0, 60],
        SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(2)),
    );
    let plan: Vec<String> = plan_table(&before, &desired)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        plan,
        [
            "stop sync daemon master",
            "add destination 10.0.1.3:80 of TCP 10.0.0.1:80 (Masq, weight 1)",
            "add service UDP 10.0.0.3:53 (rr)",
            "add destination 10.0.1.1:53 of UDP 10.0.0.3:53 (Masq, weight 1)",
            "edit service TCP 10.0.0.1:80 (wrr)",
            "edit destination 10.0.1.1:80 of TCP 10.0.0.1:80 (Masq, weight 5)",
            "delete destination 10.0.1.2:80 of TCP 10.0.0.1:80",
            "delete service TCP 10.0.0.2:80",
            "set timeouts (tcp 0 s, tcpfin 0 s, udp 60 s)",
            "start sync daemon master (eth0, syncid 2)",
        ]
    );
}

#[test]
fn a_table_refuses_what_the_kernel_refuses() {
    let key = ServiceKey::tcp("10.0.0.1:80".parse().unwrap());
    let service = Service::new(key, Scheduler::Other(SchedulerName::new("x").unwrap()));
    let destination = Destination::new("10.0.1.1:80".parse().unwrap());
    let mut table = Table::new();
    let refused = |outcome: Result<(), TableError>| outcome.unwrap_err().to_string();
    let entry = |change| TableChange::Entry(change);
    assert_eq!(
        refused(table.add_destination(&key, destination)),
        "there is no TCP 10.0.0.1:80"
    );
    assert_eq!(
        refused(table.apply_table_change(&entry(Change::EditService(service.clone())))),
        "there is no TCP 10.0.0.1:80"
    );
    table.add_service(service.clone()).unwrap();
    assert_eq!(
        refused(table.apply_table_change(&entry(Change::AddService(service)))),
        "TCP 10.0.0.1:80 exists already"
    );
    assert_eq!(
        refused(
            table.apply_table_change(&entry(Change::DeleteDestination(key, destination.address)))
        ),
        "there is no 10.0.1.1:80 of TCP 10.0.0.1:80"
    );
    assert_eq!(
        refused(table.apply_table_change(&TableChange::StopSyncDaemon(SyncState::Backup))),
        "there is no backup"
    );
}

#[test]
fn equal_services_share_memory_up_to_sixty_four_destinations() {
    for (count, shared) in [(64, true), (65, false)] {
        let key = ServiceKey::tcp(SocketAddr::from(([10, 0, 0, 1], 80)));
        let service = || {
            let destinations =
                (0..count).map(|n| Destination::new(SocketAddr::from(([10, 0, 1, n], 80))));
            TableService::new(Service::new(key, Scheduler::RoundRobin))
                .with_destinations(destinations)
        };
        let desired = Table::from_iter([service()]);
        let mut actual = Table::from_iter([service()]);
        actual.share_service(&key, &desired);
        let same = std::ptr::eq(
            actual.service(&key).unwrap(),
            desired.service(&key).unwrap(),
        );
        assert_eq!(same, shared, "{count} destinations");
    }
}
