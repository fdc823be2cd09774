// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer when the daemon starts the new process of an upgrade.

use serde::{Deserialize, Serialize};

/// The answer of `POST /v1/upgrade`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Started {
    /// Process id of the new process.
    pub pid: u32,
    /// Process id of the old process, which ends when the new one has taken over.
    pub from: u32,
}
