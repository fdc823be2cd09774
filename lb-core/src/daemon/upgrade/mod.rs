// SPDX-License-Identifier: MIT OR Apache-2.0
//! Another process goes on where this one ends: `lbctl run --upgrade`.
//!
//! The new process asks on the control socket, by an HTTP request that leaves HTTP. What follows
//! are frames with descriptors beside them:
//!
//! ```text
//! new: hello ····································· committed ·················· reads the ledger, serves
//! old: ········ offer + lock, socket, routers' ··············· ends all but the table: done
//!                       └ the two advert threads deal with each other (lb_vrrp::driver)
//! ```
//!
//! Until the new one has committed the old one runs on, and does so when the new one fails or goes
//! away. From then on it only ends, leaving addresses, table and sockets as they are.

mod documents;
mod frame;
mod predecessor;
mod successor;

pub(super) use predecessor::{Claim, Predecessor};
pub(super) use successor::{HandedOver, Offered, offer_to};

use std::time::Duration;

use lb_host::descriptors::ExchangeError;

use crate::control::ClientError;

/// Why one process did not go on where another one ended. The old one runs on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The running daemon could not be asked.
    #[error("cannot ask the running daemon")]
    Ask(#[from] ClientError),
    /// It does not want.
    #[error("the running daemon refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// It is of another version, and speaks otherwise.
    #[error("the other process speaks format {theirs} of an upgrade, this one {ours}")]
    Format {
        /// Of the other process.
        theirs: u32,
        /// Of this one.
        ours: u32,
    },
    /// The other process went away.
    #[error("the other process went away")]
    Gone,
    /// What it said cannot be understood.
    #[error("the other process cannot be understood")]
    Decode(#[from] serde_json::Error),
    /// Messages could not be exchanged.
    #[error("cannot exchange messages with the other process")]
    Exchange(#[source] ExchangeError),
    /// It took too long.
    #[error("the other process did not answer within {limit:?}")]
    Late {
        /// The limit.
        limit: Duration,
    },
    /// The routers did not change hands.
    #[error("virtual routers")]
    Routers(#[from] lb_vrrp::driver::SuccessionError),
}

impl From<ExchangeError> for UpgradeError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Closed => Self::Gone,
            ExchangeError::TimedOut { limit } => Self::Late { limit },
            error => Self::Exchange(error),
        }
    }
}
