// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order and times of paced announcements: no I/O, time is an argument.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Lane;
use crate::AddressFamily;

/// Resolution of timers: a shorter interval is kept on average over this time.
const GRAIN: Duration = Duration::from_millis(2);

/// Queues of announcements with one entry per address, however often it was requested.
///
/// An address with several announcements is sent once per round: the first announcements of all
/// addresses come before the second one of any.
#[derive(Debug)]
pub(in crate::driver) struct Pacer<K> {
    lanes: BTreeMap<(Arc<str>, AddressFamily), Queue<K>>,
    arrivals: u64,
}

/// The queue of one lane.
#[derive(Debug)]
struct Queue<K> {
    interval: Duration,
    /// Earliest time of the next announcement.
    free_at: Option<Instant>,
    /// By round, then by arrival.
    entries: BTreeMap<(u32, u64), Item<K>>,
}

#[derive(Debug)]
struct Item<K> {
    key: K,
    left: u32,
}

impl<K: Clone + PartialEq> Pacer<K> {
    pub(in crate::driver) const fn new() -> Self {
        Self {
            lanes: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// Requests `times` announcements of an address. The rest of an earlier request is included.
    pub(in crate::driver) fn push(&mut self, lane: &Lane, key: K, times: u32) {
        if times == 0 {
            return;
        }
        let queue = self
            .lanes
            .entry((Arc::clone(&lane.name), lane.family))
            .or_insert_with(|| Queue {
                interval: lane.interval,
                free_at: None,
                entries: BTreeMap::new(),
            });
        queue.interval = lane.interval;
        let left = queue.remove(&key).unwrap_or(0).max(times);
        self.arrivals += 1;
        queue.entries.insert((0, self.arrivals), Item { key, left });
    }

    /// Drops the queued announcements of an address.
    pub(in crate::driver) fn forget(&mut self, key: &K) {
        for queue in self.lanes.values_mut() {
            queue.remove(key);
        }
    }

    /// The earliest time of the next announcement, which may be past.
    pub(in crate::driver) fn next_due(&self, now: Instant) -> Option<Instant> {
        let busy = self.lanes.values().filter(|lane| !lane.entries.is_empty());
        busy.map(|lane| lane.free_at.unwrap_or(now)).min()
    }

    /// Takes an announcement that may be sent now.
    pub(in crate::driver) fn pop(&mut self, now: Instant) -> Option<K> {
        let queue = self
            .lanes
            .values_mut()
            .find(|lane| !lane.entries.is_empty() && lane.free_at.is_none_or(|at| at <= now))?;
        let ((round, arrival), mut item) = queue.entries.pop_first()?;
        let key = item.key.clone();
        item.left = item.left.saturating_sub(1);
        if item.left > 0 {
            queue
                .entries
                .insert((round.saturating_add(1), arrival), item);
        }
        let slack = if queue.interval < GRAIN {
            GRAIN
        } else {
            Duration::ZERO
        };
        // Missed intervals are not made up for beyond the resolution of the timer.
        let from = queue
            .free_at
            .map_or(now, |at| at.max(now.checked_sub(slack).unwrap_or(now)));
        queue.free_at = Some(from + queue.interval);
        Some(key)
    }
}

impl<K: PartialEq> Queue<K> {
    /// Removes an entry; returns its number of announcements.
    fn remove(&mut self, key: &K) -> Option<u32> {
        let (&place, _) = self.entries.iter().find(|(_, item)| item.key == *key)?;
        self.entries.remove(&place).map(|item| item.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn lane(name: &str, interval: Duration) -> Lane {
        Lane {
            name: Arc::from(name),
            family: AddressFamily::Ipv4,
            interval,
        }
    }

    /// Which announcements leave and when, from `start` on, if the caller wakes exactly when one is due.
    fn drain(pacer: &mut Pacer<u32>, start: Instant) -> Vec<(u32, Duration)> {
        let mut now = start;
        let mut left = Vec::new();
        while let Some(due) = pacer.next_due(now) {
            now = now.max(due);
            while let Some(key) = pacer.pop(now) {
                left.push((key, now - start));
            }
        }
        left
    }

    #[test]
    fn first_ones_go_first_then_round_by_round_and_the_interval_is_kept() {
        let (mut pacer, start) = (Pacer::new(), Instant::now());
        let lane = lane("eth0", 10 * MS);
        for key in 1..=3 {
            pacer.push(&lane, key, 2);
        }
        assert_eq!(
            drain(&mut pacer, start),
            [(1, 0), (2, 10), (3, 20), (1, 30), (2, 40), (3, 50)].map(|(key, at)| (key, at * MS))
        );
        // The interval holds across bursts.
        pacer.push(&lane, 4, 1);
        let later = start + 51 * MS;
        assert_eq!(drain(&mut pacer, later), [(4, 9 * MS)]);
    }

    #[test]
    fn a_later_first_announcement_comes_before_the_repeats_of_others() {
        let (mut pacer, start) = (Pacer::new(), Instant::now());
        let lane = lane("eth0", 10 * MS);
        pacer.push(&lane, 1, 3);
        assert_eq!(pacer.pop(start), Some(1));
        pacer.push(&lane, 2, 2);
        let keys: Vec<u32> = drain(&mut pacer, start)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, [2, 1, 2, 1]);
    }

    #[test]
    fn repeats_are_merged_and_never_lost_nor_piled_up() {
        let (mut pacer, start) = (Pacer::new(), Instant::now());
        let lane = lane("eth0", 10 * MS);
        for _ in 0..1000 {
            pacer.push(&lane, 1, 2);
            pacer.push(&lane, 2, 1);
        }
        pacer.push(&lane, 2, 0);
        let keys: Vec<u32> = drain(&mut pacer, start)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, [1, 2, 1]);
        // A second request during the first: the larger number counts, and the address is first again.
        pacer.push(&lane, 1, 3);
        pacer.push(&lane, 2, 1);
        let now = start + Duration::from_secs(1);
        assert_eq!(pacer.pop(now), Some(1));
        pacer.push(&lane, 1, 1);
        let keys: Vec<u32> = drain(&mut pacer, now)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert_eq!(keys, [2, 1, 1]);
    }

    #[test]
    fn lanes_do_not_wait_for_each_other_and_a_removed_address_is_not_announced() {
        let (mut pacer, start) = (Pacer::new(), Instant::now());
        pacer.push(&lane("eth0", 10 * MS), 1, 2);
        pacer.push(&lane("eth1", 4 * MS), 2, 2);
        pacer.push(&lane("eth1", 4 * MS), 3, 2);
        pacer.forget(&3);
        assert_eq!(
            drain(&mut pacer, start),
            [(1, 0), (2, 0), (2, 4), (1, 10)].map(|(key, at)| (key, at * MS))
        );
        assert_eq!(pacer.next_due(start), None);
    }

    #[test]
    fn a_late_waker_makes_nothing_up_but_the_grain_of_its_timer() {
        let (mut pacer, start) = (Pacer::new(), Instant::now());
        let slow = lane("eth0", 10 * MS);
        pacer.push(&slow, 1, 9);
        assert_eq!(pacer.pop(start), Some(1));
        let late = start + 95 * MS;
        assert_eq!(pacer.pop(late), Some(1));
        assert_eq!(pacer.pop(late), None);
        assert_eq!(pacer.next_due(late), Some(late + 10 * MS));

        // 100 µs by a timer that wakes each millisecond: ten each time, not one.
        let fast = lane("eth1", MS / 10);
        let mut pacer = Pacer::new();
        pacer.push(&fast, 7, 1000);
        let mut sent = 0;
        for wake in 0..50 {
            while pacer.pop(start + wake * MS).is_some() {
                sent += 1;
            }
        }
        assert!((480..=520).contains(&sent), "{sent}");
    }
}
