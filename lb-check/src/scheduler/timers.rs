// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times of numbered things, ordered: a binary heap that knows the place of each number.

use std::time::Duration;

use tokio::time::Instant;

use super::table::index;

/// The place of a number that has no time.
const NONE: u32 = u32::MAX;

/// At most one time for each number; 20 bytes for each, and no allocation once there is room for all.
#[derive(Debug)]
pub(super) struct Timers {
    epoch: Instant,
    /// The times as a heap: an entry is not later than its two children, at `2 n + 1` and `2 n + 2`.
    heap: Vec<Entry>,
    /// The place of each number in the heap.
    places: Vec<u32>,
}

/// A time, in nanoseconds since the epoch; the order is by time, then by number.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    at: u64,
    number: u32,
}

impl Timers {
    /// Times before `epoch` count as `epoch`.
    pub(super) const fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            heap: Vec::new(),
            places: Vec::new(),
        }
    }

    /// Makes room for `more` times at once, without the slack of a growing vector if they are many.
    pub(super) fn reserve(&mut self, more: usize) {
        if more > self.heap.len() / 4 {
            self.heap.reserve_exact(more);
        }
    }

    /// The time of a number.
    pub(super) fn get(&self, number: usize) -> Option<Instant> {
        let place = self.place(number)?;
        self.heap.get(place).map(|entry| self.instant(entry.at))
    }

    /// The earliest time and its number.
    pub(super) fn first(&self) -> Option<(Instant, usize)> {
        let entry = self.heap.first()?;
        Some((self.instant(entry.at), index(entry.number)))
    }

    /// True when no number has a time.
    pub(super) const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The amount of numbers that have a time.
    pub(super) const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Sets the time of a number, which replaces an earlier one.
    pub(super) fn set(&mut self, number: usize, at: Instant) {
        let Ok(key) = u32::try_from(number) else {
            return;
        };
        let at = at.saturating_duration_since(self.epoch).as_nanos();
        let entry = Entry {
            at: u64::try_from(at).unwrap_or(u64::MAX),
            number: key,
        };
        if number >= self.places.len() {
            self.places.resize(number + 1, NONE);
        }
        let place = match self.place(number) {
            Some(place) => place,
            None => {
                self.heap.push(entry);
                self.heap.len() - 1
            }
        };
        self.sift(place, entry);
    }

    /// Removes the time of a number, if there is one.
    pub(super) fn remove(&mut self, number: usize) {
        let Some(place) = self.place(number) else {
            return;
        };
        if let Some(slot) = self.places.get_mut(number) {
            *slot = NONE;
        }
        let Some(last) = self.heap.pop() else {
            return;
        };
        if place < self.heap.len() {
            self.sift(place, last);
        }
    }

    /// Puts an entry where it may be, starting at a place whose own entry is to be overwritten.
    fn sift(&mut self, mut place: usize, entry: Entry) {
        while let Some(parent) = place.checked_sub(1).map(|n| n / 2)
            && let Some(above) = self.heap.get(parent).copied()
            && entry < above
        {
            self.put(place, above);
            place = parent;
        }
        while let Some(child) = self.lesser_child(place)
            && let Some(below) = self.heap.get(child).copied()
            && below < entry
        {
            self.put(place, below);
            place = child;
        }
        self.put(place, entry);
    }

    /// The place of the lesser of an entry's children.
    fn lesser_child(&self, place: usize) -> Option<usize> {
        let left = 2 * place + 1;
        let right = left + 1;
        let first = self.heap.get(left)?;
        match self.heap.get(right) {
            Some(second) if second < first => Some(right),
            _ => Some(left),
        }
    }

    fn put(&mut self, place: usize, entry: Entry) {
        if let (Some(slot), Some(known), Ok(place)) = (
            self.heap.get_mut(place),
            self.places.get_mut(index(entry.number)),
            u32::try_from(place),
        ) {
            *slot = entry;
            *known = place;
        }
    }

    fn place(&self, number: usize) -> Option<usize> {
        let place = *self.places.get(number)?;
        (place != NONE).then_some(index(place))
    }

    fn instant(&self, at: u64) -> Instant {
        self.epoch + Duration::from_nanos(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Change {
        Set(usize, u64),
        Remove(usize),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            2 => (0..40_usize, 0..50_u64).prop_map(|(number, at)| Change::Set(number, at)),
            1 => (0..40_usize).prop_map(Change::Remove),
        ]
    }

    proptest! {
        #[test]
        fn timers_equal_an_ordered_map(changes in prop::collection::vec(change(), 0..200)) {
            let epoch = Instant::now();
            let time = |at: u64| epoch + Duration::from_millis(at);
            let mut timers = Timers::new(epoch);
            let mut model = BTreeMap::new();
            for change in changes {
                match change {
                    Change::Set(number, at) => {
                        timers.set(number, time(at));
                        model.insert(number, at);
                    }
                    Change::Remove(number) => {
                        timers.remove(number);
                        model.remove(&number);
                    }
                }
                let first = model.iter().map(|(number, at)| (time(*at), *number)).min();
                prop_assert_eq!(timers.first(), first);
                for number in 0..41 {
                    let at = model.get(&number).map(|at| time(*at));
                    prop_assert_eq!(timers.get(number), at);
                }
            }
            // Emptied in order.
            let mut before = epoch;
            while let Some((at, number)) = timers.first() {
                prop_assert!(at >= before);
                before = at;
                timers.remove(number);
                model.remove(&number);
            }
            prop_assert!(model.is_empty());
        }
    }
}
