// SPDX-License-Identifier: MIT OR Apache-2.0
//! The task that follows links and addresses by netlink.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lb_host::rtnetlink::{KernelMessages, Subject, Watcher};
use nix::libc;
use tokio::sync::{Notify, mpsc, watch};

use super::actuator::Hint;
use super::advert::Command;
use super::buffers::widen;
use super::carrier::Carriers;
use super::event::EventSender;
use super::links::{Change, Interfaces};
use super::needs::{interfaces_of, other_interfaces, unicast_source};
use super::note::HostNote;
use super::polling::{self, Polls, Target};
use super::tracked::ObjectId;
use crate::spec::Configuration;
use crate::{CarrierDelay, LinkPoll, NetlinkBuffer};

/// Receive buffer, in bytes, for notifications while the task is not scheduled.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Datagrams applied before the result is published.
const BATCH: usize = 256;
const RETRY: Duration = Duration::from_secs(1);

/// What routers use or track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Names of interfaces.
    pub(super) names: BTreeSet<Arc<str>>,
    /// Addresses that are to be on any interface.
    pub(super) sources: BTreeSet<IpAddr>,
}

impl Used {
    /// What the routers of a configuration use or track.
    pub(super) fn new(configuration: &Configuration) -> Self {
        let routers = configuration.routers.iter();
        Self {
            names: watched(configuration),
            sources: routers.filter_map(unicast_source).collect(),
        }
    }
}

/// The interfaces that routers use or track.
pub(super) fn watched(configuration: &Configuration) -> BTreeSet<Arc<str>> {
    let routers = configuration.routers.iter();
    let routers = routers.flat_map(|router| &router.tracked);
    let tracked = routers
        .chain(configuration.groups.iter().flat_map(|group| &group.tracked))
        .filter_map(|(object, _)| match object {
            ObjectId::Interface(name) => Some(Arc::clone(name)),
            _ => None,
        });
    let routers = configuration.routers.iter();
    let used =
        routers.flat_map(|router| interfaces_of(router).chain(other_interfaces(router, false)));
    used.map(Arc::from).chain(tracked).collect()
}

/// The interfaces that routers use, with delays and polls; a reload changes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Watched(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Wanted {
    used: Used,
    delays: Arc<[CarrierDelay]>,
    polls: Arc<[LinkPoll]>,
}

impl Watched {
    /// Watches these and no others, with these delays and polls.
    pub(super) fn set(&self, used: Used, delays: &[CarrierDelay], polls: &[LinkPoll]) {
        *self.wanted() = Wanted {
            used,
            delays: Arc::from(delays),
            polls: Arc::from(polls),
        };
        self.0.changed.notify_one();
    }

    /// Watches these interfaces and addresses as well.
    pub(super) fn extend(&self, used: &Used) {
        let mut wanted = self.wanted();
        wanted.used.names.extend(used.names.iter().cloned());
        wanted.used.sources.extend(&used.sources);
    }

    /// What the advert thread is to know of the interfaces.
    fn project(&self, interfaces: &Interfaces) -> (Interfaces, BTreeSet<IpAddr>) {
        let wanted = self.wanted();
        let Used { names, sources } = &wanted.used;
        (interfaces.only(names), interfaces.find_usable(sources))
    }

    fn delays(&self) -> Arc<[CarrierDelay]> {
        Arc::clone(&self.wanted().delays)
    }

    /// The links that are polled.
    fn polled(&self, interfaces: &Interfaces) -> BTreeMap<Arc<str>, Target> {
        let wanted = self.wanted();
        polling::targets(&wanted.polls, &wanted.used.names, interfaces)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        let wanted = &self.0.wanted;
        wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that receives notifications about links and addresses, in this network namespace.
pub(super) fn subscribe(buffer: Option<NetlinkBuffer>) -> io::Result<Watcher> {
    let mut watcher = Watcher::open()?;
    let size = i32::try_from(RECEIVE_BUFFER).unwrap_or(i32::MAX);
    watcher.socket().set_rx_buf_sz(size)?;
    widen(watcher.socket(), buffer)?;
    watcher.subscribe(Subject::Links)?;
    watcher.subscribe(Subject::Addresses)?;
    Ok(watcher)
}

pub(super) struct Monitor {
    pub(super) watcher: Watcher,
    pub(super) handle: rtnetlink::Handle,
    pub(super) watched: Watched,
    /// Publishes all interfaces.
    pub(super) table: watch::Sender<Interfaces>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) hints: mpsc::Sender<Hint>,
    pub(super) events: EventSender,
}

impl Monitor {
    /// Runs until it is aborted or the advert thread has ended.
    pub(super) async fn run(self) {
        let mut interfaces = self.table.borrow().clone();
        let mut reported = self.watched.project(&interfaces);
        let mut carriers = Carriers::new(&interfaces);
        let mut polls = Polls::new(&interfaces);
        // Changes since the first dump are queued on the socket. Another dump costs little and misses
        // none.
        let mut stale = true;
        loop {
            if stale {
                match self.look(&mut interfaces).await {
                    Ok(()) => stale = false,
                    Err(error) => {
                        let error = Arc::new(error);
                        self.events.note_host(HostNote::LinksNotRead { error });
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
            }
            let at = Instant::now();
            polls.set_targets(at, self.watched.polled(&interfaces));
            polls.advance(at);
            let polled = polls.apply(&interfaces);
            let seen = carriers.delay_changes(at, &polled, &self.watched.delays());
            let now = self.watched.project(&seen);
            self.table.send_replace(seen);
            if now != reported {
                reported = now;
                if self
                    .commands
                    .send(Command::InterfacesChanged)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            // A notification is applied completely: only the wait for one is cancelled.
            let received = tokio::select! {
                received = self.watcher.receive() => match received {
                    Ok(notification) => self.apply_notifications(&mut interfaces, notification).await,
                    Err(error) => Err(error),
                },
                () = sleep_until(carriers.next_timeout().into_iter().chain(polls.next_timeout()).min()) => Ok(()),
                answers = polls.answers() => {
                    polls.handle_answers(Instant::now(), answers);
                    Ok(())
                }
                () = self.watched.0.changed.notified() => Ok(()),
            };
            match received {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.events.note_host(HostNote::NotificationsLost);
                    stale = true;
                }
                Err(error) => {
                    let error = Arc::new(error);
                    self.events.note_host(HostNote::NetlinkFailed { error });
                    tokio::time::sleep(RETRY).await;
                    stale = true;
                }
            }
        }
    }

    async fn look(&self, interfaces: &mut Interfaces) -> io::Result<()> {
        *interfaces = Interfaces::dump(&self.handle).await?;
        // Fails once the actuator has ended; the end of the thread ends this task.
        let _ = self.hints.send(Hint::Audit(interfaces.clone())).await;
        Ok(())
    }

    /// Applies a notification and those queued behind it.
    async fn apply_notifications(
        &self,
        interfaces: &mut Interfaces,
        mut notification: KernelMessages,
    ) -> io::Result<()> {
        for _ in 0..BATCH {
            if notification.is_cut {
                self.events.note_host(HostNote::NotificationCut);
            }
            for message in &notification.messages {
                let hint = match interfaces.apply(message) {
                    Change::AddressGone {
                        link,
                        address,
                        is_up,
                    } => Hint::AddressGone {
                        link,
                        address,
                        is_up,
                    },
                    Change::LinkGone { link } => Hint::LinkGone { link },
                    Change::Lowered { link } => Hint::Lowered { link },
                    Change::Raised => Hint::Raised,
                    Change::None | Change::Updated => continue,
                };
                let _ = self.hints.send(hint).await;
            }
            match self.watcher.try_receive()? {
                Some(next) => notification = next,
                None => break,
            }
        }
        Ok(())
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
