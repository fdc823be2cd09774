// SPDX-License-Identifier: MIT OR Apache-2.0
//! The laws of the plan.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::family::AddressFamily;
use crate::interface::Link;
use crate::link::{Setting, SettingName, VirtualLink};
use crate::object::{Address, Shield};
use crate::routes::{PlacedRoute, Route, Rule, RuleAction};

/// Few keys, so that they meet, and attributes that differ.
pub(crate) fn object() -> impl Strategy<Value = HostObject> {
    (0..7_u8, 1..=2_u32, 0..4_u8, prop_oneof![Just(24), Just(32)]).prop_map(
        |(kind, index, last, prefix_len)| {
            let link = Arc::new(Link::new(index, format!("eth{index}")));
            let address = [192, 0, 2, last].into();
            match kind {
                0 => Shield::new(link, address).into(),
                1 => route(&link, address),
                2 => rule(last),
                3 => macvlan(&link, last, prefix_len),
                4 => HostObject::LinkUp(link),
                5 => setting(&link, last),
                _ => Address::new(link, address, prefix_len).into(),
            }
        },
    )
}

pub(crate) fn route(link: &Arc<Link>, address: IpAddr) -> HostObject {
    let route = Route::new(address.into()).with_interface(link.name.clone());
    let placed = PlacedRoute::new(&route, |_| Some(Link::clone(link))).expect("an interface");
    Arc::new(RoutingEntry::Route(Box::new(placed))).into()
}

pub(crate) fn rule(last: u8) -> HostObject {
    let rule = Rule::new(AddressFamily::Ipv4, last.into(), RuleAction::Table(100));
    Arc::new(RoutingEntry::Rule(Box::new(rule))).into()
}

/// A macvlan whose name and MAC address end with these numbers.
pub(crate) fn macvlan(base: &Arc<Link>, last: u8, mac: u8) -> HostObject {
    let (name, mac) = (format!("vrrp.{last}"), [0, 0, 0x5e, 0, 1, mac]);
    VirtualLink::macvlan(name, Arc::clone(base), mac, AddressFamily::Ipv4).into()
}

pub(crate) fn setting(link: &Arc<Link>, number: u8) -> HostObject {
    let name = SettingName::ALL[usize::from(number) % SettingName::ALL.len()];
    Setting::new(Arc::clone(link), name).into()
}

/// By key.
type Host = BTreeMap<String, HostObject>;

fn id(key: &Key) -> String {
    format!("{key:?}")
}

fn host(objects: Vec<HostObject>) -> Host {
    let mut host = Host::new();
    for object in objects {
        host.entry(id(&object.key())).or_insert(object);
    }
    host
}

fn values(host: &Host) -> Vec<HostObject> {
    host.values().cloned().collect()
}

#[derive(Debug)]
struct Case {
    actual: Host,
    desired: Vec<HostObject>,
    owned: Host,
}

impl Case {
    fn plan(&self) -> Vec<Change> {
        plan(&values(&self.actual), &self.desired, &values(&self.owned))
    }

    fn apply(mut self, changes: &[Change]) -> Self {
        for change in changes {
            let key = id(&change.key());
            match change {
                Change::Add(object) => {
                    self.owned.insert(key.clone(), object.clone());
                    self.actual.insert(key, object.clone());
                }
                Change::Remove(_) => {
                    self.owned.remove(&key);
                    self.actual.remove(&key);
                }
            }
        }
        self
    }
}

/// Part of what is there is owned, and some that is owned is missing.
fn case() -> impl Strategy<Value = Case> {
    let objects = || vec(object(), 0..10);
    (objects(), objects(), objects(), any::<u16>()).prop_map(|(actual, desired, missing, mask)| {
        let actual = host(actual);
        let is_owned = |place: usize| mask >> (place % 16) & 1 == 1;
        let mut owned: Host = actual
            .iter()
            .enumerate()
            .filter(|(place, _)| is_owned(*place))
            .map(|(_, (key, object))| (key.clone(), object.clone()))
            .collect();
        for (key, object) in host(missing) {
            if !actual.contains_key(&key) {
                owned.insert(key, object);
            }
        }
        Case {
            actual,
            desired,
            owned,
        }
    })
}

proptest! {
    #[test]
    fn plan_leads_to_desired_and_leaves_external_objects(case in case()) {
        let changes = case.plan();
        let before = case.actual.clone();
        let (external, desired) = (
            before.iter().filter(|(key, _)| !case.owned.contains_key(*key)),
            host(case.desired.clone()),
        );
        let external: Host = external.map(|(key, object)| (key.clone(), object.clone())).collect();
        let after = case.apply(&changes);
        for (key, object) in &external {
            prop_assert_eq!(after.actual.get(key), Some(object), "external");
        }
        for (key, object) in &desired {
            let found = after.actual.get(key);
            prop_assert!(
                found.is_some_and(|found| external.contains_key(key) || found.is_same(object)),
                "{:?} is desired, {:?} found", object, found
            );
        }
        for key in after.actual.keys() {
            prop_assert!(external.contains_key(key) || desired.contains_key(key), "{:?} stays", key);
        }
        prop_assert_eq!(after.plan(), [], "the plan of the result");
    }

    #[test]
    fn plan_is_ordered_and_changes_each_object_once(case in case()) {
        let changes = case.plan();
        prop_assert_eq!(&changes, &case.plan(), "deterministic");
        let ranks: Vec<Rank> = changes.iter().map(Change::rank).collect();
        prop_assert!(ranks.is_sorted(), "{:?}", ranks);
        for (place, change) in changes.iter().enumerate() {
            let others = changes.iter().take(place).filter(|other| other.key() == change.key());
            let others: Vec<&Change> = others.collect();
            match change {
                Change::Remove(_) => prop_assert!(others.is_empty(), "{:?}", others),
                Change::Add(_) => {
                    prop_assert!(others.iter().all(|other| !other.is_add()), "{:?}", others);
                    prop_assert!(others.len() <= 1, "{:?}", others);
                }
            }
        }
    }
}

#[test]
fn plan_keeps_the_given_order_and_removes_in_the_reverse_one() {
    let link = Arc::new(Link::new(1, "eth1"));
    let address = |last| {
        HostObject::from(Address::new(
            Arc::clone(&link),
            [192, 0, 2, last].into(),
            24,
        ))
    };
    let objects = [address(9), address(3), address(7)];
    let added: Vec<HostObject> = plan(&[], &objects, &[])
        .iter()
        .map(|change| change.object().clone())
        .collect();
    assert_eq!(added, objects);
    let mut removed: Vec<HostObject> = plan(&objects, &[], &objects)
        .iter()
        .map(|change| change.object().clone())
        .collect();
    removed.reverse();
    assert_eq!(removed, objects);
}
