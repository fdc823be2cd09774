// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why routers did not change hands.

use std::io;
use std::time::Duration;

/// Why routers did not change hands. Those of the old process run on, if it does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuccessionError {
    /// Another hand-over is under way.
    #[error("a hand-over to another successor is under way")]
    Busy,
    /// What the other side says is of another version of this program.
    #[error("the hand-over has format {theirs}, this program understands {ours}")]
    Format {
        /// Of the other side.
        theirs: u32,
        /// Of this program.
        ours: u32,
    },
    /// The two processes are not in the same namespace.
    #[error("predecessor and successor are in different {kind} namespaces")]
    Namespace {
        /// Which one: `net` or `time`.
        kind: &'static str,
    },
    /// An offer that is not as it should be.
    #[error("the offer cannot be understood")]
    Document {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Fewer descriptors came than the offer speaks of.
    #[error("the offer lacks descriptors: {there} of {wanted}")]
    Descriptors {
        /// Those that came.
        there: usize,
        /// Those it speaks of.
        wanted: usize,
    },
    /// The other process ended, or did not want any more.
    #[error("the other process went away before the routers changed hands")]
    Gone,
    /// The successor cannot go on with what it was given.
    #[error("the successor refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("the routers did not change hands within {limit:?}")]
    Late {
        /// The limit.
        limit: Duration,
    },
    /// The successor was ready, and never quick enough to go on before an advert was due.
    #[error("the successor was too slow in each of {attempts} attempts")]
    Slow {
        /// How often it was tried.
        attempts: u32,
    },
    /// The system refused something.
    #[error("cannot {operation}")]
    System {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl SuccessionError {
    pub(in crate::driver) fn system(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { operation, source }
    }
}
