// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fixed header, enough to find the virtual router of a packet.

use std::net::IpAddr;

use super::AuthField;
use crate::{
    error::DecodeError,
    params::{AddressFamily, AdvertisedPriority, Version, Vrid},
};

/// The common part of the headers of both versions.
///
/// Reading it checks nothing but version, type and VRID: a driver uses it to find the router
/// whose [`handle_advertisement`](crate::VirtualRouter::handle_advertisement) gets the packet.
///
/// ```
/// use lb_vrrp::wire::Header;
///
/// let header = Header::parse(&[0x21, 0x33, 0x64, 0x01, 0x00, 0x01, 0xb8, 0x65])?;
/// assert_eq!(header.vrid.get(), 51);
/// # Ok::<(), lb_vrrp::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Protocol version.
    pub version: Version,
    /// Virtual router identifier.
    pub vrid: Vrid,
    /// Priority field.
    pub priority: AdvertisedPriority,
    /// Number of addresses that follow.
    pub count: u8,
    /// Bytes 4 and 5, which mean something else in each version.
    pub(super) parameters: [u8; 2],
    /// Checksum field.
    pub(super) checksum: u16,
}

impl Header {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// The type of an advertisement.
    pub(super) const ADVERTISEMENT: u8 = 1;

    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooShort`], [`DecodeError::Version`], [`DecodeError::Type`],
    /// [`DecodeError::VridZero`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some(&[first, vrid, priority, count, p0, p1, c0, c1]) = bytes.first_chunk() else {
            return Err(DecodeError::TooShort {
                needed: Self::LEN,
                got: bytes.len(),
            });
        };
        let version = match first >> 4 {
            2 => Version::V2,
            3 => Version::V3,
            version => return Err(DecodeError::Version { version }),
        };
        match first & 0x0f {
            Self::ADVERTISEMENT => {}
            kind => return Err(DecodeError::Type { kind }),
        }
        Ok(Self {
            version,
            vrid: Vrid::new(vrid).map_err(|_| DecodeError::VridZero)?,
            priority: priority.into(),
            count,
            parameters: [p0, p1],
            checksum: u16::from_be_bytes([c0, c1]),
        })
    }

    /// Bytes of a message with `count` addresses.
    pub(super) const fn len_with(version: Version, family: AddressFamily, count: u8) -> usize {
        let auth = match version {
            Version::V2 => AuthField::LEN,
            Version::V3 => 0,
        };
        Self::LEN + count as usize * family.address_len() + auth
    }

    /// Bytes of the message this header begins, in a packet of `source` to `destination`.
    pub(super) fn message_len(
        &self,
        source: IpAddr,
        destination: IpAddr,
    ) -> Result<usize, DecodeError> {
        let family = AddressFamily::for_address(source);
        if family != AddressFamily::for_address(destination)
            || (self.version, family) == (Version::V2, AddressFamily::Ipv6)
        {
            return Err(DecodeError::Family {
                version: self.version,
                source_address: source,
                destination,
            });
        }
        Ok(Self::len_with(self.version, family, self.count))
    }

    /// Whether a message has the length it must have.
    pub(super) const fn expect_len(&self, expected: usize, got: usize) -> Result<(), DecodeError> {
        if got == expected {
            return Ok(());
        }
        Err(DecodeError::Length {
            count: self.count,
            expected,
            got,
        })
    }
}
