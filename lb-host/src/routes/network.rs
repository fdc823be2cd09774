// SPDX-License-Identifier: MIT OR Apache-2.0
//! An address and how many of its bits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::AddressFamily;

/// A network: `192.0.2.0/24`, `2001:db8::/32`, a single host with the full prefix.
///
/// # Examples
///
/// ```
/// use lb_host::Network;
///
/// let network: Network = "192.0.2.77/24".parse()?;
/// assert_eq!(network.to_string(), "192.0.2.0/24");
/// assert_eq!("10.0.0.1".parse::<Network>()?.to_string(), "10.0.0.1");
/// assert_eq!(Network::ANY_IPV4.to_string(), "0.0.0.0/0");
/// assert!("192.0.2.0/33".parse::<Network>().is_err());
/// # Ok::<(), lb_host::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Network {
    address: IpAddr,
    prefix_len: u8,
}

impl Network {
    /// All of IPv4: the destination of a default route.
    pub const ANY_IPV4: Self = Self {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix_len: 0,
    };
    /// All of IPv6: the destination of a default route.
    pub const ANY_IPV6: Self = Self {
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        prefix_len: 0,
    };

    /// The network of `address` with this prefix length, 0 to 32 or 0 to 128. Bits of the address
    /// behind it are cleared: the kernel refuses routes that have any.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if the prefix is longer than the address.
    pub fn new(address: impl Into<IpAddr>, prefix_len: u8) -> Result<Self, NetworkError> {
        let address = address.into();
        let longest = longest(address);
        if prefix_len > longest {
            return Err(NetworkError::Prefix { longest });
        }
        let host_bits = u32::from(longest - prefix_len);
        let address = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                Ipv4Addr::from(u32::from(address) & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                Ipv6Addr::from(u128::from(address) & mask).into()
            }
        };
        Ok(Self {
            address,
            prefix_len,
        })
    }

    /// All addresses of a family.
    #[must_use]
    pub const fn any(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Ipv4 => Self::ANY_IPV4,
            AddressFamily::Ipv6 => Self::ANY_IPV6,
        }
    }

    /// Its first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub const fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// The family of its addresses.
    #[must_use]
    pub const fn family(self) -> AddressFamily {
        AddressFamily::for_address(self.address)
    }
}

const fn longest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl From<IpAddr> for Network {
    /// The network of this address alone.
    fn from(address: IpAddr) -> Self {
        Self {
            address,
            prefix_len: longest(address),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix_len == longest(self.address) {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix_len)
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let longest = longest(address);
        match prefix {
            None => Ok(Self::from(address)),
            Some(prefix) => {
                let prefix = prefix
                    .parse()
                    .map_err(|_| NetworkError::Prefix { longest })?;
                Self::new(address, prefix)
            }
        }
    }
}

/// Why this is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The address cannot be read.
    #[error("not an IP address")]
    Address,
    /// The prefix cannot be read, or is too long.
    #[error("the prefix length must be 0 to {longest}")]
    Prefix {
        /// How many bits an address of the family has.
        longest: u8,
    },
}
