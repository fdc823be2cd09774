// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs probes on tokio: one task, and ordered due times. The task itself makes the connections of checks
//! that only connect; any other probe under way is one task more.

mod connections;
mod event;
mod group;
mod inputs;
mod probing;
mod report;
mod runner;
mod starts;
mod stats;
mod table;
mod timers;

use std::sync::Arc;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use crate::ProbeSpec;

pub use self::event::{CheckEvent, SubscriptionId};
pub use self::stats::SchedulerStats;

use self::runner::{Command, Runner};
use self::stats::Counters;

/// Sizes of the scheduler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SchedulerOptions {
    /// Probes that may run as tasks at the same time (512). Due probes beyond that wait, in order.
    pub max_in_flight: usize,
    /// Connections of checks that only connect ([`HealthCheck::connect_only`](crate::HealthCheck::connect_only))
    /// that may be under way at the same time (4096), besides the tasks. Due ones beyond that wait, in order.
    pub max_connections: usize,
    /// Probes started in a second (2000), after a burst of a tenth of that: a limit for the moments when
    /// many targets are new, resumed or retried at once. The limit is at least
    /// twice what the intervals of the targets need.
    pub max_starts_per_second: u32,
    /// Capacity of the event channel (1024); see [`Scheduler`] for a full one.
    pub event_capacity: usize,
    /// Reports passes as [`CheckEvent::Attempt`] too (off: at 5 000 probes a second they
    /// are of no use).
    pub report_passes: bool,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            max_in_flight: 512,
            max_connections: 4096,
            max_starts_per_second: 2000,
            event_capacity: 1024,
            report_passes: false,
        }
    }
}

/// The scheduler has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the check scheduler has ended")]
#[non_exhaustive]
pub struct SchedulerClosed;

/// A running scheduler of probes; clones control the same one.
///
/// * **Fixed rate.** Every target has a place in its interval, given by a hash of what is probed,
///   so that the load is even and nothing drifts. A probe that outlasts its interval skips the
///   places it missed; it is never run twice at the same time.
/// * **First round** spread over min(interval, max(2 s, n/2000 s)) for n new targets, unless the
///   policy has a warmup.
/// * **Start rate.** Probes beyond [`SchedulerOptions::max_starts_per_second`] start a little later. From 100
///   regular probes a second on they start in batches, each of them up to 20 ms before its time.
/// * **Equal probes run once**: subscriptions with equal target, identity and schedule share the
///   probe; each has its own [`CheckState`](crate::CheckState).
/// * **No probe delays another**: each probe has its deadline, and a panic in a check is one
///   [`LocalError::Panicked`](crate::LocalError::Panicked).
/// * **A check with an input** ([`HealthCheck::input`](crate::HealthCheck::input)) is probed at once when the
///   input changes, and not before its first state.
/// * **A check that cannot run** ([`Verdict::Local`](crate::Verdict::Local)) keeps its verdict, and is one
///   [`CheckEvent::CannotRun`] for each reason.
/// * **A full event channel** loses [`CheckEvent::Attempt`] (counted). It never loses the other
///   events: they wait, and a subscription with a waiting event is not probed until it is received.
///   The scheduler still reads commands, so the receiver of the events may send them.
///
/// The scheduler ends with [`shutdown`](Self::shutdown), when all clones are dropped, or when its
/// [`CheckEvents`] are. Commands take effect in the order in which they are sent; a command fails with
/// [`SchedulerClosed`] when the scheduler has ended, and only then.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use lb_check::{CheckEvent, HealthCheck, SchedulerOptions, Outcome, Policy, ProbeSpec, Scheduler,
///     SubscriptionId, Target};
///
/// #[derive(Debug)]
/// struct Always;
///
/// #[async_trait::async_trait]
/// impl HealthCheck for Always {
///     fn kind(&self) -> &str {
///         "ALWAYS"
///     }
///     async fn check(&self, _: &Target) -> Outcome {
///         Outcome::pass()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (scheduler, mut events) = Scheduler::start(SchedulerOptions::default());
/// let target = Target::new("192.0.2.61:80".parse()?);
/// let policy = Policy::default().with_warmup(Duration::ZERO);
/// let id = SubscriptionId::new(1);
/// scheduler.subscribe(id, ProbeSpec::new(Arc::new(Always), target, policy)).await?;
///
/// let event = events.recv().await;
/// assert!(matches!(event, Some(CheckEvent::Changed { up: true, first: true, .. })));
/// scheduler.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    commands: mpsc::Sender<Command>,
    counters: Arc<Counters>,
}

impl Scheduler {
    /// Spawns a scheduler on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime. The scheduler's task panics in a runtime without I/O when it has a check that
    /// connects.
    #[must_use]
    pub fn start(options: SchedulerOptions) -> (Self, CheckEvents) {
        let (events, receiver) = mpsc::channel(options.event_capacity.max(1));
        let (commands, inbox) = mpsc::channel(64);
        let counters = Arc::new(Counters::default());
        let runner = Runner::new(options, inbox, events, Arc::clone(&counters));
        tokio::spawn(runner.run());
        (Self { commands, counters }, CheckEvents(receiver))
    }

    /// Starts a check.
    ///
    /// For an `id` that exists already: an equal `spec` changes nothing at all; another policy is
    /// put in force with the state kept; anything else replaces the check and starts afresh
    /// (suspended, if the old one was).
    ///
    /// # Errors
    /// [`SchedulerClosed`].
    pub async fn subscribe(
        &self,
        id: SubscriptionId,
        spec: impl Into<Arc<ProbeSpec>>,
    ) -> Result<(), SchedulerClosed> {
        self.subscribe_all([(id, spec.into())]).await
    }

    /// Starts many checks; better than one by one, because the first round is spread by number.
    ///
    /// # Errors
    /// [`SchedulerClosed`].
    pub async fn subscribe_all<S: Into<Arc<ProbeSpec>>>(
        &self,
        specs: impl IntoIterator<Item = (SubscriptionId, S)>,
    ) -> Result<(), SchedulerClosed> {
        let specs = specs.into_iter().map(|(id, spec)| (id, spec.into()));
        self.send(Command::Subscribe(specs.collect())).await
    }

    /// Ends a check: a probe without another subscription is cancelled. Events of it that were in the
    /// channel already are still received. An unknown `id` is no error.
    ///
    /// # Errors
    /// [`SchedulerClosed`].
    pub async fn unsubscribe(&self, id: SubscriptionId) -> Result<(), SchedulerClosed> {
        self.send(Command::Unsubscribe(id)).await
    }

    /// Stops probing for `id` (`ha_suspend`); its state and counts stay.
    ///
    /// # Errors
    /// [`SchedulerClosed`].
    pub async fn suspend(&self, id: SubscriptionId) -> Result<(), SchedulerClosed> {
        self.send(Command::Suspend(id)).await
    }

    /// Resumes probing for `id`, at once.
    ///
    /// # Errors
    /// [`SchedulerClosed`].
    pub async fn resume(&self, id: SubscriptionId) -> Result<(), SchedulerClosed> {
        self.send(Command::Resume(id)).await
    }

    /// Cancels all probes, and returns when the scheduler has ended.
    pub async fn shutdown(self) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Shutdown(done)).await.is_ok() {
            // An error means that the scheduler ended before it could answer, which is the same.
            ended.await.unwrap_or_default();
        }
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> SchedulerStats {
        self.counters.snapshot()
    }

    async fn send(&self, command: Command) -> Result<(), SchedulerClosed> {
        self.commands
            .send(command)
            .await
            .map_err(|_| SchedulerClosed)
    }
}

/// The events of a [`Scheduler`], in the order in which they happened.
#[derive(Debug)]
pub struct CheckEvents(mpsc::Receiver<CheckEvent>);

impl CheckEvents {
    /// Waits for the next event; `None` when the scheduler has ended and all events are received.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<CheckEvent> {
        self.0.recv().await
    }

    /// Returns the next event if there is one already.
    ///
    /// # Errors
    /// [`SchedulerClosed`] when the scheduler has ended and all events are received.
    pub fn try_recv(&mut self) -> Result<Option<CheckEvent>, SchedulerClosed> {
        match self.0.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(SchedulerClosed),
        }
    }
}
