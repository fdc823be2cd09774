// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notifications at an upgrade: what runs is left alone, and no event is notified twice.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::sys::signal::Signal;
use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{HttpServer, Lan, wait_until};

use super::upgrade::start_upgrade;
use super::{DEADLINE, TestResult, instance};

/// A script that reports its begin, waits for a file, and reports its end or SIGTERM.
fn write_script(directory: &Path) -> TestResult {
    let path = directory.join("tell");
    let place = directory.display();
    let body = format!(
        "#!/bin/sh
trap 'echo \"$3 term\" >>{place}/log; exit' TERM
echo \"$3 begin\" >>{place}/log
while [ ! -e {place}/go ]; do sleep 0.05; done
echo \"$3 end\" >>{place}/log
"
    );
    fs::write(&path, body)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[testbed::host_test]
fn scripts_that_run_at_an_upgrade_end_by_themselves_and_events_are_notified_once() -> TestResult {
    let lan = Lan::new()?;
    let hooks = lan.host("hooks", Ipv4Addr::new(192, 168, 1, 16))?;
    let server = HttpServer::start(hooks.netns(), 80)?;
    let host = lan.host("r1", Ipv4Addr::new(192, 168, 1, 11))?;
    let mut old = Director::new(host, Software::Lbctl, "")?;
    let directory = old.configuration().with_file_name("notify");
    fs::create_dir_all(&directory)?;
    write_script(&directory)?;
    let script = directory.join("tell");
    let notify = format!(
        "notify {}\n    notify_url http://192.168.1.16/",
        script.display()
    );
    old.configure(&instance(150, "0.2", &notify))?;
    let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
    let wait_for = |what: &str, wanted: &[&str], messages: &str| {
        wait_until(what, DEADLINE, || {
            let text = log();
            let mut lines: Vec<&str> = text.lines().collect();
            lines.sort_unstable();
            (lines == wanted)
                .then_some(())
                .ok_or_else(|| format!("{lines:?}\n{messages}"))
        })
    };
    let states = || -> Vec<String> {
        let requests = server.requests().into_iter();
        let documents = requests.map(|request| serde_json::from_str(&request.body));
        documents
            .map(|document: Result<serde_json::Value, _>| {
                let document = document.unwrap_or_default();
                document["state"].as_str().unwrap_or("-").to_owned()
            })
            .collect()
    };
    old.start()?;
    let running = ["BACKUP begin", "MASTER begin"];
    wait_for("both scripts", &running, &old.log())?;
    let mut new = start_upgrade(&old)?;
    let ended = old.daemon()?.wait(DEADLINE)?;
    assert!(ended.success(), "{ended}: {}", old.log());
    new.wait_for_line("end of the handover", DEADLINE, |line| {
        line.contains("replaced the old process")
    })?;
    assert_eq!(states(), ["BACKUP", "MASTER"], "{}", new.text());
    fs::write(directory.join("go"), "")?;
    let all = ["BACKUP begin", "BACKUP end", "MASTER begin", "MASTER end"];
    wait_for("the end of both", &all, &new.text())?;

    new.signal(Signal::SIGTERM);
    assert!(new.wait(DEADLINE)?.success(), "{}", new.text());
    let all = [&all[..], &["STOP begin", "STOP end"]].concat();
    wait_for("the script of the stop", &all, &new.text())?;
    assert_eq!(states(), ["BACKUP", "MASTER", "STOP"], "{}", new.text());
    Ok(())
}
