// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sizes of receive buffers: plain values, no I/O.

use crate::{AddressFamily, RouterConfig};

/// Assumed MTU of an interface whose MTU is unknown.
const MTU: u32 = 1500;
/// Without options, which a raw IPv4 socket delivers too.
const IPV4_HEADER: usize = 20;

/// Receive buffer for the adverts of one router (`SO_RCVBUF`). The sizes for the routers of an
/// interface and family are added; the minimum is 512 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveBuffer {
    /// A number of bytes (`kernel_rx_buf_size`, and `vrrp_rx_bufs_policy` with a number, in keepalived).
    Bytes(u32),
    /// A number of packets as large as the interface allows (`vrrp_rx_bufs_policy MTU` and
    /// `vrrp_rx_bufs_multiplier` in keepalived).
    Packets(u32),
    /// A number of adverts of the router's own size (`vrrp_rx_bufs_policy ADVERT`).
    Adverts(u32),
}

impl ReceiveBuffer {
    /// The size in bytes for a router on an interface of this MTU.
    #[must_use]
    pub fn bytes(self, config: &RouterConfig, mtu: Option<u32>) -> u64 {
        let header = match config.family() {
            AddressFamily::Ipv4 => IPV4_HEADER,
            AddressFamily::Ipv6 => 0,
        };
        match self {
            Self::Bytes(bytes) => bytes.into(),
            Self::Packets(count) => u64::from(count) * u64::from(mtu.unwrap_or(MTU)),
            Self::Adverts(count) => {
                let advert = header + config.advertisement_len();
                u64::from(count).saturating_mul(u64::try_from(advert).unwrap_or(u64::MAX))
            }
        }
    }
}

impl From<u32> for ReceiveBuffer {
    fn from(bytes: u32) -> Self {
        Self::Bytes(bytes)
    }
}

/// Receive buffers for answers and notifications of the kernel, where larger than the default
/// (`SO_RCVBUF`).
///
/// # Examples
///
/// ```
/// use lb_vrrp::{NetlinkBuffer, NetlinkBuffers};
///
/// let monitor = NetlinkBuffer::new(8 * 1024 * 1024, true);
/// let buffers = NetlinkBuffers::default().with_monitor(Some(monitor));
/// assert_eq!(buffers.commands, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetlinkBuffers {
    /// The socket for changes of addresses, routes and interfaces (`vrrp_netlink_cmd_rcv_bufs`
    /// in keepalived).
    pub commands: Option<NetlinkBuffer>,
    /// The sockets for the kernel's notifications (`vrrp_netlink_monitor_rcv_bufs` in keepalived);
    /// at least 1 MiB.
    pub monitor: Option<NetlinkBuffer>,
}

impl NetlinkBuffers {
    /// Sets the buffer of the socket for changes.
    #[must_use]
    pub const fn with_commands(mut self, buffer: Option<NetlinkBuffer>) -> Self {
        self.commands = buffer;
        self
    }

    /// Sets the buffers of the sockets for notifications.
    #[must_use]
    pub const fn with_monitor(mut self, buffer: Option<NetlinkBuffer>) -> Self {
        self.monitor = buffer;
        self
    }
}

/// Receive buffer of a netlink socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetlinkBuffer {
    /// Bytes; the kernel makes twice as many.
    pub bytes: u32,
    /// Beyond `net.core.rmem_max`, which takes `CAP_NET_ADMIN` (`SO_RCVBUFFORCE`; the keywords that end
    /// in `_force` in keepalived).
    pub force: bool,
}

impl NetlinkBuffer {
    /// A buffer of this size in bytes.
    #[must_use]
    pub const fn new(bytes: u32, force: bool) -> Self {
        Self { bytes, force }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Version, Vrid};

    #[test]
    fn room_is_counted_as_keepalived_does() {
        let config = |version, addresses: &[&str]| {
            RouterConfig::builder(Vrid::new(61).unwrap())
                .version(version)
                .addresses(addresses.iter().map(|address| address.parse().unwrap()))
                .build()
                .unwrap()
        };
        let two = config(Version::V2, &["192.0.2.1", "192.0.2.2"]);
        let six = config(Version::V3, &["fe80::5", "2001:db8::1"]);
        // Half of the sizes that keepalived's sockets showed.
        let adverts = ReceiveBuffer::Adverts(1000);
        assert_eq!(adverts.bytes(&two, Some(1500)), 44_000);
        assert_eq!(adverts.bytes(&six, Some(1500)), 40_000);
        assert_eq!(ReceiveBuffer::Packets(3).bytes(&two, Some(1500)), 4500);
        assert_eq!(ReceiveBuffer::Packets(3).bytes(&two, None), 4500);
        assert_eq!(ReceiveBuffer::from(50_000).bytes(&two, None), 50_000);
    }
}
