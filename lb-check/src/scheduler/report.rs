// SPDX-License-Identifier: MIT OR Apache-2.0
//! The events that results make.

use super::event::CheckEvent;
use super::table::Subscription;
use crate::{LocalError, Outcome, Step, Verdict};

/// The event that one result makes, if any.
pub(super) fn event_for(
    subscription: &mut Subscription,
    outcome: &Outcome,
    step: &Step,
    report_passes: bool,
) -> Option<CheckEvent> {
    let id = subscription.id;
    if let Verdict::Local(error) = &outcome.verdict {
        return Some(event_for_error(subscription, error, outcome, step));
    }
    let could_not_run = subscription.error.take().is_some();
    let passed = outcome.is_pass();
    let reweighted = passed && subscription.weight != outcome.weight;
    if passed {
        subscription.weight = outcome.weight;
    }
    let warned = passed && subscription.warning.as_deref() != outcome.warning.as_deref();
    if warned {
        subscription.warning = outcome.warning.as_deref().map(Into::into);
    }
    let up = subscription.state.status().is_up();
    if step.transition.is_some() || step.first {
        let (attempts, first) = (step.attempts, step.first);
        Some(CheckEvent::Changed {
            id,
            up,
            outcome: outcome.clone(),
            attempts,
            first,
        })
    } else if reweighted && up {
        Some(CheckEvent::WeightChanged {
            id,
            outcome: outcome.clone(),
        })
    } else if could_not_run {
        Some(CheckEvent::RunsAgain {
            id,
            outcome: outcome.clone(),
        })
    } else if warned {
        Some(CheckEvent::Warned {
            id,
            outcome: outcome.clone(),
        })
    } else if !passed || report_passes {
        Some(CheckEvent::Attempt {
            id,
            attempt: step.attempts,
            outcome: outcome.clone(),
        })
    } else {
        None
    }
}

/// The event for a probe that could not be made.
fn event_for_error(
    subscription: &mut Subscription,
    error: &LocalError,
    outcome: &Outcome,
    step: &Step,
) -> CheckEvent {
    let id = subscription.id;
    if subscription.error.as_deref() == Some(error) {
        return CheckEvent::Attempt {
            id,
            attempt: step.attempts,
            outcome: outcome.clone(),
        };
    }
    subscription.error = Some(Box::new(error.clone()));
    CheckEvent::CannotRun {
        id,
        error: error.clone(),
    }
}
