// SPDX-License-Identifier: MIT OR Apache-2.0
//! The outputs of a router.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use super::Transition;
use crate::{
    params::{AddressList, AdvertInterval, AdvertisedPriority, Priority},
    wire::ChecksumDialect,
};

/// An output of a router: something to do or to log.
///
/// The order in the queue is the order of effect. On becoming master: advertisement (the old
/// master yields), addresses, announcement, transition. On leaving: advertisement, addresses,
/// transition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this advertisement; with unicast peers there is one for each.
    SendAdvertisement(Transmit),
    /// Drop packets to the virtual addresses, except ARP and neighbour discovery (RFC 9568 §6.4.3,
    /// `Accept_Mode` false). Precedes [`AddAddresses`](Self::AddAddresses).
    ShieldAddresses,
    /// Let packets to the virtual addresses pass again.
    UnshieldAddresses,
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
    /// Announce the virtual addresses on the LAN, by gratuitous ARP or unsolicited neighbour
    /// advertisement. A driver may pace and join announcements, as long as one goes out after the
    /// last request.
    Announce {
        /// The reason, which decides how often a driver repeats the announcement.
        reason: AnnounceReason,
    },
    /// The state has changed; the outputs of the transition precede this one.
    Transitioned(Transition),
    /// An observation to log, without an effect on the state.
    Noticed(Notice),
}

/// An advertisement, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// The router's own address, for which the checksum was made.
    pub source: IpAddr,
    /// The multicast group, or a unicast peer.
    pub destination: IpAddr,
    /// The advertised priority; [`AdvertisedPriority::Resign`] for the last advertisement of a master.
    pub priority: AdvertisedPriority,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// IP protocol: 112, or 51 with an authentication header.
    pub protocol: u8,
    /// Identification in the IPv4 header, which the digest of an authentication header covers; 0:
    /// the kernel may choose.
    pub identification: u16,
    /// The bytes after the IP header. Shared, because most advertisements equal the one before.
    pub payload: Arc<[u8]>,
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
    /// The master's timer was late by three intervals: another router may have been master meanwhile.
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

/// An observation about an accepted advertisement for the operator. Each but
/// [`LosingAdvertisement`](Self::LosingAdvertisement) is reported once, and again only after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The master advertises other virtual addresses than are configured here.
    AddressListMismatch {
        /// The master.
        source: IpAddr,
        /// The advertised addresses.
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
    /// The sender computes the checksum in another way than this router, and may refuse this router's
    /// advertisements.
    ChecksumDialect {
        /// The sender.
        source: IpAddr,
        /// Its dialect.
        dialect: ChecksumDialect,
    },
    /// Another router is configured as owner of the addresses too.
    OwnerConflict {
        /// The other router.
        source: IpAddr,
    },
    /// A losing advertisement arrived while master: its priority is lower, or the same from a lower
    /// address. At most four in one interval are reported.
    LosingAdvertisement {
        /// The sender.
        source: IpAddr,
        /// Its priority.
        priority: Priority,
    },
    /// The sender's advertisements have no HMAC trailer; the mode `enforce` would refuse them.
    Unsigned {
        /// The sender.
        source: IpAddr,
    },
    /// The sender's clock differs by more than half of the accepted window.
    ClockSkew {
        /// The sender.
        source: IpAddr,
        /// Seconds its clock is behind ours; negative: ahead.
        skew: i32,
        /// Seconds accepted either way.
        window: u32,
    },
}

impl Notice {
    /// The sender of the advertisement that caused the notice.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::AddressListMismatch { source, .. }
            | Self::IntervalLearned { source, .. }
            | Self::ChecksumDialect { source, .. }
            | Self::OwnerConflict { source }
            | Self::LosingAdvertisement { source, .. }
            | Self::Unsigned { source }
            | Self::ClockSkew { source, .. } => *source,
        }
    }
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
            Self::OwnerConflict { source } => write!(
                f,
                "{source} has priority 255 too: two routers are configured as address owner"
            ),
            Self::LosingAdvertisement { source, priority } => write!(
                f,
                "{source} advertises priority {priority} while this router is master"
            ),
            Self::Unsigned { source } => write!(
                f,
                "{source} sends no HMAC trailer; it will be refused in mode enforce"
            ),
            Self::ClockSkew {
                source,
                skew,
                window,
            } => write!(
                f,
                "the clock of {source} is {skew} s behind ours, beyond {window} s it is refused"
            ),
        }
    }
}
