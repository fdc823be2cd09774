// SPDX-License-Identifier: MIT OR Apache-2.0
//! Law: a model made by the builder equals the model that is read from the file that describes it.
//!
//! Not covered: scripts (whether one can run depends on the machine), checks other than TCP_CHECK,
//! HMAC keys, rules, and addresses with flags, peers or virtual MAC addresses of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod render;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lb_check::{HealthCheck as _, Initial, Policy, Registry, Target, TcpCheck};
use lb_core::config::{self, Mode};
use lb_core::model::{
    Announcements, CheckSpec, FileSource, Global, GlobalSyncDaemon, GroupSpec, MailSettings, Model,
    ObjectSpec, ProcessSource, RealServer, RouterSpec, Scope, StaticItem, StaticItems, SyncGroup,
    TrackGroup, VirtualAddress, VirtualRoute, VirtualServer, VrrpInstance,
};
use lb_ipvs::{
    Destination, ForwardingMethod, Persistence, Protocol, Scheduler, Service, ServiceKey,
    SyncDaemon, SyncId, SyncState, Thresholds, Weight,
};
use lb_vrrp::spec::{LockMemory, Processors, Realtime, Scheduling};
use lb_vrrp::track::{FileInit, ObjectId, Process, ProcessPattern, Weight as TrackWeight};
use lb_vrrp::wire::ChecksumDialect;
use lb_vrrp::{
    AddressFamily, AdvertInterval, Authentication, CarrierDelay, DownTimerAdverts, ExtraRefresh,
    LinkPoll, NetlinkBuffer, NetlinkBuffers, Network, Pacing, PacingGroup, Password, PollMethod,
    Priority, ReceiveBuffer, RouterConfig, UnicastPeer, Version, Vmac, Vrid,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const PASSWORD: &str = "secret";
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(2500);

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn micros(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_micros)
}

fn interface() -> impl Strategy<Value = String> {
    select(vec!["eth0", "eth1", "bond0.7"]).prop_map(str::to_owned)
}

/// The n-th virtual address of a family.
fn nth(family: AddressFamily, n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    match family {
        AddressFamily::Ipv4 => Ipv4Addr::new(10, 1, high, low).into(),
        AddressFamily::Ipv6 => [0x2001, 0xdb8, 0, 0, 0, 0, 1, n].into(),
    }
}

/// How many addresses a router has: few, or more than an advertisement holds.
fn count() -> impl Strategy<Value = u16> {
    prop_oneof![15 => 1..6_u16, 1 => Just(600)]
}

prop_compose! {
    fn config(vrid: u8)(
        (six, three, owner) in (any::<bool>(), any::<bool>(), prop::bool::weighted(0.1)),
        (priority, interval, down) in (1..=254_u8, 1..=255_u16, 1..=100_u8),
        (count, first) in (count(), 1..1000_u16),
        preemption in 0..4,
        (delay, stall) in (micros(1..1_000_000_000), 1..=254_u8),
        authentication in 0..3,
        peers in vec(1..200_u16, 0..3),
        (hop_limit, check, group) in (any::<u8>(), any::<bool>(), any::<bool>()),
        flags in any::<[bool; 5]>(),
    ) -> RouterConfig {
        let family = if six { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let version = if six || three { Version::V3 } else { Version::V2 };
        let [farewell, answer, owner_ignores, accept, message_only] = flags;
        let interval = match version {
            Version::V2 => AdvertInterval::from_secs(u8::try_from(interval).unwrap()),
            _ => AdvertInterval::from_centis(interval * 16),
        };
        let priority = if owner { Priority::OWNER } else { Priority::new(priority).unwrap() };
        let mut builder = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .version(version)
            .priority(priority)
            .interval(interval.unwrap())
            .down_timer_adverts(DownTimerAdverts::new(down).unwrap())
            .addresses((0..count).map(|n| nth(family, first + n)))
            .farewell(farewell)
            .answer_losing(answer)
            .owner_ignores_adverts(owner_ignores)
            .accept(accept || owner);
        builder = match preemption {
            0 => builder,
            1 => builder.preempt_delay(delay),
            2 => builder.sticky(delay + Duration::from_millis(10)),
            _ => builder
                .preempt(false)
                .yield_after_stall(Priority::new(stall).unwrap()),
        };
        if version == Version::V2 {
            let password = Password::new(PASSWORD).unwrap();
            builder = match authentication {
                0 => builder,
                1 => builder.authentication(Authentication::Password(password)),
                _ => builder.authentication(Authentication::Ah(password)),
            };
        }
        if message_only {
            builder = builder.checksum(ChecksumDialect::MessageOnly);
        }
        let mut numbers = peers;
        numbers.sort_unstable();
        numbers.dedup();
        for number in &numbers {
            builder = builder.peer(UnicastPeer::new(nth(family, 2000 + number)));
        }
        if !numbers.is_empty() {
            builder = builder.unicast_hop_limit(hop_limit).check_unicast_source(check);
        } else if group {
            builder = builder.group(match family {
                AddressFamily::Ipv4 => "224.0.0.99".parse().unwrap(),
                AddressFamily::Ipv6 => "ff02::99".parse().unwrap(),
            });
        }
        builder.build().unwrap()
    }
}

prop_compose! {
    fn announcements()(
        (delay, repeat) in (seconds(0..4295), 1..1000_u32),
        (refresh, refresh_repeat) in (proptest::option::of(seconds(1..4295)), 1..1000_u32),
        (lower_delay, lower_repeat) in (proptest::option::of(seconds(0..4295)), proptest::option::of(0..1000_u32)),
        extra in proptest::option::of((seconds(1..86400), any::<bool>())),
    ) -> Announcements {
        Announcements::default()
            .with_delay(delay)
            .with_repeat(repeat)
            .with_refresh(refresh, refresh_repeat)
            .with_lower(lower_delay, lower_repeat)
            .with_extra(extra.map(|(period, all)| ExtraRefresh::new(period, all)))
    }
}

/// Other forms of an address that the router holds.
fn decorate(address: VirtualAddress, shape: u8) -> VirtualAddress {
    let v4 = address.address.is_ipv4();
    match shape {
        1 => address.with_prefix_len(24).with_interface("eth7"),
        2 if v4 => address.with_label("eth0:1").with_scope(Scope::LINK),
        3 if v4 => address.with_broadcast(Ipv4Addr::new(10, 1, 255, 255)),
        4 => address.with_tracked(false),
        _ => address,
    }
}

prop_compose! {
    fn router(number: u8)(
        config in config(number + 1),
        interface in interface(),
        announcements in announcements(),
        shapes in vec(0..5_u8, 5),
        (excluded, routes) in (0..3_u16, 0..3_u32),
        flags in any::<[bool; 6]>(),
        vmac in proptest::option::of((any::<bool>(), any::<bool>())),
        (buffer, sync_daemon) in (proptest::option::of(1..1_000_000_u32), proptest::option::of(interface())),
        alert in any::<bool>(),
    ) -> VrrpInstance {
        let [ignores, tracks_source, needs_peer, promotes, source, _] = flags;
        let family = config.family();
        let mut spec = RouterSpec::new(format!("VI_{number}"), interface, config)
            .with_announcements(announcements)
            .with_ignores_interface(ignores)
            .with_needs_peer(needs_peer)
            .with_promotes_secondaries(promotes);
        let mut held = std::mem::take(&mut spec.virtual_addresses);
        for (address, shape) in held.iter_mut().zip(shapes) {
            *address = decorate(address.clone(), shape);
        }
        held.extend((0..excluded).map(|n| VirtualAddress::new(nth(AddressFamily::Ipv6, 9000 + n))));
        spec.virtual_addresses = held;
        spec.virtual_routes = (0..routes).map(|table| {
            let network = Network::new(Ipv4Addr::new(198, 51, 100, 0), 24).unwrap();
            VirtualRoute::new(network).with_interface("eth0").with_table(table + 10)
        }).collect();
        if source {
            spec = spec.with_source(nth(family, 5000)).with_tracks_source(tracks_source);
        }
        if let Some((named, from_base)) = vmac {
            let mut vmac = Vmac::new().with_transmit_from_base(from_base);
            if named {
                vmac = vmac.with_name(format!("vmac{number}"));
            }
            spec = spec.with_vmac(vmac);
        }
        spec.receive_buffer = buffer.map(ReceiveBuffer::Bytes);
        let mut router = VrrpInstance::new(spec).with_smtp_alert(alert);
        router.sync_daemon_interface = sync_daemon.filter(|_| number == 0);
        router
    }
}

prop_compose! {
    fn object(number: usize)(
        file in any::<bool>(),
        (value, overwrite, init) in (any::<i32>(), any::<bool>(), any::<bool>()),
        (quorum, fork, end) in (1..100_u16, micros(1..3_000_000), micros(1..3_000_000)),
    ) -> ObjectSpec {
        let name = format!("object{number}");
        if file {
            let mut source = FileSource::new("/run/load");
            source.init = init.then_some(FileInit { value: i64::from(value), overwrite });
            ObjectSpec::new(name, source)
        } else {
            let process = Process {
                quorum,
                fork_delay: fork,
                terminate_delay: end,
                ..Process::default()
            };
            let pattern = ProcessPattern::Name("nginx".to_owned());
            ObjectSpec::new(name, ProcessSource::new(pattern).with_process(process))
        }
    }
}

fn weight() -> impl Strategy<Value = TrackWeight> {
    (-253..=253_i32, any::<bool>())
        .prop_map(|(weight, reverse)| TrackWeight::new(weight).unwrap().reversed(reverse))
}

prop_compose! {
    fn scheduling()(
        priority in proptest::option::of(1..=99_u8),
        nice in proptest::option::of(-20..=19_i8),
        processors in vec(0..1024_u16, 0..4),
        limit in proptest::option::of(micros(1..1_000_000)),
        no_swap in any::<bool>(),
    ) -> Scheduling {
        let mut scheduling = Scheduling::default()
            .with_nice(nice)
            .with_processors(Processors::new(processors))
            .with_limit(limit);
        if let Some(priority) = priority {
            scheduling = scheduling.with_realtime(Realtime::Always).with_priority(priority);
        }
        if no_swap {
            scheduling = scheduling.with_memory(LockMemory::Always);
        }
        scheduling
    }
}

prop_compose! {
    fn global()(
        mail in proptest::option::of((1..=65535_u16, seconds(1..4295), any::<bool>(), 1..4_usize)),
        no_fault_mails in any::<bool>(),
        daemon in proptest::option::of((any::<bool>(), any::<u8>(), proptest::option::of(1..=65507_u16), any::<bool>())),
        (startup, boot) in (proptest::option::of(micros(1000..9_000_000)), proptest::option::of(micros(1000..9_000_000))),
        flags in any::<[bool; 2]>(),
        (arp, neighbour, paced) in (micros(1..9_000_000), micros(1..9_000_000), any::<bool>()),
        (delay, poll) in (proptest::option::of((micros(0..9_000_000), micros(0..9_000_000))), proptest::option::of(0..3_usize)),
        scheduling in scheduling(),
        buffers in proptest::option::of((1..1_000_000_u32, any::<bool>())),
    ) -> Global {
        let mut global = Global::new("lb1");
        if let Some((port, timeout, helo, recipients)) = mail {
            let mut mail = MailSettings::new("192.0.2.25", "lb@example.net")
                .with_port(port)
                .with_timeout(timeout);
            for number in 0..recipients {
                mail = mail.with_recipient(format!("admin{number}@example.net"));
            }
            if helo {
                mail = mail.with_helo("lb1.example.net");
            }
            global = global.with_mail(mail);
        }
        global.no_fault_mails = no_fault_mails;
        if let Some((follows, id, length, options)) = daemon {
            let mut daemon = SyncDaemon::new(SyncState::Backup, "eth2", SyncId::new(id));
            daemon.max_length = length;
            if options {
                daemon.group = Some("224.0.0.82".parse().unwrap());
                daemon.port = Some(8849);
                daemon.ttl = Some(3);
            }
            let mut settings = GlobalSyncDaemon::new(daemon);
            if follows {
                settings = settings.following("VI_0");
            }
            global = global.with_sync_daemon(settings);
        }
        let vrrp = &mut global.vrrp;
        vrrp.startup_delay = startup;
        vrrp.delay_after_boot = boot;
        [vrrp.log_unknown_vrids, vrrp.dynamic_interfaces] = flags;
        vrrp.pacing = Pacing::default().with_intervals(arp, neighbour);
        if paced {
            let group = PacingGroup::new(["eth0", "eth1"], arp, neighbour);
            vrrp.pacing = vrrp.pacing.clone().with_group(group);
        }
        // On an interface without a router: a longer delay than its backups wait is reduced.
        vrrp.carrier_delays = delay.into_iter()
            .map(|(down, up)| CarrierDelay::new("eth5", down, up))
            .collect();
        let methods = [PollMethod::Mii, PollMethod::Ethtool, PollMethod::Flags];
        vrrp.link_polls = poll.into_iter()
            .map(|method| LinkPoll::new("eth0").with_method(methods[method]))
            .collect();
        vrrp.scheduling = scheduling;
        let buffer = buffers.map(|(bytes, force)| NetlinkBuffer::new(bytes, force));
        vrrp.netlink = NetlinkBuffers::default().with_commands(buffer).with_monitor(buffer);
        global
    }
}

fn check(
    address: SocketAddr,
    (retries, delay, interval, alpha): (u32, Duration, Duration, bool),
) -> CheckSpec {
    let built = Registry::builtin().get("TCP_CHECK").unwrap().build(
        &lb_check::Arguments::block("TCP_CHECK", []),
        &{
            let mut context = lb_check::CheckContext::new(address);
            context.connect_timeout = CONNECT_TIMEOUT;
            context
        },
    );
    let built = built.unwrap();
    let check = TcpCheck::new(CONNECT_TIMEOUT);
    assert_eq!(check.kind(), "TCP_CHECK");
    let policy = Policy::default()
        .with_interval(interval)
        .with_retries(retries)
        .with_retry_delay(delay)
        .with_initial(if alpha { Initial::Down } else { Initial::Up })
        .with_deadline(built.deadline);
    CheckSpec::new(Arc::new(check), Target::new(address), policy).with_alpha(alpha)
}

prop_compose! {
    fn real_server(number: u8)(
        (weight, upper, lower) in (1..100_u32, 0..1000_u32, 0..1000_u32),
        forwarding in 0..2_u8,
        [inhibit, alpha, alert, check_alpha] in any::<[bool; 4]>(),
        checks in vec((1..5_u32, micros(1..3_000_000), micros(1..3_000_000)), 0..3),
    ) -> RealServer {
        let address: SocketAddr = ([192, 0, 2, number + 1], 80).into();
        let forwarding = match forwarding {
            0 => ForwardingMethod::Masquerade,
            _ => ForwardingMethod::DirectRouting,
        };
        let destination = Destination::new(address)
            .with_forwarding(forwarding)
            .with_weight(Weight::new(weight).unwrap())
            .with_thresholds(Thresholds { upper: upper.max(lower), lower });
        let mut real = RealServer::new(destination)
            .with_inhibit_on_failure(inhibit)
            .with_alpha(alpha)
            .with_smtp_alert(alert);
        for (retries, delay, interval) in checks {
            real = real.with_check(check(address, (retries, delay, interval, check_alpha)));
        }
        real
    }
}

prop_compose! {
    fn virtual_server(number: u8)(
        (mark, udp) in (any::<bool>(), any::<bool>()),
        (scheduler, timeout) in (0..3_usize, proptest::option::of(seconds(1..10_000))),
        (delay_loop, quorum) in (micros(1..90_000_000), 1..3_u32),
        [ha_suspend, alpha, omega, inhibit, alert, sorry_inhibit] in any::<[bool; 6]>(),
        sorry in any::<bool>(),
        first in real_server(1),
        second in proptest::option::of(real_server(2)),
    ) -> VirtualServer {
        let address: SocketAddr = ([10, 2, 0, number + 1], 80).into();
        let key = match (mark, udp) {
            (true, _) => ServiceKey::firewall_mark(
                std::num::NonZeroU32::new(u32::from(number) + 1).unwrap(),
                lb_ipvs::AddressFamily::Ipv4,
            ),
            (false, true) => ServiceKey::Address { protocol: Protocol::Udp, address },
            (false, false) => ServiceKey::tcp(address),
        };
        let schedulers = [Scheduler::RoundRobin, Scheduler::WeightedRoundRobin, Scheduler::SourceHashing];
        let mut service = Service::new(key, schedulers[scheduler].clone());
        if let Some(timeout) = timeout {
            service = service.with_persistence(Persistence::new(timeout));
        }
        let mut server = VirtualServer::new(service)
            .with_delay_loop(delay_loop)
            .with_ha_suspend(ha_suspend)
            .with_alpha(alpha)
            .with_omega(omega)
            .with_inhibit_on_failure(inhibit)
            .with_smtp_alert(alert);
        // Only masquerading reaches a port that is not the service's.
        let sorry_method = match key {
            ServiceKey::Address { .. } => ForwardingMethod::DirectRouting,
            ServiceKey::FirewallMark { .. } => ForwardingMethod::Masquerade,
        };
        for mut real in std::iter::once(first).chain(second) {
            if key.address().is_none() {
                real.destination.forwarding = ForwardingMethod::Masquerade;
            }
            server = server.with_real_server(real);
        }
        let weights: u32 = server.real_servers.iter().map(|real| real.destination.weight.get()).sum();
        let quorum = quorum.min(weights);
        server = server.with_quorum(quorum, quorum - 1);
        if sorry {
            server = server
                .with_sorry_server(
                    Destination::new(([192, 0, 2, 99], 80).into()).with_forwarding(sorry_method),
                )
                .with_sorry_server_inhibit(sorry_inhibit);
        }
        server
    }
}

/// Sizes of the parts, and what only the whole can know.
#[derive(Clone, Debug)]
struct Parts {
    global: Global,
    routers: Vec<VrrpInstance>,
    objects: Vec<(ObjectSpec, TrackWeight)>,
    grouped: Option<(bool, bool)>,
    statics: Option<bool>,
    servers: Vec<VirtualServer>,
}

prop_compose! {
    fn parts()(
        global in global(),
        routers in (router(0), proptest::option::of(router(1)), proptest::option::of(router(2))),
        objects in ((object(0), weight()), proptest::option::of((object(1), weight()))),
        tracked in any::<bool>(),
        grouped in proptest::option::of((any::<bool>(), any::<bool>())),
        statics in proptest::option::of(any::<bool>()),
        servers in (proptest::option::of(virtual_server(0)), proptest::option::of(virtual_server(1))),
    ) -> Parts {
        let routers = std::iter::once(routers.0).chain(routers.1).chain(routers.2);
        let objects = std::iter::once(objects.0).chain(objects.1);
        Parts {
            global,
            routers: routers.collect(),
            objects: objects.filter(|_| tracked).collect(),
            grouped,
            statics,
            servers: servers.0.into_iter().chain(servers.1).collect(),
        }
    }
}

fn build(parts: Parts) -> Model {
    let Parts {
        mut global,
        mut routers,
        objects,
        grouped,
        statics,
        servers,
    } = parts;
    // The kernel runs one sync daemon.
    if global.sync_daemon.is_some() {
        routers[0].sync_daemon_interface = None;
    }
    if global.mail.is_none() {
        global.no_fault_mails = false;
    }
    let names: Vec<String> = routers
        .iter()
        .map(|router| router.spec.name.clone())
        .collect();
    let first = &mut routers[0].spec;
    for (object, weight) in &objects {
        // The priority of an address owner does not change.
        let owner = first.config.priority().is_owner();
        let weight = if owner { TrackWeight::FAULT } else { *weight };
        first.tracked.push((object.id(), weight));
    }
    let other = if first.interface == "eth9" {
        "eth8"
    } else {
        "eth9"
    };
    first
        .tracked
        .push((ObjectId::Interface(other.into()), TrackWeight::FAULT));
    let mut builder = Model::builder().global(global);
    if let Some(grouped) = statics {
        let address = VirtualAddress::new(Ipv4Addr::new(203, 0, 113, 1).into());
        let network = Network::new(Ipv4Addr::new(203, 0, 113, 0), 24).unwrap();
        let mut address = StaticItem::from(address.with_interface("eth3"));
        let route = VirtualRoute::new(network).with_interface("eth3");
        let mut items = StaticItems::default();
        if grouped {
            items = items.with_group(TrackGroup::new("TG", [names[0].clone()]));
            address = address.with_group("TG");
        }
        builder = builder.statics(items.with_address(address).with_route(route));
    }
    if let Some((weights, alert)) = grouped {
        let group = GroupSpec::new("VG", names).with_tracking_weight(weights);
        let object = ObjectId::Interface("eth9".into());
        let group = group.with_tracked(object, TrackWeight::FAULT);
        builder = builder.group(SyncGroup::new(group).with_smtp_alert(alert));
    }
    for router in routers {
        builder = builder.router(router);
    }
    for (object, _) in objects {
        builder = builder.object(object);
    }
    for server in servers {
        builder = builder.virtual_server(server);
    }
    builder.build().expect("a valid model")
}

fn read(text: &str) -> Model {
    let parsed = config::parse(text, "law.conf", &Registry::builtin());
    let findings = parsed.diagnostics().to_string();
    let read = parsed.into_model(Mode::Strict);
    read.unwrap_or_else(|_| panic!("{findings}\n{text}"))
}

proptest! {
    #[test]
    fn builder_and_file_give_the_same_model(parts in parts()) {
        let built = build(parts);
        let text = render::render(&built);
        let read = read(&text);
        // Part by part: a difference in one is readable.
        prop_assert_eq!(&read.global, &built.global, "{}", text);
        prop_assert_eq!(&read.routers, &built.routers, "{}", text);
        prop_assert_eq!(&read.groups, &built.groups);
        prop_assert_eq!(&read.objects, &built.objects);
        prop_assert_eq!(&read.statics, &built.statics);
        prop_assert_eq!(&read.virtual_servers, &built.virtual_servers, "{}", text);
        prop_assert_eq!(read, built);
    }
}

#[test]
fn all_600_addresses_of_a_router_survive_builder_and_file() {
    let config = RouterConfig::builder(Vrid::new(1).unwrap())
        .addresses((0..600).map(|n| nth(AddressFamily::Ipv4, n)))
        .build()
        .unwrap();
    assert!(config.addresses().as_slice().len() < 600);
    let router = RouterSpec::new("VI_1", "eth0", config);
    let mut global = Global::new("lb1");
    global.vrrp.pacing = Pacing::default();
    let built = Model::builder()
        .global(global)
        .router(router)
        .build()
        .unwrap();
    let held = |model: &Model| -> Vec<IpAddr> {
        let held = model.routers[0].spec.virtual_addresses.iter();
        held.map(|address| address.address).collect()
    };
    let all: Vec<IpAddr> = (0..600).map(|n| nth(AddressFamily::Ipv4, n)).collect();
    assert_eq!(held(&built), all);
    assert_eq!(held(&read(&render::render(&built))), all);
}
