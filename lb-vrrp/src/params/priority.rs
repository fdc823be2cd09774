// SPDX-License-Identifier: MIT OR Apache-2.0
//! Priorities (RFC 9568 §5.2.4).

use std::{fmt, num::NonZeroU8};

use crate::error::ConfigError;

/// Priority of a router in the election, 1–255 (RFC 9568 §5.2.4; `priority` in keepalived).
///
/// ```
/// use lb_vrrp::Priority;
///
/// assert_eq!(Priority::default().get(), 100);
/// assert!(Priority::OWNER.is_owner());
/// assert!(Priority::new(0).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Priority(NonZeroU8);

impl Priority {
    /// 255: the router that owns the virtual addresses; it starts as master.
    pub const OWNER: Self = Self(NonZeroU8::MAX);

    /// 100: the default.
    pub const DEFAULT: Self = match NonZeroU8::new(100) {
        Some(value) => Self(value),
        None => Self::OWNER,
    };

    /// Makes a priority.
    ///
    /// # Errors
    ///
    /// [`ConfigError::PriorityZero`] for 0, which on the wire means that a master resigns.
    pub const fn new(value: u8) -> Result<Self, ConfigError> {
        match NonZeroU8::new(value) {
            Some(value) => Ok(Self(value)),
            None => Err(ConfigError::PriorityZero),
        }
    }

    /// The priority as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// Whether this is the priority of the address owner, 255.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        self.get() == u8::MAX
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Priority {
    type Error = ConfigError;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

/// The priority field of an advertisement: a [`Priority`], or 0 when the master resigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the eight bits mean one or the other"
)]
pub enum AdvertisedPriority {
    /// 0: the sender stops being master, and backups take over without waiting for it.
    Resign,
    /// 1–255: the sender takes part with this priority.
    Active(Priority),
}

impl AdvertisedPriority {
    /// The field's value.
    #[must_use]
    pub const fn get(self) -> u8 {
        match self {
            Self::Resign => 0,
            Self::Active(priority) => priority.get(),
        }
    }
}

impl From<u8> for AdvertisedPriority {
    fn from(value: u8) -> Self {
        Priority::new(value).map_or(Self::Resign, Self::Active)
    }
}

impl From<Priority> for AdvertisedPriority {
    fn from(priority: Priority) -> Self {
        Self::Active(priority)
    }
}

impl fmt::Display for AdvertisedPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
