// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of this suite share with those of them that run in the guest, too.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::time::Duration;

use tests_kernel::cluster::Software;

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Those whose behaviour is compared.
pub(crate) const BOTH: [Software; 2] = [Software::Keepalived, Software::Lbctl];

/// Ten times what the slowest step takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Whether the process may exceed the machine's limits and change to any user.
pub(crate) fn privileged() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

/// Whether a program can run scripts here: keepalived sets their groups, also root's, which an
/// ordinary user's namespace refuses. Prints where it cannot; the suite `script_files` runs the same
/// tests in the guest, whose first process is root.
pub(crate) fn runs_scripts(software: Software, test: &str) -> bool {
    let can = software == Software::Lbctl || privileged();
    if !can {
        // Past the capture of libtest, in one write.
        let line = format!("\n{test}: {software} needs root here; it runs in the guest\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    can
}
