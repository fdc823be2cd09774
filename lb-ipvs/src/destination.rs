// SPDX-License-Identifier: MIT OR Apache-2.0
//! Destinations: the servers behind a service.

use std::{fmt, net::SocketAddr};

use crate::forwarding::ForwardingMethod;

/// A destination's share of new connections: 0 to 2147483647; 0 takes none (quiesced).
///
/// Equivalent to the argument of `ipvsadm -w`.
///
/// ```
/// use lb_ipvs::Weight;
/// assert_eq!(Weight::new(100).map(Weight::get), Some(100));
/// assert_eq!(Weight::new(1 << 31), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Weight(u32);

impl Weight {
    /// No new connections; those that exist stay.
    pub const ZERO: Self = Self(0);
    /// The default.
    pub const ONE: Self = Self(1);
    /// The largest the kernel takes.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// A weight, if the kernel takes it.
    #[must_use]
    pub const fn new(weight: u32) -> Option<Self> {
        if weight <= Self::MAX.0 {
            Some(Self(weight))
        } else {
            None
        }
    }

    /// The weight as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What the kernel reported, which is kept whatever it is.
    #[cfg(feature = "netlink")]
    pub(crate) const fn reported(weight: u32) -> Self {
        Self(weight)
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many connections make a destination overloaded, and how few end that.
///
/// Equivalent to `ipvsadm -x` and `-y`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_structs, reason = "two marks, both always known")]
pub struct Thresholds {
    /// With this many connections no new ones come; 0 = no limit.
    pub upper: u32,
    /// Below this many they come again; 0 = three quarters of the upper mark.
    pub lower: u32,
}

/// A destination as it is configured. Its address identifies it within its service.
///
/// ```
/// use lb_ipvs::{Destination, ForwardingMethod, Weight};
/// let destination = Destination::new("192.168.1.61:80".parse()?)
///     .with_forwarding(ForwardingMethod::DirectRouting)
///     .with_weight(Weight::ONE);
/// assert_eq!(destination.thresholds.upper, 0);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Destination {
    /// Address and port; the family may differ from the service's with a tunnel only.
    pub address: SocketAddr,
    /// How packets get there.
    pub forwarding: ForwardingMethod,
    /// Its share of new connections.
    pub weight: Weight,
    /// Its connection limits.
    pub thresholds: Thresholds,
}

impl Destination {
    /// A destination by direct routing, with weight 1 and no thresholds, as `ipvsadm -a` makes it.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            forwarding: ForwardingMethod::DirectRouting,
            weight: Weight::ONE,
            thresholds: Thresholds { upper: 0, lower: 0 },
        }
    }

    /// The same with this forwarding method. Equivalent to `ipvsadm -g`, `-i`, `-m`.
    #[must_use]
    pub const fn with_forwarding(mut self, forwarding: ForwardingMethod) -> Self {
        self.forwarding = forwarding;
        self
    }

    /// The same with this weight. Equivalent to `ipvsadm -w`.
    #[must_use]
    pub const fn with_weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// The same with these thresholds. Equivalent to `ipvsadm -x` and `-y`.
    #[must_use]
    pub const fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights() {
        assert_eq!(Weight::new(0), Some(Weight::ZERO));
        assert_eq!(Weight::new(2_147_483_647), Some(Weight::MAX));
        assert_eq!(Weight::new(2_147_483_648), None);
        assert_eq!(Weight::default(), Weight::ONE);
    }
}
