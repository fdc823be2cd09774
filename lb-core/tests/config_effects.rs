// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keywords that no other test has in a configuration: what they set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use lb_check::{HealthCheck as _, Initial, Registry, TcpCheck};
use lb_core::config::{self, Mode, Parsed};
use lb_core::model::{Model, Source};
use lb_ipvs::{Scheduler, ServiceFlags};
use lb_vrrp::spec::{LockMemory, Realtime};
use lb_vrrp::track::ProcessPattern;
use lb_vrrp::{AntiReplay, Authentication, Version};

fn parsed(text: &str) -> Parsed {
    config::parse(text, "lb.conf", &Registry::builtin())
}

fn model(text: &str) -> Model {
    parsed(text)
        .into_model(Mode::Strict)
        .unwrap_or_else(|findings| panic!("{findings}"))
}

// shows global_defs: smtp_helo_name, vrrp_notify_fifo_script, checker_no_swap, checker_rlimit_rttime
// shows global_defs: state_dump_file_location, stats_dump_file_location
#[test]
fn words_of_global_defs_set_files_names_and_limits() {
    let model = model(
        "global_defs {\n smtp_server 192.0.2.25\n notification_email {\n a@example.net\n }\n \
         smtp_helo_name lb1.example.net\n vrrp_notify_fifo /run/vrrp\n \
         vrrp_notify_fifo_script /bin/true\n checker_no_swap\n checker_rlimit_rttime 500\n \
         state_dump_file_location /run/state\n stats_dump_file_location /run/stats\n}\n",
    );
    let global = model.global;
    assert_eq!(global.mail.unwrap().helo.unwrap(), "lb1.example.net");
    assert_eq!(
        global.fifos.vrrp.unwrap().script.unwrap().argv,
        ["/bin/true"]
    );
    assert_eq!(global.checks.scheduling.memory, LockMemory::Always);
    assert_eq!(
        global.checks.scheduling.limit,
        Some(Duration::from_micros(500))
    );
    assert_eq!(
        global.runtime.dumps.state.as_deref(),
        Some(Path::new("/run/state"))
    );
    assert_eq!(
        global.runtime.dumps.stats.as_deref(),
        Some(Path::new("/run/stats"))
    );
}

// shows global_defs: iproute_etc_dir, iproute_usr_dir
#[test]
fn iproute_usr_dir_names_tables() {
    let usr = tempfile::tempdir().unwrap();
    fs::write(usr.path().join("rt_tables"), "1001 usr\n").unwrap();
    let text = format!(
        "global_defs {{\n iproute_etc_dir /nonexistent\n iproute_usr_dir {}\n}}\n\
         static_routes {{\n 192.0.2.0/24 dev eth0 table usr\n}}\n",
        usr.path().display()
    );
    assert_eq!(model(&text).statics.routes[0].item.table, 1001);
}

// shows vrrp_instance: no_virtual_ipaddress
#[test]
fn no_virtual_ipaddress_silences_the_warning() {
    let text = |word: &str| {
        format!(
            "vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n priority 9\n{word}\n}}\n"
        )
    };
    assert_eq!(parsed(&text("")).diagnostics().len(), 1);
    assert_eq!(parsed(&text("no_virtual_ipaddress")).diagnostics().len(), 0);
}

// shows vrrp_instance: garp_lower_prio_delay, auth_hmac
// shows auth_hmac: anti_replay
#[test]
fn garp_lower_prio_delay_and_anti_replay_reach_the_router() {
    let key = "00".repeat(32);
    let text = format!(
        "vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n priority 9\n \
         garp_lower_prio_delay 7\n auth_hmac {{\n key 1 hex:{key}\n active_key 1\n \
         anti_replay monotonic\n }}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
    );
    let spec = &model(&text).routers[0].spec;
    assert_eq!(spec.announcements.lower_delay, Some(Duration::from_secs(7)));
    let Authentication::Hmac(hmac) = spec.config.authentication() else {
        panic!("{spec:?}");
    };
    assert_eq!(hmac.own_anti_replay(), Some(AntiReplay::Monotonic));
}

// shows vrrp_script: init_fail
// shows vrrp_track_process: full_command, fork_delay, terminate_delay
#[test]
fn words_of_tracked_objects_set_states_and_delays() {
    let model = model(
        "vrrp_script s {\n script /bin/true\n init_fail\n}\n\
         vrrp_track_process p {\n process nginx\n full_command\n fork_delay 2\n terminate_delay 3\n}\n\
         vrrp_instance V {\n interface eth0\n virtual_router_id 5\n priority 9\n \
         track_script {\n s\n }\n track_process {\n p\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    );
    let Source::Script(script) = &model.objects[0].source else {
        panic!("{:?}", model.objects);
    };
    assert!(script.script.init_fail);
    let Source::Process(source) = &model.objects[1].source else {
        panic!("{:?}", model.objects);
    };
    assert_eq!(
        source.pattern,
        ProcessPattern::Exact(vec!["nginx".to_owned()])
    );
    assert_eq!(source.process.fork_delay, Duration::from_secs(2));
    assert_eq!(source.process.terminate_delay, Duration::from_secs(3));
}

// shows virtual_server: lvs_sched, lvs_method, persistence_engine, flag-1, flag-2, hysteresis
// shows real_server: lthreshold
#[test]
fn words_of_virtual_servers_set_the_service_and_its_quorum() {
    let model = model(
        "virtual_server 192.0.2.1 80 {\n lvs_sched lblc\n lvs_method NAT\n protocol TCP\n \
         persistence_engine sip\n flag-1\n flag-2\n quorum 3\n hysteresis 2\n \
         real_server 192.0.2.2 80 {\n weight 5\n uthreshold 9\n lthreshold 4\n }\n}\n",
    );
    let server = &model.virtual_servers[0];
    assert_eq!(
        server.service.scheduler,
        Scheduler::LocalityBasedLeastConnection
    );
    let flags = ServiceFlags::SCHED_1 | ServiceFlags::SCHED_2;
    assert_eq!(server.service.flags, flags);
    assert!(server.service.persistence_engine.is_some());
    assert_eq!((server.quorum, server.hysteresis), (3, 2));
    assert_eq!(server.real_servers[0].destination.thresholds.lower, 4);
}

// shows global_defs: checker_log_all_failures
// shows virtual_server: virtualhost
// shows real_server: virtualhost
// shows HTTP_GET: http_protocol
// shows other checks: misc_dynamic
#[test]
fn words_of_checks_set_hosts_versions_and_weights() {
    let server = |own: &str, real: &str, check: &str, url: &str| {
        let text = format!(
            "global_defs {{\n checker_log_all_failures\n}}\n\
             virtual_server 192.0.2.1 80 {{\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n{own}\n \
             real_server 192.0.2.2 80 {{\n{real}\n HTTP_GET {{\n http_protocol 1.1\n{check}\n \
             url {{\n path /\n{url}\n }}\n }}\n \
             MISC_CHECK {{\n misc_path /bin/true\n misc_dynamic\n }}\n }}\n}}\n"
        );
        let checks = model(&text)
            .virtual_servers
            .remove(0)
            .real_servers
            .remove(0)
            .checks;
        assert!(checks.iter().all(|check| check.log_all_failures));
        assert!(checks[1].probe.check.identity().contains("dynamic: true"));
        checks[0].probe.check.identity().to_owned()
    };
    let (own, real) = ("virtualhost a.example", "virtualhost b.example");
    let (check, url) = ("virtualhost c.example", "virtualhost d.example");
    let plain = server("", "", "", "");
    assert!(
        plain.contains("Http11") && !plain.contains("example"),
        "{plain}"
    );
    assert!(server(own, "", "", "").contains("a.example"));
    assert!(server(own, real, "", "").contains("b.example"));
    assert!(server(own, real, check, "").contains("c.example"));
    assert!(server(own, real, check, url).contains("d.example"));
}

// shows global_defs: smtp_connect_timeout, startup_script_timeout, shutdown_script_timeout, checker_rt_priority, checker_priority
#[test]
fn words_of_mail_scripts_and_checks_set_limits() {
    let global = model(
        "global_defs {\n smtp_server 192.0.2.25\n notification_email {\n a@example.net\n }\n \
         smtp_connect_timeout 7\n startup_script /bin/true\n startup_script_timeout 8\n \
         shutdown_script /bin/true\n shutdown_script_timeout 9\n checker_rt_priority 20\n \
         checker_priority -5\n}\n",
    )
    .global;
    let seconds = Duration::from_secs;
    assert_eq!(global.mail.unwrap().timeout, seconds(7));
    let [startup, shutdown] = [
        global.runtime.startup_script,
        global.runtime.shutdown_script,
    ];
    assert_eq!(startup.unwrap().timeout, seconds(8));
    assert_eq!(shutdown.unwrap().timeout, seconds(9));
    let scheduling = global.checks.scheduling;
    assert_eq!(scheduling.realtime, Realtime::Always);
    assert_eq!((scheduling.priority, scheduling.nice), (20, Some(-5)));
}

// shows vrrp_instance: state, version, preempt, higher_prio_send_advert
// shows global_defs: vrrp_higher_prio_send_advert
#[test]
fn words_of_instances_set_state_version_and_adverts() {
    let router = |global: &str, lines: &str| {
        let text = format!(
            "global_defs {{\n{global}\n}}\nvrrp_instance V {{\n interface eth0\n \
             virtual_router_id 5\n{lines}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        );
        model(&text).routers.remove(0).spec.config
    };
    assert_eq!(router("", "state MASTER").priority().get(), 255);
    assert_eq!(router("", "state BACKUP").priority().get(), 100);
    assert_eq!(router("", "").version(), Version::V2);
    assert_eq!(router("", "version 3").version(), Version::V3);
    assert_eq!(router("vrrp_version 3", "version 2").version(), Version::V2);
    assert!(!router("", "nopreempt").preempt());
    assert!(router("", "nopreempt\n preempt").preempt());
    let off = "vrrp_higher_prio_send_advert off";
    assert!(router("", "").farewell());
    assert!(!router("", "higher_prio_send_advert off").farewell());
    assert!(!router(off, "").farewell());
    assert!(router(off, "higher_prio_send_advert").farewell());
}

// shows track_file: weight
// shows vrrp_track_process: weight
#[test]
fn weights_of_tracked_objects_hold_where_a_router_names_none() {
    let model = model(
        "vrrp_script s {\n script /bin/true\n weight -9\n}\n\
         track_file f {\n file /run/load\n weight 3\n}\n\
         vrrp_track_process p {\n process nginx\n weight 7 reverse\n}\n\
         vrrp_instance V {\n interface eth0\n virtual_router_id 5\n priority 9\n \
         track_script {\n s\n }\n track_file {\n f\n }\n track_process {\n p\n }\n \
         virtual_ipaddress {\n 192.0.2.1\n }\n}\n\
         vrrp_instance W {\n interface eth0\n virtual_router_id 6\n priority 9\n \
         track_file {\n f weight 2\n }\n track_process {\n p weight 1\n }\n \
         virtual_ipaddress {\n 192.0.2.2\n }\n}\n",
    );
    let tracked = model.routers.iter().map(|router| {
        let tracked = router.spec.tracked.iter();
        let tracked = tracked.map(|(object, weight)| format!("{object} {weight}"));
        tracked.collect::<Vec<_>>()
    });
    let tracked: Vec<_> = tracked.collect();
    assert_eq!(
        tracked[0],
        ["script s -9", "file f 3", "process p 7 reverse"]
    );
    assert_eq!(tracked[1], ["file f 2", "process p 1 reverse"]);
}

// shows vrrp_track_process: param_match
#[test]
fn processes_match_by_the_beginning_of_their_parameters() {
    let pattern = |lines: &str| {
        let text = format!(
            "vrrp_track_process p {{\n process /usr/sbin/named -u bind\n{lines}\n}}\n\
             vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n priority 9\n \
             track_process {{\n p\n }}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        );
        match &model(&text).objects[0].source {
            Source::Process(source) => source.pattern.clone(),
            source => panic!("{source:?}"),
        }
    };
    let words = || {
        ["/usr/sbin/named", "-u", "bind"]
            .map(str::to_owned)
            .to_vec()
    };
    assert_eq!(pattern(""), ProcessPattern::Exact(words()));
    let initial = pattern("param_match initial");
    assert_eq!(initial, ProcessPattern::Initial(words()));
    let partial = pattern("param_match partial");
    assert_eq!(partial, ProcessPattern::Partial(words()));
}

// shows virtual_server: alpha, delay_loop, connect_timeout, retry, delay_before_retry, warmup
// shows real_server: alpha, delay_loop, connect_timeout, retry, delay_before_retry, warmup
// shows all checks: alpha, delay_loop, connect_timeout, retry, delay_before_retry, warmup
#[test]
fn checks_have_the_times_of_their_own_else_of_the_real_server_else_of_the_virtual_server() {
    let words = |number: u64| {
        format!(
            "delay_loop {number}\n connect_timeout {number}\n retry {number}\n \
             delay_before_retry {number}\n warmup {number}"
        )
    };
    let check = |server: &str, real: &str, own: &str| {
        let text = format!(
            "virtual_server 192.0.2.1 80 {{\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n{server}\n \
             real_server 192.0.2.2 80 {{\n{real}\n TCP_CHECK {{\n{own}\n }}\n }}\n}}\n"
        );
        let mut model = model(&text);
        let server = &mut model.virtual_servers[0];
        server.real_servers[0].checks.remove(0)
    };
    for (server, real, own, number) in [
        (words(9), String::new(), String::new(), 9),
        (words(9), words(8), String::new(), 8),
        (words(9), words(8), words(7), 7),
    ] {
        let check = check(&server, &real, &own);
        let seconds = Duration::from_secs(number);
        let policy = &check.probe.policy;
        assert_eq!(policy.interval, seconds);
        assert_eq!(policy.retries, u32::try_from(number).unwrap());
        assert_eq!(policy.retry_delay, seconds);
        assert_eq!(policy.warmup, Some(seconds));
        assert_eq!(
            check.probe.check.identity(),
            TcpCheck::new(seconds).identity()
        );
    }
    for (server, real, own, initial) in [
        ("", "", "", Initial::Up),
        ("alpha", "", "", Initial::Down),
        ("alpha", "alpha off", "", Initial::Up),
        ("", "alpha", "", Initial::Down),
        ("", "alpha", "alpha off", Initial::Up),
        ("", "", "alpha", Initial::Down),
    ] {
        let found = check(server, real, own).probe.policy.initial;
        assert_eq!(found, initial, "{server} {real} {own}");
    }
}

// shows virtual_server: inhibit_on_failure, weight
#[test]
fn real_servers_have_weight_and_inhibition_of_their_own_else_of_the_virtual_server() {
    let model = model(
        "virtual_server 192.0.2.1 80 {\n lvs_sched wrr\n lvs_method NAT\n protocol TCP\n \
         weight 6\n inhibit_on_failure\n real_server 192.0.2.2 80 {\n }\n \
         real_server 192.0.2.3 80 {\n weight 5\n inhibit_on_failure off\n }\n}\n",
    );
    let real_servers = model.virtual_servers[0].real_servers.iter();
    let found: Vec<_> = real_servers
        .map(|real| (real.destination.weight.get(), real.inhibit_on_failure))
        .collect();
    assert_eq!(found, [(6, true), (5, false)]);
}

// shows other checks: user
#[test]
fn a_script_check_runs_as_the_user_that_it_names() {
    let identity = |line: &str| {
        let text = format!(
            "global_defs {{\n script_user root\n enable_script_security\n}}\n\
             virtual_server 192.0.2.1 80 {{\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n \
             real_server 192.0.2.2 80 {{\n MISC_CHECK {{\n misc_path /bin/true\n{line}\n }}\n }}\n}}\n"
        );
        let mut model = model(&text);
        let check = model.virtual_servers[0].real_servers[0].checks.remove(0);
        check.probe.check.identity().to_owned()
    };
    assert_ne!(identity("user nobody"), identity(""));
    assert_eq!(identity("user root"), identity(""));
}

// shows vrrp_sync_group: track_process
#[test]
fn a_sync_group_tracks_processes() {
    let model = model(
        "vrrp_track_process p {\n process nginx\n}\n\
         vrrp_sync_group G {\n group {\n V\n }\n track_process {\n p weight 4\n }\n}\n\
         vrrp_instance V {\n interface eth0\n virtual_router_id 5\n priority 9\n \
         virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    );
    let tracked = model.groups[0].spec.tracked.iter();
    let tracked: Vec<_> = tracked
        .map(|(object, weight)| format!("{object} {weight}"))
        .collect();
    assert_eq!(tracked, ["process p 4"]);
}

// shows virtual_server: smtp_alert
// shows real_server: smtp_alert
#[test]
fn mails_of_servers_are_those_that_their_blocks_ask_for() {
    let alerts = |global: &str, server: &str, real: &str| {
        let model = model(&format!(
            "global_defs {{\n{global}\n}}\n\
             virtual_server 192.0.2.1 80 {{\n lvs_sched rr\n lvs_method NAT\n protocol TCP\n{server}\n \
             real_server 192.0.2.2 80 {{\n{real}\n }}\n}}\n"
        ));
        let server = &model.virtual_servers[0];
        (server.smtp_alert, server.real_servers[0].smtp_alert)
    };
    assert_eq!(alerts("", "", ""), (false, true));
    assert_eq!(alerts("", "smtp_alert", "smtp_alert off"), (true, false));
    let off = "smtp_alert off";
    assert_eq!(alerts("smtp_alert", off, off), (false, false));
    assert_eq!(alerts(off, "smtp_alert", "smtp_alert"), (true, true));
}
