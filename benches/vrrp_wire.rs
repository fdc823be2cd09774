// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards the advert path: reading and writing an advertisement must stay far below the microsecond that
//! 10 ms intervals and hundreds of virtual routers leave for it.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "benches")]

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, criterion_group, criterion_main};
use lb_vrrp::wire::Advertisement;
use lb_vrrp::{
    AddressFamily, AddressList, AdvertInterval, AdvertisedPriority, Priority, Version, Vrid,
    multicast_group,
};

/// The largest usual advertisement: 20 addresses, as keepalived's limit is.
const ADDRESSES: u8 = 20;

fn advertisement(version: Version, addresses: u8) -> Advertisement {
    let addresses = (1..=addresses).map(|last| IpAddr::from([192, 0, 2, last]));
    Advertisement {
        version,
        vrid: Vrid::new(51).unwrap(),
        priority: AdvertisedPriority::from(Priority::new(100).unwrap()),
        interval: AdvertInterval::from_centis(100).unwrap(),
        addresses: AddressList::new(addresses).unwrap(),
        auth: None,
        checksum: lb_vrrp::wire::ChecksumDialect::PseudoHeader,
    }
}

fn codec(criterion: &mut Criterion) {
    let source = IpAddr::from([192, 0, 2, 1]);
    let group = multicast_group(AddressFamily::Ipv4);
    for (version, count) in [(Version::V2, 1), (Version::V3, 1), (Version::V3, ADDRESSES)] {
        let name = format!("{version} {count} addresses");
        let advertisement = advertisement(version, count);
        let message = advertisement.to_vec(source, group);
        criterion.bench_function(&format!("advertisement parse {name}"), |bencher| {
            bencher.iter(|| Advertisement::parse(black_box(&message), source, group).unwrap());
        });
        let mut buffer = message.clone();
        criterion.bench_function(&format!("advertisement emit {name}"), |bencher| {
            bencher.iter(|| black_box(&advertisement).emit(&mut buffer, source, group));
        });
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
