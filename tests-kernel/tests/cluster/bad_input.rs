// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wrong files, missing privileges, a second daemon: refused, and nothing touched.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests_kernel::cluster::{CONFIGURATION, Cluster, Forwarding, REAL_SERVERS, Software};
use tests_kernel::net::{Host, Lan};
use tests_kernel::process;
use tests_kernel::tool::{Tool, lbctl};

use crate::{DEADLINE, TestResult, fast};

/// A folder for configuration and socket, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn files(&self) -> std::io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.0)?.map(|entry| {
            let name = entry?.file_name();
            Ok(name.to_string_lossy().into_owned())
        });
        entries.collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn run(director: &Host, wrapper: &[&str], folder: &Path) -> Command {
    let mut words: Vec<&str> = wrapper.to_vec();
    let program = lbctl();
    let program = program.to_string_lossy();
    words.push(&program);
    let mut words = words.into_iter();
    let mut command = director.netns().command(words.next().unwrap_or_default());
    command.args(words).arg("run");
    command.arg("-f").arg(folder.join("cluster.conf"));
    command.arg("--control").arg(folder.join("control.sock"));
    command
}

/// Nothing of a daemon is left or was ever made.
fn assert_untouched(director: &Host, folder: &Folder) -> TestResult {
    let addresses = director.netns().ip("-4 -o addr show dev eth0")?;
    assert!(!addresses.contains("192.168.1.50"), "{addresses}");
    let table = Tool::Ipvsadm.run(director.netns(), "-L -n")?;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert_eq!(Tool::Ipvsadm.run(director.netns(), "-L --daemon")?, "");
    assert_eq!(folder.files()?, ["cluster.conf"]);
    Ok(())
}

/// What is wrong, on which line, and what was meant.
const MISTAKES: [(&str, &str, &str); 4] = [
    ("advert_int 1", "advert_inte 1", "advert_int"),
    ("auth_type PASS", "auth_type PAS", "PASS"),
    ("lb_algo wrr", "lb_algoo wrr", "lb_algo"),
    ("digest 21dde9", "digest zz1dde9", ""),
];

#[testbed::guest_test]
fn a_wrong_file_is_shown_whole_and_nothing_is_touched() -> TestResult {
    let lan = Lan::new()?;
    let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let folder = Folder::new("wrong")?;
    let mut text = CONFIGURATION.to_owned();
    for (right, wrong, _) in MISTAKES {
        text = text.replacen(right, wrong, 1);
    }
    fs::write(folder.0.join("cluster.conf"), &text)?;
    let done = process::output(&mut run(&director, &[], &folder.0), DEADLINE)?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    for (_, wrong, meant) in MISTAKES {
        let (number, line) = (1..)
            .zip(text.lines())
            .find(|(_, line)| line.contains(wrong))
            .unwrap();
        let word = wrong.split(' ').next().unwrap();
        let column = line.find(word).unwrap() + 1;
        let at = said.lines().any(|line| {
            let place = line.split("cluster.conf:").nth(1).unwrap_or_default();
            let mut numbers = place.split([':', ' ']);
            let mut next = || {
                numbers
                    .next()
                    .and_then(|number| number.parse::<usize>().ok())
            };
            // The keyword or its value is pointed at.
            next() == Some(number) && next().is_some_and(|found| found >= column)
        });
        assert!(at, "{wrong} on line {number}, column {column}: {said}");
        assert!(said.contains(meant), "{meant}: {said}");
    }
    assert!(said.contains('^'), "{said}");
    assert_untouched(&director, &folder)
}

#[testbed::guest_test]
fn without_its_interface_it_does_not_start() -> TestResult {
    let lan = Lan::new()?;
    let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let folder = Folder::new("interface")?;
    let text = CONFIGURATION.replace(" interface eth0", " interface eth9");
    fs::write(folder.0.join("cluster.conf"), text)?;
    let done = process::output(&mut run(&director, &[], &folder.0), DEADLINE)?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("router VI_1: no interface eth9"), "{said}");
    assert_untouched(&director, &folder)
}

#[testbed::guest_test]
fn without_privileges_it_names_what_is_missing() -> TestResult {
    let lan = Lan::new()?;
    let director = lan.host("lb1", Ipv4Addr::new(192, 168, 1, 11))?;
    let folder = Folder::new("unprivileged")?;
    fs::write(folder.0.join("cluster.conf"), CONFIGURATION)?;
    let unprivileged = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
    ];
    let done = process::output(&mut run(&director, &unprivileged, &folder.0), DEADLINE)?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(
        said.contains("CAP_NET_ADMIN") && said.contains("CAP_NET_RAW"),
        "{said}"
    );

    // One of the two is enough for a file that wants no more.
    let only_raw = [
        "setpriv",
        "--bounding-set",
        "-net_admin",
        "--inh-caps",
        "-net_admin",
    ];
    let done = process::output(&mut run(&director, &only_raw, &folder.0), DEADLINE)?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{said}");
    assert!(
        said.contains("CAP_NET_ADMIN") && !said.contains("CAP_NET_RAW"),
        "{said}"
    );
    assert_untouched(&director, &folder)
}

#[testbed::guest_test]
fn a_second_daemon_is_refused() -> TestResult {
    let edit = fast;
    let mut cluster = Cluster::new([Software::Lbctl; 2], Forwarding::DirectRouting, edit)?;
    cluster.directors[0].start()?;
    cluster.wait_for_master(0, DEADLINE)?;
    let director = &cluster.directors[0];
    let mut second = director.command(lbctl());
    second.arg("run").arg("-f").arg(director.configuration());
    second.arg("--control").arg(director.control());
    let done = process::output(&mut second, DEADLINE)?;
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    let status = director.lbctl(&["status", "--json"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let first = format!("already running with PID {}", status["pid"]);
    assert!(said.contains(&first), "{said}");
    // The first does not even notice.
    assert_eq!(status["routers"][0]["state"], "master");
    director.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    let (status, log) = cluster.directors[0].stop()?;
    assert!(status.success(), "{log}");
    Ok(())
}
