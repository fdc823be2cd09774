// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which name each macvlan gets.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::Error;
use super::super::links::{Interface, Interfaces};
use super::super::mailbox::RouterKey;
use super::super::spec::RouterSpec;
use super::mac_of;
use crate::{MacAddr, Vmac};

/// What was asked for and the name it got, for those that run.
#[derive(Clone, Debug, Default)]
pub(in crate::driver) struct Naming(BTreeMap<RouterKey, (Vmac, String)>);

impl Naming {
    /// Settles the names of these routers. One that stays as it was keeps its name.
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
        for spec in specs.iter() {
            let Some(asked) = &spec.vmac else {
                continue;
            };
            let key = RouterKey::of(spec);
            let mac = mac_of(spec, asked);
            let base = interfaces.get(&spec.interface).map(|of| of.link.index);
            let free = |name: &str| {
                let there = interfaces.get(name);
                there.is_none_or(|there| base.is_some_and(|base| is_ours(there, base, mac)))
            };
            let kept = self.0.get(&key).filter(|(before, _)| before == asked);
            let kept = kept.map(|(_, name)| name.clone());
            let name = asked
                .name
                .clone()
                .filter(|name| free(name))
                .or_else(|| kept.filter(|name| !claimed.contains(name)))
                .or_else(|| {
                    let mut made = asked.candidates(key.family, key.vrid);
                    made.find(|name| !claimed.contains(name) && free(name))
                })
                .ok_or_else(|| Error::NameTaken {
                    router: spec.name.clone(),
                    interface: asked.name.clone().unwrap_or_else(|| {
                        let made = asked.candidates(key.family, key.vrid).next();
                        made.unwrap_or_default()
                    }),
                })?;
            claimed.insert(name.clone());
            names.insert(key, (asked.clone(), name));
        }
        for spec in specs.iter_mut() {
            if let Some((_, name)) = names.get(&RouterKey::of(spec))
                && let Some(vmac) = &mut spec.vmac
            {
                vmac.name = Some(name.clone());
            }
        }
        self.0 = names;
        Ok(())
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
