// SPDX-License-Identifier: MIT OR Apache-2.0
//! The messages of a handover between two daemons.

use serde::{Deserialize, Serialize};

use crate::director::Known;

/// Grows when a document changes its meaning.
pub(super) const FORMAT: u32 = 2;

/// The first message, from the new process to the old one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) format: u32,
    pub(super) pid: u32,
}

/// The answer of the old process.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Comes with the descriptors of lock and control socket, followed by those of the routers.
    Offer {
        pid: u32,
        /// The document of the routers' offer, if the old process runs routers.
        routers: Option<String>,
        /// State of the director, used if the old process dies before it sends [`Phase::Done`].
        known: Known,
    },
    Refused {
        reason: String,
    },
}

/// Messages that end a phase of the handover.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// New to old: the new process runs the routers, or has none.
    Committed,
    /// Old to new: the old process has stopped writing the table and the ledger; `known` is the
    /// state of the director after its last write.
    Done { known: Known },
}
