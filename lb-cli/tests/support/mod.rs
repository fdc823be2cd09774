// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the black-box tests share.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Output};

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder with links that give the program its other names.
pub(crate) struct Names {
    folder: TempDir,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The program under another name. It is started by its name alone, so that this is what it
    /// calls itself in its messages.
    pub(crate) fn command(&self, name: &str) -> Command {
        let link = self.folder.path().join(name);
        if !link.exists() {
            symlink(assert_cmd::cargo::cargo_bin!("lbctl"), &link).unwrap();
        }
        let mut command = Command::new(name);
        command.env("PATH", self.folder.path());
        command
    }
}

/// `lbctl` itself.
pub(crate) fn lbctl(arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("lbctl"));
    command.args(arguments);
    command
}

/// Standard output, standard error, exit status.
pub(crate) fn result(output: Output) -> (String, String, i32) {
    (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    )
}

/// One command of a golden, with what it answered.
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) command: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

/// All commands of all goldens (`lb-ipvsadm/tests/golden`).
pub(crate) fn goldens() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lb-ipvsadm/tests/golden");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        for block in text.split("\n$ ").skip(1) {
            let (command, rest) = block.split_once('\n').unwrap();
            let (body, exit) = rest.split_once("--- exit ").unwrap();
            let (out, err) = body.split_once("--- stderr\n").unwrap_or((body, ""));
            cases.push(Case {
                file: path.file_name().unwrap().to_string_lossy().into_owned(),
                command: command.to_owned(),
                stdout: out.strip_prefix("--- stdout\n").unwrap_or(out).to_owned(),
                stderr: err.to_owned(),
                exit: exit.lines().next().unwrap().parse().unwrap(),
            });
        }
    }
    cases
}
