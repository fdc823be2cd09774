// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cost of many desired states that arrive while changes are applied.

use super::*;

const ROUTERS: u32 = 1000;
const ADDRESSES: u32 = 4;

fn addresses(router: u32) -> impl Iterator<Item = Desired> {
    let link = Arc::new(Link::new(2, "eth0"));
    (0..ADDRESSES).map(move |number| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + router * ADDRESSES + number);
        let object = Address::new(Arc::clone(&link), address.into(), 32).into();
        Desired::new(object).with_awaited(true)
    })
}

/// One desired state arrives after each change: the worst case.
#[test]
fn mass_failover_costs_one_change_for_each_address() {
    let mut bench = Bench::new();
    let started = Instant::now();
    let mut plans = 0;
    for generation in 1..=2 {
        for router in 0..ROUTERS {
            bench
                .reconciler
                .set_desired(&router, generation, addresses(router));
            plans += 1;
            if generation == 1
                && let Some(change) = bench.reconciler.next_change(bench.now)
            {
                let result = bench.host.apply(&change);
                bench.reconciler.handle_result(bench.now, change, result);
            }
        }
    }
    bench.run();
    let elapsed = started.elapsed();
    let changes = bench.host.take_log().len();
    println!("{plans} desired states, {changes} changes, {elapsed:?}");
    assert_eq!(changes, (ROUTERS * ADDRESSES) as usize);
    let mut ready = 0;
    while let Some(report) = bench.reconciler.next_report() {
        ready += u32::from(matches!(report, Report::Ready { .. }));
    }
    assert!(ready >= ROUTERS * ADDRESSES, "{ready}");
}
