// SPDX-License-Identifier: MIT OR Apache-2.0

use lb_ipvs::{SyncId, SyncState};
use lb_vrrp::{RouterConfig, Vrid};

use super::*;
use crate::model::{GlobalSyncDaemon, GroupSpec, RouterSpec};

fn router(name: &str, vrid: u8) -> VrrpInstance {
    let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
        .address(format!("192.168.1.{vrid}").parse().unwrap())
        .build()
        .unwrap();
    RouterSpec::new(name, "eth0", config).into()
}

fn routers(routers: impl IntoIterator<Item = VrrpInstance>) -> Model {
    let builder = Model::builder().global(Global::new("lb1"));
    routers
        .into_iter()
        .fold(builder, |builder, router| builder.router(router))
        .build()
        .unwrap()
}

fn daemon(state: SyncState, vrid: u8) -> SyncDaemon {
    SyncDaemon::new(state, "eth0", SyncId::new(vrid))
}

#[test]
fn the_sync_daemon_follows_the_router() {
    let synced = router("VI_1", 100).with_sync_daemon_interface("eth0");
    let mut director = Director::new(routers([synced.clone()]));
    let backup = Output::SyncDaemons(vec![daemon(SyncState::Backup, 100)]);
    let master = Output::SyncDaemons(vec![daemon(SyncState::Master, 100)]);
    assert_eq!(drain(&mut director), std::slice::from_ref(&backup));
    director.handle_role("VI_1", State::Backup);
    assert_eq!(drain(&mut director), []);
    director.handle_role("VI_1", State::Master);
    assert_eq!(drain(&mut director), [master]);
    director.handle_role("no such router", State::Backup);
    assert_eq!(drain(&mut director), []);

    // the role survives a reload, also under another name
    director.replace_model(routers([synced]));
    director.replace_model(routers([
        router("VI_2", 100).with_sync_daemon_interface("eth0")
    ]));
    assert_eq!(drain(&mut director), []);
    director.handle_role("VI_2", State::Fault);
    assert_eq!(drain(&mut director), [backup]);
    director.replace_model(routers([router("VI_2", 100)]));
    assert_eq!(drain(&mut director), [Output::SyncDaemons(vec![])]);
}

#[test]
fn two_routers_share_the_two_daemons() {
    let synced = |name, vrid| router(name, vrid).with_sync_daemon_interface("eth0");
    let mut director = Director::new(routers([synced("A", 1), synced("B", 2)]));
    director.handle_role("B", State::Master);
    assert_eq!(
        director.desired_sync_daemons(),
        [daemon(SyncState::Backup, 1), daemon(SyncState::Master, 2)]
    );
    director.handle_role("A", State::Master);
    assert_eq!(
        director.desired_sync_daemons(),
        [daemon(SyncState::Master, 1)]
    );
}

#[test]
fn a_global_sync_daemon_follows_its_instance_or_is_both() {
    let with = |settings| {
        let global = Global::new("lb1").with_sync_daemon(settings);
        Model::builder()
            .global(global)
            .router(router("VI_1", 100))
            .build()
            .unwrap()
    };
    let mut director = Director::new(with(
        GlobalSyncDaemon::new(daemon(SyncState::Backup, 7)).following("VI_1"),
    ));
    assert_eq!(
        director.desired_sync_daemons(),
        [daemon(SyncState::Backup, 7)]
    );
    director.handle_role("VI_1", State::Master);
    assert_eq!(
        director.desired_sync_daemons(),
        [daemon(SyncState::Master, 7)]
    );
    let director = Director::new(with(GlobalSyncDaemon::new(daemon(SyncState::Backup, 7))));
    assert_eq!(
        director.desired_sync_daemons(),
        [daemon(SyncState::Master, 7), daemon(SyncState::Backup, 7)]
    );
}

#[test]
fn no_email_faults_suppresses_mails_of_faults() {
    let mut model = routers([router("VI_1", 100).with_smtp_alert(true)]);
    model.global.no_fault_mails = true;
    let mut director = Director::new(model);
    for state in [State::Master, State::Fault, State::Backup] {
        director.handle_role("VI_1", state);
    }
    let mails = mails(&mut director);
    let subjects: Vec<_> = mails.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "[lb1] VRRP Instance VI_1 - Entering MASTER state",
            "[lb1] VRRP Instance VI_1 - Entering BACKUP state",
        ]
    );
}

#[test]
fn router_states_are_mailed_once() {
    let mut director = Director::new(routers([router("VI_1", 100).with_smtp_alert(true)]));
    for state in [
        State::Backup,
        State::Master,
        State::Master,
        State::Fault,
        State::Initialize,
    ] {
        director.handle_role("VI_1", state);
    }
    let mails = mails(&mut director);
    let subjects: Vec<_> = mails.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(
        subjects,
        [
            "[lb1] VRRP Instance VI_1 - Entering BACKUP state",
            "[lb1] VRRP Instance VI_1 - Entering MASTER state",
            "[lb1] VRRP Instance VI_1 - Entering FAULT state",
            "[lb1] VRRP Instance VI_1 - Stopping",
        ]
    );
    assert_eq!(
        mails.get(1).unwrap().1,
        "=> VRRP Instance is now owning VRRP VIPs <="
    );
    assert_eq!(
        mails.get(2).unwrap().1,
        "=> VRRP Instance is no longer owning VRRP VIPs <="
    );
    assert_eq!(mails.get(3).unwrap().1, "=> VRRP Instance stopping <=");
}

#[test]
fn states_of_groups_are_mailed_once() {
    let model = |alert| {
        let group = SyncGroup::new(GroupSpec::new("VG", ["VI_1", "VI_2"])).with_smtp_alert(alert);
        Model::builder()
            .global(Global::new("lb1"))
            .router(router("VI_1", 100))
            .router(router("VI_2", 101))
            .group(group)
            .build()
            .unwrap()
    };
    let story = |director: &mut Director| {
        for state in [State::Backup, State::Master, State::Master, State::Fault] {
            director.handle_group("VG", state);
        }
        director.handle_group("no such group", State::Master);
        director.handle_role("VI_1", State::Initialize);
        assert_eq!(
            director.mailed_groups.get("VG"),
            director.groups[0].smtp_alert.then_some(&State::Fault),
            "one of two has stopped"
        );
        director.handle_role("VI_2", State::Initialize);
        mails(director)
    };
    assert_eq!(story(&mut Director::new(model(false))), []);
    let mut director = Director::new(model(true));
    director.handle_group("VG", State::Backup);
    director.replace_model(model(true));
    let wanted = [
        ("Entering BACKUP state", "in BACKUP state"),
        ("Entering MASTER state", "in MASTER state"),
        ("Entering FAULT state", "in FAULT state"),
        ("Stopping", "stopping"),
    ];
    let wanted = wanted.map(|(subject, body)| {
        (
            format!("[lb1] VRRP Group VG - {subject}"),
            format!("=> All VRRP group instances are now {body} <="),
        )
    });
    assert_eq!(story(&mut director), wanted);
}

#[test]
fn a_group_without_fault_mails_has_none() {
    let group = SyncGroup::new(GroupSpec::new("VG", ["VI_1"])).with_smtp_alert(true);
    let mut model = routers([router("VI_1", 100)]);
    model.groups.push(group);
    model.global.no_fault_mails = true;
    let mut director = Director::new(model);
    director.handle_group("VG", State::Fault);
    assert_eq!(mails(&mut director), []);
}

#[test]
fn the_first_round_is_one_mail() {
    let server = virtual_server([real(61), real(62), real(63)]).with_smtp_alert(true);
    let mut director = director(server);
    down(&mut director, 61);
    down(&mut director, 62);
    assert_eq!(mails(&mut director), []);
    down(&mut director, 63);
    let mails = mails(&mut director);
    assert_eq!(mails.len(), 1);
    let (subject, body) = mails.first().unwrap();
    assert_eq!(subject, "[lb1] First round of checks - 4 DOWN, 1 UP");
    assert_eq!(
        body.lines().take(5).collect::<Vec<_>>(),
        [
            "Virtualserver [192.168.1.50]:tcp:80 - UP",
            "    => Starting with quorum up 1+0=1 <= 3 <=",
            "Realserver [192.168.1.61]:tcp:80 of virtual server [192.168.1.50]:tcp:80 - DOWN",
            "    => TCP CHECK failed on service <=",
            "    connection refused",
        ]
    );
    assert!(
        body.contains(
            "Virtualserver [192.168.1.50]:tcp:80 - DOWN\n    => Lost quorum 1-0=1 > 0 <="
        )
    );
}

#[test]
fn later_mails_are_single_and_in_order() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    // the second has no verdict yet, but the first has more to say
    up(&mut director, 61);
    let subjects: Vec<_> = mails(&mut director)
        .into_iter()
        .map(|(subject, _)| subject)
        .collect();
    let prefix = "[lb1] Realserver [192.168.1.61]:tcp:80 of virtual server [192.168.1.50]:tcp:80";
    assert_eq!(
        subjects,
        [format!("{prefix} - DOWN"), format!("{prefix} - UP")]
    );
}

#[test]
fn first_round_ends_by_the_caller_or_with_suspended_checks() {
    let mut director = director(virtual_server([real(61), real(62)]));
    down(&mut director, 61);
    director.end_first_round();
    assert_eq!(mails(&mut director).len(), 1);
    director.end_first_round();
    assert_eq!(mails(&mut director).len(), 0);

    let server = virtual_server([real(61), real(62)]).with_ha_suspend(true);
    let mut director = Director::new(model([server]));
    director.handle_addresses(&BTreeSet::from(["192.168.1.50".parse().unwrap()]));
    down(&mut director, 61);
    assert_eq!(mails(&mut director).len(), 0);
    director.handle_addresses(&BTreeSet::new());
    assert_eq!(mails(&mut director).len(), 1);
}

#[test]
fn mails_are_sent_only_where_asked_for() {
    let mut director = director(virtual_server([real(61).with_smtp_alert(false)]));
    down(&mut director, 61);
    assert_eq!(mails(&mut director), []);
}

/// Mails of a real server with two checks, of which one fails, then both, then one, then none.
fn mails_of_two_checks(no_check_mails: bool) -> Vec<String> {
    let server = real(61).with_check(check(61));
    let mut global = Global::new("lb1");
    global.checks.no_check_mails = no_check_mails;
    let builder = Model::builder().global(global);
    let model = builder.virtual_server(virtual_server([server])).build();
    let mut director = Director::new(model.unwrap());
    let pass = Outcome::pass();
    for index in [0, 1] {
        director.handle_check(&id(61, index), true, &pass);
    }
    drain(&mut director);
    let fail = Outcome::fail(Reason::L4Refused);
    for (index, up) in [(0, false), (1, false), (0, true), (1, true)] {
        let outcome = if up { &pass } else { &fail };
        director.handle_check(&id(61, index), up, outcome);
    }
    let subjects = mails(&mut director).into_iter();
    subjects
        .map(|(subject, _)| subject.rsplit(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn with_no_checker_emails_only_a_change_of_the_real_server_is_mailed() {
    assert_eq!(mails_of_two_checks(false), ["DOWN", "DOWN", "DOWN", "UP"]);
    assert_eq!(mails_of_two_checks(true), ["DOWN", "UP"]);
}

#[test]
fn the_quorum_of_a_virtual_server_is_mailed_when_it_is_added_and_removed() {
    let server = || virtual_server([RealServer::new(destination(61, 3))]).with_smtp_alert(true);
    let mut director = Director::new(model([server()]));
    let subject = |up: &str| format!("[lb1] Virtualserver [192.168.1.50]:tcp:80 - {up}");
    let start = "=> Starting with quorum up 1+0=1 <= 3 <=".to_owned();
    assert_eq!(mails(&mut director), [(subject("UP"), start)]);
    director.replace_model(model([server()]));
    assert_eq!(mails(&mut director), []);
    director.replace_model(model([]));
    let lost = "=> Lost quorum 1-0=1 > 0 <=".to_owned();
    let sent = mails(&mut director);
    assert_eq!(sent.last(), Some(&(subject("DOWN"), lost)));
    // One that starts without its quorum is not mailed, as in keepalived.
    let alpha = virtual_server([real(61).with_alpha(true)]).with_smtp_alert(true);
    assert_eq!(mails(&mut Director::new(model([alpha]))), []);
}

#[test]
fn omega_mails_the_stop() {
    let mut silent = director(virtual_server([real(61)]));
    silent.handle_stop();
    assert_eq!(mails(&mut silent), []);
    let mut director = director(
        virtual_server([real(61)])
            .with_omega(true)
            .with_smtp_alert(true),
    );
    up(&mut director, 61);
    drain(&mut director);
    director.handle_stop();
    let mails = mails(&mut director);
    assert_eq!(mails.len(), 2);
    assert!(mails.iter().all(|(_, body)| body == "=> Shutting down <="));
}

#[test]
fn checks_speak_in_keepalived_s_words() {
    use super::super::mail::check_text;
    for (kind, up, text) in [
        ("TCP_CHECK", true, "TCP CHECK succeed on service"),
        ("HTTP_GET", true, "CHECK succeed on service"),
        (
            "HTTP_GET",
            false,
            "CHECK failed on service : HTTP/SSL request failed",
        ),
        ("MISC_CHECK", true, "MISC CHECK succeeded on service"),
        ("MISC_CHECK", false, "MISC CHECK failed on service"),
        ("MY_CHECK", false, "CHECK failed on service : why"),
    ] {
        assert_eq!(check_text(kind, up, "why").0, text);
    }
}
