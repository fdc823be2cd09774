// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys and rules of the HMAC trailer (draft-cassen-vrrp-auth-hmac; `auth_hmac` in keepalived 2.4).

use std::{fmt, num::NonZeroU8, sync::Arc, time::Duration};

use crate::error::ConfigError;

/// One secret, 32–64 bytes, with the number that names it in the packet.
///
/// `Debug` does not show the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct HmacKey {
    id: NonZeroU8,
    secret: Arc<[u8]>,
}

impl HmacKey {
    /// Bytes of the shortest secret.
    pub const MIN: usize = 32;
    /// Bytes of the longest secret.
    pub const MAX: usize = 64;

    /// Makes a key (`key ID VALUE` in keepalived).
    ///
    /// # Errors
    ///
    /// [`ConfigError::HmacKeyZero`] for the number 0, [`ConfigError::HmacKeyLength`] for a secret
    /// that is shorter than 32 or longer than 64 bytes.
    pub fn new(id: u8, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let id = NonZeroU8::new(id).ok_or(ConfigError::HmacKeyZero)?;
        let secret = secret.as_ref();
        if !(Self::MIN..=Self::MAX).contains(&secret.len()) {
            let length = secret.len();
            return Err(ConfigError::HmacKeyLength { id, length });
        }
        Ok(Self {
            id,
            secret: secret.into(),
        })
    }

    /// The number that names the key.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id.get()
    }

    /// Returns the secret itself, for a configuration that is written to a file. It is not for logs.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, <redacted>)", self.id)
    }
}

/// How fresh advertisements are distinguished from replays (`anti_replay` in keepalived).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AntiReplay {
    /// The sender's clock must agree with ours within this window, 1–300 s, and its sequence must
    /// grow.
    Time {
        /// The window.
        window: Duration,
    },
    /// Each sender's sequence must grow. A replay of an unknown sender passes.
    Monotonic,
}

/// How strict a router is about the trailer (`mode` in keepalived).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HmacMode {
    /// Signs, and discards advertisements without a trailer.
    #[default]
    Enforce,
    /// Signs, and accepts advertisements without a trailer.
    Permissive,
    /// Does not sign, accepts advertisements without a trailer, and checks trailers.
    ReceiveOnly,
}

/// Keys and rules of the HMAC trailer.
///
/// Any key of the list is accepted, and one of them is used for sending. So keys are changed
/// without a gap: add the new one everywhere, make it active everywhere, remove the old one.
///
/// ```
/// use lb_vrrp::{HmacConfig, HmacKey, HmacMode};
///
/// let old = HmacKey::new(1, [7; 32])?;
/// let new = HmacKey::new(2, [8; 32])?;
/// let hmac = HmacConfig::new([old, new], 1)?.with_mode(HmacMode::Permissive);
/// assert_eq!(hmac.active().id(), 1);
/// # Ok::<(), lb_vrrp::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacConfig {
    keys: Arc<[HmacKey]>,
    active: HmacKey,
    anti_replay: Option<AntiReplay>,
    mode: HmacMode,
}

impl HmacConfig {
    /// The shortest window there is.
    pub const MIN_WINDOW: Duration = Duration::from_secs(1);
    /// The longest window there is.
    pub const MAX_WINDOW: Duration = Duration::from_secs(300);

    /// Takes the keys, and the number of the one to send with (`active_key` in keepalived).
    ///
    /// # Errors
    ///
    /// [`ConfigError::HmacKeyTwice`] if two keys have one number, [`ConfigError::HmacKeyUnknown`]
    /// if none has the active one.
    pub fn new(keys: impl IntoIterator<Item = HmacKey>, active: u8) -> Result<Self, ConfigError> {
        let keys: Arc<[HmacKey]> = keys.into_iter().collect();
        let twice = keys.iter().enumerate().find(|(at, key)| {
            let before = keys.iter().take(*at);
            before.into_iter().any(|other| other.id == key.id)
        });
        if let Some((_, key)) = twice {
            return Err(ConfigError::HmacKeyTwice { id: key.id() });
        }
        let found = keys.iter().find(|key| key.id() == active).cloned();
        let active = found.ok_or(ConfigError::HmacKeyUnknown { id: active })?;
        Ok(Self {
            keys,
            active,
            anti_replay: None,
            mode: HmacMode::Enforce,
        })
    }

    /// Sets how fresh advertisements are distinguished from replays. Without this it is the time,
    /// with a window of three intervals, at least 5 s.
    ///
    /// # Errors
    ///
    /// [`ConfigError::HmacWindow`] for a window that is not 1–300 s.
    pub fn with_anti_replay(mut self, anti_replay: AntiReplay) -> Result<Self, ConfigError> {
        if let AntiReplay::Time { window } = anti_replay
            && !(Self::MIN_WINDOW..=Self::MAX_WINDOW).contains(&window)
        {
            return Err(ConfigError::HmacWindow { window });
        }
        self.anti_replay = Some(anti_replay);
        Ok(self)
    }

    /// Sets the mode, [`HmacMode::Enforce`] without this.
    #[must_use]
    pub const fn with_mode(mut self, mode: HmacMode) -> Self {
        self.mode = mode;
        self
    }

    /// The key to send with.
    #[must_use]
    pub const fn active(&self) -> &HmacKey {
        &self.active
    }

    /// Returns all keys, in the order they were given.
    #[must_use]
    pub fn keys(&self) -> &[HmacKey] {
        &self.keys
    }

    /// Returns what [`with_anti_replay`](Self::with_anti_replay) set.
    #[must_use]
    pub const fn own_anti_replay(&self) -> Option<AntiReplay> {
        self.anti_replay
    }

    /// The key of this number.
    #[must_use]
    pub fn key(&self, id: u8) -> Option<&HmacKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// The mode.
    #[must_use]
    pub const fn mode(&self) -> HmacMode {
        self.mode
    }

    /// How fresh advertisements are distinguished from replays, for an interval.
    #[must_use]
    pub fn anti_replay(&self, interval: Duration) -> AntiReplay {
        self.anti_replay.unwrap_or_else(|| AntiReplay::Time {
            window: (interval * 3).clamp(Duration::from_secs(5), Self::MAX_WINDOW),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let key = |id| HmacKey::new(id, [1; 32]).unwrap();
        assert_eq!(HmacKey::new(0, [1; 32]), Err(ConfigError::HmacKeyZero));
        for length in [0, 31, 65] {
            let error = HmacKey::new(1, vec![1; length]).unwrap_err();
            assert!(
                error.to_string().contains(&format!("{length} bytes")),
                "{error}"
            );
        }
        assert!(HmacKey::new(1, [1; 64]).is_ok());
        assert_eq!(
            HmacConfig::new([key(1), key(2), key(1)], 1),
            Err(ConfigError::HmacKeyTwice { id: 1 })
        );
        assert_eq!(
            HmacConfig::new([key(1)], 2),
            Err(ConfigError::HmacKeyUnknown { id: 2 })
        );
        for millis in [0, 999, 300_001] {
            let window = Duration::from_millis(millis);
            assert_eq!(
                HmacConfig::new([key(1)], 1)
                    .unwrap()
                    .with_anti_replay(AntiReplay::Time { window }),
                Err(ConfigError::HmacWindow { window })
            );
        }
    }

    #[test]
    fn the_window_follows_the_interval_within_bounds() {
        let hmac = HmacConfig::new([HmacKey::new(1, [1; 32]).unwrap()], 1).unwrap();
        for (interval, window) in [(1, 5), (2, 6), (255, 300)] {
            assert_eq!(
                hmac.anti_replay(Duration::from_secs(interval)),
                AntiReplay::Time {
                    window: Duration::from_secs(window)
                }
            );
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let key = HmacKey::new(9, *b"0123456789abcdef0123456789abcdef").unwrap();
        let hmac = HmacConfig::new([key], 9).unwrap();
        let shown = format!("{hmac:?}");
        assert!(!shown.contains("48") && !shown.contains("0123"), "{shown}");
    }
}
