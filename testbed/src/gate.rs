// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeps a test from running where it cannot or must not: what
//! [`host_test`](crate::host_test) and [`guest_test`](crate::guest_test) call.
//!
//! Without the variable that `cargo xtask test` sets, a test prints a line `SKIPPED: …` to the
//! error stream, past the capture of libtest, and passes. `cargo xtask` counts those lines, and
//! there a skip is a failure.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;

/// What a test needs beside the test binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The guest kernel of the lab.
    Guest,
    /// Namespaces of the host's kernel.
    HostNamespaces,
    /// Namespaces of either kernel.
    Namespaces,
}

impl Place {
    /// Whether this process has what the test needs.
    #[must_use]
    pub fn is_here(self) -> bool {
        let is_set = |variable, value: &str| {
            std::env::var_os(variable).is_some_and(|found: OsString| found == value)
        };
        match self {
            Self::Guest => is_set("LB_LAB", "guest"),
            Self::HostNamespaces => is_set("LB_HOST_NS", "1"),
            Self::Namespaces => Self::Guest.is_here() || Self::HostNamespaces.is_here(),
        }
    }

    fn requirement(self) -> &'static str {
        match self {
            Self::Guest => "the guest kernel",
            Self::HostNamespaces => "namespaces on the host",
            Self::Namespaces => "namespaces on the host or the guest kernel",
        }
    }
}

/// Whether this process runs inside the guest kernel of the lab (`LB_LAB=guest`).
#[must_use]
pub fn in_guest() -> bool {
    Place::Guest.is_here()
}

/// Whether this process may make namespaces on the host's kernel (`LB_HOST_NS=1`).
#[must_use]
pub fn in_host_namespaces() -> bool {
    Place::HostNamespaces.is_here()
}

/// Prints the line that `cargo xtask` counts.
pub fn skipped(reason: &str) {
    // Past the capture of libtest, which would hide it. In one write, because other threads write
    // too, and behind an end of line, because libtest leaves one open before a result.
    let line = format!("\nSKIPPED: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Runs the body of a test, or prints that it was skipped.
///
/// # Panics
///
/// When the body returns an error: with the error and all of its sources.
pub fn run<T: Outcome>(place: Place, test: &str, body: impl FnOnce() -> T) {
    if !place.is_here() {
        let requirement = place.requirement();
        return skipped(&format!("{test}: needs {requirement} (cargo xtask test)"));
    }
    if let Some(chain) = body().failure() {
        panic!("{chain}");
    }
}

/// What a test may return.
pub trait Outcome {
    /// The error and all of its sources, if it is one.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Into<Box<dyn Error>>> Outcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| chain(&*error.into()))
    }
}

/// An error and all of its sources, one a line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing into a string does not fail.
        let _ = write!(text, "\n  because of: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_printed_with_its_sources() {
        let inner = std::io::Error::other("no such file");
        let error = crate::Error::system("open it")(inner);
        let failure = Err::<(), _>(error).failure();
        assert_eq!(
            failure.as_deref(),
            Some("open it\n  because of: no such file")
        );
        assert_eq!(Err::<(), _>("a text").failure().as_deref(), Some("a text"));
        let boxed: Result<(), Box<dyn Error>> = Err("boxed".into());
        assert_eq!(boxed.failure().as_deref(), Some("boxed"));
        assert_eq!(Ok::<(), String>(()).failure(), None);
        assert_eq!(().failure(), None);
    }
}
