// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client against the IPVS of a real kernel, in a guest whose table may be changed at will.
//!
//! Runs only in the guest of the lab (`LB_LAB=guest`).
#![cfg(feature = "netlink")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod dumps;
mod files;
mod lost;
mod module;

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    process::Command,
    task::Poll,
    time::{Duration, Instant},
};

use lb_ipvs::{
    AddressFamily, Change, Destination, EngineName, Error, ForwardingMethod, IpvsHandle, Netmask,
    Persistence, Scheduler, Service, ServiceFlags, ServiceKey, SyncDaemon, SyncId, SyncState,
    Thresholds, Timeouts, Tunnel, TunnelFlags, Weight,
    wire::{self, DestinationAttribute, IpvsAttribute, IpvsMessage, ServiceAttribute},
};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NlasIterator, parse_u16};
use netlink_packet_generic::{
    GenlMessage,
    constants::CTRL_ATTR_FAMILY_ID,
    ctrl::{GenlCtrl, GenlCtrlCmd, nlas::GenlCtrlAttrs},
};
use netlink_sys::{Socket, protocols::NETLINK_GENERIC};
use nix::sys::{
    resource::{UsageWho, getrusage},
    socket::{setsockopt, sockopt},
};

fn ipvsadm(arguments: &str) -> String {
    let output = Command::new("/sbin/ipvsadm")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "ipvsadm {arguments}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn numbered(n: usize) -> ServiceKey {
    let [_, _, high, low] = u32::try_from(n).unwrap().to_be_bytes();
    ServiceKey::tcp(SocketAddr::new(Ipv4Addr::new(10, 1, high, low).into(), 80))
}

async fn connect() -> IpvsHandle {
    let mut ipvs = IpvsHandle::connect().await.unwrap();
    ipvs.flush().await.unwrap();
    ipvs
}

/// One test: the whole guest shares one table.
#[testbed::guest_test]
fn kernel() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run_all());
}

async fn run_all() {
    module::loaded_on_demand().await;
    every_kind().await;
    verbs().await;
    errors().await;
    settings().await;
    batches().await;
    failing_batch().await;
    abandoned_dump().await;
    readable_errors();
    lost::replies().await;
    dumps::while_the_table_changes().await;
    files::plain_listings().await;
    files::connections().await;
    files::sysctls().await;
    files::status().await;
    files::namespaces().await;
    files::helpers().await;
    println!("ran on a real kernel");
}

/// What goes in comes out, through our eyes and through ipvsadm's.
async fn every_kind() {
    let mut ipvs = connect().await;
    let services = [
        Service::new(
            ServiceKey::tcp(address("192.168.1.50:80")),
            Scheduler::WeightedRoundRobin,
        )
        .with_persistence(Persistence::new(Duration::from_secs(300)))
        .with_netmask(Netmask::Ipv4(Ipv4Addr::new(255, 255, 255, 0))),
        Service::new(
            ServiceKey::udp(address("192.168.1.50:5060")),
            Scheduler::RoundRobin,
        )
        .with_persistence(Persistence::default())
        .with_persistence_engine(EngineName::new("sip").unwrap()),
        Service::new(
            ServiceKey::udp(address("192.168.1.50:53")),
            Scheduler::RoundRobin,
        )
        .with_flags(ServiceFlags::ONE_PACKET),
        Service::new(
            ServiceKey::sctp(address("192.168.1.50:9")),
            Scheduler::SourceHashing,
        )
        .with_flags(ServiceFlags::SCHED_1 | ServiceFlags::SCHED_2),
        Service::new(ServiceKey::tcp(address("[fd00::50]:80")), Scheduler::Maglev)
            .with_persistence(Persistence::default())
            .with_netmask(Netmask::Ipv6(64)),
        Service::new(
            ServiceKey::firewall_mark(NonZeroU32::MAX, AddressFamily::Ipv4),
            Scheduler::None,
        ),
        Service::new(
            ServiceKey::firewall_mark(NonZeroU32::MIN, AddressFamily::Ipv6),
            Scheduler::default(),
        ),
    ];
    for service in &services {
        ipvs.add_service(service).await.unwrap();
        assert_eq!(ipvs.service(&service.key).await.unwrap().service, *service);
    }
    let key = services[0].key;
    let gue = Tunnel::gue(6080).with_flags(TunnelFlags::REMOTE_CHECKSUM);
    let gre = Tunnel::gre().with_flags(TunnelFlags::CHECKSUM);
    let destinations = [
        Destination::new(address("192.168.1.61:80")).with_weight(Weight::MAX),
        Destination::new(address("192.168.1.62:8080"))
            .with_forwarding(ForwardingMethod::Masquerade)
            .with_weight(Weight::ZERO)
            .with_thresholds(Thresholds {
                upper: 100,
                lower: 50,
            }),
        Destination::new(address("192.168.1.63:80"))
            .with_forwarding(ForwardingMethod::Tunnel(Tunnel::ipip())),
        Destination::new(address("192.168.1.64:80")).with_forwarding(ForwardingMethod::Tunnel(gue)),
        Destination::new(address("192.168.1.65:80")).with_forwarding(ForwardingMethod::Tunnel(gre)),
        Destination::new(address("[fd00::66]:80"))
            .with_forwarding(ForwardingMethod::Tunnel(Tunnel::ipip())),
    ];
    for destination in &destinations {
        ipvs.add_destination(&key, destination).await.unwrap();
    }
    let mut read: Vec<_> = ipvs
        .destinations(&key)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.destination)
        .collect();
    read.reverse();
    assert_eq!(read, destinations);
    assert_eq!(ipvs.snapshot().await.unwrap().len(), services.len());
    let saved = ipvsadm("-S -n");
    println!("{saved}{}", ipvsadm("-L -n --thresholds"));
    for line in [
        "-A -t 192.168.1.50:80 -s wrr -p 300 -M 255.255.255.0",
        "-A -u 192.168.1.50:5060 -s rr -p 360 --pe sip",
        "-A -u 192.168.1.50:53 -s rr -o",
        "-A --sctp-service 192.168.1.50:9 -s sh -b sh-fallback,sh-port",
        "-A -t [fd00::50]:80 -s mh -p 360 -M 64",
        "-A -f -1 -s none",
        "-A -f 1 -6 -s wlc",
        "-a -t 192.168.1.50:80 -r 192.168.1.61:80 -g -w 2147483647",
        "-a -t 192.168.1.50:80 -r 192.168.1.62:8080 -m -w 0",
        "-a -t 192.168.1.50:80 -r 192.168.1.63:80 -i -w 1 --tun-type ipip",
        "-a -t 192.168.1.50:80 -r 192.168.1.64:80 -i -w 1 --tun-type gue --tun-port 6080 \
         --tun-remcsum",
        "-a -t 192.168.1.50:80 -r 192.168.1.65:80 -i -w 1 --tun-type gre --tun-csum",
        "-a -t 192.168.1.50:80 -r [fd00::66]:80 -i -w 1 --tun-type ipip",
    ] {
        assert!(
            saved.lines().any(|saved| saved.trim_end() == line),
            "{line} is not in\n{saved}"
        );
    }
    // The original prints large marks as negative numbers, and sorts as if they were.
    let theirs = ipvsadm("-L -n").replace("FWM  -1 ", "FWM  4294967295 ");
    assert_eq!(formatted(&mut ipvs).await, theirs);
}

/// The table in ipvsadm's format.
async fn formatted(ipvs: &mut IpvsHandle) -> String {
    let info = ipvs.info().await.unwrap();
    let table = ipvs.snapshot().await.unwrap();
    let mut text = String::new();
    lb_ipvsadm::listing(&lb_ipvsadm::Listing::default(), &info, &table, &mut text).unwrap();
    text
}

async fn verbs() {
    let mut ipvs = connect().await;
    let key = ServiceKey::tcp(address("10.0.0.1:80"));
    let service = Service::new(key, Scheduler::RoundRobin);
    ipvs.add_service(&service).await.unwrap();
    let edited = service
        .with_flags(ServiceFlags::SCHED_3)
        .with_persistence(Persistence::default());
    ipvs.edit_service(&edited).await.unwrap();
    assert_eq!(ipvs.services().await.unwrap()[0].service, edited);
    let plain = Service::new(key, Scheduler::LeastConnection);
    ipvs.edit_service(&plain).await.unwrap();
    assert_eq!(ipvs.services().await.unwrap()[0].service, plain);
    let destination = Destination::new(address("10.0.0.2:80"));
    ipvs.add_destination(&key, &destination).await.unwrap();
    let drained = destination.with_weight(Weight::ZERO);
    ipvs.edit_destination(&key, &drained).await.unwrap();
    assert_eq!(
        ipvs.destinations(&key).await.unwrap()[0].destination,
        drained
    );
    ipvs.zero(Some(&key)).await.unwrap();
    ipvs.zero(None).await.unwrap();
    ipvs.delete_destination(&key, destination.address)
        .await
        .unwrap();
    assert!(ipvs.destinations(&key).await.unwrap().is_empty());
    ipvs.delete_service(&key).await.unwrap();
    assert!(ipvs.services().await.unwrap().is_empty());
}

async fn errors() {
    let mut ipvs = connect().await;
    let key = ServiceKey::tcp(address("10.0.0.1:80"));
    let service = Service::new(key, Scheduler::RoundRobin);
    let destination = Destination::new(address("10.0.0.2:80"));
    let missing = ServiceKey::udp(address("10.0.0.1:80"));
    ipvs.add_service(&service).await.unwrap();
    ipvs.add_destination(&key, &destination).await.unwrap();
    let errno = |outcome: Result<(), Error>| outcome.unwrap_err().errno().unwrap();
    assert_eq!(errno(ipvs.add_service(&service).await), 17);
    assert_eq!(errno(ipvs.delete_service(&missing).await), 3);
    assert_eq!(errno(ipvs.service(&missing).await.map(drop)), 3);
    assert_eq!(errno(ipvs.zero(Some(&missing)).await), 3);
    assert_eq!(errno(ipvs.add_destination(&key, &destination).await), 17);
    assert_eq!(errno(ipvs.add_destination(&missing, &destination).await), 3);
    assert_eq!(
        errno(ipvs.delete_destination(&key, address("10.0.0.3:80")).await),
        2
    );
    let marks = Thresholds { upper: 1, lower: 2 };
    assert_eq!(
        errno(
            ipvs.edit_destination(&key, &destination.with_thresholds(marks))
                .await
        ),
        34
    );
    let unknown = Service::new(missing, "nosuch".parse().unwrap());
    assert_eq!(errno(ipvs.add_service(&unknown).await), 2);
    assert!(ipvs.destinations(&missing).await.unwrap().is_empty());
}

async fn settings() {
    let mut ipvs = connect().await;
    println!("{:?}", ipvs.info().await.unwrap());
    let before = ipvs.timeouts().await.unwrap();
    let udp = Duration::from_secs(77);
    ipvs.set_timeouts(&Timeouts {
        udp,
        ..Timeouts::default()
    })
    .await
    .unwrap();
    assert_eq!(ipvs.timeouts().await.unwrap(), Timeouts { udp, ..before });
    ipvs.set_timeouts(&before).await.unwrap();
    let mut master = SyncDaemon::new(SyncState::Master, "lo", SyncId::new(100));
    master.group = Some("224.0.0.99".parse().unwrap());
    master.port = Some(9999);
    master.ttl = Some(3);
    master.max_length = Some(1400);
    ipvs.start_sync_daemon(&master).await.unwrap();
    let backup = SyncDaemon::new(SyncState::Backup, "lo", SyncId::new(7));
    ipvs.start_sync_daemon(&backup).await.unwrap();
    let daemons = ipvs.sync_daemons().await.unwrap();
    println!("{}", ipvsadm("-L --daemon"));
    assert_eq!(daemons[0], master);
    assert_eq!(
        (daemons[1].state, daemons[1].port),
        (SyncState::Backup, Some(8848))
    );
    let again = ipvs.start_sync_daemon(&master).await.unwrap_err();
    assert_eq!(again.errno(), Some(17));
    for state in [SyncState::Master, SyncState::Backup] {
        let start = Instant::now();
        ipvs.stop_sync_daemon(state).await.unwrap();
        println!("stopping the {state} daemon took {:?}", start.elapsed());
    }
    assert_eq!(
        ipvs.stop_sync_daemon(SyncState::Master)
            .await
            .unwrap_err()
            .errno(),
        Some(3)
    );
    let nowhere = SyncDaemon::new(SyncState::Master, "nosuch0", SyncId::new(1));
    assert_eq!(
        ipvs.start_sync_daemon(&nowhere).await.unwrap_err().errno(),
        Some(19)
    );
}

async fn batches() {
    let mut ipvs = connect().await;
    println!("{ipvs:?}");
    let mut changes = Vec::new();
    for n in 0..1000 {
        let key = numbered(n);
        changes.push(Change::AddService(Service::new(
            key,
            Scheduler::WeightedRoundRobin,
        )));
        for server in 1..=4 {
            let server = SocketAddr::new(Ipv4Addr::new(10, 2, 0, server).into(), 80);
            changes.push(Change::AddDestination(key, Destination::new(server)));
        }
    }
    let start = Instant::now();
    let outcomes = ipvs.apply(&changes).await.unwrap();
    println!("1000 services x 4 in batches: {:?}", start.elapsed());
    assert_eq!(outcomes.len(), changes.len());
    assert!(outcomes.iter().all(Result::is_ok));
    let (start, before) = (Instant::now(), getrusage(UsageWho::RUSAGE_SELF).unwrap());
    let table = ipvs.snapshot().await.unwrap();
    let after = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    println!(
        "snapshot: {:?}, user {} system {}",
        start.elapsed(),
        after.user_time() - before.user_time(),
        after.system_time() - before.system_time(),
    );
    assert_eq!(table.len(), 1000);
    assert!(table.iter().all(|entry| entry.destinations.len() == 4));
    let start = Instant::now();
    let theirs = ipvsadm("-L -n");
    println!("ipvsadm -Ln: {:?}", start.elapsed());
    assert_eq!(formatted(&mut ipvs).await, theirs);
    assert_eq!(ipvsadm("-S -n").lines().count(), 5000);
    let start = Instant::now();
    ipvs.flush().await.unwrap();
    println!("flush: {:?}", start.elapsed());
}

/// 2000 refusals, each tied to its change, none lost.
async fn failing_batch() {
    let mut ipvs = connect().await;
    let services: Vec<Change> = (0..2000)
        .map(|n| Change::AddService(Service::new(numbered(n), Scheduler::RoundRobin)))
        .collect();
    assert!(
        ipvs.apply(&services)
            .await
            .unwrap()
            .iter()
            .all(Result::is_ok)
    );
    let start = Instant::now();
    let outcomes = ipvs.apply(&services).await.unwrap();
    println!("2000 refusals (EEXIST): {:?}", start.elapsed());
    assert_eq!(outcomes.len(), 2000);
    for (change, outcome) in services.iter().zip(outcomes) {
        match outcome.unwrap_err() {
            Error::Kernel {
                operation,
                subject,
                source,
                ..
            } => {
                assert_eq!(source.raw_os_error(), Some(17));
                assert_eq!((operation, subject), (change.operation(), change.subject()));
            }
            other => panic!("{other:?}"),
        }
    }
    // Every third is new.
    ipvs.flush().await.unwrap();
    let third: Vec<Change> = services.iter().step_by(3).cloned().collect();
    assert!(ipvs.apply(&third).await.unwrap().iter().all(Result::is_ok));
    for (n, outcome) in ipvs.apply(&services).await.unwrap().into_iter().enumerate() {
        assert_eq!(outcome.is_err(), n % 3 == 0, "{n}");
    }
    ipvs.flush().await.unwrap();
}

/// A dropped future leaves the handle usable.
async fn abandoned_dump() {
    let mut ipvs = connect().await;
    let services: Vec<Change> = (0..500)
        .map(|n| Change::AddService(Service::new(numbered(n), Scheduler::RoundRobin)))
        .collect();
    ipvs.apply(&services).await.unwrap();
    for polls in 1..20 {
        {
            // The task's budget makes the future yield now and then; drop it at one such point.
            let mut dump = Box::pin(ipvs.snapshot());
            let mut left = polls;
            std::future::poll_fn(|context| match dump.as_mut().poll(context) {
                Poll::Pending if left > 0 => {
                    left -= 1;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            })
            .await;
        }
        assert_eq!(ipvs.services().await.unwrap().len(), 500);
    }
    ipvs.flush().await.unwrap();
}

/// How many errors of one `send` can be read, with the system's buffer and with a larger one.
fn readable_errors() {
    for buffer in [None, Some(212_992), Some(1 << 20)] {
        for cap_ack in [false, true] {
            let mut socket = Socket::new(NETLINK_GENERIC).unwrap();
            socket.bind_auto().unwrap();
            socket.connect(&netlink_sys::SocketAddr::new(0, 0)).unwrap();
            socket.set_cap_ack(cap_ack).unwrap();
            socket.set_ext_ack(true).unwrap();
            if let Some(buffer) = buffer {
                setsockopt(&socket, sockopt::RcvBufForce, &buffer).unwrap();
            }
            let family = family(&socket);
            let mut requests = Vec::new();
            for n in 0..4000 {
                let attributes = vec![
                    ServiceAttribute::Family(2),
                    ServiceAttribute::FirewallMark(1_000_000 + n),
                ];
                let message = IpvsMessage::new(
                    wire::Command::DeleteService,
                    vec![IpvsAttribute::Service(attributes)],
                );
                let mut message = GenlMessage::from_payload(message);
                message.set_resolved_family_id(family);
                let mut header = NetlinkHeader::default();
                header.flags = NLM_F_REQUEST;
                header.sequence_number = n;
                let mut message = NetlinkMessage::new(header, message.into());
                message.finalize();
                let start = requests.len();
                requests.resize(start + message.buffer_len(), 0);
                message.serialize(&mut requests[start..]);
            }
            let start = Instant::now();
            let sent = socket.send(&requests, 0).unwrap();
            let sending = start.elapsed();
            assert_eq!(sent, requests.len());
            socket.set_non_blocking(true).unwrap();
            let (mut readable, mut lost) = (0, 0);
            let mut datagram = Vec::with_capacity(4096);
            loop {
                datagram.clear();
                match socket.recv(&mut datagram, 0) {
                    Ok(_) => readable += 1,
                    Err(error) if error.raw_os_error() == Some(105) => lost += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                        break;
                    }
                }
            }
            println!(
                "4000 refusals in one send of {} bytes, buffer {buffer:?} = {} bytes, cap_ack \
                 {cap_ack}: {readable} readable, ENOBUFS {lost} times, {sending:?}",
                requests.len(),
                socket.get_rx_buf_sz().unwrap(),
            );
        }
    }
}

/// The number of the family.
fn family(socket: &Socket) -> u16 {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let request = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName("IPVS".to_owned())],
    });
    let mut request = NetlinkMessage::new(header, request.into());
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0).unwrap();
    let (reply, _) = socket.recv_from_full().unwrap();
    // nlmsghdr and genlmsghdr come first.
    NlasIterator::new(&reply[20..])
        .map(Result::unwrap)
        .find(|attribute| attribute.kind() == CTRL_ATTR_FAMILY_ID)
        .map(|attribute| parse_u16(attribute.value()).unwrap())
        .unwrap()
}
