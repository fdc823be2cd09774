// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual router identifier, protocol version and address family (RFC 9568 §5.2.3, §7.3).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::NonZeroU8,
};

use lb_host::AddressFamily;

use crate::{MacAddr, error::ConfigError};

/// Virtual router identifier, 1–255 (RFC 9568 §5.2.3; `virtual_router_id` in keepalived).
///
/// Unique on a LAN per address family.
///
/// ```
/// use lb_vrrp::{AddressFamily, Vrid};
///
/// let vrid = Vrid::new(51)?;
/// assert_eq!(vrid.virtual_mac(AddressFamily::Ipv4).to_string(), "00:00:5e:00:01:33");
/// assert!(Vrid::new(0).is_err());
/// # Ok::<(), lb_vrrp::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// Makes an identifier.
    ///
    /// # Errors
    ///
    /// [`ConfigError::VridZero`] for 0.
    pub const fn new(value: u8) -> Result<Self, ConfigError> {
        match NonZeroU8::new(value) {
            Some(value) => Ok(Self(value)),
            None => Err(ConfigError::VridZero),
        }
    }

    /// The identifier as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0.get()
    }

    /// The virtual router's MAC address (RFC 9568 §7.3): `00-00-5E-00-01-{VRID}` for IPv4,
    /// `00-00-5E-00-02-{VRID}` for IPv6.
    #[must_use]
    pub const fn virtual_mac(self, family: AddressFamily) -> MacAddr {
        let protocol = match family {
            AddressFamily::Ipv4 => 1,
            AddressFamily::Ipv6 => 2,
        };
        MacAddr::new([0x00, 0x00, 0x5e, 0x00, protocol, self.get()])
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u8> for Vrid {
    type Error = ConfigError;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

/// Protocol version (`vrrp_version` in keepalived).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a further version would change every rule anyway"
)]
pub enum Version {
    /// VRRPv2, IPv4 only: RFC 3768, with the authentication of RFC 2338.
    #[default]
    V2,
    /// VRRPv3, IPv4 and IPv6: RFC 9568 (obsoletes RFC 5798).
    V3,
}

impl Version {
    /// The number in the header: 2 or 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VRRPv{}", self.number())
    }
}

/// The multicast group that advertisements of a family go to: 224.0.0.18 (RFC 9568 §5.1.1.2) or ff02::12
/// (§5.1.2.2).
#[must_use]
pub const fn multicast_group(family: AddressFamily) -> IpAddr {
    match family {
        AddressFamily::Ipv4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
        AddressFamily::Ipv6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
    }
}
