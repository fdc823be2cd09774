// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is printed on machines that lack something: the thing is hidden from `cargo xtask`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn xtask(target: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(arguments)
        .env("CARGO_TARGET_DIR", target)
        .env("LC_ALL", "C.UTF-8");
    command
}

/// All that it printed; it must have failed, without a panic.
fn failure(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    assert!(matches!(output.status.code(), Some(1 | 2)), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn fetch_without_apt_names_packages_and_remedy() {
    let target = tempfile::tempdir().unwrap();
    let programs = tempfile::tempdir().unwrap();
    let output = xtask(target.path(), &["fetch"])
        .env("PATH", programs.path())
        .output()
        .unwrap();
    let text = failure(&output);
    for part in [
        "apt-get is not on this machine",
        "keepalived",
        "copy target/lab",
    ] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

/// As on an Ubuntu without `universe`: apt works, and its sources have none of the packages.
#[test]
fn fetch_names_packages_that_the_sources_lack() {
    if !Path::new("/usr/bin/apt-get").exists() {
        testbed::gate::skipped("fetch_names_packages_that_the_sources_lack: needs apt-get");
        return;
    }
    let target = tempfile::tempdir().unwrap();
    let machine = tempfile::tempdir().unwrap();
    let repository = machine.path().join("repository");
    fs::create_dir(&repository).unwrap();
    fs::write(repository.join("Packages"), "").unwrap();
    let list = machine.path().join("sources.list");
    let source = format!("deb [trusted=yes] file:{} ./\n", repository.display());
    fs::write(&list, source).unwrap();
    let configuration = machine.path().join("apt.conf");
    let text = format!(
        "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"{}/none\";\n",
        list.display(),
        machine.path().display()
    );
    fs::write(&configuration, text).unwrap();
    let output = xtask(target.path(), &["fetch"])
        .env("APT_CONFIG", &configuration)
        .output()
        .unwrap();
    let text = failure(&output);
    for part in ["do not have the packages", "keepalived", "universe"] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

/// No network namespace can be made in a user namespace that is allowed none. Where not even that
/// user namespace can be made, the sentence comes without our doing.
#[test]
fn host_step_without_namespaces_names_the_settings() {
    let target = tempfile::tempdir().unwrap();
    let limit = "echo 0 2>/dev/null >/proc/sys/user/max_net_namespaces; exec \"$0\" \"$@\"";
    let hide = ["-Ur", "sh", "-c", limit];
    let possible = Command::new("unshare").args(["-Ur", "true"]).output();
    let arguments = ["test", "--only", "host"];
    let output = if possible.is_ok_and(|output| output.status.success()) {
        let inner = xtask(target.path(), &arguments);
        let mut command = Command::new("unshare");
        command.args(hide).arg(inner.get_program()).args(arguments);
        command.env("CARGO_TARGET_DIR", target.path());
        command.output().unwrap()
    } else {
        xtask(target.path(), &arguments).output().unwrap()
    };
    let text = failure(&output);
    for part in [
        "does not let",
        "make network namespaces",
        "user.max_user_namespaces",
        "--keep-going",
    ] {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
}

/// A guest without a kernel is refused in one line that names the remedy.
#[test]
fn fetch_again_without_network_or_packages_is_one_sentence() {
    let target = tempfile::tempdir().unwrap();
    let programs = tempfile::tempdir().unwrap();
    let output = xtask(target.path(), &["guest", "--", "true"])
        .env("PATH", programs.path())
        .output()
        .unwrap();
    let text = failure(&output);
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.contains("cargo xtask fetch"), "{text}");
}
