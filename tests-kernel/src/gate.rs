// SPDX-License-Identifier: MIT OR Apache-2.0
//! What keeps a test from running where it cannot or must not: [`guest_or_skip!`](crate::guest_or_skip)
//! and [`host_namespaces_or_skip!`](crate::host_namespaces_or_skip).
//!
//! Without the variable that `cargo xtask test` sets a test says `SKIPPED: …` on the error stream,
//! past the capture of the test harness, and returns. `cargo xtask` counts those lines, and for it
//! a skip is a failure.

use std::io::Write;

/// Whether this process runs inside the lab's guest kernel (`LB_LAB=guest`).
#[must_use]
pub fn in_guest() -> bool {
    std::env::var_os("LB_LAB").is_some_and(|lab| lab == "guest")
}

/// Whether this process may make namespaces on the host's kernel (`LB_HOST_NS=1`).
#[must_use]
pub fn in_host_namespaces() -> bool {
    std::env::var_os("LB_HOST_NS").is_some_and(|value| value == "1")
}

/// Writes the line that `cargo xtask` counts.
pub fn skipped(reason: &str) {
    // `eprintln!` would be captured by the test harness, and a quiet skip is what we do not want.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// Returns from the test, loudly, unless it runs inside the guest kernel.
#[macro_export]
macro_rules! guest_or_skip {
    () => {
        if !$crate::gate::in_guest() {
            $crate::gate::skipped(concat!(
                module_path!(),
                ": needs the guest kernel (cargo xtask test)"
            ));
            return Ok(());
        }
    };
}

/// Returns from the test, loudly, unless it may make namespaces on the host's kernel.
#[macro_export]
macro_rules! host_namespaces_or_skip {
    () => {
        if !$crate::gate::in_host_namespaces() {
            $crate::gate::skipped(concat!(
                module_path!(),
                ": needs namespaces on the host (cargo xtask test)"
            ));
            return Ok(());
        }
    };
}
