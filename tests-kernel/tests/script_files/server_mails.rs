// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mails of virtual and real servers: those of keepalived.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testbed::play_at_once;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, Mail, SmtpSink, wait_until};

use super::{BOTH, DEADLINE, TestResult};

/// All checks pass in the first round, whose mails ours gathers.
const FILE: &str = "\
global_defs {
    router_id lb1
    script_user root
    notification_email {
        ops@example.net
    }
    notification_email_from lb1@example.net
    smtp_server 192.168.1.16
    smtp_alert
}
virtual_server 192.168.1.50 80 {
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    protocol TCP
    quorum 2
    omega
    real_server 192.168.1.61 80 {
        MISC_CHECK {
            misc_path \"@DIR@/check s1\"
            warmup 0
        }
    }
    real_server 192.168.1.62 80 {
        inhibit_on_failure
        MISC_CHECK {
            misc_path \"@DIR@/check s2\"
            warmup 0
        }
    }
";

/// The end of the virtual server, and what a reload removes.
const REMOVED: &str = "\
    real_server 192.168.1.63 80 {
        weight 0
    }
}
virtual_server fwmark 5 {
    lb_algo rr
    lb_kind NAT
    real_server 192.168.1.63 80 {
    }
}
";

/// The mails of each object, in their order: those of two objects may overtake each other.
type Mails = BTreeMap<String, Vec<(String, String)>>;

fn by_object(mails: &[Mail]) -> Mails {
    let mut all = Mails::new();
    for mail in mails {
        let subject = mail.subject();
        let (object, what) = subject.rsplit_once(" - ").unwrap_or((&subject, ""));
        let (_, body) = mail.text.split_once("\n\n").unwrap_or_default();
        let body = body.trim().to_owned();
        all.entry(object.to_owned())
            .or_default()
            .push((what.to_owned(), body));
    }
    all
}

fn story(software: Software) -> TestResult<Mails> {
    let lan = Lan::new()?;
    let post = lan.host("post", [192, 168, 1, 16].into())?;
    let sink = SmtpSink::start(post.netns())?;
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, software, "")?;
    let directory = director.configuration().with_file_name("mails");
    fs::create_dir_all(&directory)?;
    let place = directory.display().to_string();
    let check = directory.join("check");
    let text = format!("#!/bin/sh\necho $1 >>{place}/ran\ntest -e {place}/$1\n");
    fs::write(&check, text)?;
    fs::set_permissions(&check, fs::Permissions::from_mode(0o755))?;
    let [first, second] = ["s1", "s2"].map(|name| directory.join(name));
    fs::write(&first, "")?;
    fs::write(&second, "")?;
    director.configure(&[FILE, REMOVED].concat().replace("@DIR@", &place))?;
    director.start()?;
    wait_until("two rounds of checks", DEADLINE, || {
        let ran = fs::read_to_string(directory.join("ran")).unwrap_or_default();
        let rounds = |name: &str| ran.lines().filter(|line| *line == name).count();
        let enough = rounds("s1") >= 2 && rounds("s2") >= 2;
        enough.then_some(()).ok_or_else(|| director.log())
    })?;
    let wait_for = |director: &Director, object: &str, what: &[&str]| {
        wait_until(&format!("{software}: {object} {what:?}"), DEADLINE, || {
            let mails = by_object(&sink.mails());
            let of_object = mails.iter().find(|(name, _)| name.ends_with(object));
            let found: Vec<&str> = of_object
                .map(|(_, mails)| mails.iter().map(|(what, _)| what.as_str()).collect())
                .unwrap_or_default();
            (found.ends_with(what))
                .then_some(())
                .ok_or_else(|| format!("{mails:#?}\n{}", director.log()))
        })
    };
    let service = "Virtualserver [192.168.1.50]:tcp:80";
    let server = |host: u8| {
        format!("Realserver [192.168.1.{host}]:tcp:80 of virtual server [192.168.1.50]:tcp:80")
    };
    fs::remove_file(&first)?;
    wait_for(&director, &server(61), &["DOWN"])?;
    wait_for(&director, service, &["DOWN"])?;
    fs::remove_file(&second)?;
    wait_for(&director, &server(62), &["DOWN"])?;
    fs::write(&first, "")?;
    wait_for(&director, &server(61), &["DOWN", "UP"])?;
    fs::write(&second, "")?;
    wait_for(&director, &server(62), &["DOWN", "UP"])?;
    wait_for(&director, service, &["DOWN", "UP"])?;
    director.configure(&[FILE, "}\n"].concat().replace("@DIR@", &place))?;
    director.reload()?;
    wait_for(&director, &server(63), &["DOWN"])?;
    wait_for(&director, "of virtual server FWM 5", &["DOWN"])?;
    let before = by_object(&sink.mails());
    director.stop()?;
    if software == Software::Keepalived {
        // It ends before the mails of its stop are sent.
        return Ok(without_first_successes(before));
    }
    let mut ended = by_object(&sink.mails());
    for (object, mails) in before {
        let all = ended.entry(object).or_default();
        assert!(all.starts_with(&mails), "{all:?}");
        let last: Vec<_> = all.split_off(mails.len());
        let down = ("DOWN".to_owned(), "=> Shutting down <=".to_owned());
        assert!(last.is_empty() || last == [down], "{last:?}");
    }
    Ok(ended)
}

/// Without the mail of the first success of each check, which changes nothing, and with the numbers of a
/// lost quorum as in the log.
fn without_first_successes(mut all: Mails) -> Mails {
    for mails in all.values_mut() {
        let first = mails.first();
        if first.is_some_and(|(_, body)| body == "=> MISC CHECK succeeded on service <=") {
            mails.remove(0);
        }
        for (_, body) in mails.iter_mut() {
            *body = match body.as_str() {
                "=> Lost quorum 2+0=2 <= 1 <=" => "=> Lost quorum 2-0=2 > 1 <=".to_owned(),
                "=> Lost quorum 1+0=1 <= 0 <=" => "=> Lost quorum 1-0=1 > 0 <=".to_owned(),
                other => other.to_owned(),
            };
        }
    }
    all
}

/// Without the reasons in mails of failed checks, and with the quorums at the start as mails of their own
/// instead of in the digest of the first round.
fn without_additions(mut all: Mails) -> TestResult<Mails> {
    for (_, body) in all.values_mut().flatten() {
        if let Some((text, reason)) = body.split_once('\n')
            && reason.starts_with("exited with status 1 (/")
        {
            *body = text.to_owned();
        }
    }
    let digest = all.remove("[lb1] First round of checks");
    let [(counts, body)]: [_; 1] = digest
        .unwrap_or_default()
        .try_into()
        .map_err(|_| "digest")?;
    assert_eq!(counts, "0 DOWN, 2 UP");
    let lines: Vec<&str> = body.lines().map(str::trim).collect();
    for two in lines.chunks(2) {
        let [headline, text] = two else {
            return Err(body.into());
        };
        let (object, what) = headline.rsplit_once(" - ").ok_or("no headline")?;
        let mails = all.entry(format!("[lb1] {object}")).or_default();
        mails.insert(0, (what.to_owned(), (*text).to_owned()));
    }
    Ok(all)
}

// shows global_defs: smtp_alert
#[testbed::guest_test]
fn servers_mail_what_keepalived_mails() -> TestResult {
    let mut sent = play_at_once(&BOTH, |&software| story(software))?.into_iter();
    let (Some(theirs), Some(ours)) = (sent.next(), sent.next()) else {
        return Err("not both".into());
    };
    assert_eq!(without_additions(ours)?, theirs);
    Ok(())
}
