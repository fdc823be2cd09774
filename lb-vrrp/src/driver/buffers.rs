// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receive buffers of netlink sockets.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{getsockopt, setsockopt};

use crate::NetlinkBuffer;

/// Sets the receive buffer of a netlink socket to the requested size, unless it is larger.
pub(super) fn widen(socket: &impl AsFd, asked: Option<NetlinkBuffer>) -> io::Result<()> {
    let Some(NetlinkBuffer { bytes, force }) = asked else {
        return Ok(());
    };
    // The kernel doubles the value.
    let limit = usize::try_from(i32::MAX / 2).unwrap_or(usize::MAX);
    let bytes = usize::try_from(bytes).unwrap_or(limit).min(limit);
    if getsockopt(socket, RcvBuf)? >= bytes * 2 {
        return Ok(());
    }
    if force {
        match setsockopt(socket, RcvBufForce, &bytes) {
            Ok(()) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, bytes, "cannot set a netlink buffer beyond net.core.rmem_max")
            }
        }
    }
    Ok(setsockopt(socket, RcvBuf, &bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netlink_buffer_is_set_as_requested_and_never_reduced() {
        let socket = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_ROUTE).unwrap();
        let before = getsockopt(&socket, RcvBuf).unwrap();
        widen(&socket, None).unwrap();
        widen(&socket, Some(NetlinkBuffer::new(4096, false))).unwrap();
        assert_eq!(getsockopt(&socket, RcvBuf).unwrap(), before);
        let more = u32::try_from(before).unwrap();
        widen(&socket, Some(NetlinkBuffer::new(more, false))).unwrap();
        let after = getsockopt(&socket, RcvBuf).unwrap();
        // The machine's limit, doubled.
        setsockopt(&socket, RcvBuf, &(1 << 29)).unwrap();
        let limit = getsockopt(&socket, RcvBuf).unwrap();
        assert_eq!(after, (2 * before).min(limit));
    }
}
