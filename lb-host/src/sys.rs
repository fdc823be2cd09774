// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls that no crate offers in safe form.
//!
//! `unsafe` code of the product is in this module only. Each function is safe for any argument.

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};
use std::{fs, io};

use nix::libc;

/// Basic mode status register of a PHY, and its bit for an established link.
const BMSR: u16 = 1;
const BMSR_LINK: u16 = 4;
/// From linux/ethtool.h.
const ETHTOOL_GLINK: u32 = 10;

/// Puts the calling thread under `SCHED_RR` at `priority`, 1 to 99; processes and threads that it
/// starts are scheduled normally.
///
/// # Errors
/// `EPERM` without `CAP_SYS_NICE` or where the control group has no real-time runtime, `EINVAL`
/// for a priority outside 1 to 99.
#[expect(
    unsafe_code,
    reason = "no crate offers sched_setscheduler with SCHED_RESET_ON_FORK"
)]
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
    check(result)
}

/// Makes a copy of this process, which must have a single thread: locks that other threads hold would
/// stay locked in the copy. Returns its process id; `None` in the copy.
///
/// # Errors
/// [`io::ErrorKind::ResourceBusy`] with more than one thread; what `fork(2)` or reading
/// `/proc/self/task` returns.
#[expect(
    unsafe_code,
    reason = "no crate with a permitted licence offers fork in safe form"
)]
pub fn fork() -> io::Result<Option<u32>> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    // SAFETY: this thread is the only one, so no other can hold a lock or start a thread meanwhile.
    let pid = unsafe { libc::fork() };
    match u32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(child) => Ok(Some(child)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Binds a packet socket to the interface with this index: frames sent on the socket leave there.
///
/// With protocol 0 the socket receives nothing, with another one frames of that `EtherType`.
///
/// # Errors
/// `ENODEV` without the interface, `ENETDOWN` where it is down, [`io::ErrorKind::InvalidInput`] for
/// an index or a socket that cannot be one.
#[expect(unsafe_code, reason = "no crate builds a sockaddr_ll in safe code")]
pub fn bind_packet_socket(socket: impl AsFd, index: u32, protocol: u16) -> io::Result<()> {
    let address = packet_address(index, protocol)?;
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>())
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: `address` lives across the call, the kernel only reads it, and `length` is its size.
    check(unsafe { libc::bind(descriptor, (&raw const address).cast(), length) })
}

fn packet_address(index: u32, protocol: u16) -> io::Result<libc::sockaddr_ll> {
    Ok(libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(|_| io::ErrorKind::InvalidInput)?,
        sll_protocol: protocol.to_be(),
        sll_ifindex: i32::try_from(index).map_err(|_| io::ErrorKind::InvalidInput)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    })
}

/// Returns whether the PHY of an interface reports a link. Any socket will do.
///
/// # Errors
/// `EOPNOTSUPP` without a PHY, `EPERM` without `CAP_NET_ADMIN`, `ENODEV` without the interface.
pub fn read_mii_link(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut request = Request::new(name, MiiData::default())?;
    ioctl(&socket, libc::SIOCGMIIPHY, &mut request)?;
    // The bit stays off after a loss of the link until it is read: the second value is the present
    // one.
    for _ in 0..2 {
        request.data.register = BMSR;
        ioctl(&socket, libc::SIOCGMIIREG, &mut request)?;
    }
    Ok(request.data.output & BMSR_LINK != 0)
}

/// Returns whether the driver of an interface reports a link. Any socket will do.
///
/// `ETHTOOL_MSG_LINKSTATE_GET` of generic netlink is younger than some supported kernels.
///
/// # Errors
/// `EOPNOTSUPP` where the driver does not report it, `ENODEV` without the interface.
pub fn read_driver_link(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut value = EthtoolValue {
        command: ETHTOOL_GLINK,
        data: 0,
    };
    let pointer = EthtoolPointer {
        value: &raw mut value,
        rest: [0; 2],
    };
    ioctl(
        &socket,
        libc::SIOCETHTOOL,
        &mut Request::new(name, pointer)?,
    )?;
    Ok(value.data != 0)
}

/// Returns whether `IFF_UP` and `IFF_RUNNING` of an interface are set. Any socket will do.
///
/// # Errors
/// `ENODEV` without the interface.
pub fn is_running(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut request = Request::new(name, Flags::default())?;
    ioctl(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    let flags = libc::c_int::from(request.data.flags);
    let both = libc::IFF_UP | libc::IFF_RUNNING;
    Ok(flags & both == both)
}

/// `struct ifreq`: a name, and data that depends on the request.
#[repr(C)]
struct Request<T> {
    name: [u8; libc::IFNAMSIZ],
    data: T,
}

/// `struct mii_ioctl_data`.
#[repr(C)]
#[derive(Default)]
struct MiiData {
    phy: u16,
    register: u16,
    input: u16,
    output: u16,
    rest: [u64; 2],
}

#[repr(C)]
#[derive(Default)]
struct Flags {
    flags: u16,
    rest: [u64; 2],
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

#[repr(C)]
struct EthtoolPointer {
    value: *mut EthtoolValue,
    rest: [u64; 2],
}

// The kernel reads and writes a whole struct ifreq.
const _: () = assert!(size_of::<Request<MiiData>>() >= size_of::<libc::ifreq>());
const _: () = assert!(size_of::<Request<Flags>>() >= size_of::<libc::ifreq>());
const _: () = assert!(size_of::<Request<EthtoolPointer>>() >= size_of::<libc::ifreq>());

impl<T> Request<T> {
    fn new(name: &str, data: T) -> io::Result<Self> {
        let mut padded = [0; libc::IFNAMSIZ];
        let place = padded
            .get_mut(..name.len())
            .filter(|_| name.len() < libc::IFNAMSIZ);
        place
            .ok_or(io::ErrorKind::InvalidInput)?
            .copy_from_slice(name.as_bytes());
        Ok(Self { name: padded, data })
    }
}

/// Makes one of the requests of this module.
#[expect(unsafe_code, reason = "no crate offers these ioctls as safe functions")]
fn ioctl<T>(socket: &impl AsFd, code: libc::c_ulong, request: &mut Request<T>) -> io::Result<()> {
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the request is at least a struct ifreq and lives across the call. The callers above
    // pair each code with the data that the kernel expects. A pointer in the data leads to a struct
    // ethtool_value that lives across the call, too; the kernel writes nowhere else.
    check(unsafe { libc::ioctl(descriptor, code as libc::Ioctl, &raw mut *request) })
}

/// Makes a program run as this user and group, and in these supplementary groups.
#[cfg(feature = "script")]
#[expect(
    unsafe_code,
    reason = "std::os::unix::process::CommandExt::groups is unstable"
)]
pub(crate) fn set_account(
    command: &mut std::process::Command,
    account: crate::script::Account,
    groups: &[u32],
) {
    use std::os::unix::process::CommandExt;

    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let switch = move || {
        // The user last: without root's privileges no group can be changed.
        setgroups(&groups)?;
        setgid(gid)?;
        setuid(uid)?;
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are allowed. These three are system calls, in a
    // process of one thread; they take numbers and memory that was filled before the fork, allocate
    // nothing, and an error is a number.
    unsafe { command.pre_exec(switch) };
}

/// Returns free pages of the heap to the kernel, where the C library is glibc, which keeps them.
///
/// Each heap is locked while it is searched.
pub fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no crate offers malloc_trim")]
    // SAFETY: the call takes no pointer, takes the allocator's own locks, and touches free memory
    // only.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn check(result: impl Into<i64>) -> io::Result<()> {
    if result.into() == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_priority_outside_the_kernels_range_is_refused() {
        let error = set_round_robin(100).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }

    #[test]
    fn a_packet_address_has_the_family_and_size_of_a_sockaddr_ll() {
        let address = packet_address(7, 0x0800).unwrap();
        assert_eq!(i32::from(address.sll_family), libc::AF_PACKET);
        assert_eq!(address.sll_ifindex, 7);
        assert_eq!(address.sll_protocol.to_ne_bytes(), [8, 0]);
        assert_eq!(size_of_val(&address), 20);
        assert!(packet_address(u32::MAX, 0).is_err());
    }

    #[test]
    fn only_a_packet_socket_is_bound_to_an_interface() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = bind_packet_socket(&socket, 1, 0).unwrap_err();
        assert!(matches!(
            error.raw_os_error(),
            Some(libc::EAFNOSUPPORT | libc::EINVAL)
        ));
    }

    #[test]
    fn the_loopback_has_a_link_and_a_missing_interface_is_an_error() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Every namespace has one; its driver always has a link, and it has no PHY.
        assert!(read_driver_link(&socket, "lo").unwrap());
        assert!(read_mii_link(&socket, "lo").is_err());
        let running = is_running(&socket, "lo").unwrap();
        let listing = fs::read_to_string("/sys/class/net/lo/flags").unwrap();
        let flags = i32::from_str_radix(listing.trim().trim_start_matches("0x"), 16).unwrap();
        assert_eq!(running, flags & libc::IFF_UP != 0);
        for name in ["no-such-one", "a-name-of-16-by-", ""] {
            assert!(read_driver_link(&socket, name).is_err(), "{name}");
            assert!(is_running(&socket, name).is_err(), "{name}");
        }
        let error = is_running(&socket, "no-such-one").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
