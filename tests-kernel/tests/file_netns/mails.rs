// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mails of a sync group: those that keepalived sends.

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Mail, SmtpSink, wait_until};

use super::{BOTH, DEADLINE, TestResult};

/// Mails of the group alone.
const FILE: &str = "\
global_defs {
    router_id lb1
    notification_email {
        ops@example.net
    }
    notification_email_from lb1@example.net
    smtp_server 192.168.1.16
}
vrrp_sync_group VG {
    group {
        VI_1
        VI_2
    }
    track_interface {
        t0
    }
    smtp_alert
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    virtual_ipaddress {
        192.168.1.51
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 62
    virtual_ipaddress {
        192.168.1.52
    }
}
";

/// Subjects and bodies.
type Mails = Vec<(String, String)>;

fn subject_and_body(mail: &Mail) -> (String, String) {
    let (_, body) = mail.text.split_once("\n\n").unwrap_or_default();
    (mail.subject(), body.trim().to_owned())
}

/// The mails while it runs, sorted, and those of its end.
fn story(software: Software) -> TestResult<[Mails; 2]> {
    let lan = Lan::new()?;
    let post = lan.host("post", [192, 168, 1, 16].into())?;
    let sink = SmtpSink::start(post.netns())?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    host.netns().ip("link add t0 up type veth peer name t1")?;
    host.netns().ip("link set t1 up")?;
    let mut director = Director::new(host, software, FILE)?;
    director.start()?;
    let netns = director.host().netns().clone();
    // Mails overtake each other: each is awaited before the next thing happens.
    let count = |wanted: &str, times: usize| {
        wait_until(&format!("{software}: {wanted}"), DEADLINE, || {
            let subjects: Vec<String> = sink.mails().iter().map(Mail::subject).collect();
            let sent = subjects.iter().filter(|subject| subject.ends_with(wanted));
            if sent.count() == times {
                Ok(())
            } else {
                Err(format!("{subjects:?}\n{}", director.log()))
            }
        })
    };
    count("Entering MASTER state", 1)?;
    netns.ip("link set t1 down")?;
    count("Entering FAULT state", 1)?;
    netns.ip("link set t1 up")?;
    count("Entering MASTER state", 2)?;
    let mut sent: Mails = sink.mails().iter().map(subject_and_body).collect();
    sent.sort();
    let (status, log) = director.stop()?;
    assert!(status.success(), "{software}: {log}");
    let stopping = sink
        .mails()
        .iter()
        .map(subject_and_body)
        .filter(|(subject, _)| subject.ends_with("Stopping"))
        .collect();
    Ok([sent, stopping])
}

// shows global_defs: router_id, notification_email, notification_email_from, smtp_server
// shows vrrp_sync_group: smtp_alert
#[testbed::host_test]
fn a_sync_group_mails_what_keepalived_mails() -> TestResult {
    // Its last mail is not awaited: it ends before that is sent.
    let mut sent = play_at_once(&BOTH, |&software| story(software))?.into_iter();
    let (Some([theirs, _]), Some([ours, our_end])) = (sent.next(), sent.next()) else {
        return Err("not both".into());
    };
    assert_eq!(ours, theirs);
    let end = (
        "[lb1] VRRP Group VG - Stopping".to_owned(),
        "=> All VRRP group instances are now stopping <=".to_owned(),
    );
    assert_eq!(our_end, [end]);
    Ok(())
}

/// Mails of instances: the first has `notify_deleted`, the second has not; both are gone after a reload.
const INSTANCES: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    smtp_alert
    notify_deleted
    virtual_ipaddress {
        192.168.1.51
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 62
    smtp_alert
    track_interface {
        t0
    }
    virtual_ipaddress {
        192.168.1.52
    }
}
";

const REMAINS: &str = "\
vrrp_instance VI_3 {
    interface eth0
    virtual_router_id 63
    smtp_alert
    virtual_ipaddress {
        192.168.1.53
    }
}
";

/// The mails of each instance in their order, all instances after each other.
fn instance_story(software: Software) -> TestResult<Mails> {
    let lan = Lan::new()?;
    let post = lan.host("post", [192, 168, 1, 16].into())?;
    let sink = SmtpSink::start(post.netns())?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    host.netns().ip("link add t0 up type veth peer name t1")?;
    host.netns().ip("link set t1 up")?;
    let (global, _) = FILE.split_once("vrrp_sync_group").ok_or("no group")?;
    let text = [global, INSTANCES, REMAINS].concat();
    let mut director = Director::new(host, software, &text)?;
    director.start()?;
    let netns = director.host().netns().clone();
    let count = |director: &Director, wanted: &str, times: usize| {
        wait_until(&format!("{software}: {wanted}"), DEADLINE, || {
            let subjects: Vec<String> = sink.mails().iter().map(Mail::subject).collect();
            let sent = subjects.iter().filter(|subject| subject.ends_with(wanted));
            if sent.count() == times {
                Ok(())
            } else {
                Err(format!("{subjects:?}\n{}", director.log()))
            }
        })
    };
    count(&director, "Entering MASTER state", 3)?;
    netns.ip("link set t1 down")?;
    count(&director, "VI_2 - Entering FAULT state", 1)?;
    netns.ip("link set t1 up")?;
    count(&director, "VI_2 - Entering MASTER state", 2)?;
    director.configure(&[global, REMAINS].concat())?;
    director.reload()?;
    count(&director, "VI_1 - Deleted", 1)?;
    count(&director, "VI_2 - Entering FAULT state", 2)?;
    let mut sent: Mails = sink.mails().iter().map(subject_and_body).collect();
    // Of one instance in their order.
    sent.sort_by_key(|(subject, _)| subject.split(" - ").next().map(str::to_owned));
    director.stop()?;
    Ok(sent)
}

// shows vrrp_instance: smtp_alert
#[testbed::host_test]
fn instances_mail_what_keepalived_mails() -> TestResult {
    let mut sent = play_at_once(&BOTH, |&software| instance_story(software))?.into_iter();
    let (Some(theirs), Some(ours)) = (sent.next(), sent.next()) else {
        return Err("not both".into());
    };
    assert_eq!(ours, theirs);
    let mail = |name: &str, what: &str, body: &str| {
        let subject = format!("[lb1] VRRP Instance {name} - {what}");
        (subject, format!("=> {body} <="))
    };
    let owns = "VRRP Instance is now owning VRRP VIPs";
    let lost = "VRRP Instance is no longer owning VRRP VIPs";
    let expected = [
        mail("VI_1", "Entering BACKUP state", lost),
        mail("VI_1", "Entering MASTER state", owns),
        mail("VI_1", "Deleted", "VRRP Deleted at reload"),
    ];
    assert_eq!(ours.get(..3), Some(&expected[..]));
    Ok(())
}
