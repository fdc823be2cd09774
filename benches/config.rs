// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards start and reload of a large load balancer: reading and validating 10 000 virtual servers with
//! 40 000 real servers is to take at most 0.1 s of CPU (`keepalived -t` of 2.2.7: 0.36 s). What a valid
//! configuration costs to let go is measured too.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "benches")]

use std::hint::black_box;

use benches::{SERVICES, configuration};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lb_check::Registry;
use lb_core::config::{self, Mode};

fn parsing(criterion: &mut Criterion) {
    let (text, registry) = (configuration(), Registry::builtin());
    let parse = || config::parse(black_box(&text), "lb.conf", &registry);
    let model = parse().into_model(Mode::Strict).expect("it is right");
    assert_eq!(model.virtual_servers.len(), usize::from(SERVICES));

    let mut group = criterion.benchmark_group("configuration of 10 000 × 4");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter_with_large_drop(parse));
    group.bench_function("drop", |bencher| {
        bencher.iter_batched(parse, drop, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
