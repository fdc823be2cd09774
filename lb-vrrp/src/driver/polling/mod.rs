// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links that are asked for their state, because their drivers do not tell when it changes.
//!
//! A thread of its own asks: a driver may take its time, and holds up nobody else. It is there as long
//! as there is a link to ask.

mod request;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use self::worker::{Answer, Answers, Worker};
use super::error::Error;
use super::handle::watched;
use super::links::Interfaces;
use crate::spec::Configuration;
use crate::{LinkPoll, PollMethod};

/// From one round to the next.
const PERIOD: Duration = Duration::from_secs(1);
/// A round that takes longer is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// A link to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    first: PollMethod,
    /// What the kernel tells by itself; when it changes, the link is asked at once.
    up: bool,
}

/// The links to be asked, of the interfaces that are there. `names` are those in use.
pub(super) fn asked(
    polls: &[LinkPoll],
    names: &BTreeSet<Arc<str>>,
    there: &Interfaces,
) -> BTreeMap<Arc<str>, Asked> {
    if polls.is_empty() {
        return BTreeMap::new();
    }
    let every = polls.iter().find(|poll| poll.interface.is_none());
    let links = there.iter().filter_map(|of| {
        let name = of.link.name.as_str();
        let mut named = polls.iter();
        let named = named.find(|poll| poll.interface.as_deref() == Some(name));
        // A macvlan of ours goes up and down with its router.
        let every = every.filter(|_| of.macvlan_of.is_none() && names.contains(name));
        let first = named.or(every)?.method;
        Some((Arc::from(name), Asked { first, up: of.up }))
    });
    links.collect()
}

/// The interfaces as routers are to see them from the start; asks, and waits for the answers.
pub(super) fn first(of: &Configuration, there: Interfaces) -> Result<Interfaces, Error> {
    let asked = asked(&of.link_polls, &watched(of), &there);
    if asked.is_empty() {
        return Ok(there);
    }
    let failed = |source| Error::Netlink {
        operation: "open a socket",
        source,
    };
    let answers = worker::Asker::open().map_err(failed)?.ask(order(&asked));
    tell(&answers, &Answers::new());
    Ok(answered(&there, &answers))
}

fn order(asked: &BTreeMap<Arc<str>, Asked>) -> worker::Order {
    let names = asked.iter();
    names
        .map(|(name, of)| (Arc::clone(name), of.first))
        .collect()
}

/// Tells who answers, where that is somebody else than before.
fn tell(answers: &Answers, before: &Answers) {
    for (ifname, Answer { method, .. }) in answers {
        if before.get(ifname).map(|of| of.method) != Some(*method) {
            info!(%ifname, %method, "polling the link");
        }
    }
}

fn answered(there: &Interfaces, answers: &Answers) -> Interfaces {
    there.with_each(|interface| {
        if let Some(answer) = answers.get(interface.link.name.as_str()) {
            interface.up = answer.up;
            interface.polled = Some(answer.method);
        }
    })
}

/// The rounds of questions, and what came of the last one.
pub(super) struct Polls {
    asked: BTreeMap<Arc<str>, Asked>,
    answers: Answers,
    start: Box<dyn Fn() -> io::Result<Worker> + Send>,
    worker: Option<Worker>,
    /// When the next round is.
    due: Option<Instant>,
    /// Until when the one under way ought to be over; `None` in between.
    under_way: Option<UnderWay>,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    limit: Instant,
    told: bool,
}

impl Polls {
    /// Begins with what routers see already.
    pub(super) fn new(seen: &Interfaces) -> Self {
        Self::starting(seen, Worker::start)
    }

    fn starting(
        seen: &Interfaces,
        start: impl Fn() -> io::Result<Worker> + Send + 'static,
    ) -> Self {
        let answers = seen.iter().filter_map(|of| {
            let (up, method) = (of.up, of.polled?);
            Some((Arc::from(of.link.name.as_str()), Answer { up, method }))
        });
        Self {
            asked: BTreeMap::new(),
            answers: answers.collect(),
            start: Box::new(start),
            worker: None,
            due: None,
            under_way: None,
        }
    }

    /// Asks these from now on, and no others.
    pub(super) fn settle(&mut self, now: Instant, asked: BTreeMap<Arc<str>, Asked>) {
        if asked == self.asked {
            return;
        }
        let before = std::mem::replace(&mut self.asked, asked);
        let asked = &self.asked;
        self.answers.retain(|name, _| asked.contains_key(name));
        if asked.is_empty() {
            self.worker = None;
            self.under_way = None;
            self.due = None;
        } else if asked.iter().any(|(name, of)| before.get(name) != Some(of)) {
            self.due = Some(now);
        }
    }

    /// Begins the next round if it is time.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Some(round) = &mut self.under_way {
            if now >= round.limit && !round.told {
                round.told = true;
                warn!(limit = ?PATIENCE, "links do not answer in time, and count as they did");
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
                Err(error) => warn!(%error, "cannot ask for links, trying again"),
            }
        }
        let order = order(&self.asked);
        let asking = self.worker.as_ref().is_some_and(|of| of.ask(order));
        self.under_way = asking.then(|| UnderWay {
            limit: now + PATIENCE,
            told: false,
        });
    }

    /// When to [`advance`](Self::advance) next.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self.under_way {
            Some(round) => Some(round.limit).filter(|_| !round.told),
            None => self.due,
        }
    }

    /// Waits for answers; `None` if nobody will give any.
    pub(super) async fn answers(&mut self) -> Option<Answers> {
        match &mut self.worker {
            Some(worker) => worker.answers().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn take_in(&mut self, now: Instant, answers: Option<Answers>) {
        self.under_way = None;
        let Some(mut answers) = answers else {
            warn!("nobody asks for links any more, trying again");
            self.worker = None;
            self.due = Some(now + PERIOD);
            return;
        };
        answers.retain(|name, _| self.asked.contains_key(name));
        tell(&answers, &self.answers);
        self.answers = answers;
    }

    /// The interfaces with the answers; one without is as the kernel tells by itself.
    pub(super) fn apply(&self, there: &Interfaces) -> Interfaces {
        if self.answers.is_empty() {
            return there.clone();
        }
        answered(there, &self.answers)
    }
}

#[cfg(test)]
mod tests;
