// SPDX-License-Identifier: MIT OR Apache-2.0
//! Settings of a router's virtual MAC address.

use crate::{AddressFamily, MacAddr, Vrid};

/// Longest name of an interface, `IFNAMSIZ` less the terminating zero.
const NAME: usize = 15;

/// A virtual MAC address and the macvlan that has it (`use_vmac` in keepalived).
///
/// ```
/// use lb_vrrp::Vmac;
///
/// let vmac = Vmac::new().with_prefix("gw");
/// assert_eq!(vmac.prefix, "gw");
/// assert!(vmac.name.is_none() && vmac.mac.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vmac {
    /// Name of the macvlan; without one, `PREFIX.VRID`, or the first of `PREFIX6.VRID` (IPv6 only),
    /// `PREFIX1.VRID`, `PREFIX2.VRID` … that nothing else has.
    pub name: Option<String>,
    /// For names that are not given (`vmac_prefix` in keepalived).
    pub prefix: String,
    /// Its MAC address; without one, [that of the VRID](crate::Vrid::virtual_mac).
    pub mac: Option<MacAddr>,
    /// Adverts leave with the MAC address of the router's own interface (`vmac_xmit_base` in
    /// keepalived). Those to unicast peers do in any case.
    pub transmit_from_base: bool,
}

impl Default for Vmac {
    fn default() -> Self {
        Self::new()
    }
}

impl Vmac {
    /// The virtual MAC address of the VRID, on a macvlan `vrrp.VRID`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            name: None,
            prefix: "vrrp".to_owned(),
            mac: None,
            transmit_from_base: false,
        }
    }

    /// Names the macvlan.
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

    /// Replaces the MAC address.
    #[must_use]
    pub const fn with_mac(mut self, mac: MacAddr) -> Self {
        self.mac = Some(mac);
        self
    }

    /// Sets whether adverts leave with the MAC address of the router's own interface.
    #[must_use]
    pub const fn with_transmit_from_base(mut self, from_base: bool) -> Self {
        self.transmit_from_base = from_base;
        self
    }

    /// The names it may get, in the order of preference.
    pub fn candidates(
        &self,
        family: AddressFamily,
        vrid: Vrid,
    ) -> impl Iterator<Item = String> + use<> {
        let prefix = self.prefix.clone();
        let given = self.name.clone();
        let made = if given.is_some() { 0 } else { usize::MAX };
        let sixth = (family == AddressFamily::Ipv6).then(|| format!("{prefix}6.{vrid}"));
        let first = format!("{prefix}.{vrid}");
        let further = (1..=u8::MAX).map(move |number| format!("{prefix}{number}.{vrid}"));
        let made = std::iter::once(first)
            .chain(sixth)
            .chain(further)
            .take(made);
        given.into_iter().chain(made).filter(|name| legal(name))
    }

    /// Why no interface can be created with these settings, if so.
    #[must_use]
    pub fn problem(&self, vrid: Vrid) -> Option<&'static str> {
        if self.candidates(AddressFamily::Ipv4, vrid).next().is_none() {
            return Some("not a name for an interface");
        }
        if self.mac.is_some_and(|mac| !mac.is_unicast()) {
            return Some("not the MAC address of one interface");
        }
        None
    }
}

/// Whether the kernel takes this as the name of an interface.
fn legal(name: &str) -> bool {
    (1..=NAME).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tried_as_keepalived_does() {
        let vrid = Vrid::new(51).unwrap();
        let first = |vmac: &Vmac, family| vmac.candidates(family, vrid).take(4).collect::<Vec<_>>();
        let vmac = Vmac::new();
        assert_eq!(
            first(&vmac, AddressFamily::Ipv4),
            ["vrrp.51", "vrrp1.51", "vrrp2.51", "vrrp3.51"]
        );
        assert_eq!(
            first(&vmac, AddressFamily::Ipv6),
            ["vrrp.51", "vrrp6.51", "vrrp1.51", "vrrp2.51"]
        );
        let named = Vmac::new().with_name("gw0");
        assert_eq!(first(&named, AddressFamily::Ipv6), ["gw0"]);
    }

    #[test]
    fn what_the_kernel_would_refuse_is_a_problem() {
        let vrid = Vrid::new(51).unwrap();
        let problem = |vmac: Vmac| vmac.problem(vrid);
        assert_eq!(problem(Vmac::new()), None);
        assert_eq!(problem(Vmac::new().with_name("fifteen-letters")), None);
        for name in ["", "sixteen-letters.", "a/b", "a b", ".."] {
            assert!(problem(Vmac::new().with_name(name)).is_some(), "{name:?}");
        }
        assert_eq!(problem(Vmac::new().with_prefix("twelve-bytes")), None);
        assert!(problem(Vmac::new().with_prefix("thirteen-byte")).is_some());
        let mac = |text: &str| Vmac::new().with_mac(text.parse().unwrap());
        assert_eq!(problem(mac("02:00:00:00:00:01")), None);
        assert!(problem(mac("01:00:5e:00:00:01")).is_some());
        assert!(problem(mac("00:00:00:00:00:00")).is_some());
    }
}
