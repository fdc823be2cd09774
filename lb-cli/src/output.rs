// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard output and standard error.

pub(crate) mod ipvs_help;

use std::{
    fmt,
    io::{self, Write},
};

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

/// Bytes of a long text that are written at once.
pub(crate) const PIECE: usize = 64 << 10;

/// Writes a text to standard output piece by piece, so that a long one is never held whole.
pub(crate) fn print_pieces(write: impl FnOnce(&mut Pieces) -> fmt::Result) -> Result<(), Failure> {
    let mut pieces = Pieces {
        text: String::with_capacity(2 * PIECE),
        failure: None,
    };
    let outcome = write(&mut pieces);
    match (pieces.failure, outcome) {
        (Some(failure), _) => Err(failure),
        (None, Err(error)) => Err(Failure::from_error(1, &error)),
        (None, Ok(())) => print(&pieces.text),
    }
}

/// The formatter's target in [`print_pieces`].
pub(crate) struct Pieces {
    text: String,
    /// The error of standard output, which `fmt::Error` cannot carry.
    failure: Option<Failure>,
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        if self.text.len() >= PIECE {
            print(&self.text).map_err(|failure| {
                self.failure = Some(failure);
                fmt::Error
            })?;
            self.text.clear();
        }
        Ok(())
    }
}

/// Writes a line to standard error; an error of that is ignored.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
