// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules between the parts of a description. Each is here and nowhere else.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{GroupSpec, Macvlan, ObjectSpec, RouterSpec, SpecError};
use crate::track::{ObjectId, Weight};
use crate::{AddressFamily, StaticItems};

/// Returns every rule that these parts break, as far as that can be known without the kernel.
///
/// A program that keeps its own types around the parts calls this; otherwise
/// [`Configuration::check`](super::Configuration::check) does.
pub fn check(
    routers: &[&RouterSpec],
    groups: &[&GroupSpec],
    objects: &[ObjectSpec],
    statics: &StaticItems,
) -> Vec<SpecError> {
    let mut errors = Vec::new();
    let mut known = HashMap::with_capacity(routers.len());
    for router in routers {
        check_router(router, &mut errors);
        if let Some(first) = known.insert(router.identity(), &router.name) {
            errors.push(SpecError::DuplicateRouter {
                vrid: router.config.vrid(),
                interface: router.interface.clone(),
                first: first.clone(),
                second: router.name.clone(),
            });
        }
    }
    check_macvlans(routers, &mut errors);
    check_objects(routers, groups, objects, &mut errors);
    let names: Vec<&str> = routers.iter().map(|router| router.name.as_str()).collect();
    check_groups(&names, groups, &mut errors);
    errors.extend(statics.check(&names).err().map(SpecError::from));
    errors
}

fn check_router(spec: &RouterSpec, errors: &mut Vec<SpecError>) {
    let router = || spec.name.clone();
    if spec.interface.is_empty() {
        errors.push(SpecError::NoInterface { router: router() });
    }
    let family = spec.config.family();
    let source = spec.source;
    if let Some(source_address) = source.filter(|at| AddressFamily::for_address(*at) != family) {
        errors.push(SpecError::SourceFamily {
            router: router(),
            source_address,
            family,
        });
    }
    for address in &spec.virtual_addresses {
        if let Some(problem) = address.problem() {
            errors.push(SpecError::InvalidAddress {
                router: router(),
                address: address.address,
                prefix_len: address.prefix_len,
                problem,
            });
        }
    }
    let routes = spec.virtual_routes.iter();
    let routes = routes.filter_map(|route| Some((route.to_string(), route.problem()?)));
    let rules = spec.virtual_rules.iter();
    let rules = rules.filter_map(|rule| Some((rule.to_string(), rule.problem()?)));
    for (entry, problem) in routes.chain(rules) {
        errors.push(SpecError::InvalidRoute {
            router: router(),
            entry,
            problem,
        });
    }
}

/// Checks that the ipvlan of a router can be made: an interface has macvlans or ipvlans above it.
fn check_ipvlan(spec: &RouterSpec, routers: &[&RouterSpec], errors: &mut Vec<SpecError>) {
    let Some(ipvlan) = &spec.ipvlan else { return };
    let family = spec.config.family();
    let mut problem = ipvlan.problem(spec.config.vrid(), family);
    if !spec.config.peers().is_empty() {
        problem = problem.or(Some("adverts to unicast peers do not come from an ipvlan"));
    }
    let mut all = routers.iter().flat_map(|other| Macvlan::list(other));
    if all.any(|other| other.ipvlan.is_none() && other.base == spec.interface) {
        problem = problem.or(Some("a virtual MAC address is used on the same interface"));
    }
    if let Some(problem) = problem {
        errors.push(SpecError::InvalidIpvlan {
            router: spec.name.clone(),
            problem,
        });
    }
}

/// Checks that macvlans and ipvlans can be made, and that no two are the same.
fn check_macvlans(routers: &[&RouterSpec], errors: &mut Vec<SpecError>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for spec in routers {
        check_ipvlan(spec, routers, errors);
        for Macvlan {
            base,
            mac,
            ipvlan,
            vmac,
            ..
        } in Macvlan::list(spec)
        {
            if ipvlan.is_none()
                && let Some(problem) = vmac.problem(spec.config.vrid())
            {
                let name = vmac.name.as_ref().unwrap_or(&vmac.prefix);
                errors.push(SpecError::InvalidVmac {
                    router: spec.name.clone(),
                    what: format!("{name} {mac}"),
                    problem,
                });
                continue;
            }
            let on_base = format!("the MAC address {mac} on {base}");
            let on_base = ipvlan.is_none().then_some(on_base);
            let name = vmac.name.as_ref();
            let named = name.map(|name| format!("the virtual interface {name}"));
            for what in named.into_iter().chain(on_base) {
                if let Some(first) = taken.insert(what.clone(), &spec.name) {
                    errors.push(SpecError::DuplicateVmac {
                        first: first.to_owned(),
                        second: spec.name.clone(),
                        what,
                    });
                }
            }
        }
    }
}

/// Checks that tracked objects are defined, and only once.
fn check_objects(
    routers: &[&RouterSpec],
    groups: &[&GroupSpec],
    objects: &[ObjectSpec],
    errors: &mut Vec<SpecError>,
) {
    let mut known = HashSet::with_capacity(objects.len());
    for object in objects.iter().map(ObjectSpec::id) {
        if known.contains(&object) {
            errors.push(SpecError::DuplicateObject { object });
        } else {
            known.insert(object);
        }
    }
    let routers = routers.iter().map(|router| (&router.name, &router.tracked));
    let groups = groups.iter().map(|group| (&group.name, &group.tracked));
    for (name, tracked) in routers.chain(groups) {
        let unknown = |object: &ObjectId| {
            !matches!(object, ObjectId::Interface(_)) && !known.contains(object)
        };
        let tracked = tracked.iter().map(|(object, _): &(_, Weight)| object);
        for object in tracked.filter(|object| unknown(object)) {
            errors.push(SpecError::UnknownObject {
                name: name.clone(),
                object: object.clone(),
            });
        }
    }
}

/// Checks that members of groups are routers, and each router is in one group at most.
fn check_groups(routers: &[&str], groups: &[&GroupSpec], errors: &mut Vec<SpecError>) {
    let routers: HashSet<&str> = routers.iter().copied().collect();
    let mut names = HashSet::new();
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for group in groups {
        if !names.insert(&group.name) {
            errors.push(SpecError::DuplicateGroup {
                group: group.name.clone(),
            });
        }
        for member in &group.members {
            if !routers.contains(member.as_str()) {
                errors.push(SpecError::UnknownMember {
                    group: group.name.clone(),
                    member: member.clone(),
                });
            } else if let Some(first) = taken.insert(member, &group.name) {
                errors.push(SpecError::SharedMember {
                    member: member.clone(),
                    first: first.to_owned(),
                    second: group.name.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::spec::{Configuration, FileSource};
    use crate::{RouterConfig, VirtualAddress, Vmac, Vrid};

    fn spec(name: &str, interface: &str, vrid: u8) -> RouterSpec {
        let config = RouterConfig::builder(Vrid::new(vrid).unwrap())
            .address(Ipv4Addr::new(192, 0, 2, 100).into())
            .build()
            .unwrap();
        RouterSpec::new(name, interface, config)
    }

    fn errors(configuration: &Configuration) -> Vec<String> {
        let errors = configuration.check();
        errors.iter().map(ToString::to_string).collect()
    }

    fn routers(routers: impl IntoIterator<Item = RouterSpec>) -> Vec<String> {
        errors(&Configuration::new(routers.into_iter().collect()))
    }

    #[test]
    fn vrid_is_unique_per_interface_and_family() {
        let good = [
            spec("a", "eth0", 1),
            spec("b", "eth1", 1),
            spec("c", "eth0", 2),
        ];
        assert!(routers(good).is_empty());
        let found = routers([spec("a", "eth0", 1), spec("b", "eth0", 1)]);
        assert_eq!(found, ["virtual routers a and b share VRID 1 on eth0"]);
        assert_eq!(
            routers([spec("a", "", 1)]),
            ["virtual router a has no interface"]
        );
    }

    #[test]
    fn all_errors_are_returned() {
        let source = spec("b", "eth0", 1).with_source("2001:db8::1".parse().unwrap());
        let found = routers([spec("a", "eth0", 1), source, spec("c", "eth0", 1)]);
        assert_eq!(
            found,
            [
                "virtual router b: 2001:db8::1 cannot be the source of IPv4 adverts",
                "virtual routers a and b share VRID 1 on eth0",
                "virtual routers b and c share VRID 1 on eth0",
            ]
        );
    }

    #[test]
    fn tracked_objects_are_defined_once() {
        let file = || ObjectSpec::new("load", FileSource::new("/run/load"));
        let router = spec("a", "eth0", 1).with_tracked(file().id(), Weight::ONE);
        let good = Configuration::new(vec![router]);
        assert_eq!(errors(&good), ["a tracks file load, which is not defined"]);
        let good = good.with_objects([file()]);
        assert!(good.check().is_empty());
        let twice = good.with_objects([file(), file()]);
        assert_eq!(errors(&twice), ["file load is defined twice"]);
    }

    #[test]
    fn sync_groups_have_distinct_names_and_members() {
        let both = vec![spec("a", "eth0", 1), spec("b", "eth1", 1)];
        let found =
            |groups: Vec<GroupSpec>| errors(&Configuration::new(both.clone()).with_groups(groups));
        assert!(found(vec![GroupSpec::new("g", ["a", "b"])]).is_empty());
        assert_eq!(
            found(vec![GroupSpec::new("g", ["a"]), GroupSpec::new("h", ["a"])]),
            ["virtual router a is in the sync groups g and h"]
        );
        assert_eq!(
            found(vec![GroupSpec::new("g", ["c"])]),
            ["sync group g: unknown instance c"]
        );
        assert_eq!(
            found(vec![GroupSpec::new("g", ["a"]), GroupSpec::new("g", ["b"])]),
            ["sync group g is defined twice"]
        );
    }

    #[test]
    fn addresses_that_the_kernel_would_refuse_are_refused() {
        let good = VirtualAddress::new(Ipv4Addr::new(192, 0, 2, 100).into());
        for bad in [
            good.clone().with_prefix_len(33),
            good.clone().with_label("a-label-of-16-by"),
            VirtualAddress::new(Ipv4Addr::new(224, 0, 0, 1).into()),
            VirtualAddress::new("fe80::1".parse().unwrap()).with_label("eth0:1"),
        ] {
            let spec = spec("a", "eth0", 1).with_virtual_addresses([good.clone(), bad.clone()]);
            let found = Configuration::new(vec![spec]).check();
            assert!(
                matches!(found[..], [SpecError::InvalidAddress { .. }]),
                "{bad:?}: {found:?}"
            );
        }
    }

    #[test]
    fn all_600_addresses_of_a_configuration_are_held() {
        let address = |n: u32| IpAddr::from(Ipv4Addr::from(0x0a00_0001 + n));
        let config = RouterConfig::builder(Vrid::new(1).unwrap())
            .addresses((0..600).map(address))
            .build()
            .unwrap();
        let advertised = config.addresses().as_slice().len();
        assert_eq!(advertised + config.excluded().len(), 600);
        let spec = RouterSpec::new("a", "eth0", config);
        let held = spec.virtual_addresses.iter().map(|held| held.address);
        assert!(held.eq((0..600).map(address)));
        assert!(routers([spec.clone()]).is_empty());

        let mut missing = spec.virtual_addresses.clone();
        missing.remove(599);
        assert!(spec.unheld_addresses().is_empty());
        let spec = spec.with_virtual_addresses(missing);
        assert_eq!(spec.unheld_addresses(), [address(599)]);
    }

    #[test]
    fn macvlans_are_distinct_and_valid() {
        let named = |name: &str, interface, vmac: &str| {
            spec(name, interface, 1).with_vmac(Vmac::new().with_name(vmac))
        };
        assert!(routers([named("a", "eth0", "v1"), named("b", "eth1", "v2")]).is_empty());
        assert_eq!(
            routers([named("a", "eth0", "v1"), named("b", "eth1", "v1")]),
            ["virtual routers a and b both have the virtual interface v1"]
        );
        let found = Configuration::new(vec![named("a", "eth0", "a-name-of-16-byt")]).check();
        assert!(
            matches!(found[..], [SpecError::InvalidVmac { .. }]),
            "{found:?}"
        );
    }
}
