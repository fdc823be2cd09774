// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads are scheduled and whether their memory may be swapped out.

use std::time::Duration;

use lb_host::scheduling::{lock_memory, set_nice, set_realtime_limit};
use tracing::{info, warn};

pub use lb_host::scheduling::Processors;

/// Scheduling and memory of the advert thread and the address thread; whether the first runs in real
/// time is [`Options::realtime`](super::Options::realtime).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scheduling {
    /// Priority of the advert thread under `SCHED_RR`, 1 to 99; that of the address thread is half of
    /// it (`vrrp_rt_priority` in keepalived).
    pub priority: u8,
    /// Nice value of both while they are not in real time, -20 to 19 (`vrrp_priority`).
    pub nice: Option<i8>,
    /// The processors both may run on, by number (`vrrp_cpu_affinity`).
    pub processors: Option<Processors>,
    /// How long a thread in real time may run without waiting for anything, before the kernel ends
    /// the process; of the whole process (`vrrp_rlimit_rttime`, `RLIMIT_RTTIME`).
    pub limit: Option<Duration>,
    /// Whether memory is locked (`vrrp_no_swap`).
    pub memory: LockMemory,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            // Ahead of all ordinary work, behind the kernel's own real-time threads.
            priority: 20,
            nice: None,
            processors: None,
            limit: None,
            memory: LockMemory::Auto,
        }
    }
}

impl Scheduling {
    /// Sets the priority under `SCHED_RR`, 1 to 99.
    #[must_use]
    pub const fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the nice value, -20 to 19.
    #[must_use]
    pub const fn with_nice(mut self, nice: Option<i8>) -> Self {
        self.nice = nice;
        self
    }

    /// Sets the processors.
    #[must_use]
    pub const fn with_processors(mut self, processors: Option<Processors>) -> Self {
        self.processors = processors;
        self
    }

    /// Sets how long a thread in real time may run at once.
    #[must_use]
    pub const fn with_limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }

    /// Sets whether memory is locked.
    #[must_use]
    pub const fn with_memory(mut self, memory: LockMemory) -> Self {
        self.memory = memory;
        self
    }

    /// Behind the advert thread, ahead of all ordinary work: a takeover is over when it is announced.
    pub(super) const fn address_priority(&self) -> i32 {
        let half = self.priority / 2;
        if half == 0 { 1 } else { half as i32 }
    }

    /// Has the calling thread run where and how it is to run, in real time or not.
    pub(super) fn apply(&self, thread: &str) {
        if let Some(nice) = self.nice
            && let Err(error) = set_nice(nice)
        {
            warn!(%error, thread, nice, "nice value not set");
        }
        if let Some(processors) = self.processors
            && let Err(error) = processors.bind_thread()
        {
            warn!(%error, thread, "not bound to its processors");
        }
    }

    /// Does what concerns the process, once it is known whether there is real time in it.
    pub(super) fn settle(&self, realtime: bool) {
        if realtime
            && let Some(limit) = self.limit
            && let Err(error) = set_realtime_limit(limit)
        {
            warn!(%error, ?limit, "real-time threads are not limited");
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
            Ok(()) => info!("memory is locked as it is used"),
            Err(error) => warn!(
                %error,
                "memory not locked: it needs CAP_IPC_LOCK or no limit of locked memory; adverts \
                 will be late where the machine swaps"
            ),
        }
    }
}

/// Whether memory is kept from being swapped out.
///
/// Pages are locked when they are used (`MCL_ONFAULT`), for the whole process: resident memory is
/// what it would be without. Locking all that is mapped would make stacks and heaps of all threads
/// resident, 17 MB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockMemory {
    /// If the advert thread runs in real time; warn if refused.
    #[default]
    Auto,
    /// Always; warn if refused.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use std::fs;

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
    fn a_thread_runs_where_and_how_it_is_told_and_others_do_not() {
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
                .find_map(|of| of.strip_prefix("Cpus_allowed_list:"));
            (nice(), allowed.unwrap().trim().to_owned())
        });
        assert_eq!(own.join().unwrap(), (wanted, "0".to_owned()));
        assert_eq!(nice(), before);
    }
}
