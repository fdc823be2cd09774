// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routers that are reached without multicast (`unicast_peer` in keepalived).

use std::{net::IpAddr, ops::RangeInclusive};

/// One router that advertisements are sent to, and from how far its own may come.
///
/// ```
/// use lb_vrrp::UnicastPeer;
///
/// let peer = UnicastPeer::new("192.0.2.2".parse()?).with_hop_limits(254..=255);
/// assert!(peer.hop_limits.contains(&254));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// TTL or hop limit that its advertisements may have when they arrive, 0–255; all of them
    /// unless given.
    pub hop_limits: RangeInclusive<u8>,
}

impl UnicastPeer {
    /// A peer whose advertisements may come from any distance, which is keepalived's default.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self {
            address,
            hop_limits: 0..=u8::MAX,
        }
    }

    /// Sets the hop limits that are accepted (`min_ttl`, `max_ttl`). With them, only peers that
    /// are configured are accepted, as in keepalived.
    #[must_use]
    pub const fn with_hop_limits(mut self, hop_limits: RangeInclusive<u8>) -> Self {
        self.hop_limits = hop_limits;
        self
    }

    /// Whether the distance is bounded.
    pub(crate) fn is_bounded(&self) -> bool {
        self.hop_limits != (0..=u8::MAX)
    }
}
