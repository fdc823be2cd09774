// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards the cost of a health change: planning a part of one service of 10 000 must not depend on the
//! others, a weight change must not depend on the other destinations of its service, and planning all
//! services (a reload) must stay far below its 0.2 s of CPU.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "benches")]

use std::{
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};

use benches::{SERVICES, service};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lb_core::{
    dataplane::{DesiredChange, MemoryPlane, TableReconciler},
    ledger::{Identity, Ledger},
};
use lb_ipvs::{
    Destination, Drift, Owned, OwnedChange, Ownership, Part, Table, TableService, Weight, plan,
    plan_parts,
};

fn planning(criterion: &mut Criterion) {
    let desired: Table = (0..SERVICES)
        .map(service)
        .map(|(service, destinations)| TableService::new(service).with_destinations(destinations))
        .collect();
    let (mut table, mut owned) = (Table::new(), Owned::new());
    let ownership = Ownership::Recorded(&owned, Drift::Keep);
    for change in &plan(&table, &desired, ownership).changes {
        table.apply(change).unwrap();
        owned.apply(OwnedChange::result(change));
    }

    // One real server of one service goes.
    let (service, destinations) = service(SERVICES / 2);
    let gone = destinations.last().unwrap().address;
    let mut changed = desired.clone();
    let smaller = changed.service_mut(&service.key).unwrap();
    smaller.set_destination(gone, None);
    let ownership = Ownership::Recorded(&owned, Drift::Keep);
    for (name, part) in [
        ("plan_parts, a service of 10 000 × 4", Part::Whole),
        (
            "plan_parts, a destination of 10 000 × 4",
            Part::destination(gone),
        ),
    ] {
        let parts = [(service.key, part)].into();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let plan = plan_parts(&table, &changed, ownership, &parts);
                assert_eq!(plan.changes.len(), 1);
                plan
            });
        });
    }

    let mut group = criterion.benchmark_group("whole table");
    group.sample_size(20);
    group.bench_function("plan, one change in 10 000 × 4", |bencher| {
        bencher.iter(|| {
            let plan = plan(&table, &changed, ownership);
            assert_eq!(plan.changes.len(), 1);
            plan
        });
    });
    group.finish();
}

/// A weight change from the director's word to the data plane in memory, with a ledger in a file.
fn weight_change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("weight change of one destination of");
    for count in [10_u16, 1000] {
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity {
            boot_id: "bench".into(),
            namespace: 1,
        };
        let ledger = Ledger::open(directory.path().join("ledger"), identity);
        let mut reconciler = TableReconciler::new(MemoryPlane::new(), ledger.unwrap().0);
        let servers = (0..count).map(|number| {
            let [high, low] = number.to_be_bytes();
            Destination::new(SocketAddr::from(([10, 0, high, low], 80)))
        });
        let (service, _) = service(0);
        let key = service.key;
        let servers: Vec<Destination> = servers.collect();
        let large = TableService::new(service).with_destinations(servers.iter().copied());
        now(reconciler.start(Table::from_iter([large]))).unwrap();
        let server = *servers.get(usize::from(count / 2)).unwrap();
        let mut weight = 1;
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                weight = weight % 1000 + 1;
                let server = server.with_weight(Weight::new(weight).unwrap());
                let change = [(server.address, Some(server))].into();
                let changed = [(key, DesiredChange::Destinations(change))];
                let report = now(reconciler.services_changed(changed)).unwrap();
                assert!(report.applied.len() <= 1);
            });
        });
    }
    group.finish();
}

/// The result of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a data plane in memory never waits"),
    }
}

criterion_group!(benches, planning, weight_change);
criterion_main!(benches);
