// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers, by which a check recognises the answer to its own request.

use crate::LocalError;
use crate::outcome::Failure;

/// Bytes that another host cannot guess; a local failure where the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::Local(LocalError::Other(format!("random numbers: {error}"))))?;
    Ok(bytes)
}
