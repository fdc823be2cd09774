// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a handover failed.

use std::io;
use std::time::Duration;

use lb_host::descriptors::ExchangeError;

/// Why a handover failed. The old process continues, unless it has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandoverError {
    /// Another handover is in progress.
    #[error("another handover is in progress")]
    Busy,
    /// The programs have different versions.
    #[error("the other process uses handover format {theirs}, this one {ours}")]
    Format {
        /// Format of the other process.
        theirs: u32,
        /// Format of this process.
        ours: u32,
    },
    /// The two processes are not in the same namespace.
    #[error("the two processes are in different {kind} namespaces")]
    Namespace {
        /// Kind of the namespace: `net` or `time`.
        kind: &'static str,
    },
    /// A document of the other process could not be decoded, or one of this process not be encoded.
    #[error("cannot decode or encode a document of the handover")]
    Document(#[from] serde_json::Error),
    /// A message arrived that has no meaning in this state.
    #[error("unexpected message {message} of the other process")]
    Unexpected {
        /// Kind of the message.
        message: String,
    },
    /// Fewer descriptors arrived than the offer names.
    #[error("the offer has {actual} of {expected} descriptors")]
    Descriptors {
        /// Number of descriptors that arrived.
        actual: usize,
        /// Number that the offer names.
        expected: usize,
    },
    /// The offer has no routers.
    #[error("the old process has no virtual routers")]
    NoRouters,
    /// The other process closed the connection before the handover was complete.
    #[error("the other process closed the connection")]
    Closed,
    /// The other process refused.
    #[error("the other process refused: {reason}")]
    Refused {
        /// The reason that it gave.
        reason: String,
    },
    /// The other process exceeded a time limit.
    #[error("no handover within {limit:?}")]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The new process was ready, but never fast enough to continue before an advert was due.
    #[error("the new process was too slow in each of {attempts} attempts")]
    TooSlow {
        /// Number of attempts.
        attempts: u32,
    },
    /// Messages could not be exchanged.
    #[error("cannot exchange messages with the other process")]
    Exchange(#[source] ExchangeError),
    /// Another system error.
    #[error("cannot {operation}")]
    System {
        /// Operation that failed.
        operation: &'static str,
        /// The error of the kernel.
        source: io::Error,
    },
}

impl HandoverError {
    pub(in crate::driver) fn system(operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { operation, source }
    }
}

impl From<ExchangeError> for HandoverError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Closed => Self::Closed,
            ExchangeError::TimedOut { limit } => Self::TimedOut { limit },
            error => Self::Exchange(error),
        }
    }
}
