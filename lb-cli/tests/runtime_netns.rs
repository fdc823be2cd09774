// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the configuration sets about the process of a daemon. Runs in a network namespace (`LB_HOST_NS`, set
//! by `cargo xtask test`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::Names;

/// Ten times what the start takes.
const PATIENCE: Duration = Duration::from_secs(30);

// shows global_defs: startup_script, shutdown_script, process_name, umask
#[testbed::host_test]
fn scripts_of_start_and_stop_run_with_the_mode_mask_and_the_process_has_its_name() {
    let names = Names::new();
    let [path, log, socket] = ["lb.conf", "log", "lb.sock"].map(|name| names.folder().join(name));
    let script = |keyword: &str, stage: &str| {
        let log = log.display();
        format!("{keyword} \"sh -c 'echo {stage} $(umask) >> {log}'\" root")
    };
    let text = format!(
        "global_defs {{\n{}\n{}\nprocess_name kmain\numask 027\n}}\n",
        script("startup_script", "startup"),
        script("shutdown_script", "shutdown")
    );
    fs::write(&path, text).unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_lbctl"));
    run.args(["run", "-f"])
        .arg(&path)
        .arg("--control")
        .arg(&socket);
    let mut daemon = run.spawn().unwrap();
    let pid = i32::try_from(daemon.id()).unwrap();
    let begin = Instant::now();
    let read = || fs::read_to_string(&log).unwrap_or_default();
    while !(read().ends_with('\n') && socket.exists()) {
        assert!(begin.elapsed() < PATIENCE, "not started: {}", read());
        std::thread::yield_now();
    }
    assert_eq!(read(), "startup 0027\n");
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(name, "kmain\n");
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    assert_eq!(read(), "startup 0027\nshutdown 0027\n");
}
