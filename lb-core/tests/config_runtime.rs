// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words about processes, files, reloads and the IPVS table, and checks that are kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::{Global, IpvsNamespace, ReloadFile};
use lb_ipvs::Timeouts;

fn parse(text: &str) -> config::Parsed {
    config::parse(text, "t.conf", &Registry::builtin())
}

/// The global settings of a text without findings.
fn global(text: &str) -> Global {
    let parsed = parse(text);
    let findings = parsed.diagnostics().render(false);
    assert!(parsed.diagnostics().is_empty(), "{findings}");
    parsed.into_model(Mode::Strict).unwrap().global
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// shows top level: instance, use_pid_dir, child_wait_time
#[test]
fn words_at_the_top_are_kept() {
    let runtime =
        global("instance one\nnet_namespace blue\nuse_pid_dir\nchild_wait_time 7\n").runtime;
    assert_eq!(runtime.instance.as_deref(), Some("one"));
    assert_eq!(runtime.network_namespace.as_deref(), Some("blue"));
    assert_eq!(runtime.ipvs_namespace, IpvsNamespace::Own);
    assert!(runtime.pid_directory);
    assert_eq!(runtime.child_wait, seconds(7));
    assert_eq!(global("").runtime.child_wait, seconds(5));
    for (line, expected) in [
        ("net_namespace_ipvs", IpvsNamespace::Initial),
        ("net_namespace_ipvs red", IpvsNamespace::Named("red".into())),
    ] {
        assert_eq!(global(line).runtime.ipvs_namespace, expected);
    }
}

// shows global_defs: process_names, vrrp_process_name, checker_process_name, rs_init_notifies, no_checker_emails, reload_check_config
// shows global_defs: reload_time_file, reload_repeat, reload_file, state_dump_file, stats_dump_file, json_dump_file_location
// shows global_defs: json_version, data_use_instance
#[test]
fn words_of_global_defs_are_kept() {
    let global = global(
        "global_defs {
             process_names
             process_name ka
             vrrp_process_name kv
             checker_process_name kc
             bfd_process_name kb
             random_seed 3
             reload_time_file /run/reload
             reload_repeat
             reload_check_config /run/check.log
             reload_file
             state_dump_file /run/d
             stats_dump_file /run/s
             json_dump_file_location /run/j
             json_version 2
             data_use_instance
             startup_script \"/bin/true a\" root root
             startup_script_timeout 20
             shutdown_script /bin/false
             lvs_timeouts tcp 900 udp 300
             lvs_flush
             lvs_flush_on_stop
             rs_init_notifies
             no_checker_emails
             checker_priority -5
             checker_rt_priority 20
             nftables t
             nftables_priority -2
             nftables_counters
         }",
    );
    let runtime = &global.runtime;
    let names = &runtime.names;
    assert!(names.defaults);
    let all = [&names.main, &names.vrrp, &names.checker, &names.bfd];
    assert_eq!(
        all.map(|name| name.as_deref().unwrap()),
        ["ka", "kv", "kc", "kb"]
    );
    assert_eq!(runtime.random_seed, Some(3));
    let reload = &runtime.reload;
    assert_eq!(reload.time_file.as_deref(), Some("/run/reload".as_ref()));
    assert!(reload.repeat && reload.check);
    assert_eq!(reload.check_log.as_deref(), Some("/run/check.log".as_ref()));
    assert_eq!(reload.file, Some(ReloadFile::Default));
    let dumps = &runtime.dumps;
    let files = [&dumps.state, &dumps.stats, &dumps.json];
    assert_eq!(
        files.map(|file| file.as_deref().unwrap().to_str().unwrap()),
        ["/run/d", "/run/s", "/run/j"]
    );
    assert_eq!((dumps.json_version, dumps.use_instance), (2, true));
    let startup = runtime.startup_script.as_ref().unwrap();
    assert_eq!(startup.script.argv, ["/bin/true", "a"]);
    assert_eq!(startup.script.account, Some((0, 0)));
    assert_eq!(startup.timeout, seconds(20));
    let shutdown = runtime.shutdown_script.as_ref().unwrap();
    assert_eq!(
        (shutdown.script.argv.clone(), shutdown.timeout),
        (vec!["/bin/false".into()], seconds(10))
    );
    let timeouts = Timeouts {
        tcp: seconds(900),
        tcp_fin: Duration::ZERO,
        udp: seconds(300),
    };
    assert_eq!(global.ipvs.timeouts, Some(timeouts));
    assert!(global.ipvs.flush && global.ipvs.flush_on_stop);
    assert!(global.notifies_added_servers && global.checks.no_check_mails);
    assert_ne!(
        global.checks.scheduling,
        Global::default().checks.scheduling
    );
    let filter = &global.packet_filter;
    assert_eq!(filter.table.as_deref(), Some("t"));
    assert_eq!((filter.priority, filter.counters), (Some(-2), true));
}

#[test]
fn a_umask_is_a_number_or_bits() {
    for (written, mask) in [
        ("077", 0o77),
        ("0x1f", 0x1f),
        ("18", 18),
        ("IRWXG|IRWXO", 0o77),
        ("IRUSR | IWGRP", 0o420),
    ] {
        let text = format!("global_defs {{\n umask {written}\n}}\n");
        assert_eq!(global(&text).runtime.umask, Some(mask), "{written}");
    }
}

#[test]
fn only_our_services_go_at_the_stop_with_vs() {
    assert!(
        !global("global_defs {\n lvs_flush_on_stop VS\n}\n")
            .ipvs
            .flush_on_stop
    );
}

/// Each wrong line has one error, at its place, and keepalived reports it too.
#[test]
fn wrong_values_are_reported() {
    for line in [
        "lvs_timeouts",
        "lvs_timeouts tcp",
        "lvs_timeouts tcp 2678401",
        "lvs_timeouts banana 5",
        "lvs_flush_on_stop banana",
        "umask banana",
        "umask 1000",
        "umask IRUSR|IXXX",
        "startup_script_timeout 0",
        "shutdown_script_timeout 1001",
        "random_seed x",
        "rs_init_notifies banana",
        "nftables_priority x",
        "checker_priority 50",
        "json_version 3",
    ] {
        let parsed = parse(&format!("global_defs {{\n {line}\n}}\n"));
        let findings = parsed.diagnostics();
        assert_eq!(findings.errors(), 1, "{line}: {findings}");
        assert_eq!(findings.keepalived_status(), 5, "{line}");
        let place = findings.location(findings.iter().next().unwrap());
        assert_eq!(place.line, 2, "{line}");
    }
}

#[test]
fn a_long_process_name_is_cut() {
    let parsed = parse("global_defs {\n process_name averyveryverylongname\n}\n");
    assert_eq!(parsed.diagnostics().warnings(), 1);
    let names = parsed
        .into_model(Mode::Strict)
        .unwrap()
        .global
        .runtime
        .names;
    assert_eq!(names.main.as_deref(), Some("averyveryverylo"));
}

/// Words about SNMP and D-Bus have one warning for all of them.
#[test]
fn management_words_have_one_warning() {
    let parsed = parse(
        "global_defs {\n enable_snmp_vrrp\n enable_traps\n snmp_socket udp:localhost:705\n \
         enable_dbus\n dbus_service_name x\n}\n",
    );
    let findings = parsed.diagnostics().to_string();
    assert_eq!(findings.lines().count(), 1, "{findings}");
    let shown = parsed.diagnostics().render(false);
    for word in [
        "enable_snmp_vrrp",
        "enable_traps",
        "snmp_socket",
        "enable_dbus",
        "dbus_service_name",
    ] {
        assert!(shown.contains(&format!("`{word}`")), "{shown}");
    }
    assert_eq!(parsed.keepalived_status(), 0);
}

/// A real server with this check, and its findings without places.
fn check(block: &str) -> (config::Parsed, Vec<String>) {
    let text = format!(
        "virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n \
         real_server 10.0.0.2 80 {{\n{block}\n}}\n}}\n"
    );
    let parsed = parse(&text);
    let messages = parsed.diagnostics().iter();
    let messages = messages.map(|finding| finding.message.clone()).collect();
    (parsed, messages)
}

#[test]
fn checks_that_do_not_run_are_kept_and_reported() {
    let block = "BFD_CHECK {\n name B\n }";
    let kind = block.split(' ').next().unwrap();
    let (parsed, messages) = check(block);
    assert_eq!(messages, [format!("`{kind}` does not run in this version")]);
    assert_eq!(parsed.keepalived_status(), 0, "{kind}");
    let model = parsed.into_model(Mode::Strict).unwrap();
    let [pending] = &*model.virtual_servers[0].real_servers[0].pending_checks else {
        panic!("{kind}");
    };
    assert_eq!(pending.kind, kind);
    assert!(!pending.settings.is_empty());
}

#[test]
fn mistakes_in_checks_that_do_not_run_are_reported() {
    for (block, message) in [
        (
            "BFD_CHECK {\n name B\n banana 1\n }",
            "unknown keyword `banana`",
        ),
        ("BFD_CHECK {\n }", "`BFD_CHECK` needs `name`"),
    ] {
        let (parsed, messages) = check(block);
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(
            messages.iter().any(|found| found == message),
            "{messages:?}"
        );
        assert_eq!(parsed.keepalived_status(), 5, "{block}");
    }
}

// shows HTTP_GET: sni_name
// shows url: tls_compliant
#[test]
fn ssl_get_has_the_words_of_http_get_and_those_of_tls() {
    let block = "SSL_GET {\n url {\n path /\n status_code 200\n tls_compliant\n }\n enable_sni\n \
                 sni_name example.org\n tls_compliant on\n retry 3\n }";
    let (parsed, messages) = check(block);
    assert!(messages.is_empty(), "{messages:?}");
    let model = parsed.into_model(Mode::Strict).unwrap();
    let real_server = &model.virtual_servers[0].real_servers[0];
    let [running] = &*real_server.checks else {
        panic!("{real_server:?}");
    };
    assert_eq!(&*running.kind, "SSL_GET");
    assert_eq!(running.probe.policy.retries, 3);
    assert!(running.probe.check.identity().contains("example.org"));
    assert!(real_server.pending_checks.is_empty());
    for (block, message) in [
        ("SSL_GET {\n }", "`SSL_GET` needs `url`"),
        (
            "SSL_GET {\n url {\n path /\n }\n enable_sni banana\n }",
            "`banana` is not on or off",
        ),
        (
            "SSL_GET {\n url {\n path /\n }\n banana\n }",
            "unknown keyword `banana`",
        ),
    ] {
        let (_, messages) = check(block);
        assert_eq!(messages, [message]);
    }
}

#[test]
fn bfd_instances_are_validated() {
    let text = |lines: &str| format!("bfd_instance B {{\n{lines}\n}}\n");
    let good =
        text("neighbor_ip 10.0.0.2\n source_ip 10.0.0.1\n min_rx 100\n multiplier 3\n passive");
    let parsed = parse(&good);
    assert_eq!(
        (
            parsed.diagnostics().errors(),
            parsed.diagnostics().warnings()
        ),
        (0, 1)
    );
    for lines in [
        "",
        "neighbor_ip 10.0.0.2\n min_rx 0",
        "neighbor_ip 10.0.0.2\n idle_tx 5",
        "neighbor_ip 10.0.0.2\n multiplier 300",
        "neighbor_ip 10.0.0.2\n banana",
    ] {
        let parsed = parse(&text(lines));
        assert_eq!(parsed.diagnostics().errors(), 1, "{lines}");
        assert_eq!(parsed.keepalived_status(), 5, "{lines}");
    }
}

#[test]
fn iptables_is_not_the_packet_filter() {
    for line in ["vrrp_iptables", "vrrp_iptables IN OUT", "vrrp_ipsets"] {
        let parsed = parse(&format!("global_defs {{\n {line}\n nftables\n}}\n"));
        let findings = parsed.diagnostics().render(false);
        assert_eq!(parsed.diagnostics().errors(), 0, "{findings}");
        let keyword = line.split(' ').next().unwrap();
        let message =
            format!("warning: `{keyword}` has no effect: the packet filter uses nftables");
        assert!(findings.contains(&message), "{findings}");
        assert_eq!(parsed.keepalived_status(), 5);
        let filter = parsed
            .into_model(Mode::Strict)
            .unwrap()
            .global
            .packet_filter;
        assert_eq!(filter.table.as_deref(), Some("keepalived"));
    }
}
