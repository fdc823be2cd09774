// SPDX-License-Identifier: MIT OR Apache-2.0
//! Number of missed adverts before a takeover.

use std::{fmt, num::NonZeroU8};

use crate::error::ConfigError;

/// Number of advertisement intervals that a backup waits before the skew, 1–100 (RFC 9568 §6.1 has
/// three; `down_timer_adverts` in keepalived).
///
/// ```
/// use lb_vrrp::DownTimerAdverts;
///
/// assert_eq!(DownTimerAdverts::default().get(), 3);
/// assert!(DownTimerAdverts::new(101).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DownTimerAdverts(NonZeroU8);

impl DownTimerAdverts {
    /// 3, as in the RFCs.
    pub const DEFAULT: Self = match NonZeroU8::new(3) {
        Some(adverts) => Self(adverts),
        None => Self(NonZeroU8::MIN),
    };

    /// The largest number, 100.
    pub const MAX: u8 = 100;

    /// Makes a number of adverts.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DownTimerAdverts`] for 0 and for more than 100.
    pub const fn new(adverts: u8) -> Result<Self, ConfigError> {
        match NonZeroU8::new(adverts) {
            Some(valid) if adverts <= Self::MAX => Ok(Self(valid)),
            _ => Err(ConfigError::DownTimerAdverts { adverts }),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl Default for DownTimerAdverts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for DownTimerAdverts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for DownTimerAdverts {
    type Error = ConfigError;

    fn try_from(adverts: u8) -> Result<Self, Self::Error> {
        Self::new(adverts)
    }
}
