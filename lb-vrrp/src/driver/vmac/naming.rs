// SPDX-License-Identifier: MIT OR Apache-2.0
//! Chooses the names of macvlans.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Error;
use super::super::key::RouterKey;
use super::super::links::{Interface, Interfaces};
use crate::spec::RouterSpec;
use crate::spec::{AddressMacvlan, Macvlan};
use crate::{AddressFamily, Vmac};

/// A macvlan: its router, the interface below, and the family of its addresses.
type Place = (RouterKey, String, AddressFamily);

/// The macvlans of the running routers, as they were configured, and their names.
#[derive(Clone, Debug, Default)]
pub(in crate::driver) struct Naming(BTreeMap<Place, (Vmac, String)>);

impl Naming {
    /// Names the macvlans of these routers. A macvlan with the same configuration as before keeps its name.
    /// A configured name may be that of a macvlan of another router before, which is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::NameTaken`] if a configured name, or all generated names, are names of other interfaces.
    /// Nothing has changed then.
    pub(in crate::driver) fn settle(
        &mut self,
        specs: &mut [RouterSpec],
        interfaces: &Interfaces,
    ) -> Result<(), Error> {
        let before: BTreeSet<String> = self.0.values().map(|(_, name)| name.clone()).collect();
        self.choose_names(specs, interfaces, |found| before.contains(&found.link.name))
    }

    /// The same before the macvlans of another process are removed, which has ended or will hand over.
    pub(in crate::driver) fn settle_early(
        &mut self,
        specs: &mut [RouterSpec],
        interfaces: &Interfaces,
    ) -> Result<(), Error> {
        self.choose_names(specs, interfaces, |_| true)
    }

    /// Of the macvlans of drivers, those for which `is_replaced` holds leave their names free.
    fn choose_names(
        &mut self,
        specs: &mut [RouterSpec],
        interfaces: &Interfaces,
        is_replaced: impl Fn(&Interface) -> bool,
    ) -> Result<(), Error> {
        let is_replaced = |name: &str| {
            let found = interfaces.get(name);
            found.is_some_and(|found| found.is_marked && is_replaced(found))
        };
        let mut claimed: BTreeSet<String> = specs
            .iter()
            .filter_map(|spec| {
                let vmac = spec.vmac.as_ref().and_then(|vmac| vmac.name.clone());
                vmac.or_else(|| spec.ipvlan.as_ref()?.name.clone())
            })
            .collect();
        let mut names = BTreeMap::new();
        // The macvlans of addresses come last: they do not get the name of a router's own macvlan.
        for own in [true, false] {
            for spec in specs.iter() {
                let key = RouterKey::for_spec(spec);
                let macvlans = Macvlan::list(spec).into_iter();
                for macvlan in macvlans.filter(|macvlan| macvlan.own == own) {
                    let place = (key.clone(), macvlan.base.to_owned(), macvlan.family);
                    let kept = self.0.get(&place);
                    let kept = kept.filter(|(vmac, _)| *vmac == macvlan.vmac);
                    let kept = kept.map(|(_, name)| name.clone());
                    let configured = macvlan.vmac.name.clone();
                    let replaced = configured.filter(|name| is_replaced(name));
                    let name =
                        replaced.or_else(|| choose(&macvlan, &key, kept, &claimed, interfaces));
                    let name = name.ok_or_else(|| Error::NameTaken {
                        router: spec.name.clone(),
                        interface: macvlan.vmac.name.clone().unwrap_or_else(|| {
                            let mut names = macvlan.vmac.candidates(macvlan.family, key.vrid);
                            names.next().unwrap_or_default()
                        }),
                    })?;
                    claimed.insert(name.clone());
                    names.insert(place, (macvlan.vmac, name));
                }
            }
        }
        for spec in specs.iter_mut() {
            write_names(spec, &names);
        }
        self.0 = names;
        Ok(())
    }
}

/// Chooses the configured name, the name before, or the first generated name that is free.
fn choose(
    macvlan: &Macvlan<'_>,
    key: &RouterKey,
    kept: Option<String>,
    claimed: &BTreeSet<String>,
    interfaces: &Interfaces,
) -> Option<String> {
    let base = interfaces.get(macvlan.base);
    let is_free = |name: &str| {
        let found = interfaces.get(name);
        found.is_none_or(|found| {
            base.is_some_and(|base| match macvlan.ipvlan {
                None => found.is_macvlan(base, macvlan.mac),
                Some(mode) => found.is_ipvlan(base, mode),
            })
        })
    };
    let configured = macvlan.vmac.name.clone().filter(|name| is_free(name));
    configured
        .or_else(|| kept.filter(|name| !claimed.contains(name)))
        .or_else(|| {
            let mut generated = macvlan.vmac.candidates(macvlan.family, key.vrid);
            generated.find(|name| !claimed.contains(name) && is_free(name))
        })
}

/// Writes the names into a specification.
fn write_names(spec: &mut RouterSpec, names: &BTreeMap<Place, (Vmac, String)>) {
    let key = RouterKey::for_spec(spec);
    let mut own = None;
    let mut others = Vec::new();
    for macvlan in Macvlan::list(spec) {
        let place = (key.clone(), macvlan.base.to_owned(), macvlan.family);
        let Some((_, name)) = names.get(&place) else {
            continue;
        };
        if macvlan.own {
            own = Some(name.clone());
            continue;
        }
        others.push(AddressMacvlan {
            base: macvlan.base.to_owned(),
            family: macvlan.family,
            name: name.clone(),
            tracked: macvlan.tracked,
            made: false,
        });
    }
    spec.address_macvlans = others;
    if let Some(vmac) = &mut spec.vmac {
        vmac.name = own.or_else(|| vmac.name.take());
    } else if let Some(ipvlan) = &mut spec.ipvlan {
        ipvlan.name = own.or_else(|| ipvlan.name.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::links::tests::{eth, macvlan, table};
    use crate::{RouterConfig, Vrid};

    fn spec(name: &str, interface: &str, address: &str, vmac: Vmac) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(51).unwrap())
            .version(crate::Version::V3)
            .address(address.parse().unwrap())
            .build()
            .unwrap();
        RouterSpec::new(name, interface, config).with_vmac(vmac)
    }

    fn names(naming: &mut Naming, specs: &[RouterSpec], there: &Interfaces) -> Vec<String> {
        let mut specs = specs.to_vec();
        naming.settle(&mut specs, there).unwrap();
        let name = |spec: &RouterSpec| spec.vmac.clone().unwrap().name.unwrap();
        specs.iter().map(name).collect()
    }

    #[test]
    fn each_router_has_a_name_of_its_own_and_keeps_it() {
        let there = table([eth(2, "eth0"), eth(3, "eth1")]);
        let four = spec("a", "eth0", "192.0.2.1", Vmac::new());
        let six = spec("b", "eth0", "fe80::1", Vmac::new());
        let other = spec("c", "eth1", "192.0.2.1", Vmac::new());
        let all = [four, six.clone(), other.clone()];
        let mut naming = Naming::default();
        assert_eq!(
            names(&mut naming, &all, &there),
            ["vrrp.51", "vrrp6.51", "vrrp1.51"]
        );
        // Without the first router the other names stay.
        assert_eq!(
            names(&mut naming, &[six.clone(), other], &there),
            ["vrrp6.51", "vrrp1.51"]
        );
        // A generated name gives way to the same name in a configuration.
        let named = spec("d", "eth0", "192.0.2.1", Vmac::new().with_name("vrrp6.51"));
        assert_eq!(
            names(&mut naming, &[six, named], &there),
            ["vrrp.51", "vrrp6.51"]
        );
    }

    #[test]
    fn addresses_on_other_interfaces_have_names_too() {
        let there = table([eth(2, "eth0"), eth(3, "eth1"), eth(4, "eth2")]);
        let above = |address: &str, interface: &str| {
            let address = crate::VirtualAddress::new(address.parse().unwrap());
            address.with_interface(interface).with_vmac(true)
        };
        let addresses = [
            above("192.0.2.2", "eth1"),
            above("192.0.2.3", "eth2"),
            above("192.0.2.4", "eth1"),
            above("2001:db8::1", "eth1"),
        ];
        let router = || {
            spec("a", "eth0", "192.0.2.1", Vmac::new()).with_virtual_addresses(addresses.clone())
        };
        let settle = |naming: &mut Naming, spec: RouterSpec| {
            let mut specs = [spec];
            naming.settle(&mut specs, &there).unwrap();
            let [spec] = specs;
            let others = spec.address_macvlans.into_iter();
            let others = others.map(|macvlan| macvlan.name);
            let own = spec.vmac.and_then(|vmac| vmac.name);
            own.into_iter().chain(others).collect::<Vec<_>>()
        };
        let mut naming = Naming::default();
        let names = settle(&mut naming, router());
        assert_eq!(names, ["vrrp.51", "vrrp1.51", "vrrp2.51", "vrrp6.51"]);
        // The names stay when other addresses are removed.
        let mut fewer = router();
        fewer.virtual_addresses.remove(0);
        fewer.virtual_addresses.remove(1);
        assert_eq!(
            settle(&mut naming, fewer),
            ["vrrp.51", "vrrp2.51", "vrrp6.51"]
        );
        let prefixed = router().with_address_prefix("va");
        let names = settle(&mut naming, prefixed);
        assert_eq!(names, ["vrrp.51", "va.51", "va1.51", "va6.51"]);
    }

    #[test]
    fn name_of_another_interface_is_not_taken_and_that_of_the_macvlan_is() {
        let mac = [0, 0, 0x5e, 0, 1, 51];
        let router = spec("a", "eth0", "192.0.2.1", Vmac::new());
        let named = spec("a", "eth0", "192.0.2.1", Vmac::new().with_name("vrrp.51"));
        let own = table([eth(2, "eth0"), macvlan(3, "vrrp.51", 2, mac)]);
        let one = std::slice::from_ref(&router);
        assert_eq!(names(&mut Naming::default(), one, &own), ["vrrp.51"]);
        for external in [
            eth(3, "vrrp.51"),
            macvlan(3, "vrrp.51", 9, mac),
            macvlan(3, "vrrp.51", 2, [2; 6]),
        ] {
            let there = table([eth(2, "eth0"), external]);
            assert_eq!(names(&mut Naming::default(), one, &there), ["vrrp1.51"]);
            for settle in [Naming::settle, Naming::settle_early] {
                let error =
                    settle(&mut Naming::default(), &mut [named.clone()], &there).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    "router a: vrrp.51 is the name of another interface"
                );
            }
        }
    }

    #[test]
    fn configured_name_may_be_that_of_a_macvlan_that_is_replaced() {
        let named = |name: &str, interface: &str, vmac: &str| {
            spec(name, interface, "192.0.2.1", Vmac::new().with_name(vmac))
        };
        let marked = |index, name: &str, base| Interface {
            is_marked: true,
            ..macvlan(index, name, base, [0, 0, 0x5e, 0, 1, 51])
        };
        let there = table([
            eth(2, "eth0"),
            eth(3, "eth1"),
            marked(4, "vm1", 2),
            marked(5, "vm2", 3),
        ]);
        let mut naming = Naming::default();
        let before = [named("a", "eth0", "vm1"), named("b", "eth1", "vm2")];
        assert_eq!(names(&mut naming, &before, &there), ["vm1", "vm2"]);
        let exchanged = [named("a", "eth0", "vm2"), named("b", "eth1", "vm1")];
        assert_eq!(
            names(&mut naming.clone(), &exchanged, &there),
            ["vm2", "vm1"]
        );
        // Those of another process are free only if the process has ended, or hands over.
        let mut other = Naming::default();
        assert!(other.settle(&mut exchanged.clone(), &there).is_err());
        other.settle_early(&mut exchanged.clone(), &there).unwrap();
    }
}
