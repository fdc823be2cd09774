// SPDX-License-Identifier: MIT OR Apache-2.0
//! The check runtime: a thread of its own, so that a burst of probes delays no other task.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{CheckEvent, CheckEvents, ProbeSpec, Scheduler, SchedulerOptions, SubscriptionId};
use lb_host::thread::{StartError, Thread};
use lb_vrrp::spec::Scheduling;
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::oneshot;

use crate::director::{CheckId, Names};
use crate::model::CheckSpec;

use super::{director_log, scheduling};

/// Pause before a check runtime that failed is started again.
const RESTART: Duration = Duration::from_secs(1);
/// Descriptors that probes leave to the other parts of the daemon; half of them if the limit is low.
const OTHER_DESCRIPTORS: usize = 128;
/// Name of the thread.
pub(super) const NAME: &str = "checks";
/// Longest time that the start of the check runtime takes.
const START: Duration = Duration::from_secs(10);

/// The check runtime and its subscriptions.
#[derive(Debug)]
pub(super) struct Checks {
    runtime: CheckThread,
    scheduling: Scheduling,
    active: BTreeMap<Arc<CheckId>, ActiveCheck>,
    subscribers: BTreeMap<SubscriptionId, Arc<CheckId>>,
    next: u64,
}

/// A check that is subscribed to.
#[derive(Debug)]
pub(super) struct ActiveCheck {
    probe: Arc<ProbeSpec>,
    kind: Arc<str>,
    suspended: bool,
    subscription: SubscriptionId,
}

/// A check to be subscribed to.
#[derive(Debug)]
pub(super) struct NewCheck {
    pub(super) id: CheckId,
    probe: Arc<ProbeSpec>,
    kind: Arc<str>,
    pub(super) suspended: bool,
}

impl NewCheck {
    /// The subscription for a check of the model.
    pub(super) fn new(id: CheckId, check: &CheckSpec, suspended: bool) -> Self {
        Self {
            id,
            probe: Arc::clone(&check.probe),
            kind: Arc::clone(&check.kind),
            suspended,
        }
    }
}

/// The check runtime could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the check runtime")]
pub struct CheckRuntimeError(#[source] StartError<Infallible>);

impl Checks {
    /// Starts the thread and an empty scheduler on it.
    pub(super) async fn start(scheduling: Scheduling) -> Result<Self, CheckRuntimeError> {
        Ok(Self {
            runtime: CheckThread::start(scheduling).await?,
            scheduling,
            active: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            next: 0,
        })
    }

    /// Starts the runtime again after it died, with the checks that were active.
    pub(super) async fn restart(&mut self) -> Result<(), CheckRuntimeError> {
        tracing::error!("check runtime died, starting it again");
        tokio::time::sleep(RESTART).await;
        self.runtime = CheckThread::start(self.scheduling).await?;
        let all: Vec<_> = self
            .active
            .values()
            .map(|check| (check.subscription, Arc::clone(&check.probe)))
            .collect();
        self.runtime.subscribe(all).await;
        for check in self.active.values().filter(|check| check.suspended) {
            self.runtime.suspend(check.subscription).await;
        }
        Ok(())
    }

    /// The next event and whose it is; `None` when the runtime has died. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(CheckId, CheckEvent)> {
        loop {
            let event = self.runtime.events.recv().await?;
            // Events of a check that is gone may still be in the channel.
            if let Some(id) = self.subscribers.get(&event.id()) {
                return Some((**id, event));
            }
        }
    }

    /// Starts these checks, spread as one round.
    pub(super) async fn add(&mut self, checks: Vec<NewCheck>) {
        if checks.is_empty() {
            return;
        }
        let mut specs = Vec::with_capacity(checks.len());
        let mut resting = Vec::new();
        for NewCheck {
            id,
            probe,
            kind,
            suspended,
        } in checks
        {
            self.next += 1;
            let subscription = SubscriptionId::new(self.next);
            let id = Arc::new(id);
            self.subscribers.insert(subscription, Arc::clone(&id));
            specs.push((subscription, Arc::clone(&probe)));
            if suspended {
                resting.push(subscription);
            }
            let check = ActiveCheck {
                probe,
                kind,
                suspended,
                subscription,
            };
            self.active.insert(id, check);
        }
        self.runtime.subscribe(specs).await;
        for subscription in resting {
            self.runtime.suspend(subscription).await;
        }
    }

    /// Ends a check.
    pub(super) async fn remove(&mut self, id: &CheckId) {
        if let Some(check) = self.active.remove(id) {
            self.subscribers.remove(&check.subscription);
            self.runtime.unsubscribe(check.subscription).await;
        }
    }

    /// Stops probing for a check until it is resumed; its state stays.
    pub(super) async fn suspend(&mut self, id: &CheckId) {
        if let Some(check) = self.active.get_mut(id) {
            check.suspended = true;
            self.runtime.suspend(check.subscription).await;
        }
    }

    /// Resumes the probes of a check, at once.
    pub(super) async fn resume(&mut self, id: &CheckId) {
        if let Some(check) = self.active.get_mut(id) {
            check.suspended = false;
            self.runtime.resume(check.subscription).await;
        }
    }

    /// Logs what a check found, in words comparable to keepalived's.
    pub(super) fn log(&self, id: &CheckId, names: &Names, event: &CheckEvent) {
        let Some(check) = self.active.get(id) else {
            return;
        };
        let Names {
            virtual_server,
            real_server,
        } = names;
        let _span = director_log::span(virtual_server).entered();
        match event {
            CheckEvent::Changed { up: true, .. } => match &*check.kind {
                "TCP_CHECK" => tracing::info!("TCP connection to {real_server} success."),
                "UDP_CHECK" => tracing::info!("UDP connection to {real_server} success."),
                "PING_CHECK" => tracing::info!("ICMP connection to {real_server} success."),
                "HTTP_GET" | "SSL_GET" => {
                    tracing::info!("Remote Web server {real_server} succeed on service.");
                }
                "MISC_CHECK" => {
                    tracing::info!("Misc check for [{real_server} VS {virtual_server}] succeeded.");
                }
                kind => tracing::info!("{kind} on service {real_server} succeeded."),
            },
            CheckEvent::Changed {
                up: false,
                outcome,
                attempts,
                ..
            } => {
                let retries = match attempts.saturating_sub(1) {
                    0 => String::new(),
                    1 => " after 1 retry".to_owned(),
                    retries => format!(" after {retries} retries"),
                };
                let reason = outcome.to_string();
                let kind = match &*check.kind {
                    "HTTP_GET" | "SSL_GET" => "HTTP_CHECK",
                    "PING_CHECK" => "ICMP CHECK",
                    "DNS_CHECK" => {
                        tracing::info!("DNS_CHECK ({real_server}) {reason}{retries}");
                        return;
                    }
                    kind => kind,
                };
                tracing::info!(reason, "{kind} on service {real_server} failed{retries}.");
            }
            CheckEvent::Attempt {
                attempt, outcome, ..
            } => {
                let reason = outcome.to_string();
                tracing::debug!(attempt, reason, "{} on service {real_server}", check.kind);
            }
            CheckEvent::CannotRun { error, .. } => {
                let reason = error.to_string();
                tracing::warn!(
                    reason,
                    "{} on service {real_server} cannot run, its last result stays in force",
                    check.kind
                );
            }
            CheckEvent::RunsAgain { outcome, .. } => {
                let result = outcome.to_string();
                tracing::info!(result, "{} on service {real_server} runs again", check.kind);
            }
            CheckEvent::WeightChanged { outcome, .. } => {
                let weight = outcome.weight;
                tracing::debug!(?weight, "{} on service {real_server}", check.kind);
            }
            other => tracing::debug!(?other, "check"),
        }
    }

    /// Cancels all probes and ends the thread.
    pub(super) async fn shutdown(self) {
        self.runtime.shutdown().await;
    }
}

/// The number of probes that may run at the same time: each needs a descriptor, and some are for the other
/// parts of the daemon.
fn probes_in_flight(most: usize) -> usize {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((limit, _)) => usize::try_from(limit).unwrap_or(usize::MAX),
        Err(_) => return most,
    };
    probes_within(limit, most)
}

fn probes_within(limit: usize, most: usize) -> usize {
    let others = OTHER_DESCRIPTORS.min(limit / 2);
    limit.saturating_sub(others).min(most).max(1)
}

/// The thread, its scheduler and the scheduler's events.
#[derive(Debug)]
struct CheckThread {
    scheduler: Scheduler,
    events: CheckEvents,
    /// Dropped to end the runtime.
    alive: oneshot::Sender<()>,
    thread: Thread,
}

impl CheckThread {
    async fn start(scheduling: Scheduling) -> Result<Self, CheckRuntimeError> {
        let (alive, ended) = oneshot::channel::<()>();
        let starting = Thread::start_runtime(NAME, START, async move || {
            scheduling::apply(&scheduling, NAME);
            let run = async move {
                // An error is the drop that ends the thread.
                let _ = ended.await;
            };
            let mut options = SchedulerOptions::default();
            options.max_in_flight = probes_in_flight(options.max_in_flight);
            Ok((Scheduler::start(options), run))
        });
        let (thread, (scheduler, events)) = starting.ready().await.map_err(CheckRuntimeError)?;
        Ok(Self {
            scheduler,
            events,
            alive,
            thread,
        })
    }

    // A scheduler that has ended shows as the end of its events; the errors say nothing more.

    async fn subscribe(&self, specs: Vec<(SubscriptionId, Arc<ProbeSpec>)>) {
        let _ = self.scheduler.subscribe_all(specs).await;
    }

    async fn unsubscribe(&self, id: SubscriptionId) {
        let _ = self.scheduler.unsubscribe(id).await;
    }

    async fn suspend(&self, id: SubscriptionId) {
        let _ = self.scheduler.suspend(id).await;
    }

    async fn resume(&self, id: SubscriptionId) {
        let _ = self.scheduler.resume(id).await;
    }

    async fn shutdown(self) {
        self.scheduler.shutdown().await;
        drop(self.alive);
        self.thread.join().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_leave_descriptors_to_the_rest_of_the_daemon() {
        for (limit, probes) in [
            (0, 1),
            (16, 8),
            (64, 32),
            (300, 172),
            (1024, 512),
            (usize::MAX, 512),
        ] {
            assert_eq!(probes_within(limit, 512), probes, "{limit}");
        }
    }
}
