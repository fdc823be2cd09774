// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rate limit for reports that other hosts and programs can cause.

use std::time::{Duration, Instant};

/// A rate limit for reports, by key: for example the sender of a packet and the kind of its fault.
///
/// The first report of a key is admitted. During the quiet time after an admitted report, further reports
/// of its key are left out; when that time has ended, [`take_due`](Self::take_due) returns the last
/// one of them with their number. So the first report is immediate, the last state is reported, and a
/// flood causes one report per key and quiet time. With [`with_longest`](Self::with_longest) the quiet
/// time of a key doubles while its reports continue, so that a lasting condition does not fill a log.
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
    longest: Duration,
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

impl<R> Admitted<R> {
    /// A report without any that was left out.
    pub const fn first(report: R) -> Self {
        Self {
            report,
            suppressed: 0,
            others: 0,
        }
    }
}

#[derive(Debug)]
struct Entry<K, R> {
    key: K,
    admitted: Instant,
    /// Length of the quiet time after `admitted`.
    quiet: Duration,
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
            longest: quiet,
            capacity,
            entries: Vec::new(),
            others: None,
            due: None,
        }
    }

    /// Doubles the quiet time of a key with each report, up to `longest`, until its reports have ceased
    /// for two quiet times.
    #[must_use]
    pub const fn with_longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Returns the report if it is to be made now; otherwise counts it as left out.
    pub fn admit(&mut self, now: Instant, key: K, report: R) -> Option<Admitted<R>> {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            let due = entry.quiet_until();
            if now < due {
                count(&mut entry.left_out, now, report);
                self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
                return None;
            }
            let has_ceased = entry.left_out.is_none() && now >= due + entry.quiet;
            let longest = if has_ceased { self.quiet } else { self.longest };
            let left_out = entry.restart(now, longest);
            self.update_due();
            return Some(Admitted {
                report,
                suppressed: left_out.map_or(0, |left_out| left_out.count),
                others: 0,
            });
        }
        if self.entries.len() >= self.capacity {
            let is_needed =
                |entry: &Entry<K, R>| now < entry.quiet_until() || entry.left_out.is_some();
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
            quiet: self.quiet,
            left_out: None,
        });
        Some(Admitted::first(report))
    }

    /// Returns the last report of a key that was left out, if the quiet time of the key has ended. Call
    /// it until it returns `None`, when [`next_due`](Self::next_due) has passed.
    pub fn take_due(&mut self, now: Instant) -> Option<Admitted<R>> {
        if self.due.is_none_or(|due| now < due) {
            return None;
        }
        let (quiet, longest) = (self.quiet, self.longest);
        let mut ended = self.entries.iter_mut().filter_map(|entry| {
            let is_due = entry.left_out.is_some() && entry.quiet_until() <= now;
            is_due.then(|| entry.restart(now, longest)).flatten()
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
            .map(Entry::quiet_until);
        let others = self.others.as_ref().map(|others| others.since + self.quiet);
        self.due = left_out.chain(others).min();
    }
}

impl<K, R> Entry<K, R> {
    /// End of the quiet time.
    fn quiet_until(&self) -> Instant {
        self.admitted + self.quiet
    }

    /// Starts another quiet time, of twice the length up to `longest`, and returns what was left out.
    fn restart(&mut self, now: Instant, longest: Duration) -> Option<LeftOut<R>> {
        self.admitted = now;
        self.quiet = (self.quiet * 2).min(longest);
        self.left_out.take()
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
    fn the_quiet_time_doubles_until_the_reports_cease() {
        let mut limiter = ReportLimiter::new(QUIET, 4).with_longest(QUIET * 4);
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let flood = |limiter: &mut ReportLimiter<_, _>, from: u32, to: u32| -> Vec<u32> {
            let times = (from..to).filter(|&number| {
                let now = start + second * number;
                let is_due = limiter.take_due(now).is_some();
                limiter.admit(now, "a", number).is_some() || is_due
            });
            times.collect()
        };
        assert_eq!(flood(&mut limiter, 0, 500), [0, 30, 90, 210, 330, 450]);
        // The quiet time that began at 450 ends at 570 with a report.
        assert!(limiter.take_due(start + second * 570).is_some());
        assert_eq!(flood(&mut limiter, 810, 850), [810, 840], "it has ceased");
        assert!(limiter.take_due(start + second * 900).is_some());
        // Reports that are a little rarer than the quiet time are left out as well.
        let mut times = Vec::new();
        for number in 0..20 {
            let at = 10_000 + 40 * number;
            times.extend(flood(&mut limiter, at, at + 1));
        }
        let since = times.iter().map(|at| at - 10_000);
        assert!(since.eq([0, 40, 120, 240, 360, 480, 600, 720]), "{times:?}");
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
