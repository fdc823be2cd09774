// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts and FIFOs of notifications, as they are read from a file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_core::model::{Model, NotifyScript, RouterEvent};

/// Reads a file leniently: the model and the messages of all findings.
fn read(text: &str) -> (Model, Vec<String>) {
    let parsed = config::parse(text, "lb.conf", &Registry::builtin());
    let findings = parsed.diagnostics().iter();
    let findings = findings.map(|finding| finding.message.clone());
    let findings = findings.collect();
    (parsed.into_model(Mode::Lenient).unwrap(), findings)
}

fn instance(name: &str, vrid: u8, lines: &str) -> String {
    format!(
        "vrrp_instance {name} {{
    interface eth0
    virtual_router_id {vrid}
    virtual_ipaddress {{
        192.168.1.{vrid}
    }}
{lines}
}}
"
    )
}

fn words(script: &NotifyScript) -> Vec<&str> {
    let words = script.argv.iter();
    words.map(|word| word.to_str().unwrap()).collect()
}

#[test]
fn scripts_of_instances_with_arguments_and_users() {
    let lines = "\
    notify /bin/true
    notify_master \"/bin/echo 'a b' c\\\\x22d\" root root
    notify_backup \"/bin/echo backup\" root
    notify_fault \"/bin/echo fault\"
    notify_stop \"/bin/echo stop\"
    notify_deleted \"/bin/echo deleted\"
    notify_master_rx_lower_pri \"/bin/echo lower\"
    notify_priority_changes";
    let (model, findings) = read(&instance("VI_1", 51, lines));
    assert_eq!(findings, [] as [&str; 0]);
    let notify = &model.routers[0].notify;
    let script = |event| words(&notify.scripts[&event]);
    assert_eq!(script(RouterEvent::Any), ["/bin/true"]);
    assert_eq!(script(RouterEvent::Master), ["/bin/echo", "a b", "c\"d"]);
    assert_eq!(script(RouterEvent::Backup), ["/bin/echo", "backup"]);
    assert_eq!(script(RouterEvent::Fault), ["/bin/echo", "fault"]);
    assert_eq!(script(RouterEvent::Stop), ["/bin/echo", "stop"]);
    assert_eq!(script(RouterEvent::Deleted), ["/bin/echo", "deleted"]);
    assert_eq!(script(RouterEvent::LosingAdvert), ["/bin/echo", "lower"]);
    assert_eq!(notify.scripts[&RouterEvent::Master].account, Some((0, 0)));
    assert_eq!(notify.scripts[&RouterEvent::Fault].account, None);
    assert!(notify.reports_deletion && notify.priority_changes);
}

// shows vrrp_sync_group: notify_priority_changes
#[test]
fn priority_changes_are_those_of_the_instance_else_of_the_group_else_of_all() {
    let text = "global_defs {\n vrrp_notify_priority_changes\n}
vrrp_sync_group VG {\n group {\n A\n B\n }\n notify_priority_changes off
 notify_master \"/bin/echo group\"\n}
"
    .to_owned()
        + &instance("A", 51, "notify_priority_changes on")
        + &instance("B", 52, "")
        + &instance("C", 53, "notify_deleted");
    let (model, findings) = read(&text);
    assert_eq!(findings, [] as [&str; 0]);
    let changes: Vec<bool> = model
        .routers
        .iter()
        .map(|router| router.notify.priority_changes)
        .collect();
    assert_eq!(changes, [true, false, true]);
    let group = &model.groups[0].notify;
    assert_eq!(
        words(&group.scripts[&RouterEvent::Master]),
        ["/bin/echo", "group"]
    );
    let deleted = &model.routers[2].notify;
    assert!(deleted.reports_deletion && deleted.scripts.is_empty());
    // keepalived does not know this word in a group either.
    let text = "vrrp_sync_group VG {\n group {\n A\n }\n notify_deleted\n}\n".to_owned();
    let (_, findings) = read(&(text + &instance("A", 51, "")));
    assert!(
        findings
            .iter()
            .any(|finding| finding.contains("notify_deleted"))
    );
}

#[test]
fn scripts_of_servers_and_their_quorum() {
    let text = "\
virtual_server 192.168.1.50 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    quorum_up \"/bin/echo quorum up\"
    quorum_down \"/bin/echo quorum down\" root
    real_server 192.168.1.61 80 {
        notify_up \"/bin/echo up\"
        notify_down /bin/true
    }
    real_server 192.168.1.62 80 {
    }
}
";
    let (model, findings) = read(text);
    assert_eq!(findings, [] as [&str; 0]);
    let server = &model.virtual_servers[0];
    let notify = server.notify.as_ref().unwrap();
    assert_eq!(
        words(notify.up.as_ref().unwrap()),
        ["/bin/echo", "quorum", "up"]
    );
    assert_eq!(notify.down.as_ref().unwrap().account, Some((0, 0)));
    let notify = server.real_servers[0].notify.as_ref().unwrap();
    assert_eq!(words(notify.up.as_ref().unwrap()), ["/bin/echo", "up"]);
    assert_eq!(words(notify.down.as_ref().unwrap()), ["/bin/true"]);
    assert_eq!(server.real_servers[1].notify, None);
}

// shows global_defs: notify_fifo_script, lvs_notify_fifo_script, fifo_write_vrrp_states_on_reload
#[test]
fn fifos_with_their_owners_and_programs() {
    let text = "\
global_defs {
    notify_fifo /run/all root root
    notify_fifo_script \"/bin/cat all\" root
    vrrp_notify_fifo /run/vrrp
    vrrp_notify_fifo /run/second
    lvs_notify_fifo /run/lvs no-such-user-here
    lvs_notify_fifo_script /bin/cat
    fifo_write_vrrp_states_on_reload
    rs_init_notifies
}
";
    let (model, findings) = read(text);
    let fifos = &model.global.fifos;
    let all = fifos.all.as_ref().unwrap();
    assert_eq!(all.path.to_str(), Some("/run/all"));
    assert_eq!(all.account, Some((0, 0)));
    assert_eq!(words(all.script.as_ref().unwrap()), ["/bin/cat", "all"]);
    assert_eq!(
        fifos.vrrp.as_ref().unwrap().path.to_str(),
        Some("/run/vrrp")
    );
    assert_eq!(fifos.servers, None);
    assert!(fifos.states_on_reload && model.global.notifies_added_servers);
    let expected = [
        "`vrrp_notify_fifo` is given again",
        "unknown user 'no-such-user-here'",
    ];
    assert_eq!(findings, expected);
    let (model, findings) = read("global_defs {\n notify_fifo_script /bin/cat\n}\n");
    assert_eq!(model.global.fifos.all, None);
    assert_eq!(findings, ["a script for a FIFO that is not given"]);
}

#[test]
fn a_script_that_is_missing_or_refused_is_left_out_with_a_finding() {
    let directory = tempfile::tempdir().unwrap();
    let open = directory.path().join("open");
    std::fs::copy("/bin/true", &open).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&open, mode).unwrap();
    let open = open.display();
    let lines = format!(
        "notify_master /no/such/script
notify_backup \"{open} x\" root
notify_fault /bin/true no-such-user-here
notify_stop \"/bin/true"
    );
    let text = "global_defs {\n enable_script_security\n script_user root\n}\n".to_owned();
    let (model, findings) = read(&(text + &instance("VI_1", 51, &lines)));
    let scripts = &model.routers[0].notify.scripts;
    assert!(scripts.is_empty(), "{scripts:?}");
    let has = |part: &str| findings.iter().any(|finding| finding.contains(part));
    assert!(has("/no/such/script"), "{findings:?}");
    assert!(has("is refused"), "{findings:?}");
    assert!(has("unknown user 'no-such-user-here'"), "{findings:?}");
}

#[test]
fn the_first_of_two_scripts_holds() {
    let lines = "notify_master \"/bin/echo first\"\nnotify_master \"/bin/echo second\"\nnotify";
    let (model, findings) = read(&instance("VI_1", 51, lines));
    let scripts = &model.routers[0].notify.scripts;
    assert_eq!(
        words(&scripts[&RouterEvent::Master]),
        ["/bin/echo", "first"]
    );
    assert_eq!(scripts.len(), 1);
    let expected = ["`notify_master` is given again", "`notify` needs a command"];
    for message in expected {
        assert!(
            findings.iter().any(|finding| finding == message),
            "{findings:?}"
        );
    }
}

#[test]
fn a_script_without_the_keyword_for_security_changes_the_status_of_a_test() {
    let is_insecure = |text: &str| {
        let parsed = config::parse(text, "lb.conf", &Registry::builtin());
        parsed.runs_insecure_scripts()
    };
    let security = "global_defs {\n enable_script_security\n}\n";
    let fifo = "global_defs {\n notify_fifo /run/fifo\n notify_fifo_script /bin/cat\n}\n";
    let script = instance("VI_1", 51, "notify /bin/true");
    assert!(is_insecure(&script));
    assert!(!is_insecure(&(security.to_owned() + &script)));
    assert!(is_insecure(fifo));
    assert!(!is_insecure(&instance("VI_1", 51, "notify_deleted")));
}

// shows vrrp_sync_group: notify_url
// shows virtual_server: notify_url
// shows real_server: notify_url
#[test]
fn a_web_server_for_the_events_of_an_object_else_of_all() {
    let text = "global_defs {
    notify_url http://192.0.2.1/all
}
vrrp_sync_group VG {
    group {
        A
        B
    }
    notify_url http://192.0.2.2:8080/group timeout 0.5
}
virtual_server 192.168.1.50 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    notify_url http://192.0.2.3/vs retry 0
    real_server 192.168.1.61 80 {
        notify_url \"http://192.0.2.4/rs#part\" retry 10 timeout 60
    }
    real_server 192.168.1.62 80 {
    }
}
virtual_server 192.168.1.51 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.168.1.61 80 {
    }
}
"
    .to_owned()
        + &instance(
            "A",
            51,
            "notify_url http://[2001:db8::1]/a timeout 7 retry 1",
        )
        + &instance("B", 52, "");
    let (model, findings) = read(&text);
    assert_eq!(findings, [] as [&str; 0]);
    let shown = |webhook: &Option<std::sync::Arc<lb_core::model::Webhook>>| {
        let webhook = webhook.as_ref().unwrap();
        let (server, path) = (webhook.authority(), webhook.path());
        let (timeout, retries) = (webhook.timeout.as_millis(), webhook.retries);
        format!("{server}{path} {timeout} {retries}")
    };
    let all = "192.0.2.1/all 5000 3";
    let routers = model.routers.iter().map(|router| &router.notify.webhook);
    let routers: Vec<String> = routers.map(shown).collect();
    assert_eq!(routers, ["[2001:db8::1]/a 7000 1", all]);
    assert_eq!(
        shown(&model.groups[0].notify.webhook),
        "192.0.2.2:8080/group 500 3"
    );
    let servers = model.virtual_servers.iter().flat_map(|server| {
        let real_servers = server.real_servers.iter().map(|real| &real.notify);
        std::iter::once(&server.notify).chain(real_servers)
    });
    let servers: Vec<String> = servers
        .map(|notify| shown(&notify.as_ref().unwrap().webhook))
        .collect();
    let own = "192.0.2.3/vs 5000 0";
    assert_eq!(servers, [own, "192.0.2.4/rs 60000 10", own, all, all]);
    // A post starts no program.
    assert!(model.has_webhooks() && !model.has_notify_scripts());
    let (model, _) = read(&instance("A", 51, ""));
    assert!(!model.has_webhooks());
}

#[test]
fn a_url_that_cannot_be_used_is_left_out_with_the_reason() {
    for (line, message) in [
        ("notify_url", "`notify_url` needs a URL"),
        (
            "notify_url hooks.example",
            "not a URL of the form http://HOST[:PORT]/PATH",
        ),
        ("notify_url https://a/", "https is not supported, only http"),
        (
            "notify_url http://u:p@a/",
            "user and password are not supported",
        ),
        ("notify_url http://a:99999/", "the port is not 1 to 65535"),
    ] {
        let (model, findings) = read(&instance("A", 51, line));
        assert_eq!(findings, [message], "{line}");
        assert_eq!(model.routers[0].notify.webhook, None, "{line}");
    }
    for (options, message) in [
        ("timeout", "`timeout` needs a number"),
        ("retrys 1", "`retrys` is not an option"),
        ("timeout 0", "`0` is not 0.1 to 60 seconds"),
        ("timeout x", "`x` is not 0.1 to 60 seconds"),
        ("retry 11", "`11` is not 0 to 10 retries"),
        ("retry -1", "`-1` is not 0 to 10 retries"),
    ] {
        let line = format!("notify_url http://a/ {options}");
        let (_, findings) = read(&instance("A", 51, &line));
        assert_eq!(findings, [message], "{line}");
    }
}

#[test]
fn keywords_that_keepalived_does_not_have_are_refused_where_that_is_asked_for() {
    let text = instance("A", 51, "sticky 10\nnotify_url http://192.0.2.1/");
    let options = config::ReadOptions::new().with_keepalived_keywords_only();
    let parsed = config::parse_with(&text, "lb.conf", &Registry::builtin(), &options);
    let findings = parsed.diagnostics().iter();
    let findings: Vec<&str> = findings.map(|finding| finding.message.as_str()).collect();
    let expected = [
        "keepalived has no keyword `sticky`",
        "keepalived has no keyword `notify_url`",
    ];
    assert_eq!(findings, expected);
    assert_eq!(parsed.keepalived_status(), 5);
    assert!(!parsed.is_accepted(Mode::Strict));
    let keywords = config::keywords();
    let own = keywords.iter().filter(|keyword| keyword.own);
    let (checks, others): (Vec<_>, Vec<_>) = own
        .filter(|keyword| !keyword.block.contains("_CHECK"))
        .partition(|keyword| keyword.name.ends_with("_CHECK"));
    let others: std::collections::BTreeSet<&str> =
        others.iter().map(|keyword| keyword.name).collect();
    let expected = [
        "certificate_warning",
        "checker_max_scripts",
        "deadline",
        "down_interval",
        "fall",
        "fast_interval",
        "jitter",
        "notify_url",
        "rise",
        "sticky",
        "via_vip",
        "via_vip_marks",
    ];
    assert_eq!(Vec::from_iter(others), expected);
    // The keywords of a check that keepalived does not have are ours, too.
    for check in checks {
        let of_check = |block: &str| block.split(", ").any(|name| name == check.name);
        let mut inside = keywords.iter().filter(|keyword| of_check(keyword.block));
        assert!(inside.all(|keyword| keyword.own), "{}", check.name);
    }
}
