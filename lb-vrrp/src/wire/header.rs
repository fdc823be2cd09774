// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fixed header, enough to find the virtual router a packet belongs to.

use crate::{
    error::DecodeError,
    params::{AdvertisedPriority, Version, Vrid},
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
}
