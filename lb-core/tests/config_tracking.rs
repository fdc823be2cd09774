// SPDX-License-Identifier: MIT OR Apache-2.0
//! What virtual routers track, and sync groups, as they are read from a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::{FileSource, Source};
use lb_vrrp::track::{FileInit, ProcessPattern};

// shows top level: vrrp_track_process
// shows vrrp_instance: track_process, dont_track_primary
// shows vrrp_script: interval, timeout, rise, fall
// shows track_file: init_file
// shows vrrp_track_process: quorum, quorum_max, delay
#[test]
fn what_routers_track_and_which_go_together() {
    let text = "\
vrrp_script chk {
    script \"/bin/sh -c 'exit 0'\"
    interval 0.5
    timeout 2
    rise 2
    fall 3
    weight -60
}
vrrp_script ready {
    script \"</etc/hostname\"
    weight 10 reverse
}
track_file load {
    file /run/load
    init_file 5 overwrite
}
vrrp_track_process web {
    process nginx
    quorum 2
    quorum_max 4
    delay 1.5
}
vrrp_track_process named {
    process /usr/sbin/named -u bind
    param_match initial
}
vrrp_sync_group VG {
    group {
        inside
        outside
    }
    track_interface {
        eth2
    }
    sync_group_tracking_weight
}
vrrp_instance inside {
    interface eth0
    virtual_router_id 51
    dont_track_primary
    track_interface {
        eth1 weight -20
    }
    track_script {
        chk
        ready weight 30
    }
    track_file {
        load weight 2
    }
    track_process {
        web
        named weight 5 reverse
    }
    virtual_ipaddress {
        192.0.2.1
    }
}
vrrp_instance outside {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress {
        198.51.100.1
    }
}
";
    let parsed = config::parse(text, "lb.conf", &Registry::builtin());
    assert_eq!(parsed.diagnostics().to_string(), "");
    let model = parsed.into_model(Mode::Strict).unwrap();
    let tracked: Vec<String> = model.routers[0]
        .spec
        .tracked
        .iter()
        .map(|(object, weight)| format!("{object} {weight}"))
        .collect();
    assert_eq!(
        tracked,
        [
            "interface eth1 -20",
            "script chk -60",
            "script ready 30 reverse",
            "file load 2",
            "process web 0",
            "process named 5 reverse",
        ]
    );
    assert!(model.routers[0].spec.ignores_interface);
    assert_eq!(model.groups.len(), 1);
    assert_eq!(model.groups[0].spec.members, ["inside", "outside"]);
    assert_eq!(model.groups[0].spec.tracked.len(), 1);
    assert!(model.groups[0].spec.tracking_weight);
    assert_eq!(model.objects.len(), 5);
    let Source::Script(script) = &model.objects[0].source else {
        panic!("{:?}", model.objects[0]);
    };
    assert_eq!(script.argv, ["/bin/sh", "-c", "exit 0"]);
    assert_eq!(script.interval, Duration::from_millis(500));
    assert_eq!(script.timeout, Duration::from_secs(2));
    assert_eq!((script.script.rise.get(), script.script.fall.get()), (2, 3));
    let Source::Script(script) = &model.objects[1].source else {
        panic!("{:?}", model.objects[1]);
    };
    assert_eq!(script.argv[3], "/etc/hostname");
    assert_eq!(
        model.objects[2].source,
        FileSource::new("/run/load")
            .with_init(FileInit {
                value: 5,
                overwrite: true
            })
            .into()
    );
    let Source::Process(source) = &model.objects[3].source else {
        panic!("{:?}", model.objects[3]);
    };
    let process = source.process;
    assert_eq!(source.pattern, ProcessPattern::Name("nginx".to_owned()));
    assert_eq!((process.quorum, process.quorum_max), (2, Some(4)));
    assert_eq!(process.fork_delay, Duration::from_millis(1500));
    assert_eq!(process.terminate_delay, process.fork_delay);
}

// shows vrrp_track_process: process, full_command
#[test]
fn processes_are_tracked_by_path_name_or_whole_command_line() {
    for (lines, expected) in [
        (
            "process /usr/sbin/haproxy",
            ProcessPattern::Name("/usr/sbin/haproxy".to_owned()),
        ),
        (
            "process \"/usr/sbin/haproxy -W\"\n full_command",
            ProcessPattern::Exact(vec!["/usr/sbin/haproxy".to_owned(), "-W".to_owned()]),
        ),
        (
            "process /usr/sbin/haproxy -W",
            ProcessPattern::Exact(vec!["/usr/sbin/haproxy".to_owned(), "-W".to_owned()]),
        ),
    ] {
        let text = format!(
            "vrrp_track_process p {{\n {lines}\n}}\nvrrp_instance a {{\n interface eth0\n \
             virtual_router_id 1\n virtual_ipaddress {{\n 192.0.2.1\n }}\n track_process {{\n p\n }}\n}}\n"
        );
        let parsed = config::parse(&text, "test.conf", &Registry::builtin());
        let (model, diagnostics) = parsed.into_parts(Mode::Strict);
        let model = model.unwrap_or_else(|| panic!("{lines}: {diagnostics:?}"));
        let Source::Process(source) = &model.objects[0].source else {
            panic!("{:?}", model.objects[0]);
        };
        assert_eq!(source.pattern, expected, "{lines}");
    }
}

#[test]
fn mistakes_in_tracking_are_reported_and_skipped_as_in_keepalived() {
    let text = "\
vrrp_script chk {
    script /bin/true
    weight 300
}
vrrp_script gone {
    script /nonexistent/script
}
vrrp_script idle {
    script /bin/true
}
vrrp_sync_group VG {
    group {
        VI_1
        VI_2
    }
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 255
    track_script {
        chk weight 5
        chkk
        gone
    }
    track_interface {
        eth0
        eth1 wieght 5
    }
    virtual_ipaddress {
        192.0.2.1
    }
}
";
    let parsed = config::parse(text, "lb.conf", &Registry::builtin());
    let model = parsed.model(Mode::Lenient).unwrap();
    assert_eq!(model.groups[0].spec.members, ["VI_1"]);
    assert!(model.routers[0].spec.tracked.is_empty());
    assert!(parsed.model(Mode::Strict).is_none());
    insta::assert_snapshot!(parsed.diagnostics().to_string());
}

#[test]
fn a_name_holds_once_and_a_redirection_is_whether_the_file_can_be_read() {
    let text = "\
vrrp_script A {
    script /bin/true
    weight -300
}
vrrp_script B {
    script < /etc/host name
}
vrrp_script A {
    script /bin/false
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    track_script {
        A
        B weight many
    }
    virtual_ipaddress {
        192.0.2.1
    }
}
";
    let parsed = config::parse(text, "lb.conf", &Registry::builtin());
    let found = parsed.diagnostics().to_string();
    assert_eq!(
        found,
        "lb.conf:3:12: error: `-300` is not a weight of -253 to 253\n\
         lb.conf:8:13: error: a second `vrrp_script A`; the first one holds, this one is skipped (lb.conf:1:13)\n\
         lb.conf:16:18: error: `many` is not a weight of -253 to 253\n"
    );
    let model = parsed.model(Mode::Lenient).unwrap();
    assert_eq!(model.objects.len(), 2);
    let tracked: Vec<String> = model.routers[0]
        .spec
        .tracked
        .iter()
        .map(|(object, weight)| format!("{object} {weight}"))
        .collect();
    assert_eq!(tracked, ["script A -253", "script B 0"]);
    let Source::Script(script) = &model.objects[1].source else {
        panic!("{:?}", model.objects[1]);
    };
    assert_eq!(
        script.argv,
        ["/bin/sh", "-c", ": <\"$0\"", "/etc/host name"]
    );
}

/// Only root can make a script that root owns; for other users every file of a test has an owner without privileges.
// shows global_defs: enable_script_security
// shows vrrp_script: user
#[test]
fn scripts_of_root_that_others_may_change_are_refused_or_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("check");
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o777)).unwrap();
    let path = script.display();
    let text = |security: &str| {
        format!(
            "global_defs {{\n script_user root\n {security}\n}}\n\
             vrrp_script chk {{\n script {path}\n}}\n\
             vrrp_script nobodys {{\n script {path}\n user nobody\n}}\n\
             vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n track_script {{\n chk\n \
             nobodys\n }}\n virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n\
             virtual_server 192.0.2.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n \
             real_server 192.0.2.61 80 {{\n MISC_CHECK {{\n misc_path {path}\n }}\n }}\n}}\n"
        )
    };
    let read = |security: &str| {
        let parsed = config::parse(&text(security), "lb.conf", &Registry::builtin());
        assert_eq!(parsed.diagnostics().errors(), 0, "{}", parsed.diagnostics());
        let found = parsed.diagnostics().to_string();
        let model = parsed.into_model(Mode::Strict).unwrap();
        let check = model.virtual_servers[0].real_servers[0].checks.len();
        (model.objects.len(), check, found)
    };
    let why = "run by root, and others than root may change";
    let (scripts, checks, found) = read("");
    assert_eq!((scripts, checks), (2, 1), "{found}");
    assert_eq!(found.matches(why).count(), 2, "{found}");
    let (scripts, checks, found) = read("enable_script_security");
    assert_eq!((scripts, checks), (1, 0), "{found}");
    assert_eq!(
        found.matches("is refused: run by root").count(),
        2,
        "{found}"
    );
    assert_eq!(
        found.matches("the script is left out").count(),
        1,
        "{found}"
    );
}

// shows global_defs: no_email_faults
#[test]
fn an_ignored_weight_in_a_sync_group_is_reported() {
    let text = |keyword: &str| {
        format!(
            "global_defs {{\n no_email_faults\n}}\n\
             vrrp_script chk {{\n script /bin/true\n weight -60\n}}\n\
             vrrp_script plain {{\n script /bin/true\n}}\n\
             vrrp_script other {{\n script /bin/true\n weight -60\n}}\n\
             track_file load {{\n file /run/load\n}}\n\
             vrrp_sync_group VG {{\n group {{\n VI_1\n }}\n track_script {{\n chk\n }}\n {keyword}\n}}\n\
             vrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n track_script {{\n \
             plain\n other\n }}\n track_interface {{\n eth1 weight -5\n }}\n track_file {{\n load\n }}\n \
             virtual_ipaddress {{\n 192.0.2.1\n }}\n}}\n"
        )
    };
    let read = |keyword: &str| {
        let parsed = config::parse(&text(keyword), "lb.conf", &Registry::builtin());
        let found = parsed.diagnostics().to_string();
        let labels: Vec<String> = parsed
            .diagnostics()
            .iter()
            .filter(|finding| finding.message.contains("in the sync group VG"))
            .map(|finding| {
                let what = finding.message.split(" has").next().unwrap();
                format!("{what}: {}", finding.label.as_deref().unwrap())
            })
            .collect();
        let model = parsed.into_model(Mode::Strict);
        assert!(model.unwrap().global.no_fault_mails, "{found}");
        labels
    };
    assert_eq!(
        read(""),
        [
            "script other: not tracked",
            "interface eth1: taken as 0: a fault",
            "file load: taken as 0: a fault",
        ]
    );
    assert!(read("sync_group_tracking_weight").is_empty());
    assert!(read("global_tracking").is_empty());
}

// shows global_defs: smtp_alert_vrrp
#[test]
fn mails_of_a_sync_group_have_the_defaults_of_routers() {
    let alerts = |global: &str, own: &str| {
        let text = format!(
            "global_defs {{\n{global}\n}}\n\
             vrrp_sync_group VG {{\n group {{\n VI_1\n VI_2\n }}\n {own}\n}}\n{}{}",
            instance(1),
            instance(2)
        );
        let parsed = config::parse(&text, "lb.conf", &Registry::builtin());
        let found = parsed.diagnostics().to_string();
        assert_eq!(found, "");
        parsed.into_model(Mode::Strict).unwrap().groups[0].smtp_alert
    };
    assert!(!alerts("", ""));
    assert!(alerts("", "smtp_alert"));
    assert!(alerts("smtp_alert", ""));
    assert!(!alerts("smtp_alert", "smtp_alert off"));
    assert!(alerts("smtp_alert off\n smtp_alert_vrrp", ""));
    assert!(!alerts("smtp_alert\n smtp_alert_vrrp off", ""));
    assert!(!alerts("smtp_alert_checker", ""));
}

fn instance(number: u8) -> String {
    format!(
        "vrrp_instance VI_{number} {{\n interface eth0\n virtual_router_id {number}\n \
         virtual_ipaddress {{\n 192.0.2.{number}\n }}\n}}\n"
    )
}
