// SPDX-License-Identifier: MIT OR Apache-2.0
//! The presets beside a model of the rules of each program, made of measured facts alone.

use std::time::Duration;

use lb_check::{CheckState, Initial, Outcome, Policy, Reason};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// The answer of a model to a result: whether the target is in the pool, and the time to the next probe.
type Answer = (bool, Duration);

/// A checker of keepalived: `retry`, `delay_before_retry`, `delay_loop`, `alpha`.
struct Keepalived {
    retry: u32,
    delay_before_retry: Duration,
    delay_loop: Duration,
    is_up: bool,
    has_run: bool,
    tries: u32,
}

impl Keepalived {
    fn result(&mut self, passed: bool) -> Answer {
        let ran_before = std::mem::replace(&mut self.has_run, true);
        let may_retry = self.is_up && ran_before && self.tries < self.retry;
        if !passed && may_retry {
            self.tries += 1;
            return (true, self.delay_before_retry);
        }
        self.tries = 0;
        self.is_up = passed;
        (passed, self.delay_loop)
    }
}

/// A real server of ldirectord: `failurecount`, `checkinterval`.
struct Ldirectord {
    failurecount: u32,
    checkinterval: Duration,
    is_up: bool,
    failures: u32,
}

impl Ldirectord {
    fn result(&mut self, passed: bool) -> Answer {
        if passed {
            self.failures = 0;
            self.is_up = true;
        } else {
            self.failures += 1;
            self.is_up &= self.failures < self.failurecount;
        }
        (self.is_up, self.checkinterval)
    }
}

/// A `nanny` of piranha: `timeout`, `reentry`.
struct Nanny {
    timeout: u32,
    reentry: u32,
    is_up: bool,
    was_up: bool,
    /// Seconds for which the server has answered.
    answered: u32,
}

impl Nanny {
    fn result(&mut self, passed: bool) -> Answer {
        if !passed {
            self.answered = 0;
            self.is_up = false;
        } else {
            self.answered += self.timeout;
            let enough = self.reentry.saturating_sub(self.reentry % self.timeout);
            self.is_up |= !self.was_up || self.answered >= enough;
            self.was_up |= self.is_up;
        }
        (self.is_up, SECOND * self.timeout)
    }
}

fn outcome(passed: bool) -> Outcome {
    match passed {
        true => Outcome::pass(),
        false => Outcome::fail(Reason::L4Refused),
    }
}

fn results() -> impl Strategy<Value = Vec<bool>> {
    let runs = proptest::collection::vec((any::<bool>(), 1_usize..6), 0..30);
    runs.prop_map(|runs| {
        let runs = runs.into_iter();
        runs.flat_map(|(passed, times)| std::iter::repeat_n(passed, times))
            .collect()
    })
}

fn observe(state: &mut CheckState, passed: bool) -> Answer {
    let step = state.observe(&outcome(passed));
    (state.status().is_up(), step.next)
}

proptest! {
    #[test]
    fn keepalived_preset_equals_a_checker_of_keepalived(
        retry in 0_u32..5,
        (delay_loop, delay_before_retry) in (1_u32..10, 0_u32..4),
        alpha in any::<bool>(),
        results in results(),
    ) {
        let (delay_loop, delay_before_retry) = (SECOND * delay_loop, SECOND * delay_before_retry);
        let mut model = Keepalived {
            retry,
            delay_before_retry,
            delay_loop,
            is_up: !alpha,
            has_run: false,
            tries: 0,
        };
        let policy = Policy::keepalived()
            .with_interval(delay_loop)
            .with_warmup(delay_loop)
            .with_retries(retry)
            .with_retry_delay(delay_before_retry)
            .with_initial(if alpha { Initial::Down } else { Initial::Up });
        let mut state = CheckState::new(policy);
        for passed in results {
            prop_assert_eq!(observe(&mut state, passed), model.result(passed));
        }
    }

    #[test]
    fn ldirectord_preset_equals_a_real_server_of_ldirectord(
        failurecount in 1_u32..6,
        checkinterval in 1_u32..20,
        results in results(),
    ) {
        let checkinterval = SECOND * checkinterval;
        let mut model = Ldirectord { failurecount, checkinterval, is_up: false, failures: 0 };
        let mut state = CheckState::new(Policy::ldirectord(failurecount, checkinterval));
        for passed in results {
            prop_assert_eq!(observe(&mut state, passed), model.result(passed));
        }
    }

    #[test]
    fn piranha_preset_equals_a_nanny(
        (timeout, reentry) in (1_u32..12, 0_u32..60),
        results in results(),
    ) {
        let mut model = Nanny { timeout, reentry, is_up: false, was_up: false, answered: 0 };
        let policy = Policy::piranha(SECOND * timeout, SECOND * reentry);
        let mut state = CheckState::new(policy);
        for passed in results {
            prop_assert_eq!(observe(&mut state, passed), model.result(passed));
        }
    }
}

#[test]
fn presets_have_the_defaults_of_their_programs() {
    let keepalived = Policy::keepalived();
    assert_eq!(keepalived.interval, SECOND * 60);
    assert_eq!(keepalived.warmup, Some(SECOND * 60));
    assert_eq!((keepalived.retries, keepalived.retry_delay), (1, SECOND));
    assert_eq!(keepalived.initial, Initial::Up);
    assert_eq!(Policy::ldirectord(0, SECOND).fall(), 1);
    let piranha = Policy::piranha(SECOND * 10, SECOND * 180);
    assert_eq!((piranha.rise, piranha.deadline), (18, SECOND * 10));
    assert_eq!(Policy::piranha(SECOND * 10, SECOND * 9).rise, 1);
    assert_eq!(
        Policy::piranha(Duration::ZERO, Duration::MAX).rise,
        u32::MAX
    );
}
