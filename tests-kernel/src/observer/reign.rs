// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time from a router's first advertisement as master to its last.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// How a reign ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// It had not at the end of the recording.
    Open,
    /// The case broke it off: a crash.
    Cut,
    /// With an advertisement of priority 0.
    Resigned,
    /// Another's advertisement outranked it.
    Yielded,
}

/// One reign.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reign {
    /// Its first advertisement.
    pub first: Duration,
    /// Its last one that is no resignation.
    pub last: Duration,
    /// How many they were.
    pub adverts: usize,
    /// How many of them answered what another advertised.
    pub replies: usize,
    /// From each advertisement that was due to the next.
    pub gaps: Vec<Duration>,
    /// How often each address was announced.
    pub announced: BTreeMap<IpAddr, usize>,
    /// From the first advertisement to the first announcement.
    pub announced_after: Option<Duration>,
    /// When it ended.
    pub over: Duration,
    /// How it ended.
    pub end: End,
    /// When others' advertisements were received that are not answered yet.
    unanswered: VecDeque<Duration>,
    /// When it should have sent the latest that was due, and when it did.
    due: Duration,
    latest_due: Duration,
}

impl Reign {
    pub(super) fn new(at: Duration) -> Self {
        Self {
            first: at,
            last: at,
            adverts: 1,
            replies: 0,
            gaps: Vec::new(),
            announced: BTreeMap::new(),
            announced_after: None,
            over: Duration::MAX,
            end: End::Open,
            unanswered: VecDeque::new(),
            due: at,
            latest_due: at,
        }
    }

    /// One more advertisement; false if it was neither due nor an answer.
    pub(super) fn advertise(&mut self, at: Duration, interval: Duration) -> bool {
        self.adverts += 1;
        self.last = at;
        let gap = at.saturating_sub(self.due);
        if gap * 10 >= interval * 9 {
            self.gaps.push(at.saturating_sub(self.latest_due));
            self.latest_due = at;
            // One that was late does not put off the next.
            let missed = gap.as_nanos() / interval.as_nanos().max(1);
            self.due += interval * u32::try_from(missed.max(1)).unwrap_or(u32::MAX);
            return true;
        }
        self.replies += 1;
        // An answer is given before the next one is due, or not at all.
        self.unanswered.retain(|asked| *asked + interval >= at);
        self.unanswered.pop_front().is_some()
    }

    /// Takes in another's advertisement, which the router may answer.
    pub(super) fn receive(&mut self, at: Duration) {
        self.unanswered.push_back(at);
    }

    pub(super) fn announce(&mut self, address: IpAddr, at: Duration) {
        *self.announced.entry(address).or_default() += 1;
        let after = at.saturating_sub(self.first);
        self.announced_after.get_or_insert(after);
    }

    /// The median time between advertisements that were due; of five at least.
    #[must_use]
    pub fn spacing(&self) -> Option<Duration> {
        let mut gaps = self.gaps.clone();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2)
            .copied()
            .filter(|_| gaps.len() >= 5)
    }
}
