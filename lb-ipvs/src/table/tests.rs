// SPDX-License-Identifier: MIT OR Apache-2.0
//! Laws of plans over arbitrary tables, and tables made by chance for others' laws.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    AddressFamily, EngineName, ForwardingMethod, Netmask, Persistence, Protocol, Scheduler,
    SchedulerName, ServiceFlags, SyncId, Thresholds, Tunnel, TunnelFlags, TunnelKind, Weight,
};

/// Few addresses, so that tables made by chance have much in common.
fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        (0u8..4).prop_map(|last| [10, 0, 0, last].into()),
        (0u16..3).prop_map(|last| [0xfd00, 0, 0, 0, 0, 0, 0, last].into()),
        Just(std::net::IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1])),
        Just(std::net::IpAddr::from([255, 255, 255, 255])),
    ];
    let port = prop_oneof![Just(0), Just(80), Just(8080), any::<u16>()];
    (ip, port).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn key() -> impl Strategy<Value = ServiceKey> {
    let family = prop_oneof![Just(AddressFamily::Ipv4), Just(AddressFamily::Ipv6)];
    let mark = prop_oneof![1u32..4, Just(3_000_000_000), Just(u32::MAX)];
    prop_oneof![
        4 => (prop_oneof![Just(6u8), Just(17), Just(132), any::<u8>()], address()).prop_map(
            |(number, address)| ServiceKey::Address {
                protocol: Protocol::from_number(number),
                address,
            }
        ),
        1 => (mark, family).prop_map(|(mark, family)| {
            ServiceKey::firewall_mark(NonZeroU32::new(mark).unwrap(), family)
        }),
    ]
}

/// Names with all that could confuse a reader of words.
fn name(limit: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,9}",
        Just("ipvsadm".to_owned()),
        Just("-p".to_owned()),
        Just("--lb-pe=x".to_owned()),
        Just("#%20 \t".to_owned()),
        any::<String>(),
    ]
    .prop_filter("a name", move |name| {
        (1..=limit).contains(&name.len()) && !name.contains('\0')
    })
}

fn service() -> impl Strategy<Value = Service> {
    let known = proptest::sample::select(Scheduler::known());
    let scheduler = prop_oneof![
        3 => known,
        1 => name(15).prop_map(|name| name.parse().unwrap()),
    ];
    // Without the two bits that the model keeps elsewhere.
    let flags = prop_oneof![
        Just(0u32),
        (0u32..16).prop_map(|bits| bits << 2),
        any::<u32>().prop_map(|bits| bits & !3),
    ];
    let seconds = prop_oneof![
        Just(0u64),
        1..400u64,
        Just(2_678_400),
        Just(2_678_401),
        any::<u64>()
    ];
    let netmask = prop_oneof![
        3 => Just(None),
        1 => any::<[u8; 4]>().prop_map(|mask| Some(Netmask::Ipv4(mask.into()))),
        1 => prop_oneof![0u32..200, any::<u32>()].prop_map(|length| Some(Netmask::Ipv6(length))),
    ];
    (
        key(),
        scheduler,
        flags,
        option::of(seconds),
        netmask,
        option::weighted(0.3, name(16)),
    )
        .prop_map(|(key, scheduler, flags, seconds, netmask, engine)| {
            let mut service = Service::new(key, scheduler)
                .with_flags(ServiceFlags::from_bits_retain(flags))
                .with_netmask(netmask.unwrap_or_else(|| Netmask::host(key.family())));
            service.persistence =
                seconds.map(|seconds| Persistence::new(Duration::from_secs(seconds)));
            service.persistence_engine = engine.map(|name| EngineName::new(&name).unwrap());
            service
        })
}

fn forwarding() -> impl Strategy<Value = ForwardingMethod> {
    let kind = prop_oneof![0u8..3, any::<u8>()].prop_map(TunnelKind::from_number);
    let flags = prop_oneof![0u16..4, any::<u16>()].prop_map(TunnelFlags::from_bits_retain);
    let port = prop_oneof![Just(0u16), any::<u16>()];
    prop_oneof![
        Just(ForwardingMethod::Masquerade),
        Just(ForwardingMethod::DirectRouting),
        Just(ForwardingMethod::Local),
        Just(ForwardingMethod::Bypass),
        (5u32..).prop_map(ForwardingMethod::Other),
        (kind, port, flags).prop_map(|(kind, port, flags)| {
            ForwardingMethod::Tunnel(Tunnel { kind, port, flags })
        }),
    ]
}

fn destination() -> impl Strategy<Value = Destination> {
    let number = || prop_oneof![Just(0u32), 1..100u32, any::<u32>()];
    let weight = prop_oneof![0..=i32::MAX as u32, 0..3u32];
    (address(), forwarding(), weight, number(), number()).prop_map(
        |(address, forwarding, weight, upper, lower)| {
            Destination::new(address)
                .with_forwarding(forwarding)
                .with_weight(Weight::new(weight).unwrap())
                .with_thresholds(Thresholds { upper, lower })
        },
    )
}

fn daemon(state: SyncState) -> impl Strategy<Value = SyncDaemon> {
    let interface = prop_oneof![Just("eth0".to_owned()), any::<String>()];
    let group = prop_oneof![Just([224, 0, 0, 81].into()), any::<std::net::IpAddr>(),];
    let id = prop_oneof![0..=255u32, any::<u32>()];
    (
        interface,
        id,
        option::of(any::<u16>()),
        option::of(group),
        option::of(any::<u16>()),
        option::of(any::<u8>()),
    )
        .prop_map(move |(interface, id, max_length, group, port, ttl)| {
            let mut daemon = SyncDaemon::new(state, interface, SyncId::reported(id));
            daemon.max_length = max_length;
            daemon.group = group;
            daemon.port = port;
            daemon.ttl = ttl;
            daemon
        })
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let time = || {
        prop_oneof![0..3u64, Just(2_678_400), Just(2_678_401), any::<u64>()]
            .prop_map(Duration::from_secs)
    };
    (time(), time(), time()).prop_map(|(tcp, tcp_fin, udp)| Timeouts { tcp, tcp_fin, udp })
}

/// Any table at all.
pub(crate) fn table() -> impl Strategy<Value = Table> {
    let daemons = (
        option::of(daemon(SyncState::Master)),
        option::of(daemon(SyncState::Backup)),
    );
    (
        vec((service(), vec(destination(), 0..5)), 0..5),
        option::of(timeouts()),
        option::of(daemons),
    )
        .prop_map(|(services, timeouts, daemons)| {
            let mut table = Table::new();
            for (service, destinations) in services {
                let key = service.key;
                if table.add_service(service).is_ok() {
                    for destination in destinations {
                        // A second one with that address is left out.
                        let _ = table.add_destination(&key, destination);
                    }
                }
            }
            table.timeouts = timeouts;
            if let Some((master, backup)) = daemons {
                table = table.with_sync_daemons(master.into_iter().chain(backup));
            }
            table
        })
}

/// A table as the kernel reports it: nothing left open.
fn reported() -> impl Strategy<Value = Table> {
    table().prop_map(|mut table| {
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
        table.make(change).unwrap();
    }
}

proptest! {
    #[test]
    fn a_plan_makes_the_desired_table_and_its_inverse_the_old_one(
        before in reported(),
        desired in reported(),
    ) {
        let mut table = before.clone();
        make_all(&mut table, &before.plan(&desired));
        prop_assert_eq!(&table, &desired);
        make_all(&mut table, &desired.plan(&before));
        prop_assert_eq!(&table, &before);
    }

    #[test]
    fn from_anywhere_on_the_way_there_is_a_way_back(
        before in reported(),
        desired in reported(),
        made in any::<prop::sample::Index>(),
    ) {
        let plan = before.plan(&desired);
        let mut table = before.clone();
        make_all(&mut table, &plan[..made.index(plan.len() + 1)]);
        let back = table.plan(&before);
        make_all(&mut table, &back);
        prop_assert_eq!(&table, &before);
    }

    #[test]
    fn what_is_left_open_stays(before in reported(), desired in table()) {
        let mut table = before.clone();
        make_all(&mut table, &before.plan(&desired));
        prop_assert_eq!(&table.services, &desired.services);
        // Nothing is left to do.
        prop_assert_eq!(table.plan(&desired), []);
        if desired.timeouts.is_none() {
            prop_assert_eq!(table.timeouts, before.timeouts);
        }
        if desired.sync_daemons.is_none() {
            prop_assert_eq!(&table.sync_daemons, &before.sync_daemons);
        }
    }

    #[test]
    fn no_change_is_needless(before in reported(), desired in reported()) {
        let plan = before.plan(&desired);
        prop_assert_eq!(before.plan(&before), []);
        for left_out in 0..plan.len() {
            let mut table = before.clone();
            let others = plan.iter().enumerate().filter(|(index, _)| *index != left_out);
            let made = others.map(|(_, change)| table.make(change)).all(|outcome| outcome.is_ok());
            prop_assert!(!made || table != desired, "{}", &plan[left_out]);
        }
    }

    #[test]
    fn keeping_others_deletes_nothing(before in reported(), desired in reported()) {
        let mut kept = desired.clone();
        kept.keep_others(&before);
        kept.keep_weights(&before);
        for change in before.plan(&kept) {
            let deletes = matches!(
                change,
                TableChange::Entry(Change::DeleteService(_) | Change::DeleteDestination(..))
            );
            prop_assert!(!deletes, "{}", change);
        }
        for (key, service) in &desired.services {
            prop_assert_eq!(&kept.services[key].service, &service.service);
            for (address, wanted) in &service.destinations {
                let before = before.service(key).and_then(|entry| entry.destination(*address));
                let weight = before.map_or(wanted.weight, |before| before.weight);
                prop_assert_eq!(kept.services[key].destinations[address], wanted.with_weight(weight));
            }
        }
    }
}

/// Additions, then edits, then deletions, whatever service they are of.
#[test]
fn nothing_is_taken_away_before_its_replacement_is_there() {
    let read = |text: &str| {
        crate::text::table::read(text, &crate::text::Numeric)
            .unwrap()
            .into_table()
    };
    let before = read(
        "# IPVS table, format 1: services, daemons\n\
         -A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m\n\
         -a -t 10.0.0.1:80 -r 10.0.1.2:80 -m\n-A -t 10.0.0.2:80 -s rr\n\
         --set 900 120 300\n--start-daemon master --syncid 1\n",
    );
    let desired = read(
        "# IPVS table, format 1: services, daemons\n\
         -A -t 10.0.0.1:80 -s wrr\n-a -t 10.0.0.1:80 -r 10.0.1.1:80 -m -w 5\n\
         -a -t 10.0.0.1:80 -r 10.0.1.3:80 -m\n\
         -A -u 10.0.0.3:53 -s rr\n-a -u 10.0.0.3:53 -r 10.0.1.1:53 -m\n\
         --set 900 0 60\n--start-daemon master --syncid 2\n",
    );
    let plan: Vec<String> = before
        .plan(&desired)
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
        refused(table.make(&entry(Change::EditService(service.clone())))),
        "there is no TCP 10.0.0.1:80"
    );
    table.add_service(service.clone()).unwrap();
    assert_eq!(
        refused(table.make(&entry(Change::AddService(service)))),
        "TCP 10.0.0.1:80 exists already"
    );
    assert_eq!(
        refused(table.make(&entry(Change::DeleteDestination(key, destination.address)))),
        "there is no 10.0.1.1:80 of TCP 10.0.0.1:80"
    );
    assert_eq!(
        refused(table.make(&TableChange::StopSyncDaemon(SyncState::Backup))),
        "there is no backup"
    );
}
