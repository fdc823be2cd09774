// SPDX-License-Identifier: MIT OR Apache-2.0

use lb_ipvs::{Destination, Scheduler, Service, ServiceKey};
use lb_vrrp::{Priority, RouterConfig, State, Vrid};

use super::*;
use crate::director::Names;
use crate::model::{
    GroupSpec, RealServer, RouterEvent, RouterNotify, RouterSpec, ServerNotify, SyncGroup,
    VirtualServer, VrrpInstance, Webhook,
};

/// A script for each event, named after it.
fn all_scripts() -> RouterNotify {
    let events = [
        RouterEvent::Master,
        RouterEvent::Backup,
        RouterEvent::Fault,
        RouterEvent::Stop,
        RouterEvent::Deleted,
        RouterEvent::LosingAdvert,
        RouterEvent::Any,
    ];
    events
        .into_iter()
        .fold(RouterNotify::default(), |all, event| {
            let name = format!("{event:?}");
            all.with_script(event, NotifyScript::new([name, "a b".to_owned()]))
        })
}

fn router(notify: RouterNotify) -> VrrpInstance {
    let config = RouterConfig::builder(Vrid::new(61).unwrap())
        .address("192.168.1.50".parse().unwrap())
        .build()
        .unwrap();
    let mut router = VrrpInstance::new(RouterSpec::new("VI 1", "eth0", config));
    router.notify = notify;
    router
}

fn priority() -> Priority {
    Priority::new(120).unwrap()
}

/// Each notification in one line: the words of a script separated by `|`, or the text for a FIFO.
fn text(made: &[Notification]) -> Vec<String> {
    made.iter()
        .map(|made| match made {
            Notification::Script(call) => {
                let words: Vec<_> = call.script.argv.iter().map(|word| word.display()).collect();
                let words: Vec<String> = words.iter().map(ToString::to_string).collect();
                format!("{}: {}", call.object, words.join("|"))
            }
            Notification::Line(line) => format!("{:?} {}", line.kind, line.text),
            Notification::Post(call) => format!("post {:?}", call.event),
        })
        .collect()
}

#[test]
fn a_router_starts_the_script_of_its_state_then_the_general_one_then_writes_a_line() {
    let router = router(all_scripts());
    for (phase, event, word) in [
        (RouterPhase::Master, "Master", "MASTER"),
        (RouterPhase::Backup, "Backup", "BACKUP"),
        (RouterPhase::Fault, "Fault", "FAULT"),
        (RouterPhase::Stop, "Stop", "STOP"),
        (RouterPhase::Deleted, "Deleted", "DELETED"),
    ] {
        let made = router_notifications(&router, phase, priority());
        let expected = [
            format!("INSTANCE VI 1: {event}|a b"),
            format!("INSTANCE VI 1: Any|a b|INSTANCE|VI 1|{word}|120"),
            format!("Vrrp INSTANCE \"VI 1\" {word} 120\n"),
        ];
        assert_eq!(text(&made), expected);
    }
}

#[test]
fn a_removed_router_starts_the_general_script_alone() {
    let made = router_notifications(&router(all_scripts()), RouterPhase::Removed, priority());
    let expected = [
        "INSTANCE VI 1: Any|a b|INSTANCE|VI 1|FAULT|120",
        "Vrrp INSTANCE \"VI 1\" FAULT 120\n",
    ];
    assert_eq!(text(&made), expected);
}

#[test]
fn a_group_does_the_same_with_priority_0() {
    let mut group = SyncGroup::new(GroupSpec::new("VG", ["VI 1"]));
    let line = ["Vrrp GROUP \"VG\" BACKUP 0\n"];
    let made = group_notifications(&group, RouterPhase::Backup);
    assert_eq!(text(&made), line);
    group.notify = all_scripts();
    let expected = [
        "GROUP VG: Stop|a b",
        "GROUP VG: Any|a b|GROUP|VG|STOP|0",
        "Vrrp GROUP \"VG\" STOP 0\n",
    ];
    let made = group_notifications(&group, RouterPhase::Stop);
    assert_eq!(text(&made), expected);
}

#[test]
fn changes_of_priority_are_written_where_that_is_asked_for() {
    let mut router = router(all_scripts());
    let made =
        |router: &VrrpInstance, state| text(&priority_notifications(router, state, priority()));
    assert!(made(&router, State::Master).is_empty());
    router.notify.priority_changes = true;
    let line = |word: &str| [format!("Vrrp INSTANCE \"VI 1\" {word} 120\n")];
    assert_eq!(made(&router, State::Master), line("MASTER_PRIORITY"));
    assert_eq!(made(&router, State::Backup), line("BACKUP_PRIORITY"));
    assert!(made(&router, State::Fault).is_empty());
    assert!(made(&router, State::Initialize).is_empty());
}

#[test]
fn a_losing_advert_starts_its_script_without_the_general_one() {
    let made = losing_advert_notifications(&router(all_scripts()), priority());
    let line = "Vrrp INSTANCE \"VI 1\" MASTER_RX_LOWER_PRI 120\n";
    assert_eq!(text(&made), ["INSTANCE VI 1: LosingAdvert|a b", line]);
    let made = losing_advert_notifications(&router(RouterNotify::default()), priority());
    assert_eq!(text(&made), [line]);
}

#[test]
fn servers_start_the_script_of_their_state_without_arguments() {
    let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
    let notify = ServerNotify::default()
        .with_up(NotifyScript::new(["up", "x"]))
        .with_down(NotifyScript::new(["down"]));
    let mut service = VirtualServer::new(Service::new(key, Scheduler::RoundRobin));
    let mut real = RealServer::new(Destination::new("192.168.1.61:80".parse().unwrap()));
    service.notify = Some(Box::new(notify.clone()));
    real.notify = Some(Box::new(notify));
    let name = service.name();
    let names = Names {
        virtual_server: name.clone(),
        real_server: real.name(service.protocol()),
    };
    let made = virtual_server_notifications(&service, &name, true);
    let line = "Servers VS [192.168.1.50]:tcp:80 UP\n";
    assert_eq!(text(&made), ["[192.168.1.50]:tcp:80: up|x", line]);
    let made = real_server_notifications(&real, &names, false);
    let line = "Servers RS [192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80 DOWN\n";
    let call = "[192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80: down";
    assert_eq!(text(&made), [call, line]);
    real.notify = None;
    let made = real_server_notifications(&real, &names, true);
    assert_eq!(
        text(&made),
        ["Servers RS [192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80 UP\n"]
    );
}

#[test]
fn a_line_goes_to_the_fifo_for_all_and_to_that_of_its_kind() {
    let mut fifos = NotifyFifos::default();
    let paths = |fifos: &NotifyFifos, kind| -> Vec<String> {
        let readers = fifos.readers(kind);
        readers
            .map(|fifo| fifo.path.display().to_string())
            .collect()
    };
    assert!(paths(&fifos, LineKind::Vrrp).is_empty());
    fifos.all = Some(Fifo::new("/all"));
    fifos.vrrp = Some(Fifo::new("/vrrp"));
    fifos.servers = Some(Fifo::new("/servers"));
    assert_eq!(paths(&fifos, LineKind::Vrrp), ["/all", "/vrrp"]);
    assert_eq!(paths(&fifos, LineKind::Servers), ["/all", "/servers"]);
}

#[test]
fn events_are_posted_after_the_line() {
    let webhook = Webhook::new("http://192.0.2.1/hook").unwrap();
    let posted = |made: Vec<Notification>| -> String {
        match made.last() {
            Some(Notification::Post(call)) => {
                assert_eq!(*call.webhook, webhook);
                serde_json::to_string(&call.event).unwrap()
            }
            other => panic!("{other:?}"),
        }
    };
    let notify = all_scripts().with_webhook(webhook.clone());
    let mut router = router(notify.clone());
    let made = router_notifications(&router, RouterPhase::Removed, priority());
    let state = r#"{"event":"state","instance":"VI 1","state":"FAULT","priority":120}"#;
    assert_eq!(posted(made), state);
    assert!(priority_notifications(&router, State::Master, priority()).is_empty());
    router.notify.priority_changes = true;
    let made = priority_notifications(&router, State::Backup, priority());
    let changed = r#"{"event":"priority","instance":"VI 1","state":"BACKUP","priority":120}"#;
    assert_eq!(posted(made), changed);
    // Other hosts decide how many such adverts there are.
    let made = losing_advert_notifications(&router, priority());
    assert!(
        made.iter()
            .all(|made| !matches!(made, Notification::Post(_)))
    );
    let mut group = SyncGroup::new(GroupSpec::new("VG", ["VI 1"]));
    group.notify = notify;
    let made = group_notifications(&group, RouterPhase::Stop);
    assert_eq!(
        posted(made),
        r#"{"event":"state","group":"VG","state":"STOP"}"#
    );

    let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
    let notify = ServerNotify::default().with_webhook(webhook.clone());
    let mut service = VirtualServer::new(Service::new(key, Scheduler::RoundRobin));
    let mut real = RealServer::new(Destination::new("192.168.1.61:80".parse().unwrap()));
    service.notify = Some(Box::new(notify.clone()));
    real.notify = Some(Box::new(notify));
    let names = Names {
        virtual_server: service.name(),
        real_server: real.name(service.protocol()),
    };
    let made = virtual_server_notifications(&service, &service.name(), true);
    let quorum = r#"{"event":"state","virtual_server":"[192.168.1.50]:tcp:80","state":"UP"}"#;
    assert_eq!(posted(made), quorum);
    let health = r#"{"event":"state","real_server":"[192.168.1.61]:tcp:80","virtual_server":"[192.168.1.50]:tcp:80","state":"DOWN"}"#;
    assert_eq!(
        posted(real_server_notifications(&real, &names, false)),
        health
    );
}
