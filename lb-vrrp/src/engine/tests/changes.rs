// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configuration and priority change while the router runs.

use super::*;
use crate::error::ConfigError;

#[test]
fn an_equal_configuration_changes_nothing() {
    for version in [Version::V2, Version::V3] {
        for state in [
            State::Initialize,
            State::Backup,
            State::Master,
            State::Fault,
        ] {
            let mut rig = Rig::in_state(version, 100, state);
            let deadline = rig.router.next_timeout();
            rig.now += millis(400);
            rig.router
                .reconfigure(rig.now, rig.router.config().clone())
                .unwrap();
            assert_eq!(rig.outputs(), Vec::<String>::new());
            assert_eq!(
                (rig.router.next_timeout(), rig.router.state()),
                (deadline, state)
            );
        }
    }
}

#[test]
fn another_identity_is_another_router() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    let other = builder(Version::V3, 100).build().unwrap();
    let error = rig.router.reconfigure(rig.now, other).unwrap_err();
    assert!(matches!(error, ConfigError::IdentityChanged { .. }));
    assert_eq!(rig.router.config().version(), Version::V2);
}

#[test]
fn a_master_advertises_new_addresses_and_announces_only_those() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    let deadline = rig.router.next_timeout();
    let config = RouterConfig::builder(Vrid::new(51).unwrap())
        .addresses([ip("192.0.2.101")])
        .build()
        .unwrap();
    rig.router.reconfigure(rig.now, config.clone()).unwrap();
    assert_eq!(
        rig.outputs(),
        [
            "advertise 100",
            "update +[192.0.2.101] -[192.0.2.100]",
            "announce: [192.0.2.101]"
        ]
    );
    assert_eq!(rig.router.next_timeout(), deadline);
    // As backup there is nothing to tell.
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.router.reconfigure(rig.now, config).unwrap();
    assert_eq!(rig.outputs(), Vec::<String>::new());
}

#[test]
fn another_interval_keeps_the_time_that_has_passed() {
    let three = AdvertInterval::from_secs(3).unwrap();
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.now += millis(1000);
    let config = builder(Version::V2, 100).interval(three).build().unwrap();
    rig.router.reconfigure(rig.now, config.clone()).unwrap();
    assert_eq!(rig.wait(), Some(Duration::from_nanos(8_609_375_000)));

    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.now += millis(400);
    rig.router.reconfigure(rig.now, config).unwrap();
    assert_eq!(rig.wait(), Some(millis(2600)));
    // Back again: 600 ms of the shorter interval are over.
    rig.now += millis(1600);
    rig.router
        .reconfigure(rig.now, builder(Version::V2, 100).build().unwrap())
        .unwrap();
    assert_eq!(rig.wait(), Some(millis(0)), "not in the past");
}

#[test]
fn a_version_3_backup_keeps_the_interval_it_learned() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    rig.receive_interval(HIGHER, 200, AdvertInterval::from_centis(10).unwrap())
        .unwrap();
    let deadline = rig.router.next_timeout();
    let three = AdvertInterval::from_secs(3).unwrap();
    let config = builder(Version::V3, 100).interval(three).build().unwrap();
    rig.router.reconfigure(rig.now, config).unwrap();
    assert_eq!(rig.router.next_timeout(), deadline);
    assert_eq!(rig.router.master_interval().as_centis(), 10);
}

#[test]
fn another_priority_moves_the_deadline_by_the_skew() {
    for (value, nanos) in [(50, 3_804_687_500), (255, 3_003_906_250)] {
        let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
        let start = rig.now;
        rig.now += millis(1000);
        rig.router.handle_priority(rig.now, priority(value));
        assert_eq!(
            rig.router.next_timeout(),
            Some(start + Duration::from_nanos(nanos))
        );
        rig.router.handle_priority(rig.now, priority(100));
        assert_eq!(
            rig.router.next_timeout(),
            Some(start + Duration::from_nanos(3_609_375_000))
        );
    }
    // After a resignation it is the skew time that changes.
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.receive(HIGHER, 0).unwrap();
    rig.router.handle_priority(rig.now, priority(50));
    assert_eq!(rig.wait(), Some(Duration::from_nanos(804_687_500)));
    // A configured priority works in the same way.
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.router
        .reconfigure(rig.now, builder(Version::V2, 50).build().unwrap())
        .unwrap();
    assert_eq!(rig.wait(), Some(Duration::from_nanos(3_804_687_500)));
    assert_eq!(rig.router.effective_priority(), priority(50));
}

#[test]
fn a_deadline_never_moves_into_the_past() {
    let mut rig = Rig::in_state(Version::V2, 1, State::Backup);
    rig.now += millis(3990);
    rig.router.handle_priority(rig.now, priority(254));
    assert_eq!(rig.wait(), Some(millis(0)));
}

#[test]
fn master_priority_drop_is_advertised_at_once() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    let deadline = rig.router.next_timeout();
    rig.router.handle_priority(rig.now, priority(90));
    assert_eq!(rig.outputs(), ["advertise 90"]);
    rig.router.handle_priority(rig.now, priority(100));
    assert_eq!(rig.outputs(), Vec::<String>::new());
    rig.router
        .reconfigure(rig.now, builder(Version::V2, 80).build().unwrap())
        .unwrap();
    assert_eq!(rig.outputs(), ["advertise 80"]);
    assert_eq!(rig.router.next_timeout(), deadline);
}

#[test]
fn the_primary_address_decides_ties() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.router.set_primary(ip("192.0.2.12")).unwrap();
    rig.receive(HIGHER, 100).unwrap();
    assert_eq!(rig.router.state(), State::Master);
    assert!(matches!(
        rig.router.set_primary(ip("fe80::1")),
        Err(ConfigError::PrimaryFamily { .. })
    ));
}
