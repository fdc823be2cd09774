// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files and the models they give.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    BuiltCheck, HealthCheck, HttpGet, Initial, Outcome, Policy, Registry, Script, Target, TcpCheck,
    Url,
};
use lb_core::config::{self, Mode};
use lb_core::model::{
    CheckSpec, Global, MailSettings, Model, RealServer, RouterSpec, Scope, VirtualAddress,
    VirtualServer, VrrpInstance,
};
use lb_ipvs::{
    AddressFamily, Destination, ForwardingMethod, Netmask, Protocol, Scheduler, Service,
    ServiceFlags, ServiceKey, SyncId, Tunnel, TunnelFlags, Weight,
};
use lb_vrrp::{
    AdvertInterval, AntiReplay, Authentication, HmacConfig, HmacKey, HmacMode, Password, Priority,
    RouterConfig, Version, Vrid,
};

const LB1: &str = include_str!("data/lb1.conf");
const LB2: &str = include_str!("data/lb2.conf");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The model of a text without a single finding, but for the two old keywords of the article.
fn clean(text: &str) -> Model {
    let parsed = config::parse(text, "test.conf", &Registry::builtin());
    assert_no_finding(&parsed);
    parsed.into_model(Mode::Strict).unwrap()
}

/// Keepalived reports the two old keywords of the article as well.
fn assert_no_finding(parsed: &config::Parsed) {
    let old = ["lvs_sync_daemon_interface", "nb_get_retry"];
    let old = old.map(|keyword| format!("`{keyword}` is deprecated"));
    let mut findings = parsed.diagnostics().iter();
    assert!(
        findings.all(|finding| old.contains(&finding.message)),
        "{}",
        parsed.diagnostics().render(false)
    );
}

/// The model of a text that only has warnings.
fn warned(text: &str) -> Model {
    let parsed = config::parse(text, "test.conf", &Registry::builtin());
    assert!(!parsed.diagnostics().is_empty());
    parsed
        .into_model(Mode::Strict)
        .unwrap_or_else(|findings| panic!("{}", findings.render(false)))
}

fn lenient(text: &str) -> (Model, usize) {
    let parsed = config::parse(text, "test.conf", &Registry::builtin());
    assert!(
        parsed.model(Mode::Strict).is_none(),
        "{}",
        parsed.diagnostics().render(false)
    );
    let errors = parsed.diagnostics().errors();
    let model = parsed.into_model(Mode::Lenient);
    (
        model.unwrap_or_else(|findings| panic!("{}", findings.render(false))),
        errors,
    )
}

/// The first virtual server of a text with these lines in it, and one real server with those.
fn server(lines: &str, real_server: &str) -> VirtualServer {
    let text = format!(
        "virtual_server 192.168.1.50 80 {{\n lb_algo wrr\n lb_kind DR\n protocol TCP\n {lines}\n\
         real_server 192.168.1.61 80 {{\n{real_server}\n}}\n}}\n"
    );
    clean(&text).virtual_servers.remove(0)
}

fn instance(lines: &str) -> VrrpInstance {
    let text = format!(
        "vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 5\n {lines}\n\
         virtual_ipaddress {{\n 192.168.1.50\n }}\n}}\n"
    );
    clean(&text).routers.remove(0)
}

/// What the sample file means, said without a file.
fn expected(router_id: &str, priority: u8) -> Model {
    let mail = MailSettings::new("192.168.1.16", "nagios@domain.local")
        .with_recipient("sysadmin@domain.local")
        .with_recipient("root@domain.local")
        .with_timeout(seconds(30));
    let vip = "192.168.1.50".parse().unwrap();
    let config = RouterConfig::builder(Vrid::new(100).unwrap())
        .version(Version::V2)
        .priority(Priority::new(priority).unwrap())
        .interval(AdvertInterval::from_secs(1).unwrap())
        .preempt(true)
        .authentication(Authentication::Password(Password::new("secret").unwrap()))
        .address(vip)
        .build()
        .unwrap();
    let address = VirtualAddress::new(vip)
        .with_prefix_len(32)
        .with_broadcast("192.168.1.255".parse().unwrap())
        .with_scope(Scope::GLOBAL);
    let router = RouterSpec::new("VI_1", "eth0", config).with_virtual_addresses([address]);
    let router = VrrpInstance::new(router).with_sync_daemon_interface("eth0");
    let service = Service::new(
        ServiceKey::tcp("192.168.1.50:80".parse().unwrap()),
        Scheduler::WeightedRoundRobin,
    );
    let mut server = VirtualServer::new(service)
        .with_delay_loop(seconds(5))
        .with_ha_suspend(true);
    for address in ["192.168.1.61:80", "192.168.1.62:80"] {
        let address = address.parse().unwrap();
        let digest = "21dde95d9d269cbb2fa6560309dca40c".parse().unwrap();
        let check = HttpGet::new([Url::new("/").with_digest(digest)], seconds(3));
        let policy = Policy::default()
            .with_interval(seconds(5))
            .with_retries(3)
            .with_retry_delay(seconds(3))
            .with_deadline(check.total_timeout + BuiltCheck::SLACK);
        let check = CheckSpec::new(Arc::new(check), Target::new(address), policy);
        let destination = Destination::new(address)
            .with_forwarding(ForwardingMethod::DirectRouting)
            .with_weight(Weight::ONE);
        server = server.with_real_server(RealServer::new(destination).with_check(check));
    }
    Model::builder()
        .global(Global::new(router_id).with_mail(mail))
        .router(router)
        .virtual_server(server)
        .build()
        .unwrap()
}

// shows HTTP_GET: nb_get_retry
#[test]
fn the_sample_files_give_exactly_these_models() {
    assert_eq!(clean(LB1), expected("lb1", 100));
    assert_eq!(clean(LB2), expected("lb2", 50));
    assert_ne!(clean(LB1), clean(LB2));
}

#[test]
fn names_are_written_as_keepalived_writes_them() {
    let model = clean(LB1);
    let server = &model.virtual_servers[0];
    assert_eq!(server.name(), "[192.168.1.50]:tcp:80");
    assert_eq!(
        server.real_servers[0].name(server.protocol()),
        "[192.168.1.61]:tcp:80"
    );
    assert_eq!(&*server.real_servers[0].checks[0].kind, "HTTP_GET");
    // Equal checks are one in memory.
    let [first, second] = [0, 1].map(|real| &server.real_servers[real].checks[0]);
    assert!(first.probe.check.ptr_eq(&second.probe.check));
    assert!(server.real_servers[0].smtp_alert);
    assert!(!server.smtp_alert);
}

#[test]
fn variant_tcp_check() {
    let real = server("", "TCP_CHECK {\n connect_timeout 3\n connect_port 8080\n}")
        .real_servers
        .remove(0);
    let check = &real.checks[0];
    assert_eq!(
        (&*check.kind, check.probe.target.address.port()),
        ("TCP_CHECK", 8080)
    );
    assert_eq!(
        check.probe.check.identity(),
        TcpCheck::new(seconds(3)).identity()
    );
    assert_eq!(check.probe.policy.interval, seconds(60));
    assert_eq!(
        (check.probe.policy.retries, check.probe.policy.retry_delay),
        (1, seconds(1))
    );
    assert_eq!(check.probe.policy.initial, Initial::Up);
    assert_eq!(check.probe.policy.warmup, None);
}

// shows other checks: misc_path, misc_timeout
#[test]
fn variant_misc_check() {
    let lines =
        "MISC_CHECK {\n misc_path \"/bin/sh -c 'exit 0 # not a comment'\"\n misc_timeout 4\n}";
    let real = server("delay_loop 7", lines).real_servers.remove(0);
    let check = &real.checks[0];
    let script = Script::new(["/bin/sh", "-c", "exit 0 # not a comment"], seconds(4));
    assert_eq!(
        (&*check.kind, check.probe.check.identity()),
        ("MISC_CHECK", script.identity().as_str())
    );
    assert_eq!(
        (check.probe.policy.interval, check.probe.policy.retries),
        (seconds(7), 0)
    );
}

// shows vrrp_instance: preempt_delay, timer_expired_backup
#[test]
fn variant_preempt_delay_and_timer_expired_backup() {
    let config = |lines: &str| instance(lines).spec.config;
    let delay = config("state BACKUP\n preempt_delay 2.5").preempt_delay();
    assert_eq!(delay, Duration::from_millis(2500));
    let yields_to = |lines| {
        let config = config(lines);
        config.yield_after_stall().map(Priority::get)
    };
    assert_eq!(
        yields_to("state BACKUP\n nopreempt\n timer_expired_backup"),
        Some(254)
    );
    assert_eq!(
        yields_to("state BACKUP\n nopreempt\n timer_expired_backup 90"),
        Some(90)
    );
    // What contradicts itself is dropped, as in keepalived, and said.
    let model = warned(&LB1.replace("state MASTER", "state MASTER\n preempt_delay 5"));
    assert_eq!(model.routers[0].spec.config.preempt_delay(), Duration::ZERO);
    let both = "state BACKUP\n nopreempt\n preempt_delay 5";
    let model = warned(&LB2.replace("state BACKUP", both));
    assert_eq!(model.routers[0].spec.config.preempt_delay(), Duration::ZERO);
    let model = warned(&LB2.replace("state BACKUP", "state BACKUP\n timer_expired_backup"));
    assert_eq!(model.routers[0].spec.config.yield_after_stall(), None);
}

// shows vrrp_instance: nopreempt
#[test]
fn variant_nopreempt() {
    assert!(instance("state BACKUP").spec.config.preempt());
    assert!(!instance("state BACKUP\n nopreempt").spec.config.preempt());
    assert!(
        warned(&LB1.replace("state MASTER", "state MASTER\n nopreempt")).routers[0]
            .spec
            .config
            .preempt()
    );
    let two = LB2.replace("state BACKUP", "state BACKUP\n nopreempt");
    assert!(!clean(&two).routers[0].spec.config.preempt());
}

// shows virtual_server: sorry_server_inhibit, sorry_server_lvs_method
#[test]
fn variant_sorry_server() {
    let model = clean(&LB1.replace("#sorry_server", "sorry_server"));
    let sorry = model.virtual_servers[0].sorry_server.unwrap();
    assert_eq!(sorry.address, "192.168.1.63:80".parse().unwrap());
    assert_eq!(sorry.forwarding, ForwardingMethod::DirectRouting);
    let server = server(
        "sorry_server 192.168.1.63\n sorry_server_inhibit\n sorry_server_lvs_method NAT",
        "",
    );
    let sorry = server.sorry_server.unwrap();
    assert_eq!(sorry.address, "192.168.1.63:80".parse().unwrap());
    assert_eq!(sorry.forwarding, ForwardingMethod::Masquerade);
    assert!(server.sorry_server_inhibit);
}

// shows real_server: lvs_method
// shows virtual_server: lb_kind
#[test]
fn variants_of_forwarding() {
    for (word, method) in [
        ("NAT", ForwardingMethod::Masquerade),
        ("TUN", ForwardingMethod::Tunnel(Tunnel::ipip())),
        (
            "TUN type gre csum",
            ForwardingMethod::Tunnel(Tunnel::gre().with_flags(TunnelFlags::CHECKSUM)),
        ),
        (
            "TUN type gue port 6080 remcsum",
            ForwardingMethod::Tunnel(Tunnel::gue(6080).with_flags(TunnelFlags::REMOTE_CHECKSUM)),
        ),
    ] {
        let model = clean(&LB1.replace("lb_kind DR", &format!("lb_kind {word}")));
        for real in &model.virtual_servers[0].real_servers {
            assert_eq!(real.destination.forwarding, method, "{word}");
        }
        let own = server("", &format!("lvs_method {word}"));
        assert_eq!(own.real_servers[0].destination.forwarding, method);
    }
    let nat = clean(
        &LB1.replace("lb_kind DR", "lb_kind NAT")
            .replace("192.168.1.61 80", "192.168.1.61 8080"),
    );
    assert_eq!(
        nat.virtual_servers[0].real_servers[0]
            .destination
            .address
            .port(),
        8080
    );
}

#[test]
fn only_nat_changes_the_port_and_the_check_keeps_its_own() {
    let model = warned(&LB1.replace("192.168.1.61 80", "192.168.1.61 8080"));
    let real = &model.virtual_servers[0].real_servers[0];
    assert_eq!(real.destination.address.port(), 80);
    assert_eq!(real.checks[0].probe.target.address.port(), 8080);
}

// shows virtual_server: ip_family
#[test]
fn firewall_marks() {
    let text = "virtual_server fwmark 4294967295 {\n lb_algo rr\n lb_kind DR\n ops\n\
                real_server 192.168.1.61 80 {\n TCP_CHECK { }\n }\n}\n";
    // The port of the real server is where the check goes; keepalived reports it.
    let server = warned(text).virtual_servers.remove(0);
    assert_eq!(server.name(), "FWM 4294967295");
    assert_eq!(server.service.key.family(), AddressFamily::Ipv4);
    assert!(server.service.flags.contains(ServiceFlags::ONE_PACKET));
    let real = &server.real_servers[0];
    assert_eq!(
        (
            real.destination.address.port(),
            real.checks[0].probe.target.address.port()
        ),
        (0, 80)
    );
    assert_eq!(real.name(server.protocol()), "[192.168.1.61]:none:0");
    let six = "virtual_server fwmark 5 {\n ip_family inet6\n lb_algo rr\n lb_kind TUN\n\
               real_server 192.168.1.61 { }\n}\n";
    assert_eq!(
        clean(six).virtual_servers[0].service.key.family(),
        AddressFamily::Ipv6
    );
}

#[test]
fn a_real_server_without_a_port_to_check() {
    let text = "virtual_server fwmark 5 {\n lb_algo rr\n lb_kind DR\n\
                real_server 192.168.1.61 {\n TCP_CHECK { }\n }\n}\n";
    let (model, errors) = lenient(text);
    assert_eq!(
        (
            errors,
            model.virtual_servers[0].real_servers[0].checks.len()
        ),
        (1, 0)
    );
    clean(&text.replace("TCP_CHECK { }", "TCP_CHECK { connect_port 80 }"));
}

// shows virtual_server: persistence_granularity
#[test]
fn persistence() {
    assert_eq!(server("", "").service.persistence, None);
    let timeout = |lines: &str| server(lines, "").service.persistence.unwrap().timeout;
    assert_eq!(timeout("persistence_timeout 50"), seconds(50));
    assert_eq!(timeout("persistence_timeout"), seconds(360));
    assert_eq!(
        timeout("persistence_granularity 255.255.255.0"),
        seconds(360)
    );
    let mask = server("persistence_granularity 255.255.255.0", "")
        .service
        .netmask;
    assert_eq!(mask, Netmask::Ipv4("255.255.255.0".parse().unwrap()));
    let all = "virtual_server 192.168.1.50 {\n lb_algo rr\n lb_kind DR\n protocol UDP\n real_server 192.168.1.61 { }\n}";
    let service = warned(all).virtual_servers.remove(0).service;
    assert_eq!(
        service.key,
        ServiceKey::udp("192.168.1.50:0".parse().unwrap())
    );
    assert_eq!(service.persistence.unwrap().timeout, seconds(360));
}

// shows virtual_server: flag-3, sh-fallback, sh-port, mh-fallback, mh-port
#[test]
fn scheduler_flags_need_their_scheduler_before_them() {
    let flags = |lines: &str| {
        let text = LB1.replace("lb_algo wrr", lines);
        config::parse(&text, "", &Registry::builtin())
            .into_parts(Mode::Lenient)
            .0
            .unwrap()
            .virtual_servers[0]
            .service
            .flags
    };
    assert_eq!(flags("lb_algo sh\nsh-port"), ServiceFlags::SCHED_2);
    assert_eq!(flags("lb_algo sh\nsh-fallback"), ServiceFlags::SCHED_1);
    assert_eq!(flags("lb_algo mh\nmh-port"), ServiceFlags::SCHED_2);
    assert_eq!(
        flags("lb_algo mh\nmh-fallback\nmh-port"),
        ServiceFlags::SCHED_1 | ServiceFlags::SCHED_2
    );
    assert_eq!(flags("sh-port\nlb_algo sh"), ServiceFlags::empty());
    assert_eq!(flags("lb_algo rr\nflag-3"), ServiceFlags::SCHED_3);
}

// shows all checks: connect_ip, bindto, bind_port, bind_if, fwmark, log_all_failures
#[test]
fn checks_default_to_real_server_then_virtual_server() {
    let check = |server_lines: &str, real_lines: &str, own: &str| {
        let real = format!("{real_lines}\n TCP_CHECK {{\n {own}\n}}");
        server(server_lines, &real)
            .real_servers
            .remove(0)
            .checks
            .remove(0)
    };
    let policy = check(
        "retry 2\n delay_before_retry 0.5\n delay_loop 9\n alpha\n warmup 0",
        "",
        "",
    )
    .probe
    .policy
    .clone();
    assert_eq!(
        (policy.retries, policy.retry_delay),
        (2, Duration::from_millis(500))
    );
    assert_eq!(
        (policy.interval, policy.initial, policy.warmup),
        (seconds(9), Initial::Down, Some(Duration::ZERO))
    );
    let policy = check("retry 2\n alpha", "retry 3\n delay_loop 8\n alpha off", "")
        .probe
        .policy
        .clone();
    assert_eq!(
        (policy.retries, policy.interval, policy.initial),
        (3, seconds(8), Initial::Up)
    );
    let own = check(
        "retry 2\n connect_timeout 9",
        "retry 3\n connect_timeout 8",
        "retry 0\n connect_timeout 7\n log_all_failures",
    );
    assert_eq!(own.probe.policy.retries, 0);
    assert_eq!(
        own.probe.check.identity(),
        TcpCheck::new(seconds(7)).identity()
    );
    assert!(own.log_all_failures);
    let bound = check(
        "",
        "",
        "connect_ip 10.0.0.1\n bindto 10.0.0.2\n bind_port 99\n bind_if eth1\n fwmark 3",
    );
    let target = Target::new("10.0.0.1:80".parse().unwrap())
        .with_source("10.0.0.2:99".parse().unwrap())
        .with_mark(3)
        .with_device("eth1");
    assert_eq!(bound.probe.target, target);
}

// shows real_server: smtp_alert
#[test]
fn off_means_off() {
    let server = server(
        "alpha off\n inhibit_on_failure no\n omega false",
        "inhibit_on_failure yes\n smtp_alert off",
    );
    assert!(!server.alpha && !server.inhibit_on_failure && !server.omega);
    let real = &server.real_servers[0];
    assert!(real.inhibit_on_failure && !real.smtp_alert && !real.alpha);
}

// shows global_defs: smtp_alert, smtp_alert_checker
#[test]
fn mail_defaults_go_from_the_special_to_the_general() {
    let alerts = |global: &str| {
        let model = clean(&format!(
            "global_defs {{\n{global}\n}}\n{}",
            LB1.replace("smtp_connect_timeout 30", "")
        ));
        let server = &model.virtual_servers[0];
        (
            model.routers[0].smtp_alert,
            server.smtp_alert,
            server.real_servers[0].smtp_alert,
        )
    };
    assert_eq!(alerts(""), (false, false, true));
    assert_eq!(alerts("smtp_alert"), (true, true, true));
    assert_eq!(alerts("smtp_alert off"), (false, false, false));
    assert_eq!(
        alerts("smtp_alert on\n smtp_alert_checker off"),
        (true, false, false)
    );
    assert_eq!(alerts("smtp_alert_vrrp"), (true, false, true));
}

// shows global_defs: vrrp_strict
// shows vrrp_instance: accept
#[test]
fn strict_mode_drops_what_contradicts_it() {
    let file = |lines: &str| {
        format!(
            "global_defs {{\n vrrp_strict\n}}\nvrrp_instance V {{\n interface eth0\n\
             virtual_router_id 5\n {lines}\n virtual_ipaddress {{\n 192.168.1.50\n }}\n}}\n"
        )
    };
    let strict = |lines: &str| warned(&file(lines)).routers.remove(0).spec.config;
    let config = strict(
        "preempt_delay 5\n down_timer_adverts 4\n higher_prio_send_advert\n accept\n\
         authentication {\n auth_type PASS\n auth_pass 1111\n }",
    );
    assert!(config.strict() && !config.accept() && !config.farewell());
    assert_eq!(config.preempt_delay(), Duration::ZERO);
    assert_eq!(config.down_timer_adverts().get(), 3);
    assert_eq!(config.authentication(), &Authentication::None);
    // VRRPv3 leaves Accept_Mode to the operator.
    let text = |lines: &str| format!("strict_mode\n version 3\n {lines}");
    assert!(instance(&text("accept")).spec.config.accept());
    assert!(!strict("version 3").accept());
    assert!(instance(&text("priority 255")).spec.config.accept());
    // An instance's own word comes first.
    let config = clean(&file("strict_mode off\n no_accept"))
        .routers
        .remove(0)
        .spec
        .config;
    assert!(!config.strict() && !config.accept());
    // With unicast it would not be the RFC: keepalived 2.2.7 runs it without strict mode.
    let unicast = "vrrp_instance V {\n strict_mode\n interface eth0\n virtual_router_id 5\n\
                   unicast_peer {\n 10.0.0.1\n }\n virtual_ipaddress {\n 192.168.1.50\n }\n}\n";
    let config = warned(unicast).routers.remove(0).spec.config;
    assert!(!config.strict() && config.peers().len() == 1);
}

#[test]
fn addresses_of_all_kinds() {
    let text = "vrrp_instance V6 {\n interface eth0\n virtual_router_id 5\n advert_int 0.25\n\
                virtual_ipaddress {\n fe80::50/64 dev eth1\n 2001:db8::50\n }\n\
                virtual_ipaddress_excluded {\n 10.0.0.5/24 brd + label eth0:5 scope site\n 10.0.1.5/24 brd -\n }\n}\n";
    let router = clean(text).routers.remove(0);
    assert_eq!(router.spec.config.version(), Version::V3);
    assert_eq!(
        router.spec.config.interval(),
        AdvertInterval::from_centis(25).unwrap()
    );
    assert_eq!(router.spec.config.addresses().as_slice().len(), 2);
    let held = [
        VirtualAddress::new("fe80::50".parse().unwrap())
            .with_prefix_len(64)
            .with_interface("eth1"),
        VirtualAddress::new("2001:db8::50".parse().unwrap()),
        VirtualAddress::new("10.0.0.5".parse().unwrap())
            .with_prefix_len(24)
            .with_broadcast("10.0.0.255".parse().unwrap())
            .with_label("eth0:5")
            .with_scope(Scope::SITE),
        VirtualAddress::new("10.0.1.5".parse().unwrap())
            .with_prefix_len(24)
            .with_broadcast("10.0.1.0".parse().unwrap()),
    ];
    assert_eq!(router.spec.virtual_addresses, held);
}

#[test]
fn announcements_of_an_instance_come_before_the_global_ones() {
    let global = "global_defs {\n vrrp_garp_master_delay 0\n vrrp_garp_master_repeat 2\n vrrp_garp_master_refresh 60\n}\n";
    let one = LB1.replace(
        "advert_int 1",
        "advert_int 1\n garp_master_repeat 7\n garp_master_refresh_repeat 3",
    );
    let announcements = clean(&format!("{one}{global}")).routers[0]
        .spec
        .announcements;
    assert_eq!(
        (announcements.delay, announcements.repeat),
        (Duration::ZERO, 7)
    );
    assert_eq!(
        (announcements.refresh, announcements.refresh_repeat),
        (Some(seconds(60)), 3)
    );
    let default = clean(LB1).routers[0].spec.announcements;
    assert_eq!(
        (default.delay, default.repeat, default.refresh),
        (seconds(5), 5, None)
    );
}

// shows global_defs: lvs_sync_daemon
#[test]
fn the_global_sync_daemon() {
    let text = format!(
        "{}global_defs {{\n lvs_sync_daemon eth1 VI_1 maxlen 1400 port 8848 ttl 3 group 224.0.0.82\n}}\n",
        LB1.replace("lvs_sync_daemon_interface eth0", "")
    );
    let settings = clean(&text).global.sync_daemon.unwrap();
    let daemon = settings.daemon;
    assert_eq!(
        (
            daemon.interface.as_str(),
            settings.instance.as_deref(),
            daemon.sync_id
        ),
        ("eth1", Some("VI_1"), SyncId::new(100))
    );
    assert_eq!(
        (daemon.max_length, daemon.port, daemon.ttl),
        (Some(1400), Some(8848), Some(3))
    );
    let alone = clean("global_defs {\n lvs_sync_daemon eth1 id 7\n}\n")
        .global
        .sync_daemon
        .unwrap();
    assert_eq!(
        (alone.instance, alone.daemon.sync_id),
        (None, SyncId::new(7))
    );
}

#[test]
fn braces_and_quotes_wherever_they_stand() {
    let text = "global_defs{router_id \"lb 1\"}vrrp_instance\t\"VI 1\"\r\n{interface eth0\r\nvirtual_router_id 1 }}\n";
    let parsed = config::parse(text, "", &Registry::builtin());
    let plain: Vec<_> = parsed
        .diagnostics()
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(
        plain,
        [
            "`vrrp_instance VI 1` has no `virtual_ipaddress`",
            "extra `}`: no block is open here"
        ]
    );
    let model = parsed.into_model(Mode::Lenient).unwrap();
    assert_eq!(model.global.router_id, "lb 1");
    assert_eq!(model.routers[0].spec.name, "VI 1");
}

#[test]
fn a_lenient_reading_continues_as_keepalived_does() {
    let (model, errors) = lenient(&LB1.replace("delay_loop 5", "delay_lop 5\n quorum 0"));
    assert_eq!(errors, 2);
    let server = &model.virtual_servers[0];
    assert_eq!((server.delay_loop, server.quorum), (seconds(60), 1));
    let (model, _) = lenient(&LB1.replace("delay_loop 5", "delay_loop 5s"));
    assert_eq!(model.virtual_servers[0].delay_loop, seconds(5));
    let (model, _) = lenient(&LB1.replace("priority 100", "priority 300"));
    assert_eq!(model.routers[0].spec.config.priority(), Priority::OWNER);
    let (model, _) = lenient(&LB1.replace("192.168.1.61 80", "192.168.1.661 80"));
    assert_eq!(model.virtual_servers[0].real_servers.len(), 1);
    // A broken block inside does not move what follows.
    let (model, _) = lenient(&LB1.replace("authentication {", "authentcation {"));
    assert_eq!(model.virtual_servers.len(), 1);
    assert_eq!(
        model.routers[0].spec.config.authentication(),
        &Authentication::None
    );
    let parsed = config::parse(
        &LB1.replace("virtual_router_id", "virtual_router"),
        "",
        &Registry::builtin(),
    );
    assert!(parsed.into_model(Mode::Lenient).is_err());
}

/// A check that is identified by its `Debug` output.
#[derive(Debug)]
struct Mine {
    #[expect(dead_code, reason = "shown by Debug")]
    timeout: Duration,
}

#[async_trait::async_trait]
impl HealthCheck for Mine {
    fn kind(&self) -> &'static str {
        "MY_CHECK"
    }

    async fn check(&self, _: &Target) -> Outcome {
        Outcome::pass()
    }
}

#[test]
fn a_check_of_ones_own() {
    let mut registry = Registry::builtin();
    registry.register(
        "MY_CHECK",
        |arguments: &lb_check::Arguments, context: &lb_check::CheckContext| {
            assert_eq!(arguments.children[0].name, "nested");
            assert_eq!(arguments.children[0].children[0].values, ["a b", "c"]);
            assert_eq!(arguments.children[0].children[0].raw, "\"a b\" c");
            assert_eq!(arguments.children.len(), 1);
            let timeout = context.connect_timeout;
            Ok(BuiltCheck::new(Arc::new(Mine { timeout })))
        },
    );
    let text = LB1.replace(
        "weight 1\n        HTTP_GET",
        "MY_CHECK {\n nested {\n HTTP_GET \"a b\" c # d\n }\n retry 4\n}\n HTTP_GET",
    );
    let parsed = config::parse(&text, "", &registry);
    assert_no_finding(&parsed);
    let model = parsed.into_model(Mode::Strict).unwrap();
    let check = &model.virtual_servers[0].real_servers[0].checks[0];
    let identity = "MY_CHECK Mine { timeout: 5s }";
    assert_eq!(
        (&*check.kind, check.probe.check.identity()),
        ("MY_CHECK", identity)
    );
    assert_eq!(check.probe.policy.retries, 4);
}

#[test]
fn protocols_in_any_case() {
    for (word, protocol) in [
        ("tcp", Protocol::Tcp),
        ("Udp", Protocol::Udp),
        ("SCTP", Protocol::Sctp),
    ] {
        let model = clean(&LB1.replace("protocol TCP", &format!("protocol {word}")));
        assert_eq!(model.virtual_servers[0].protocol(), Some(protocol));
    }
}

// shows auth_hmac: key, active_key, time_window, mode
#[test]
fn keys_of_the_hmac_trailer_come_from_the_text_or_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("key");
    fs::write(
        &secret,
        "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
    )
    .unwrap();
    let text = format!(
        "vrrp_instance A {{
            interface eth0
            virtual_router_id 51
            version 3
            auth_hmac {{
                key 1 file:{}
                key 2 \"a passphrase of at least 32 bytes, in quotes\"
                active_key 2
                time_window 7
                mode permissive
            }}
            virtual_ipaddress {{
                192.0.2.100
            }}
        }}",
        secret.display()
    );
    let file = folder.path().join("lb.conf");
    fs::write(&file, &text).unwrap();
    let parsed = config::load(&file, &Registry::builtin());
    assert!(
        !parsed.diagnostics().has_errors(),
        "{}",
        parsed.diagnostics().render(false)
    );
    let model = parsed.into_model(Mode::Strict).unwrap();
    let secret: Vec<u8> = (0..32).collect();
    let keys = [
        HmacKey::new(1, secret).unwrap(),
        HmacKey::new(2, "a passphrase of at least 32 bytes, in quotes").unwrap(),
    ];
    let window = Duration::from_secs(7);
    let expected = HmacConfig::new(keys, 2)
        .unwrap()
        .with_anti_replay(AntiReplay::Time { window })
        .unwrap()
        .with_mode(HmacMode::Permissive);
    assert_eq!(
        model.routers[0].spec.config.authentication(),
        &Authentication::Hmac(expected)
    );
    // A text that comes from no file opens none.
    let parsed = config::parse(&text, "text", &Registry::builtin());
    assert!(
        parsed
            .diagnostics()
            .render(false)
            .contains("files are not read here")
    );
}
