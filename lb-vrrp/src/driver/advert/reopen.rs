// SPDX-License-Identifier: MIT OR Apache-2.0
//! Retries of sockets that could not be opened, with growing pauses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::key::PortKey;

/// Time to the first retry; doubled for each further one.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The ports that wait for a retry.
#[derive(Debug, Default)]
pub(super) struct Reopen(BTreeMap<PortKey, (Instant, Duration)>);

impl Reopen {
    /// Schedules a retry after a failure.
    pub(super) fn failed(&mut self, now: Instant, key: &PortKey) {
        let wait = self.0.get(key).map_or(FIRST, |(_, wait)| *wait * 2);
        let wait = wait.min(LONGEST);
        self.0.insert(key.clone(), (now + wait, wait));
    }

    pub(super) fn opened(&mut self, key: &PortKey) {
        self.0.remove(key);
    }

    /// Whether it is too early for a retry.
    pub(super) fn waits(&self, now: Instant, key: &PortKey) -> bool {
        self.0.get(key).is_some_and(|(at, _)| now < *at)
    }

    /// Makes all ports due at once, after a change of the interfaces.
    pub(super) fn retry_now(&mut self) {
        self.0.clear();
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&PortKey) -> bool) {
        self.0.retain(|key, _| keep(key));
    }

    /// When the next retry is due.
    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        // Called at every turn, and nearly always empty.
        if self.0.is_empty() {
            return None;
        }
        self.earliest()
    }

    #[cold]
    fn earliest(&self) -> Option<Instant> {
        self.0.values().map(|(at, _)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::AddressFamily;

    #[test]
    fn each_wait_is_longer_until_it_is_open() {
        let key: PortKey = (Arc::from("eth0"), AddressFamily::Ipv4);
        let mut reopen = Reopen::default();
        let mut now = Instant::now();
        assert!(!reopen.waits(now, &key));
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            reopen.failed(now, &key);
            let at = now + Duration::from_secs(seconds);
            assert_eq!(reopen.next(), Some(at));
            assert!(reopen.waits(at - Duration::from_millis(1), &key));
            assert!(!reopen.waits(at, &key));
            now = at;
        }
        reopen.opened(&key);
        assert_eq!(reopen.next(), None);
        reopen.failed(now, &key);
        reopen.retry_now();
        assert!(!reopen.waits(now, &key));
    }
}
