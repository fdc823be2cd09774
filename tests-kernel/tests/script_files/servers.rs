// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scripts and FIFO lines of virtual and real servers: call by call those of keepalived.

use std::fs;

use testbed::play_at_once;
use tests_kernel::cluster::Software;
use tests_kernel::net::Lan;

use super::notify::{Expected, Scene, Step, compare};
use super::{BOTH, TestResult};

const GLOBAL: &str = "\
global_defs {
    script_user root
    notify_fifo @DIR@/first
    lvs_notify_fifo @DIR@/second
}
virtual_server 192.168.1.50 81 {
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    protocol UDP
    alpha
    quorum_up \"@DIR@/tell B quorum up\"
    quorum_down \"@DIR@/tell B quorum down\"
    real_server 192.168.1.61 81 {
        notify_up \"@DIR@/tell B 61 up\"
        notify_down \"@DIR@/tell B 61 down\"
        inhibit_on_failure
        MISC_CHECK {
            misc_path \"/usr/bin/test -e @DIR@/s1\"
            warmup 0
        }
    }
}
virtual_server 192.168.1.50 80 {
    delay_loop 1
    lb_algo rr
    lb_kind NAT
    protocol TCP
    quorum 2
    omega
    quorum_up \"@DIR@/tell A quorum up\"
    quorum_down \"@DIR@/tell A quorum 'd own'\" root root
    real_server 192.168.1.61 80 {
        notify_up \"@DIR@/tell A 61 up\"
        notify_down \"@DIR@/streams A 61 down\"
        MISC_CHECK {
            misc_path \"/usr/bin/test -e @DIR@/s1\"
            warmup 0
        }
    }
    real_server 192.168.1.62 80 {
        notify_up \"@DIR@/tell A 62 up\"
        notify_down \"@DIR@/tell A 62 down\"
        MISC_CHECK {
            misc_path \"/usr/bin/test -e @DIR@/s2\"
            warmup 0
        }
    }
";

/// The end of the second virtual server and what else a reload removes.
const REMOVED: &str = "\
    real_server 192.168.1.63 80 {
        notify_up \"@DIR@/tell A 63 up\"
        notify_down \"@DIR@/tell A 63 down\"
    }
}
virtual_server fwmark 5 {
    lb_algo rr
    lb_kind NAT
    quorum_up \"@DIR@/tell C quorum up\"
    quorum_down \"@DIR@/tell C quorum down\"
    real_server 192.168.1.63 80 {
        notify_up \"@DIR@/tell C 63 up\"
        notify_down \"@DIR@/tell C 63 down\"
    }
}
";

/// The same with what a reload adds.
const ADDED: &str = "\
}
virtual_server 192.168.1.50 82 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    quorum_up \"@DIR@/tell D quorum up\"
    real_server 192.168.1.61 82 {
        notify_up \"@DIR@/tell D 61 up\"
    }
}
";

const STORY: &[Expected] = &[
    (
        "start",
        &["A quorum up", "B 61 up", "B quorum up", "C quorum up"],
        &[
            "VS [192.168.1.50]:tcp:80 UP",
            "VS FWM 5 UP",
            "RS [192.168.1.61]:udp:81 [192.168.1.50]:udp:81 UP",
            "VS [192.168.1.50]:udp:81 UP",
        ],
    ),
    (
        "one real server is down",
        &[
            "A 61 down /dev/null /dev/null leader",
            "B 61 down",
            "B quorum down",
        ],
        &[
            "RS [192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80 DOWN",
            "RS [192.168.1.61]:udp:81 [192.168.1.50]:udp:81 DOWN",
            "VS [192.168.1.50]:udp:81 DOWN",
        ],
    ),
    (
        "another one is down",
        &["A 62 down", "A quorum d own"],
        &[
            "RS [192.168.1.62]:tcp:80 [192.168.1.50]:tcp:80 DOWN",
            "VS [192.168.1.50]:tcp:80 DOWN",
        ],
    ),
    (
        "the first is up again",
        &["A 61 up", "A quorum up", "B 61 up", "B quorum up"],
        &[
            "RS [192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80 UP",
            "VS [192.168.1.50]:tcp:80 UP",
            "RS [192.168.1.61]:udp:81 [192.168.1.50]:udp:81 UP",
            "VS [192.168.1.50]:udp:81 UP",
        ],
    ),
    (
        "the second is up again",
        &["A 62 up"],
        &["RS [192.168.1.62]:tcp:80 [192.168.1.50]:tcp:80 UP"],
    ),
    (
        "reload",
        &["A 63 down", "C 63 down", "C quorum down", "D quorum up"],
        &[
            "RS [192.168.1.63]:tcp:80 [192.168.1.50]:tcp:80 DOWN",
            "RS [192.168.1.63]:none:80 FWM 5 DOWN",
            "VS FWM 5 DOWN",
            "VS [192.168.1.50]:tcp:82 UP",
        ],
    ),
    (
        "stop",
        &[
            "A 61 down /dev/null /dev/null leader",
            "A 62 down",
            "A quorum d own",
        ],
        &[
            "RS [192.168.1.61]:tcp:80 [192.168.1.50]:tcp:80 DOWN",
            "RS [192.168.1.62]:tcp:80 [192.168.1.50]:tcp:80 DOWN",
            "VS [192.168.1.50]:tcp:80 DOWN",
        ],
    ),
];

fn story(software: Software) -> TestResult<Vec<Step>> {
    let lan = Lan::new()?;
    let mut scene = Scene::new(software, &lan, STORY)?;
    let [first, second] = ["s1", "s2"].map(|name| scene.directory.join(name));
    fs::write(&first, "")?;
    fs::write(&second, "")?;
    scene.configure(&[GLOBAL, REMOVED])?;
    scene.director.start()?;
    scene.open_second()?;
    let mut steps = vec![scene.step()?];
    fs::remove_file(&first)?;
    steps.push(scene.step()?);
    fs::remove_file(&second)?;
    steps.push(scene.step()?);
    fs::write(&first, "")?;
    steps.push(scene.step()?);
    fs::write(&second, "")?;
    steps.push(scene.step()?);
    scene.check_second(STORY.get(..5).unwrap_or_default())?;
    scene.configure(&[GLOBAL, ADDED])?;
    scene.director.reload()?;
    steps.push(scene.step()?);
    let (status, log) = scene.director.stop()?;
    assert!(status.success(), "{software}: {log}");
    steps.push(scene.step()?);
    scene.check_end();
    Ok(steps)
}

// shows global_defs: script_user, lvs_notify_fifo
// shows virtual_server: quorum, quorum_up, quorum_down, omega
// shows real_server: notify_up, notify_down, inhibit_on_failure, MISC_CHECK
#[testbed::guest_test]
fn scripts_and_fifos_of_servers_are_those_of_keepalived() -> TestResult {
    let played = play_at_once(&BOTH, |&software| story(software).map(Some))?;
    compare(STORY, played);
    Ok(())
}
