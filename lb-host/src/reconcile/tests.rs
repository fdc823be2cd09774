// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reconciler against a host in memory.

mod laws;
mod mass;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::interface::Link;
use crate::memory::MemoryHost;
use crate::object::{Address, Shield};
use crate::plan;

/// A reconciler for claimants with numbers, its host and its clock.
#[derive(Debug)]
struct Bench {
    host: MemoryHost,
    reconciler: Reconciler<u32>,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            host: MemoryHost::default(),
            reconciler: Reconciler::default(),
            now: Instant::now(),
        }
    }

    /// Applies all changes that can be applied now.
    fn run(&mut self) {
        while let Some(change) = self.reconciler.next_change(self.now) {
            let result = self.host.apply(&change);
            self.reconciler.handle_result(self.now, change, result);
        }
    }

    fn log(&self) -> Vec<String> {
        self.host.take_log().iter().map(Change::to_string).collect()
    }

    fn reports(&mut self) -> Vec<String> {
        let mut reports = Vec::new();
        while let Some(report) = self.reconciler.next_report() {
            reports.push(match report {
                Report::Ready {
                    claimant,
                    generation,
                    object,
                    is_external,
                } => {
                    let external = if is_external { " external" } else { "" };
                    format!("{claimant}.{generation} ready{external}: {object}")
                }
                Report::Restored { claimant, object } => format!("{claimant} restored: {object}"),
                Report::Failed {
                    claimant,
                    change,
                    error,
                } => format!("{claimant:?} failed: {change}: {error}"),
                Report::Recovered { claimant, change } => {
                    format!("{claimant:?} recovered: {change}")
                }
            });
        }
        reports
    }

    fn desire(&mut self, claimant: u32, generation: u64, addresses: &[u8]) {
        let desired = addresses
            .iter()
            .map(|last| Desired::new(address(*last)).with_awaited(true));
        self.reconciler.set_desired(&claimant, generation, desired);
        self.run();
    }

    /// Lets time pass up to the next attempts, several times.
    fn retry(&mut self, times: u32) {
        for _ in 0..times {
            self.now = self.reconciler.next_timeout().expect("a retry");
            self.run();
        }
    }
}

fn address_with(last: u8, prefix_len: u8) -> HostObject {
    let eth0 = Arc::new(Link::new(2, "eth0"));
    Address::new(eth0, [192, 0, 2, last].into(), prefix_len).into()
}

fn address(last: u8) -> HostObject {
    address_with(last, 32)
}

fn shield(last: u8) -> HostObject {
    let eth0 = Arc::new(Link::new(2, "eth0"));
    Shield::new(eth0, [192, 0, 2, last].into()).into()
}

fn route(last: u8) -> HostObject {
    let eth0 = Arc::new(Link::new(2, "eth0"));
    plan::tests::route(&eth0, [198, 51, 100, last].into())
}

fn rule(priority: u8) -> HostObject {
    plan::tests::rule(priority)
}

const NONE: [&str; 0] = [];

#[test]
fn desired_objects_are_added_reported_once_and_removed() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100, 101]);
    assert_eq!(
        bench.log(),
        [
            "add address 192.0.2.100/32 dev eth0",
            "add address 192.0.2.101/32 dev eth0"
        ]
    );
    assert_eq!(
        bench.reports(),
        [
            "1.1 ready: address 192.0.2.100/32 dev eth0",
            "1.1 ready: address 192.0.2.101/32 dev eth0"
        ]
    );
    bench.desire(1, 1, &[100, 101]);
    assert_eq!((bench.log(), bench.reports()), (vec![], vec![]));
    bench.desire(1, 2, &[101]);
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
    assert_eq!(
        bench.reports(),
        ["1.2 ready: address 192.0.2.101/32 dev eth0"],
        "another generation"
    );
    bench.desire(1, 2, &[]);
    assert_eq!(bench.log(), ["remove address 192.0.2.101/32 dev eth0"]);
    assert_eq!(bench.reconciler.held().count(), 0);
    assert!(bench.reconciler.entries.is_empty(), "nothing is kept");
}

#[test]
fn changed_attributes_replace_the_object() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench.log();
    let other = Desired::new(address_with(100, 24));
    bench.reconciler.set_desired(&1, 1, [other]);
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "remove address 192.0.2.100/32 dev eth0",
            "add address 192.0.2.100/24 dev eth0"
        ]
    );
}

#[test]
fn replacement_waits_until_the_removal_succeeds() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench.log();
    bench
        .host
        .set_fault(|change| (!change.is_add()).then(|| io::ErrorKind::PermissionDenied.into()));
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(address_with(100, 24))]);
    bench.run();
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
    assert!(bench.reconciler.has_surplus());
    bench.host.clear_fault();
    bench.retry(1);
    assert_eq!(bench.log().len(), 2);
    assert_eq!(bench.host.objects(), [address_with(100, 24)]);
    assert!(!bench.reconciler.has_surplus());
}

#[test]
fn object_of_two_claimants_stays_with_the_second() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench.desire(2, 5, &[100]);
    bench.log();
    assert_eq!(
        bench.reports(),
        ["1.1 ready: address 192.0.2.100/32 dev eth0"]
    );
    bench.desire(1, 1, &[]);
    assert_eq!(bench.log(), NONE);
    assert_eq!(
        bench.reports(),
        ["2.5 ready: address 192.0.2.100/32 dev eth0"]
    );
    bench.desire(2, 5, &[]);
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
}

#[test]
fn failure_is_reported_once_retried_and_its_end_reported_once() {
    let mut bench = Bench::new();
    let start = bench.now;
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
    bench.desire(1, 1, &[100]);
    assert_eq!(
        bench.reports(),
        ["Some(1) failed: add address 192.0.2.100/32 dev eth0: permission denied"]
    );
    let key = address(100).key();
    assert_eq!(bench.reconciler.failure(&key), Some("permission denied"));
    bench.retry(9);
    assert_eq!(bench.now, start + Duration::from_secs(9), "every second");
    bench.retry(4);
    assert_eq!(bench.now, start + Duration::from_secs(9 + 1 + 2 + 4 + 8));
    bench.retry(30);
    assert_eq!(bench.reports(), NONE);
    bench.host.clear_fault();
    bench.log();
    bench.retry(1);
    assert_eq!(bench.log(), ["add address 192.0.2.100/32 dev eth0"]);
    assert_eq!(
        bench.reports(),
        [
            "Some(1) recovered: add address 192.0.2.100/32 dev eth0",
            "1.1 ready: address 192.0.2.100/32 dev eth0"
        ]
    );
    assert_eq!(bench.reconciler.next_timeout(), None);
}

#[test]
fn failure_of_an_object_that_is_no_longer_desired_is_forgotten() {
    let mut bench = Bench::new();
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
    bench.desire(1, 1, &[100]);
    bench.desire(1, 1, &[]);
    assert_eq!(bench.reconciler.next_timeout(), None);
    assert!(bench.reconciler.entries.is_empty());
}

#[test]
fn object_that_may_have_been_added_is_removed() {
    let mut bench = Bench::new();
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::TimedOut.into()));
    bench.desire(1, 1, &[100]);
    bench.host.clear_fault();
    bench.log();
    bench.desire(1, 1, &[]);
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
}

#[test]
fn missing_object_is_restored_and_reported_if_it_was_missing() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench.reports();
    let key = address(100).key();
    bench.host.delete(&key);
    assert!(bench.reconciler.handle_missing(&key));
    bench.run();
    assert_eq!(
        bench.reports(),
        [
            "1 restored: address 192.0.2.100/32 dev eth0",
            "1.1 ready: address 192.0.2.100/32 dev eth0"
        ]
    );
    // A late notification: the object is there.
    bench.reconciler.handle_missing(&key);
    bench.run();
    assert_eq!(
        bench.reports(),
        ["1.1 ready: address 192.0.2.100/32 dev eth0"]
    );
    assert!(!bench.reconciler.handle_missing(&address(101).key()));
}

#[test]
fn missing_object_is_removed_all_the_same_when_it_is_not_desired() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench.log();
    bench.reconciler.handle_missing(&address(100).key());
    bench.desire(1, 1, &[]);
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
}

#[test]
fn object_whose_restoration_failed_is_removed_all_the_same() {
    let mut bench = Bench::new();
    bench.reconciler.set_desired(&1, 1, [Desired::new(rule(1))]);
    bench.run();
    // The report is wrong: the rule is there.
    bench.reconciler.handle_missing(&rule(1).key());
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
    bench.run();
    bench.host.clear_fault();
    bench.log();
    bench.reconciler.set_desired(&1, 1, []);
    bench.run();
    assert_eq!(bench.host.objects(), []);
}

#[test]
fn object_without_restoration_is_added_once() {
    let mut bench = Bench::new();
    let once = || [Desired::new(address(100)).with_restored(false)];
    bench.reconciler.set_desired(&1, 1, once());
    bench.run();
    bench.log();
    bench.reconciler.handle_missing(&address(100).key());
    bench.reconciler.set_desired(&1, 1, once());
    bench.run();
    assert_eq!(bench.log(), NONE);
}

#[test]
fn existing_object_is_kept_where_the_claimant_asks_for_it() {
    for (keeps, is_left) in [(true, true), (false, false)] {
        let mut bench = Bench::new();
        bench.host.insert(address(100));
        let desired = || {
            Desired::new(address(100))
                .with_awaited(true)
                .with_existing_kept(keeps)
        };
        bench.reconciler.set_desired(&1, 1, [desired()]);
        bench.run();
        let external = if keeps { " external" } else { "" };
        assert_eq!(
            bench.reports(),
            [format!(
                "1.1 ready{external}: address 192.0.2.100/32 dev eth0"
            )]
        );
        // A stale notification does not change whose it is.
        bench.reconciler.handle_missing(&address(100).key());
        bench.run();
        bench.desire(1, 1, &[]);
        assert_eq!(!bench.host.objects().is_empty(), is_left);
        assert!(bench.reconciler.entries.is_empty());
    }
}

#[test]
fn object_that_a_keeping_claimant_added_is_not_taken_for_external() {
    let mut bench = Bench::new();
    let desired = Desired::new(address(100)).with_existing_kept(true);
    bench.reconciler.set_desired(&1, 1, [desired]);
    bench.run();
    bench.reconciler.handle_missing(&address(100).key());
    bench.run();
    bench.desire(1, 1, &[]);
    assert_eq!(bench.host.objects(), []);
}

#[test]
fn adopted_object_stays_unannounced_or_is_removed() {
    let mut bench = Bench::new();
    bench.host.insert(address(100));
    bench.host.insert(address(101));
    for last in [100, 101] {
        let adopted = Adopted::new(address(last)).with_generation(1);
        bench.reconciler.adopt(Some(&1), adopted);
    }
    bench.desire(1, 1, &[100]);
    assert_eq!(bench.log(), ["remove address 192.0.2.101/32 dev eth0"]);
    assert_eq!(bench.reports(), NONE);
    bench.desire(1, 2, &[100]);
    assert_eq!(bench.log(), NONE);
    assert_eq!(
        bench.reports(),
        ["1.2 ready: address 192.0.2.100/32 dev eth0"]
    );
}

#[test]
fn adopted_object_that_was_not_seen_is_added_without_a_report() {
    let mut bench = Bench::new();
    let adopted = Adopted::new(address(100)).with_seen(false);
    bench.reconciler.adopt(Some(&1), adopted);
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(address(100))]);
    bench.run();
    assert_eq!(bench.log(), ["add address 192.0.2.100/32 dev eth0"]);
    assert_eq!(bench.reports(), NONE);
}

#[test]
fn owned_objects_continue_in_another_reconciler() {
    let mut bench = Bench::new();
    bench.host.insert(address(102));
    let kept = Desired::new(address(102)).with_existing_kept(true);
    bench.reconciler.set_desired(&2, 1, [kept]);
    bench.desire(1, 3, &[101, 100]);
    bench.reports();
    bench.reconciler.handle_missing(&address(101).key());
    let owned = bench.reconciler.owned();
    let described: Vec<_> = owned
        .iter()
        .map(|(claimant, adopted)| {
            let Adopted {
                object,
                generation,
                is_external,
                is_seen,
            } = adopted;
            let (object, claimant) = (object.to_string(), claimant.unwrap());
            (object, claimant, *generation, *is_external, *is_seen)
        })
        .collect();
    let name = |last| address(last).to_string();
    assert_eq!(
        described,
        [
            (name(101), 1, 3, false, false),
            (name(100), 1, 3, false, true),
            (name(102), 2, 0, true, true),
        ]
    );

    let mut next = Reconciler::default();
    for (claimant, adopted) in owned {
        next.adopt(claimant.as_ref(), adopted);
    }
    bench.reconciler = next;
    bench.log();
    bench.desire(1, 3, &[100]);
    assert_eq!(bench.log(), ["remove address 192.0.2.101/32 dev eth0"]);
    assert_eq!(bench.reports(), NONE);
}

#[test]
fn shield_is_there_before_its_address_and_until_it_is_gone() {
    let mut bench = Bench::new();
    let both = || {
        [address(100), shield(100), address(101), shield(101)]
            .into_iter()
            .map(Desired::new)
    };
    bench.reconciler.set_desired(&1, 1, both());
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "add shield of 192.0.2.100 dev eth0",
            "add shield of 192.0.2.101 dev eth0",
            "add address 192.0.2.100/32 dev eth0",
            "add address 192.0.2.101/32 dev eth0"
        ]
    );
    let is_removal_of_address =
        |change: &Change| matches!(change, Change::Remove(HostObject::Address(_)));
    bench.host.set_fault(move |change| {
        is_removal_of_address(change).then(|| io::ErrorKind::PermissionDenied.into())
    });
    bench.reconciler.set_desired(&1, 1, []);
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "remove address 192.0.2.101/32 dev eth0",
            "remove address 192.0.2.100/32 dev eth0"
        ],
        "the shields wait"
    );
    bench.host.clear_fault();
    bench.retry(1);
    assert_eq!(bench.host.objects(), []);
    let log = bench.log();
    assert_eq!(
        log.last().map(String::as_str),
        Some("remove shield of 192.0.2.100 dev eth0"),
        "{log:?}"
    );
    assert!(bench.reconciler.entries.is_empty());
}

#[test]
fn shield_that_fails_does_not_hold_up_its_address() {
    let mut bench = Bench::new();
    bench.host.set_fault(|change| {
        let is_shield = matches!(change.object(), HostObject::Shield(_));
        is_shield.then(|| io::ErrorKind::PermissionDenied.into())
    });
    let both = [address(100), shield(100)].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, both);
    bench.run();
    assert_eq!(bench.host.objects(), [address(100)]);
    bench.host.clear_fault();
    bench.retry(1);
    assert_eq!(bench.host.objects(), [address(100), shield(100)]);
}

#[test]
fn awaited_addresses_come_first() {
    let mut bench = Bench::new();
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(address(1)), Desired::new(address(2))]);
    bench
        .reconciler
        .set_desired(&2, 1, [Desired::new(address(100)).with_awaited(true)]);
    bench.run();
    assert_eq!(bench.log()[0], "add address 192.0.2.100/32 dev eth0");
}

#[test]
fn gone_interface_takes_its_objects_and_claims() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100]);
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
    bench.desire(1, 1, &[100, 101]);
    bench.log();
    bench.reconciler.handle_link_gone(2);
    bench.run();
    assert_eq!(bench.log(), NONE);
    assert_eq!(bench.reconciler.next_timeout(), None);
    bench.host.clear_fault();
    bench.desire(1, 1, &[100]);
    assert_eq!(bench.log(), ["add address 192.0.2.100/32 dev eth0"]);
}

#[test]
fn shields_of_an_interface_that_is_gone_are_removed() {
    let mut bench = Bench::new();
    let both = [address(100), shield(100)].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, both);
    bench.run();
    bench.log();
    bench.host.delete(&address(100).key());
    bench.reconciler.handle_link_gone(2);
    bench.run();
    assert_eq!(bench.log(), ["remove shield of 192.0.2.100 dev eth0"]);
    assert_eq!(bench.reconciler.held().count(), 0);
}

#[test]
fn shields_are_added_and_removed_in_groups() {
    let mut bench = Bench::new();
    let objects: Vec<HostObject> = (100..103)
        .flat_map(|last| [address(last), shield(last)])
        .collect();
    bench
        .reconciler
        .set_desired(&1, 1, objects.iter().cloned().map(Desired::new));
    let take = |bench: &mut Bench| {
        let now = bench.now;
        let changes = bench.reconciler.next_changes(now);
        for change in &changes {
            let result = bench.host.apply(change);
            bench.reconciler.handle_result(now, change.clone(), result);
        }
        changes.len()
    };
    assert_eq!(
        [take(&mut bench), take(&mut bench)],
        [3, 1],
        "the shields, then an address"
    );
    bench.run();
    bench.reconciler.set_desired(&1, 1, []);
    let sizes: Vec<usize> = std::iter::repeat_with(|| take(&mut bench))
        .take(4)
        .collect();
    assert_eq!(sizes, [1, 1, 1, 3]);
}

#[test]
fn removing_only_adds_nothing() {
    let mut bench = Bench::new();
    bench.desire(1, 1, &[100, 101]);
    bench.log();
    bench.reconciler.remove_only();
    bench.reconciler.handle_missing(&address(101).key());
    bench.desire(1, 1, &[101]);
    assert_eq!(bench.log(), ["remove address 192.0.2.100/32 dev eth0"]);
    assert!(!bench.reconciler.has_surplus());
}

#[test]
fn routes_and_rules_follow_their_addresses_and_go_before_them() {
    let mut bench = Bench::new();
    let objects = [rule(9), route(2), route(1), address(100), rule(3)].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, objects);
    bench.run();
    let added = [
        "add address 192.0.2.100/32 dev eth0",
        "add route 198.51.100.2 dev eth0",
        "add route 198.51.100.1 dev eth0",
        "add rule 9: from all lookup 100",
        "add rule 3: from all lookup 100",
    ];
    assert_eq!(bench.log(), added);
    bench.desire(1, 1, &[]);
    let mut removed = added.map(|line| line.replace("add", "remove"));
    removed.reverse();
    let removed = removed.map(|line| line.replace("removeress", "address"));
    assert_eq!(bench.log(), removed);
}

#[test]
fn routes_are_confirmed_after_an_address_is_removed_without_a_report() {
    let mut bench = Bench::new();
    let objects = || [address(100), route(1), rule(1)].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, objects());
    bench.desire(2, 1, &[101, 102]);
    bench.reports();
    bench.log();
    // The kernel removes the route with its source address.
    bench.host.delete(&route(1).key());
    bench.desire(2, 1, &[]);
    assert_eq!(
        bench.log(),
        [
            "remove address 192.0.2.102/32 dev eth0",
            "remove address 192.0.2.101/32 dev eth0",
            "add route 198.51.100.1 dev eth0",
            "add rule 1: from all lookup 100"
        ],
        "once after both"
    );
    assert_eq!(bench.reports(), NONE);
}

#[test]
fn routes_that_another_program_deleted_are_restored_and_reported() {
    let mut bench = Bench::new();
    let once = Desired::new(route(3)).with_restored(false);
    let objects = [Desired::new(route(1)), Desired::new(route(2)), once];
    bench.reconciler.set_desired(&1, 1, objects);
    bench.run();
    bench.log();
    for last in [1, 3] {
        bench.host.delete(&route(last).key());
    }
    bench.reconciler.handle_routing_disturbed();
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "add route 198.51.100.1 dev eth0",
            "add route 198.51.100.2 dev eth0"
        ]
    );
    assert_eq!(bench.reports(), ["1 restored: route 198.51.100.1 dev eth0"]);
}

#[test]
fn refused_route_is_tried_again_when_routes_are_disturbed_and_not_removed() {
    let mut bench = Bench::new();
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::NetworkUnreachable.into()));
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(route(1))]);
    bench.run();
    bench.retry(20);
    bench.log();
    bench.reconciler.handle_routing_disturbed();
    bench.run();
    assert_eq!(bench.log(), ["add route 198.51.100.1 dev eth0"]);
    bench.desire(1, 1, &[]);
    assert_eq!(bench.log(), NONE);
}

fn macvlan(vrid: u8) -> HostObject {
    plan::tests::macvlan(&Arc::new(Link::new(2, "eth0")), vrid, vrid)
}

fn setting(number: u8) -> HostObject {
    plan::tests::setting(&Arc::new(Link::new(2, "eth0")), number)
}

fn link_up() -> HostObject {
    HostObject::LinkUp(Arc::new(Link::new(2, "eth0")))
}

#[test]
fn forgotten_object_is_neither_added_nor_removed() {
    let mut bench = Bench::new();
    let link = Arc::new(Link::new(2, "eth0"));
    let [held, failed] = ["192.0.2.1", "192.0.2.2"].map(|text| {
        let address = text.parse().expect("an address");
        HostObject::from(Address::new(Arc::clone(&link), address, 24))
    });
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(held.clone())]);
    bench.run();
    bench
        .host
        .set_fault(|_| Some(io::ErrorKind::PermissionDenied.into()));
    let both = [held.clone(), failed.clone()].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, both);
    bench.run();
    bench.host.clear_fault();
    bench.log();
    for object in [&held, &failed] {
        bench.reconciler.forget(&object.key());
    }
    bench.now += Duration::from_secs(10);
    bench.reconciler.set_desired(&1, 1, []);
    bench.run();
    assert_eq!(bench.log(), [""; 0]);
    assert_eq!(bench.reconciler.next_timeout(), None);
    assert!(bench.reconciler.owned().is_empty());
    assert_eq!(bench.host.objects(), [held]);
}

#[test]
fn settings_are_raised_first_and_restored_before_the_macvlans_that_record_them() {
    let mut bench = Bench::new();
    let objects = [
        macvlan(51),
        address(100),
        shield(100),
        link_up(),
        setting(0),
    ];
    bench
        .reconciler
        .set_desired(&1, 1, objects.map(Desired::new));
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "add arp_ignore of eth0",
            "add state up of eth0",
            "add shield of 192.0.2.100 dev eth0",
            "add address 192.0.2.100/32 dev eth0",
            "add macvlan vrrp.51 dev eth0"
        ]
    );
    bench.desire(1, 1, &[]);
    assert_eq!(
        bench.log(),
        [
            "remove address 192.0.2.100/32 dev eth0",
            "remove shield of 192.0.2.100 dev eth0",
            "remove arp_ignore of eth0",
            "remove macvlan vrrp.51 dev eth0",
            "remove state up of eth0"
        ]
    );
    assert!(bench.reconciler.entries.is_empty());
}

#[test]
fn setting_stays_with_the_last_macvlan_that_needs_it() {
    let mut bench = Bench::new();
    for claimant in [1, 2] {
        let vrid = u8::try_from(claimant).expect("small");
        let objects = [macvlan(vrid), setting(0), setting(1)].map(Desired::new);
        bench.reconciler.set_desired(&claimant, 1, objects);
    }
    bench.run();
    bench.log();
    bench.desire(1, 1, &[]);
    assert_eq!(bench.log(), ["remove macvlan vrrp.1 dev eth0"]);
    bench.desire(2, 1, &[]);
    assert_eq!(
        bench.log(),
        [
            "remove arp_announce of eth0",
            "remove arp_ignore of eth0",
            "remove macvlan vrrp.2 dev eth0"
        ]
    );
}

#[test]
fn changed_macvlan_is_replaced() {
    let mut bench = Bench::new();
    let with_mac = |mac| {
        let eth0 = Arc::new(Link::new(2, "eth0"));
        Desired::new(plan::tests::macvlan(&eth0, 51, mac))
    };
    bench.reconciler.set_desired(&1, 1, [with_mac(1)]);
    bench.run();
    bench.log();
    bench.reconciler.set_desired(&1, 1, [with_mac(2)]);
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "remove macvlan vrrp.51 dev eth0",
            "add macvlan vrrp.51 dev eth0"
        ]
    );
}

#[test]
fn macvlans_are_removed_in_one_group_and_nothing_else_is() {
    let mut bench = Bench::new();
    let objects = [
        macvlan(51),
        macvlan(52),
        macvlan(53),
        address(100),
        address(101),
    ];
    bench
        .reconciler
        .set_desired(&1, 1, objects.map(Desired::new));
    let next = |bench: &mut Bench| -> Vec<String> {
        let changes = bench.reconciler.next_changes(bench.now);
        for change in &changes {
            let result = bench.host.apply(change);
            bench
                .reconciler
                .handle_result(bench.now, change.clone(), result);
        }
        changes.iter().map(Change::to_string).collect()
    };
    for _ in 0..5 {
        assert_eq!(next(&mut bench).len(), 1);
    }
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(macvlan(52))]);
    for _ in 0..2 {
        assert_eq!(next(&mut bench).len(), 1);
    }
    let both = [
        "remove macvlan vrrp.53 dev eth0",
        "remove macvlan vrrp.51 dev eth0",
    ];
    assert_eq!(next(&mut bench), both);
    assert_eq!(next(&mut bench), NONE);
}

#[test]
fn awaited_state_of_a_link_comes_right_before_its_first_address() {
    let mut bench = Bench::new();
    for index in [1, 2] {
        let link = Arc::new(Link::new(index, format!("vrrp.{index}")));
        let address = Address::new(Arc::clone(&link), [192, 0, 2, 1].into(), 32);
        let objects = [HostObject::LinkUp(link), address.into()];
        let objects = objects.map(|object| Desired::new(object).with_awaited(true));
        bench.reconciler.set_desired(&index, 1, objects);
    }
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "add state up of vrrp.1",
            "add address 192.0.2.1/32 dev vrrp.1",
            "add state up of vrrp.2",
            "add address 192.0.2.1/32 dev vrrp.2"
        ]
    );
}

#[test]
fn link_that_another_program_sets_down_is_set_up_again_while_it_is_desired() {
    let mut bench = Bench::new();
    let key = link_up().key();
    assert!(!bench.reconciler.handle_missing(&key), "not set up by this");
    bench
        .reconciler
        .set_desired(&1, 1, [Desired::new(link_up())]);
    bench.run();
    bench.log();
    bench.reconciler.handle_missing(&key);
    bench.run();
    assert_eq!(bench.log(), ["add state up of eth0"]);
    bench.desire(1, 1, &[]);
    bench.reconciler.handle_missing(&key);
    bench.run();
    assert_eq!(bench.log(), ["remove state up of eth0"]);
}

#[test]
fn removing_only_removes_what_comes_after_additions() {
    let mut bench = Bench::new();
    let objects = [macvlan(51), macvlan(52), link_up(), address(100)];
    bench
        .reconciler
        .set_desired(&1, 1, objects.map(Desired::new));
    bench.run();
    bench.log();
    bench.reconciler.remove_only();
    bench.reconciler.handle_missing(&address(100).key());
    let left = [macvlan(52), address(100)].map(Desired::new);
    bench.reconciler.set_desired(&1, 1, left);
    bench.run();
    assert_eq!(
        bench.log(),
        ["remove macvlan vrrp.51 dev eth0", "remove state up of eth0"]
    );
    assert!(!bench.reconciler.has_surplus());
}
