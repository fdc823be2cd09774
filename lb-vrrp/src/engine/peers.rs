// SPDX-License-Identifier: MIT OR Apache-2.0
//! The destinations of advertisements, and the accepted distances of their senders.

use std::{net::IpAddr, sync::Arc};

use crate::params::UnicastPeer;

/// Unicast peers or a multicast group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peers {
    /// Empty: multicast.
    pub(super) list: Arc<[UnicastPeer]>,
    /// TTL or hop limit of advertisements.
    pub(super) hop_limit: u8,
    /// Whether a unicast advertisement must come from a peer of the list.
    pub(super) check_source: bool,
    /// Another group than the protocol's.
    pub(super) group: Option<IpAddr>,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            list: Arc::new([]),
            hop_limit: u8::MAX,
            check_source: false,
            group: None,
        }
    }
}

impl Peers {
    /// The peer that has this address.
    pub(super) fn find(&self, address: IpAddr) -> Option<&UnicastPeer> {
        self.list.iter().find(|peer| peer.address == address)
    }
}
