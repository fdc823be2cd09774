// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts processes: `/proc` is read every second.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::{info, warn};

use super::super::{ObjectId, ProcessPattern, Report};
use super::{Patterns, Reports};

mod matching;
#[cfg(test)]
mod tests;

/// Between two looks.
const POLL: Duration = Duration::from_secs(1);

/// The processes by number, each with the places of the patterns that are about it.
type Members = BTreeMap<u32, Vec<usize>>;

/// Runs until nobody listens, or nobody can change `latest` any more.
pub(super) async fn run(mut latest: watch::Receiver<Patterns>, reports: Reports) {
    let mut told = Told::default();
    loop {
        let wanted = latest.borrow_and_update().clone();
        told.keep(&wanted);
        let patterns: Vec<ProcessPattern> = wanted.values().cloned().collect();
        let job = spawn_blocking(move || matching::scan(Path::new("/proc"), &patterns));
        // A panic there is ours; the task ends by it and is begun again.
        let members = match job.await {
            Ok(members) => members,
            Err(error) => std::panic::resume_unwind(Box::new(error)),
        };
        for (id, count) in told.take(members) {
            if reports.send((id, Report::Count(count))).await.is_err() {
                return;
            }
        }
        if let Ok(Err(_closed)) = timeout(POLL, latest.changed()).await {
            return;
        }
    }
}

/// What was told of each object.
#[derive(Debug, Default)]
struct Told {
    patterns: Patterns,
    counts: BTreeMap<ObjectId, u32>,
    trouble: Option<io::ErrorKind>,
}

impl Told {
    /// Forgets what was told of objects that are not wanted any more, or mean other processes.
    fn keep(&mut self, wanted: &Patterns) {
        let (counts, old) = (&mut self.counts, &self.patterns);
        counts.retain(|id, _| wanted.get(id).is_some_and(|new| old.get(id) == Some(new)));
        self.patterns.clone_from(wanted);
    }

    /// The counts that are news. Where processes cannot be listed, nothing is; it is logged once.
    fn take(&mut self, members: io::Result<Members>) -> Vec<(ObjectId, u32)> {
        let members = match members {
            Ok(members) => members,
            Err(error) => {
                if self.trouble.replace(error.kind()) != Some(error.kind()) {
                    warn!(%error, "cannot list processes, trying again every second");
                }
                return Vec::new();
            }
        };
        if self.trouble.take().is_some() {
            info!("processes can be listed again");
        }
        let mut news = Vec::new();
        for (place, id) in self.patterns.keys().enumerate() {
            let matching = members.values().filter(|places| places.contains(&place));
            let count = u32::try_from(matching.count()).unwrap_or(u32::MAX);
            if self.counts.insert(id.clone(), count) != Some(count) {
                news.push((id.clone(), count));
            }
        }
        news
    }
}
