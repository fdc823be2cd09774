// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs one script at a fixed rate, and never twice at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lb_host::thread::catch_future;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::super::{ObjectId, Report, ScriptRunner, ScriptSource};
use super::Reports;
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
    reports: Reports,
) {
    let name = id.name();
    let mut source = latest.borrow_and_update().clone();
    let mut planned = Instant::now();
    let mut running = Some(start(&runner, &source));
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
                    running = Some(start(&runner, &new));
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
                    running = Some(start(&runner, &source));
                    started = planned;
                }
                log_change(name, last, outcome);
                last = Some(outcome);
                if reports.send((id.clone(), Report::Script(outcome))).await.is_err() {
                    return;
                }
            }
            () = sleep_until(due(planned, source.interval)) => {
                planned = latest_slot(planned, source.interval, Instant::now());
                if running.is_none() {
                    running = Some(start(&runner, &source));
                    started = planned;
                } else if is_ending(started, source.timeout, planned) {
                    follows = true;
                } else if !skipping {
                    skipping = true;
                    info!("Track script {name} is already running, expect idle - skipping run");
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
) -> BoxFuture<'static, ScriptOutcome> {
    let (runner, script) = (Arc::clone(runner), script.clone());
    async move {
        let run = catch_future(runner.run(&script));
        match timeout(script.timeout.saturating_add(GUARD), run).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                error!(script = script.line(), "{panic}; please report this");
                ScriptOutcome::NotStarted
            }
            Err(_elapsed) => {
                error!(
                    script = script.line(),
                    "the runner of a script did not end in time and was dropped"
                );
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

/// Logs each change of the outcome; a script is expected to succeed at first.
fn log_change(name: &str, last: Option<ScriptOutcome>, outcome: ScriptOutcome) {
    if last.unwrap_or(ScriptOutcome::Exited(0)) == outcome {
        return;
    }
    match outcome {
        ScriptOutcome::Exited(status) => info!("Script `{name}` now returning {status}"),
        ScriptOutcome::Killed(signal) => info!("Script `{name}` now ended by signal {signal}"),
        ScriptOutcome::TimedOut => info!("Script `{name}` now timing out"),
        ScriptOutcome::NotStarted => warn!("Script `{name}` cannot be run"),
    }
}
