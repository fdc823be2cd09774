// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is reported of tracked objects.

use crate::track::ScriptOutcome;

/// What somebody saw of a tracked object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// A BFD session is up, or not.
    Up(bool),
    /// A script ended.
    Script(ScriptOutcome),
    /// The number in a file.
    Value(i64),
    /// How many processes there are.
    Count(u32),
}
