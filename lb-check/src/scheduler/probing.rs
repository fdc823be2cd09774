// SPDX-License-Identifier: MIT OR Apache-2.0
//! Probes from their start to their result: as connections of the scheduler, or as tasks.

use std::any::Any;
use std::time::Duration;

use socket2::Socket;
use tokio::task::{self, AbortHandle, JoinError};
use tokio::time::{Instant, timeout};

use super::report::event_for;
use super::runner::Runner;
use super::table::{index, narrow};
use crate::connect::{self, Close};
use crate::{LocalError, Outcome, Reason};

/// A probe under way.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) group: usize,
    planned: Instant,
    pub(super) work: Work,
}

/// How a probe is made.
#[derive(Debug)]
pub(super) enum Work {
    /// By a task that calls the check.
    Task(AbortHandle),
    /// By a socket that connects.
    Connection(Connection),
}

/// A connection attempt; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    /// The number of the probe and, in the upper half, of the attempt: no other attempt has both.
    token: u64,
    started: std::time::Instant,
    /// The reason of a failure at the deadline.
    late: Reason,
}

impl Runner {
    /// Starts due probes while they are allowed to start, and ends connections at their deadline; returns
    /// when the next one has to start or end.
    pub(super) fn start_due(&mut self, now: Instant) -> Option<Instant> {
        self.end_late_connections(now);
        let tasks = self.options.max_in_flight.max(1);
        let connections = self.options.max_connections.max(1);
        let mut wake = None;
        // The first of a batch is due.
        let mut batch_end = now;
        loop {
            let task_due = self.due_tasks.first();
            let connection_due = self.due_connections.first();
            let task_due = task_due.filter(|_| self.tasks.len() < tasks);
            let connection_due = connection_due.filter(|_| self.deadlines.len() < connections);
            let next = task_due.into_iter().chain(connection_due).min();
            let Some((due, number)) = next else {
                break;
            };
            let allowed = self.starts.next(now);
            if due > batch_end || allowed > now {
                wake = Some(allowed.max(due));
                break;
            }
            self.start_probe(number, due, now);
            batch_end = self.starts.batch_end(now);
        }
        let deadline = self.deadlines.first().map(|(at, _)| at);
        wake.into_iter().chain(deadline).min()
    }

    fn start_probe(&mut self, number: usize, planned: Instant, now: Instant) {
        self.due_tasks.remove(number);
        self.due_connections.remove(number);
        if self.table.subscribers(number).any(|s| s.undelivered) {
            self.counters.skipped(1);
            let group = self.table.group(number);
            let due = group.map(|group| group.grid(self.epoch, now.max(planned)));
            if let Some(due) = due {
                self.plan_probe(number, due);
            }
            return;
        }
        let Some(group) = self.table.group(number) else {
            return;
        };
        self.starts.count(now);
        self.counters
            .probe_started(now.saturating_duration_since(planned));
        match group.key.0.check.connect_only() {
            Some(limit) => self.start_connection(number, planned, now, limit),
            None => self.start_task(number, planned),
        }
    }

    fn start_task(&mut self, number: usize, planned: Instant) {
        let Some(group) = self.table.group_mut(number) else {
            return;
        };
        let spec = group.key.0.clone();
        let task = self.tasks.spawn(async move {
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
        let id = task.id();
        let probe = self.probes.insert(Probe {
            group: number,
            planned,
            work: Work::Task(task),
        });
        self.probe_of_task.insert(id, probe);
        group.probe = Some(narrow(probe));
    }

    fn start_connection(&mut self, number: usize, planned: Instant, now: Instant, limit: Duration) {
        let Some(group) = self.table.group_mut(number) else {
            return;
        };
        let started = std::time::Instant::now();
        self.attempts = self.attempts.wrapping_add(1);
        let slot = self.probes.vacant_entry();
        let probe = slot.key();
        let token = token(self.attempts, probe);
        let socket = connect::start(&group.key.0.target, Close::Reset).and_then(|socket| {
            self.connections.watch(&socket, token)?;
            Ok(socket)
        });
        let socket = match socket {
            Ok(socket) => socket,
            Err(failure) => {
                let outcome = Outcome::from(failure).with_latency(started.elapsed());
                self.handle_result(number, planned, &outcome);
                return;
            }
        };
        let deadline = group.key.0.policy.deadline;
        let late = if limit <= deadline {
            Reason::L4Timeout
        } else {
            Reason::Timeout
        };
        slot.insert(Probe {
            group: number,
            planned,
            work: Work::Connection(Connection {
                socket,
                token,
                started,
                late,
            }),
        });
        group.probe = Some(narrow(probe));
        self.deadlines.set(probe, now + limit.min(deadline));
    }

    /// Ends the connections whose deadline has passed.
    fn end_late_connections(&mut self, now: Instant) {
        if self.deadlines.first().is_none_or(|(first, _)| first > now) {
            return;
        }
        // What ended in time counts, however late it is seen here.
        self.connections.read_ended();
        self.handle_ended();
        while let Some((at, number)) = self.deadlines.first() {
            if at > now {
                return;
            }
            self.deadlines.remove(number);
            if let Some(Probe {
                group,
                planned,
                work: Work::Connection(connection),
            }) = self.probes.try_remove(number)
            {
                let outcome = Outcome::fail(connection.late.clone());
                self.end_connection(group, planned, connection, outcome);
            }
        }
    }

    /// Handles the ends of connection attempts that have been read.
    pub(super) fn handle_ended(&mut self) {
        while let Some(token) = self.connections.next() {
            let number = number_of(token);
            let known = self.probes.get(number).is_some_and(
                |probe| matches!(&probe.work, Work::Connection(connection) if connection.token == token),
            );
            if known
                && let Some(Probe {
                    group,
                    planned,
                    work: Work::Connection(connection),
                }) = self.probes.try_remove(number)
            {
                self.deadlines.remove(number);
                let outcome = match connect::result(&connection.socket) {
                    Ok(()) => Outcome::pass(),
                    Err(failure) => failure.into(),
                };
                self.end_connection(group, planned, connection, outcome);
            }
        }
    }

    /// Closes a connection, which resets it, and handles its outcome.
    fn end_connection(
        &mut self,
        group: usize,
        planned: Instant,
        connection: Connection,
        outcome: Outcome,
    ) {
        let outcome = outcome.with_latency(connection.started.elapsed());
        drop(connection);
        self.handle_result(group, planned, &outcome);
    }

    /// Handles the end of a probe's task.
    pub(super) fn handle_joined(&mut self, joined: Result<(task::Id, Outcome), JoinError>) {
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
        if let Some(number) = self.probe_of_task.remove(&id)
            && let Some(probe) = self.probes.try_remove(number)
        {
            self.handle_result(probe.group, probe.planned, &outcome);
        }
    }

    fn handle_result(&mut self, number: usize, planned: Instant, outcome: &Outcome) {
        let Some(group) = self.table.group_mut(number) else {
            return;
        };
        group.probe = None;
        self.counters.probe_ended(outcome);
        let spec = &group.key.0;
        tracing::trace!(target = %spec.target, kind = spec.check.kind(), %outcome, "probed");
        let now = Instant::now();
        let mut due: Option<Instant> = None;
        let mut skipped = 0;
        let mut events = Vec::new();
        self.table
            .for_each_subscriber(number, |group, subscription| {
                if subscription.suspended {
                    return;
                }
                let step = subscription.state.observe(outcome);
                let next = group.next_due(self.epoch, planned, now, &step);
                let earliest = due.map_or(next, |due| due.min(next));
                due = Some(earliest);
                skipped = group.missed(planned, earliest);
                let passes = self.options.report_passes;
                events.extend(event_for(subscription, outcome, &step, passes));
            });
        if let Some(due) = due {
            self.counters.skipped(skipped);
            self.plan_probe(number, due);
        }
        for event in events {
            self.emit(event);
        }
        if self.inputs.take_missed(number) {
            self.handle_input(number);
        }
    }

    /// Cancels the probe of a group, if it is under way.
    pub(super) fn cancel_probe(&mut self, number: usize) {
        let group = self.table.group_mut(number);
        let Some(probe) = group.and_then(|group| group.probe.take()) else {
            return;
        };
        let probe = index(probe);
        match self.probes.try_remove(probe).map(|probe| probe.work) {
            Some(Work::Task(task)) => {
                self.probe_of_task.remove(&task.id());
                task.abort();
            }
            Some(Work::Connection(_)) => self.deadlines.remove(probe),
            None => {}
        }
    }
}

/// The token of an attempt of a probe.
fn token(attempt: u32, probe: usize) -> u64 {
    u64::from(attempt) << 32 | u64::from(narrow(probe))
}

/// The number of the probe of a token.
fn number_of(token: u64) -> usize {
    usize::try_from(token & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
