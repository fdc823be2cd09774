// SPDX-License-Identifier: MIT OR Apache-2.0
//! Laws of plans with recorded ownership. Those of whole tables are in `table/tests.rs`.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;
use crate::{destination::Weight, scheduler::Scheduler, table::TableError};

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

fn destinations(weights: &[(u8, u32)]) -> impl Iterator<Item = Destination> {
    weights.iter().map(|(n, weight)| destination(*n, *weight))
}

/// A table of one service.
fn desired(key: u8, weights: &[(u8, u32)]) -> Table {
    let service = TableService::new(service(key, true));
    Table::from_iter([service.with_destinations(destinations(weights))])
}

/// What the tests keep: the kernel's table and the record of ownership.
#[derive(Clone, Debug, Default)]
struct World {
    table: Table,
    owned: Owned,
}

impl World {
    fn plan(&self, desired: &Table, drift: Drift) -> Plan {
        plan(
            &self.table,
            desired,
            Ownership::Recorded(&self.owned, drift),
        )
    }

    /// Plans and does all of it, and checks that nothing is refused, that no service runs empty on the
    /// way, and that the record names what is owned at every moment.
    fn reach(&mut self, desired: &Table, drift: Drift) -> Vec<Change> {
        let plan = self.plan(desired, drift);
        self.intend(&plan);
        let mut steps = vec![self.table.clone()];
        for change in &plan.changes {
            self.make(change)
                .unwrap_or_else(|refusal| panic!("{change}: {refusal}"));
            steps.push(self.table.clone());
        }
        never_empty(&steps);
        for step in plan.records {
            self.owned.apply(step);
        }
        plan.changes
    }

    fn intend(&mut self, plan: &Plan) {
        for step in plan.intents() {
            self.owned.apply(step);
        }
    }

    fn make(&mut self, change: &Change) -> Result<(), TableError> {
        self.table.apply(change)?;
        self.owned.apply(OwnedChange::result(change));
        Ok(())
    }

    /// Records the intents, does only the first changes, and ends without recording their results.
    fn crash(&mut self, desired: &Table, drift: Drift, after: usize) {
        let plan = self.plan(desired, drift);
        self.intend(&plan);
        for change in plan.changes.iter().take(after) {
            self.table.apply(change).unwrap();
        }
    }
}

fn never_empty(steps: &[Table]) {
    let serves = |table: &Table, key: &ServiceKey| {
        table
            .service(key)
            .is_some_and(|service| service.destinations().any(|one| one.weight != Weight::ZERO))
    };
    let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
    for key in first
        .keys()
        .filter(|key| serves(first, key) && serves(last, key))
    {
        assert!(
            steps.iter().all(|step| serves(step, key)),
            "{key} ran empty: {steps:#?}"
        );
    }
}

fn any_desired() -> impl Strategy<Value = Table> {
    let parts = (any::<bool>(), btree_map(0..4u8, 0..3u32, 0..4));
    btree_map(0..3u8, parts, 0..4).prop_map(|services| {
        let services = services.into_iter().map(|(n, (scheduler, weights))| {
            let weights: Vec<_> = weights.into_iter().collect();
            TableService::new(service(n, scheduler)).with_destinations(destinations(&weights))
        });
        services.collect()
    })
}

/// External changes; those that the kernel refuses do not happen.
fn any_external() -> impl Strategy<Value = Vec<Change>> {
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

/// Foreign objects, then owned ones for a first desired table, then more external changes.
fn any_world() -> impl Strategy<Value = (World, Table)> {
    (any_external(), any_desired(), any_external()).prop_map(|(before, desired, after)| {
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
fn foreign_untouched(before: &World, desired: &Table, after: &Table) {
    for service in before.table.services() {
        let key = &service.service().key;
        let owned = before.owned.get(key);
        let wanted = desired.service(key);
        if owned.is_none() && wanted.is_none() {
            assert_eq!(after.service(key), Some(service));
            continue;
        }
        for destination in service.destinations() {
            let address = destination.address;
            let is_owned = owned.is_some_and(|owned| owned.destination(address).is_some());
            let is_wanted = wanted.is_some_and(|wanted| wanted.destination(address).is_some());
            if !is_owned && !is_wanted {
                let kept = after
                    .service(key)
                    .and_then(|service| service.destination(address));
                assert_eq!(kept, Some(destination), "{address} of {key} was not owned");
            }
        }
    }
}

/// The record names every desired object of the table.
fn record_is_complete(desired: &Table, after: &World) {
    for wanted in desired.services() {
        let key = &wanted.service().key;
        let owned = after.owned.get(key);
        assert!(owned.is_some(), "{key} is not recorded");
        for destination in wanted.destinations() {
            let record = owned.and_then(|owned| owned.destination(destination.address));
            assert_eq!(record, Some(Record::Confirmed(*destination)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shared_services_change_nothing_but_memory(
        steps in vec((any_desired(), any_external(), 0..3usize, any::<bool>()), 1..6),
    ) {
        let (mut plain, mut sharing) = (World::default(), World::default());
        for (desired, external, crash, crashes) in steps {
            for world in [&mut plain, &mut sharing] {
                for change in &external {
                    let _ = world.table.apply(change);
                }
                if crashes {
                    world.crash(&desired, Drift::Keep, crash);
                }
            }
            let expected = plain.reach(&desired, Drift::Overwrite);
            prop_assert_eq!(sharing.reach(&desired, Drift::Overwrite), expected);
            for key in desired.keys() {
                sharing.table.share_service(key, &desired);
                sharing.owned.share_service(key, &desired);
            }
            prop_assert_eq!(&sharing.table, &plain.table);
            prop_assert_eq!(&sharing.owned, &plain.owned);
            // Changes of the table that shares do not reach the desired one.
            let before = desired.services().cloned().collect::<Table>();
            for change in &external {
                let results = [&mut plain, &mut sharing].map(|world| world.table.apply(change).is_ok());
                prop_assert_eq!(results[0], results[1]);
            }
            prop_assert_eq!(desired, before);
        }
    }

    #[test]
    fn overwriting_reaches_the_desired_and_leaves_the_rest(
        (mut world, _) in any_world(),
        desired in any_desired(),
    ) {
        let before = world.clone();
        world.reach(&desired, Drift::Overwrite);
        foreign_untouched(&before, &desired, &world.table);
        record_is_complete(&desired, &world);
        for wanted in desired.services() {
            let actual = world.table.service(&wanted.service().key).unwrap();
            prop_assert_eq!(actual.service(), wanted.service());
            for destination in wanted.destinations() {
                prop_assert_eq!(actual.destination(destination.address), Some(destination));
            }
        }
        for (key, owned) in before.owned.iter() {
            let wanted = desired.service(key);
            let Some(actual) = world.table.service(key) else {
                prop_assert!(wanted.is_none());
                continue;
            };
            for (address, _) in owned.destinations() {
                let is_wanted = wanted.is_some_and(|wanted| wanted.destination(address).is_some());
                prop_assert_eq!(actual.destination(address).is_some(), is_wanted);
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
    fn owning_everything_equals_overwriting_all_that_is_recorded(
        actual in any_desired(),
        desired in any_desired(),
    ) {
        let mut world = World::default();
        world.reach(&actual, Drift::Keep);
        let recorded = world.plan(&desired, Drift::Overwrite);
        let all = plan(&actual, &desired, Ownership::All);
        prop_assert_eq!(&all.changes, &recorded.changes);
        prop_assert_eq!(all.records, vec![]);
        prop_assert_eq!(all.notes, vec![]);
    }

    #[test]
    fn only_what_is_desired_otherwise_is_touched(
        (mut world, old) in any_world(),
        new in any_desired(),
    ) {
        let before = world.clone();
        let changes = world.reach(&new, Drift::Keep);
        foreign_untouched(&before, &new, &world.table);
        for change in changes {
            let key = change.key();
            // a service that was deleted externally is made again, complete
            if before.table.service(&key).is_none() {
                prop_assert!(old.service(&key) != new.service(&key));
                continue;
            }
            let find = |desired: &Table| {
                let service = desired.service(&key)?;
                match touched_destination(&change) {
                    None => Some((Some(service.service().clone()), None)),
                    Some(address) => Some((None, service.destination(address).copied())),
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
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
        let differ = |key: &ServiceKey| old.service(key) != new.service(key);
        let parts = keys.into_iter().filter(differ).map(|key| (key, Part::Whole)).collect();
        let ownership = Ownership::Recorded(&world.owned, Drift::Keep);
        let incremental = plan_parts(&world.table, &new, ownership, &parts);
        prop_assert_eq!(incremental.changes, world.reach(&new, Drift::Keep));
    }

    #[test]
    fn planning_only_destinations_that_changed_equals_planning_all(
        (mut world, old) in any_world(),
        new in any_desired(),
    ) {
        let mut parts = BTreeMap::new();
        for key in old.keys().chain(new.keys()) {
            let part = match (old.service(key), new.service(key)) {
                (Some(old), Some(new)) if old.service() == new.service() => {
                    let addresses = old.destinations().chain(new.destinations()).map(|one| one.address);
                    let differ = |address: &SocketAddr| {
                        old.destination(*address) != new.destination(*address)
                    };
                    Part::Destinations(addresses.filter(differ).collect())
                }
                _ => Part::Whole,
            };
            parts.insert(*key, part);
        }
        let ownership = Ownership::Recorded(&world.owned, Drift::Keep);
        let partial = plan_parts(&world.table, &new, ownership, &parts);
        let mut other = world.clone();
        prop_assert_eq!(&partial.changes, &world.reach(&new, Drift::Keep));
        other.intend(&partial);
        for change in &partial.changes {
            other.make(change).unwrap();
        }
        for step in partial.records {
            other.owned.apply(step);
        }
        prop_assert_eq!(other.owned, world.owned);
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

        // nor does a crash keep anything that is owned from being removed
        let mut rough = world;
        rough.crash(&desired, Drift::Recreate, after);
        smooth.reach(&Table::new(), Drift::Recreate);
        rough.reach(&Table::new(), Drift::Recreate);
        prop_assert!(rough.owned.is_empty());
        // a service that is released with foreign destinations may not have had its edit
        let left = |table: &Table| -> Vec<_> {
            let services = table.services();
            services.map(|one| (one.service().key, one.destinations.clone())).collect()
        };
        prop_assert_eq!(left(&rough.table), left(&smooth.table));
    }
}

/// The destination of a change; `None` when it is about the service itself.
const fn touched_destination(change: &Change) -> Option<SocketAddr> {
    match change {
        Change::AddDestination(_, destination) | Change::EditDestination(_, destination) => {
            Some(destination.address)
        }
        Change::DeleteDestination(_, address) => Some(*address),
        _ => None,
    }
}

#[test]
fn order_is_add_raise_lower_delete() {
    let mut world = World::default();
    world.reach(&desired(1, &[(1, 1), (2, 5), (3, 1)]), Drift::Keep);
    let changes = world.reach(&desired(1, &[(1, 2), (2, 1), (4, 1)]), Drift::Keep);
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
fn a_new_service_has_its_destinations_in_the_desired_order() {
    let mut world = World::default();
    assert_eq!(
        world.reach(&desired(1, &[(3, 1), (1, 1), (2, 1)]), Drift::Keep),
        [
            Change::AddService(service(1, true)),
            Change::AddDestination(key(1), destination(3, 1)),
            Change::AddDestination(key(1), destination(1, 1)),
            Change::AddDestination(key(1), destination(2, 1)),
        ]
    );
}

#[test]
fn a_service_goes_in_one_change() {
    let mut world = World::default();
    world.reach(&desired(1, &[(1, 1), (2, 1)]), Drift::Keep);
    assert_eq!(
        world.reach(&Table::new(), Drift::Keep),
        [Change::DeleteService(key(1))]
    );
    assert!(world.owned.is_empty());
}

#[test]
fn a_service_with_foreign_destinations_is_released() {
    let mut world = World::default();
    world.reach(&desired(1, &[(1, 1)]), Drift::Keep);
    world
        .table
        .apply(&Change::AddDestination(key(1), destination(9, 1)))
        .unwrap();
    let plan = world.plan(&Table::new(), Drift::Keep);
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
    world.reach(&Table::new(), Drift::Keep);
    assert!(world.owned.is_empty());
}

#[test]
fn what_is_there_and_desired_is_adopted() {
    let mut world = World::default();
    for change in [
        Change::AddService(service(1, false)),
        Change::AddDestination(key(1), destination(1, 7)),
        Change::AddDestination(key(1), destination(2, 7)),
    ] {
        world.table.apply(&change).unwrap();
    }
    let wanted = desired(1, &[(1, 1)]);
    assert_eq!(
        world.plan(&wanted, Drift::Keep).notes,
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
fn what_failed_stays_unconfirmed_and_is_requested_again() {
    let mut world = World::default();
    let wanted = desired(1, &[(1, 1), (2, 1)]);
    let plan = world.plan(&wanted, Drift::Keep);
    let failed = Change::AddDestination(key(1), destination(2, 1));
    world.intend(&plan);
    for change in plan.changes.iter().filter(|change| **change != failed) {
        world.make(change).unwrap();
    }
    assert!(!world.owned.get(&key(1)).unwrap().is_confirmed());
    assert_eq!(world.reach(&wanted, Drift::Keep), [failed]);
    assert!(world.owned.get(&key(1)).unwrap().is_confirmed());
}
