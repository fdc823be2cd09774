// SPDX-License-Identifier: MIT OR Apache-2.0
//! The addresses of one virtual router (RFC 9568 §5.2.9).

use std::{net::IpAddr, sync::Arc};

use super::AddressFamily;
use crate::error::ConfigError;

/// The virtual addresses in the order in which they are advertised: 1–255 of one family, or none.
///
/// Cloning shares the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AddressList {
    family: AddressFamily,
    addresses: Arc<[IpAddr]>,
}

impl AddressList {
    /// Largest number of addresses in one advertisement.
    pub const MAX: usize = u8::MAX as usize;

    /// Makes a list.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoAddress`] if it is empty (erratum 8299),
    /// [`ConfigError::TooManyAddresses`] above 255, [`ConfigError::MixedFamilies`] if IPv4 and
    /// IPv6 addresses stand together.
    ///
    /// # Examples
    ///
    /// ```
    /// use lb_vrrp::{AddressFamily, AddressList};
    ///
    /// let addresses = AddressList::new(["192.0.2.100".parse()?])?;
    /// assert_eq!(addresses.family(), AddressFamily::Ipv4);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Result<Self, ConfigError> {
        let addresses: Arc<[IpAddr]> = addresses.into_iter().collect();
        let Some(&first) = addresses.first() else {
            return Err(ConfigError::NoAddress);
        };
        if addresses.len() > Self::MAX {
            return Err(ConfigError::TooManyAddresses {
                count: addresses.len(),
                limit: Self::MAX,
            });
        }
        let family = AddressFamily::for_address(first);
        match addresses
            .iter()
            .find(|&&address| AddressFamily::for_address(address) != family)
        {
            Some(&other) => Err(ConfigError::MixedFamilies { first, other }),
            None => Ok(Self { family, addresses }),
        }
    }

    /// The list without addresses, which VRRPv2 allows and VRRPv3 does not (RFC 9568, erratum 8299).
    #[must_use]
    pub fn none() -> Self {
        Self {
            family: AddressFamily::Ipv4,
            addresses: Arc::default(),
        }
    }

    /// Whether there is no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// The family of all of them.
    #[must_use]
    pub const fn family(&self) -> AddressFamily {
        self.family
    }

    /// The addresses in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The first of them; an IPv6 router's link-local one, if it keeps to erratum 8300.
    #[must_use]
    pub fn first(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }

    /// Whether both lists hold the same addresses, in any order.
    #[must_use]
    pub fn same_set(&self, other: &Self) -> bool {
        let within =
            |part: &Self, all: &Self| part.addresses.iter().all(|a| all.addresses.contains(a));
        self.addresses == other.addresses
            || (self.addresses.len() == other.addresses.len()
                && within(self, other)
                && within(other, self))
    }
}
