// SPDX-License-Identifier: MIT OR Apache-2.0
//! The inputs of probes: wakes the scheduler when a state changes.

use std::collections::{HashMap, HashSet};

use tokio::sync::watch;
use tokio::task::{self, AbortHandle, JoinSet};

use crate::{Input, InputState};

type States = watch::Receiver<Option<InputState>>;

/// The groups whose check has an input; one small task for each waits for the next change.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    waiting: JoinSet<(usize, Option<States>)>,
    groups: HashMap<usize, AbortHandle>,
    /// Groups whose input changed during a probe.
    missed: HashSet<usize>,
}

impl Inputs {
    /// Follows an input for the group `number`, from now on.
    pub(super) fn follow(&mut self, number: usize, input: &Input) {
        self.wait(number, input.subscribe());
    }

    fn wait(&mut self, number: usize, mut states: States) {
        let task = self.waiting.spawn(async move {
            // An error means that no program can push a state any more.
            let changed = states.changed().await;
            (number, changed.is_ok().then_some(states))
        });
        self.groups.insert(number, task);
    }

    /// Ends the wait for a group.
    pub(super) fn remove(&mut self, number: usize) {
        self.missed.remove(&number);
        if let Some(task) = self.groups.remove(&number) {
            task.abort();
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number of a group whose input has changed; `None` if there is none after all. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<usize> {
        loop {
            // An error is that of a task which was aborted.
            let Ok((id, (number, states))) = self.waiting.join_next_with_id().await? else {
                continue;
            };
            if !self.is_current(number, id) {
                continue;
            }
            self.groups.remove(&number);
            if let Some(states) = states {
                self.wait(number, states);
            }
            return Some(number);
        }
    }

    /// Whether a task waits for this group: its number may be that of an earlier group.
    fn is_current(&self, number: usize, id: task::Id) -> bool {
        self.groups.get(&number).is_some_and(|task| task.id() == id)
    }

    /// Notes that the input of a group changed during its probe.
    pub(super) fn note_missed(&mut self, number: usize) {
        self.missed.insert(number);
    }

    /// Whether the input changed during the probe that has just ended.
    pub(super) fn take_missed(&mut self, number: usize) -> bool {
        self.missed.remove(&number)
    }
}
