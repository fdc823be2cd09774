// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts processes, from `/proc`, every second.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::super::{ObjectId, Observation, ProcessPattern};
use super::{Patterns, Reports};
use crate::driver::event::EventSender;
use crate::driver::note::HostNote;

mod matching;
#[cfg(test)]
mod tests;

/// Time between two looks.
const POLL: Duration = Duration::from_secs(1);

/// Processes by number, each with the positions of the patterns that match it.
type Members = BTreeMap<u32, Vec<usize>>;

/// Runs until the receiver of reports or the sender of `latest` is dropped.
pub(super) async fn run(
    mut latest: watch::Receiver<Patterns>,
    (reports, events): (Reports, EventSender),
) {
    let mut reported = Reported::default();
    loop {
        let wanted = latest.borrow_and_update().clone();
        reported.keep(&wanted);
        let patterns: Vec<ProcessPattern> = wanted.values().cloned().collect();
        let job = spawn_blocking(move || matching::scan(Path::new("/proc"), &patterns));
        // A panic of the job ends this task, which is restarted.
        let members = match job.await {
            Ok(members) => members,
            Err(error) => std::panic::resume_unwind(Box::new(error)),
        };
        for (id, count) in reported.take_changes(members, |note| events.note_host(note)) {
            if reports.send((id, Observation::Count(count))).await.is_err() {
                return;
            }
        }
        if let Ok(Err(_closed)) = timeout(POLL, latest.changed()).await {
            return;
        }
    }
}

/// The counts that were reported last.
#[derive(Debug, Default)]
struct Reported {
    patterns: Patterns,
    counts: BTreeMap<ObjectId, u32>,
    error: Option<io::ErrorKind>,
}

impl Reported {
    /// Drops the counts of objects that were removed or have another pattern.
    fn keep(&mut self, wanted: &Patterns) {
        let (counts, old) = (&mut self.counts, &self.patterns);
        counts.retain(|id, _| wanted.get(id).is_some_and(|new| old.get(id) == Some(new)));
        self.patterns.clone_from(wanted);
    }

    /// Returns the counts that changed. If processes cannot be listed, that is noted once.
    fn take_changes(
        &mut self,
        members: io::Result<Members>,
        note: impl Fn(HostNote),
    ) -> Vec<(ObjectId, u32)> {
        let members = match members {
            Ok(members) => members,
            Err(error) => {
                if self.error.replace(error.kind()) != Some(error.kind()) {
                    let error = Arc::new(error);
                    note(HostNote::ProcessesNotListed { error });
                }
                return Vec::new();
            }
        };
        if self.error.take().is_some() {
            note(HostNote::ProcessesListed);
        }
        let mut changes = Vec::new();
        for (place, id) in self.patterns.keys().enumerate() {
            let matching = members.values().filter(|places| places.contains(&place));
            let count = u32::try_from(matching.count()).unwrap_or(u32::MAX);
            if self.counts.insert(id.clone(), count) != Some(count) {
                changes.push((id.clone(), count));
            }
        }
        changes
    }
}
