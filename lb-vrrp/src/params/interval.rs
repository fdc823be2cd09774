// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advertisement interval and the timers derived from it (RFC 3768 §6.1, RFC 9568 §6.1).

use std::{fmt, time::Duration};

use super::{DownTimerAdverts, Priority, Version};
use crate::error::ConfigError;

/// Advertisement interval (`advert_int` in keepalived), kept in centiseconds.
///
/// VRRPv2 carries whole seconds, 1–255. VRRPv3 carries centiseconds, 1–4095. Zero does not exist
/// (erratum 8301). Which of both a router can use is checked when its
/// [`RouterConfig`](crate::RouterConfig) is built.
///
/// ```
/// use std::time::Duration;
///
/// use lb_vrrp::{AdvertInterval, Priority, Version};
///
/// let second = AdvertInterval::from_secs(1)?;
/// let priority = Priority::new(100)?;
/// assert_eq!(
///     second.master_down_interval(Version::V2, priority),
///     Duration::from_nanos(3_609_375_000),
/// );
/// let fast = AdvertInterval::from_centis(1)?;
/// assert_eq!(fast.skew_time(Version::V3, priority), Duration::from_nanos(6_093_750));
/// # Ok::<(), lb_vrrp::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvertInterval {
    centis: u16,
}

impl AdvertInterval {
    /// One second, the default of both versions.
    pub const DEFAULT: Self = Self { centis: 100 };

    /// Largest interval of VRRPv3: 4095 centiseconds.
    pub const MAX_CENTIS: u16 = 0x0fff;

    /// Makes an interval of whole seconds, 1–255. VRRPv3 carries up to 40 of them.
    ///
    /// # Errors
    ///
    /// [`ConfigError::IntervalZero`] for 0.
    pub const fn from_secs(seconds: u8) -> Result<Self, ConfigError> {
        if seconds == 0 {
            return Err(ConfigError::IntervalZero);
        }
        Ok(Self {
            centis: seconds as u16 * 100,
        })
    }

    /// Makes an interval of centiseconds, 1–4095. VRRPv2 carries the multiples of 100.
    ///
    /// # Errors
    ///
    /// [`ConfigError::IntervalZero`] for 0, [`ConfigError::IntervalTooLong`] above 4095.
    pub const fn from_centis(centis: u16) -> Result<Self, ConfigError> {
        match centis {
            0 => Err(ConfigError::IntervalZero),
            1..=Self::MAX_CENTIS => Ok(Self { centis }),
            _ => Err(ConfigError::IntervalTooLong { centis }),
        }
    }

    /// The interval in centiseconds, 1–25 500.
    #[must_use]
    pub const fn as_centis(self) -> u16 {
        self.centis
    }

    /// The interval in whole seconds, where it is a multiple of one second.
    #[must_use]
    pub fn as_secs(self) -> Option<u8> {
        if self.centis.is_multiple_of(100) {
            u8::try_from(self.centis / 100).ok()
        } else {
            None
        }
    }

    /// The interval as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.centis as u64 * 10)
    }

    /// Whether the header of `version` can carry this interval.
    #[must_use]
    pub fn fits(self, version: Version) -> bool {
        match version {
            Version::V2 => self.as_secs().is_some(),
            Version::V3 => self.centis <= Self::MAX_CENTIS,
        }
    }

    /// `Skew_Time`: what a backup waits beyond three intervals, less the higher its priority.
    ///
    /// VRRPv2: (256 − priority) / 256 **seconds**, whatever the interval (RFC 3768 §6.1).
    /// VRRPv3: (256 − priority) / 256 intervals (RFC 9568 §6.1).
    #[must_use]
    pub fn skew_time(self, version: Version, priority: Priority) -> Duration {
        let unit = match version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => self.as_duration(),
        };
        unit * (256 - u32::from(priority.get())) / 256
    }

    /// `Master_Down_Interval`: how long a backup waits for an advertisement; three intervals and
    /// the skew time (RFC 3768 §6.1, RFC 9568 §6.1).
    #[must_use]
    pub fn master_down_interval(self, version: Version, priority: Priority) -> Duration {
        self.down_interval(DownTimerAdverts::DEFAULT, version, priority)
    }

    /// `Master_Down_Interval` with another number of intervals than three (`down_timer_adverts` in
    /// keepalived).
    #[must_use]
    pub fn down_interval(
        self,
        adverts: DownTimerAdverts,
        version: Version,
        priority: Priority,
    ) -> Duration {
        self.as_duration() * u32::from(adverts.get()) + self.skew_time(version, priority)
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(value: u8) -> Priority {
        Priority::new(value).unwrap()
    }

    #[test]
    fn version_2_skews_by_a_fraction_of_a_second_whatever_the_interval() {
        for seconds in [1, 3, 255] {
            let interval = AdvertInterval::from_secs(seconds).unwrap();
            for (value, nanos) in [
                (1, 996_093_750),
                (50, 804_687_500),
                (100, 609_375_000),
                (254, 7_812_500),
                (255, 3_906_250),
            ] {
                assert_eq!(
                    interval.skew_time(Version::V2, priority(value)),
                    Duration::from_nanos(nanos)
                );
            }
        }
    }

    #[test]
    fn version_3_skews_by_a_fraction_of_the_interval() {
        // (centiseconds, priority, nanoseconds)
        for (centis, value, nanos) in [
            (1, 1, 9_960_937),
            (1, 254, 78_125),
            (1, 255, 39_062),
            (100, 100, 609_375_000),
            (4095, 1, 40_790_039_062),
            (4095, 254, 319_921_875),
            (4095, 255, 159_960_937),
        ] {
            let interval = AdvertInterval::from_centis(centis).unwrap();
            assert_eq!(
                interval.skew_time(Version::V3, priority(value)),
                Duration::from_nanos(nanos),
                "{centis} cs, priority {value}"
            );
        }
    }

    #[test]
    fn a_backup_waits_three_intervals_and_the_skew_time() {
        let second = AdvertInterval::from_secs(1).unwrap();
        for (value, nanos) in [(100, 3_609_375_000), (50, 3_804_687_500)] {
            for version in [Version::V2, Version::V3] {
                assert_eq!(
                    second.master_down_interval(version, priority(value)),
                    Duration::from_nanos(nanos)
                );
            }
        }
        let longest = AdvertInterval::from_secs(255).unwrap();
        assert_eq!(
            longest.master_down_interval(Version::V2, priority(1)),
            Duration::from_nanos(765_996_093_750)
        );
        let shortest = AdvertInterval::from_centis(1).unwrap();
        assert_eq!(
            shortest.master_down_interval(Version::V3, priority(100)),
            Duration::from_nanos(36_093_750)
        );
    }

    #[test]
    fn a_higher_priority_always_waits_less() {
        for centis in [1, 5, 100, 4095] {
            let interval = AdvertInterval::from_centis(centis).unwrap();
            for value in 1..=254 {
                for version in [Version::V2, Version::V3] {
                    assert!(
                        interval.master_down_interval(version, priority(value))
                            > interval.master_down_interval(version, priority(value + 1))
                    );
                }
            }
        }
    }

    #[test]
    fn what_a_header_cannot_carry_does_not_fit() {
        assert_eq!(AdvertInterval::from_secs(0), Err(ConfigError::IntervalZero));
        assert_eq!(
            AdvertInterval::from_centis(0),
            Err(ConfigError::IntervalZero)
        );
        assert_eq!(
            AdvertInterval::from_centis(4096),
            Err(ConfigError::IntervalTooLong { centis: 4096 })
        );
        assert!(!AdvertInterval::from_centis(150).unwrap().fits(Version::V2));
        assert!(!AdvertInterval::from_secs(41).unwrap().fits(Version::V3));
        assert!(AdvertInterval::from_secs(40).unwrap().fits(Version::V3));
    }
}
