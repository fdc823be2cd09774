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

use lb_check::Registry;
use lb_core::config::{self, Mode, Parsed};
use lb_core::model::{Model, Source};
use lb_ipvs::{Scheduler, ServiceFlags};
use lb_vrrp::spec::LockMemory;
use lb_vrrp::track::ProcessPattern;
use lb_vrrp::{AntiReplay, Authentication};

fn parsed(text: &str) -> Parsed {
    config::parse(text, "lb.conf", &Registry::builtin())
}

fn model(text: &str) -> Model {
    parsed(text)
        .into_model(Mode::Strict)
        .unwrap_or_else(|findings| panic!("{findings}"))
}

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
        assert!(checks[1].probe.identity.contains("dynamic: true"));
        checks[0].probe.identity.to_string()
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
