// SPDX-License-Identifier: MIT OR Apache-2.0
//! The authentication field of VRRPv2 (RFC 2338 §5.3.6, §5.3.10).

use std::fmt;

use crate::params::Authentication;

/// Authentication type and data, as they stand in the packet. A type that was never defined is
/// kept.
///
/// `Debug` does not show the data.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the header")]
pub struct AuthField {
    /// 0 none, 1 simple text password, 2 IP authentication header.
    pub kind: u8,
    /// The eight bytes at the end of the message; zeros unless `kind` is 1.
    pub data: [u8; Self::LEN],
}

impl AuthField {
    /// Bytes of the data.
    pub const LEN: usize = 8;

    /// Type 0, no authentication.
    pub const NONE: Self = Self {
        kind: 0,
        data: [0; Self::LEN],
    };

    /// Type 1, a password in clear text.
    pub const PASSWORD_KIND: u8 = 1;

    /// Type 2, an IP authentication header in front of the message; the last that was defined.
    pub const AH_KIND: u8 = 2;
}

impl From<&Authentication> for AuthField {
    fn from(authentication: &Authentication) -> Self {
        match authentication {
            Authentication::None | Authentication::Hmac(_) => Self::NONE,
            Authentication::Ah(_) => Self {
                kind: Self::AH_KIND,
                ..Self::NONE
            },
            Authentication::Password(password) => Self {
                kind: Self::PASSWORD_KIND,
                data: *password.as_bytes(),
            },
        }
    }
}

impl fmt::Debug for AuthField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthField")
            .field("kind", &self.kind)
            .field("data", &format_args!("<redacted>"))
            .finish()
    }
}
