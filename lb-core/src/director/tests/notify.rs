// SPDX-License-Identifier: MIT OR Apache-2.0

use lb_vrrp::{Priority, RouterConfig, Vrid};

use super::*;
use crate::model::{
    Fifo, GroupSpec, NotifyScript, RouterEvent, RouterNotify, RouterSpec, ServerNotify, SyncGroup,
};
use crate::notify::Notification as Made;

fn router(name: &str, vrid: u8, notify: RouterNotify) -> VrrpInstance {
    let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
        .address(format!("192.168.1.{vrid}").parse().unwrap())
        .build()
        .unwrap();
    VrrpInstance::new(RouterSpec::new(name, "eth0", config)).with_notify(notify)
}

fn routers(routers: &[VrrpInstance]) -> Model {
    let mut global = Global::new("lb1");
    global.fifos.vrrp = Some(Fifo::new("/run/fifo"));
    let builder = Model::builder().global(global);
    let builder = routers
        .iter()
        .fold(builder, |builder, router| builder.router(router.clone()));
    builder.build().unwrap()
}

fn script(name: &str) -> NotifyScript {
    NotifyScript::new([name])
}

fn priority(value: u8) -> Priority {
    Priority::new(value).unwrap()
}

/// What the director notifies: `script words` or the text of a line; subjects of mails.
fn notified(director: &mut Director) -> Vec<String> {
    let text = |output| match output {
        Output::Notify(Made::Script(call)) => {
            let words = call.script.argv.iter().map(|word| word.display());
            let words: Vec<String> = words.map(|word| word.to_string()).collect();
            Some(format!("script {}", words.join(" ")))
        }
        Output::Notify(Made::Line(line)) => Some(line.text.trim_end().to_owned()),
        Output::Mail(mail) => Some(mail.subject()),
        _ => None,
    };
    drain(director).into_iter().filter_map(text).collect()
}

#[test]
fn a_state_is_notified_with_the_priority_of_that_moment_before_it_is_mailed() {
    let notify = RouterNotify::default()
        .with_script(RouterEvent::Master, script("master"))
        .with_script(RouterEvent::Any, script("any"));
    let instance = router("VI_1", 100, notify).with_smtp_alert(true);
    let mut director = Director::new(routers(&[instance]));
    director.handle_priority("VI_1", priority(120));
    director.handle_role("VI_1", State::Master);
    let expected = [
        "script master",
        "script any INSTANCE VI_1 MASTER 120",
        "INSTANCE \"VI_1\" MASTER 120",
        "[lb1] VRRP Instance VI_1 - Entering MASTER state",
    ];
    assert_eq!(notified(&mut director), expected);
    director.handle_losing_advert("VI_1");
    let line = "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 120";
    assert_eq!(notified(&mut director), [line]);
    director.handle_losing_advert("no such router");
    director.handle_priority("no such router", priority(1));
    director.handle_role("no such router", State::Fault);
    assert!(notified(&mut director).is_empty());
}

#[test]
fn a_changed_priority_is_notified_once_and_not_in_fault() {
    let notify = RouterNotify {
        priority_changes: true,
        ..RouterNotify::default()
    };
    let mut director = Director::new(routers(&[router("VI_1", 100, notify)]));
    director.handle_priority("VI_1", priority(110));
    assert!(notified(&mut director).is_empty(), "before the first state");
    director.handle_role("VI_1", State::Backup);
    notified(&mut director);
    director.handle_priority("VI_1", priority(110));
    director.handle_priority("VI_1", priority(90));
    let line = "INSTANCE \"VI_1\" BACKUP_PRIORITY 90";
    assert_eq!(notified(&mut director), [line]);
    director.handle_role("VI_1", State::Fault);
    notified(&mut director);
    director.handle_priority("VI_1", priority(100));
    assert!(notified(&mut director).is_empty());
}

#[test]
fn the_end_of_all_is_notified_routers_first() {
    let stop = |name: &str| RouterNotify::default().with_script(RouterEvent::Stop, script(name));
    let mut model = routers(&[
        router("VI_1", 100, stop("one")),
        router("VI_2", 101, stop("two")),
    ]);
    let group = SyncGroup::new(GroupSpec::new("VG", ["VI_1"]));
    model.groups.push(group.with_notify(stop("group")));
    let mut director = Director::new(model);
    director.handle_group("VG", State::Master);
    director.handle_role("VI_1", State::Master);
    notified(&mut director);
    // A router that leaves its state has not stopped yet: a reload may have removed it.
    director.handle_role("VI_1", State::Initialize);
    assert!(notified(&mut director).is_empty());
    director.handle_routers_stopped();
    let expected = [
        "script one",
        "INSTANCE \"VI_1\" STOP 100",
        "script two",
        "INSTANCE \"VI_2\" STOP 100",
        "script group",
        "GROUP \"VG\" STOP 0",
    ];
    assert_eq!(notified(&mut director), expected);
}

#[test]
fn a_reload_notifies_what_it_removes_and_writes_states_where_that_is_asked_for() {
    let all = || {
        RouterNotify::default()
            .with_script(RouterEvent::Fault, script("fault"))
            .with_script(RouterEvent::Deleted, script("deleted"))
            .with_script(RouterEvent::Any, script("any"))
    };
    let mut deleted = router("VI_2", 101, all()).with_smtp_alert(true);
    deleted.notify.reports_deletion = true;
    let removed = router("VI_3", 102, all()).with_smtp_alert(true);
    let kept = router("VI_1", 100, all());
    let mut director = Director::new(routers(&[kept.clone(), deleted, removed]));
    for name in ["VI_1", "VI_2", "VI_3"] {
        director.handle_role(name, State::Master);
    }
    notified(&mut director);
    // The same router under another name.
    let mut model = routers(&[router("new", 100, all())]);
    model.global.fifos.states_on_reload = true;
    director.replace_model(model.clone());
    let expected = [
        "script deleted",
        "script any INSTANCE VI_2 DELETED 100",
        "INSTANCE \"VI_2\" DELETED 100",
        "[lb1] VRRP Instance VI_2 - Deleted",
        "script any INSTANCE VI_3 FAULT 100",
        "INSTANCE \"VI_3\" FAULT 100",
        "[lb1] VRRP Instance VI_3 - Entering FAULT state",
    ];
    assert_eq!(notified(&mut director), expected);
    director.write_states();
    assert_eq!(notified(&mut director), ["INSTANCE \"new\" MASTER 100"]);
    model.global.fifos.states_on_reload = false;
    director.replace_model(model);
    director.write_states();
    assert!(notified(&mut director).is_empty());
}

#[test]
fn without_a_fifo_there_is_no_line() {
    let mut model = routers(&[router("VI_1", 100, RouterNotify::default())]);
    model.global.fifos.vrrp = None;
    model.global.fifos.servers = Some(Fifo::new("/run/fifo"));
    let mut director = Director::new(model);
    director.handle_role("VI_1", State::Master);
    assert!(notified(&mut director).is_empty());
}

/// The article's virtual server with scripts and a FIFO; two of its two real servers are needed.
fn servers(omega: bool) -> Model {
    let notify = |name: &str| {
        ServerNotify::default()
            .with_up(script(&format!("{name} up")))
            .with_down(script(&format!("{name} down")))
    };
    let mut server = virtual_server([
        real(61).with_notify(notify("61")),
        real(62).with_smtp_alert(false),
    ]);
    server = server.with_notify(notify("quorum")).with_omega(omega);
    server.quorum = 2;
    let mut model = model([server]);
    model.global.fifos.all = Some(Fifo::new("/run/fifo"));
    model
}

const SERVICE: &str = "[192.168.1.50]:tcp:80";

#[test]
fn health_and_quorum_are_notified_in_keepalived_s_order() {
    let mut director = Director::new(servers(false));
    let up = format!("VS {SERVICE} UP");
    assert_eq!(notified(&mut director), ["script quorum up", &up]);
    down(&mut director, 61);
    let expected = [
        "script 61 down".to_owned(),
        format!("RS [192.168.1.61]:tcp:80 {SERVICE} DOWN"),
        "script quorum down".to_owned(),
        format!("VS {SERVICE} DOWN"),
    ];
    assert_eq!(notified(&mut director), expected);
    down(&mut director, 62);
    let all = notified(&mut director);
    let line = format!("RS [192.168.1.62]:tcp:80 {SERVICE} DOWN");
    assert_eq!(all.first(), Some(&line), "{all:?}");
    super::up(&mut director, 62);
    notified(&mut director);
    super::up(&mut director, 61);
    let expected = [
        "script 61 up".to_owned(),
        format!("RS [192.168.1.61]:tcp:80 {SERVICE} UP"),
        "script quorum up".to_owned(),
        up,
        format!("[lb1] Realserver [192.168.1.61]:tcp:80 of virtual server {SERVICE} - UP"),
    ];
    let mut all = notified(&mut director);
    all.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
fn real_servers_that_are_added_live_are_notified_where_that_is_asked_for() {
    let mut model = servers(false);
    model.global.notifies_added_servers = true;
    let mut director = Director::new(model.clone());
    let expected = [
        "script 61 up".to_owned(),
        format!("RS [192.168.1.61]:tcp:80 {SERVICE} UP"),
        format!("RS [192.168.1.62]:tcp:80 {SERVICE} UP"),
        "script quorum up".to_owned(),
        format!("VS {SERVICE} UP"),
    ];
    assert_eq!(notified(&mut director), expected);
    let server = model.virtual_servers.pop().unwrap();
    let added = server.with_real_server(real(63));
    model.virtual_servers.push(added);
    director.replace_model(model);
    let line = format!("RS [192.168.1.63]:tcp:80 {SERVICE} UP");
    assert_eq!(notified(&mut director), [line]);
}

#[test]
fn a_removed_server_is_down_and_so_is_one_with_omega_at_the_stop() {
    let expected = [
        "script 61 down".to_owned(),
        format!("RS [192.168.1.61]:tcp:80 {SERVICE} DOWN"),
        format!("RS [192.168.1.62]:tcp:80 {SERVICE} DOWN"),
        "script quorum down".to_owned(),
        format!("VS {SERVICE} DOWN"),
    ];
    let without_mails = |director: &mut Director| -> Vec<String> {
        let all = notified(director).into_iter();
        all.filter(|text| !text.starts_with("[lb1]")).collect()
    };
    let mut director = Director::new(servers(false));
    notified(&mut director);
    let mut none = model([]);
    none.global.fifos.all = Some(Fifo::new("/run/fifo"));
    director.replace_model(none);
    assert_eq!(without_mails(&mut director), expected);

    let mut director = Director::new(servers(true));
    notified(&mut director);
    director.handle_stop();
    assert_eq!(without_mails(&mut director), expected);
    let mut director = Director::new(servers(false));
    notified(&mut director);
    director.handle_stop();
    assert!(without_mails(&mut director).is_empty());
}

#[cfg(feature = "daemon")]
#[test]
fn what_another_process_passed_on_is_no_event() {
    let mut old = Director::new(servers(false));
    down(&mut old, 61);
    let mut new = Director::restored(servers(false), &old.known());
    assert!(notified(&mut new).is_empty());
    let mut model = routers(&[router("VI_1", 100, RouterNotify::default())]);
    let group = SyncGroup::new(GroupSpec::new("VG", ["VI_1"]));
    model.groups.push(group);
    let mut new = Director::restored(model, &Known::default());
    new.restore_priority("VI_1", priority(120));
    new.restore_role("VI_1", State::Master);
    new.restore_group("VG", State::Master);
    new.handle_group("VG", State::Master);
    assert!(notified(&mut new).is_empty());
    new.handle_group("VG", State::Backup);
    assert_eq!(notified(&mut new), ["GROUP \"VG\" BACKUP 0"]);
    new.handle_role("VI_1", State::Backup);
    assert_eq!(notified(&mut new), ["INSTANCE \"VI_1\" BACKUP 120"]);
}
