// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual servers, real servers and checks.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    AgentCheck, BuiltCheck, FirstVerdict, HealthCheck, HttpGet, Initial, Login, Md5Digest, Policy,
    Program, Protocol as HttpVersion, ProtocolCheck, Script, Secret, Security, SendExpect, Target,
    TcpCheck, TextProtocol, Url,
};
use lb_core::model::{
    CheckSetting, CheckSpec, PendingCheck, RealServer, ServiceGroup, VirtualServer,
};
use lb_ipvs::{
    AddressFamily, Destination, EngineName, ForwardingMethod, Netmask, Persistence, Protocol,
    Scheduler, Service, ServiceFlags, ServiceKey, Thresholds, Tunnel, TunnelFlags, Weight,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::notify::{account, argv, server_notify};
use crate::{micros, seconds};

/// A check and its longest time.
type Timed = (Arc<dyn HealthCheck>, Duration);

fn url() -> impl Strategy<Value = Url> {
    let codes = || (100..=599_u16, 100..=599_u16);
    let codes =
        codes().prop_map(|(one, other)| RangeInclusive::new(one.min(other), one.max(other)));
    let host = proptest::option::of("[a-z.]{1,9}");
    (
        "/[a-z?=&;]{0,9}",
        proptest::option::of(any::<[u8; 16]>()),
        vec(codes, 0..3),
        host,
    )
        .prop_map(|(path, digest, codes, host)| {
            let url = codes.into_iter().fold(Url::new(path), Url::with_status);
            let url = match digest {
                Some(digest) => url.with_digest(Md5Digest::new(digest)),
                None => url,
            };
            match host {
                Some(host) => url.with_virtualhost(host),
                None => url,
            }
        })
}

fn protocol() -> impl Strategy<Value = Timed> {
    let protocols = select(vec![
        TextProtocol::Smtp,
        TextProtocol::Imap,
        TextProtocol::Pop3,
        TextProtocol::Ftp,
        TextProtocol::Nntp,
        TextProtocol::Redis,
    ]);
    let security = select(vec![Security::Plain, Security::Tls, Security::StartTls]);
    let login = proptest::option::of(("[a-z@ ]{1,9}", "[!-!#-~]{1,20}"));
    let name = proptest::option::of("[a-z.]{1,9}");
    let parts = (
        protocols,
        security,
        login,
        name,
        any::<bool>(),
        micros(1..9_000_000),
    );
    parts.prop_map(
        |(protocol, security, login, name, ehlo, timeout)| -> Timed {
            let is_smtp = protocol == TextProtocol::Smtp;
            let security = match security {
                Security::StartTls if protocol == TextProtocol::Redis => Security::Tls,
                security => security,
            };
            let mut check = ProtocolCheck::new(protocol, timeout).with_security(security);
            check.login = login
                .filter(|_| !is_smtp)
                .map(|(user, password)| Login::new(user, Secret::new(password)));
            check.server_name = name.filter(|_| security != Security::Plain);
            check.ehlo = ehlo && is_smtp;
            if is_smtp {
                check = check.with_helo_name("lb1.example.net");
            }
            let longest = check.total_timeout + BuiltCheck::SLACK;
            (Arc::new(check), longest)
        },
    )
}

fn dialogue() -> impl Strategy<Value = Timed> {
    let bytes = || vec(any::<u8>(), 1..20);
    let pattern = select(vec!["^220 .*$", r#"(?m)"\xff\x{a5}""#, "a|b{2,3}"]);
    let steps = vec((0_u8..9, bytes(), micros(1..60_000_000), pattern), 1..6);
    let parts = (
        steps,
        any::<bool>(),
        1..=SendExpect::MOST,
        micros(1..9_000_000),
    );
    parts.prop_map(|(steps, tls, limit, timeout)| -> Timed {
        let mut check = SendExpect::new(timeout).with_tls(tls);
        check.limit = limit;
        check.server_name = tls.then(|| "a.example.net".to_owned());
        for (step, bytes, time, pattern) in steps {
            check = match step {
                0 => check.with_send(bytes),
                1 => check.with_expect(bytes),
                2 => check.with_prefix(bytes),
                3 => check.with_line(bytes),
                4 => check.with_pattern(&pattern.replace('"', r"\x22")).unwrap(),
                5 => check.with_silence(time),
                6 => check.with_end(),
                7 => check.with_close(),
                _ => check.with_start_tls(),
            };
        }
        let longest = check.total_timeout() + BuiltCheck::SLACK;
        (Arc::new(check), longest)
    })
}

fn agent() -> impl Strategy<Value = Timed> {
    let parts = (vec(any::<u8>(), 0..20), any::<bool>(), micros(1..9_000_000));
    parts.prop_map(|(send, optional, timeout)| -> Timed {
        let mut check = AgentCheck::new(timeout).with_send(send);
        check.optional = optional;
        (Arc::new(check), 3 * timeout + BuiltCheck::SLACK)
    })
}

fn probe() -> impl Strategy<Value = Timed> {
    let tcp = micros(1..9_000_000).prop_map(|timeout| -> Timed {
        (
            Arc::new(TcpCheck::new(timeout)),
            timeout + BuiltCheck::SLACK,
        )
    });
    let versions = select(vec![
        HttpVersion::Http10,
        HttpVersion::Http10Close,
        HttpVersion::Http11,
    ]);
    let host = proptest::option::of("[a-z.]{1,9}");
    let http = (vec(url(), 1..3), micros(1..9_000_000), versions, host).prop_map(
        |(urls, timeout, version, host)| -> Timed {
            let mut check = HttpGet::new(urls, timeout).with_protocol(version);
            check.virtualhost = host;
            let longest = check.total_timeout + BuiltCheck::SLACK;
            (Arc::new(check), longest)
        },
    );
    let misc = (argv(), account(), seconds(1..100), any::<bool>()).prop_map(
        |(argv, (uid, gid), timeout, dynamic)| -> Timed {
            let account = lb_check::Account::new(uid, gid);
            let mut check = Script::new(argv, timeout).with_account(account);
            check.dynamic = dynamic;
            (
                Arc::new(check),
                timeout + Program::GRACE + BuiltCheck::SLACK,
            )
        },
    );
    prop_oneof![
        tcp.boxed(),
        http.boxed(),
        misc.boxed(),
        protocol().boxed(),
        dialogue().boxed(),
        agent().boxed()
    ]
}

prop_compose! {
    fn target(real: SocketAddr)(
        (ip, port) in (prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
        (source, source_port) in (prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
        (mark, device) in (proptest::option::weighted(0.2, 1..=u32::MAX), prop::bool::weighted(0.2)),
    ) -> Target {
            let other: IpAddr = if real.is_ipv4() { "192.0.2.200".parse().unwrap() } else { "2001:db8::200".parse().unwrap() };
            let any: IpAddr = if real.is_ipv4() { "0.0.0.0".parse().unwrap() } else { "::".parse().unwrap() };
            let mut target = Target::new(SocketAddr::new(
                if ip { other } else { real.ip() },
                if port { 8080 } else { real.port() },
            ));
            if source || source_port {
                let port = if source_port { 2000 } else { 0 };
                target = target.with_source(SocketAddr::new(if source { other } else { any }, port));
            }
            if let Some(mark) = mark {
                target = target.with_mark(mark);
            }
            if device {
                target = target.with_device("eth3");
            }
            target
    }
}

prop_compose! {
    fn check(real: SocketAddr)(
        (probe, longest) in probe(),
        target in target(real),
        (retries, delay, interval) in (1..5_u32, micros(1..3_000_000), micros(1..3_000_000)),
        warmup in proptest::option::of(micros(0..3_000_000)),
        [alpha, log] in any::<[bool; 2]>(),
        (rise, jitter) in (1..4_u32, prop_oneof![Just(0), 1..=Policy::MAX_JITTER]),
        [fast, down, deadline] in [0, 1, 2].map(|_| proptest::option::weighted(0.3, micros(1..9_000_000))),
    ) -> CheckSpec {
        let http = probe.kind() == "HTTP_GET";
        // The delay has no effect beside a fast interval, and keeps its default.
        let delay = match fast {
            Some(_) => Duration::from_secs(if http { 3 } else { 1 }),
            None => delay,
        };
        let mut policy = Policy::default()
            .with_interval(interval)
            .with_retries(retries)
            .with_retry_delay(delay)
            .with_initial(if alpha { Initial::Down } else { Initial::Up })
            .with_rise(rise)
            .with_jitter(jitter)
            .with_deadline(deadline.unwrap_or(longest));
        policy.warmup = warmup;
        if warmup.is_some() {
            policy.first = FirstVerdict::OneFailure;
        }
        policy.fast_interval = fast;
        let waits = http && fast.is_none() && delay > interval;
        policy.down_interval = down.or_else(|| waits.then_some(delay));
        let target = match probe.kind() {
            // A script connects to nothing.
            "MISC_CHECK" => Target::new(real),
            _ => target,
        };
        let mut spec = CheckSpec::new(probe, target, policy).with_alpha(alpha);
        spec.log_all_failures = log;
        spec
    }
}

fn method() -> impl Strategy<Value = ForwardingMethod> {
    let tunnels = vec![
        Tunnel::ipip(),
        Tunnel::gre(),
        Tunnel::gre().with_flags(TunnelFlags::CHECKSUM),
        Tunnel::gue(6080),
        Tunnel::gue(6080).with_flags(TunnelFlags::REMOTE_CHECKSUM),
    ];
    prop_oneof![
        Just(ForwardingMethod::Masquerade),
        Just(ForwardingMethod::DirectRouting),
        select(tunnels).prop_map(ForwardingMethod::Tunnel),
    ]
}

/// Checks that are kept and do not run.
fn pending() -> impl Strategy<Value = Vec<PendingCheck>> {
    let checks = vec![
        PendingCheck::new("PING_CHECK", []),
        PendingCheck::new("BFD_CHECK", [CheckSetting::new("name", ["one"])]),
    ];
    vec(select(checks), 0..2)
}

/// A forwarding method, and the address that goes with it.
fn destination(number: u8, shape: Shape) -> impl Strategy<Value = Destination> {
    let ip: IpAddr = match shape.six {
        true => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)].into(),
        false => [192, 0, 2, number + 1].into(),
    };
    method().prop_map(move |method| {
        // Only masquerading reaches a port that is not that of the service.
        let method = match shape.port {
            80 => method,
            _ if shape.group => method,
            _ => ForwardingMethod::Masquerade,
        };
        let port = if method == ForwardingMethod::Masquerade {
            8000
        } else {
            80
        };
        Destination::new(SocketAddr::new(ip, port)).with_forwarding(method)
    })
}

/// A virtual address of the family of a real server.
fn virtual_address(real: Destination) -> IpAddr {
    let address = if real.address.is_ipv4() {
        "192.0.2.150"
    } else {
        "2001:db8::150"
    };
    address.parse().unwrap()
}

/// Whether a check connects, and names no other target and no mark.
fn can_go_via_vip(check: &CheckSpec, real: Destination) -> bool {
    let target = &check.probe.target;
    &*check.kind != "MISC_CHECK"
        && target.address.ip() == real.address.ip()
        && target.mark().is_none()
}

prop_compose! {
    fn real_server(number: u8, shape: Shape)(
        destination in destination(number, shape),
    )(
        (weight, upper, lower) in (1..100_u32, 0..1000_u32, 0..1000_u32),
        [inhibit, alpha, alert] in any::<[bool; 3]>(),
        checks in vec(check(destination.address).boxed(), 0..3),
        pending in pending(),
        notify in server_notify(),
        via_vip in any::<bool>(),
        destination in Just(destination),
    ) -> RealServer {
        let destination = destination
            .with_weight(Weight::new(weight).unwrap())
            .with_thresholds(Thresholds { upper: upper.max(lower), lower });
        let mut real = RealServer::new(destination)
            .with_inhibit_on_failure(inhibit)
            .with_alpha(alpha)
            .with_smtp_alert(alert);
        let has_way = !matches!(destination.forwarding, ForwardingMethod::Masquerade);
        real.checks = checks
            .into_iter()
            .map(|check| match via_vip && has_way && can_go_via_vip(&check, destination) {
                true => check.with_via_vip(virtual_address(destination)),
                false => check,
            })
            .collect();
        real.pending_checks = pending.into();
        real.notify = notify.map(Box::new);
        real
    }
}

/// What makes a virtual server one service or several.
#[derive(Clone, Copy, Debug)]
struct Shape {
    six: bool,
    marked: bool,
    /// 0 with a mark, or for every port.
    port: u16,
    group: bool,
}

/// Services of a group, from any number.
fn services(number: u8, protocol: Protocol, range: u8) -> Vec<ServiceKey> {
    let address = |last: u8, port| ServiceKey::Address {
        protocol,
        address: SocketAddr::new([10, 3, number, last].into(), port),
    };
    let mark = NonZeroU32::new(u32::from(number) + 100).unwrap();
    let mut keys: Vec<ServiceKey> = (0..=range).map(|last| address(last, 80)).collect();
    keys.push(ServiceKey::firewall_mark(mark, AddressFamily::Ipv4));
    keys.push(address(255, 443));
    keys
}

fn shape() -> impl Strategy<Value = Shape> {
    (0..4, any::<bool>()).prop_map(|(kind, six)| Shape {
        six: six && kind != 3,
        marked: kind == 0,
        port: if matches!(kind, 1 | 3) { 80 } else { 0 },
        group: kind == 3,
    })
}

prop_compose! {
    pub(crate) fn virtual_server(number: u8)(shape in shape())(
        (protocol, range) in (select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]), any::<u8>()),
        (scheduler, flags) in (select(vec![Scheduler::RoundRobin, Scheduler::SourceHashing, Scheduler::Maglev, Scheduler::WeightedFailover]), any::<[bool; 4]>()),
        (timeout, mask, engine) in (proptest::option::of(seconds(1..10_000)), any::<bool>(), any::<bool>()),
        (delay_loop, quorum) in (micros(1..90_000_000), 1..3_u32),
        [ha_suspend, alpha, omega, inhibit, alert, sorry_inhibit] in any::<[bool; 6]>(),
        sorry in any::<bool>(),
        first in real_server(1, shape).boxed(),
        second in proptest::option::of(real_server(2, shape).boxed()),
        notify in server_notify(),
        shape in Just(shape),
    ) -> VirtualServer {
        let six = shape.six;
        let family = if six { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 };
        let ip: IpAddr = if six { [0x2001, 0xdb8, 1, 0, 0, 0, 0, u16::from(number)].into() } else { [10, 2, 0, number + 1].into() };
        let address = |port| ServiceKey::Address { protocol, address: SocketAddr::new(ip, port) };
        let mark = NonZeroU32::new(u32::from(number) + 1).unwrap();
        let mut keys = match shape {
            Shape { group: true, .. } => services(number, protocol, range),
            Shape { marked: true, .. } => vec![ServiceKey::firewall_mark(mark, family)],
            Shape { port, .. } => vec![address(port)],
        }.into_iter();
        let key = keys.next().unwrap();
        let mut service = Service::new(key, scheduler);
        for (flag, bit) in [ServiceFlags::SCHED_1, ServiceFlags::SCHED_2, ServiceFlags::SCHED_3].into_iter().zip(flags) {
            service.flags.set(flag, bit);
        }
        let packets = matches!(key.protocol(), None | Some(Protocol::Udp));
        service.flags.set(ServiceFlags::ONE_PACKET, flags[3] && packets);
        let persistent = !shape.marked && shape.port == 0 || mask;
        if let Some(timeout) = timeout.or_else(|| persistent.then_some(Duration::from_secs(360))) {
            service = service.with_persistence(Persistence::new(timeout));
        }
        if mask {
            let mask = if six { Netmask::Ipv6(64) } else { Netmask::Ipv4([255, 255, 0, 0].into()) };
            service = service.with_netmask(mask);
        }
        if engine {
            service = service.with_persistence_engine(EngineName::new("sip").unwrap());
        }
        let mut server = VirtualServer::new(service)
            .with_delay_loop(delay_loop)
            .with_ha_suspend(ha_suspend)
            .with_alpha(alpha)
            .with_omega(omega)
            .with_inhibit_on_failure(inhibit)
            .with_smtp_alert(alert);
        server.notify = notify.map(Box::new);
        if shape.group {
            let group = ServiceGroup::new(format!("group {number}"));
            server = server.with_group(keys.fold(group, ServiceGroup::with_service));
        }
        for real in std::iter::once(first).chain(second) {
            server = server.with_real_server(real);
        }
        let weights: u32 = server.real_servers.iter().map(|real| real.destination.weight.get()).sum();
        let quorum = quorum.min(weights);
        server = server.with_quorum(quorum, quorum - 1);
        if sorry {
            let ip: IpAddr = if six { "2001:db8::99".parse().unwrap() } else { "192.0.2.99".parse().unwrap() };
            let method = if shape.port == 80 { ForwardingMethod::DirectRouting } else { ForwardingMethod::Masquerade };
            let destination = Destination::new(SocketAddr::new(ip, 80)).with_forwarding(method);
            server = server.with_sorry_server(destination).with_sorry_server_inhibit(sorry_inhibit);
        }
        server
    }
}
