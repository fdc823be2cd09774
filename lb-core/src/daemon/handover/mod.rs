// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handover of an upgrade: a new process replaces the old one (`lbctl run --upgrade`).
//!
//! The new process connects to the control socket and upgrades the connection from HTTP. Both then
//! exchange frames with descriptors:
//!
//! ```text
//! new: hello ····································· committed ·················· reads the ledger, serves
//! old: ········ offer + lock, socket, routers' ··············· ends all but the table: done
//!                       └ the two advert threads hand over the routers (lb_vrrp::driver)
//! ```
//!
//! The old process serves until the new one has committed, and continues to serve when the new one
//! fails or disconnects. After the commit the old process only ends, leaving addresses, table and
//! sockets as they are.

mod documents;
mod finish;
mod frame;
mod receiver;
mod sender;

pub(super) use receiver::{Claim, OldProcess};
pub(super) use sender::NewProcess;

use std::time::Duration;

use lb_host::descriptors::ExchangeError;

use crate::control::ClientError;

/// Why a handover to a new process failed. The old process continues.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The new process cannot request a handover from the running daemon.
    #[error("cannot ask the running daemon")]
    Ask(#[from] ClientError),
    /// The running daemon refused the upgrade.
    #[error("the running daemon refused: {reason}")]
    Refused {
        /// The reason in the answer of the running daemon.
        reason: String,
    },
    /// The versions of the two processes use different formats.
    #[error("the other process uses handover format {theirs}, this one {ours}")]
    Format {
        /// Format of the other process.
        theirs: u32,
        /// Format of this process.
        ours: u32,
    },
    /// The other process closed the connection before the handover was complete.
    #[error("the other process closed the connection")]
    Gone,
    /// A message of the other process is not a document of the handover.
    #[error("cannot decode a message of the other process")]
    Decode(#[from] serde_json::Error),
    /// Messages could not be exchanged.
    #[error("cannot exchange messages with the other process")]
    Exchange(#[source] ExchangeError),
    /// The other process exceeded a time limit.
    #[error("the other process did not answer within {limit:?}")]
    Late {
        /// The limit.
        limit: Duration,
    },
    /// The handover of the virtual routers failed.
    #[error("cannot hand over the virtual routers")]
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
