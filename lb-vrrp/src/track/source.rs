// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sources of tracked files and processes.

/// The number that is written to a tracked file at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the arguments of init_file")]
pub struct FileInit {
    /// The number.
    pub value: i64,
    /// Whether an existing file is overwritten.
    pub overwrite: bool,
}

/// The processes that count. Zombies do not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessPattern {
    /// Processes with this name, `comm`, which the kernel cuts to 15 bytes.
    Name(String),
    /// Processes with exactly these words as command line (`full_command`, `param_match`).
    Exact(Vec<String>),
    /// Processes whose command line begins with these words (`param_match initial`).
    Initial(Vec<String>),
    /// Processes whose command line begins with these words, the last one being the beginning of a
    /// word (`param_match partial`).
    Partial(Vec<String>),
}
