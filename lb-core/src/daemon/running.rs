// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director task, which handles all events one by one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::ZonedDateTime;
use lb_check::CheckEvent;
use lb_ipvs::SyncDaemon;
use lb_vrrp::Notice;
use lb_vrrp::driver::Event;
use lb_vrrp::driver::handover::{HandedOver, HandoverError};
use sd_notify::NotifyState;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::control::{Listening, Request};
use crate::director::{ChangedServices, CheckId, Director, Output};
use crate::ledger::Ledger;
use crate::mail::{Mailer, Message};
use crate::model::ObjectSpec;

use super::addresses::{AddressMonitor, next_addresses};
use super::checks::{Checks, NewCheck};
use super::dump::Dumps;
use super::error::RunError;
use super::lock::ControlLock;
use super::notify::Notifier;
use super::plane::{Done, Job, Plane};
use super::reload_time::{self, ReloadTime};
use super::report::LoggedFailures;
use super::routers::{Routers, next_event};
use super::table_settings::TableSettings;
use super::via::{AcceptLocal, ViaGates};
use super::{Command, DaemonOptions, Source, director_log, report, vrrp_log};

/// Time between two services of the background audit.
const AUDIT: Duration = Duration::from_secs(1);
/// Time after which the first round of checks ends, also without all results.
const FIRST_ROUND: Duration = Duration::from_secs(60);

/// The parts of a running daemon besides its director.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) plane: Option<Plane>,
    /// Kept for a data plane that a reload may ask for.
    pub(super) ledger: Option<Ledger>,
    pub(super) checks: Checks,
    pub(super) routers: Option<Routers>,
    pub(super) mailer: Option<Mailer>,
    /// Runs once a model has needed it.
    pub(super) notifier: Option<Notifier>,
    pub(super) control: mpsc::Receiver<Request>,
    /// Kept once something has needed it.
    pub(super) addresses: Option<AddressMonitor>,
    pub(super) lock: ControlLock,
    pub(super) listening: Listening,
    pub(super) serving: JoinHandle<()>,
    pub(super) table_settings: TableSettings,
    /// The services of checks at the virtual address.
    pub(super) via: ViaGates,
    pub(super) accept_local: AcceptLocal,
}

/// A running daemon.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) source: Source,
    pub(super) options: DaemonOptions,
    pub(super) director: Director,
    pub(super) findings: Vec<String>,
    /// The messages of errors in the configuration that were skipped.
    pub(super) skipped: BTreeSet<String>,
    pub(super) parts: Parts,
    /// Changed parts of services for the next job of the data plane.
    changed: ChangedServices,
    sync: Option<Vec<SyncDaemon>>,
    pub(super) failures: LoggedFailures,
    /// The tracked objects of the model.
    pub(super) objects: Vec<ObjectSpec>,
    pub(super) dumps: Dumps,
    /// The handover to a new process, if one is in progress.
    pub(super) handover: Option<JoinHandle<Result<HandedOver, HandoverError>>>,
}

/// What woke the director.
enum Wake {
    Command(Option<Command>),
    Vrrp(Option<Event>),
    Check(Option<(CheckId, CheckEvent)>),
    Plane(Option<Done>),
    Addresses(BTreeSet<IpAddr>),
    Control(Request),
    Audit,
    ReloadTime,
    FirstRound,
    Handover(Result<HandedOver, HandoverError>),
}

/// Why the director task ended in order.
enum End {
    Stopped,
    HandedOver(HandedOver),
}

impl Running {
    pub(super) fn new(
        source: Source,
        options: DaemonOptions,
        director: Director,
        findings: Vec<String>,
        parts: Parts,
        failures: LoggedFailures,
    ) -> Self {
        Self {
            source,
            options,
            director,
            findings,
            skipped: BTreeSet::new(),
            parts,
            changed: ChangedServices::default(),
            sync: None,
            failures,
            objects: Vec::new(),
            dumps: Dumps::default(),
            handover: None,
        }
    }

    /// Serves until a command stops it or a new process has replaced this one.
    pub(super) async fn run(mut self, commands: mpsc::Receiver<Command>) -> Result<(), RunError> {
        self.drain().await;
        if self.parts.routers.is_none() {
            // The first outputs are as many as there are checks.
            lb_host::sys::trim_heap();
        }
        if self.options.dump_at_start {
            self.log_data().await;
        }
        systemd(&[NotifyState::Ready]);
        let ended = self.serve(commands).await;
        let ended = match ended {
            Ok(End::HandedOver(new)) => {
                self.finish_handover(new).await;
                return Ok(());
            }
            Ok(End::Stopped) => Ok(()),
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
        let mut clock = tokio::time::interval(reload_time::INTERVAL);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut reload_time = ReloadTime::default();
        let first_round = Instant::now() + FIRST_ROUND;
        let mut first_round_over = false;
        loop {
            self.feed_plane();
            let audits = self.parts.plane.is_some();
            let has_time_file = self.director.global().runtime.reload.time_file.is_some();
            let wake = tokio::select! {
                biased;
                command = commands.recv() => Wake::Command(command),
                outcome = next_handover(&mut self.handover) => Wake::Handover(outcome),
                event = next_event(&mut self.parts.routers) => Wake::Vrrp(event),
                done = next_done(&mut self.parts.plane) => Wake::Plane(done),
                event = self.parts.checks.next() => Wake::Check(event),
                present = next_addresses(&mut self.parts.addresses) => Wake::Addresses(present),
                Some(request) = self.parts.control.recv() => Wake::Control(request),
                _ = audit.tick(), if audits => Wake::Audit,
                _ = clock.tick(), if has_time_file => Wake::ReloadTime,
                () = tokio::time::sleep_until(first_round), if !first_round_over => {
                    Wake::FirstRound
                }
            };
            match wake {
                Wake::Command(None | Some(Command::Stop)) => return Ok(End::Stopped),
                Wake::Command(Some(Command::Reload)) => {
                    // The findings are logged; a signal gets no answer.
                    let _ = self.reload().await;
                }
                Wake::Command(Some(Command::Dump(dump))) => self.dump(dump).await,
                Wake::Handover(outcome) => {
                    self.handover = None;
                    match outcome {
                        Ok(new) => return Ok(End::HandedOver(new)),
                        Err(error) => {
                            let error = report::chain(&error);
                            tracing::warn!("the upgrade failed, this process continues: {error}");
                        }
                    }
                }
                Wake::Vrrp(None | Some(Event::Stopped { .. })) => {
                    // The new process may drive them since a moment ago.
                    if self.handover.is_some()
                        && let Ok(new) = next_handover(&mut self.handover).await
                    {
                        return Ok(End::HandedOver(new));
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
                Wake::Plane(Some(done)) => report::log_done(done, &mut self.failures),
                Wake::Addresses(present) => {
                    self.director.handle_addresses(&present);
                    self.parts.accept_local.follow(&self.director);
                }
                Wake::Control(request) => self.answer(request).await,
                Wake::Audit => self.audit(),
                Wake::ReloadTime => {
                    let settings = &self.director.global().runtime.reload;
                    if reload_time.is_due(settings, &ZonedDateTime::now()) {
                        // The findings are logged.
                        let _ = self.reload().await;
                    }
                }
                Wake::FirstRound => {
                    first_round_over = true;
                    self.director.end_first_round();
                }
            }
            self.drain().await;
        }
    }

    pub(super) fn handle_vrrp(&mut self, event: &Event) {
        vrrp_log::log(event);
        match event {
            Event::Transitioned {
                router,
                transition,
                priority,
                ..
            } => {
                self.director.handle_priority(router, *priority);
                self.director.handle_role(router, transition.to);
            }
            Event::PriorityChanged { router, to, .. } => {
                self.director.handle_priority(router, *to);
            }
            Event::Noticed {
                router,
                notice: Notice::LosingAdvertisement { .. },
                ..
            } => self.director.handle_losing_advert(router),
            Event::GroupChanged { group, to, .. } => self.director.handle_group(group, *to),
            _ => {}
        }
    }

    fn handle_check(&mut self, id: &CheckId, event: &CheckEvent) {
        if let Some(names) = self.director.names(id) {
            self.parts.checks.log(id, &names, event);
        }
        match event {
            CheckEvent::Changed { up, outcome, .. } => {
                self.director.handle_check(id, *up, outcome);
            }
            CheckEvent::WeightChanged { outcome, .. } => {
                self.director.handle_check(id, true, outcome);
            }
            CheckEvent::CannotRun { error, .. } => {
                self.director
                    .handle_check_error(id, error, SystemTime::now());
            }
            CheckEvent::RunsAgain { .. } => self.director.handle_check_runs(id),
            _ => {}
        }
        if let Some(outcome) = event.outcome().filter(|outcome| outcome.is_pass()) {
            let warning = outcome.warning.as_deref();
            if self.director.handle_check_warning(id, warning)
                && let Some(names) = self.director.names(id)
            {
                self.parts.checks.log_warning(id, &names, warning);
            }
        }
    }

    /// Carries out the director's outputs: on the checks now, on the data plane when it is free.
    pub(super) async fn drain(&mut self) {
        let mut added: Vec<NewCheck> = Vec::new();
        while let Some(output) = self.director.poll_output() {
            match &output {
                Output::ServiceChanged(key, part) => {
                    if self.parts.via.knows(key) {
                        self.parts.via.set(*key, false);
                    }
                    self.changed.add(*key, part.clone());
                    continue;
                }
                Output::SyncDaemons(daemons) => {
                    self.sync = Some(daemons.clone());
                    director_log::log(&output);
                    continue;
                }
                Output::Notify(notification) => {
                    if let Some(notifier) = &mut self.parts.notifier {
                        director_log::log(&output);
                        notifier.offer(notification.clone());
                    }
                    continue;
                }
                Output::Mail(mail) => {
                    if let Some(mailer) = &self.parts.mailer {
                        mailer.offer(Message::new(mail.subject(), mail.body()));
                    }
                    continue;
                }
                Output::CheckAdded { id, suspended, .. } => {
                    let via = self.director.via_service(id);
                    added.extend(self.director.check(id).map(|check| {
                        let probe = match &via {
                            Some(service) => self.parts.via.probe(check, service),
                            None => Arc::clone(&check.probe),
                        };
                        NewCheck::new(*id, probe, *suspended)
                    }));
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
            director_log::log(&output);
        }
        self.parts.checks.add(added).await;
    }

    /// Gives the data plane the collected changes, if it is free.
    fn feed_plane(&mut self) {
        let Some(plane) = &mut self.parts.plane else {
            return;
        };
        if plane.is_busy() || (self.changed.is_empty() && self.sync.is_none()) {
            return;
        }
        let services = std::mem::take(&mut self.changed)
            .into_iter()
            .map(|(key, part)| (key, self.director.desired_change(&key, &part)))
            .collect();
        plane.give(Job::Apply {
            services,
            sync: self.sync.take(),
            marks: self.director.global().checks.via_vip_marks,
        });
    }

    fn audit(&mut self) {
        if let Some(plane) = &mut self.parts.plane
            && !plane.is_busy()
        {
            plane.give(Job::Audit);
        }
    }

    async fn answer(&mut self, request: Request) {
        // An error of `send` means that the client has disconnected.
        match request {
            Request::Status(reply) => {
                let status = self.status().await;
                drop(reply.send(status));
            }
            Request::Reload(reply) => {
                let result = self.reload().await;
                drop(reply.send(result));
            }
            Request::Upgrade(reply) => drop(reply.send(self.start_upgrade())),
            Request::Handover(stream, ahead) => self.offer_handover(stream, ahead).await,
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
}

async fn next_handover(
    handover: &mut Option<JoinHandle<Result<HandedOver, HandoverError>>>,
) -> Result<HandedOver, HandoverError> {
    match handover {
        Some(task) => task.await.unwrap_or(Err(HandoverError::Closed)),
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
