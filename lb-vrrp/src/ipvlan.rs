// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of a router's ipvlan.

use std::net::IpAddr;

use lb_host::IpvlanMode;

use crate::{AddressFamily, Vmac, Vrid};

/// An interface above that of a router, with the same MAC address, that has the source of its adverts
/// (`use_ipvlan` in keepalived). The virtual addresses stay on the interface below.
///
/// ```
/// use lb_vrrp::{Ipvlan, IpvlanMode};
///
/// let ipvlan = Ipvlan::new().with_address([192, 0, 2, 7].into(), 24);
/// assert_eq!(ipvlan.mode, IpvlanMode::Bridge);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipvlan {
    /// Name of the ipvlan; without one, as that of a [macvlan](Vmac::name).
    pub name: Option<String>,
    /// Prefix of a name that is not given (`vmac_prefix` in keepalived).
    pub prefix: String,
    /// Which packets the ipvlans above the interface exchange.
    pub mode: IpvlanMode,
    /// The source of adverts and its prefix length. An IPv4 router has no source without it, an IPv6 router
    /// uses the link-local address that the kernel gives the ipvlan.
    pub address: Option<(IpAddr, u8)>,
}

impl Default for Ipvlan {
    fn default() -> Self {
        Self::new()
    }
}

impl Ipvlan {
    /// An ipvlan `vrrp.VRID` without an address.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: None,
            prefix: Vmac::new().prefix,
            mode: IpvlanMode::Bridge,
            address: None,
        }
    }

    /// Names the ipvlan.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Replaces the prefix of a name that is not given.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Replaces the mode.
    #[must_use]
    pub const fn with_mode(mut self, mode: IpvlanMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the source of adverts.
    #[must_use]
    pub const fn with_address(mut self, address: IpAddr, prefix_len: u8) -> Self {
        self.address = Some((address, prefix_len));
        self
    }

    /// How the ipvlan is named.
    pub(crate) fn naming(&self) -> Vmac {
        let naming = Vmac::new().with_prefix(&self.prefix);
        match &self.name {
            Some(name) => naming.with_name(name),
            None => naming,
        }
    }

    /// Returns why the kernel or other routers would refuse an ipvlan with these settings, if so.
    #[must_use]
    pub fn problem(&self, vrid: Vrid, family: AddressFamily) -> Option<&'static str> {
        if let Some(problem) = self.naming().problem(vrid) {
            return Some(problem);
        }
        let (address, prefix_len) = self.address?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        if AddressFamily::for_address(address) != family {
            Some("an address of the other address family")
        } else if prefix_len > longest {
            Some("a prefix longer than the address")
        } else if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
            Some("not the address of one interface")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_refused_is_a_problem() {
        let vrid = Vrid::new(51).unwrap();
        let problem = |ipvlan: Ipvlan| ipvlan.problem(vrid, AddressFamily::Ipv4);
        assert_eq!(problem(Ipvlan::new()), None);
        let with =
            |address: &str, length| Ipvlan::new().with_address(address.parse().unwrap(), length);
        assert_eq!(problem(with("192.0.2.7", 32)), None);
        for wrong in [
            with("192.0.2.7", 33),
            with("224.0.0.18", 32),
            with("0.0.0.0", 0),
            with("127.0.0.1", 8),
            with("2001:db8::7", 64),
            Ipvlan::new().with_name("a/b"),
        ] {
            assert!(problem(wrong.clone()).is_some(), "{wrong:?}");
        }
    }
}
