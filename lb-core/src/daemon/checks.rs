// SPDX-License-Identifier: MIT OR Apache-2.0
//! The check runtime: a thread of its own, so that a burst of probes delays no other task.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use lb_check::{
    CheckEvent, CheckEvents, InputState, ProbeSpec, Scheduler, SchedulerOptions, SchedulerStats,
    SubscriptionId,
};
use lb_host::thread::{StartError, Thread};
use lb_vrrp::spec::Scheduling;
use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::director::{CheckId, Names};
use crate::model::{CheckSettings, Model};

use super::check_table::CheckTable;
use super::tracked_files::TrackedFiles;
use super::{director_log, scheduling};

/// Pause before a check runtime that failed is started again.
const RESTART: Duration = Duration::from_secs(1);
/// Descriptors that probes leave to the other parts of the daemon; half of them if the limit is low.
const OTHER_DESCRIPTORS: usize = 128;
/// Longest time to wait for the first numbers in tracked files.
const FIRST_NUMBERS: Duration = Duration::from_secs(1);
/// Name of the thread.
pub(super) const NAME: &str = "checks";
/// Longest time that the start of the check runtime takes.
const START: Duration = Duration::from_secs(10);

/// The check runtime and its subscriptions.
#[derive(Debug)]
pub(super) struct Checks {
    runtime: CheckThread,
    scheduling: Scheduling,
    max_scripts: usize,
    active: CheckTable,
    /// The number of probes at the same time for which there are no descriptors has been logged.
    warned: bool,
    files: TrackedFiles,
}

/// A check to be subscribed to.
#[derive(Debug)]
pub(super) struct NewCheck {
    pub(super) id: CheckId,
    probe: Arc<ProbeSpec>,
    pub(super) suspended: bool,
}

impl NewCheck {
    /// The subscription for a check of the model, with its own probe or one that does the same.
    pub(super) fn new(id: CheckId, probe: Arc<ProbeSpec>, suspended: bool) -> Self {
        Self {
            id,
            probe,
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
    pub(super) async fn start(settings: &CheckSettings) -> Result<Self, CheckRuntimeError> {
        let scheduling = settings.scheduling;
        let max_scripts = usize::try_from(settings.max_scripts).unwrap_or(usize::MAX);
        Ok(Self {
            runtime: CheckThread::start(scheduling, max_scripts).await?,
            scheduling,
            max_scripts,
            active: CheckTable::default(),
            warned: false,
            files: TrackedFiles::default(),
        })
    }

    /// Starts the runtime again after it died, with the checks that were active.
    pub(super) async fn restart(&mut self) -> Result<(), CheckRuntimeError> {
        tracing::error!("check runtime died, starting it again");
        tokio::time::sleep(RESTART).await;
        self.runtime = CheckThread::start(self.scheduling, self.max_scripts).await?;
        let all: Vec<_> = self
            .active
            .iter()
            .map(|(subscription, check)| (subscription, Arc::clone(&check.probe)))
            .collect();
        self.runtime.subscribe(all).await;
        for (subscription, check) in self.active.iter() {
            if check.suspended {
                self.runtime.suspend(subscription).await;
            }
        }
        Ok(())
    }

    /// The next event and whose it is; `None` when the runtime has died. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(CheckId, CheckEvent)> {
        loop {
            let event = tokio::select! {
                event = self.runtime.events.recv() => event?,
                (file, number) = self.files.next() => {
                    self.push_number(&file, number);
                    continue;
                }
            };
            // Events of a check that is gone may still be in the channel.
            if let Some(check) = self.active.of_subscription(event.id()) {
                return Some((check.id, event));
            }
        }
    }

    /// Follows the tracked files that the checks of this model need, and no others. The checks of the model have
    /// the numbers then, unless a file takes too long to read: a director that gets the model now starts with
    /// them, as keepalived does.
    pub(super) async fn follow_files(&mut self, model: &Model) {
        self.files.follow(model);
        let end = Instant::now() + FIRST_NUMBERS;
        while self.files.is_incomplete() {
            match timeout_at(end, self.files.next()).await {
                Ok((file, number)) => self.push_number(&file, number),
                Err(_) => break,
            }
        }
        let servers = model.virtual_servers.iter();
        let checks = servers
            .flat_map(|server| &server.real_servers)
            .flat_map(|real| &real.checks);
        for input in checks.filter_map(|check| check.probe.check.input()) {
            if let Some(number) = self.files.number(input) {
                input.set(InputState::Number(number));
            }
        }
    }

    /// Passes the number in a tracked file on to the checks that follow it.
    fn push_number(&self, file: &str, number: i64) {
        let inputs = self
            .active
            .iter()
            .filter_map(|(_, check)| check.probe.check.input());
        for input in inputs.filter(|input| TrackedFiles::is_input_of(input, file)) {
            input.set(InputState::Number(number));
        }
    }

    /// Starts these checks, spread as one round.
    pub(super) async fn add(&mut self, checks: Vec<NewCheck>) {
        if checks.is_empty() {
            return;
        }
        self.active.reserve(checks.len());
        let mut specs = Vec::with_capacity(checks.len());
        let mut suspended = Vec::new();
        for check in checks {
            if let Some(input) = check.probe.check.input()
                && let Some(number) = self.files.number(input)
            {
                input.set(InputState::Number(number));
            }
            let probe = Arc::clone(&check.probe);
            let subscription = self.active.insert(check.id, check.probe, check.suspended);
            specs.push((subscription, probe));
            if check.suspended {
                suspended.push(subscription);
            }
        }
        self.warn_of_descriptors();
        self.runtime.subscribe(specs).await;
        for subscription in suspended {
            self.runtime.suspend(subscription).await;
        }
    }

    /// Logs once that there are more checks than descriptors for probes.
    fn warn_of_descriptors(&mut self) {
        let checks = self.active.len();
        let limits = self.runtime.limits;
        if !self.warned && limits.hold_back(checks) {
            self.warned = true;
            tracing::warn!(
                limit = limits.descriptors,
                checks,
                connections = limits.connections,
                others = limits.tasks,
                "the limit of open files (RLIMIT_NOFILE) allows fewer checks at the same time: \
                 raise the hard limit"
            );
        }
    }

    /// Ends a check.
    pub(super) async fn remove(&mut self, id: &CheckId) {
        if let Some(subscription) = self.active.remove(id) {
            self.runtime.unsubscribe(subscription).await;
        }
    }

    /// Stops probing for a check until it is resumed; its state stays.
    pub(super) async fn suspend(&mut self, id: &CheckId) {
        if let Some((subscription, check)) = self.active.find_mut(id) {
            check.suspended = true;
            self.runtime.suspend(subscription).await;
        }
    }

    /// Resumes the probes of a check, at once.
    pub(super) async fn resume(&mut self, id: &CheckId) {
        if let Some((subscription, check)) = self.active.find_mut(id) {
            check.suspended = false;
            self.runtime.resume(subscription).await;
        }
    }

    /// The counters of the check runtime since its start.
    pub(super) fn stats(&self) -> SchedulerStats {
        self.runtime.scheduler.stats()
    }

    /// Logs what a check found, in words comparable to keepalived's.
    pub(super) fn log(&self, id: &CheckId, names: &Names, event: &CheckEvent) {
        let Some(check) = self.active.find(id) else {
            return;
        };
        let kind = check.probe.check.kind();
        let Names {
            virtual_server,
            real_server,
        } = names;
        let _span = director_log::span(virtual_server).entered();
        match event {
            CheckEvent::Changed { up: true, .. } => match kind {
                "TCP_CHECK" => tracing::info!("TCP connection to {real_server} success."),
                "UDP_CHECK" => tracing::info!("UDP connection to {real_server} success."),
                "PING_CHECK" => tracing::info!("ICMP connection to {real_server} success."),
                "HTTP_GET" | "SSL_GET" => {
                    tracing::info!("Remote Web server {real_server} succeed on service.");
                }
                "SMTP_CHECK" => {
                    tracing::info!("Remote SMTP server {real_server} succeed on service.");
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
                let kind = match kind {
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
                tracing::debug!(attempt, reason, "{} on service {real_server}", kind);
            }
            CheckEvent::CannotRun { error, .. } => {
                let reason = error.to_string();
                tracing::warn!(
                    reason,
                    "{} on service {real_server} cannot run, its last result stays in force",
                    kind
                );
            }
            CheckEvent::RunsAgain { outcome, .. } => {
                let result = outcome.to_string();
                tracing::info!(result, "{} on service {real_server} runs again", kind);
            }
            CheckEvent::WeightChanged { outcome, .. } => {
                let weight = outcome.weight;
                tracing::debug!(?weight, "{} on service {real_server}", kind);
            }
            other => tracing::debug!(?other, "check"),
        }
    }

    /// Logs that the warning of a check is another one than before.
    pub(super) fn log_warning(&self, id: &CheckId, names: &Names, warning: Option<&str>) {
        let Some(check) = self.active.find(id) else {
            return;
        };
        let Names {
            virtual_server,
            real_server,
        } = names;
        let kind = check.probe.check.kind();
        let _span = director_log::span(virtual_server).entered();
        match warning {
            Some(warning) => tracing::warn!("{kind} on service {real_server}: {warning}"),
            None => tracing::info!("{kind} on service {real_server}: the warning has ended"),
        }
    }

    /// Cancels all probes and ends the thread.
    pub(super) async fn shutdown(self) {
        self.runtime.shutdown().await;
    }
}

/// How many probes may run at the same time: each needs a descriptor, and some are for the other parts of
/// the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Limits {
    descriptors: usize,
    tasks: usize,
    connections: usize,
}

impl Limits {
    /// What the scheduler has by default.
    fn wanted() -> Self {
        let options = SchedulerOptions::default();
        Self {
            descriptors: usize::MAX,
            tasks: options.max_in_flight,
            connections: options.max_connections,
        }
    }

    /// What the limit of this process allows; it has been raised to the hard limit at the start.
    fn of_process() -> Self {
        match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((limit, _)) => Self::within(usize::try_from(limit).unwrap_or(usize::MAX)),
            Err(_) => Self::wanted(),
        }
    }

    fn within(descriptors: usize) -> Self {
        let wanted = Self::wanted();
        let others = OTHER_DESCRIPTORS.min(descriptors / 2);
        let probes = descriptors.saturating_sub(others);
        // A task may do anything, a connection does one thing: half for either where they are few.
        let tasks = wanted.tasks.min(probes / 2).max(1);
        Self {
            descriptors,
            tasks,
            connections: wanted.connections.min(probes.saturating_sub(tasks)).max(1),
        }
    }

    /// Whether so many checks may have to wait for a descriptor, where they would not have to with the
    /// limits that are wanted.
    fn hold_back(self, checks: usize) -> bool {
        let wanted = Self::wanted();
        self.tasks < wanted.tasks.min(checks) || self.connections < wanted.connections.min(checks)
    }
}

/// The thread, its scheduler and the scheduler's events.
#[derive(Debug)]
struct CheckThread {
    limits: Limits,
    scheduler: Scheduler,
    events: CheckEvents,
    /// Dropped to end the runtime.
    alive: oneshot::Sender<()>,
    thread: Thread,
}

impl CheckThread {
    async fn start(scheduling: Scheduling, max_scripts: usize) -> Result<Self, CheckRuntimeError> {
        let (alive, ended) = oneshot::channel::<()>();
        let limits = Limits::of_process();
        let starting = Thread::start_runtime(NAME, START, async move || {
            scheduling::apply(&scheduling, NAME);
            let run = async move {
                // An error is the drop that ends the thread.
                let _ = ended.await;
            };
            let mut options = SchedulerOptions::default();
            options.max_in_flight = limits.tasks;
            options.max_connections = limits.connections;
            options.max_programs = max_scripts;
            Ok((Scheduler::start(options), run))
        });
        let (thread, (scheduler, events)) = starting.ready().await.map_err(CheckRuntimeError)?;
        Ok(Self {
            limits,
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
    use std::collections::BTreeMap;

    use async_trait::async_trait;
    use lb_check::{HealthCheck, LocalError, Outcome, Policy, Target};
    use lb_ipvs::ServiceKey;

    use super::*;
    use crate::daemon::status::check_counters;

    /// Passes, or panics.
    #[derive(Debug)]
    struct Plugin {
        panics: bool,
    }

    #[async_trait]
    impl HealthCheck for Plugin {
        fn kind(&self) -> &'static str {
            "PLUGIN"
        }

        async fn check(&self, _: &Target) -> Outcome {
            assert!(!self.panics, "no strings attached");
            Outcome::pass()
        }
    }

    fn check(index: usize, panics: bool) -> NewCheck {
        let address = "192.0.2.61:80".parse().unwrap();
        let id = CheckId {
            service: ServiceKey::tcp("192.0.2.1:80".parse().unwrap()),
            real_server: address,
            index,
        };
        let policy = Policy::default()
            .with_interval(Duration::from_millis(20))
            .with_warmup(Duration::ZERO);
        let probe = ProbeSpec::new(Arc::new(Plugin { panics }), Target::new(address), policy);
        NewCheck::new(id, Arc::new(probe), false)
    }

    #[tokio::test]
    async fn panics_of_a_check_are_counted_and_stop_no_other_check() {
        let mut checks = Checks::start(&CheckSettings::default()).await.unwrap();
        checks.add(vec![check(0, true), check(1, false)]).await;
        let (mut panicked, mut passed) = (0, false);
        while panicked < 100 || !passed {
            let next = tokio::time::timeout(Duration::from_secs(60), checks.next());
            let (id, event) = next.await.unwrap().expect("the runtime lives");
            match event {
                CheckEvent::CannotRun { error, .. } if id.index == 0 => {
                    let message = "no strings attached".to_owned();
                    assert_eq!(error, LocalError::Panicked { message });
                    panicked += 1;
                }
                CheckEvent::Attempt { .. } if id.index == 0 => panicked += 1,
                CheckEvent::Changed { up: true, .. } if id.index == 1 => passed = true,
                other => panic!("{other:?}"),
            }
        }
        let counters = check_counters(&checks.stats()).unwrap();
        assert!(counters.panicked >= 100, "{counters:?}");
        assert_eq!(counters.cannot_run, counters.panicked);
        assert_eq!((counters.failed, counters.probes), (0, 2));
        assert!(counters.passed > 0 && !counters.is_clean());
        checks.shutdown().await;
    }

    /// Ten times what anything here takes, the slowest being a look at a file each second.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn model(path: &std::path::Path, init: &str) -> Model {
        let text = format!(
            "track_file load {{ file {} \n {init} \n weight 2 }}
             virtual_server 192.0.2.1 80 {{
               protocol TCP
               lb_algo rr
               lb_kind NAT
               real_server 192.0.2.61 80 {{ weight 10 \n FILE_CHECK {{ track_file load }} }}
               real_server 192.0.2.62 80 {{ FILE_CHECK {{ track_file load \n weight 0 }} }}
             }}",
            path.display()
        );
        let text = text.replace("{ ", "{\n").replace(" }", "\n}");
        let registry = lb_check::Registry::builtin();
        let parsed = crate::config::parse(&text, "lb.conf", &registry);
        parsed.into_model(crate::config::Mode::Strict).unwrap()
    }

    /// A file check of a real server, as the director would start it.
    async fn start(checks: &mut Checks, model: &Model) -> Vec<CheckId> {
        let mut director = crate::director::Director::new(model.clone());
        let mut new = Vec::new();
        while let Some(output) = director.poll_output() {
            if let crate::director::Output::CheckAdded { id, .. } = output {
                let check = director.check(&id).unwrap();
                let probe = Arc::clone(&check.probe);
                new.push(NewCheck::new(id, probe, false));
            }
        }
        let ids = new.iter().map(|check| check.id).collect();
        checks.follow_files(model).await;
        checks.add(new).await;
        ids
    }

    /// What a check adds to the weight.
    fn change(outcome: &Outcome) -> i32 {
        match outcome.weight {
            Some(lb_check::WeightRequest::Add(number)) => number,
            _ => 0,
        }
    }

    /// The next verdicts of both checks: health and change of the weight, in the order of the checks.
    async fn verdicts(checks: &mut Checks, ids: &[CheckId]) -> Vec<(bool, i32)> {
        let mut found = BTreeMap::new();
        while found.len() < ids.len() {
            let next = tokio::time::timeout(PATIENCE, checks.next()).await;
            match next.unwrap().unwrap() {
                (id, CheckEvent::Changed { up, outcome, .. }) => {
                    found.insert(id, (up, change(&outcome)));
                }
                (id, CheckEvent::WeightChanged { outcome, .. }) => {
                    found.insert(id, (true, change(&outcome)));
                }
                (_, event) => panic!("{event:?}"),
            }
        }
        ids.iter().map(|id| found[id]).collect()
    }

    #[tokio::test]
    async fn numbers_in_a_file_reach_the_checks_that_follow_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("load");
        let model = model(&path, "init_file 0");
        let mut checks = Checks::start(&CheckSettings::default()).await.unwrap();
        let ids = start(&mut checks, &model).await;
        assert_eq!(ids.len(), 2);
        // The file did not exist.
        assert_eq!(verdicts(&mut checks, &ids).await, [(true, 0), (true, 0)]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n");
        std::fs::write(&path, "-3").unwrap();
        assert_eq!(verdicts(&mut checks, &ids).await, [(true, -6), (false, 0)]);
        // A reload that changes nothing, and a check that comes later.
        checks.follow_files(&model).await;
        checks.remove(&ids[0]).await;
        let mut director = crate::director::Director::new(model.clone());
        while director.poll_output().is_some() {}
        let check = director.check(&ids[0]).unwrap();
        let again = NewCheck::new(ids[0], Arc::clone(&check.probe), false);
        checks.add(vec![again]).await;
        assert_eq!(verdicts(&mut checks, &ids[..1]).await, [(true, -6)]);
        std::fs::write(&path, "0").unwrap();
        assert_eq!(verdicts(&mut checks, &ids).await, [(true, 0), (true, 0)]);
        checks.shutdown().await;
    }

    #[tokio::test]
    async fn a_director_starts_with_the_numbers_in_the_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("load");
        std::fs::write(&path, "-3").unwrap();
        let model = model(&path, "init_file 0");
        let mut checks = Checks::start(&CheckSettings::default()).await.unwrap();
        checks.follow_files(&model).await;
        let mut director = crate::director::Director::new(model);
        let servers: Vec<_> = director.virtual_servers().collect();
        let reals = servers[0].real_servers.iter();
        let reals: Vec<_> = reals.map(|real| (real.up, real.weight)).collect();
        assert_eq!(reals, [(true, 4), (false, 1)]);
        // The first verdicts change nothing.
        let mut new = Vec::new();
        while let Some(output) = director.poll_output() {
            if let crate::director::Output::CheckAdded { id, .. } = output {
                let probe = Arc::clone(&director.check(&id).unwrap().probe);
                new.push(NewCheck::new(id, probe, false));
            }
        }
        let ids: Vec<_> = new.iter().map(|check| check.id).collect();
        checks.add(new).await;
        for _ in 0..2 {
            let next = tokio::time::timeout(PATIENCE, checks.next()).await;
            let (id, event) = next.unwrap().unwrap();
            assert!(ids.contains(&id));
            let CheckEvent::Changed { up, outcome, .. } = event else {
                panic!("{event:?}");
            };
            director.handle_check(&id, up, &outcome);
            let mails = |output: &_| matches!(output, crate::director::Output::Mail(_));
            while let Some(output) = director.poll_output() {
                assert!(mails(&output), "{output:?}");
            }
        }
        checks.shutdown().await;
    }

    #[test]
    fn probes_leave_descriptors_to_the_rest_of_the_daemon() {
        for (limit, tasks, connections) in [
            (0, 1, 1),
            (16, 4, 4),
            (64, 16, 16),
            (300, 86, 86),
            (1024, 448, 448),
            (4096, 512, 3456),
            (8192, 512, 4096),
            (usize::MAX, 512, 4096),
        ] {
            let limits = Limits::within(limit);
            assert_eq!((limits.tasks, limits.connections), (tasks, connections));
        }
    }

    #[test]
    fn limits_hold_back_only_checks_that_would_run_otherwise() {
        assert!(!Limits::within(64).hold_back(16));
        assert!(Limits::within(64).hold_back(17));
        assert!(!Limits::within(4096).hold_back(3456));
        assert!(Limits::within(4096).hold_back(10_000));
        assert!(!Limits::within(8192).hold_back(1_000_000));
    }
}
