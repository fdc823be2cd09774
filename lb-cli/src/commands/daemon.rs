// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the programs that talk to a running daemon have in common.

use std::path::Path;

use lb_core::daemon::DEFAULT_CONTROL;

use crate::failure::{Failure, chain};

/// Nobody answers, not in words we understand, or what was asked cannot be done.
pub(super) const FAILED: u8 = 1;

/// The control socket that is meant.
pub(super) fn socket(control: Option<&Path>) -> &Path {
    control.unwrap_or_else(|| Path::new(DEFAULT_CONTROL))
}

/// Waits for a conversation with the daemon.
pub(super) fn converse<T>(
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FAILED, format!("cannot start: {}", chain(&error))))?
        .block_on(conversation)
}
