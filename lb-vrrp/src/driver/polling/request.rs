// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three questions about a link that the kernel answers by `ioctl` on any socket: nix and rustix
//! have macros for it and no functions, and generic netlink (`ETHTOOL_MSG_LINKSTATE_GET`) is younger
//! than the kernels this is to run on.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;

/// The basic mode status register of a PHY, and the bit in it that says that there is a link.
const BMSR: u16 = 1;
const BMSR_LINK: u16 = 4;
/// From linux/ethtool.h.
const ETHTOOL_GLINK: u32 = 10;

/// `struct ifreq`: a name, and data of some kind.
#[repr(C)]
struct Request<T> {
    name: [u8; libc::IFNAMSIZ],
    data: T,
}

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
struct Value {
    command: u32,
    data: u32,
}

#[repr(C)]
struct Pointer {
    value: *mut Value,
    rest: [u64; 2],
}

// The kernel reads and writes a whole struct ifreq, whatever is in it.
const _: () = assert!(size_of::<Request<MiiData>>() >= size_of::<libc::ifreq>());
const _: () = assert!(size_of::<Request<Flags>>() >= size_of::<libc::ifreq>());
const _: () = assert!(size_of::<Request<Pointer>>() >= size_of::<libc::ifreq>());

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

/// Whether the PHY has a link.
///
/// # Errors
///
/// `EOPNOTSUPP` without a PHY, `EPERM` without `CAP_NET_ADMIN`, `ENODEV` without the interface.
pub(super) fn mii_link(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut request = Request::new(name, MiiData::default())?;
    mii(&socket, libc::SIOCGMIIPHY, &mut request)?;
    // The bit stays off once the link was lost, until it is read: the second answer is that of now.
    for _ in 0..2 {
        request.data.register = BMSR;
        mii(&socket, libc::SIOCGMIIREG, &mut request)?;
    }
    Ok(request.data.output & BMSR_LINK != 0)
}

/// Whether the driver says that there is a link.
///
/// # Errors
///
/// `EOPNOTSUPP` where it does not say, `ENODEV` without the interface.
#[expect(unsafe_code, reason = "no crate offers this ioctl as a safe function")]
pub(super) fn driver_link(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut value = Value {
        command: ETHTOOL_GLINK,
        data: 0,
    };
    let pointer = Pointer {
        value: &raw mut value,
        rest: [0; 2],
    };
    let mut request = Request::new(name, pointer)?;
    let (descriptor, code) = (socket.as_fd().as_raw_fd(), libc::SIOCETHTOOL);
    // SAFETY: the request is at least a struct ifreq, whose pointer is to a struct ethtool_value; both
    // live across the call, and the kernel writes to nothing else.
    let result = unsafe { libc::ioctl(descriptor, code as libc::Ioctl, &raw mut request) };
    check(result)?;
    // SAFETY: as above; the kernel has initialised it, or left it as it was.
    Ok(unsafe { (&raw const value).read() }.data != 0)
}

/// Whether `IFF_UP` and `IFF_RUNNING` are set.
///
/// # Errors
///
/// `ENODEV` without the interface.
#[expect(unsafe_code, reason = "no crate offers this ioctl as a safe function")]
pub(super) fn is_running(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut request = Request::new(name, Flags::default())?;
    let (descriptor, code) = (socket.as_fd().as_raw_fd(), libc::SIOCGIFFLAGS);
    // SAFETY: the request is at least a struct ifreq and lives across the call; the kernel writes
    // nowhere else.
    let result = unsafe { libc::ioctl(descriptor, code as libc::Ioctl, &raw mut request) };
    check(result)?;
    let flags = libc::c_int::from(request.data.flags);
    let both = libc::IFF_UP | libc::IFF_RUNNING;
    Ok(flags & both == both)
}

#[expect(unsafe_code, reason = "no crate offers this ioctl as a safe function")]
fn mii(socket: &impl AsFd, code: libc::c_ulong, request: &mut Request<MiiData>) -> io::Result<()> {
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: the request is at least a struct ifreq, holds a struct mii_ioctl_data and lives across
    // the call; the kernel writes nowhere else.
    check(unsafe { libc::ioctl(descriptor, code as libc::Ioctl, &raw mut *request) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
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
    fn a_link_is_asked_for_and_a_missing_one_is_an_error() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Every namespace has one; its driver always has a link, and it has no PHY.
        assert!(driver_link(&socket, "lo").unwrap());
        assert!(mii_link(&socket, "lo").is_err());
        let running = is_running(&socket, "lo").unwrap();
        let listing = std::fs::read_to_string("/sys/class/net/lo/flags").unwrap();
        let flags = i32::from_str_radix(listing.trim().trim_start_matches("0x"), 16).unwrap();
        assert_eq!(running, flags & libc::IFF_UP != 0);
        for name in ["no-such-one", "a-name-of-16-by-", ""] {
            assert!(driver_link(&socket, name).is_err(), "{name}");
            assert!(is_running(&socket, name).is_err(), "{name}");
        }
        let error = is_running(&socket, "no-such-one").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
