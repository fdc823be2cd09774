// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers, by which a check recognises the answer to its own request.

use crate::LocalError;

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("random numbers: {0}")]
pub(crate) struct RandomError(getrandom::Error);

impl From<RandomError> for LocalError {
    fn from(error: RandomError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Bytes that another host cannot guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}
