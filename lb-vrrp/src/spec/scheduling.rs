// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the threads of the driver are scheduled and whether their memory may be swapped out.

use std::time::Duration;

/// Scheduling and memory of the advert thread and the address thread; applied at start only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scheduling {
    /// Whether the advert thread runs in real time (`SCHED_RR`).
    pub realtime: Realtime,
    /// Priority of the advert thread under `SCHED_RR`, 1 to 99; that of the address thread is half of
    /// it (`vrrp_rt_priority` in keepalived).
    pub priority: u8,
    /// Nice value of both while they are not in real time, -20 to 19 (`vrrp_priority`).
    pub nice: Option<i8>,
    /// Processors that both may run on, by number (`vrrp_cpu_affinity`).
    pub processors: Option<Processors>,
    /// Limit of the time that a real-time thread may run without blocking, before the kernel ends
    /// the process (`vrrp_rlimit_rttime`, `RLIMIT_RTTIME`).
    pub limit: Option<Duration>,
    /// Whether memory is locked (`vrrp_no_swap`).
    pub memory: LockMemory,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            realtime: Realtime::Auto,
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
    /// Sets whether the advert thread runs in real time.
    #[must_use]
    pub const fn with_realtime(mut self, realtime: Realtime) -> Self {
        self.realtime = realtime;
        self
    }

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
}

/// Scheduling of the advert thread (`SCHED_RR`; `vrrp_rt_priority` in keepalived).
///
/// Sub-second intervals under load are a matter of scheduling: with 12 busy processes on two
/// processors keepalived at 10 ms lost mastership 44 times in 20 s without it and never with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Realtime {
    /// Ask for it if any interval is below one second; warn if refused.
    #[default]
    Auto,
    /// Ask for it; warn if refused.
    Always,
    /// Do not ask for it.
    Never,
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

/// Processors by number, 0 to 1023.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Processors([u64; 16]);

impl Processors {
    /// A set of these numbers; `None` if it is empty or a number is above 1023.
    pub fn new(numbers: impl IntoIterator<Item = u16>) -> Option<Self> {
        let mut words = [0; 16];
        let mut any = false;
        for number in numbers {
            let word = words.get_mut(usize::from(number / 64))?;
            *word |= 1_u64 << (number % 64);
            any = true;
        }
        any.then_some(Self(words))
    }

    /// Iterates over the numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            (0..64_usize)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| index * 64 + bit)
        })
    }
}

impl std::fmt::Debug for Processors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_numbers() {
        let set = |numbers: &[u16]| Processors::new(numbers.iter().copied());
        assert_eq!(set(&[]), None);
        assert_eq!(set(&[1024]), None);
        let some = set(&[0, 3, 64, 1023]).unwrap();
        assert_eq!(some.iter().collect::<Vec<_>>(), [0, 3, 64, 1023]);
        assert_eq!(format!("{some:?}"), "[0, 3, 64, 1023]");
    }
}
