// SPDX-License-Identifier: MIT OR Apache-2.0

use lb_ipvs::{Scheduler, Service, Weight};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

type Desired = BTreeMap<ServiceKey, DesiredService>;

fn key(n: u8) -> ServiceKey {
    ServiceKey::tcp(SocketAddr::from(([192, 168, 1, n], 80)))
}

fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 80))
}

fn service(n: u8, scheduler: bool) -> Service {
    let scheduler = if scheduler {
        Scheduler::WeightedRoundRobin
    } else {
        Scheduler::RoundRobin
    };
    Service::new(key(n), scheduler)
}

fn destination(n: u8, weight: u32) -> Destination {
    Destination::new(address(n)).with_weight(Weight::new(weight).unwrap())
}

fn desired(key: u8, destinations: &[(u8, u32)]) -> DesiredService {
    DesiredService {
        service: service(key, true),
        destinations: destinations
            .iter()
            .map(|(n, weight)| destination(*n, *weight))
            .collect(),
    }
}

/// What the tests keep: the kernel's table and the ledger.
#[derive(Clone, Debug, Default)]
struct World {
    table: Table,
    owned: Owned,
}

impl World {
    fn plan(&self, desired: &Desired, drift: Drift) -> Vec<ServicePlan> {
        plan(&self.table, desired, &self.owned, drift)
    }

    /// Plans and does all of it, checking that nothing is refused and nothing runs empty on the way.
    fn reach(&mut self, desired: &Desired, drift: Drift) -> Vec<Change> {
        let before = self.table.clone();
        let plans = self.plan(desired, drift);
        let changes: Vec<_> = plans.iter().flat_map(|plan| plan.changes.clone()).collect();
        let mut steps = vec![before];
        for change in &changes {
            self.table
                .apply(change)
                .unwrap_or_else(|refusal| panic!("{change}: {refusal}"));
            steps.push(self.table.clone());
        }
        never_empty(&steps);
        for plan in plans {
            self.owned.set(plan.key, plan.settled);
        }
        changes
    }

    /// Writes the intent, does only the first changes, and dies.
    fn crash(&mut self, desired: &Desired, drift: Drift, after: usize) {
        let plans = self.plan(desired, drift);
        for plan in &plans {
            self.owned.set(plan.key, plan.intent.clone());
        }
        for change in plans.iter().flat_map(|plan| &plan.changes).take(after) {
            self.table.apply(change).unwrap();
        }
    }
}

fn never_empty(steps: &[Table]) {
    let serves = |table: &Table, key: &ServiceKey| {
        table.get(key).is_some_and(|service| {
            service
                .destinations
                .values()
                .any(|destination| destination.weight != Weight::ZERO)
        })
    };
    let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
    for (key, _) in first
        .iter()
        .filter(|(key, _)| serves(first, key) && serves(last, key))
    {
        assert!(
            steps.iter().all(|step| serves(step, key)),
            "{key} ran empty: {steps:#?}"
        );
    }
}

fn any_desired() -> impl Strategy<Value = Desired> {
    let parts = (any::<bool>(), btree_map(0..4u8, 0..3u32, 0..4));
    btree_map(0..3u8, parts, 0..4).prop_map(|services| {
        services
            .into_iter()
            .map(|(n, (scheduler, destinations))| {
                let destinations = destinations
                    .iter()
                    .map(|(n, w)| destination(*n, *w))
                    .collect();
                (
                    key(n),
                    DesiredService {
                        service: service(n, scheduler),
                        destinations,
                    },
                )
            })
            .collect()
    })
}

/// What another hand does; what the kernel refuses does not happen.
fn any_hand() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..6u8, 0..3u8, 0..5u8, 0..3u32, any::<bool>()).prop_map(
        |(kind, n, d, weight, scheduler)| match kind {
            0 => Change::AddService(service(n, scheduler)),
            1 => Change::EditService(service(n, scheduler)),
            2 => Change::DeleteService(key(n)),
            3 => Change::AddDestination(key(n), destination(d, weight)),
            4 => Change::EditDestination(key(n), destination(d, weight)),
            _ => Change::DeleteDestination(key(n), address(d)),
        },
    );
    vec(change, 0..8)
}

/// Others' objects, then ours for a first desired table, then more by other hands.
fn any_world() -> impl Strategy<Value = (World, Desired)> {
    (any_hand(), any_desired(), any_hand()).prop_map(|(before, desired, after)| {
        let mut world = World::default();
        for change in &before {
            let _ = world.table.apply(change);
        }
        world.reach(&desired, Drift::Keep);
        for change in &after {
            let _ = world.table.apply(change);
        }
        (world, desired)
    })
}

/// What is in `before` and neither owned nor desired must be in `after`, unchanged.
fn others_untouched(before: &World, desired: &Desired, after: &Table) {
    for (key, service) in before.table.iter() {
        let ours = before.owned.get(key);
        let wanted = desired.get(key);
        if ours.is_none() && wanted.is_none() {
            assert_eq!(after.get(key), Some(service));
            continue;
        }
        for (address, destination) in &service.destinations {
            let is_ours = ours.is_some_and(|ours| ours.destinations.contains_key(address));
            let is_wanted = wanted
                .is_some_and(|wanted| wanted.destinations.iter().any(|d| d.address == *address));
            if !is_ours && !is_wanted {
                let kept = after
                    .get(key)
                    .and_then(|service| service.destinations.get(address));
                assert_eq!(kept, Some(destination), "{address} of {key} was not ours");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overwriting_reaches_the_desired_and_leaves_the_rest(
        (mut world, _) in any_world(),
        desired in any_desired(),
    ) {
        let before = world.clone();
        world.reach(&desired, Drift::Overwrite);
        others_untouched(&before, &desired, &world.table);
        for (key, wanted) in &desired {
            let actual = world.table.get(key).unwrap();
            prop_assert_eq!(&actual.service, &wanted.service);
            for destination in &wanted.destinations {
                prop_assert_eq!(actual.destinations.get(&destination.address), Some(destination));
            }
        }
        for (key, ours) in before.owned.iter() {
            let wanted = desired.get(key);
            let Some(actual) = world.table.get(key) else {
                prop_assert!(wanted.is_none());
                continue;
            };
            for address in ours.destinations.keys() {
                let is_wanted = wanted
                    .is_some_and(|wanted| wanted.destinations.iter().any(|d| d.address == *address));
                prop_assert_eq!(actual.destinations.contains_key(address), is_wanted);
            }
        }
        // and then there is nothing left to do
        for drift in [Drift::Keep, Drift::Recreate, Drift::Overwrite] {
            prop_assert_eq!(world.clone().reach(&desired, drift), vec![]);
        }
    }

    #[test]
    fn the_same_again_changes_nothing((mut world, desired) in any_world()) {
        let before = world.clone();
        prop_assert_eq!(world.reach(&desired, Drift::Keep), vec![]);
        prop_assert_eq!(world.owned, before.owned);
    }

    #[test]
    fn only_what_is_desired_otherwise_is_touched(
        (mut world, old) in any_world(),
        new in any_desired(),
    ) {
        let before = world.clone();
        let changes = world.reach(&new, Drift::Keep);
        others_untouched(&before, &new, &world.table);
        for change in changes {
            let key = change.key();
            // a service that another hand deleted comes back complete
            if before.table.get(&key).is_none() {
                prop_assert!(old.get(&key) != new.get(&key));
                continue;
            }
            let find = |desired: &Desired| {
                let service = desired.get(&key)?;
                match touched_destination(&change) {
                    None => Some((Some(service.service.clone()), None)),
                    Some(address) => Some((
                        None,
                        service.destinations.iter().find(|d| d.address == address).copied(),
                    )),
                }
            };
            prop_assert_ne!(find(&old), find(&new), "{}", change);
        }
    }

    #[test]
    fn planning_only_what_changed_equals_planning_all(
        (mut world, old) in any_world(),
        new in any_desired(),
    ) {
        let mut incremental = Vec::new();
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
        for key in keys.into_iter().filter(|key| old.get(key) != new.get(key)) {
            let actual = world.table.get(&key);
            let plan = plan_service(&key, actual, new.get(&key), &world.owned, Drift::Keep);
            incremental.extend(plan.changes);
        }
        prop_assert_eq!(incremental, world.reach(&new, Drift::Keep));
    }

    #[test]
    fn a_crash_at_any_moment_is_repaired(
        (world, _) in any_world(),
        desired in any_desired(),
        after in 0..20usize,
    ) {
        let mut smooth = world.clone();
        smooth.reach(&desired, Drift::Recreate);
        let mut rough = world.clone();
        rough.crash(&desired, Drift::Recreate, after);
        rough.reach(&desired, Drift::Recreate);
        prop_assert_eq!(&rough.table, &smooth.table);
        prop_assert_eq!(&rough.owned, &smooth.owned);

        // nor does a crash keep anything of ours from being removed
        let mut rough = world;
        rough.crash(&desired, Drift::Recreate, after);
        smooth.reach(&Desired::new(), Drift::Recreate);
        rough.reach(&Desired::new(), Drift::Recreate);
        prop_assert!(rough.owned.is_empty());
        // a service that is released to others' destinations may not have had its edit
        let left = |table: &Table| -> Vec<_> {
            table.iter().map(|(key, service)| (*key, service.destinations.clone())).collect()
        };
        prop_assert_eq!(left(&rough.table), left(&smooth.table));
    }
}

#[test]
fn order_is_add_raise_lower_delete() {
    let mut world = World::default();
    world.reach(
        &[(key(1), desired(1, &[(1, 1), (2, 5), (3, 1)]))].into(),
        Drift::Keep,
    );
    let changes = world.reach(
        &[(key(1), desired(1, &[(1, 2), (2, 1), (4, 1)]))].into(),
        Drift::Keep,
    );
    assert_eq!(
        changes,
        [
            Change::AddDestination(key(1), destination(4, 1)),
            Change::EditDestination(key(1), destination(1, 2)),
            Change::EditDestination(key(1), destination(2, 1)),
            Change::DeleteDestination(key(1), address(3)),
        ]
    );
}

#[test]
fn a_service_goes_in_one_change() {
    let mut world = World::default();
    world.reach(
        &[(key(1), desired(1, &[(1, 1), (2, 1)]))].into(),
        Drift::Keep,
    );
    assert_eq!(
        world.reach(&Desired::new(), Drift::Keep),
        [Change::DeleteService(key(1))]
    );
    assert!(world.owned.is_empty());
}

#[test]
fn a_service_with_destinations_of_others_is_released() {
    let mut world = World::default();
    world.reach(&[(key(1), desired(1, &[(1, 1)]))].into(), Drift::Keep);
    world
        .table
        .apply(&Change::AddDestination(key(1), destination(9, 1)))
        .unwrap();
    let plans = world.plan(&Desired::new(), Drift::Keep);
    let plan = plans.first().unwrap();
    assert_eq!(
        plan.changes,
        [Change::DeleteDestination(key(1), address(1))]
    );
    assert_eq!(
        plan.notes,
        [Note::ServiceReleased {
            key: key(1),
            foreign: 1
        }]
    );
    assert_eq!(plan.settled, None);
}

#[test]
fn what_is_there_and_desired_is_adopted() {
    let mut world = World::default();
    world
        .table
        .apply(&Change::AddService(service(1, false)))
        .unwrap();
    world
        .table
        .apply(&Change::AddDestination(key(1), destination(1, 7)))
        .unwrap();
    world
        .table
        .apply(&Change::AddDestination(key(1), destination(2, 7)))
        .unwrap();
    let wanted = [(key(1), desired(1, &[(1, 1)]))].into();
    let plans = world.plan(&wanted, Drift::Keep);
    assert_eq!(
        plans.first().unwrap().notes,
        [
            Note::ServiceAdopted(key(1)),
            Note::DestinationAdopted(key(1), address(1)),
            Note::ForeignDestination(key(1), address(2)),
        ]
    );
    let changes = world.reach(&wanted, Drift::Keep);
    assert_eq!(
        changes,
        [
            Change::EditService(service(1, true)),
            Change::EditDestination(key(1), destination(1, 1)),
        ]
    );
}

#[test]
fn what_failed_stays_unsettled_and_is_asked_for_again() {
    let mut world = World::default();
    let wanted = [(key(1), desired(1, &[(1, 1), (2, 1)]))].into();
    let plans = world.plan(&wanted, Drift::Keep);
    let plan = plans.first().unwrap();
    let failed = Change::AddDestination(key(1), destination(2, 1));
    for change in plan.changes.iter().filter(|change| **change != failed) {
        world.table.apply(change).unwrap();
    }
    world
        .owned
        .set(key(1), plan.settled_except(std::slice::from_ref(&failed)));
    assert!(!world.owned.get(&key(1)).unwrap().is_confirmed());
    assert_eq!(world.reach(&wanted, Drift::Keep), [failed]);
    assert!(world.owned.get(&key(1)).unwrap().is_confirmed());
}
