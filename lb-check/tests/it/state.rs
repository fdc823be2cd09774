// SPDX-License-Identifier: MIT OR Apache-2.0
//! Laws of the check state machine.

use std::time::Duration;

use lb_check::{CheckState, FirstVerdict, Initial, LocalError, Outcome, Policy, Reason, Status};
use proptest::prelude::*;

const INTERVAL: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(3);

fn policy(retries: u32) -> Policy {
    Policy::default()
        .with_interval(INTERVAL)
        .with_retries(retries)
        .with_retry_delay(RETRY)
}

fn pass() -> Outcome {
    Outcome::pass()
}

fn fail() -> Outcome {
    Outcome::fail(Reason::L4Refused)
}

fn local() -> Outcome {
    Outcome::local(LocalError::System {
        operation: "socket",
        errno: 24,
    })
}

#[test]
fn retries_are_extra_tries_spaced_by_the_retry_delay() {
    let mut state = CheckState::new(policy(3));
    assert!(state.observe(&pass()).first);
    for attempt in 1..=3 {
        let step = state.observe(&fail());
        assert_eq!(
            (step.transition, step.next, step.retry),
            (None, RETRY, true)
        );
        assert_eq!(step.attempts, attempt);
    }
    let step = state.observe(&fail());
    let transition = step.transition.unwrap();
    assert_eq!((transition.from, transition.to), (Status::Up, Status::Down));
    assert_eq!(transition.attempts, 4);
    assert_eq!(
        (step.next, step.retry, step.first),
        (INTERVAL, false, false)
    );
}

#[test]
fn the_first_verdict_needs_as_many_failures_as_any_other() {
    for initial in [Initial::Up, Initial::Down] {
        let mut state = CheckState::new(policy(1).with_initial(initial));
        let step = state.observe(&fail());
        assert!(
            !step.first && step.retry && step.transition.is_none(),
            "{initial:?}"
        );
        let step = state.observe(&fail());
        assert!(step.first && !step.retry, "{initial:?}");
        assert_eq!(
            step.transition.is_some(),
            initial == Initial::Up,
            "{initial:?}"
        );
        assert!(!state.observe(&fail()).first);
    }
}

#[test]
fn down_has_its_own_interval_and_no_retries() {
    let slow = Duration::from_secs(30);
    let mut state = CheckState::new(policy(0).with_down_interval(slow));
    assert_eq!(state.observe(&fail()).next, slow);
    let step = state.observe(&fail());
    assert_eq!((step.next, step.retry), (slow, false));
    assert_eq!(state.observe(&pass()).next, INTERVAL);
}

#[test]
fn rise_counts_successes_in_a_row() {
    let mut state = CheckState::new(policy(0).with_rise(3).with_initial(Initial::Down));
    for outcome in [pass(), pass(), fail(), pass(), pass()] {
        assert!(state.observe(&outcome).transition.is_none());
    }
    let transition = state.observe(&pass()).transition.unwrap();
    assert_eq!((transition.to, transition.attempts), (Status::Up, 3));
}

#[test]
fn fast_interval_holds_in_both_directions_until_a_verdict() {
    let (fast, slow) = (Duration::from_secs(1), Duration::from_secs(30));
    let policy = policy(2)
        .with_rise(3)
        .with_fast_interval(fast)
        .with_down_interval(slow);
    let mut state = CheckState::new(policy);
    assert_eq!(state.observe(&pass()).next, INTERVAL);
    for _ in 0..2 {
        let step = state.observe(&fail());
        assert_eq!((step.next, step.retry), (fast, false));
    }
    assert_eq!(state.observe(&fail()).next, slow);
    for _ in 0..2 {
        let step = state.observe(&pass());
        assert_eq!((step.next, step.retry), (fast, false));
    }
    assert_eq!(state.observe(&fail()).next, slow);
    for next in [fast, fast, INTERVAL] {
        assert_eq!(state.observe(&pass()).next, next);
    }
    assert_eq!(state.status(), Status::Up);
}

#[test]
fn fall_is_one_more_than_retry() {
    for (fall, retries) in [(0, 0), (1, 0), (2, 1), (9, 8)] {
        let policy = Policy::default().with_fall(fall);
        assert_eq!(policy, Policy::default().with_retries(retries));
        assert_eq!(policy.fall(), retries + 1);
    }
    assert_eq!(Policy::default().with_retries(u32::MAX).fall(), u32::MAX);
}

#[test]
fn a_new_policy_keeps_status_and_counts() {
    let mut state = CheckState::new(policy(3));
    state.observe(&pass());
    state.observe(&fail());
    state.reconfigure(policy(1).with_initial(Initial::Down));
    assert_eq!(state.status(), Status::Up);
    assert_eq!(state.observe(&fail()).transition.unwrap().attempts, 2);

    let mut unsettled = CheckState::new(policy(3));
    unsettled.reconfigure(policy(3).with_initial(Initial::Down));
    assert_eq!(unsettled.status(), Status::Down);
}

/// 0 = pass, 1 = fail, 2 = local.
fn outcome(kind: u8) -> Outcome {
    match kind {
        0 => pass(),
        1 => fail(),
        _ => local(),
    }
}

prop_compose! {
    fn policies()(
        retries in 0_u32..5,
        rise in 0_u32..4,
        (down, fast) in (proptest::option::of(1_u64..100), proptest::option::of(1_u64..5)),
        up in any::<bool>(),
        first in 0_u8..3,
    ) -> Policy {
        let initial = if up { Initial::Up } else { Initial::Down };
        let first = match first {
            0 => FirstVerdict::Counted,
            1 => FirstVerdict::OneFailure,
            _ => FirstVerdict::OneSuccess,
        };
        let mut policy = policy(retries)
            .with_rise(rise)
            .with_initial(initial)
            .with_first(first);
        policy.down_interval = down.map(Duration::from_secs);
        policy.fast_interval = fast.map(Duration::from_secs);
        policy
    }
}

proptest! {
    /// The same law written the other way round: look at the history, not at a state.
    #[test]
    fn status_follows_from_the_history(
        policy in policies(),
        kinds in proptest::collection::vec(0_u8..3, 0..60),
    ) {
        let mut state = CheckState::new(policy.clone());
        let mut history = Vec::new();
        let mut expected = state.status();
        let (mut firsts, mut was_up) = (0, false);
        for kind in kinds {
            let before = state.status();
            let step = state.observe(&outcome(kind));
            if kind < 2 {
                history.push(kind);
            }
            let run = |kind| history.iter().rev().take_while(|k| **k == kind).count();
            if kind < 2 {
                let fall = match policy.first {
                    FirstVerdict::OneFailure if firsts == 0 => 1,
                    _ => policy.fall(),
                };
                let rise = match policy.first {
                    FirstVerdict::OneSuccess if !was_up => 1,
                    _ => policy.rise.max(1),
                };
                if run(1) >= usize::try_from(fall).unwrap() {
                    expected = Status::Down;
                } else if run(0) >= usize::try_from(rise).unwrap() {
                    expected = Status::Up;
                }
                was_up |= expected.is_up() && kind == 0;
            }
            prop_assert_eq!(state.status(), expected);
            prop_assert_eq!(step.transition.is_some(), before != state.status());
            firsts += u32::from(step.first);
            prop_assert!(firsts <= 1);
            if step.transition.is_some() {
                prop_assert!(firsts == 1, "a transition without a first verdict");
            }
        }
    }

    /// The time to the next probe depends on the status and on whether the last result agrees with it.
    #[test]
    fn next_probe_is_fast_exactly_in_transition(
        policy in policies(),
        kinds in proptest::collection::vec(0_u8..2, 0..60),
    ) {
        let mut state = CheckState::new(policy.clone());
        for kind in kinds {
            let step = state.observe(&outcome(kind));
            let agrees = state.status().is_up() == (kind == 0);
            let expected = match state.status() {
                _ if !agrees || !state.is_settled() => match kind {
                    0 => (policy.fast_interval.unwrap_or(INTERVAL), false),
                    _ => (policy.fast_interval.unwrap_or(RETRY), policy.fast_interval.is_none()),
                },
                Status::Up => (INTERVAL, false),
                Status::Down => (policy.down_interval.unwrap_or(INTERVAL), false),
            };
            prop_assert_eq!((step.next, step.retry), expected);
        }
    }

    /// Leaving the local troubles out changes nothing else.
    #[test]
    fn local_troubles_are_as_if_they_had_not_been(
        policy in policies(),
        kinds in proptest::collection::vec(0_u8..3, 0..60),
    ) {
        let (mut with, mut without) = (CheckState::new(policy.clone()), CheckState::new(policy));
        for kind in kinds {
            let step = with.observe(&outcome(kind));
            if kind == 2 {
                prop_assert!(step.transition.is_none() && !step.first && !step.retry);
                prop_assert_eq!(step.next, INTERVAL);
            } else {
                prop_assert_eq!(step, without.observe(&outcome(kind)));
            }
            prop_assert_eq!(&with, &without);
        }
    }

    /// A target whose results alternate is never taken out as long as one retry is allowed.
    #[test]
    fn every_second_failure_is_forgiven(retries in 1_u32..5, n in 1_usize..50) {
        let mut state = CheckState::new(policy(retries));
        for _ in 0..n {
            prop_assert!(state.observe(&fail()).transition.is_none());
            prop_assert!(state.observe(&pass()).transition.is_none());
        }
    }
}
