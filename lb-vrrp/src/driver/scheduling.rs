// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scheduling of the threads, and locked memory.

use lb_host::scheduling::{lock_memory, set_nice, set_processors, set_realtime_limit};
use tracing::{info, warn};

use crate::spec::{LockMemory, Scheduling};

impl Scheduling {
    /// The priority of the address thread: below the advert thread, above ordinary work, because a
    /// takeover ends with the announcement.
    pub(super) const fn address_priority(&self) -> i32 {
        let half = self.priority / 2;
        if half == 0 { 1 } else { half as i32 }
    }

    /// Sets nice value and processors of the calling thread, in real time or not.
    pub(super) fn apply(&self, thread: &str) {
        if let Some(nice) = self.nice
            && let Err(error) = set_nice(nice)
        {
            warn!(%error, thread, nice, "cannot set the nice value");
        }
        if let Some(processors) = self.processors
            && let Err(error) = set_processors(processors.iter())
        {
            warn!(%error, thread, "cannot bind the thread to its processors");
        }
    }

    /// Limits real-time threads of the process and locks its memory; `realtime` is whether a thread
    /// runs in real time.
    pub(super) fn apply_to_process(&self, realtime: bool) {
        if realtime
            && let Some(limit) = self.limit
            && let Err(error) = set_realtime_limit(limit)
        {
            warn!(%error, ?limit, "cannot limit real-time threads");
        }
        let wanted = match self.memory {
            LockMemory::Auto => realtime,
            LockMemory::Always => true,
            LockMemory::Never => false,
        };
        if !wanted {
            return;
        }
        match lock_memory() {
            Ok(()) => info!("memory is locked from its first use"),
            Err(error) => warn!(
                %error,
                "memory not locked: it needs CAP_IPC_LOCK or no limit of locked memory; adverts \
                 will be late where the machine swaps"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::spec::Processors;

    use super::*;

    #[test]
    fn the_address_thread_is_behind_the_advert_thread_and_in_real_time() {
        for (advert, address) in [(1, 1), (2, 1), (20, 10), (99, 49)] {
            let scheduling = Scheduling::default().with_priority(advert);
            assert_eq!(scheduling.address_priority(), address);
        }
    }

    /// The nice value of the calling thread.
    fn nice() -> i32 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        // After the name, which is in parentheses: state is the third field, nice the 19th.
        let fields = stat.rsplit(')').next().unwrap();
        fields.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn scheduling_applies_to_the_calling_thread_only() {
        let before = nice();
        let wanted = (before + 7).min(19);
        let own = std::thread::spawn(move || {
            let scheduling = Scheduling::default()
                .with_nice(Some(wanted.try_into().unwrap()))
                .with_processors(Processors::new([0]));
            scheduling.apply("test");
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            let allowed = status
                .lines()
                .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            (nice(), allowed.unwrap().trim().to_owned())
        });
        assert_eq!(own.join().unwrap(), (wanted, "0".to_owned()));
        assert_eq!(nice(), before);
    }
}
