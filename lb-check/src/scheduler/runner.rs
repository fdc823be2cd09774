// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler's task.

use std::any::Any;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use slab::Slab;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::SchedulerOptions;
use super::event::{CheckEvent, SubscriptionId};
use super::group::{Group, Key, Running, Subscription};
use super::inputs::Inputs;
use super::stats::Counters;
use crate::{CheckState, LocalError, Outcome, ProbeSpec, Reason, Step, Verdict};

#[derive(Debug)]
pub(super) enum Command {
    Subscribe(Vec<(SubscriptionId, Arc<ProbeSpec>)>),
    Unsubscribe(SubscriptionId),
    Suspend(SubscriptionId),
    Resume(SubscriptionId),
    Shutdown(oneshot::Sender<()>),
}

/// The state of the scheduler. Invariant: a group is either running, or in `due` exactly once
/// with its `due` time, or has no subscriber that is not suspended.
pub(super) struct Runner {
    options: SchedulerOptions,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<CheckEvent>,
    counters: Arc<Counters>,
    epoch: Instant,
    groups: Slab<Group>,
    by_key: HashMap<Key, usize>,
    subscriptions: HashMap<SubscriptionId, Subscription>,
    due: BTreeSet<(Instant, usize)>,
    probes: JoinSet<Outcome>,
    running: HashMap<task::Id, usize>,
    inputs: Inputs,
    /// Events that must not be lost, waiting for room; at most one for each subscription.
    pending: VecDeque<CheckEvent>,
}

impl Runner {
    pub(super) fn new(
        options: SchedulerOptions,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<CheckEvent>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            options,
            commands,
            events,
            counters,
            epoch: Instant::now(),
            groups: Slab::new(),
            by_key: HashMap::new(),
            subscriptions: HashMap::new(),
            due: BTreeSet::new(),
            probes: JoinSet::new(),
            running: HashMap::new(),
            inputs: Inputs::default(),
            pending: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut answer = None;
        let mut timer = pin!(sleep_until(self.epoch));
        while answer.is_none() {
            let wake = self.start_due(Instant::now());
            if let Some(wake) = wake.filter(|wake| *wake != timer.deadline()) {
                timer.as_mut().reset(wake);
            }
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => answer = self.handle_command(command),
                    None => break,
                },
                Some(joined) = self.probes.join_next_with_id(), if !self.probes.is_empty() => {
                    self.handle_joined(joined);
                    while let Some(joined) = self.probes.try_join_next_with_id() {
                        self.handle_joined(joined);
                    }
                }
                Some(number) = self.inputs.next(), if !self.inputs.is_empty() => {
                    self.handle_input(number);
                }
                room = has_room(&self.events), if !self.pending.is_empty() => {
                    if !room {
                        break;
                    }
                    self.deliver_pending();
                }
                () = self.events.closed(), if self.pending.is_empty() => break,
                () = timer.as_mut(), if wake.is_some() => {}
            }
            self.counters
                .sizes(self.subscriptions.len(), self.groups.len());
        }
        self.probes.shutdown().await;
        if let Some(answer) = answer {
            // The receiver may have been dropped.
            answer.send(()).unwrap_or_default();
        }
    }

    fn handle_command(&mut self, command: Command) -> Option<oneshot::Sender<()>> {
        match command {
            Command::Subscribe(batch) => self.subscribe(batch),
            Command::Unsubscribe(id) => self.unsubscribe(id),
            Command::Suspend(id) => self.suspend(id),
            Command::Resume(id) => self.resume(id),
            Command::Shutdown(answer) => return Some(answer),
        }
        None
    }

    fn subscribe(&mut self, batch: Vec<(SubscriptionId, Arc<ProbeSpec>)>) {
        let now = Instant::now();
        let mut fresh = Vec::new();
        for (id, spec) in batch {
            let key = Key(spec);
            let policy = Arc::clone(&key.0.policy);
            let Some(subscription) = self.prepare_subscription(id, &key) else {
                continue;
            };
            let settled = subscription.state.is_settled();
            let suspended = subscription.suspended;
            let number = self.group_of_key(key);
            let Some(group) = self.groups.get_mut(number) else {
                continue;
            };
            group.subscribers.push(id);
            self.subscriptions.insert(
                id,
                Subscription {
                    group: number,
                    ..subscription
                },
            );
            let input = group.key.0.check.input();
            if suspended || input.is_some_and(|input| input.state().is_none()) {
                continue;
            }
            if settled {
                let due = group.grid(self.epoch, now);
                self.plan_probe(number, due);
            } else {
                fresh.push((number, policy.warmup));
            }
        }
        let n = fresh.len();
        for (number, warmup) in fresh {
            if let Some(due) = self.groups.get(number).map(|g| g.first_due(now, warmup, n)) {
                self.plan_probe(number, due);
            }
        }
    }

    /// Returns the state that a subscription starts with; `None` when it exists already, unchanged.
    fn prepare_subscription(&mut self, id: SubscriptionId, key: &Key) -> Option<Subscription> {
        let policy = &key.0.policy;
        let mut new = Subscription {
            group: 0,
            state: CheckState::new(Arc::clone(policy)),
            weight: (None, 0),
            error: None,
            suspended: false,
            undelivered: false,
        };
        if let Some(old) = self.subscriptions.get_mut(&id) {
            new.suspended = old.suspended;
            let group = self.groups.get(old.group);
            if group.is_some_and(|group| group.key.same_check(key)) {
                old.state.reconfigure(Arc::clone(policy));
                if group.is_some_and(|group| group.key == *key) {
                    return None;
                }
                new.state = old.state.clone();
                new.weight = old.weight;
                new.error = old.error.clone();
                new.undelivered = old.undelivered;
                self.remove_subscription(id);
            } else {
                self.unsubscribe(id);
            }
        }
        Some(new)
    }

    /// Returns the group of a key, a new one if there is none.
    fn group_of_key(&mut self, key: Key) -> usize {
        if let Some(number) = self.by_key.get(&key) {
            return *number;
        }
        let input = key.0.check.input().cloned();
        let number = self.groups.insert(Group::new(key.clone()));
        if let Some(input) = input {
            self.inputs.follow(number, &input);
        }
        self.by_key.insert(key, number);
        number
    }

    fn unsubscribe(&mut self, id: SubscriptionId) {
        self.remove_subscription(id);
        self.pending.retain(|event| event.id() != id);
    }

    /// Takes a subscription out of its group, and the group away when it was the last one.
    fn remove_subscription(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.remove(&id) else {
            return;
        };
        let Some(group) = self.groups.get_mut(subscription.group) else {
            return;
        };
        group.subscribers.retain(|other| *other != id);
        self.cancel_idle(subscription.group);
        if self
            .groups
            .get(subscription.group)
            .is_some_and(|group| group.subscribers.is_empty())
            && let Some(group) = self.groups.try_remove(subscription.group)
        {
            self.by_key.remove(&group.key);
            self.inputs.remove(subscription.group);
        }
    }

    fn suspend(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.suspended = true;
            let number = subscription.group;
            self.cancel_idle(number);
        }
    }

    fn resume(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.subscriptions.get_mut(&id)
            && subscription.suspended
        {
            subscription.suspended = false;
            let number = subscription.group;
            let input = self
                .groups
                .get(number)
                .and_then(|group| group.key.0.check.input());
            if input.is_none_or(|input| input.state().is_some()) {
                self.plan_probe(number, Instant::now());
            }
        }
    }

    /// Cancels the probe of a group without an active subscription.
    fn cancel_idle(&mut self, number: usize) {
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        let subscriptions = &self.subscriptions;
        if group
            .subscribers
            .iter()
            .any(|id| subscriptions.get(id).is_some_and(|s| !s.suspended))
        {
            return;
        }
        if let Some(due) = group.due.take() {
            self.due.remove(&(due, number));
        }
        if let Some(running) = group.running.take() {
            self.running.remove(&running.task.id());
            running.task.abort();
        }
    }

    /// Makes a group due at `due` unless it is running or due earlier.
    fn plan_probe(&mut self, number: usize, due: Instant) {
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        if group.running.is_some() {
            return;
        }
        match group.due {
            Some(earlier) if earlier <= due => return,
            Some(later) => {
                self.due.remove(&(later, number));
            }
            None => {}
        }
        group.due = Some(due);
        self.due.insert((due, number));
    }

    /// Starts due probes while slots are free; returns when the next one is due, if a slot is free.
    fn start_due(&mut self, now: Instant) -> Option<Instant> {
        while self.probes.len() < self.options.max_in_flight.max(1) {
            let (due, number) = *self.due.first()?;
            if due > now {
                return Some(due);
            }
            self.due.pop_first();
            self.start_probe(number, due, now);
        }
        None
    }

    fn start_probe(&mut self, number: usize, planned: Instant, now: Instant) {
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        group.due = None;
        let subscriptions = &self.subscriptions;
        if group
            .subscribers
            .iter()
            .any(|id| subscriptions.get(id).is_some_and(|s| s.undelivered))
        {
            self.counters.skipped(1);
            let due = group.grid(self.epoch, now);
            self.plan_probe(number, due);
            return;
        }
        self.counters
            .probe_started(now.saturating_duration_since(planned));
        let spec = Arc::clone(&group.key.0);
        let task = self.probes.spawn(async move {
            let started = Instant::now();
            let mut outcome =
                match timeout(spec.policy.deadline, spec.check.check(&spec.target)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Outcome::fail(Reason::Timeout),
                };
            if outcome.latency.is_zero() {
                outcome.latency = started.elapsed();
            }
            outcome
        });
        self.running.insert(task.id(), number);
        group.running = Some(Running { task, planned });
    }

    /// A probe's task has ended.
    fn handle_joined(&mut self, joined: Result<(task::Id, Outcome), JoinError>) {
        let (id, outcome) = match joined {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => {
                let id = error.id();
                let message = error.try_into_panic().map_or_else(
                    |error| error.to_string(),
                    |payload| panic_text(payload.as_ref()).to_owned(),
                );
                (id, Outcome::local(LocalError::Panicked { message }))
            }
        };
        // A cancelled probe is not in the map any more.
        if let Some(number) = self.running.remove(&id) {
            self.handle_result(number, &outcome);
        }
    }

    fn handle_result(&mut self, number: usize, outcome: &Outcome) {
        let Some(group) = self.groups.get_mut(number) else {
            return;
        };
        let Some(running) = group.running.take() else {
            return;
        };
        self.counters.probe_ended(outcome);
        let spec = &group.key.0;
        tracing::trace!(target = %spec.target, kind = spec.check.kind(), %outcome, "probed");
        let now = Instant::now();
        let mut due: Option<Instant> = None;
        let mut events = Vec::new();
        for id in &group.subscribers {
            let Some(subscription) = self.subscriptions.get_mut(id) else {
                continue;
            };
            if subscription.suspended {
                continue;
            }
            let step = subscription.state.observe(outcome);
            let next = group.next_due(self.epoch, running.planned, now, &step);
            due = Some(due.map_or(next, |due| due.min(next)));
            events.extend(event_for(
                *id,
                subscription,
                outcome,
                &step,
                self.options.report_passes,
            ));
        }
        if let Some(due) = due {
            self.counters.skipped(group.missed(running.planned, due));
            self.plan_probe(number, due);
        }
        for event in events {
            self.emit(event);
        }
        if self.inputs.take_missed(number) {
            self.handle_input(number);
        }
    }

    /// The input of a group has changed.
    fn handle_input(&mut self, number: usize) {
        let Some(group) = self.groups.get(number) else {
            return;
        };
        if group.running.is_some() {
            // The probe may have read the state before.
            self.inputs.note_missed(number);
        } else if group.subscribers.iter().any(|id| {
            let subscription = self.subscriptions.get(id);
            subscription.is_some_and(|subscription| !subscription.suspended)
        }) {
            self.plan_probe(number, Instant::now());
        }
    }

    /// Sends waiting events while there is room.
    fn deliver_pending(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            let id = event.id();
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.pending.push_front(event);
                return;
            }
            if let Some(subscription) = self.subscriptions.get_mut(&id) {
                subscription.undelivered = false;
            }
        }
    }

    fn emit(&mut self, event: CheckEvent) {
        let event = if self.pending.is_empty() {
            match self.events.try_send(event) {
                // When the receiver is gone, the main loop sees it and ends.
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(event)) => event,
            }
        } else {
            event
        };
        if matches!(event, CheckEvent::Attempt { .. }) {
            self.counters.attempt_lost();
            return;
        }
        if let Some(subscription) = self.subscriptions.get_mut(&event.id()) {
            subscription.undelivered = true;
        }
        self.pending.push_back(event);
    }
}

/// Waits until the channel has room; false when the receiver is gone.
async fn has_room(events: &mpsc::Sender<CheckEvent>) -> bool {
    events.reserve().await.is_ok()
}

/// The event that one result makes, if any.
fn event_for(
    id: SubscriptionId,
    subscription: &mut Subscription,
    outcome: &Outcome,
    step: &Step,
    report_passes: bool,
) -> Option<CheckEvent> {
    if let Verdict::Local(error) = &outcome.verdict {
        return Some(event_for_error(id, subscription, error, outcome, step));
    }
    let could_not_run = subscription.error.take().is_some();
    let passed = outcome.is_pass();
    let weight = (outcome.weight, outcome.weight_change);
    let reweighted = passed && subscription.weight != weight;
    if passed {
        subscription.weight = weight;
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
    id: SubscriptionId,
    subscription: &mut Subscription,
    error: &LocalError,
    outcome: &Outcome,
    step: &Step,
) -> CheckEvent {
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

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
