// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passwords of checks.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A password, which `Debug` and the identity of a check do not show.
///
/// ```
/// use lb_check::Secret;
///
/// let secret = Secret::new("geheim");
/// assert_eq!(format!("{secret:?}"), "Secret(<redacted>)");
/// assert_eq!(secret.reveal(), "geheim");
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// A password.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A number that tells passwords apart, for the identity of a check.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(<redacted>)")
    }
}
