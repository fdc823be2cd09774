// SPDX-License-Identifier: MIT OR Apache-2.0
//! `notify_url`: what a running daemon posts, from its start to its end.

use std::time::Duration;

use serde_json::Value;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Behaviour, HttpServer, Lan, wait_until};

use super::{DEADLINE, TestResult};

const GLOBAL: &str = "\
global_defs {
    router_id lb1
    notify_url \"http://192.168.1.16/all?token=x\" timeout 2
    vrrp_notify_priority_changes
}
vrrp_sync_group VG {
    group {
        VI_1
    }
    sync_group_tracking_weight
}
vrrp_script chk {
    script \"/usr/bin/test ! -e @DIR@/low\"
    interval 1
    weight 20
}
";

/// The other server never answers.
const FIRST: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    advert_int 0.5
    version 3
    track_script {
        chk
    }
    virtual_ipaddress {
        192.168.1.51
    }
}
vrrp_instance VI_2 {
    interface eth0
    virtual_router_id 62
    advert_int 0.5
    version 3
    virtual_ipaddress {
        192.168.1.52
    }
    notify_url http://192.168.1.17/ timeout 60 retry 0
}
";

/// After the reload VI_1 has a URL of its own, and VI_2 is gone.
const SECOND: &str = "\
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    advert_int 0.5
    version 3
    virtual_ipaddress {
        192.168.1.51
    }
    notify_url http://192.168.1.16/own
}
";

/// `PATH OBJECT STATE PRIORITY` of each document so far.
fn posted(server: &HttpServer) -> TestResult<Vec<String>> {
    let requests = server.requests().into_iter();
    requests
        .map(|request| {
            let document: Value = serde_json::from_str(&request.body)?;
            let text = |name: &str| document[name].as_str().unwrap_or("-").to_owned();
            assert_eq!(text("router_id"), "lb1", "{document}");
            assert_ne!(text("host"), "-", "{document}");
            let time = text("time");
            assert!(time.len() == 27 && time.ends_with('Z'), "{document}");
            let [instance, group] = ["instance", "group"].map(|name| document[name].as_str());
            let name = instance.or(group);
            let (name, event, state) = (name.unwrap_or("-"), text("event"), text("state"));
            let (path, priority) = (request.path, &document["priority"]);
            Ok(format!("{path} {event} {name} {state} {priority}"))
        })
        .collect()
}

/// The lines about an object, in their order: those of two objects may be in any.
fn about(lines: &[String], name: &str) -> Vec<String> {
    let word = |line: &&String| line.split(' ').nth(2) == Some(name);
    lines.iter().filter(word).cloned().collect()
}

// shows global_defs: notify_url
// shows vrrp_instance: notify_url
#[testbed::host_test]
fn events_are_posted_in_order_whatever_a_server_does() -> TestResult {
    let lan = Lan::new()?;
    let hooks = lan.host("hooks", [192, 168, 1, 16].into())?;
    let server = HttpServer::start(hooks.netns(), 80)?;
    let slow = lan.host("slow", [192, 168, 1, 17].into())?;
    let slow = HttpServer::start(slow.netns(), 80)?;
    slow.set_behaviour(Behaviour::Slow(Duration::from_secs(600)));
    // Refused until all of the start is queued.
    server.set_behaviour(Behaviour::Status(503));
    let host = lan.host("one", [192, 168, 1, 11].into())?;
    let mut director = Director::new(host, Software::Lbctl, "")?;
    let directory = director.configuration().with_file_name("hooks");
    std::fs::create_dir_all(&directory)?;
    let text = |parts: [&str; 2]| {
        parts
            .concat()
            .replace("@DIR@", &directory.display().to_string())
    };
    director.configure(&text([GLOBAL, FIRST]))?;
    director.start()?;
    let seen = |director: &Director, what: &str, done: &dyn Fn(&[String]) -> bool| {
        wait_until(what, DEADLINE, || {
            let lines = posted(&server).map_err(|error| error.to_string())?;
            if done(&lines) {
                Ok(lines)
            } else {
                Err(format!("{lines:#?}\n{}", director.log()))
            }
        })
    };
    let has = |lines: &[String], line: &str| lines.iter().any(|known| known == line);
    // The first event is posted again after 503, and those behind it wait.
    let lines = seen(&director, "two tries", &|lines| lines.len() >= 2)?;
    assert_eq!(lines[0], lines[1]);
    server.set_behaviour(Behaviour::Serve);
    let first = "/all?token=x state VI_1 MASTER 120";
    let lines = seen(&director, "master", &|lines| {
        has(lines, first) && !about(lines, "VG").is_empty()
    })?;
    let mut own = about(&lines, "VI_1");
    own.dedup();
    let expected = [
        "/all?token=x state VI_1 BACKUP 100",
        "/all?token=x priority VI_1 BACKUP 120",
        first,
    ];
    assert_eq!(own, expected);
    // The server that hangs has had its first event, and delays nothing.
    wait_until("the other server", DEADLINE, || {
        (slow.requests().len() == 1)
            .then_some(())
            .ok_or_else(|| "no request".to_owned())
    })?;
    std::fs::write(directory.join("low"), "")?;
    let changed = "/all?token=x priority VI_1 MASTER 100";
    seen(&director, "priority", &|lines| has(lines, changed))?;

    director.configure(&text([GLOBAL, SECOND]))?;
    director.reload()?;
    let logged = |message: &str| {
        wait_until(message, DEADLINE, || {
            let log = director.log();
            log.contains(message).then_some(()).ok_or(log)
        })
    };
    logged("(VI_2) Stopped")?;
    director.host().set_cable(false)?;
    logged("(VI_1) Entering FAULT STATE")?;
    director.host().set_cable(true)?;
    let again = "/own state VI_1 MASTER 100";
    let lines = seen(&director, "master again", &|lines| has(lines, again))?;
    assert!(has(&lines, "/own state VI_1 FAULT 100"), "{lines:#?}");
    // The removed instance had the other URL.
    assert!(about(&lines, "VI_2").is_empty(), "{lines:#?}");
    let (status, log) = director.stop()?;
    assert!(status.success(), "{log}");
    let lines = posted(&server)?;
    assert!(has(&lines, "/own state VI_1 STOP 100"), "{lines:#?}\n{log}");
    assert!(
        has(&lines, "/all?token=x state VG STOP null"),
        "{lines:#?}\n{log}"
    );
    // The events for the server that hangs are lost after the second of the stop.
    assert!(log.contains("events could not be posted in time"), "{log}");
    assert!(!log.contains("token"), "{log}");
    Ok(())
}
