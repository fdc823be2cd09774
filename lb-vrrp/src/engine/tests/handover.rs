// SPDX-License-Identifier: MIT OR Apache-2.0
//! A router is continued in another process.

use super::*;
use crate::params::{HmacConfig, HmacKey};

fn again(rig: &Rig, gap: Duration) -> VirtualRouter {
    let handed_over = rig.router.handover_state(rig.now);
    let config = rig.router.config().clone();
    VirtualRouter::from_handover(config, &handed_over, rig.now + gap, gap).unwrap()
}

fn outputs(router: &mut VirtualRouter) -> Vec<String> {
    std::iter::from_fn(|| router.poll_output())
        .map(|output| word(&output))
        .collect()
}

#[test]
fn peers_of_a_master_notice_nothing() {
    for version in [Version::V2, Version::V3] {
        let mut rig = Rig::in_state(version, 100, State::Master);
        rig.router.handle_priority(rig.now, priority(90));
        rig.outputs();
        let deadline = rig.router.next_timeout();
        rig.now += millis(400);
        let mut router = again(&rig, millis(20));
        assert_eq!(router.state(), State::Master);
        assert_eq!(
            outputs(&mut router),
            ["add"],
            "no announcement, no transition"
        );
        assert_eq!(router.next_timeout(), deadline);
        assert_eq!(router.effective_priority(), priority(90));
        assert_eq!(router.stats(), rig.router.stats());
        router.handle_timeout(deadline.unwrap());
        assert_eq!(outputs(&mut router), ["advertise 90"]);
    }
}

#[test]
fn a_backup_keeps_its_deadline_and_what_it_learned() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    rig.receive_interval(HIGHER, 200, AdvertInterval::from_centis(10).unwrap())
        .unwrap();
    rig.now += millis(100);
    let router = again(&rig, millis(5));
    assert_eq!(router.next_timeout(), rig.router.next_timeout());
    assert_eq!(router.master_interval().as_centis(), 10);
    assert_eq!(router.master(), Some((ip(HIGHER), priority(200))));
    // After a resignation too, and for the same reason.
    rig.receive_interval(HIGHER, 0, AdvertInterval::from_centis(10).unwrap())
        .unwrap();
    let mut router = again(&rig, millis(5));
    assert_eq!(router.next_timeout(), rig.router.next_timeout());
    router.handle_timeout(router.next_timeout().unwrap());
    assert_eq!(
        outputs(&mut router)[3],
        "backup -> master (192.0.2.11 resigned)"
    );
}

#[test]
fn a_master_that_was_away_too_long_is_backup_without_addresses() {
    for (gap, state) in [(3003, State::Master), (3004, State::Backup)] {
        let rig = Rig::in_state(Version::V3, 100, State::Master);
        let mut router = again(&rig, millis(gap));
        assert_eq!(router.state(), state);
        let expected: &[&str] = match state {
            State::Master => &["add"],
            _ => &[
                "advertise 0",
                "remove",
                "master -> backup (not run for 3.004s)",
            ],
        };
        assert_eq!(outputs(&mut router), expected);
    }
}

#[test]
fn holds_faults_and_resignation_are_kept() {
    let delay = builder(Version::V2, 100).preempt_delay(Duration::from_secs(10));
    let mut rig = Rig::with(delay, State::Backup);
    rig.receive(HIGHER, 50).unwrap();
    rig.now += millis(9000);
    let handed_over = rig.router.handover_state(rig.now);
    assert_eq!(handed_over.preempt_hold, Some(millis(1000)));

    let mut rig = Rig::with(
        builder(Version::V2, 100).sticky(millis(30_000)),
        State::Backup,
    );
    rig.now += millis(1000);
    let mut router = again(&rig, millis(100));
    router.handle_timeout(router.next_timeout().unwrap());
    assert_eq!(router.state(), State::Backup, "still unproven");

    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.router.handle_fault(rig.now, FaultReason::Tracked, true);
    let mut router = again(&rig, millis(100));
    assert_eq!(router.state(), State::Fault);
    router.handle_fault(rig.now, FaultReason::LinkDown, false);
    assert_eq!(router.state(), State::Fault);
    router.handle_fault(rig.now, FaultReason::Tracked, false);
    assert_eq!(router.state(), State::Backup);

    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    rig.router.resign(rig.now);
    assert!(again(&rig, millis(1)).is_resigned());
}

#[test]
fn since_when_and_why_are_kept() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Master);
    let (since, why) = (rig.router.since(), rig.router.last_transition());
    assert!(since.is_some() && why.is_some());
    rig.now += millis(700);
    let router = again(&rig, millis(20));
    assert_eq!((router.since(), router.last_transition()), (since, why));
}

#[test]
fn handover_of_preempting_backup_keeps_its_reason() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.receive(HIGHER, 50).unwrap();
    let mut router = again(&rig, millis(5));
    router.handle_timeout(router.next_timeout().unwrap());
    let reason = router.last_transition().unwrap().reason;
    let (source, priority) = (ip(HIGHER), priority(50));
    assert_eq!(reason, Reason::Preemption { source, priority });
}

#[test]
fn a_candidate_of_a_sync_group_stays_one() {
    let mut rig = Rig::in_state(Version::V2, 100, State::Backup);
    rig.router.set_grouped(true);
    rig.router
        .handle_timeout(rig.router.next_timeout().unwrap());
    assert!(rig.router.is_candidate());
    let mut router = again(&rig, millis(5));
    assert!(router.is_candidate());
    // It still waits for its group.
    router.handle_timeout(router.next_timeout().unwrap());
    assert_eq!(router.state(), State::Backup);
    assert!(router.promote(router.next_timeout().unwrap()));
    let reason = router.last_transition().unwrap().reason;
    assert_eq!(reason, Reason::MasterDownTimer);
}

#[test]
fn handover_of_continues_sequences() {
    let ah = Authentication::Ah(Password::new("x").unwrap());
    let mut rig = Rig::with(builder(Version::V2, 100).authentication(ah), State::Master);
    rig.fire();
    assert_eq!(again(&rig, millis(1)).handover_state(rig.now).ah_sent, 2);
    let key = HmacKey::new(1, [1; 32]).unwrap();
    let hmac = Authentication::Hmac(HmacConfig::new([key], 1).unwrap());
    let rig = Rig::with(
        builder(Version::V3, 100).authentication(hmac),
        State::Master,
    );
    assert_eq!(again(&rig, millis(1)).handover_state(rig.now).hmac_sent, 1);
}

#[test]
fn a_changed_priority_holds_and_another_router_is_refused() {
    let rig = Rig::in_state(Version::V2, 100, State::Backup);
    let handed_over = rig.router.handover_state(rig.now);
    let take = |config: RouterConfigBuilder, from: &HandoverState| {
        VirtualRouter::from_handover(config.build().unwrap(), from, rig.now, millis(1))
    };
    let router = take(builder(Version::V2, 150), &handed_over).unwrap();
    assert_eq!(router.effective_priority(), priority(150));
    let error = take(builder(Version::V3, 100), &handed_over).unwrap_err();
    assert_eq!(
        error.to_string(),
        "handover of router 51 (VRRPv2, IPv4) to another router"
    );
    let mut nonsense = handed_over.clone();
    nonsense.timer = None;
    let error = take(builder(Version::V2, 100), &nonsense).unwrap_err();
    assert_eq!(
        error.to_string(),
        "handover in state backup with the wrong timer"
    );
    nonsense = handed_over;
    nonsense.effective_priority = 0;
    let error = take(builder(Version::V2, 100), &nonsense).unwrap_err();
    assert!(matches!(
        error,
        HandoverStateError::Value(ConfigError::PriorityZero)
    ));
}

#[cfg(feature = "serde")]
#[test]
fn what_is_written_is_read() {
    let mut rig = Rig::in_state(Version::V3, 100, State::Backup);
    rig.receive_interval(HIGHER, 200, AdvertInterval::from_centis(10).unwrap())
        .unwrap();
    rig.router
        .handle_advertisement(
            rig.now,
            Received {
                source: ip(HIGHER),
                destination: ip(ME),
                hop_limit: 1,
                encapsulation: Encapsulation::Ip,
                payload: &[],
            },
        )
        .unwrap_err();
    let handed_over = rig.router.handover_state(rig.now);
    let text = serde_json::to_string(&handed_over).unwrap();
    let read: HandoverState = serde_json::from_str(&text).unwrap();
    assert_eq!(read, handed_over);
}
