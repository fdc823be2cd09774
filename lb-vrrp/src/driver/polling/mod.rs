// SPDX-License-Identifier: MIT OR Apache-2.0
//! Polls the state of links whose drivers do not report changes.
//!
//! A thread of its own polls, because a driver may be slow. The thread runs while there are links to
//! poll.

mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use self::worker::{Answer, Answers, Worker};
use super::error::Error;
use super::links::Interfaces;
use super::monitor::watched;
use crate::spec::Configuration;
use crate::{LinkPoll, PollMethod};

/// Time between two rounds.
const PERIOD: Duration = Duration::from_secs(1);
/// A longer round is reported.
const ROUND_LIMIT: Duration = Duration::from_secs(5);

/// A link to poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The method to try first.
    first: PollMethod,
    /// The state that the kernel reports; a change starts a round at once.
    up: bool,
}

/// The links to poll among the present interfaces. `names` are those in use.
pub(super) fn targets(
    polls: &[LinkPoll],
    names: &BTreeSet<Arc<str>>,
    present: &Interfaces,
) -> BTreeMap<Arc<str>, Target> {
    if polls.is_empty() {
        return BTreeMap::new();
    }
    let every = polls.iter().find(|poll| poll.interface.is_none());
    let links = present.iter().filter_map(|interface| {
        let name = interface.link.name.as_str();
        let mut named = polls.iter();
        let named = named.find(|poll| poll.interface.as_deref() == Some(name));
        // A macvlan of the driver is up while its router is Master.
        let every = every.filter(|_| interface.macvlan_of.is_none() && names.contains(name));
        let first = named.or(every)?.method;
        Some((
            Arc::from(name),
            Target {
                first,
                up: interface.up,
            },
        ))
    });
    links.collect()
}

/// Polls once before the routers start, and returns the interfaces with the answers.
pub(super) fn poll_first(
    configuration: &Configuration,
    present: Interfaces,
) -> Result<Interfaces, Error> {
    let targets = targets(&configuration.link_polls, &watched(configuration), &present);
    if targets.is_empty() {
        return Ok(present);
    }
    let failed = |source| Error::Netlink {
        operation: "open a socket",
        source,
    };
    let mut poller = worker::Poller::open().map_err(failed)?;
    let answers = poller.poll(order(&targets));
    log_methods(&answers, &Answers::new());
    Ok(with_answers(&present, &answers))
}

fn order(targets: &BTreeMap<Arc<str>, Target>) -> worker::Order {
    let targets = targets.iter();
    targets
        .map(|(name, target)| (Arc::clone(name), target.first))
        .collect()
}

/// Logs by which method a link is polled, where that has changed.
fn log_methods(answers: &Answers, before: &Answers) {
    for (ifname, Answer { method, .. }) in answers {
        if before.get(ifname).map(|answer| answer.method) != Some(*method) {
            info!(%ifname, %method, "polling the link");
        }
    }
}

fn with_answers(present: &Interfaces, answers: &Answers) -> Interfaces {
    present.with_each(|interface| {
        if let Some(answer) = answers.get(interface.link.name.as_str()) {
            interface.up = answer.up;
            interface.polled = Some(answer.method);
        }
    })
}

/// The rounds of polling, and the answers of the last one.
pub(super) struct Polls {
    targets: BTreeMap<Arc<str>, Target>,
    answers: Answers,
    start: Box<dyn Fn() -> io::Result<Worker> + Send>,
    worker: Option<Worker>,
    /// When the next round starts.
    due: Option<Instant>,
    /// The present round; `None` between two rounds.
    round: Option<Round>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    limit: Instant,
    /// Whether it was reported that the round takes too long.
    reported: bool,
}

impl Polls {
    /// Starts with the answers that the routers have.
    pub(super) fn new(seen: &Interfaces) -> Self {
        Self::starting(seen, Worker::start)
    }

    fn starting(
        seen: &Interfaces,
        start: impl Fn() -> io::Result<Worker> + Send + 'static,
    ) -> Self {
        let answers = seen.iter().filter_map(|interface| {
            let (up, method) = (interface.up, interface.polled?);
            Some((
                Arc::from(interface.link.name.as_str()),
                Answer { up, method },
            ))
        });
        Self {
            targets: BTreeMap::new(),
            answers: answers.collect(),
            start: Box::new(start),
            worker: None,
            due: None,
            round: None,
        }
    }

    /// Polls these links from now on, and no others.
    pub(super) fn set_targets(&mut self, now: Instant, targets: BTreeMap<Arc<str>, Target>) {
        if targets == self.targets {
            return;
        }
        let before = std::mem::replace(&mut self.targets, targets);
        let targets = &self.targets;
        self.answers.retain(|name, _| targets.contains_key(name));
        if targets.is_empty() {
            self.worker = None;
            self.round = None;
            self.due = None;
        } else if targets
            .iter()
            .any(|(name, target)| before.get(name) != Some(target))
        {
            self.due = Some(now);
        }
    }

    /// Starts the next round if it is due.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(round) = &mut self.round {
            if now >= round.limit && !round.reported {
                round.reported = true;
                warn!(
                    "link polling timed out after {ROUND_LIMIT:?}; keeping the previous link states"
                );
            }
            return;
        }
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = Some(now + PERIOD);
        if self.worker.is_none() {
            match (self.start)() {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => warn!(%error, "cannot poll links, trying again"),
            }
        }
        let order = order(&self.targets);
        let worker = self.worker.as_ref();
        let is_started = worker.is_some_and(|worker| worker.start_round(order));
        self.round = is_started.then(|| Round {
            limit: now + ROUND_LIMIT,
            reported: false,
        });
    }

    /// When to [`advance`](Self::advance) next.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self.round {
            Some(round) => Some(round.limit).filter(|_| !round.reported),
            None => self.due,
        }
    }

    /// Waits for answers; `None` if the thread has ended.
    pub(super) async fn answers(&mut self) -> Option<Answers> {
        match &mut self.worker {
            Some(worker) => worker.answers().await,
            None => std::future::pending().await,
        }
    }

    /// Ends a round with the result of [`answers`](Self::answers).
    pub(super) fn handle_answers(&mut self, now: Instant, answers: Option<Answers>) {
        self.round = None;
        let Some(mut answers) = answers else {
            warn!("the thread that polls links has ended, starting another one");
            self.worker = None;
            self.due = Some(now + PERIOD);
            return;
        };
        answers.retain(|name, _| self.targets.contains_key(name));
        log_methods(&answers, &self.answers);
        self.answers = answers;
    }

    /// The interfaces with the answers. The state of an interface without an answer is the kernel's.
    pub(super) fn apply(&self, present: &Interfaces) -> Interfaces {
        if self.answers.is_empty() {
            return present.clone();
        }
        with_answers(present, &self.answers)
    }
}

#[cfg(test)]
mod tests;
