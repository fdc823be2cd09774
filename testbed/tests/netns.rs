// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attributes and the namespaces themselves.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use testbed::process::{self, Background};
use testbed::{Error, Monitor, Netns};

const DEADLINE: Duration = Duration::from_secs(40);
/// Set for the tests that fail on purpose.
const FAILS: &str = "LB_TESTBED_FAILS";

/// Runs a test of this suite in a process of its own.
fn run_test(name: &str, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name]);
    change(&mut command);
    process::output(&mut command, DEADLINE).unwrap()
}

#[testbed::host_test]
fn returns_an_error() -> Result<(), Error> {
    if std::env::var_os(FAILS).is_none() {
        return Ok(());
    }
    let inner = std::io::Error::other("it is not there");
    Err(Error::system("open the file")(inner))
}

#[testbed::host_test]
fn an_error_fails_the_test_with_its_sources() {
    let output = run_test("returns_an_error", |command| {
        command.env(FAILS, "1");
    });
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("open the file\n  because of: it is not there\n"),
        "{text}"
    );
}

#[testbed::host_test]
fn without_its_place_a_test_is_skipped_and_passes() {
    let output = run_test("returns_an_error", |command| {
        command.env(FAILS, "1").env_remove("LB_HOST_NS");
    });
    assert!(output.status.success());
    let line = "SKIPPED: netns::returns_an_error: needs namespaces on the host (cargo xtask test)";
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.lines().any(|found| found == line), "{text}");
}

#[testbed::host_test]
fn a_namespace_has_a_name_until_it_is_dropped() -> Result<(), Error> {
    let netns = Netns::new("first")?;
    let path = netns.path();
    let prefix = format!("lbt-{}-", std::process::id());
    assert!(netns.name().starts_with(&prefix) && netns.name().ends_with("-first"));
    // `ip netns` finds it, and it is the one that is entered.
    let list = netns.run("ip netns list")?;
    assert!(list.contains(netns.name()), "{list}");
    let own = || fs::read_link("/proc/thread-self/ns/net").unwrap();
    let inside = netns.enter(own)?;
    assert_ne!(inside, own());
    for line in [
        "readlink /proc/self/ns/net".to_owned(),
        format!("ip netns exec {} readlink /proc/self/ns/net", netns.name()),
    ] {
        assert_eq!(netns.run(&line)?.trim(), inside.to_str().unwrap(), "{line}");
    }
    let clone = netns.clone();
    drop(netns);
    assert!(path.exists());
    drop(clone);
    assert!(!path.exists());
    Ok(())
}

/// As with `ip netns exec`.
#[testbed::host_test]
fn a_program_has_mounts_and_a_sys_of_its_own() -> Result<(), Error> {
    let netns = Netns::new("mounts")?;
    netns.ip("link add only-here type veth peer name only-peer")?;
    let folder = format!("/run/{}", netns.name());
    fs::create_dir(&folder).map_err(Error::system("create the folder"))?;
    let script =
        format!("mount -t tmpfs tmpfs {folder} && touch {folder}/file && ls /sys/class/net");
    let listing = netns.run(&format!("sh -c '{script}'"))?;
    assert!(listing.contains("only-here"), "{listing}");
    assert!(!fs::exists(format!("{folder}/file")).unwrap());
    fs::remove_dir(&folder).map_err(Error::system("remove the folder"))
}

#[testbed::host_test]
fn a_program_in_the_background_outlives_the_call_that_started_it() -> Result<(), Error> {
    let netns = Netns::new("background")?;
    let start = || {
        Background::spawn(netns.command("setpriv").args([
            "--pdeathsig",
            "KILL",
            "sh",
            "-c",
            "echo ready; read line",
        ]))
    };
    // Its standard input is empty: it ends by itself, and not by a signal.
    let mut program = start()?;
    program.wait_for_line("ready", DEADLINE, |line| line == "ready")?;
    let status = program.wait(DEADLINE)?;
    assert_eq!(status.code(), Some(1), "{status}");
    Ok(())
}

#[testbed::host_test]
fn what_a_killed_process_left_is_swept() -> Result<(), Error> {
    let netns = Netns::new("sweep")?;
    // No process has this id.
    let left = "lbt-4194305-0-left";
    netns.run(&format!("ip netns add {left}"))?;
    Netns::sweep()?;
    assert!(!fs::exists(format!("/run/netns/{left}")).unwrap());
    assert!(netns.path().exists());
    Ok(())
}

#[testbed::host_test]
fn a_monitor_prints_what_changed_between_its_start_and_its_end() -> Result<(), Error> {
    let netns = Netns::new("monitor")?;
    netns.ip("addr add 10.0.0.1/32 dev lo")?;
    let monitor = Monitor::start(&netns, "address route")?;
    netns.ip("addr add 10.0.0.2/32 dev lo")?;
    let seen = monitor.stop()?;
    assert!(
        seen.contains("10.0.0.2") && !seen.contains("10.0.0.1"),
        "{seen}"
    );
    assert!(!seen.contains("127.77."), "{seen}");
    Ok(())
}
