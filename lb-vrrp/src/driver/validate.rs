// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is checked before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Error;
use super::links::{Interface, Interfaces};
use super::needs::interfaces_of;
use super::spec::{Configuration, RouterSpec};
use super::tracked::ObjectId;
use super::vmac::Macvlan;
use crate::AddressFamily;

/// Checks all that can be checked without the kernel.
pub(super) fn configuration(of: &Configuration) -> Result<(), Error> {
    specs(&of.routers)?;
    tracked(of)?;
    groups(of)?;
    let routers: Vec<&str> = of.routers.iter().map(|of| of.name.as_str()).collect();
    Ok(of.statics.check(&routers)?)
}

/// Checks that what is tracked is there, and there once.
fn tracked(of: &Configuration) -> Result<(), Error> {
    let mut known = BTreeSet::new();
    for object in &of.objects {
        if !known.insert(object.id()) {
            return Err(Error::DuplicateObject {
                object: object.id(),
            });
        }
    }
    let routers = of.routers.iter().map(|of| (&of.name, &of.tracked));
    let groups = of.groups.iter().map(|of| (&of.name, &of.tracked));
    for (name, tracked) in routers.chain(groups) {
        for (object, _) in tracked {
            if !matches!(object, ObjectId::Interface(_)) && !known.contains(object) {
                return Err(Error::UnknownObject {
                    name: name.clone(),
                    object: object.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Checks that each group has routers, and each router one group at most.
fn groups(of: &Configuration) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for group in &of.groups {
        if !names.insert(&group.name) {
            return Err(Error::DuplicateGroup {
                group: group.name.clone(),
            });
        }
        for member in &group.members {
            if !of.routers.iter().any(|router| router.name == *member) {
                return Err(Error::UnknownMember {
                    group: group.name.clone(),
                    member: member.clone(),
                });
            }
            if let Some(first) = taken.insert(member, &group.name) {
                return Err(Error::SharedMember {
                    member: member.clone(),
                    first: first.to_owned(),
                    second: group.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Checks each router by itself, and that no two are the same.
pub(super) fn specs(specs: &[RouterSpec]) -> Result<(), Error> {
    let mut known = BTreeMap::new();
    for spec in specs {
        let family = spec.config.family();
        if let Some(source) = spec.source.filter(|at| AddressFamily::of(*at) != family) {
            return Err(Error::SourceFamily {
                router: spec.name.clone(),
                source_address: source,
                family,
            });
        }
        for address in &spec.virtual_addresses {
            if address.problem().is_some() {
                return Err(Error::InvalidAddress {
                    router: spec.name.clone(),
                    address: address.address,
                    prefix_len: address.prefix_len,
                });
            }
        }
        routing(spec)?;
        let key = (spec.config.vrid(), family, spec.interface.as_str());
        if let Some(first) = known.insert(key, &spec.name) {
            return Err(Error::DuplicateRouter {
                vrid: spec.config.vrid(),
                interface: spec.interface.clone(),
                first: first.clone(),
                second: spec.name.clone(),
            });
        }
    }
    vmacs(specs)
}

/// Checks that macvlans can be made, and that no two are the same.
fn vmacs(specs: &[RouterSpec]) -> Result<(), Error> {
    let mut taken = BTreeMap::new();
    for spec in specs {
        for Macvlan {
            base, mac, vmac, ..
        } in Macvlan::of(spec)
        {
            if let Some(problem) = vmac.problem(spec.config.vrid()) {
                let name = vmac.name.as_ref().unwrap_or(&vmac.prefix);
                return Err(Error::InvalidVmac {
                    router: spec.name.clone(),
                    what: format!("{name} {mac}"),
                    problem,
                });
            }
            let on_base = format!("the MAC address {mac} on {base}");
            let name = vmac.name.as_ref();
            let named = name.map(|name| format!("the virtual interface {name}"));
            for what in named.into_iter().chain([on_base]) {
                if let Some(first) = taken.insert(what.clone(), &spec.name) {
                    return Err(Error::DuplicateVmac {
                        first: first.clone(),
                        second: spec.name.clone(),
                        what,
                    });
                }
            }
        }
    }
    Ok(())
}

fn routing(spec: &RouterSpec) -> Result<(), Error> {
    let routes = spec.virtual_routes.iter();
    let routes = routes.filter_map(|of| Some((of.to_string(), of.problem()?)));
    let rules = spec.virtual_rules.iter();
    let rules = rules.filter_map(|of| Some((of.to_string(), of.problem()?)));
    match routes.chain(rules).next() {
        Some((entry, problem)) => Err(Error::InvalidRoute {
            router: spec.name.clone(),
            entry,
            problem,
        }),
        None => Ok(()),
    }
}

/// Checks that all interfaces exist, unless they may come later, and can carry macvlans.
pub(super) fn interfaces(of: &Configuration, interfaces: &Interfaces) -> Result<(), Error> {
    for spec in &of.routers {
        for name in interfaces_of(spec) {
            if !of.dynamic_interfaces && interfaces.get(name).is_none() {
                return Err(Error::InterfaceNotFound {
                    router: spec.name.clone(),
                    interface: name.to_owned(),
                    existing: interfaces.names(),
                });
            }
        }
        let ethernet = |of: &Interface| of.mac.is_some();
        for Macvlan { base, .. } in Macvlan::of(spec) {
            // One that is not there is not needed, or told above.
            if interfaces.get(base).is_some_and(|of| !ethernet(of)) {
                return Err(Error::NotEthernet {
                    router: spec.name.clone(),
                    interface: base.to_owned(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::driver::{FileSource, GroupSpec, ObjectSpec};
    use crate::track::Weight;
    use crate::{RouterConfig, VirtualAddress, Vrid};

    fn spec(name: &str, interface: &str, vrid: u8) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .address(Ipv4Addr::new(192, 0, 2, 100).into())
            .build()
            .unwrap();
        RouterSpec::new(name, interface, config)
    }

    #[test]
    fn one_vrid_can_be_used_once_per_interface() {
        assert!(
            specs(&[
                spec("a", "eth0", 1),
                spec("b", "eth1", 1),
                spec("c", "eth0", 2)
            ])
            .is_ok()
        );
        let error = specs(&[spec("a", "eth0", 1), spec("b", "eth0", 1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "routers a and b both have VRID 1 on eth0"
        );
    }

    #[test]
    fn tracked_objects_are_named_once_and_known() {
        let file = || ObjectSpec::new("load", FileSource::new("/run/load"));
        let id = file().id();
        let router = spec("a", "eth0", 1).with_tracked(id, Weight::ONE);
        let good = Configuration::new(vec![router]);
        assert_eq!(
            configuration(&good).unwrap_err().to_string(),
            "a tracks file load, which is not defined"
        );
        let good = good.with_objects([file()]);
        assert!(configuration(&good).is_ok());
        let twice = good.with_objects([file(), file()]);
        assert_eq!(
            configuration(&twice).unwrap_err().to_string(),
            "file load is defined twice"
        );
    }

    #[test]
    fn a_router_is_in_one_group() {
        let routers = vec![spec("a", "eth0", 1), spec("b", "eth1", 1)];
        let of = |groups: Vec<GroupSpec>| {
            configuration(&Configuration::new(routers.clone()).with_groups(groups))
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(vec![GroupSpec::new("g", ["a", "b"])]), Ok(()));
        assert_eq!(
            of(vec![GroupSpec::new("g", ["a"]), GroupSpec::new("h", ["a"])]),
            Err("router a is in the sync groups g and h".to_owned())
        );
        assert_eq!(
            of(vec![GroupSpec::new("g", ["c"])]),
            Err("sync group g has a member c, which is no router".to_owned())
        );
        assert_eq!(
            of(vec![GroupSpec::new("g", ["a"]), GroupSpec::new("g", ["b"])]),
            Err("there are two sync groups g".to_owned())
        );
    }

    #[test]
    fn an_address_line_that_the_kernel_would_refuse_is_refused_before() {
        let good = VirtualAddress::new(Ipv4Addr::new(192, 0, 2, 100).into());
        for bad in [
            good.clone().with_prefix_len(33),
            good.clone().with_label("a-label-of-16-by"),
            VirtualAddress::new(Ipv4Addr::new(224, 0, 0, 1).into()),
            VirtualAddress::new("fe80::1".parse().unwrap()).with_label("eth0:1"),
        ] {
            let spec = spec("a", "eth0", 1).with_virtual_addresses([good.clone(), bad.clone()]);
            assert!(
                matches!(specs(&[spec]), Err(Error::InvalidAddress { .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_missing_interface_names_those_there_are() {
        let of = Configuration::new(vec![spec("a", "eth0", 1)]);
        let error = interfaces(&of, &Interfaces::default()).unwrap_err();
        assert!(matches!(error, Error::InterfaceNotFound { existing, .. } if existing.is_empty()));
        let of = of.with_dynamic_interfaces(true);
        assert!(interfaces(&of, &Interfaces::default()).is_ok());
    }
}
