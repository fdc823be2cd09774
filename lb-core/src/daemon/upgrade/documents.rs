// SPDX-License-Identifier: MIT OR Apache-2.0
//! What two daemons say to each other.

use serde::{Deserialize, Serialize};

use crate::director::Known;

/// Grows when a document changes its meaning.
pub(super) const FORMAT: u32 = 2;

/// New to old, first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) format: u32,
    pub(super) pid: u32,
}

/// Old to new.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// With the descriptors of lock and control socket, and then those of the routers.
    Offer {
        pid: u32,
        /// The document of the routers' offer, if there are any.
        routers: Option<String>,
        /// For the case that it dies before it can say what it knew last.
        known: Known,
    },
    Refused {
        reason: String,
    },
}

/// What either says when something is over.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// New to old: the routers are its, or it has none.
    Committed,
    /// Old to new: nobody else writes the table and the ledger any more, and this is what was
    /// known when the last was written.
    Done { known: Known },
}
