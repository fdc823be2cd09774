// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is reported of tracked objects.

use crate::track::ScriptOutcome;

/// An observation of a tracked object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observation {
    /// Whether a BFD session is up.
    Up(bool),
    /// A script ended.
    Script(ScriptOutcome),
    /// The number in a file.
    Value(i64),
    /// The number of matching processes.
    Count(u32),
}
