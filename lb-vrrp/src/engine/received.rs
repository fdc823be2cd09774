// SPDX-License-Identifier: MIT OR Apache-2.0
//! What arrives, and why it may be discarded (RFC 9568 §7.1).

use std::net::IpAddr;

use super::RouterConfig;
use crate::{
    error::DecodeError,
    params::{AddressFamily, AdvertInterval, Authentication, Version, Vrid},
    wire::{Advertisement, AuthField, Header},
};

/// A packet of IP protocol 112, as the driver read it.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "made by drivers; a further field is their business"
)]
pub struct Received<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// The VRRP message: what follows the IP header, cut at the length in that header.
    pub payload: &'a [u8],
}

/// Why a packet was discarded; one for each check of RFC 9568 §7.1 and RFC 2338 §7.1. Each has its
/// counter in [`RouterStats`](super::RouterStats), and nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// TTL or hop limit is not 255: the packet came through a router.
    #[error("TTL {hop_limit}, must be 255")]
    HopLimit {
        /// TTL or hop limit received.
        hop_limit: u8,
    },
    /// Of the other address family.
    #[error("{family} packet")]
    Family {
        /// Family of its source.
        family: AddressFamily,
    },
    /// Not sent to the group's address.
    #[error("sent to {destination}")]
    Destination {
        /// Where it was sent.
        destination: IpAddr,
    },
    /// The bytes are no valid advertisement.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// A valid version, not the configured one.
    #[error("{got}, configured {expected}")]
    Version {
        /// Version received.
        got: Version,
        /// Version configured.
        expected: Version,
    },
    /// Of another virtual router.
    #[error("virtual router id {got}, configured {expected}")]
    Vrid {
        /// VRID received.
        got: Vrid,
        /// VRID configured.
        expected: Vrid,
    },
    /// An authentication type that was never defined.
    #[error("unknown authentication type {kind}")]
    AuthenticationTypeUnknown {
        /// Type received.
        kind: u8,
    },
    /// Another authentication type than configured.
    #[error("authentication type {got}, configured {expected}")]
    AuthenticationType {
        /// Type received.
        got: u8,
        /// Type configured.
        expected: u8,
    },
    /// Wrong password.
    #[error("wrong password")]
    AuthenticationFailure,
    /// Another interval than configured (VRRPv2 only).
    #[error("advertisement interval {got}, configured {expected}")]
    Interval {
        /// Interval received.
        got: AdvertInterval,
        /// Interval configured.
        expected: AdvertInterval,
    },
    /// Sent from this router's own address: looped back, or an address used twice.
    #[error("sent from this router's own address")]
    OwnAddress,
}

impl Received<'_> {
    /// Makes all checks on a packet, the cheap and unspoofable ones first.
    pub(super) fn validate(
        &self,
        config: &RouterConfig,
        primary: IpAddr,
    ) -> Result<Advertisement, Rejected> {
        self.validate_ip_header(config)?;
        self.validate_header(config)?;
        let advertisement = Advertisement::parse(self.payload, self.source, self.destination)?;
        if let Some(field) = &advertisement.auth {
            validate_authentication(field, &config.authentication())?;
        }
        validate_interval(config, advertisement.interval)?;
        if self.source == primary {
            return Err(Rejected::OwnAddress);
        }
        Ok(advertisement)
    }

    /// RFC 9568 §7.1: "verify that the IPv4 TTL / IPv6 Hop Limit is 255".
    fn validate_ip_header(&self, config: &RouterConfig) -> Result<(), Rejected> {
        if self.hop_limit != u8::MAX {
            return Err(Rejected::HopLimit {
                hop_limit: self.hop_limit,
            });
        }
        let family = AddressFamily::of(self.source);
        if family != config.family() {
            return Err(Rejected::Family { family });
        }
        if self.destination != family.group() {
            return Err(Rejected::Destination {
                destination: self.destination,
            });
        }
        Ok(())
    }

    /// RFC 9568 §7.1: version, type, and a VRID configured here, before the rest is looked at.
    fn validate_header(&self, config: &RouterConfig) -> Result<(), Rejected> {
        let header = Header::parse(self.payload)?;
        if header.version != config.version() {
            return Err(Rejected::Version {
                got: header.version,
                expected: config.version(),
            });
        }
        if header.vrid != config.vrid() {
            return Err(Rejected::Vrid {
                got: header.vrid,
                expected: config.vrid(),
            });
        }
        Ok(())
    }
}

/// RFC 2338 §7.1: "verify that the Auth Type matches the locally configured authentication method
/// and perform that authentication method".
fn validate_authentication(field: &AuthField, configured: &Authentication) -> Result<(), Rejected> {
    let expected = AuthField::from(configured);
    match field.kind {
        kind if kind == expected.kind => {}
        kind if kind > AuthField::LAST_KIND => {
            return Err(Rejected::AuthenticationTypeUnknown { kind });
        }
        kind => {
            return Err(Rejected::AuthenticationType {
                got: kind,
                expected: expected.kind,
            });
        }
    }
    match configured {
        Authentication::None => Ok(()),
        Authentication::Password(_) if field.data == expected.data => Ok(()),
        Authentication::Password(_) => Err(Rejected::AuthenticationFailure),
    }
}

/// RFC 3768 §7.1: "verify that the Adver Interval in the packet is the same as the locally
/// configured". VRRPv3 has no such check.
fn validate_interval(config: &RouterConfig, got: AdvertInterval) -> Result<(), Rejected> {
    let expected = config.interval();
    match config.version() {
        Version::V2 if got != expected => Err(Rejected::Interval { got, expected }),
        Version::V2 | Version::V3 => Ok(()),
    }
}
