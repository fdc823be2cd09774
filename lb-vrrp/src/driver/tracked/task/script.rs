// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs one script at a fixed rate, and never twice at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lb_host::thread::catch_future;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::{ObjectId, Observation, ScriptRunner, ScriptSource};
use super::Reports;
use crate::driver::event::EventSender;
use crate::driver::note::TrackingNote;
use crate::track::ScriptOutcome;

/// Shortest interval; a shorter configured one is raised to it.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Time that a runner may take beyond the timeout, to end its program, before it is dropped.
const GUARD: Duration = Duration::from_secs(10);

/// Runs until the receiver of reports or the sender of `latest` is dropped.
pub(super) async fn run(
    id: ObjectId,
    runner: Arc<dyn ScriptRunner>,
    mut latest: watch::Receiver<ScriptSource>,
    (reports, events): (Reports, EventSender),
) {
    let start = |source: &ScriptSource| start(&runner, source, (&id, &events));
    let mut source = latest.borrow_and_update().clone();
    let mut planned = Instant::now();
    let mut running = Some(start(&source));
    // The slot in which the present run was started.
    let mut started = planned;
    let mut skipping = false;
    // A slot has passed at whose beginning the present run was to be killed.
    let mut follows = false;
    let mut last = None;
    loop {
        tokio::select! {
            changed = latest.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = latest.borrow_and_update().clone();
                if new.line() != source.line() {
                    // Dropping the old run kills it.
                    running = Some(start(&new));
                    planned = Instant::now();
                    started = planned;
                    (skipping, follows) = (false, false);
                }
                source = new;
            }
            outcome = finished(&mut running) => {
                running = None;
                skipping = false;
                if std::mem::take(&mut follows) {
                    running = Some(start(&source));
                    started = planned;
                }
                if last.unwrap_or(ScriptOutcome::Exited(0)) != outcome {
                    // A script is expected to succeed at first.
                    events.note_tracking(&id, TrackingNote::Ended(outcome));
                }
                last = Some(outcome);
                if reports.send((id.clone(), Observation::Script(outcome))).await.is_err() {
                    return;
                }
            }
            () = sleep_until(due(planned, source.interval)) => {
                planned = latest_slot(planned, source.interval, Instant::now());
                if running.is_none() {
                    running = Some(start(&source));
                    started = planned;
                } else if is_ending(started, source.timeout, planned) {
                    follows = true;
                } else if !skipping {
                    skipping = true;
                    events.note_tracking(&id, TrackingNote::StillRunning);
                }
            }
        }
    }
}

/// Whether a run of the slot `started` has reached its timeout at the slot `now`: its end, a moment later,
/// must not cost that slot.
fn is_ending(started: Instant, timeout: Duration, now: Instant) -> bool {
    now.saturating_duration_since(started) >= timeout
}

fn start(
    runner: &Arc<dyn ScriptRunner>,
    script: &ScriptSource,
    (id, events): (&ObjectId, &EventSender),
) -> BoxFuture<'static, ScriptOutcome> {
    let (runner, script) = (Arc::clone(runner), script.clone());
    let (id, events) = (id.clone(), events.clone());
    async move {
        let run = catch_future(runner.run(&script));
        match timeout(script.timeout.saturating_add(GUARD), run).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                let message = Arc::from(panic.to_string());
                events.note_tracking(&id, TrackingNote::Panicked { message });
                ScriptOutcome::NotStarted
            }
            Err(_elapsed) => {
                events.note_tracking(&id, TrackingNote::RunnerStuck);
                ScriptOutcome::TimedOut
            }
        }
    }
    .boxed()
}

async fn finished(running: &mut Option<BoxFuture<'static, ScriptOutcome>>) -> ScriptOutcome {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}

/// When a script planned at `planned` is to start again.
fn due(planned: Instant, interval: Duration) -> Instant {
    // Days, where the interval is beyond the clock.
    const FAR: Duration = Duration::from_secs(1_000_000);
    planned
        .checked_add(interval.max(MIN_INTERVAL))
        .unwrap_or_else(|| planned + FAR)
}

/// The last multiple of the interval: one run follows a stall, not all that were missed.
fn latest_slot(planned: Instant, interval: Duration, now: Instant) -> Instant {
    let interval = interval.max(MIN_INTERVAL).as_nanos();
    let gone = now.saturating_duration_since(planned).as_nanos();
    let whole = gone - gone % interval;
    planned + Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX))
}
