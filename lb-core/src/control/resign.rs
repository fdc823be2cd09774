// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answers when an instance is to step down.

use serde::{Deserialize, Serialize};

/// The answer of `POST /v1/instances/NAME/resign`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resignation {
    /// The instances that are no longer master: the one that was asked, and those of its sync group.
    pub resigned: Vec<String>,
    /// Milliseconds after which they are master again, if no other router takes over.
    pub patience_ms: u64,
}

/// The answer of `POST /v1/instances/NAME/resume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Resumption {
    /// Whether the instance had been asked to step down, and preempts again from now on.
    pub resumed: bool,
}

/// Why an instance was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstanceRefusal {
    /// There is no instance of that name; HTTP status 404.
    #[error("{0}")]
    Unknown(String),
    /// It is not in a state for that; HTTP status 409.
    #[error("{0}")]
    State(String),
    /// The virtual routers did not answer; HTTP status 503.
    #[error("{0}")]
    Unavailable(String),
}
