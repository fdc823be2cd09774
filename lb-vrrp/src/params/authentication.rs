// SPDX-License-Identifier: MIT OR Apache-2.0
//! Authentication between routers (RFC 2338 §5.3.6; draft-cassen-vrrp-auth-hmac).

use std::fmt;

use super::HmacConfig;
use crate::error::ConfigError;

/// Password of the authentication type PASS: up to 8 bytes, padded with zeros (`auth_pass` in
/// keepalived). It travels in clear text.
///
/// `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Password([u8; Self::LEN]);

impl Password {
    /// Bytes in the packet.
    pub const LEN: usize = 8;

    /// Makes a password of 1–8 bytes.
    ///
    /// keepalived cuts a longer one to 8 bytes; cut it before, if that is wanted.
    ///
    /// # Errors
    ///
    /// [`ConfigError::PasswordLength`] if it is empty or longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use lb_vrrp::Password;
    ///
    /// let password = Password::new("secret")?;
    /// assert_eq!(password.as_bytes(), b"secret\0\0");
    /// assert_eq!(format!("{password:?}"), "Password(<redacted>)");
    /// # Ok::<(), lb_vrrp::ConfigError>(())
    /// ```
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let password = password.as_ref();
        let mut bytes = [0; Self::LEN];
        match bytes.get_mut(..password.len()) {
            Some(head) if !head.is_empty() => {
                head.copy_from_slice(password);
                Ok(Self(bytes))
            }
            Some(_) | None => Err(ConfigError::PasswordLength {
                length: password.len(),
            }),
        }
    }

    /// The eight bytes as they are sent.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(<redacted>)")
    }
}

/// Authentication of a virtual router (`authentication { … }` and `auth_hmac { … }` in
/// keepalived). VRRPv3 itself has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Type 0.
    #[default]
    None,
    /// Type 1, `auth_type PASS`, of VRRPv2: guards against a wrong configuration, not against an
    /// attacker.
    Password(Password),
    /// Type 2, `auth_type AH`, of VRRPv2: IP authentication header, HMAC-MD5-96 over packet and IP
    /// header (RFC 2402, RFC 2403), as keepalived makes it. Wherever the peers can do it,
    /// [`Hmac`](Self::Hmac) is better.
    Ah(Password),
    /// `auth_hmac`, of every version and family: HMAC-SHA256 in a trailer behind the message.
    Hmac(HmacConfig),
}
