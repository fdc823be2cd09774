// SPDX-License-Identifier: MIT OR Apache-2.0
//! Address families and scopes.

use std::fmt;
use std::net::IpAddr;

/// Address family. In VRRP the families of one VRID are two independent routers (RFC 9568 §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "no other family has routes here")]
pub enum AddressFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub const fn for_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// Bytes of one address.
    #[must_use]
    pub const fn address_len(self) -> usize {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
        }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// Scope of an address, as the kernel numbers it (`RT_SCOPE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scope(u8);

impl Scope {
    /// `RT_SCOPE_UNIVERSE`.
    pub const GLOBAL: Self = Self(0);
    /// `RT_SCOPE_SITE`.
    pub const SITE: Self = Self(200);
    /// `RT_SCOPE_LINK`.
    pub const LINK: Self = Self(253);
    /// `RT_SCOPE_HOST`.
    pub const HOST: Self = Self(254);
    /// `RT_SCOPE_NOWHERE`.
    pub const NOWHERE: Self = Self(255);

    /// The scope of this number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The kernel's number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The scope of a name as `ip address` writes it, or of a decimal number.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "global" => Self::GLOBAL,
            "site" => Self::SITE,
            "link" => Self::LINK,
            "host" => Self::HOST,
            "nowhere" => Self::NOWHERE,
            number => Self(number.parse().ok()?),
        })
    }
}
