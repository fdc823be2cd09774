// SPDX-License-Identifier: MIT OR Apache-2.0
//! The handover of an upgrade: a new process replaces the old one (`lbctl run --upgrade`).
//!
//! The new process connects to the control socket and upgrades the connection from HTTP. Both then use
//! the protocol of [`lb_vrrp::driver::handover`], with or without virtual routers:
//!
//! | message | payload of the daemon |
//! |---|---|
//! | offer | descriptors of the lock and the control socket; the state of the director, which is used if the old process dies |
//! | end | the state of the director after its last change of table and ledger |
//!
//! The old process serves until the new one drives the virtual routers or runs without them, and
//! continues to serve when the new one fails or disconnects before. After that it only ends, leaving
//! addresses, table and sockets as they are; the new process waits for that before it reads the ledger.

mod new;
mod old;

pub(super) use new::{Claim, OldProcess};

use lb_vrrp::driver::handover::HandoverError;

use crate::control::ClientError;

/// Why a handover to a new process failed. The old process continues.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The new process cannot request a handover from the running daemon.
    #[error("cannot request a handover from the running daemon")]
    Request(#[from] ClientError),
    /// The state of the director cannot be decoded.
    #[error("cannot decode the state of the running daemon")]
    Decode(#[from] serde_json::Error),
    /// The running daemon offered no lock and control socket.
    #[error("the running daemon offered no lock and control socket")]
    NoSocket,
    /// The handover failed.
    #[error(transparent)]
    Handover(#[from] HandoverError),
}
