// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a daemon may do here.

use std::fs;
use std::io::Write as _;

use super::Software;

/// Whether the process may exceed the machine's limits and change to any user.
#[must_use]
pub fn privileged() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

/// Whether a program can run scripts here: keepalived sets their groups, also root's, which an
/// ordinary user's namespace refuses. Prints a line where it cannot; a suite of the guest, whose first
/// process is root, runs the same tests.
#[must_use]
pub fn runs_scripts(software: Software, test: &str) -> bool {
    let can = software == Software::Lbctl || privileged();
    if !can {
        // Past the capture of libtest, in one write.
        let line = format!("\n{test}: {software} needs root here; it runs in the guest\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    can
}
