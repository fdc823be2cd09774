// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links that are polled for their state: plain values, no I/O.

use std::fmt;

/// An interface whose link is polled once a second, instead of the kernel's notifications
/// (`linkbeat_interfaces` in keepalived). For drivers that do not report a lost carrier.
///
/// It counts as up while the link is there and the interface has its flags `IFF_UP` and
/// `IFF_RUNNING`; when those change it is asked at once. [`CarrierDelay`](crate::CarrierDelay)s count
/// from then.
///
/// # Examples
///
/// ```
/// use lb_vrrp::{LinkPoll, PollMethod};
///
/// let poll = LinkPoll::new("eth0").with_method(PollMethod::Ethtool);
/// assert_eq!(poll.interface.as_deref(), Some("eth0"));
/// // What is not named is asked by its PHY first.
/// assert_eq!(LinkPoll::every().method, PollMethod::Mii);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LinkPoll {
    /// Its name; without one, every interface that routers use or track and that has no poll of its
    /// own (`linkbeat_use_polling` in keepalived). Macvlans are then left out: they have the link of
    /// the interface beneath.
    pub interface: Option<String>,
    /// How it is asked first.
    pub method: PollMethod,
}

impl LinkPoll {
    /// Polls an interface, which may come later.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: Some(interface.into()),
            method: PollMethod::default(),
        }
    }

    /// Polls every interface that routers use or track.
    #[must_use]
    pub const fn every() -> Self {
        Self {
            interface: None,
            method: PollMethod::Mii,
        }
    }

    /// Begins with this method.
    #[must_use]
    pub const fn with_method(mut self, method: PollMethod) -> Self {
        self.method = method;
        self
    }
}

/// How a link is asked. An interface that does not know the one it is to be asked by is asked by the
/// others, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PollMethod {
    /// The status register of its PHY (`SIOCGMIIPHY`, `SIOCGMIIREG`; `MII` in keepalived).
    #[default]
    Mii,
    /// Its driver (`ETHTOOL_GLINK`; `ETHTOOL` in keepalived).
    Ethtool,
    /// Its flags alone (`SIOCGIFFLAGS`; `IOCTL` in keepalived). Every interface knows this one.
    Flags,
}

impl PollMethod {
    /// keepalived's word for it.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Mii => "MII",
            Self::Ethtool => "ETHTOOL",
            Self::Flags => "IOCTL",
        }
    }
}

impl fmt::Display for PollMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}
