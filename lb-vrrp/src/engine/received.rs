// SPDX-License-Identifier: MIT OR Apache-2.0
//! Received packets, and the checks that they must pass (RFC 9568 §7.1).

use std::{net::IpAddr, time::Instant};

use super::{
    Rejected, RouterConfig,
    security::{Proof, Security},
};
use crate::{
    error::DecodeError,
    params::{AddressFamily, AdvertInterval, Authentication, Password, Version},
    wire::{Advertisement, AuthField, AuthenticationHeader, Header},
};

/// A packet of IP protocol 112 or 51, as the driver read it.
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
    /// The encapsulation of the message.
    pub encapsulation: Encapsulation<'a>,
    /// The bytes after the IP header, up to the length in that header.
    pub payload: &'a [u8],
}

/// The encapsulation of a VRRP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "VRRP is defined for these two")]
pub enum Encapsulation<'a> {
    /// IP, protocol 112.
    Ip,
    /// An IP authentication header, protocol 51. Its digest covers the IPv4 header, which must be
    /// here as it arrived, options included.
    AuthenticationHeader {
        /// The IPv4 header.
        ip_header: &'a [u8],
    },
}

/// The content of a packet that passed all checks.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) advertisement: Advertisement,
    /// The proof of the packet, which later packets of the sender must surpass.
    pub(super) proof: Proof,
}

/// The message, and the authentication header in front of it.
struct Decapsulated<'a> {
    message: &'a [u8],
    header: Option<(AuthenticationHeader, &'a [u8])>,
}

impl<'a> Received<'a> {
    /// Makes all checks on a packet, the cheap ones and those that cannot be spoofed first.
    pub(super) fn validate(
        &self,
        now: Instant,
        config: &RouterConfig,
        security: &Security,
        primary: IpAddr,
    ) -> Result<Accepted, Rejected> {
        self.validate_ip_header(config)?;
        let Decapsulated { message, header } = self.decapsulate()?;
        validate_header(message, config)?;
        let (advertisement, trailer) = if config.hmac().is_some() {
            Advertisement::parse_signed(message, self.source, self.destination)?
        } else {
            let advertisement = Advertisement::parse(message, self.source, self.destination)?;
            (advertisement, None)
        };
        if advertisement.addresses.is_empty() && !config.addresses().is_empty() {
            return Err(DecodeError::NoAddress.into());
        }
        let mut proof = Proof::None;
        if let Some(field) = &advertisement.auth {
            validate_field(field, config.authentication())?;
        }
        match config.authentication() {
            Authentication::None | Authentication::Password(_) => {
                if header.is_some() {
                    return Err(mismatch(AuthField::AH_KIND, config));
                }
            }
            Authentication::Ah(key) => {
                let Some((header, ip_header)) = header else {
                    return Err(Rejected::AuthenticationHeaderMissing);
                };
                proof = self.validate_ah(&header, key, ip_header, message, security)?;
            }
            Authentication::Hmac(hmac) => {
                if header.is_some() {
                    return Err(mismatch(AuthField::AH_KIND, config));
                }
                let window = hmac.anti_replay(config.interval().as_duration());
                proof = security.check_trailer(now, hmac, window, trailer, message, self.source)?;
            }
        }
        validate_interval(config, advertisement.interval)?;
        validate_first_address(config, &advertisement)?;
        validate_addresses(config, &advertisement)?;
        self.validate_source(config, primary)?;
        Ok(Accepted {
            advertisement,
            proof,
        })
    }

    /// RFC 9568 §7.1: "verify that the IPv4 TTL / IPv6 Hop Limit is 255". A unicast peer may be
    /// farther away.
    fn validate_ip_header(&self, config: &RouterConfig) -> Result<(), Rejected> {
        let hop_limit = self.hop_limit;
        let peers = &config.settings.peers;
        let unicast = !peers.list.is_empty();
        if !unicast && hop_limit != u8::MAX {
            return Err(Rejected::HopLimit { hop_limit });
        }
        if let Some(peer) = peers.find(self.source)
            && !peer.hop_limits.contains(&hop_limit)
        {
            return Err(Rejected::PeerHopLimit {
                hop_limit,
                min: *peer.hop_limits.start(),
                max: *peer.hop_limits.end(),
            });
        }
        let family = AddressFamily::for_address(self.source);
        if family != config.family() {
            return Err(Rejected::Family { family });
        }
        let right = if unicast {
            !self.destination.is_multicast()
        } else {
            self.destination == config.group()
        };
        if right {
            return Ok(());
        }
        Err(Rejected::Destination {
            destination: self.destination,
        })
    }

    /// Removes the authentication header.
    fn decapsulate(&self) -> Result<Decapsulated<'a>, Rejected> {
        match self.encapsulation {
            Encapsulation::Ip => Ok(Decapsulated {
                message: self.payload,
                header: None,
            }),
            Encapsulation::AuthenticationHeader { ip_header } => {
                let (header, message) = AuthenticationHeader::parse(self.payload)?;
                Ok(Decapsulated {
                    message,
                    header: Some((header, ip_header)),
                })
            }
        }
    }

    /// RFC 2402 §3.4; no value is used before the digest has proved it.
    fn validate_ah(
        &self,
        header: &AuthenticationHeader,
        key: &Password,
        ip_header: &[u8],
        message: &[u8],
        security: &Security,
    ) -> Result<Proof, Rejected> {
        let unicast = !self.destination.is_multicast();
        if !header.verify(key, ip_header, unicast, message) {
            return Err(Rejected::AuthenticationFailure);
        }
        if self.source != header.spi {
            return Err(Rejected::SecurityParameterIndex { spi: header.spi });
        }
        security.check_sequence(header.sequence)
    }

    /// Checks that the source is a configured peer and not this router.
    fn validate_source(&self, config: &RouterConfig, primary: IpAddr) -> Result<(), Rejected> {
        if config.check_unicast_source() && config.settings.peers.find(self.source).is_none() {
            return Err(Rejected::Source);
        }
        if self.source == primary {
            return Err(Rejected::OwnAddress);
        }
        Ok(())
    }
}

/// RFC 9568 §7.1: version, type, and a VRID configured here, before the rest is looked at.
fn validate_header(message: &[u8], config: &RouterConfig) -> Result<(), Rejected> {
    let header = Header::parse(message)?;
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

fn mismatch(got: u8, config: &RouterConfig) -> Rejected {
    let expected = match config.authentication() {
        Authentication::None | Authentication::Hmac(_) => AuthField::NONE.kind,
        Authentication::Password(_) => AuthField::PASSWORD_KIND,
        Authentication::Ah(_) => AuthField::AH_KIND,
    };
    Rejected::AuthenticationType { got, expected }
}

/// RFC 2338 §7.1: "verify that the Auth Type matches the locally configured authentication method
/// and perform that authentication method".
fn validate_field(field: &AuthField, configured: &Authentication) -> Result<(), Rejected> {
    let expected = AuthField::from(configured);
    match field.kind {
        kind if kind == expected.kind => {}
        kind if kind > AuthField::AH_KIND => {
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
        Authentication::Password(_) if field.data != expected.data => {
            Err(Rejected::AuthenticationFailure)
        }
        Authentication::None
        | Authentication::Password(_)
        | Authentication::Ah(_)
        | Authentication::Hmac(_) => Ok(()),
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

/// Erratum 8300: an IPv6 router's first address "MUST be" link-local. keepalived
/// requires it in strict mode only.
fn validate_first_address(
    config: &RouterConfig,
    advertisement: &Advertisement,
) -> Result<(), Rejected> {
    match advertisement.addresses.first() {
        Some(IpAddr::V6(address)) if config.strict() && !address.is_unicast_link_local() => {
            Err(Rejected::FirstAddress { address })
        }
        _ => Ok(()),
    }
}

/// An advertisement without any address of this router is of another virtual router with the same VRID,
/// as of another cluster on the same LAN. A list that overlaps is a peer's that is being reconfigured.
fn validate_addresses(
    config: &RouterConfig,
    advertisement: &Advertisement,
) -> Result<(), Rejected> {
    let advertised = advertisement.addresses.as_slice();
    let Some(&first) = advertised.first() else {
        // Without addresses of this router; otherwise the list was refused before.
        return Ok(());
    };
    if config.addresses().is_empty() || advertisement.addresses == *config.addresses() {
        return Ok(());
    }
    if config.all_addresses().any(|own| advertised.contains(&own)) {
        return Ok(());
    }
    Err(Rejected::ForeignAddresses { first })
}
