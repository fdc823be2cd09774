// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system call that no crate offers in safe form.

use std::io;

use nix::libc;

/// Puts the calling thread under `SCHED_RR` at `priority`, 1 to 99; processes and threads that it
/// starts are scheduled normally.
///
/// # Errors
/// `EPERM` without `CAP_SYS_NICE` or where the control group has no real-time runtime, `EINVAL`
/// for a priority outside 1 to 99.
#[expect(unsafe_code, reason = "no crate offers sched_setscheduler")]
pub fn set_round_robin(priority: i32) -> io::Result<()> {
    // The kernel's struct sched_param is one int; musl's is longer, and musl's function of that name
    // only fails with ENOSYS.
    let parameters: libc::c_int = priority;
    // SAFETY: `parameters` lives across the call, the kernel only reads it, and process id 0
    // names the calling thread.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            0,
            libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
            &raw const parameters,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_outside_the_kernels_range_is_refused() {
        let error = set_round_robin(100).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }
}
