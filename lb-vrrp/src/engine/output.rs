// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a router asks for.

use std::{fmt, net::IpAddr, time::Duration};

use super::Transition;
use crate::{
    params::{AddressList, AdvertInterval, AdvertisedPriority, Priority},
    wire::ChecksumDialect,
};

/// One thing to do or to tell.
///
/// The order in the queue is the order of effect. On becoming master: advertisement (the old
/// master yields), addresses, announcement, transition. On leaving: advertisement, addresses,
/// transition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this to the network, with TTL or hop limit 255.
    SendAdvertisement(Transmit),
    /// Make all virtual addresses present on the interface.
    AddAddresses,
    /// Remove all virtual addresses from the interface.
    RemoveAddresses,
    /// The configuration changed while master: add some and remove others.
    UpdateAddresses {
        /// Addresses that were not configured before.
        added: Vec<IpAddr>,
        /// Addresses that are not configured any more.
        removed: Vec<IpAddr>,
    },
    /// Tell the LAN where the virtual addresses are, by gratuitous ARP or unsolicited neighbour
    /// advertisement. A driver may pace and join announcements, as long as one goes out after the
    /// last request.
    Announce {
        /// Why; it decides how often a driver repeats it.
        reason: AnnounceReason,
    },
    /// The state has changed, and what it entails stands in the queue before this.
    Transitioned(Transition),
    /// Something to log that changed nothing.
    Noticed(Notice),
}

/// An advertisement, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// The router's own address, for which the checksum was made.
    pub source: IpAddr,
    /// 224.0.0.18 or ff02::12.
    pub destination: IpAddr,
    /// The priority within, [`AdvertisedPriority::Resign`] for the last one of a master.
    pub priority: AdvertisedPriority,
    /// The VRRP message: what follows the IP header, protocol 112.
    pub payload: Vec<u8>,
}

/// Why addresses are announced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceReason {
    /// The router became master (RFC 9568 §6.4.1, §6.4.2).
    BecameMaster,
    /// Another router sent a losing advertisement: it may have announced itself to some hosts.
    LosingAdvertisement {
        /// The other router.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// Another master resigned: it may have announced itself to some hosts.
    PeerResigned {
        /// The other router.
        source: IpAddr,
    },
    /// The master was not run for three intervals: another router may have been master meanwhile.
    Stalled {
        /// Time since the last advertisement.
        silent: Duration,
    },
    /// The configuration added these addresses; the others need no announcement.
    AddressesAdded {
        /// The new addresses.
        addresses: Vec<IpAddr>,
    },
}

/// Something about an accepted advertisement that an operator should know. Each is told once, and
/// again only after it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The master advertises other virtual addresses than are configured here.
    AddressListMismatch {
        /// The master.
        source: IpAddr,
        /// What it advertises.
        advertised: AddressList,
    },
    /// The master's interval is not the configured one; a VRRPv3 backup uses the master's
    /// (RFC 9568 §6.4.2).
    IntervalLearned {
        /// The master.
        source: IpAddr,
        /// Its interval.
        interval: AdvertInterval,
        /// The configured one.
        configured: AdvertInterval,
    },
    /// The sender computes the checksum in another way than this router; its implementation may
    /// refuse what this router sends.
    ChecksumDialect {
        /// The sender.
        source: IpAddr,
        /// Its dialect.
        dialect: ChecksumDialect,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressListMismatch { source, advertised } => {
                write!(f, "{source} advertises other virtual addresses than ours:")?;
                advertised
                    .as_slice()
                    .iter()
                    .try_for_each(|address| write!(f, " {address}"))
            }
            Self::IntervalLearned {
                source,
                interval,
                configured,
            } => {
                write!(
                    f,
                    "{source} advertises every {interval}, ours is {configured}; using its interval"
                )
            }
            Self::ChecksumDialect { source, dialect } => {
                let dialect = match dialect {
                    ChecksumDialect::PseudoHeader => "with the pseudo-header",
                    ChecksumDialect::MessageOnly => "without the pseudo-header",
                    ChecksumDialect::GroupPseudoHeader => {
                        "with the multicast group in the pseudo-header"
                    }
                };
                write!(
                    f,
                    "{source} computes the checksum {dialect}, ours is another; it may refuse our adverts"
                )
            }
        }
    }
}
