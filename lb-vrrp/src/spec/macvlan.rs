// SPDX-License-Identifier: MIT OR Apache-2.0
//! The macvlans and the ipvlan of a router: its own, and one for each interface and address family of single
//! addresses with a virtual MAC address.

use super::RouterSpec;
use crate::{AddressFamily, IpvlanMode, MacAddr, VirtualAddress, Vmac};

/// The name of a macvlan that is not a router's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressMacvlan {
    /// The interface beneath.
    pub(crate) base: String,
    pub(crate) family: AddressFamily,
    pub(crate) name: String,
    /// The router needs one of its addresses.
    pub(crate) tracked: bool,
    /// Whether the macvlan has existed: a router that gets one while it runs keeps its state until then.
    pub(crate) made: bool,
}

/// A macvlan, or an ipvlan, that a router is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Macvlan<'a> {
    /// The interface beneath.
    pub(crate) base: &'a str,
    /// Of its MAC address and of the addresses on it.
    pub(crate) family: AddressFamily,
    /// Its MAC address; that of an ipvlan is the one of the interface beneath instead.
    pub(crate) mac: MacAddr,
    /// The mode of an ipvlan.
    pub(crate) ipvlan: Option<IpvlanMode>,
    /// How it is to be named, or is named if that is settled.
    pub(crate) vmac: Vmac,
    /// It is the router's own.
    pub(crate) own: bool,
    /// The router is in Fault without it.
    pub(crate) tracked: bool,
}

impl<'a> Macvlan<'a> {
    /// Lists the macvlans and the ipvlan of a router, its own one first.
    pub(crate) fn list(spec: &'a RouterSpec) -> Vec<Self> {
        let mut all = Vec::new();
        if let Some(vmac) = &spec.vmac {
            all.push(Self {
                base: &spec.interface,
                family: spec.config.family(),
                mac: mac_of(spec, spec.config.family()),
                ipvlan: None,
                vmac: vmac.clone(),
                own: true,
                tracked: true,
            });
        }
        if let Some(ipvlan) = &spec.ipvlan {
            all.push(Self {
                base: &spec.interface,
                family: spec.config.family(),
                mac: mac_of(spec, spec.config.family()),
                ipvlan: Some(ipvlan.mode),
                vmac: ipvlan.naming(),
                own: true,
                tracked: true,
            });
        }
        for address in spec.virtual_addresses.iter().filter(|address| address.vmac) {
            let (base, family) = place(spec, address);
            let same = |macvlan: &&mut Self| {
                macvlan.ipvlan.is_none() && macvlan.base == base && macvlan.family == family
            };
            match all.iter_mut().find(same) {
                Some(known) => known.tracked |= address.tracked,
                None => all.push(Self::for_addresses(spec, base, family, address.tracked)),
            }
        }
        all
    }

    /// Whether it is the router's own.
    pub(crate) const fn is_own(&self) -> bool {
        self.own
    }

    fn for_addresses(
        spec: &'a RouterSpec,
        base: &'a str,
        family: AddressFamily,
        tracked: bool,
    ) -> Self {
        let mut vmac = Vmac::new().with_prefix(&spec.address_prefix);
        vmac.name = settled(spec, base, family).map(|macvlan| macvlan.name.clone());
        Self {
            base,
            family,
            mac: mac_of(spec, family),
            ipvlan: None,
            vmac,
            own: false,
            tracked,
        }
    }
}

/// Where an address is by its line: above or on which interface, and of which family it is.
fn place<'a>(spec: &'a RouterSpec, address: &'a VirtualAddress) -> (&'a str, AddressFamily) {
    let base = address.interface.as_deref().unwrap_or(&spec.interface);
    (base, AddressFamily::for_address(address.address))
}

/// The name that the driver has chosen.
fn settled<'a>(
    spec: &'a RouterSpec,
    base: &str,
    family: AddressFamily,
) -> Option<&'a AddressMacvlan> {
    let mut all = spec.address_macvlans.iter();
    all.find(|macvlan| macvlan.base == base && macvlan.family == family)
}

/// The virtual MAC address of a router for addresses of a family. One that was asked for is for its
/// own family: an interface can have one macvlan of an address only.
pub(crate) fn mac_of(spec: &RouterSpec, family: AddressFamily) -> MacAddr {
    let own = spec
        .vmac
        .as_ref()
        .filter(|_| family == spec.config.family());
    let asked = own.and_then(|vmac| vmac.mac);
    asked.unwrap_or_else(|| spec.config.vrid().virtual_mac(family))
}

/// The macvlan of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat<'a> {
    pub(crate) name: &'a str,
    pub(crate) base: &'a str,
    pub(crate) mac: MacAddr,
}

/// Returns the macvlan that carries an address, if one does; its name has been chosen before.
pub(crate) fn seat_of<'a>(spec: &'a RouterSpec, address: &'a VirtualAddress) -> Option<Seat<'a>> {
    let (base, family) = place(spec, address);
    let own = spec.vmac.as_ref().filter(|_| {
        let here = address.interface.is_none() || address.vmac && base == spec.interface;
        here && family == spec.config.family()
    });
    let name = match own {
        Some(own) => own.name.as_deref()?,
        None if address.vmac => &settled(spec, base, family)?.name,
        None => return None,
    };
    let mac = mac_of(spec, family);
    Some(Seat { name, base, mac })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RouterConfig, Vrid};

    fn address(text: &str) -> VirtualAddress {
        VirtualAddress::new(text.parse().unwrap())
    }

    fn spec(addresses: impl IntoIterator<Item = VirtualAddress>) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(51).unwrap())
            .address("192.0.2.1".parse().unwrap())
            .build()
            .unwrap();
        RouterSpec::new("a", "eth0", config).with_virtual_addresses(addresses)
    }

    fn listed(spec: &RouterSpec) -> Vec<(String, String, bool)> {
        let entry = |macvlan: &Macvlan<'_>| {
            let mac = macvlan.mac.to_string();
            (macvlan.base.to_owned(), mac, macvlan.own)
        };
        Macvlan::list(spec).iter().map(entry).collect()
    }

    #[test]
    fn one_for_each_interface_and_family() {
        let addresses = || {
            [
                address("192.0.2.1"),
                address("192.0.2.2").with_interface("eth1").with_vmac(true),
                address("192.0.2.3").with_interface("eth1").with_vmac(true),
                address("2001:db8::1")
                    .with_interface("eth1")
                    .with_vmac(true),
                address("192.0.2.4").with_interface("eth2"),
                address("192.0.2.5").with_vmac(true),
            ]
        };
        let (four, six) = ("00:00:5e:00:01:33", "00:00:5e:00:02:33");
        let entry = |base: &str, mac: &str, own| (base.to_owned(), mac.to_owned(), own);
        let others = [entry("eth1", four, false), entry("eth1", six, false)];
        let mut expected = others.to_vec();
        expected.push(entry("eth0", four, false));
        assert_eq!(listed(&spec(addresses())), expected);
        // That of the router serves for the last one.
        let own = spec(addresses()).with_vmac(Vmac::new());
        let mut expected = vec![entry("eth0", four, true)];
        expected.extend(others);
        assert_eq!(listed(&own), expected);
        let asked = Vmac::new().with_mac("02:00:00:00:00:01".parse().unwrap());
        let macs: Vec<String> = listed(&spec(addresses()).with_vmac(asked))
            .into_iter()
            .map(|(_, mac, _)| mac)
            .collect();
        assert_eq!(macs, ["02:00:00:00:00:01", "02:00:00:00:00:01", six]);
    }

    #[test]
    fn an_address_is_on_the_macvlan_that_is_its() {
        let mut spec = spec([]).with_vmac(Vmac::new().with_name("gw"));
        spec.address_macvlans = vec![AddressMacvlan {
            base: "eth1".to_owned(),
            family: AddressFamily::Ipv4,
            name: "vrrp.51".to_owned(),
            tracked: true,
            made: false,
        }];
        let name =
            |address: VirtualAddress| seat_of(&spec, &address).map(|seat| seat.name.to_owned());
        let gw = Some("gw".to_owned());
        assert_eq!(name(address("192.0.2.1")), gw);
        assert_eq!(name(address("192.0.2.1").with_vmac(true)), gw);
        let there = address("192.0.2.1").with_interface("eth0");
        assert_eq!(name(there.clone()), None);
        assert_eq!(name(there.with_vmac(true)), gw);
        assert_eq!(name(address("2001:db8::1")), None);
        let other = address("192.0.2.1").with_interface("eth1");
        assert_eq!(name(other.clone()), None);
        assert_eq!(name(other.with_vmac(true)), Some("vrrp.51".to_owned()));
    }
}
