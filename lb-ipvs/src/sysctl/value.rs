// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of settings.

use std::{fmt, time::Duration};

use super::SysctlKind;

/// When the master of connection synchronisation sends a connection.
///
/// Of every `period` packets of a connection, the one with the number `threshold` has it sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the kernel has exactly these two"
)]
pub struct SyncThreshold {
    /// After so many packets for the first time, below the period.
    pub threshold: u32,
    /// And again after so many; 0 = only once, when the state changes.
    pub period: u32,
}

/// The value of a setting.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SysctlValue {
    /// Off or on: `0` or `1`.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A time in whole seconds.
    Seconds(Duration),
    /// Two numbers: `3 50`.
    SyncThreshold(SyncThreshold),
    /// What this crate does not know better.
    Text(String),
}

/// A text that is no value of a setting of its kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not {kind}")]
#[non_exhaustive]
pub struct SysctlValueError {
    /// The text.
    pub text: String,
    /// What was expected.
    pub kind: SysctlKind,
}

impl SysctlValue {
    /// Reads a value of a kind, as `sysctl NAME=VALUE` takes it.
    ///
    /// # Errors
    /// When the text is none.
    ///
    /// # Examples
    /// ```
    /// use lb_ipvs::sysctl::{Sysctl, SyncThreshold, SysctlValue};
    /// let pair = SysctlValue::parse(Sysctl::SyncThreshold.kind(), "3 50")?;
    /// let expected = SyncThreshold { threshold: 3, period: 50 };
    /// assert_eq!(pair, SysctlValue::SyncThreshold(expected));
    /// assert!(SysctlValue::parse(Sysctl::Conntrack.kind(), "2").is_err());
    /// # Ok::<(), lb_ipvs::sysctl::SysctlValueError>(())
    /// ```
    pub fn parse(kind: SysctlKind, text: &str) -> Result<Self, SysctlValueError> {
        let text = text.trim();
        let read = || match kind {
            SysctlKind::Flag => match text {
                "0" => Some(Self::Flag(false)),
                "1" => Some(Self::Flag(true)),
                _ => None,
            },
            SysctlKind::Number => text.parse().ok().map(Self::Number),
            SysctlKind::Seconds => {
                let seconds: u32 = text.parse().ok()?;
                Some(Self::Seconds(Duration::from_secs(seconds.into())))
            }
            SysctlKind::SyncThreshold => {
                let mut fields = text.split_ascii_whitespace();
                let threshold = fields.next()?.parse().ok()?;
                let period = fields.next()?.parse().ok()?;
                fields
                    .next()
                    .is_none()
                    .then_some(Self::SyncThreshold(SyncThreshold { threshold, period }))
            }
            SysctlKind::Text => Some(Self::Text(text.to_owned())),
        };
        read().ok_or_else(|| SysctlValueError {
            text: text.to_owned(),
            kind,
        })
    }

    /// What the kernel reported, which is kept whatever it is.
    pub(super) fn reported(kind: SysctlKind, text: &str) -> Self {
        Self::parse(kind, text)
            .or_else(|_| Self::parse(SysctlKind::Number, text))
            .unwrap_or_else(|_| Self::Text(text.to_owned()))
    }

    /// Whether a setting of this kind takes it. Numbers and texts are left to the kernel to judge.
    pub(super) const fn suits(&self, kind: SysctlKind) -> bool {
        match self {
            Self::Flag(_) => matches!(kind, SysctlKind::Flag | SysctlKind::Number),
            Self::Seconds(_) => matches!(kind, SysctlKind::Seconds | SysctlKind::Number),
            Self::SyncThreshold(_) => matches!(kind, SysctlKind::SyncThreshold),
            Self::Number(_) => !matches!(kind, SysctlKind::SyncThreshold),
            Self::Text(_) => true,
        }
    }
}

impl fmt::Display for SysctlValue {
    /// As `sysctl` prints and takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(on) => u8::from(*on).fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Seconds(time) => time.as_secs().fmt(f),
            Self::SyncThreshold(SyncThreshold { threshold, period }) => {
                write!(f, "{threshold} {period}")
            }
            Self::Text(text) => f.pad(text),
        }
    }
}
