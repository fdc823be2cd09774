// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arbitrary tables for property tests.
#![expect(
    clippy::unwrap_used,
    reason = "the strategies make only values that the types take"
)]

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::Table;
use crate::{
    AddressFamily, Destination, EngineName, ForwardingMethod, Netmask, Persistence, Protocol,
    Scheduler, Service, ServiceFlags, ServiceKey, SyncDaemon, SyncId, SyncState, Thresholds,
    Timeouts, Tunnel, TunnelFlags, TunnelKind, Weight,
};

/// Few addresses, so that arbitrary tables have much in common.
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

/// Names that a reader of words could take for something else.
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
    let flags = prop_oneof![
        Just(0u32),
        (0u32..16).prop_map(|bits| bits << 2),
        any::<u32>(),
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
        proptest::option::of(seconds),
        netmask,
        proptest::option::weighted(0.3, name(16)),
    )
        .prop_map(|(key, scheduler, flags, seconds, netmask, engine)| {
            let mut service = Service::new(key, scheduler)
                .with_flags(ServiceFlags::from_kernel(flags))
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
        proptest::option::of(any::<u16>()),
        proptest::option::of(group),
        proptest::option::of(any::<u16>()),
        proptest::option::of(any::<u8>()),
    )
        .prop_map(move |(interface, id, max_length, group, port, ttl)| {
            let mut daemon = SyncDaemon::new(state, interface, SyncId::from_kernel(id));
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

/// A strategy for any table at all, also one that no kernel would take.
///
/// ```
/// use proptest::{strategy::{Strategy as _, ValueTree as _}, test_runner::TestRunner};
/// let tree = lb_ipvs::testing::tables().new_tree(&mut TestRunner::deterministic())?;
/// println!("{:?}", tree.current());
/// # Ok::<(), proptest::test_runner::Reason>(())
/// ```
pub fn tables() -> impl Strategy<Value = Table> {
    let daemons = (
        proptest::option::of(daemon(SyncState::Master)),
        proptest::option::of(daemon(SyncState::Backup)),
    );
    (
        vec((service(), vec(destination(), 0..5)), 0..5),
        proptest::option::of(timeouts()),
        proptest::option::of(daemons),
    )
        .prop_map(|(services, timeouts, daemons)| {
            let mut table = Table::new();
            for (service, destinations) in services {
                let key = service.key;
                if table.add_service(service).is_ok() {
                    for destination in destinations {
                        // A second destination with that address is left out.
                        let _ = table.add_destination(&key, destination);
                    }
                }
            }
            if let Some(timeouts) = timeouts {
                table = table.with_timeouts(timeouts);
            }
            if let Some((master, backup)) = daemons {
                table = table.with_sync_daemons(master.into_iter().chain(backup));
            }
            table
        })
}
