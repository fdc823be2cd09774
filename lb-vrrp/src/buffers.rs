// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much may wait in sockets until it is read: plain values, no I/O.

use crate::{AddressFamily, RouterConfig};

/// What an interface has whose MTU is not told.
const MTU: u32 = 1500;
/// Without options, which a raw IPv4 socket delivers too.
const IPV4_HEADER: usize = 20;

/// Room for adverts that have arrived and wait to be read, for one router. What the routers of an
/// interface and family want is added up, and there are 512 KiB in any case (`SO_RCVBUF`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiveBuffer {
    /// So many bytes (`kernel_rx_buf_size`, and `vrrp_rx_bufs_policy` with a number, in keepalived).
    Bytes(u32),
    /// So many packets as large as the interface allows (`vrrp_rx_bufs_policy MTU` and
    /// `vrrp_rx_bufs_multiplier` in keepalived).
    Packets(u32),
    /// So many adverts of the router's own size (`vrrp_rx_bufs_policy ADVERT`).
    Adverts(u32),
}

impl ReceiveBuffer {
    /// How many bytes that is for a router, on an interface of this MTU.
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

/// Room for answers and notifications of the kernel, beyond what there is anyway (`SO_RCVBUF`).
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
    /// Of the socket that addresses, routes and interfaces are changed by (`vrrp_netlink_cmd_rcv_bufs`
    /// in keepalived).
    pub commands: Option<NetlinkBuffer>,
    /// Of the sockets on which the kernel tells of changes (`vrrp_netlink_monitor_rcv_bufs` in
    /// keepalived); 1 MiB unless more is asked for.
    pub monitor: Option<NetlinkBuffer>,
}

impl NetlinkBuffers {
    /// Sets those of the socket for changes.
    #[must_use]
    pub const fn with_commands(mut self, buffer: Option<NetlinkBuffer>) -> Self {
        self.commands = buffer;
        self
    }

    /// Sets those of the sockets for notifications.
    #[must_use]
    pub const fn with_monitor(mut self, buffer: Option<NetlinkBuffer>) -> Self {
        self.monitor = buffer;
        self
    }
}

/// Room of a netlink socket.
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
    /// So many bytes.
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
                .addresses(addresses.iter().map(|of| of.parse().unwrap()))
                .build()
                .unwrap()
        };
        let two = config(Version::V2, &["192.0.2.1", "192.0.2.2"]);
        let six = config(Version::V3, &["fe80::5", "2001:db8::1"]);
        // Half of what its sockets showed.
        let adverts = ReceiveBuffer::Adverts(1000);
        assert_eq!(adverts.bytes(&two, Some(1500)), 44_000);
        assert_eq!(adverts.bytes(&six, Some(1500)), 40_000);
        assert_eq!(ReceiveBuffer::Packets(3).bytes(&two, Some(1500)), 4500);
        assert_eq!(ReceiveBuffer::Packets(3).bytes(&two, None), 4500);
        assert_eq!(ReceiveBuffer::from(50_000).bytes(&two, None), 50_000);
    }
}
