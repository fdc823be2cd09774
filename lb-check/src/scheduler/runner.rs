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
use super::group::{Group, Key, Subscription};
use super::probing::Probe;
use super::starts::StartLimit;
use super::stats::Counters;
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
/// that is not suspended; its due time is in one of `due_tasks` and `due_connections`.
pub(super) struct Runner {
    pub(super) options: SchedulerOptions,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<CheckEvent>,
    pub(super) counters: Arc<Counters>,
    pub(super) epoch: Instant,
    pub(super) groups: Slab<Group>,
    by_key: HashMap<Key, usize>,
    pub(super) subscriptions: HashMap<SubscriptionId, Subscription>,
    /// When the groups are due whose probe is a task.
    pub(super) due_tasks: Timers,
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
        let starts = StartLimit::new(options.max_starts_per_second, epoch);
        Self {
            options,
            commands,
            events,
            counters,
            epoch,
            groups: Slab::new(),
            by_key: HashMap::new(),
            subscriptions: HashMap::new(),
            due_tasks: Timers::new(epoch),
            due_connections: Timers::new(epoch),
            starts,
            probes: Slab::new(),
            tasks: JoinSet::new(),
            probe_of_task: HashMap::new(),
            connections: Connections::default(),
            attempts: 0,
            deadlines: Timers::new(epoch),
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
            if suspended {
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
            weight: None,
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
        self.starts.add_target(key.interval());
        let number = self.groups.insert(Group::new(key.clone()));
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
            self.starts.remove_target(group.key.interval());
            self.by_key.remove(&group.key);
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
            self.plan_probe(number, Instant::now());
        }
    }

    /// Cancels the probe of a group without an active subscription.
    fn cancel_idle(&mut self, number: usize) {
        let Some(group) = self.groups.get(number) else {
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
        self.due_tasks.remove(number);
        self.due_connections.remove(number);
        self.cancel_probe(number);
    }

    /// Makes a group due at `due` unless its probe is under way or due earlier.
    pub(super) fn plan_probe(&mut self, number: usize, due: Instant) {
        let Some(group) = self.groups.get(number) else {
            return;
        };
        if group.probe.is_some() {
            return;
        }
        let timers = match group.connect_limit {
            Some(_) => &mut self.due_connections,
            None => &mut self.due_tasks,
        };
        if timers.get(number).is_none_or(|planned| due < planned) {
            timers.set(number, due);
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
