// SPDX-License-Identifier: MIT OR Apache-2.0
//! The form of each value in the document, in both directions.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::FaultReason;

/// Reads a document, and asserts that it is written as it was read.
fn round_trip<T: Serialize + DeserializeOwned>(document: Value) -> T {
    let value: T = serde_json::from_value(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), document);
    value
}

#[test]
fn router_has_its_names_numbers_and_moments() {
    let counters = serde_json::to_value(RouterCounters::default()).unwrap();
    let router: RouterStatus = round_trip(json!({
        "name": "VI_1", "interface": "eth0", "vmac": "vrrp.51", "vrid": 51, "version": 3,
        "family": "IPv6", "state": "fault", "since": "2026-11-24T09:15:02.118Z", "age_ms": 192_004,
        "from": "master", "reason": "link down", "faults": ["link down", "no socket"],
        "master": {"address": "fe80::1", "priority": 150, "own": false}, "priority": 80,
        "configured_priority": 100, "resigned": true, "source": "fe80::2", "sync_group": "VG",
        "tracked": [
            {"object": "script chk web", "change": -20, "fault": false},
            {"object": "bfd session peer", "change": 0, "fault": true},
        ],
        "counters": counters,
    }));
    assert_eq!(router.state, State::Fault);
    assert_eq!(router.version, Some(Version::V3));
    assert_eq!(router.age, Some(Duration::from_millis(192_004)));
    assert!(router.faults.contains(FaultReason::NoSocket));
    let objects = router.tracked.into_iter().map(|tracked| tracked.object);
    assert_eq!(
        objects.collect::<Vec<_>>(),
        [
            ObjectId::Script("chk web".into()),
            ObjectId::Bfd("peer".into())
        ]
    );
}

#[test]
fn objects_groups_and_static_items_have_their_texts() {
    for (state, verdict) in [
        ("well", Verdict::Well(true)),
        ("failed", Verdict::Well(false)),
        ("unknown", Verdict::Unknown),
        ("-7", Verdict::Value(-7)),
    ] {
        let object: ObjectStatus = round_trip(json!({"object": "file f", "state": state}));
        assert_eq!(object.verdict, verdict);
    }
    for (problem, read) in [
        (
            "interface eth1 missing",
            StaticProblem::Missing("eth1".to_owned()),
        ),
        (
            "interface eth1 down",
            StaticProblem::Down("eth1".to_owned()),
        ),
        ("EPERM", StaticProblem::Refused("EPERM".to_owned())),
    ] {
        let item: StaticStatus =
            round_trip(json!({"item": "route", "problem": problem, "track_group": "G"}));
        assert_eq!(item.problem, read);
    }
    let group: GroupStatus = round_trip(json!({"name": "VG", "state": "backup", "members": ["a"]}));
    assert_eq!(group.state, State::Backup);
}

#[test]
fn interfaces_and_the_thread_leave_out_what_there_is_not() {
    let interface: InterfaceStatus = round_trip(json!({
        "name": "eth0", "family": "IPv4", "unknown_vrid": 4, "malformed": 1, "up": true,
        "polled": "ETHTOOL", "changes_in_ms": 1200, "receive_buffer": 1_048_576,
    }));
    assert_eq!(interface.polled, Some(PollMethod::Ethtool));
    let _: InterfaceStatus = round_trip(json!({
        "name": "eth0", "family": "IPv4", "unknown_vrid": 0, "malformed": 0, "receive_buffer": 0,
    }));
    let mut thread = ThreadStatus::default();
    thread.lateness.record(Duration::from_micros(70));
    thread.lateness.record(Duration::from_secs(2));
    let written = serde_json::to_value(&thread).unwrap();
    assert_eq!(written["lateness"]["served"], 2);
    assert_eq!(
        written["lateness"]["buckets"][1],
        json!({"up_to_us": 100, "count": 1})
    );
    assert_eq!(
        written["lateness"]["buckets"][9],
        json!({"up_to_us": null, "count": 1})
    );
    assert_eq!(round_trip::<ThreadStatus>(written), thread);
}
