// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a part of a test's surroundings is not there.

use std::io;
use std::time::Duration;

use crate::process::ProcessError;

/// Why a part of a scenario could not be set up, or what was waited for in vain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A system call failed.
    #[error("{what}")]
    System {
        /// What was attempted.
        what: String,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Something did not come about in time.
    #[error("within {deadline:?} not so: {awaited}; instead: {found}")]
    Awaited {
        /// What was waited for.
        awaited: String,
        /// The time it had.
        deadline: Duration,
        /// What was found at the end.
        found: String,
    },
}

impl Error {
    /// Wraps an [`io::Error`] of what was attempted.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// Wraps an [`Errno`](nix::errno::Errno) of what was attempted.
    pub fn errno(what: impl Into<String>) -> impl FnOnce(nix::Error) -> Self {
        let what = what.into();
        move |errno| Self::System {
            what,
            source: errno.into(),
        }
    }
}
