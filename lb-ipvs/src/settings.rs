// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings and facts of the whole table: time-outs, sync daemons, version.

use std::{fmt, net::IpAddr, time::Duration};

/// Time-outs of connections, in whole seconds.
///
/// Equivalent to `ipvsadm -L --timeout` and `ipvsadm --set TCP TCPFIN UDP`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the kernel has exactly these three"
)]
pub struct Timeouts {
    /// Idle established TCP connections; zero leaves it unchanged when setting.
    pub tcp: Duration,
    /// TCP connections after a FIN; zero leaves it unchanged when setting.
    pub tcp_fin: Duration,
    /// Idle UDP flows; zero leaves it unchanged when setting.
    pub udp: Duration,
}

/// Which end of connection synchronisation a daemon is.
///
/// The kernel runs at most one of each in a network namespace.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has exactly these two")]
pub enum SyncState {
    /// Sends its connections (`IP_VS_STATE_MASTER`).
    Master,
    /// Takes in a master's connections (`IP_VS_STATE_BACKUP`).
    Backup,
}

impl fmt::Display for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Master => "master",
            Self::Backup => "backup",
        })
    }
}

/// The number by which daemons on one multicast group tell their peers from others: 0 to 255.
///
/// A backup with 0 takes in everything. The kernel stores and reports larger numbers as well.
///
/// Equivalent to the argument of `ipvsadm --syncid`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SyncId(u32);

impl SyncId {
    /// A sync id.
    #[must_use]
    pub const fn new(id: u8) -> Self {
        Self(id as u32)
    }

    /// The number, which is above 255 only if the kernel reported such a one.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// A sync id as the kernel reports it, also above 255.
    #[must_use]
    pub const fn from_kernel(id: u32) -> Self {
        Self(id)
    }
}

impl From<u8> for SyncId {
    fn from(id: u8) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for SyncId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A daemon that synchronises connections between directors.
///
/// Options that are `None` take the kernel's defaults when the daemon is started; a running
/// daemon reports all of them.
///
/// Equivalent to `ipvsadm --start-daemon` and `ipvsadm -L --daemon`.
///
/// ```
/// use lb_ipvs::{SyncDaemon, SyncId, SyncState};
/// let daemon = SyncDaemon::new(SyncState::Master, "eth0", SyncId::new(51));
/// assert_eq!(daemon.port, None);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct SyncDaemon {
    /// Which end it is.
    pub state: SyncState,
    /// The interface it sends or listens on, at most 15 bytes. `ipvsadm --mcast-interface`
    pub interface: String,
    /// The number that peers share. `ipvsadm --syncid`
    pub sync_id: SyncId,
    /// The longest message in bytes; default from the interface's MTU. `ipvsadm --sync-maxlen`
    pub max_length: Option<u16>,
    /// The multicast group; default 224.0.0.81. `ipvsadm --mcast-group`
    pub group: Option<IpAddr>,
    /// The UDP port; default 8848. `ipvsadm --mcast-port`
    pub port: Option<u16>,
    /// The time to live of its packets; default 1. `ipvsadm --mcast-ttl`
    pub ttl: Option<u8>,
}

impl SyncDaemon {
    /// Whether this running daemon, which reports every option, is what `desired` asks for. Options
    /// that are `None` there are satisfied by any value.
    #[must_use]
    pub fn satisfies(&self, desired: &Self) -> bool {
        fn open<T: PartialEq>(desired: Option<T>, running: Option<T>) -> bool {
            desired.is_none() || desired == running
        }
        self.state == desired.state
            && self.interface == desired.interface
            && self.sync_id == desired.sync_id
            && open(desired.max_length, self.max_length)
            && open(desired.group, self.group)
            && open(desired.port, self.port)
            && open(desired.ttl, self.ttl)
    }

    /// A daemon with the kernel's defaults.
    #[must_use]
    pub fn new(state: SyncState, interface: impl Into<String>, sync_id: SyncId) -> Self {
        Self {
            state,
            interface: interface.into(),
            sync_id,
            max_length: None,
            group: None,
            port: None,
            ttl: None,
        }
    }
}

/// The version of the kernel's IPVS code.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::exhaustive_structs,
    reason = "three numbers in three bytes of the kernel's"
)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub patch: u8,
}

impl Version {
    /// A version from its three numbers.
    #[must_use]
    pub const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// From the kernel's number, `0x010201` for 1.2.1.
    #[cfg(feature = "netlink")]
    pub(crate) const fn reported(code: u32) -> Self {
        let [_, major, minor, patch] = code.to_be_bytes();
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Facts about the IPVS of a kernel.
///
/// Equivalent to the first line of `ipvsadm -L`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the kernel reports these two")]
pub struct Info {
    /// The version.
    pub version: Version,
    /// Buckets of the connection table (`conn_tab_size`): fixed when the module is loaded on Linux 6.1, and
    /// on Linux 7.2 the size at the moment, 0 before the first service of the network namespace.
    pub connection_table_size: u32,
}
