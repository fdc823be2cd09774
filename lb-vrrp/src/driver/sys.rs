// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no crate offers in safe form: scheduling of the calling thread, locked memory, the address of
//! a packet socket, and inotify registered with tokio.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::libc;
use nix::sys::inotify::Inotify;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use socket2::{SockAddr, SockAddrStorage, socklen_t};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Puts the calling thread under `SCHED_RR` at `priority`, reset to normal in anything it forks.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_NICE` or where the control group has no real-time runtime, `EINVAL`
/// for a priority outside 1–99.
///
/// The system call itself: musl's function of that name only says `ENOSYS`.
#[expect(unsafe_code, reason = "nix offers no sched_setscheduler")]
pub(super) fn set_round_robin(priority: i32) -> io::Result<()> {
    // The kernel's struct sched_param is one int; musl's has more behind it.
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

/// Sets the nice value of the calling thread; on Linux each thread has its own.
///
/// # Errors
///
/// `EACCES` or `EPERM` without `CAP_SYS_NICE` where it is below the present one.
#[expect(unsafe_code, reason = "nix offers no setpriority")]
pub(super) fn set_nice(nice: i8) -> io::Result<()> {
    // SAFETY: takes numbers only; process id 0 names the calling thread.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, libc::c_int::from(nice)) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Limits how long a thread in real time runs without a blocking system call (`RLIMIT_RTTIME`), for
/// the process. After it the kernel sends `SIGXCPU`, which ends the process.
///
/// # Errors
///
/// `EPERM` above the hard limit.
#[expect(unsafe_code, reason = "nix does not know RLIMIT_RTTIME")]
pub(super) fn set_realtime_limit(limit: Duration) -> io::Result<()> {
    let micros = libc::rlim_t::try_from(limit.as_micros()).unwrap_or(RLIM_INFINITY);
    let limits = libc::rlimit {
        rlim_cur: micros,
        rlim_max: micros,
    };
    // SAFETY: `limits` lives across the call, and the kernel only reads it.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_RTTIME, &raw const limits) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether any amount of memory may be locked.
pub(super) fn locks_without_limit() -> bool {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK);
    limit.is_ok_and(|(soft, _)| soft == RLIM_INFINITY)
}

/// Keeps all pages of the process in memory, those of now and of later, from when they are first
/// used.
///
/// # Errors
///
/// `EPERM` or `ENOMEM` without `CAP_IPC_LOCK` above the limit of locked memory, `EINVAL` on a kernel
/// before 4.4.
#[expect(unsafe_code, reason = "nix does not know MCL_ONFAULT")]
pub(super) fn lock_memory_on_fault() -> io::Result<()> {
    let flags = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: takes a number only, and changes no content of memory.
    let result = unsafe { libc::mlockall(flags) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The address that binds a packet socket to one interface: frames sent on it leave there.
///
/// With protocol 0 the socket receives nothing, with another one frames of that `EtherType`.
#[expect(
    unsafe_code,
    reason = "neither socket2 nor nix builds a sockaddr_ll in safe code"
)]
pub(super) fn packet_address(index: u32, protocol: u16) -> io::Result<SockAddr> {
    let index = i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?;
    let family = u16::try_from(libc::AF_PACKET).map_err(|_| io::ErrorKind::InvalidInput)?;
    let length = socklen_t::try_from(size_of::<libc::sockaddr_ll>())
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is one of this platform's sockaddr types, and all zeros is valid for it.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = family;
    address.sll_ifindex = index;
    address.sll_protocol = protocol.to_be();
    // SAFETY: the storage holds a sockaddr_ll whose family is set, and `length` is its size.
    Ok(unsafe { SockAddr::new(storage, length) })
}

/// A descriptor that is open for as long as its owner lives, and never another one.
#[derive(Debug)]
pub(super) struct Owned<T>(T);

impl<T> Owned<T> {
    pub(super) const fn get(&self) -> &T {
        &self.0
    }
}

impl<T: AsFd> AsFd for Owned<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<T: AsFd> AsRawFd for Owned<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Registers an inotify instance with the runtime of the calling thread.
#[expect(
    unsafe_code,
    reason = "tokio has deprecated the safe constructors of AsyncFd"
)]
pub(super) fn register_inotify(inotify: Inotify) -> io::Result<AsyncFd<Owned<Inotify>>> {
    // SAFETY: an Inotify owns its descriptor, closes it when it is dropped and not before, and
    // `Owned` gives out shared references only.
    unsafe { AsyncFd::register_with_interest(Owned(inotify), Interest::READABLE) }
        .map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_address_has_the_family_and_size_of_a_sockaddr_ll() {
        let address = packet_address(7, 0).unwrap();
        assert_eq!(i32::from(address.family()), libc::AF_PACKET);
        assert_eq!(address.len(), 20);
        assert!(packet_address(u32::MAX, 0).is_err());
    }

    #[test]
    fn a_priority_outside_the_kernels_range_is_refused() {
        let error = set_round_robin(100).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }
}
