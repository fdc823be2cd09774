// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard output and standard error.

pub(crate) mod ipvs_help;

use std::io::{self, Write};

use crate::failure::Failure;

/// Writes to standard output. A reader that has gone away (`ipvsadm -Ln | head -1`) has seen what it
/// wanted, so that is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            1,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes a line to standard error; if that fails too, there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
