// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file says and the kernel shows: `lbctl run -f` and keepalived with the same file, on the
//! host's kernel.

mod groups;
mod holdings;
mod links;
mod mails;
mod scripts;
mod sockets;
mod start;
mod statics;
mod vmacs;
mod weights;

use std::error::Error;
use std::fs;
use std::time::Duration;

use tests_kernel::cluster::Software;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Those whose behaviour is compared.
const BOTH: [Software; 2] = [Software::Keepalived, Software::Lbctl];

/// Ten times what the slowest step takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Whether limits of the machine are none for this process, and it can be anybody.
fn privileged() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow")
}

/// Whether a program can run scripts here: keepalived sets their groups, also root's, which an
/// ordinary user's namespace refuses. Says so where it cannot.
fn runs_scripts(software: Software, test: &str) -> bool {
    let can = software == Software::Lbctl || privileged();
    if !can {
        tests_kernel::gate::skipped(&format!("{test}: {software}'s part needs root"));
    }
    can
}
