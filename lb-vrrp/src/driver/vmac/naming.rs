// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which name each macvlan gets.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Error;
use super::super::key::RouterKey;
use super::super::links::{Interface, Interfaces};
use crate::spec::RouterSpec;
use crate::spec::{AddressMacvlan, Macvlan};
use crate::{AddressFamily, MacAddr, Vmac};

/// A macvlan: whose it is, above which interface, and for addresses of which family.
type Place = (RouterKey, String, AddressFamily);

/// What was asked for and the name it got, for those that run.
#[derive(Clone, Debug, Default)]
pub(in crate::driver) struct Naming(BTreeMap<Place, (Vmac, String)>);

impl Naming {
    /// Settles the names of the macvlans of these routers. One that stays as it was keeps its name.
    ///
    /// # Errors
    ///
    /// [`Error::NameTaken`] if a name that was asked for, or all that are made, are those of
    /// interfaces that are not ours. Nothing has changed then.
    pub(in crate::driver) fn settle(
        &mut self,
        specs: &mut [RouterSpec],
        interfaces: &Interfaces,
    ) -> Result<(), Error> {
        let mut claimed: BTreeSet<String> = specs
            .iter()
            .filter_map(|spec| spec.vmac.as_ref()?.name.clone())
            .collect();
        let mut names = BTreeMap::new();
        // A router's own name is not taken by an address of another one.
        for own in [true, false] {
            for spec in specs.iter() {
                let key = RouterKey::of(spec);
                for of in Macvlan::list(spec).into_iter().filter(|of| of.own == own) {
                    let place = (key.clone(), of.base.to_owned(), of.family);
                    let kept = self.0.get(&place).filter(|(before, _)| *before == of.vmac);
                    let kept = kept.map(|(_, name)| name.clone());
                    let name = choose(&of, &key, kept, &claimed, interfaces);
                    let name = name.ok_or_else(|| Error::NameTaken {
                        router: spec.name.clone(),
                        interface: of.vmac.name.clone().unwrap_or_else(|| {
                            let made = of.vmac.candidates(of.family, key.vrid).next();
                            made.unwrap_or_default()
                        }),
                    })?;
                    claimed.insert(name.clone());
                    names.insert(place, (of.vmac, name));
                }
            }
        }
        for spec in specs.iter_mut() {
            name_all(spec, &names);
        }
        self.0 = names;
        Ok(())
    }
}

/// The name of one: what was asked for, what it had, or the first that nothing else has.
fn choose(
    of: &Macvlan<'_>,
    key: &RouterKey,
    kept: Option<String>,
    claimed: &BTreeSet<String>,
    interfaces: &Interfaces,
) -> Option<String> {
    let base = interfaces.get(of.base).map(|of| of.link.index);
    let free = |name: &str| {
        let there = interfaces.get(name);
        there.is_none_or(|there| base.is_some_and(|base| is_ours(there, base, of.mac)))
    };
    let asked = of.vmac.name.clone().filter(|name| free(name));
    asked
        .or_else(|| kept.filter(|name| !claimed.contains(name)))
        .or_else(|| {
            let mut made = of.vmac.candidates(of.family, key.vrid);
            made.find(|name| !claimed.contains(name) && free(name))
        })
}

/// Writes the names into a specification.
fn name_all(spec: &mut RouterSpec, names: &BTreeMap<Place, (Vmac, String)>) {
    let key = RouterKey::of(spec);
    let mut own = None;
    let mut others = Vec::new();
    for of in Macvlan::list(spec) {
        let place = (key.clone(), of.base.to_owned(), of.family);
        let Some((_, name)) = names.get(&place) else {
            continue;
        };
        if of.own {
            own = Some(name.clone());
            continue;
        }
        others.push(AddressMacvlan {
            base: of.base.to_owned(),
            family: of.family,
            name: name.clone(),
            tracked: of.tracked,
            made: false,
        });
    }
    spec.address_macvlans = others;
    if let Some(vmac) = &mut spec.vmac {
        vmac.name = own.or_else(|| vmac.name.take());
    }
}

/// Whether an interface is the macvlan that we would make.
fn is_ours(there: &Interface, base: u32, mac: MacAddr) -> bool {
    there.macvlan_of == Some(base) && there.mac == Some(mac.octets())
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
        // Without the first the others keep theirs.
        assert_eq!(
            names(&mut naming, &[six.clone(), other], &there),
            ["vrrp6.51", "vrrp1.51"]
        );
        // A name that another one asks for by name is its.
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
            let others = spec.address_macvlans.into_iter().map(|of| of.name);
            let own = spec.vmac.and_then(|of| of.name);
            own.into_iter().chain(others).collect::<Vec<_>>()
        };
        let mut naming = Naming::default();
        let names = settle(&mut naming, router());
        assert_eq!(names, ["vrrp.51", "vrrp1.51", "vrrp2.51", "vrrp6.51"]);
        // They keep them, whatever goes.
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
    fn the_name_of_a_strangers_interface_is_not_taken_and_our_own_is() {
        let mac = [0, 0, 0x5e, 0, 1, 51];
        let router = spec("a", "eth0", "192.0.2.1", Vmac::new());
        let named = spec("a", "eth0", "192.0.2.1", Vmac::new().with_name("vrrp.51"));
        let ours = table([eth(2, "eth0"), macvlan(3, "vrrp.51", 2, mac)]);
        let one = std::slice::from_ref(&router);
        assert_eq!(names(&mut Naming::default(), one, &ours), ["vrrp.51"]);
        for stranger in [
            eth(3, "vrrp.51"),
            macvlan(3, "vrrp.51", 9, mac),
            macvlan(3, "vrrp.51", 2, [2; 6]),
        ] {
            let there = table([eth(2, "eth0"), stranger]);
            assert_eq!(names(&mut Naming::default(), one, &there), ["vrrp1.51"]);
            let error = Naming::default()
                .settle(&mut [named.clone()], &there)
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "router a: vrrp.51 is the name of another interface"
            );
        }
    }
}
