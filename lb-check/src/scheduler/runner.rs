// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler's task.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use slab::Slab;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::SchedulerOptions;
use super::connections::Connections;
use super::event::{CheckEvent, SubscriptionId};
use super::group::Key;
use super::inputs::Inputs;
use super::probing::Probe;
use super::programs::Programs;
use super::starts::StartLimit;
use super::stats::Counters;
use super::table::{Subscription, Table};
use super::timers::Timers;
use crate::{CheckState, Outcome, ProbeSpec};

#[derive(Debug)]
pub(super) enum Command {
    Subscribe(Vec<(SubscriptionId, Arc<ProbeSpec>)>),
    Unsubscribe(SubscriptionId),
    Suspend(SubscriptionId),
    Resume(SubscriptionId),
    Shutdown(oneshot::Sender<()>),
}

/// The state of the scheduler. Invariant: a group has a probe under way, or a due time, or no subscriber
/// that is not suspended; its due time is in one of `due_tasks`, `due_programs` and `due_connections`.
pub(super) struct Runner {
    pub(super) options: SchedulerOptions,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<CheckEvent>,
    pub(super) counters: Arc<Counters>,
    pub(super) epoch: Instant,
    pub(super) table: Table,
    /// When the groups are due whose probe is a task.
    pub(super) due_tasks: Timers,
    /// When the groups are due whose probe is a task that starts a program.
    pub(super) due_programs: Timers,
    pub(super) programs: Programs,
    /// When the groups are due whose probe is a connection.
    pub(super) due_connections: Timers,
    pub(super) starts: StartLimit,
    /// Probes under way.
    pub(super) probes: Slab<Probe>,
    pub(super) tasks: JoinSet<Outcome>,
    pub(super) probe_of_task: HashMap<task::Id, usize>,
    pub(super) connections: Connections,
    /// Connections so far, modulo 2³².
    pub(super) attempts: u32,
    /// When the connections under way end at the latest, by the number of the probe.
    pub(super) deadlines: Timers,
    pub(super) inputs: Inputs,
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
        let epoch = Instant::now();
        let programs = Programs::new(options.max_programs);
        let starts = StartLimit::new(options.max_starts_per_second, epoch);
        Self {
            options,
            commands,
            events,
            counters,
            epoch,
            table: Table::default(),
            due_tasks: Timers::new(epoch),
            due_programs: Timers::new(epoch),
            programs,
            due_connections: Timers::new(epoch),
            starts,
            probes: Slab::new(),
            tasks: JoinSet::new(),
            probe_of_task: HashMap::new(),
            connections: Connections::default(),
            attempts: 0,
            deadlines: Timers::new(epoch),
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
                Some(joined) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    self.handle_joined(joined);
                    while let Some(joined) = self.tasks.try_join_next_with_id() {
                        self.handle_joined(joined);
                    }
                }
                () = self.connections.wait(), if !self.deadlines.is_empty() => self.handle_ended(),
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
                .sizes(self.table.subscription_count(), self.table.group_count());
        }
        self.tasks.shutdown().await;
        // The sockets are closed before the answer.
        self.probes.clear();
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
        let connecting = |(_, spec): &&(_, Arc<ProbeSpec>)| spec.check.connect_only().is_some();
        let connections = batch.iter().filter(connecting).count();
        self.due_connections.reserve(connections);
        self.due_tasks.reserve(batch.len() - connections);
        self.table.reserve(batch.len());
        for (id, spec) in batch {
            let key = Key(spec);
            let policy = Arc::clone(&key.0.policy);
            let interval = key.interval();
            let Some(subscription) = self.prepare_subscription(id, &key) else {
                continue;
            };
            let settled = subscription.state.is_settled();
            let suspended = subscription.suspended;
            let (number, new) = self.table.add(subscription, key);
            if new {
                self.starts.add_target(interval);
                self.follow_input(number);
            }
            if suspended || !self.has_state(number) {
                continue;
            }
            if settled {
                let due = self.table.group(number).map(|g| g.grid(self.epoch, now));
                if let Some(due) = due {
                    self.plan_probe(number, due);
                }
            } else {
                fresh.push((number, policy.warmup));
            }
        }
        let n = fresh.len();
        for (number, warmup) in fresh {
            let group = self.table.group(number);
            if let Some(due) = group.map(|group| group.first_due(self.epoch, now, warmup, n)) {
                self.plan_probe(number, due);
            }
        }
    }

    /// Returns the state that a subscription starts with; `None` when it exists already, unchanged.
    fn prepare_subscription(&mut self, id: SubscriptionId, key: &Key) -> Option<Subscription> {
        let policy = &key.0.policy;
        let mut new = Subscription::new(id, CheckState::new(Arc::clone(policy)));
        let Some(old) = self.table.find(id) else {
            return Some(new);
        };
        new.suspended = old.suspended;
        let number = old.group();
        let group = self.table.group_mut(number)?;
        if !group.key.same_check(key) {
            self.unsubscribe(id);
            return Some(new);
        }
        let unchanged = group.key == *key;
        if unchanged {
            // The new specification may be part of a larger one that replaces the old.
            group.key = key.clone();
        }
        let old = self.table.find(id)?;
        old.state.reconfigure(Arc::clone(policy));
        if unchanged {
            return None;
        }
        let old = self.remove_subscription(id)?;
        new.state = old.state;
        new.weight = old.weight;
        new.rare = old.rare;
        new.undelivered = old.undelivered;
        Some(new)
    }

    fn unsubscribe(&mut self, id: SubscriptionId) {
        self.remove_subscription(id);
        self.pending.retain(|event| event.id() != id);
    }

    /// Removes a subscription from its group, and the group with the last one.
    fn remove_subscription(&mut self, id: SubscriptionId) -> Option<Subscription> {
        let removed = self.table.remove(id)?;
        let number = removed.group();
        self.cancel_idle(number);
        if let Some(group) = self.table.remove_empty(number) {
            self.starts.remove_target(group.key.interval());
            self.inputs.remove(number);
        }
        Some(removed)
    }

    fn suspend(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.table.find(id) {
            subscription.suspended = true;
            let number = subscription.group();
            self.cancel_idle(number);
        }
    }

    fn resume(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.table.find(id)
            && subscription.suspended
        {
            subscription.suspended = false;
            let number = subscription.group();
            if self.has_state(number) {
                self.plan_probe(number, Instant::now());
            }
        }
    }

    /// Cancels the probe of a group without an active subscription.
    fn cancel_idle(&mut self, number: usize) {
        if self.table.subscribers(number).all(|s| s.suspended) {
            self.remove_due(number);
            self.cancel_probe(number);
        }
    }

    /// Removes the due time of a group.
    pub(super) fn remove_due(&mut self, number: usize) {
        self.due_tasks.remove(number);
        self.due_programs.remove(number);
        self.due_connections.remove(number);
    }

    /// Makes a group due at `due` unless its probe is under way or due earlier.
    pub(super) fn plan_probe(&mut self, number: usize, due: Instant) {
        let Some(group) = self.table.group(number) else {
            return;
        };
        if group.probe.is_some() {
            return;
        }
        let timers = if group.connects {
            &mut self.due_connections
        } else if group.runs_program {
            &mut self.due_programs
        } else {
            &mut self.due_tasks
        };
        if timers.get(number).is_none_or(|planned| due < planned) {
            timers.set(number, due);
        }
    }

    /// Follows the input of a new group, if its check has one.
    pub(super) fn follow_input(&mut self, number: usize) {
        let group = self.table.group(number);
        let input = group.and_then(|group| group.key.0.check.input().cloned());
        if let Some(input) = input {
            self.inputs.follow(number, &input);
        }
    }

    /// Whether a probe of a group has something to read: it has no input, or the input has a state.
    pub(super) fn has_state(&self, number: usize) -> bool {
        let group = self.table.group(number);
        let input = group.and_then(|group| group.key.0.check.input());
        input.is_none_or(|input| input.state().is_some())
    }

    /// Plans a probe of a group whose input has changed.
    pub(super) fn handle_input(&mut self, number: usize) {
        let Some(group) = self.table.group(number) else {
            return;
        };
        if group.probe.is_some() {
            // The probe may have read the state before.
            self.inputs.note_missed(number);
        } else if self.table.subscribers(number).any(|s| !s.suspended) {
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
            if let Some(subscription) = self.table.find(id) {
                subscription.undelivered = false;
            }
        }
    }

    pub(super) fn emit(&mut self, event: CheckEvent) {
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
        if let Some(subscription) = self.table.find(event.id()) {
            subscription.undelivered = true;
        }
        self.pending.push_back(event);
    }
}

/// Waits until the channel has room; false when the receiver is gone.
async fn has_room(events: &mpsc::Sender<CheckEvent>) -> bool {
    events.reserve().await.is_ok()
}
