// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole LANs of virtual routers on a virtual clock.
//!
//! A [`lan::Lan`] carries advertisements and announcements between routers and hosts, loses,
//! delays and doubles them, and checks the invariants of [`invariants`] after every step. Routers
//! track objects, have clocks of their own, and get new configurations while they run; in
//! [`groups`] they are members of sync groups on two LANs.
//!
//! A random test prints the seed when it fails, and the shortest list of events that fails too.
//! `LB_SIM_SEED=n` runs that one alone, `LB_SIM_SEEDS=n` runs the seeds below n, and
//! `LB_SIM_PCAP=FILE` with `LB_SIM_SEED` writes what went over the LAN as a capture.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]

mod election;
mod failover;
mod groups;
mod invariants;
mod lan;
mod network;
mod node;
mod partition;
mod pcap;
mod plan;
mod preemption;
mod random;
mod reload;
mod resignation;
mod tracking;

use std::time::Duration;

use lb_vrrp::{AdvertInterval, Priority, RouterConfig, RouterConfigBuilder, Version, Vrid};

/// A router of VRID 51 with VRRPv2, one second, and one virtual address.
fn router(priority: u8) -> RouterConfigBuilder {
    RouterConfig::builder(Vrid::new(51).unwrap())
        .priority(Priority::new(priority).unwrap())
        .address("192.0.2.100".parse().unwrap())
}

/// The same with VRRPv3 and an interval in centiseconds.
fn fast(priority: u8, centis: u16) -> RouterConfigBuilder {
    router(priority)
        .version(Version::V3)
        .interval(AdvertInterval::from_centis(centis).unwrap())
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
