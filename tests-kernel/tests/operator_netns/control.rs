// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket under bad treatment, and files that the daemon must leave alone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use tests_kernel::cluster::{Director, Software};
use tests_kernel::net::{Lan, wait_until};
use tests_kernel::process::output;
use tests_kernel::tool::lbctl;

use super::{DEADLINE, TestResult, VIP, instance, status};

/// The longest that `lbctl status` takes beside connections that send nothing; far less than the limit
/// of each of them.
const STATUS: Duration = Duration::from_secs(3);

fn director(lan: &Lan, more: &str) -> TestResult<Director> {
    let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
    let text = instance(150, "0.3", more);
    Ok(Director::new(host, Software::Lbctl, &text)?)
}

fn wait_for_master(director: &Director) -> TestResult {
    wait_until("master", DEADLINE, || {
        let is_master = director.has_address(VIP);
        is_master.then_some(()).ok_or_else(|| director.log())
    })?;
    Ok(())
}

/// Connections with half a request, more than the daemon serves at once, do not delay `lbctl status`.
#[testbed::host_test]
fn idle_connections_do_not_delay_status() -> TestResult {
    let lan = Lan::new()?;
    let mut director = director(&lan, "")?;
    director.start()?;
    wait_for_master(&director)?;
    let mut idle = Vec::new();
    for count in [40, 200, 760] {
        for _ in 0..count {
            let mut stream = UnixStream::connect(director.control())?;
            stream.write_all(b"GET /v1/sta")?;
            idle.push(stream);
        }
        let begin = Instant::now();
        let status = status(&director)?;
        let took = begin.elapsed();
        assert_eq!(status["routers"][0]["state"], "master");
        assert!(took < STATUS, "{took:?} beside {} connections", idle.len());
    }
    let (status, log) = director.stop()?;
    assert!(status.success(), "{status}: {log}");
    Ok(())
}

/// A daemon that has no free descriptor answers `lbctl status` all the same, again and again, also while idle
/// connections use all of its spare ones.
#[testbed::host_test]
fn status_is_answered_without_free_descriptors() -> TestResult {
    let lan = Lan::new()?;
    let mut director = director(&lan, "")?;
    director.start()?;
    wait_for_master(&director)?;
    // No number below the limit is free.
    let pid = director.daemon()?.pid();
    let mut limit = 0;
    while fs::symlink_metadata(format!("/proc/{pid}/fd/{limit}")).is_ok() {
        limit += 1;
    }
    let mut command = director.command("prlimit");
    command.arg(format!("--pid={pid}"));
    command.arg(format!("--nofile={limit}:{limit}"));
    let done = output(&mut command, DEADLINE)?;
    assert!(done.status.success(), "{done:?}");
    let mut idle = Vec::new();
    for round in 0..8 {
        if round == 4 {
            for _ in 0..8 {
                idle.push(UnixStream::connect(director.control())?);
            }
        }
        let begin = Instant::now();
        let status = status(&director)?;
        let took = begin.elapsed();
        assert_eq!(status["routers"][0]["state"], "master");
        assert!(took < STATUS, "{took:?} in round {round}");
    }
    drop(idle);
    let (status, log) = director.stop()?;
    assert!(status.success(), "{status}: {log}");
    let failures = log.matches("control socket cannot accept").count();
    assert_eq!(failures, 1, "{log}");
    Ok(())
}

/// A start refuses a control socket whose path, lock or ledger is a file of another program, and leaves
/// that as it is.
#[testbed::host_test]
fn files_of_others_stay_as_they_are() -> TestResult {
    let lan = Lan::new()?;
    let director = director(&lan, "")?;
    let folder = tempfile::tempdir()?;
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious\n")?;
    let path = |name: &str| folder.path().join(name);
    symlink(&precious, path("b.lock"))?;
    nix::unistd::mkfifo(&path("c.ledger"), nix::sys::stat::Mode::S_IRWXU)?;
    for (control, reason) in [
        ("precious", "is not a socket"),
        ("b", "b.lock"),
        ("c", "c.ledger"),
    ] {
        let mut command = director.command(lbctl());
        command.arg("run").arg("-f").arg(director.configuration());
        command.arg("--control").arg(path(control));
        let done = output(&mut command, DEADLINE)?;
        let text = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{control}: {text}");
        assert!(text.contains(reason), "{control}: {text}");
        assert_eq!(fs::read_to_string(&precious)?, "precious\n");
    }
    assert!(path("b.lock").is_symlink());
    assert!(!director.has_address(VIP));
    Ok(())
}

/// With umask 0 the files of the daemon are as private as else.
#[testbed::host_test]
fn modes_do_not_depend_on_the_umask() -> TestResult {
    let lan = Lan::new()?;
    let mut director = director(&lan, "")?;
    let folder = tempfile::tempdir()?;
    let control = folder.path().join("run/lb.sock");
    let mut command = director.command("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\""]);
    command
        .arg(lbctl())
        .arg("run")
        .arg("-f")
        .arg(director.configuration());
    command.arg("--control").arg(&control);
    director.start_command(command)?;
    wait_for_master(&director)?;
    let mode = |name: &str| -> TestResult<u32> {
        let path = folder.path().join(name);
        Ok(path.symlink_metadata()?.permissions().mode() & 0o777)
    };
    assert_eq!(mode("run")?, 0o755);
    assert_eq!(mode("run/lb.sock")?, 0o600);
    assert_eq!(mode("run/lb.sock.lock")?, 0o644);
    let (status, log) = director.stop()?;
    assert!(status.success(), "{status}: {log}");
    assert!(!control.exists());
    Ok(())
}

/// A script starts with default signal dispositions, although some were ignored when the daemon was started.
// shows vrrp_script: script
#[testbed::host_test]
fn scripts_start_with_default_signal_dispositions() -> TestResult {
    let lan = Lan::new()?;
    let folder = tempfile::tempdir()?;
    let (script, found) = (folder.path().join("script"), folder.path().join("found"));
    let text = format!(
        "#!/bin/sh\ngrep SigIgn /proc/self/status >{0}.new && mv {0}.new {0}\n",
        found.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let mut director = director(&lan, "track_script {\n        chk\n    }")?;
    let text = fs::read_to_string(director.configuration())?;
    let path = script.display();
    director.configure(&format!(
        "vrrp_script chk {{\n    script \"{path}\"\n}}\n{text}"
    ))?;
    let mut command = director.command("sh");
    command.args(["-c", "trap '' QUIT INT TSTP; exec \"$0\" \"$@\""]);
    command
        .arg(lbctl())
        .arg("run")
        .arg("-f")
        .arg(director.configuration());
    command.arg("--control").arg(director.control());
    director.start_command(command)?;
    let line = wait_until("the script", DEADLINE, || {
        fs::read_to_string(&found).map_err(|error| format!("{error}; {}", director.log()))
    })?;
    let mask = line.trim_start_matches("SigIgn:").trim();
    // The C library keeps 32 and 33 for itself: what is above 31 cannot be reset.
    let standard = u64::from_str_radix(mask, 16)? & 0x7fff_ffff;
    assert_eq!(standard, 0, "{line}");
    // The daemon itself ignores a signal that its shell ignored.
    director.daemon()?.signal(nix::sys::signal::Signal::SIGQUIT);
    wait_for_master(&director)?;
    let (status, log) = director.stop()?;
    assert!(status.success(), "{status}: {log}");
    Ok(())
}

/// A reload of an empty file removes everything, as in keepalived, and reports that.
#[testbed::host_test]
fn reload_of_an_empty_file_is_reported() -> TestResult {
    let lan = Lan::new()?;
    for software in [Software::Keepalived, Software::Lbctl] {
        let host = lan.host("r1", std::net::Ipv4Addr::new(192, 168, 1, 11))?;
        let mut director = Director::new(host, software, &instance(150, "0.3", ""))?;
        director.start()?;
        wait_for_master(&director)?;
        director.configure("")?;
        director.reload()?;
        wait_until("no address", DEADLINE, || {
            let is_gone = !director.has_address(VIP);
            is_gone.then_some(()).ok_or_else(|| director.log())
        })?;
        if software == Software::Lbctl {
            let finding = "no virtual router and no virtual server, all that ran are removed";
            wait_until("the finding", DEADLINE, || {
                let status = status(&director).map_err(|error| error.to_string())?;
                let is_there = status["findings"].to_string().contains(finding);
                is_there.then_some(()).ok_or_else(|| status.to_string())
            })?;
            assert!(director.log().contains(finding), "{}", director.log());
        }
        let (status, log) = director.stop()?;
        assert!(status.success(), "{software}: {log}");
    }
    Ok(())
}
