// SPDX-License-Identifier: MIT OR Apache-2.0
//! One real server: the verdicts of its checks, and its weight.

use std::borrow::Cow;
use std::time::SystemTime;

use lb_check::{Initial, Outcome};
use lb_ipvs::{Protocol, ServiceKey, Weight};

use super::weight::{WeightRequest, effective_weight};
use super::{CheckState, Health, RealServerState};
use crate::model::{CheckSpec, RealServer};

#[derive(Debug)]
pub(super) struct RealState {
    pub(super) alive: bool,
    /// The configured weight with the changes by its checks.
    pub(super) weight: u32,
    /// As the specification's checks.
    pub(super) slots: Vec<Slot>,
    /// The index of the next new check.
    pub(super) next_index: usize,
}

/// The state of one check.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) index: usize,
    pub(super) up: bool,
    /// Whether it ever had a verdict.
    pub(super) settled: bool,
    /// The service that its probes go through.
    pub(super) via: Option<ServiceKey>,
    /// What it asks of the weight while it passes.
    pub(super) request: WeightRequest,
    /// The reason of the last verdict, also of one that another process passed on; empty before.
    pub(super) reason: Cow<'static, str>,
    /// Why it cannot run.
    pub(super) problem: Option<Box<Problem>>,
    /// The warning of the last probe that passed.
    pub(super) warning: Option<Box<str>>,
}

/// Why a check cannot run.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) since: SystemTime,
    pub(super) reason: String,
}

impl Slot {
    pub(super) fn new(index: usize, up: bool) -> Self {
        Self {
            index,
            up,
            settled: false,
            via: None,
            request: WeightRequest::default(),
            reason: Cow::Borrowed(""),
            problem: None,
            warning: None,
        }
    }

    /// A check that has not run yet: it counts as passed if it does not start down. One that follows an input
    /// starts with the state of that.
    fn first(index: usize, real_server: &RealServer, check: &CheckSpec) -> Self {
        let mut slot = Self::new(index, starts_up(real_server, check));
        if let Some(outcome) = check.probe.check.present_outcome() {
            slot.up = outcome.is_pass();
            if slot.up {
                slot.request = (&outcome).into();
            }
            slot.reason = outcome.to_string().into();
        }
        slot
    }

    /// What is known by the check.
    fn health(&self) -> Health {
        if self.problem.is_some() || self.reason.is_empty() {
            Health::Unknown
        } else if self.up {
            Health::Up
        } else {
            Health::Down
        }
    }
}

/// The text of a result. That of a pass, which thousands of checks have, takes no memory.
pub(super) fn result_text(outcome: &Outcome) -> Cow<'static, str> {
    if *outcome == Outcome::pass().with_latency(outcome.latency) {
        Cow::Borrowed("passed")
    } else {
        Cow::Owned(outcome.to_string())
    }
}

/// Whether a check that has not run yet counts as passed.
pub(super) fn starts_up(real_server: &RealServer, check: &CheckSpec) -> bool {
    !(real_server.alpha || check.alpha || check.probe.policy.initial == Initial::Down)
}

impl RealState {
    pub(super) fn new(spec: &RealServer) -> Self {
        let slots: Vec<Slot> = spec
            .checks
            .iter()
            .enumerate()
            .map(|(index, check)| Slot::first(index, spec, check))
            .collect();
        let mut state = Self {
            alive: slots.iter().all(|slot| slot.up),
            weight: 0,
            next_index: slots.len(),
            slots,
        };
        state.weight = state.effective_weight(spec.destination.weight);
        state
    }

    /// The configured weight and what each passing check asks of it.
    pub(super) fn effective_weight(&self, configured: Weight) -> u32 {
        let passing = self.slots.iter().filter(|slot| slot.up);
        effective_weight(configured, passing.map(|slot| slot.request))
    }

    pub(super) fn state(
        &self,
        spec: &RealServer,
        protocol: Option<Protocol>,
        suspended: bool,
    ) -> RealServerState {
        let checks = || spec.checks.iter().zip(&self.slots);
        let find = |health| checks().find(|(_, slot)| slot.health() == health);
        let (health, since, reason) = if let Some((check, slot)) = find(Health::Down) {
            let reason = format!("{}: {}", check.kind, slot.reason);
            (Health::Down, None, reason)
        } else if let Some((check, slot)) = find(Health::Unknown) {
            let (since, reason) = match &slot.problem {
                Some(problem) => (Some(problem.since), problem.reason.as_str()),
                None if suspended => (None, "suspended before the first result"),
                None => (None, "no result yet"),
            };
            (Health::Unknown, since, format!("{}: {reason}", check.kind))
        } else if let Some(pending) = spec.pending_checks.first() {
            let reason = format!("{}: not run by this version", pending.kind);
            (Health::Unknown, None, reason)
        } else if self.slots.is_empty() {
            (Health::Unchecked, None, String::new())
        } else {
            (Health::Up, None, String::new())
        };
        RealServerState {
            health,
            since,
            reason,
            warnings: checks()
                .filter_map(|(check, slot)| {
                    let warning = slot.warning.as_ref()?;
                    Some(format!("{}: {warning}", check.kind))
                })
                .collect(),
            destination: spec.destination,
            name: spec.name(protocol),
            up: self.alive,
            weight: self.weight,
            pending_checks: spec
                .pending_checks
                .iter()
                .map(|check| check.kind.clone())
                .collect(),
            checks: checks()
                .map(|(check, slot)| CheckState {
                    kind: check.kind.to_string(),
                    up: slot.up,
                    health: slot.health(),
                    settled: slot.settled,
                    reason: slot.reason.to_string(),
                })
                .collect(),
        }
    }
}
