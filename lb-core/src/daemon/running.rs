// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director task: everything that happens comes here, one thing at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use lb_check::CheckEvent;
use lb_ipvs::{ServiceKey, SyncDaemon};
use lb_vrrp::State;
use lb_vrrp::driver::{self, Driver, DriverHandle, Event};
use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::control::{Listening, Request};
use crate::dataplane::{IpvsPlane, Reconciler};
use crate::director::{CheckId, Director, Output};
use crate::ledger::Ledger;
use crate::mail::{Mailer, Message};
use crate::plan::DesiredService;

use super::checks::{Checks, NewCheck};
use super::error::RunError;
use super::lock::ControlLock;
use super::plane::{Done, Job, Plane};
use super::report::Told;
use super::upgrade::{HandedOver, UpgradeError};
use super::{Command, Options, Source, handover, privileges, report, start, vrrp};

/// Time between two services of the background audit.
const AUDIT: Duration = Duration::from_secs(1);
/// After this long the first round of checks counts as over, whoever has not answered.
const FIRST_ROUND: Duration = Duration::from_secs(60);
/// How long a stop waits for the mail server.
pub(super) const LAST_MAILS: Duration = Duration::from_secs(5);

/// What a running daemon is made of, beside its director.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) plane: Option<Plane>,
    /// Kept for a data plane that a reload may ask for.
    pub(super) ledger: Option<Ledger>,
    pub(super) checks: Checks,
    pub(super) routers: Option<Routers>,
    pub(super) mailer: Option<Mailer>,
    pub(super) control: mpsc::Receiver<Request>,
    pub(super) present: watch::Receiver<BTreeSet<IpAddr>>,
    pub(super) lock: ControlLock,
    pub(super) listening: Listening,
    pub(super) serving: JoinHandle<()>,
    pub(super) monitor: JoinHandle<()>,
}

/// The states of virtual routers and of sync groups, by name.
#[derive(Debug, Default)]
pub(super) struct States {
    pub(super) routers: BTreeMap<String, State>,
    pub(super) groups: BTreeMap<String, State>,
}

/// The VRRP driver and its events.
#[derive(Debug)]
pub(super) struct Routers {
    pub(super) handle: DriverHandle,
    events: mpsc::Receiver<Event>,
}

impl Routers {
    pub(super) fn start(
        specs: driver::Configuration,
        options: driver::Options,
    ) -> Result<Self, driver::Error> {
        let (handle, events) = Driver::start(specs, options)?;
        Ok(Self { handle, events })
    }

    /// Their states; none if the driver does not answer.
    pub(super) async fn states(&self) -> States {
        let Some(status) = self.handle.status().await else {
            return States::default();
        };
        let routers = status.routers.iter();
        let groups = status.groups.iter();
        States {
            routers: routers.map(|of| (of.name.to_string(), of.state)).collect(),
            groups: groups.map(|of| (of.name.to_string(), of.state)).collect(),
        }
    }

    /// Goes on with those of another process.
    pub(super) async fn take_over(
        offer: driver::Offer,
        specs: driver::Configuration,
        options: driver::Options,
    ) -> Result<Self, driver::Error> {
        let ports = driver::Ports::default();
        let (handle, events) = Driver::take_over(offer, specs, options, ports).await?;
        Ok(Self { handle, events })
    }
}

/// A running daemon.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) source: Source,
    pub(super) options: Options,
    pub(super) director: Director,
    pub(super) findings: Vec<String>,
    pub(super) parts: Parts,
    pub(super) states: BTreeMap<String, State>,
    /// What the data plane is to be told when it is free.
    services: BTreeMap<ServiceKey, Option<DesiredService>>,
    sync: Option<Vec<SyncDaemon>>,
    pub(super) told: Told,
    /// Another process that is to go on where this one ends.
    pub(super) successor: Option<JoinHandle<Result<HandedOver, UpgradeError>>>,
}

/// What woke the director.
enum Wake {
    Command(Option<Command>),
    Vrrp(Option<Event>),
    Check(Option<(CheckId, CheckEvent)>),
    Plane(Option<Done>),
    Addresses,
    Control(Request),
    Audit,
    FirstRound,
    Successor(Result<HandedOver, UpgradeError>),
}

/// Why the director task ended in order.
enum End {
    Told,
    HandedOver(HandedOver),
}

impl Running {
    pub(super) fn new(
        source: Source,
        options: Options,
        director: Director,
        findings: Vec<String>,
        parts: Parts,
        told: Told,
    ) -> Self {
        Self {
            source,
            options,
            director,
            findings,
            parts,
            states: BTreeMap::new(),
            services: BTreeMap::new(),
            sync: None,
            told,
            successor: None,
        }
    }

    /// Lives until told to stop.
    pub(super) async fn run(mut self, commands: mpsc::Receiver<Command>) -> Result<(), RunError> {
        self.drain().await;
        systemd(&[NotifyState::Ready]);
        let ended = self.serve(commands).await;
        let ended = match ended {
            Ok(End::HandedOver(to)) => {
                self.leave(to).await;
                return Ok(());
            }
            Ok(End::Told) => Ok(()),
            Err(error) => Err(error),
        };
        systemd(&[NotifyState::Stopping]);
        let keep = self.options.keep || ended.is_err();
        self.stop(keep).await;
        ended
    }

    async fn serve(&mut self, mut commands: mpsc::Receiver<Command>) -> Result<End, RunError> {
        let mut audit = tokio::time::interval(AUDIT);
        audit.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let first_round = Instant::now() + FIRST_ROUND;
        let mut first_round_over = false;
        loop {
            self.feed_plane();
            let wake = tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                outcome = next_successor(&mut self.successor) => Wake::Successor(outcome),
                event = next_event(&mut self.parts.routers) => Wake::Vrrp(event),
                done = next_done(&mut self.parts.plane) => Wake::Plane(done),
                event = self.parts.checks.next() => Wake::Check(event),
                Ok(()) = self.parts.present.changed() => Wake::Addresses,
                Some(request) = self.parts.control.recv() => Wake::Control(request),
                _ = audit.tick() => Wake::Audit,
                () = tokio::time::sleep_until(first_round), if !first_round_over => {
                    Wake::FirstRound
                }
            };
            match wake {
                Wake::Command(None | Some(Command::Stop)) => return Ok(End::Told),
                Wake::Command(Some(Command::Reload)) => {
                    // The findings are logged; a signal has nobody to answer.
                    let _ = self.reload().await;
                }
                Wake::Command(Some(Command::Dump)) => self.dump().await,
                Wake::Successor(outcome) => {
                    self.successor = None;
                    match outcome {
                        Ok(to) => return Ok(End::HandedOver(to)),
                        Err(error) => {
                            let error = report::chain(&error);
                            tracing::warn!("not handed over, going on: {error}");
                        }
                    }
                }
                Wake::Vrrp(None | Some(Event::Stopped { .. })) => {
                    // They may have changed hands a moment ago.
                    if self.successor.is_some()
                        && let Ok(to) = next_successor(&mut self.successor).await
                    {
                        return Ok(End::HandedOver(to));
                    }
                    return Err(RunError::Died {
                        part: "advert thread",
                    });
                }
                Wake::Vrrp(Some(event)) => self.handle_vrrp(&event),
                Wake::Check(None) => self.parts.checks.restart().await?,
                Wake::Check(Some((id, event))) => self.handle_check(&id, &event),
                Wake::Plane(None) => {
                    return Err(RunError::Died {
                        part: "data plane task",
                    });
                }
                Wake::Plane(Some(done)) => report::log_done(done, &mut self.told),
                Wake::Addresses => {
                    let present = self.parts.present.borrow_and_update().clone();
                    self.director.handle_addresses(&present);
                }
                Wake::Control(request) => self.answer(request).await,
                Wake::Audit => self.audit(),
                Wake::FirstRound => {
                    first_round_over = true;
                    self.director.end_first_round();
                }
            }
            self.drain().await;
        }
    }

    fn handle_vrrp(&mut self, event: &Event) {
        vrrp::log(event);
        if let Event::Transitioned {
            router, transition, ..
        } = event
        {
            self.states.insert(router.to_string(), transition.to);
            self.director.handle_role(router, transition.to);
        }
        if let Event::GroupChanged { group, to, .. } = event {
            self.director.handle_group(group, *to);
        }
    }

    fn handle_check(&mut self, id: &CheckId, event: &CheckEvent) {
        self.parts.checks.log(id, event);
        match event {
            CheckEvent::Changed { up, outcome, .. } => {
                self.director.handle_check(id, *up, outcome);
            }
            CheckEvent::WeightChanged { outcome, .. } => {
                self.director.handle_check(id, true, outcome);
            }
            _ => {}
        }
    }

    /// Does what the director wants done: to the checks now, to the data plane when it is free.
    async fn drain(&mut self) {
        let mut added: Vec<NewCheck> = Vec::new();
        while let Some(output) = self.director.poll_output() {
            match &output {
                Output::ServiceChanged(key) => {
                    self.services.insert(*key, self.director.desired(key));
                    continue;
                }
                Output::SyncDaemons(daemons) => {
                    self.sync = Some(daemons.clone());
                    tracing::debug!("{output}");
                    continue;
                }
                Output::Mail(mail) => {
                    if let Some(mailer) = &self.parts.mailer {
                        mailer.offer(Message::new(mail.subject(), mail.body()));
                    }
                    continue;
                }
                Output::CheckAdded {
                    id,
                    suspended,
                    names,
                } => {
                    let check = self.director.check(id);
                    added.extend(
                        check.map(|check| NewCheck::new(*id, check, names.clone(), *suspended)),
                    );
                }
                Output::CheckRemoved { id, .. } => {
                    added.retain(|check| check.id != *id);
                    self.parts.checks.remove(id).await;
                }
                Output::CheckSuspended { id, .. } => {
                    match added.iter_mut().find(|check| check.id == *id) {
                        Some(check) => check.suspended = true,
                        None => self.parts.checks.suspend(id).await,
                    }
                }
                Output::CheckResumed { id, .. } => {
                    match added.iter_mut().find(|check| check.id == *id) {
                        Some(check) => check.suspended = false,
                        None => self.parts.checks.resume(id).await,
                    }
                }
                _ => {}
            }
            match output.reason() {
                Some(reason) => tracing::info!(reason, "{output}"),
                None => tracing::info!("{output}"),
            }
        }
        self.parts.checks.add(added).await;
    }

    /// Gives the data plane what has gathered, if it is free.
    fn feed_plane(&mut self) {
        let Some(plane) = &mut self.parts.plane else {
            return;
        };
        if plane.is_busy() || (self.services.is_empty() && self.sync.is_none()) {
            return;
        }
        let services = std::mem::take(&mut self.services);
        plane.give(Job::Apply {
            services,
            sync: self.sync.take(),
        });
    }

    fn audit(&mut self) {
        if let Some(plane) = &mut self.parts.plane
            && !plane.is_busy()
        {
            plane.give(Job::Audit);
        }
    }

    /// Reads the configuration again and applies the difference; with errors nothing changes.
    async fn reload(&mut self) -> Result<(), Vec<String>> {
        systemd(&[NotifyState::Reloading]);
        let result = self.try_reload().await;
        systemd(&[NotifyState::Ready]);
        if let Err(findings) = &result {
            for finding in findings {
                tracing::error!("{finding}");
            }
            tracing::error!("reload refused, nothing was changed");
        }
        result
    }

    async fn try_reload(&mut self) -> Result<(), Vec<String>> {
        tracing::info!("reloading {}", self.source.name());
        let loaded = self
            .source
            .load(true)
            .await
            .map_err(|error| report::findings_of(&error))?;
        let model = start::parts_of(loaded.model, &self.options);
        let line = |error: &dyn Error| vec![report::chain(error)];
        privileges::check(&model).map_err(|error| line(&error))?;
        if self.parts.plane.is_none() && start::needs_plane(&model, None) {
            let plane = IpvsPlane::connect().await.map_err(|error| line(&error))?;
            let ledger = self.parts.ledger.take().unwrap_or_else(Ledger::in_memory);
            let mut reconciler = Reconciler::new(plane, ledger);
            let report = reconciler
                .start(BTreeMap::new())
                .await
                .map_err(|error| line(&error))?;
            report::log_report(&report, &mut self.told);
            self.parts.plane = Some(Plane::spawn(reconciler));
        }
        // Whatever can be refused comes first, so that a refusal leaves everything as it was.
        let mailer = if self.director.global().mail == model.global.mail {
            None
        } else {
            let mailer = model.global.mail.clone().map(Mailer::start).transpose();
            Some(mailer.map_err(|error| line(&error))?)
        };
        let specs = vrrp::configuration(&model);
        match &self.parts.routers {
            Some(routers) => routers
                .handle
                .reload(specs)
                .await
                .map_err(|error| line(&error))?,
            None if specs.is_empty() => {}
            None => {
                let routers =
                    Routers::start(specs, vrrp::options(&model)).map_err(|error| line(&error))?;
                self.parts.routers = Some(routers);
            }
        }
        if let Some(mailer) = mailer
            && let Some(old) = std::mem::replace(&mut self.parts.mailer, mailer)
        {
            tokio::spawn(old.shutdown(LAST_MAILS));
        }
        self.states
            .retain(|name, _| model.routers.iter().any(|router| router.name == *name));
        self.director.replace_model(model);
        start::log_findings(&self.source, &loaded.findings);
        self.findings = loaded.findings;
        Ok(())
    }

    async fn answer(&mut self, request: Request) {
        // Whoever asked may be gone; then nobody misses the answer.
        match request {
            Request::Status(reply) => {
                let status = self.status().await;
                drop(reply.send(status));
            }
            Request::Reload(reply) => {
                let result = self.reload().await;
                drop(reply.send(result));
            }
            Request::Upgrade(reply) => drop(reply.send(self.start_successor())),
            Request::HandOver(stream) => self.offer(stream).await,
            Request::Resign { instance, reply } => {
                let result = self.resign(&instance).await;
                drop(reply.send(result));
            }
            Request::Resume { instance, reply } => {
                let result = self.resume(&instance).await;
                drop(reply.send(result));
            }
        }
    }

    async fn dump(&self) {
        match serde_json::to_string(&self.status().await) {
            Ok(status) => tracing::info!("status {status}"),
            Err(error) => tracing::error!(%error, "status cannot be written"),
        }
    }

    /// Stops in an order that hands over first: adverts, addresses, checks, table, mails.
    async fn stop(mut self, keep: bool) {
        tracing::info!(keep, "stopping");
        let table_goes = Instant::now()
            + handover::patience(
                self.director.routers(),
                &self.states,
                &self.director.desired_table(),
                self.director.desired_sync_daemons(),
            );
        if !keep {
            self.director.handle_stop();
        }
        if let Some(Routers { handle, mut events }) = self.parts.routers.take() {
            let (finished, mut done) = oneshot::channel();
            tokio::spawn(async move { finished.send(handle.shutdown().await) });
            loop {
                tokio::select! {
                    Some(event) = events.recv() => self.handle_vrrp(&event),
                    result = &mut done => {
                        if let Ok(Err(error)) = result {
                            tracing::error!("virtual routers: {}", report::chain(&error));
                        }
                        break;
                    }
                }
            }
            while let Ok(event) = events.try_recv() {
                self.handle_vrrp(&event);
            }
        }
        self.drain().await;
        let Parts {
            plane,
            checks,
            mailer,
            serving,
            monitor,
            ..
        } = self.parts;
        serving.abort();
        monitor.abort();
        checks.shutdown().await;
        if let Some(plane) = plane {
            if !keep {
                tokio::time::sleep_until(table_goes).await;
            }
            stop_plane(plane, keep, &mut self.told).await;
        }
        if let Some(mailer) = mailer {
            mailer.shutdown(LAST_MAILS).await;
        }
        // The server removes its socket as it is dropped; the lock must not be freed before.
        let _ = serving.await;
        tracing::info!("stopped");
    }
}

async fn next_successor(
    successor: &mut Option<JoinHandle<Result<HandedOver, UpgradeError>>>,
) -> Result<HandedOver, UpgradeError> {
    match successor {
        Some(task) => task.await.unwrap_or(Err(UpgradeError::Gone)),
        None => std::future::pending().await,
    }
}

pub(super) async fn stop_plane(mut plane: Plane, keep: bool, told: &mut Told) {
    if plane.is_busy()
        && let Some(done) = plane.done().await
    {
        report::log_done(done, told);
    }
    if !keep {
        plane.give(Job::Stop);
        if let Some(done) = plane.done().await {
            report::log_done(done, told);
        }
    }
    plane.end().await;
}

async fn next_event(routers: &mut Option<Routers>) -> Option<Event> {
    match routers {
        Some(routers) => routers.events.recv().await,
        None => std::future::pending().await,
    }
}

async fn next_done(plane: &mut Option<Plane>) -> Option<Done> {
    match plane {
        Some(plane) if plane.is_busy() => plane.done().await,
        _ => std::future::pending().await,
    }
}

pub(super) fn systemd(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd not notified");
    }
}
