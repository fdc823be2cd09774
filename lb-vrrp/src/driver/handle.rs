// SPDX-License-Identifier: MIT OR Apache-2.0
//! The owner's end of a running driver.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::advert::Command;
use super::error::Error;
use super::event::DriverStatus;
use super::links::Interfaces;
use super::monitor::Watched;
use super::needs::interfaces_of;
use super::spec::{Options, RouterSpec};
use super::validate;

/// Controls a running driver.
///
/// Dropping it stops the driver as [`shutdown`](Self::shutdown) does, without waiting: Masters
/// send priority 0 at once, and addresses are removed as long as the process lives.
#[derive(Debug)]
pub struct DriverHandle {
    pub(super) commands: mpsc::Sender<Command>,
    /// The thread sees it dropped.
    pub(super) _alive: oneshot::Sender<()>,
    pub(super) watched: Watched,
    pub(super) table: watch::Receiver<Interfaces>,
    /// Completes when no address is held any more.
    pub(super) addresses: Option<oneshot::Receiver<()>>,
    pub(super) options: Options,
}

impl DriverHandle {
    /// Replaces the routers by `specs`, as a difference: a router with the same VRID, interface
    /// and version keeps its state, and its addresses change by what differs; a new one starts;
    /// one that is gone resigns. Adverts go on meanwhile, and equal specifications change nothing.
    ///
    /// # Errors
    ///
    /// What [`Driver::start`](super::Driver::start) checks is checked first, and then nothing has
    /// changed. [`Error::Stopped`] if the driver has ended, [`Error::TimedOut`] after
    /// [`Options::limit`].
    pub async fn reload(&self, specs: Vec<RouterSpec>) -> Result<(), Error> {
        let deadline = self.deadline();
        validate::specs(&specs)?;
        validate::interfaces(&specs, &self.table.borrow())?;
        // Watched before they are used: a change in between is told.
        let watched = watched(&specs);
        self.watched.extend(&watched);
        let (done, answer) = oneshot::channel();
        let command = Command::Reload { specs, done };
        let operation = "reload";
        self.bounded(operation, deadline, self.commands.send(command))
            .await?
            .map_err(|_| Error::Stopped)?;
        let result = self
            .bounded(operation, deadline, answer)
            .await?
            .map_err(|_| Error::Stopped)?;
        if result.is_ok() {
            self.watched.set(watched);
        }
        result
    }

    /// The routers, their states and counters. `None` if the driver has ended.
    pub async fn status(&self) -> Option<DriverStatus> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Status(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Stops all routers: Masters send an advert with priority 0, then addresses are removed.
    /// Both are done when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after [`Options::limit`]; [`Error::Stopped`] if the driver had ended
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
        if let Some(removed) = self.addresses.take() {
            // It is only ever dropped, when the thread ends.
            let _ = self
                .bounded("removing addresses", deadline, removed)
                .await?;
        }
        asked.map_err(|_| Error::Stopped)?;
        resigned.map_err(|_| Error::Stopped)
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

/// The interfaces that routers use.
pub(super) fn watched(specs: &[RouterSpec]) -> BTreeSet<Arc<str>> {
    specs
        .iter()
        .flat_map(interfaces_of)
        .map(Arc::from)
        .collect()
}
