// SPDX-License-Identifier: MIT OR Apache-2.0
//! Passwords of checks.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A password of a check. `Debug` does not show it; the printout of a configuration does.
///
/// ```
/// assert_eq!(format!("{:?}", lb_check::Secret::new("abc")), "Secret(<redacted>)");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// A password.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    /// The password itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// A number that differs between passwords, for the identity of a check.
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
