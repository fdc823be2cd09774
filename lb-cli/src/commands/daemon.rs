// SPDX-License-Identifier: MIT OR Apache-2.0
//! Helpers for the commands that talk to a running daemon.

use std::path::{Path, PathBuf};

use super::control::{User, of_client};
use crate::failure::{Failure, chain};

/// No daemon answers, its answer cannot be read, or it refused the request.
pub(super) const FAILED: u8 = 1;

/// The control socket of the command line, or the default.
pub(super) fn socket(control: Option<&Path>) -> PathBuf {
    control.map_or_else(|| of_client(&User::current()), Path::to_owned)
}

/// Runs a conversation with the daemon to its end.
pub(super) fn converse<T>(
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(FAILED, format!("cannot start: {}", chain(&error))))?
        .block_on(conversation)
}
