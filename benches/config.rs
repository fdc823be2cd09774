// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards start and reload of a large load balancer: reading and validating 10 000 virtual servers with
//! 40 000 real servers is to take at most 0.1 s of CPU. What a configuration costs to let go is measured
//! too. With `LB_BENCH_CONFIG=DIRECTORY` the texts are written there, for `keepalived -t -f`.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::expect_used, reason = "benches")]

use std::hint::black_box;
use std::path::Path;

use benches::{Check, SERVICES, configuration};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lb_check::Registry;
use lb_core::config::{self, Mode};

fn parsing(criterion: &mut Criterion) {
    let registry = Registry::builtin();
    for (name, check) in [("TCP_CHECK", Check::Tcp), ("HTTP_GET", Check::Http)] {
        let text = configuration(check);
        if let Some(directory) = std::env::var_os("LB_BENCH_CONFIG") {
            let path = Path::new(&directory).join(format!("{name}.conf"));
            std::fs::write(path, &text).expect("the directory is writable");
        }
        let parse = || config::parse(black_box(&text), "lb.conf", &registry);
        let model = parse().into_model(Mode::Strict).expect("it is right");
        assert_eq!(model.virtual_servers.len(), usize::from(SERVICES));

        let group = format!("configuration of 10 000 × 4 with {name}");
        let mut group = criterion.benchmark_group(group);
        group.sample_size(20);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("parse", |bencher| bencher.iter_with_large_drop(parse));
        group.bench_function("drop", |bencher| {
            bencher.iter_batched(parse, drop, BatchSize::PerIteration);
        });
        group.finish();
    }
}

criterion_group!(benches, parsing);
criterion_main!(benches);
