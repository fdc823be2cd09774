// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards what a health change costs in a large table: planning one service of 10 000 must not depend on
//! the others, and planning all of them (a reload) must stay far below its 0.2 s of CPU.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "benches")]

use std::collections::BTreeMap;

use benches::{SERVICES, service};
use criterion::{Criterion, criterion_group, criterion_main};
use lb_core::plan::{DesiredService, Drift, Owned, Table, plan, plan_service};

fn planning(criterion: &mut Criterion) {
    let mut desired = BTreeMap::new();
    let (mut table, mut owned) = (Table::default(), Owned::default());
    for (service, destinations) in (0..SERVICES).map(service) {
        let key = service.key;
        let wanted = DesiredService {
            service,
            destinations,
        };
        let plan = plan_service(&key, None, Some(&wanted), &owned, Drift::Keep);
        for change in &plan.changes {
            table.apply(change).unwrap();
        }
        owned.set(key, plan.settled);
        desired.insert(key, wanted);
    }

    // One real server of one service goes.
    let key = service(SERVICES / 2).0.key;
    let mut smaller = desired.get(&key).unwrap().clone();
    smaller.destinations.pop();
    criterion.bench_function("plan_service, one change in 10 000 × 4", |bencher| {
        bencher.iter(|| {
            let plan = plan_service(&key, table.get(&key), Some(&smaller), &owned, Drift::Keep);
            assert_eq!(plan.changes.len(), 1);
            plan
        });
    });

    let mut changed = desired.clone();
    changed.insert(key, smaller);
    let mut group = criterion.benchmark_group("whole table");
    group.sample_size(20);
    group.bench_function("plan, one change in 10 000 × 4", |bencher| {
        bencher.iter(|| {
            let plans = plan(&table, &changed, &owned, Drift::Keep);
            assert_eq!(
                plans.iter().map(|plan| plan.changes.len()).sum::<usize>(),
                1
            );
            plans
        });
    });
    group.finish();
}

criterion_group!(benches, planning);
criterion_main!(benches);
