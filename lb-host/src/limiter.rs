// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rate limit for reports that other hosts and programs can cause.

use std::time::{Duration, Instant};

/// A rate limit for reports, by key: for example the sender of a packet and the kind of its fault.
///
/// The first report of a key is admitted. During the quiet time after an admitted report, further reports
/// of its key are left out; when that time has ended, [`take_due`](Self::take_due) returns the last
/// one of them with their number. So the first report is immediate, the last state is reported, and a
/// flood causes one report per key and quiet time.
///
/// At most `capacity` keys are remembered, so that forged senders take no memory. Reports of keys
/// beyond them are counted together, and the last one is due with the others.
///
/// The caller passes the time; the limiter reads no clock.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use lb_host::ReportLimiter;
///
/// let quiet = Duration::from_secs(30);
/// let mut limiter = ReportLimiter::new(quiet, 64);
/// let start = Instant::now();
/// let first = limiter.admit(start, "192.0.2.1", "ttl 3").unwrap();
/// assert_eq!((first.report, first.suppressed), ("ttl 3", 0));
/// assert!(limiter.admit(start, "192.0.2.1", "ttl 4").is_none());
/// assert!(limiter.admit(start, "192.0.2.1", "ttl 5").is_none());
///
/// assert_eq!(limiter.next_due(), Some(start + quiet));
/// let last = limiter.take_due(start + quiet).unwrap();
/// assert_eq!((last.report, last.suppressed), ("ttl 5", 1));
/// ```
#[derive(Debug)]
pub struct ReportLimiter<K, R> {
    quiet: Duration,
    capacity: usize,
    entries: Vec<Entry<K, R>>,
    /// Reports of keys that found no room.
    others: Option<LeftOut<R>>,
    /// Earliest time at which a report is due.
    due: Option<Instant>,
}

/// A report that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admitted<R> {
    /// The report.
    pub report: R,
    /// Number of reports of the same key that were left out since the one before.
    pub suppressed: u64,
    /// Number of reports of other keys that were left out since the one before, because too many keys
    /// are remembered.
    pub others: u64,
}

#[derive(Debug)]
struct Entry<K, R> {
    key: K,
    admitted: Instant,
    left_out: Option<LeftOut<R>>,
}

/// Reports that were left out.
#[derive(Debug)]
struct LeftOut<R> {
    /// Time of the first one, for reports of keys that found no room.
    since: Instant,
    last: R,
    count: u64,
}

impl<K: PartialEq, R> ReportLimiter<K, R> {
    /// A limiter that leaves out reports of a key for the time `quiet` after each admitted one, and
    /// remembers at most `capacity` keys.
    #[must_use]
    pub const fn new(quiet: Duration, capacity: usize) -> Self {
        Self {
            quiet,
            capacity,
            entries: Vec::new(),
            others: None,
            due: None,
        }
    }

    /// Returns the report if it is to be made now; otherwise counts it as left out.
    pub fn admit(&mut self, now: Instant, key: K, report: R) -> Option<Admitted<R>> {
        let quiet = self.quiet;
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            if now < entry.admitted + quiet {
                let due = entry.admitted + quiet;
                count(&mut entry.left_out, now, report);
                self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
                return None;
            }
            entry.admitted = now;
            let left_out = entry.left_out.take();
            self.update_due();
            return Some(Admitted {
                report,
                suppressed: left_out.map_or(0, |left_out| left_out.count),
                others: 0,
            });
        }
        if self.entries.len() >= self.capacity {
            let is_needed =
                |entry: &Entry<K, R>| now < entry.admitted + quiet || entry.left_out.is_some();
            self.entries.retain(is_needed);
        }
        if self.entries.len() >= self.capacity {
            count(&mut self.others, now, report);
            self.update_due();
            return None;
        }
        self.entries.push(Entry {
            key,
            admitted: now,
            left_out: None,
        });
        Some(Admitted {
            report,
            suppressed: 0,
            others: 0,
        })
    }

    /// Returns the last report of a key that was left out, if the quiet time of the key has ended. Call
    /// it until it returns `None`, when [`next_due`](Self::next_due) has passed.
    pub fn take_due(&mut self, now: Instant) -> Option<Admitted<R>> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        let quiet = self.quiet;
        let mut ended = self.entries.iter_mut().filter_map(|entry| {
            let has_ended = entry.admitted + quiet <= now;
            let left_out = entry.left_out.take_if(|_| has_ended)?;
            entry.admitted = now;
            Some(left_out)
        });
        let admitted = if let Some(LeftOut { last, count, .. }) = ended.next() {
            Some(Admitted {
                report: last,
                suppressed: count - 1,
                others: 0,
            })
        } else {
            let others = self.others.take_if(|others| others.since + quiet <= now);
            others.map(|LeftOut { last, count, .. }| Admitted {
                report: last,
                suppressed: 0,
                others: count - 1,
            })
        };
        self.update_due();
        admitted
    }

    /// When to call [`take_due`](Self::take_due); `None` while no report is left out.
    #[must_use]
    pub const fn next_due(&self) -> Option<Instant> {
        self.due
    }

    fn update_due(&mut self) {
        let left_out = self
            .entries
            .iter()
            .filter(|entry| entry.left_out.is_some())
            .map(|entry| entry.admitted);
        let others = self.others.as_ref().map(|others| others.since);
        self.due = left_out.chain(others).min().map(|at| at + self.quiet);
    }
}

/// Adds a report to those that were left out.
fn count<R>(left_out: &mut Option<LeftOut<R>>, now: Instant, report: R) {
    match left_out {
        Some(left_out) => {
            left_out.last = report;
            left_out.count += 1;
        }
        None => {
            *left_out = Some(LeftOut {
                since: now,
                last: report,
                count: 1,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(30);

    fn admitted(report: u32, suppressed: u64, others: u64) -> Option<Admitted<u32>> {
        Some(Admitted {
            report,
            suppressed,
            others,
        })
    }

    #[test]
    fn one_report_of_a_key_is_admitted_and_the_others_are_counted() {
        let mut limiter = ReportLimiter::new(QUIET, 4);
        let start = Instant::now();
        assert_eq!(limiter.admit(start, "a", 1), admitted(1, 0, 0));
        assert_eq!(limiter.admit(start, "a", 2), None);
        assert_eq!(limiter.admit(start, "b", 3), admitted(3, 0, 0));
        assert_eq!(limiter.admit(start + QUIET, "a", 4), admitted(4, 1, 0));
        assert_eq!(limiter.admit(start + QUIET, "a", 5), None);
        assert_eq!(limiter.admit(start + QUIET, "b", 6), admitted(6, 0, 0));
    }

    #[test]
    fn the_last_report_left_out_is_due_when_the_quiet_time_has_ended() {
        let mut limiter = ReportLimiter::new(QUIET, 4);
        let start = Instant::now();
        limiter.admit(start, "a", 1);
        assert_eq!(limiter.next_due(), None);
        assert_eq!(limiter.take_due(start + QUIET), None);
        for report in 2..=10 {
            assert_eq!(limiter.admit(start + QUIET / 2, "a", report), None);
        }
        assert_eq!(limiter.next_due(), Some(start + QUIET));
        assert_eq!(limiter.take_due(start + QUIET / 2), None);
        assert_eq!(limiter.take_due(start + QUIET), admitted(10, 8, 0));
        assert_eq!(limiter.take_due(start + QUIET), None);
        assert_eq!(limiter.next_due(), None);
        let later = start + QUIET * 3 / 2;
        assert_eq!(
            limiter.admit(later, "a", 11),
            None,
            "the quiet time began again"
        );
        assert_eq!(limiter.next_due(), Some(start + QUIET * 2));
    }

    #[test]
    fn a_flood_of_one_key_causes_one_report_per_quiet_time() {
        let mut limiter = ReportLimiter::new(QUIET, 4);
        let start = Instant::now();
        let (mut reports, mut left_out) = (0, 0);
        for number in 0..300_u32 {
            let now = start + Duration::from_secs(1) * number;
            let due = limiter.take_due(now);
            for admitted in due.into_iter().chain(limiter.admit(now, "a", number)) {
                reports += 1;
                left_out += admitted.suppressed;
            }
        }
        assert_eq!(reports, 10);
        assert_eq!(
            left_out + reports,
            270,
            "each of the ended quiet times is reported or counted"
        );
    }

    #[test]
    fn keys_beyond_the_capacity_take_no_memory_and_are_counted_together() {
        let mut limiter = ReportLimiter::new(QUIET, 64);
        let start = Instant::now();
        let count = (0..1000)
            .filter(|&key| limiter.admit(start, key, key).is_some())
            .count();
        assert_eq!(count, 64);
        assert_eq!(limiter.entries.len(), 64);
        assert_eq!(limiter.next_due(), Some(start + QUIET));
        assert_eq!(limiter.take_due(start + QUIET), admitted(999, 0, 935));
        assert_eq!(limiter.take_due(start + QUIET), None);
        assert_eq!(limiter.admit(start + QUIET, 5000, 1), admitted(1, 0, 0));
        assert_eq!(limiter.entries.len(), 1, "the others are forgotten");
    }

    #[test]
    fn a_key_with_a_report_left_out_is_not_forgotten() {
        let mut limiter = ReportLimiter::new(QUIET, 1);
        let start = Instant::now();
        limiter.admit(start, "a", 1);
        limiter.admit(start, "a", 2);
        let later = start + QUIET;
        assert_eq!(limiter.admit(later, "b", 3), None);
        assert_eq!(limiter.take_due(later), admitted(2, 0, 0));
        assert_eq!(
            limiter.admit(later, "b", 4),
            None,
            "the quiet time of a began again"
        );
        assert_eq!(limiter.take_due(later + QUIET), admitted(4, 0, 1));
        assert_eq!(limiter.admit(later + QUIET, "b", 5), admitted(5, 0, 0));
    }
}
