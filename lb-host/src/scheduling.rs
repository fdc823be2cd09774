// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scheduling of the calling thread, and memory that is not swapped out.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

pub use crate::sys::set_round_robin;

/// `CAP_IPC_LOCK`.
const IPC_LOCK: u32 = 14;

/// Sets the nice value of the calling thread, -20 to 19; on Linux each thread has its own.
///
/// # Errors
/// `EACCES` or `EPERM` without `CAP_SYS_NICE` for a value below the present one.
pub fn set_nice(nice: i8) -> io::Result<()> {
    // No process id names the calling thread.
    Ok(setpriority_process(None, i32::from(nice))?)
}

/// Binds the calling thread to processors by number (`sched_setaffinity`).
///
/// # Errors
/// `EINVAL` when the machine has none of them, or for a number that the kernel's set does not hold.
pub fn set_processors(numbers: impl IntoIterator<Item = usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    for number in numbers {
        set.set(number)?;
    }
    // Process 0 is the calling thread.
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Limits how long a real-time thread of the process runs without a blocking system call
/// (`RLIMIT_RTTIME`). At the limit the kernel sends `SIGXCPU`, which ends the process.
///
/// # Errors
/// `EPERM` above the hard limit.
pub fn set_realtime_limit(limit: Duration) -> io::Result<()> {
    // A limit beyond the kernel's range is no limit.
    let micros = u64::try_from(limit.as_micros()).ok();
    let limits = Rlimit {
        current: micros,
        maximum: micros,
    };
    Ok(setrlimit(Resource::Rttime, limits)?)
}

/// Keeps all pages of the process in memory from their first use, present and future ones
/// (`MCL_ONFAULT`).
///
/// A limit of locked memory that suffices now and not later would end the process at an allocation;
/// therefore any limit is refused without `CAP_IPC_LOCK`.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without `CAP_IPC_LOCK` and with a limit of locked memory,
/// `EINVAL` on a kernel before 4.4.
pub fn lock_memory() -> io::Result<()> {
    if !may_lock() && getrlimit(Resource::Memlock).current.is_some() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(mlockall(
        MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT,
    )?)
}

/// Whether the calling thread has `CAP_IPC_LOCK`.
fn may_lock() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    bits.is_some_and(|bits| bits & (1 << IPC_LOCK) != 0)
}
