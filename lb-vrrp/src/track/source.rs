// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a tracked object is found.

/// What is written to a tracked file at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the arguments of init_file")]
pub struct FileInit {
    /// The number.
    pub value: i64,
    /// Also if the file is there already.
    pub overwrite: bool,
}

/// Which processes count. Zombies do not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessPattern {
    /// Those of this name, `comm`, which the kernel cuts to 15 bytes.
    Name(String),
    /// Those with exactly these words as command line (`full_command`, `param_match`).
    Exact(Vec<String>),
    /// Those whose command line begins with these words (`param_match initial`).
    Initial(Vec<String>),
    /// Those whose command line begins with these words, the last one being the beginning of a
    /// word (`param_match partial`).
    Partial(Vec<String>),
}
