// SPDX-License-Identifier: MIT OR Apache-2.0
//! Called as `keepalived` it is keepalived.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tests_kernel::cluster::{
    CONFIGURATION, Cluster, Director, Forwarding, REAL_SERVERS, Software, VIP,
};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process;
use tests_kernel::tool::lbctl;

use crate::{DEADLINE, TestResult, assert_balanced, fast, wait_for_log};

/// A folder with `keepalived` in it, and pid files.
fn folder() -> std::io::Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("drop-in-{}", std::process::id()));
    fs::create_dir_all(&path)?;
    symlink(lbctl(), path.join("keepalived"))?;
    Ok(path)
}

fn start(cluster: &mut Cluster, index: usize, folder: &Path, options: &[&str]) -> TestResult {
    let director = &mut cluster.directors[index];
    let mut command = director.command(folder.join("keepalived"));
    command.args(["-n", "-l", "-D"]).args(options);
    command.arg("-f").arg(director.configuration());
    command.arg("-p").arg(folder.join(format!("pid{index}")));
    director.start_command(command)?;
    Ok(())
}

#[testbed::guest_test]
fn called_as_keepalived() -> TestResult {
    let folder = folder()?;
    let edit = fast;
    let mut cluster = Cluster::new([Software::Lbctl; 2], Forwarding::DirectRouting, edit)?;
    start(&mut cluster, 0, &folder, &[])?;
    start(&mut cluster, 1, &folder, &[])?;
    cluster.wait_for_master(0, DEADLINE)?;
    for director in &cluster.directors {
        director.wait_for_table(&REAL_SERVERS, DEADLINE)?;
    }
    wait_for_log(&cluster.directors[0], &["(VI_1) Entering MASTER STATE"])?;
    assert_balanced(&cluster)?;
    let pid_file = folder.join("pid0");
    let pid: i32 = fs::read_to_string(&pid_file)?.trim().parse()?;
    let name = fs::read_link(format!("/proc/{pid}/exe"))?;
    assert_eq!(name.file_name(), lbctl().file_name());
    for director in &mut cluster.directors {
        let (status, log) = director.stop()?;
        assert!(status.success(), "{status}: {log}");
    }
    assert!(!pid_file.exists());

    // The parts, each alone.
    start(&mut cluster, 0, &folder, &["-P"])?;
    start(&mut cluster, 1, &folder, &["-C"])?;
    cluster.wait_for_master(0, DEADLINE)?;
    cluster.directors[1].wait_for_table(&REAL_SERVERS, DEADLINE)?;
    let table = cluster.directors[0].table()?;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!cluster.directors[1].has_address(VIP));
    // The system's log also has the lines of the first daemon.
    let log = cluster.directors[1].daemon()?.text();
    assert!(!log.contains("STATE"), "{log}");

    let configuration = folder.join("k.conf");
    let without_deprecated = CONFIGURATION
        .replace("nb_get_retry", "retry")
        .replace("lvs_sync_daemon_interface", "# ");
    for (text, code) in [
        (without_deprecated, 0),
        // 2.2.7 reports the deprecated words of the article's file.
        (CONFIGURATION.to_owned(), 5),
        (CONFIGURATION.replace("lb_algo", "lb_algoo"), 5),
    ] {
        fs::write(&configuration, text)?;
        for program in [Path::new("keepalived"), &folder.join("keepalived")] {
            let mut test = cluster.directors[0].command(program);
            test.arg("-t").arg("-f").arg(&configuration);
            let done = process::output(&mut test, DEADLINE)?;
            assert_eq!(done.status.code(), Some(code), "{done:?}");
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

const NAMED: &str = "\
instance one
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 61
    priority 255
    virtual_ipaddress {
        192.168.1.50
    }
}
virtual_server 192.168.1.50 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 192.168.1.61 80 {
        TCP_CHECK {
            warmup 0
        }
    }
}
";

/// The name before the process id of the first packet with this text.
fn name_of(director: &Director, text: &str) -> Result<String, String> {
    let packets = director.syslog_packets();
    let packet = packets.iter().find(|packet| packet.contains(text));
    let name = packet.and_then(|packet| {
        // "<30>Nov 22 14:40:01 Keepalived[7]: message"; ours has no date.
        let (before, _) = packet.split_once('[')?;
        before.rsplit([' ', '>']).next().map(str::to_owned)
    });
    name.ok_or_else(|| format!("no {text:?} in {packets:#?}"))
}

/// keepalived's processes have names of their own in the system's log.
#[testbed::guest_test]
fn names_in_the_log_of_the_system_are_those_of_keepalived() -> TestResult {
    let lan = Lan::new()?;
    let folder = tempfile::tempdir()?;
    symlink(lbctl(), folder.path().join("keepalived"))?;
    let ours = vec![folder.path().join("keepalived").into_os_string()];
    for (number, software, mut words) in [
        (11, Software::Keepalived, tests_kernel::tool::keepalived()),
        (12, Software::Lbctl, ours),
    ] {
        let host = lan.host(&format!("r{number}"), [192, 168, 1, number].into())?;
        let mut director = Director::new(host, software, NAMED)?;
        let mut command = director.command(words.remove(0));
        command.args(words).args(["-n", "-D", "-f"]);
        command.arg(director.configuration());
        director.start_command(command)?;
        for (text, name) in [
            ("Entering MASTER STATE", "Keepalived_vrrp_one"),
            (
                "Activating healthchecker for service",
                "Keepalived_healthcheckers_one",
            ),
        ] {
            let found = wait_until(text, DEADLINE, || name_of(&director, text))?;
            assert_eq!(found, name, "{software}: {text}");
        }
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
    }
    Ok(())
}
