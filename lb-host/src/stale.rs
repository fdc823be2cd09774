// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports about objects that a killed process left.

use std::fmt;
use std::io;

/// An object of an earlier process that is being removed, or could not be.
#[derive(Debug)]
#[non_exhaustive]
pub struct StaleObject {
    /// The object, as `ip` would write it, or the kind of objects that could not be listed.
    pub object: String,
    /// Why the object could not be removed, or objects of this kind could not be listed.
    pub error: Option<io::Error>,
    /// Whether objects of this kind could not be listed.
    pub is_listing: bool,
}

impl StaleObject {
    /// An object that is removed.
    pub(crate) const fn removed(object: String) -> Self {
        Self {
            object,
            error: None,
            is_listing: false,
        }
    }

    /// An object that could not be removed.
    pub(crate) const fn stuck(object: String, error: io::Error) -> Self {
        Self {
            object,
            error: Some(error),
            is_listing: false,
        }
    }

    /// Objects of a kind that could not be listed.
    pub(crate) fn unlisted(kind: &str, error: io::Error) -> Self {
        Self {
            object: kind.to_owned(),
            error: Some(error),
            is_listing: true,
        }
    }
}

impl fmt::Display for StaleObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object = &self.object;
        match (&self.error, self.is_listing) {
            (None, _) => write!(f, "removing stale {object}"),
            (Some(_), false) => write!(f, "cannot remove stale {object}"),
            (Some(_), true) => write!(f, "cannot look for stale {object}"),
        }
    }
}
