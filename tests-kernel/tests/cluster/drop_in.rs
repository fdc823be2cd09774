// SPDX-License-Identifier: MIT OR Apache-2.0
//! Called as `keepalived` it is keepalived.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tests_kernel::cluster::{CONFIGURATION, Cluster, Forwarding, REAL_SERVERS, Software, VIP};
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
