// SPDX-License-Identifier: MIT OR Apache-2.0
//! The advert thread: sockets, one timer, the engines, and the first announcement of an address.
//!
//! Nothing on this thread waits for anything but packets, time and commands.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use lb_host::AddressKey;
use tokio::sync::{mpsc, oneshot, watch};

use self::handover::{Handover, Waiting};
use self::reopen::Reopen;
use self::statics::Statics;
use super::claims::Claims;
use super::error::Error;
use super::event::EventSender;
use super::groups::Groups;
use super::handover::{HandoverError, HostState, ReceivedRouters, RouterHandover};
use super::key::RouterKey;
use super::links::Interfaces;
use super::mailbox::{End, Mailbox};
use super::options::DriverOptions;
use super::ports::PortMap;
use super::reactor::Reactor;
use super::router::{Router, Surroundings};
use super::routers::Routers;
use super::shields::FilterNeeds;
use super::socket::PacketSocket;
use super::statics::StaticState;
use super::timer::DeadlineTimer;
use super::tracked::{ObjectId, Observation, Tracking};
use super::vmac::Naming;
use crate::spec::Configuration;
use crate::status::{DriverStatus, Lateness, Resigned, ThreadStatus};
use crate::{Pacing, State};

mod configure;
mod follow;
mod handover;
mod ports;
mod realtime;
mod receive;
mod reopen;
mod resign;
mod settle;
mod statics;

/// Commands taken before timers have their turn.
const COMMANDS: usize = 16;
/// Reports taken before timers have their turn.
const REPORTS: usize = 16;

/// Requests of other tasks to the thread.
#[derive(Debug)]
pub(super) enum Command {
    /// An interface in use has changed; the table has its present state.
    InterfacesChanged,
    /// An address was added to its interface.
    AddressReady {
        router: RouterKey,
        epoch: u64,
        link: u32,
        address: IpAddr,
        /// The address existed before, and stays.
        keep: bool,
    },
    /// The kernel refused to add an address to its interface; the address thread tries again.
    AddressRefused {
        router: RouterKey,
        address: AddressKey,
        reason: Arc<str>,
    },
    Reload {
        /// Boxed: it is large.
        configuration: Box<Configuration>,
        done: oneshot::Sender<Result<(), Error>>,
    },
    Status(oneshot::Sender<DriverStatus>),
    Resign {
        router: String,
        done: oneshot::Sender<Result<Resigned, Error>>,
    },
    Resume {
        router: String,
        done: oneshot::Sender<Result<bool, Error>>,
    },
    Handover(oneshot::Sender<Result<RouterHandover, HandoverError>>),
    /// The address thread changes nothing while another process may drive the routers.
    Frozen {
        attempt: u8,
        state: HostState,
    },
    /// Which static items are missing.
    Statics(StaticState),
    /// The routers whose addresses accept packets although they should not, and why.
    Unshielded(BTreeMap<RouterKey, Arc<str>>),
    Shutdown(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(super) struct AdvertThread {
    routers: Routers,
    groups: Groups,
    tracking: Tracking,
    /// Names of macvlans.
    naming: Naming,
    ports: PortMap,
    /// The routers that no other process may run.
    claims: Claims,
    /// Ports that could not be opened.
    reopen: Reopen,
    /// For announcements, by interface index.
    announcers: BTreeMap<u32, Arc<PacketSocket>>,
    /// The interfaces as of the last look.
    interfaces: Interfaces,
    /// The interfaces that the monitor publishes.
    table: watch::Receiver<Interfaces>,
    reactor: Reactor,
    timer: DeadlineTimer,
    mailbox: Arc<Mailbox>,
    commands: mpsc::Receiver<Command>,
    /// Reports on tracked objects.
    reports: mpsc::Receiver<(ObjectId, Observation)>,
    /// Resolves when the handle is dropped.
    handle: oneshot::Receiver<()>,
    events: EventSender,
    /// A handover to another process that is in progress.
    handover: Option<Handover>,
    /// Another process still drives the routers.
    waiting: Option<Waiting>,
    lateness: Lateness,
    options: DriverOptions,
    realtime: bool,
    /// The value of `realtime` for which limits and memory were set.
    settled: Option<bool>,
    /// Earliest start of a router.
    start_at: Option<Instant>,
    /// When an event about packets is due that was left out.
    reports_at: Option<Instant>,
    log_unknown_vrids: bool,
    pacing: Pacing,
    statics: Statics,
    /// The earliest deadline other than that of a router, as of the end of the last turn.
    others_at: Option<Instant>,
    /// Groups with a member whose timer has fired.
    unsettled: Vec<Arc<str>>,
}

impl AdvertThread {
    /// Opens what the routers need, whose macvlans have been named, except for what another process
    /// hands over.
    pub(super) fn new(
        (configuration, naming): (Configuration, Naming),
        (interfaces, table): (Interfaces, watch::Receiver<Interfaces>),
        mailbox: Arc<Mailbox>,
        (commands, reports): (
            mpsc::Receiver<Command>,
            mpsc::Receiver<(ObjectId, Observation)>,
        ),
        (handle, received): (oneshot::Receiver<()>, Option<ReceivedRouters>),
        (claims, events): (Claims, EventSender),
        options: DriverOptions,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Thread { source };
        let reactor = Reactor::new().map_err(failed)?;
        let timer = DeadlineTimer::new(&reactor).map_err(failed)?;
        let mut thread = Self {
            routers: Routers::default(),
            groups: Groups::default(),
            tracking: Tracking::default(),
            naming,
            ports: PortMap::default(),
            claims,
            reopen: Reopen::default(),
            announcers: BTreeMap::new(),
            interfaces,
            table,
            reactor,
            timer,
            mailbox,
            commands,
            reports,
            handle,
            events,
            handover: None,
            waiting: None,
            lateness: Lateness::default(),
            options,
            realtime: false,
            settled: None,
            start_at: options.startup_delay.map(|delay| Instant::now() + delay),
            reports_at: None,
            log_unknown_vrids: configuration.log_unknown_vrids,
            pacing: configuration.pacing.clone(),
            statics: Statics::new(configuration.statics.clone()),
            others_at: None,
            unsettled: Vec::new(),
        };
        if let Some(received) = received {
            let ports = thread.connect_handover(received)?;
            thread.use_ports(ports);
            // The delay is for the start of the machine.
            thread.start_at = None;
        }
        thread.open_ports(&configuration.routers)?;
        thread.groups.configure(&configuration);
        thread.tracking.configure(Instant::now(), &configuration);
        thread.mailbox.set_filter(FilterNeeds::new(&configuration));
        for spec in configuration.routers {
            thread.insert(spec)?;
        }
        thread.ask_for_realtime();
        Ok(thread)
    }

    /// Starts the routers, and runs them until a command ends them, the handle is dropped, or they are
    /// handed over. All have resigned then, or another process drives them.
    pub(super) fn run(&mut self) -> io::Result<End> {
        if self.waiting.is_none() {
            self.mailbox.set_statics(Arc::clone(self.statics.wanted()));
            self.settle();
        } else if !self.receive_handover() {
            return Ok(End::Orderly);
        }
        loop {
            self.timer.look();
            if self.reactor.has_ready() {
                // Also when a timer is due: packets that have arrived come first.
                self.read_ports();
            }
            self.run_timers()?;
            if self.reactor.take_woken() && self.run_commands().is_break() {
                return Ok(End::Orderly);
            }
            if self.drive_handover().is_break() {
                return Ok(End::HandedOver);
            }
            let next = self.next_timeout();
            self.timer.arm(next)?;
            if self.reactor.is_woken() || self.reactor.has_ready() {
                // Work was left for the next turn.
                self.reactor.look()?;
            } else {
                self.reactor.wait()?;
            }
        }
    }

    /// The earliest deadline of all routers and other tasks.
    fn next_timeout(&mut self) -> Option<Instant> {
        self.others_at = None;
        // Nearly always there is none.
        let others = [
            self.tracking.next_timeout(),
            self.start_at,
            self.reopen.next(),
            self.handover.as_ref().map(Handover::deadline),
            self.reports_at,
        ];
        for at in others.into_iter().flatten() {
            keep_earlier(&mut self.others_at, at);
        }
        let mut next = self.others_at;
        for router in self.routers.values() {
            if let Some(at) = router.engine.next_timeout() {
                keep_earlier(&mut next, at);
            }
        }
        next
    }

    /// Carries out commands and reports of other tasks, and registers for more. Breaks when the driver
    /// is stopped or its handle dropped, after the routers have resigned.
    #[inline(never)]
    fn run_commands(&mut self) -> ControlFlow<()> {
        let waker = self.reactor.waker().clone();
        let mut context = Context::from_waker(&waker);
        let mut all = false;
        // One look at the interfaces covers many changes, because the table is the latest. An address is
        // ready only after the look that requested it.
        let mut changed = false;
        for _ in 0..COMMANDS {
            match self.commands.poll_recv(&mut context) {
                Poll::Ready(Some(Command::InterfacesChanged)) => changed = true,
                Poll::Ready(Some(command)) => {
                    if changed && !matches!(command, Command::AddressReady { .. }) {
                        changed = false;
                        self.follow_interfaces();
                    }
                    self.handle_command(command)?;
                }
                Poll::Ready(None) => return self.abandon(),
                Poll::Pending => {
                    all = true;
                    break;
                }
            }
        }
        if changed {
            self.follow_interfaces();
        }
        for left in (0..REPORTS).rev() {
            // Closed together with the commands.
            let Poll::Ready(Some((object, report))) = self.reports.poll_recv(&mut context) else {
                break;
            };
            self.handle_report(object, report);
            all &= left > 0;
        }
        if self.is_abandoned() {
            return self.abandon();
        }
        if !all {
            self.reactor.set_woken();
        }
        ControlFlow::Continue(())
    }

    /// Whether the handle has been dropped, which wakes the thread.
    fn is_abandoned(&mut self) -> bool {
        let mut context = Context::from_waker(self.reactor.waker());
        Pin::new(&mut self.handle).poll(&mut context).is_ready()
    }

    fn abandon(&mut self) -> ControlFlow<()> {
        self.resign();
        ControlFlow::Break(())
    }

    /// Stops all routers: Masters send priority 0, and their addresses are removed.
    pub(super) fn resign(&mut self) {
        let now = Instant::now();
        // Each router ends by itself, not because of its group.
        self.groups = Groups::default();
        let keys: Vec<RouterKey> = self.routers.keys().cloned().collect();
        for key in keys {
            self.act(&key, now, |router| router.engine.handle_shutdown(now));
        }
    }

    /// Calls `act` with a router, then carries out its outputs and synchronizes its group.
    fn act(&mut self, key: &RouterKey, now: Instant, act: impl FnOnce(&mut Router)) {
        if let Some(router) = self.routers.get_mut(key) {
            router.update_clock(now);
            act(router);
            let mut around = Surroundings {
                ports: &mut self.ports,
                mailbox: &self.mailbox,
                events: &mut self.events,
            };
            router.drain(now, &mut around);
            self.follow_member(key, now);
        }
    }

    fn run_timers(&mut self) -> io::Result<()> {
        let mut now = Instant::now();
        if !self.timer.is_due(now) {
            return Ok(());
        }
        // Before a backup takes over, packets are read that arrived while the thread was not scheduled or
        // busy with a command.
        let takes_over = |router: &Router| {
            let deadline = router.engine.next_timeout();
            router.engine.state() == State::Backup && deadline.is_some_and(|at| at <= now)
        };
        if self.routers.values().any(takes_over) {
            self.reactor.look()?;
            self.read_ports();
            now = Instant::now();
        }
        if self.others_at.is_some_and(|at| at <= now) {
            self.run_others(now);
        }
        let mut around = Surroundings {
            ports: &mut self.ports,
            mailbox: &self.mailbox,
            events: &mut self.events,
        };
        for router in self.routers.values_mut() {
            if let Some(deadline) = router.engine.next_timeout().filter(|at| *at <= now) {
                self.lateness
                    .record(now.saturating_duration_since(deadline));
                router.update_clock(now);
                router.engine.handle_timeout(now);
                router.drain(now, &mut around);
                if let Some(group) = self.groups.group_of(&router.key) {
                    self.unsettled.push(Arc::clone(group));
                }
            }
        }
        if !self.unsettled.is_empty() {
            self.synchronize_groups(now);
        }
        Ok(())
    }

    /// Runs what is due except the timers of routers.
    #[cold]
    fn run_others(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let starts = is_due(self.start_at);
        if starts {
            self.start_at = None;
        }
        if starts || is_due(self.reopen.next()) {
            self.settle();
        }
        if is_due(self.reports_at) {
            self.send_due_reports(now);
        }
        if is_due(self.tracking.next_timeout()) {
            let changed = self.tracking.handle_timeout(now);
            self.follow_objects(now, changed);
        }
    }

    /// Synchronizes the groups with a member whose timer has fired.
    #[cold]
    fn synchronize_groups(&mut self, now: Instant) {
        let mut groups = std::mem::take(&mut self.unsettled);
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            self.synchronize_group(&group, now);
        }
    }

    /// Acts on the interfaces as they are now.
    fn follow_interfaces(&mut self) {
        self.interfaces = self.table.borrow().clone();
        self.reopen.retry_now();
        self.settle();
    }

    fn handle_command(&mut self, command: Command) -> ControlFlow<()> {
        match command {
            Command::InterfacesChanged => self.follow_interfaces(),
            Command::AddressReady {
                router,
                epoch,
                link,
                address,
                keep,
            } => {
                if let Some(router) = self.routers.get_mut(&router) {
                    router.handle_address_ready(epoch, AddressKey::new(link, address), keep);
                }
            }
            Command::AddressRefused {
                router,
                address,
                reason,
            } => {
                if let Some(router) = self.routers.get_mut(&router) {
                    router.handle_address_refused(address, reason);
                }
            }
            Command::Reload {
                configuration,
                done,
            } => {
                // Fails if the caller no longer waits for the answer.
                let _ = done.send(self.reload(*configuration));
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Resign { router, done } => {
                let _ = done.send(self.resign_router(&router));
            }
            Command::Resume { router, done } => {
                let _ = done.send(self.resume_router(&router));
            }
            Command::Handover(done) => {
                let _ = done.send(self.prepare_handover());
            }
            Command::Frozen { attempt, state } => self.handle_frozen(attempt, state),
            Command::Statics(state) => self.follow_statics(state),
            Command::Unshielded(mut routers) => {
                for router in self.routers.values_mut() {
                    router.unshielded = routers.remove(&router.key);
                }
            }
            Command::Shutdown(done) => {
                self.resign();
                let _ = done.send(());
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn status(&self) -> DriverStatus {
        DriverStatus {
            routers: self
                .routers
                .values()
                .map(|router| {
                    let group = self.groups.group_of(&router.key).cloned();
                    router.status(group, self.tracking.of_router(&router.key))
                })
                .collect(),
            groups: self
                .groups
                .status(|key| self.routers.get(key).map(|router| Arc::clone(&router.name))),
            objects: self.tracking.status(),
            statics: self.statics.missing().to_vec(),
            interfaces: self
                .ports
                .iter()
                .map(|(key, port)| port.status(key, self.interfaces.get(&key.0)))
                .collect(),
            thread: ThreadStatus {
                realtime: self.realtime,
                events_dropped: self.events.dropped(),
                lateness: self.lateness.clone(),
            },
        }
    }
}

/// Lowers `next` to `at` if `at` is earlier.
fn keep_earlier(next: &mut Option<Instant>, at: Instant) {
    if next.is_none_or(|next| at < next) {
        *next = Some(at);
    }
}
