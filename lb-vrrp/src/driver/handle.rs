// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control of a running driver.

use std::future::Future;
use std::sync::Arc;

use lb_host::thread::Thread;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::advert::Command;
use super::error::Error;
use super::event::EventSender;
use super::handover::RouterHandover;
use super::links::Interfaces;
use super::monitor::{Used, Watched};
use super::options::DriverOptions;
use super::presence::Presence;
use super::tracked::{self, ObjectId, Observation, ScriptRunner, TrackerTask};
use super::{validate, vmac};
use crate::spec::Configuration;
use crate::status::{DriverStatus, Resigned};

/// Controls a running driver.
///
/// Dropping it stops the driver as [`shutdown`](Self::shutdown) does, without waiting: Masters
/// send priority 0 at once, and addresses are removed as long as the process lives.
#[derive(Debug)]
pub struct Driver {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) reports: mpsc::Sender<(ObjectId, Observation)>,
    pub(super) events: EventSender,
    /// Runs scripts, watches files; made when there is something to track.
    pub(super) tracker: Mutex<Option<TrackerTask>>,
    /// The thread sees it dropped.
    pub(super) _alive: oneshot::Sender<()>,
    /// Other drivers see it.
    pub(super) _presence: Option<Arc<Presence>>,
    pub(super) watched: Watched,
    pub(super) table: watch::Receiver<Interfaces>,
    /// Ends when no address is held any more.
    pub(super) addresses: Option<Thread>,
    pub(super) scripts: Arc<dyn ScriptRunner>,
    pub(super) options: DriverOptions,
}

impl Driver {
    /// Replaces all that runs by `configuration`, as a difference: a router with the same VRID,
    /// interface, version and virtual MAC address keeps its state, and its addresses change by what differs; a new one
    /// starts; a removed one resigns. Adverts continue meanwhile, and equal specifications change
    /// nothing.
    ///
    /// The first script or file to be tracked starts the thread for that, in the network namespace
    /// of the calling thread; where that fails, the routers have changed all the same.
    ///
    /// # Errors
    ///
    /// What [`Driver::start`](Self::start) checks is checked first, and then nothing has
    /// changed. [`Error::Stopped`] if the driver has ended, [`Error::TimedOut`] after
    /// [`DriverOptions::limit`].
    pub async fn reload(&self, configuration: impl Into<Configuration>) -> Result<(), Error> {
        let deadline = self.deadline();
        let configuration = configuration.into();
        validate::configuration(&configuration)?;
        validate::interfaces(&configuration, &self.table.borrow())?;
        vmac::warn_missing_link_local(&configuration.routers);
        // Watched before they are used: a change in between is reported.
        let used = Used::new(&configuration);
        self.watched.extend(&used);
        let delays = configuration.carrier_delays.clone();
        let polls = configuration.link_polls.clone();
        let objects = tracked::without_init(&configuration.objects);
        let (done, answer) = oneshot::channel();
        let command = Command::Reload {
            configuration: Box::new(configuration),
            done,
        };
        let operation = "reload";
        self.bounded(operation, deadline, self.commands.send(command))
            .await?
            .map_err(|_| Error::Stopped)?;
        let result = self
            .bounded(operation, deadline, answer)
            .await?
            .map_err(|_| Error::Stopped)?;
        if result.is_ok() {
            self.watched.set(used, &delays, &polls);
            let limit = self.options.limit;
            let channels = (&self.reports, &self.events);
            tracked::track(&self.tracker, objects, &self.scripts, channels, limit).await?;
        }
        result
    }

    /// Reports the state of a tracked object that the program watches, such as a BFD session.
    /// A report of an object that no router tracks is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if the driver has ended, [`Error::TimedOut`] after [`DriverOptions::limit`].
    pub async fn report(&self, object: ObjectId, report: Observation) -> Result<(), Error> {
        let sent = self.reports.send((object, report));
        self.bounded("report", self.deadline(), sent)
            .await?
            .map_err(|_| Error::Stopped)
    }

    /// The routers, their states and counters. `None` if the driver has ended.
    pub async fn status(&self) -> Option<DriverStatus> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Status(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Asks a master to step down: it resigns with priority 0, and with it all of its sync group.
    /// Its addresses are wanted no more. Every other router has its chance; this one is master
    /// again when none takes over within its master down interval, and until then, or until
    /// [`resume`](Self::resume), it does not preempt, whatever its priority.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRouter`] with those there are, [`Error::NotMaster`]; nothing has changed
    /// then. [`Error::Stopped`] if the driver has ended, [`Error::TimedOut`] after
    /// [`DriverOptions::limit`].
    pub async fn resign(&self, router: &str) -> Result<Resigned, Error> {
        let router = router.to_owned();
        let command = |done| Command::Resign { router, done };
        self.ask("resign", command).await?
    }

    /// Takes [`resign`](Self::resign) back: the router preempts again as configured. Returns
    /// whether it had resigned.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRouter`] with those there are; [`Error::Stopped`] if the driver has ended,
    /// [`Error::TimedOut`] after [`DriverOptions::limit`].
    pub async fn resume(&self, router: &str) -> Result<bool, Error> {
        let router = router.to_owned();
        let command = |done| Command::Resume { router, done };
        self.ask("resume", command).await?
    }

    /// Prepares the handover of the routers to another process, for
    /// [`Sender::offer`](super::handover::Sender::offer). The routers run as before until the new
    /// process has all that it needs. This driver ends then, without priority 0 and with its addresses
    /// present: call [`finish_handover`](Self::finish_handover). If the new process fails, ends or is too
    /// slow, the routers continue here, and peers observe nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Handover`] if another handover is in progress or the system refuses. [`Error::Stopped`]
    /// if the driver has ended, [`Error::TimedOut`] after [`DriverOptions::limit`].
    pub async fn prepare_handover(&self) -> Result<RouterHandover, Error> {
        Ok(self.ask("handover", Command::Handover).await??)
    }

    /// Ends what remains of a driver whose routers another process drives: scripts, and the thread that
    /// holds addresses. The addresses of routers that the new process does not have are removed when this
    /// returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after [`DriverOptions::limit`].
    pub async fn finish_handover(mut self) -> Result<(), Error> {
        let deadline = self.deadline();
        self.end(deadline).await
    }

    /// Stops all routers: Masters send an advert with priority 0, then addresses are removed.
    /// Both are done when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after [`DriverOptions::limit`]; [`Error::Stopped`] if the driver had ended
    /// before.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        let deadline = self.deadline();
        let operation = "shutdown";
        let (done, resigned) = oneshot::channel();
        let command = Command::Shutdown(done);
        let asked = self
            .bounded(operation, deadline, self.commands.send(command))
            .await?;
        let resigned = self.bounded(operation, deadline, resigned).await?;
        self.end(deadline).await?;
        asked.map_err(|_| Error::Stopped)?;
        resigned.map_err(|_| Error::Stopped)
    }

    /// Waits for the threads beside the advert thread.
    async fn end(&mut self, deadline: Instant) -> Result<(), Error> {
        if let Some(tracker) = self.tracker.get_mut().take() {
            self.bounded("ending scripts", deadline, tracker.stop())
                .await?;
        }
        if let Some(thread) = self.addresses.take() {
            self.bounded("removing addresses", deadline, thread.join())
                .await?;
        }
        Ok(())
    }

    /// Sends a command and waits for the answer.
    async fn ask<T>(
        &self,
        operation: &'static str,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Error> {
        let deadline = self.deadline();
        let (done, answer) = oneshot::channel();
        self.bounded(operation, deadline, self.commands.send(command(done)))
            .await?
            .map_err(|_| Error::Stopped)?;
        self.bounded(operation, deadline, answer)
            .await?
            .map_err(|_| Error::Stopped)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.options.limit
    }

    async fn bounded<T>(
        &self,
        operation: &'static str,
        deadline: Instant,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        timeout_at(deadline, future)
            .await
            .map_err(|_elapsed| Error::TimedOut {
                operation,
                limit: self.options.limit,
            })
    }
}
