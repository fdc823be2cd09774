// SPDX-License-Identifier: MIT OR Apache-2.0
//! How late timers were served.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets of [`Lateness`]: one for each bound, and one for what is later.
const BUCKETS: usize = Lateness::BOUNDS.len() + 1;

/// How late timers were served, as a histogram with fixed bounds.
///
/// Lateness is the time from a router's deadline to the moment the advert thread acted on it. It
/// is the number to watch with short intervals: a backup takes over after three of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lateness {
    /// Timers served, by upper bound; the last bucket has none. See [`Lateness::BOUNDS`].
    pub buckets: [u64; BUCKETS],
    /// The latest one.
    pub max: Duration,
    /// The sum over all timers.
    pub sum: Duration,
}

impl Lateness {
    /// Upper bounds of the buckets, inclusive.
    pub const BOUNDS: [Duration; 9] = [
        Duration::from_micros(50),
        Duration::from_micros(100),
        Duration::from_micros(200),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(20),
        Duration::from_millis(100),
        Duration::from_secs(1),
    ];

    /// How many timers were served.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Counts a timer that was served so late.
    #[cfg_attr(
        not(any(feature = "driver", test)),
        expect(dead_code, reason = "only a driver serves timers")
    )]
    pub(crate) fn record(&mut self, late: Duration) {
        self.add(Some(late), 1);
        self.max = self.max.max(late);
        self.sum += late;
    }

    /// Adds timers to the bucket of this lateness; `None`: later than all bounds.
    pub(super) fn add(&mut self, late: Option<Duration>, count: u64) {
        // Nearly always one of the first.
        let bucket = late.and_then(|late| Self::BOUNDS.iter().position(|bound| late <= *bound));
        let bucket = bucket.unwrap_or(Self::BOUNDS.len());
        if let Some(counted) = self.buckets.get_mut(bucket) {
            *counted += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_falls_into_the_bucket_of_its_bound() {
        let mut lateness = Lateness::default();
        lateness.record(Duration::ZERO);
        lateness.record(Duration::from_micros(50));
        lateness.record(Duration::from_micros(51));
        lateness.record(Duration::from_secs(2));
        assert_eq!(lateness.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(lateness.count(), 4);
        assert_eq!(lateness.max, Duration::from_secs(2));
    }
}
