// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs virtual routers on Linux: sockets, clock, addresses and announcements, over tokio.
//!
//! [`Driver::start`] takes specifications, starts two threads, and returns a handle and a stream
//! of events.
//!
//! ```text
//! advert thread (own epoll, SCHED_RR)       address thread (own runtime)
//!   raw sockets ─┐                            netlink monitor: links, addresses
//!   timerfd ─────┼─> engines ─> adverts            │ changes
//!   commands <───┘      │   <──────────────────────┘
//!                       │ desired state (latest per router)
//!                       └──────────────────> actuator: adds and removes addresses,
//!   first announcement <── address is there ─┘         repeats announcements
//! ```
//!
//! The advert thread does adverts and the first announcement of an address, and never waits for
//! the other: a later desired state of a router replaces the one before, events that do not fit are
//! dropped and counted. When a router becomes Master the advert has left before its addresses are
//! asked for, and they are on the interface before they are announced.
//!
//! Routers can continue in another process without a gap: see [`handover`].
//!
//! A router may have a virtual MAC address ([`RouterSpec::with_vmac`]): the address thread then
//! makes a macvlan above its interface, which is up and has the addresses while the router is
//! Master, and is gone when it ends. A successor of a program that was killed takes it over.
//!
//! Beside routers there may be [`StaticItems`]: addresses, routes and rules that are there whoever is
//! Master, also without any router. The address thread puts them back when they go, and routers of a
//! [`TrackGroup`] are in Fault while that cannot be done.
//!
//! The network namespace is that of the thread that calls [`Driver::start`]. The process needs
//! `CAP_NET_RAW` and `CAP_NET_ADMIN` there, and `CAP_SYS_NICE` for real-time scheduling.
//!
//! # Examples
//!
//! ```no_run
//! use lb_vrrp::driver::{Driver, Options, RouterSpec, VirtualAddress};
//! use lb_vrrp::{Priority, RouterConfig, Vrid};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = RouterConfig::builder(Vrid::new(51)?)
//!     .priority(Priority::new(150)?)
//!     .address("192.0.2.100".parse()?)
//!     .build()?;
//! let router = RouterSpec::new("VI_1", "eth0", config)
//!     .with_virtual_addresses([VirtualAddress::new("192.0.2.100".parse()?).with_prefix_len(24)]);
//! let (handle, mut events) = Driver::start(vec![router], Options::default())?;
//! while let Some(event) = events.recv().await {
//!     println!("{event:?}");
//! }
//! handle.shutdown().await?;
//! # Ok(())
//! # }
//! ```

use std::sync::{Arc, Mutex};

use lb_host::thread::{Thread, catch};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

mod actuator;
mod address_thread;
mod advert;
mod buffers;
mod carrier;
mod desired;
mod error;
mod event;
mod groups;
mod handle;
pub mod handover;
mod host;
mod key;
mod leftovers;
mod limiter;
mod links;
mod mailbox;
mod monitor;
mod needs;
mod pacing;
mod polling;
mod port;
mod ports;
mod presence;
mod present;
mod reactor;
mod router;
mod routers;
mod routing;
mod scheduling;
mod socket;
mod spec;
mod statics;
mod status;
mod sys;
mod timer;
mod tracked;
mod validate;
mod vmac;

pub use lb_host::{HostPlane, Link, PlacedRoute, RoutingEntry};

pub use self::error::{
    AddressError, AddressOperation, Capability, Error, InterfaceError, InterfaceOperation,
};
pub use self::event::{Event, LinkProblem};
pub use self::handle::DriverHandle;
pub use self::host::{ADDRESS_PROTOCOL, Ports};
pub use self::routing::{ROUTE_PROTOCOL, RouteError};
pub use self::spec::Options;
pub use self::status::{
    DriverStatus, GroupStatus, InterfaceStatus, ObjectStatus, Resigned, RouterStatus,
    StaticProblem, StaticStatus, TrackedStatus,
};
pub use self::timer::Lateness;
pub use self::tracked::{CommandRunner, FileInit, ObjectId, ProcessPattern, Report, ScriptRunner};
pub use crate::spec::{
    Configuration, FileSource, GroupSpec, LockMemory, ObjectSpec, ProcessSource, Processors,
    Realtime, RouterSpec, Scheduling, ScriptSource, Source, SpecError,
};
pub use crate::{
    Announcements, CarrierDelay, LinkPoll, NetlinkBuffer, NetlinkBuffers, Pacing, PacingGroup,
    PollMethod, ReceiveBuffer, Scope, StaticItem, StaticItems, TrackGroup, VirtualAddress,
    VirtualRoute, VirtualRule, Vmac,
};

use self::address_thread::{Idle, Work};
use self::advert::{AdvertThread, Command};
use self::event::Events;
use self::handover::{HandoverError, ReceivedRouters};
use self::host::warn_of_unshielded;
use self::leftovers::Cleaning;
use self::links::Interfaces;
use self::mailbox::{End, Mailbox};
use self::monitor::Watched;
use self::presence::Presence;
use self::vmac::Naming;

/// Commands that may wait for the advert thread; their senders wait when it is full.
const COMMANDS: usize = 64;
/// Reports of tracked objects that may wait for the advert thread; their senders wait when it is
/// full.
const REPORTS: usize = 64;

/// Runs virtual routers; see the [module](self).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Driver;

impl Driver {
    /// Checks what a start would refuse, and touches nothing: specifications that cannot be run or
    /// contradict each other, interfaces that are not there.
    ///
    /// For who has other things to do before [`start`](Self::start) and would have to take them
    /// back.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), for these.
    pub async fn check(configuration: &Configuration) -> Result<(), Error> {
        let netlink = |operation| move |source| Error::Netlink { operation, source };
        validate::configuration(configuration)?;
        let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        let interfaces = Interfaces::dump(&handle).await;
        let interfaces = interfaces.map_err(netlink("read links and addresses"))?;
        validate::interfaces(configuration, &interfaces)?;
        Naming::default().settle(&mut configuration.routers.clone(), &interfaces)
    }

    /// Removes what a driver that crashed left in the network namespace of the calling thread, as a
    /// [`start`](Self::start) with an empty configuration would, and starts nothing: addresses, routes
    /// and rules with our mark, unless another driver lives there, and macvlans whose process has
    /// ended; what was set on interfaces for them is put back.
    ///
    /// Where nothing is left over it asks the kernel and needs no capability. What the kernel refuses to
    /// remove is logged.
    ///
    /// # Errors
    ///
    /// [`Error::Netlink`] if links and addresses cannot be read or a macvlan cannot be removed,
    /// [`Error::MissingCapability`] if that takes `CAP_NET_ADMIN`.
    pub async fn remove_leftovers() -> Result<(), Error> {
        let presence = Presence::announce();
        let presence = presence
            .inspect_err(|error| warn!(%error, "not told from other drivers in this namespace"))
            .ok();
        let cleaning = Cleaning {
            configuration: &mut Configuration::default(),
            manager: &mut None,
            presence: presence.as_ref(),
        };
        let netlink = |operation| move |source| Error::Netlink { operation, source };
        let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
        let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
        cleaning.run(handle).await.map(drop)
    }

    /// Starts the routers, with addresses by rtnetlink.
    ///
    /// Addresses of theirs that a predecessor left on an interface are removed before the first
    /// advert is listened to, and all else with our mark that the configuration does not want, unless
    /// another driver lives in this network namespace. The calling thread waits for that, some milliseconds.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is missing: an interface (with those there are), a
    /// capability; or which specifications contradict each other. Nothing runs then.
    pub fn start(
        configuration: impl Into<Configuration>,
        options: Options,
    ) -> Result<(DriverHandle, mpsc::Receiver<Event>), Error> {
        Self::launch(configuration.into(), options, Ports::default(), None)
    }

    /// Starts the routers, with `ports` for what the driver does not do itself; a boxed
    /// [`HostPlane`] is one.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(
        configuration: impl Into<Configuration>,
        options: Options,
        ports: impl Into<Ports>,
    ) -> Result<(DriverHandle, mpsc::Receiver<Event>), Error> {
        Self::launch(configuration.into(), options, ports.into(), None)
    }

    /// Continues the routers that another process offers, with its sockets, addresses, states, timers,
    /// sequence numbers and counters. Peers observe no transition, and no advert is late. The other
    /// process drives the routers until this one has all that it needs; that takes some milliseconds,
    /// and up to the longest interval, at most a second, until a good moment.
    ///
    /// A configuration that differs takes effect as with [`DriverHandle::reload`]: new routers start
    /// here, removed ones resign in the other process. Tracked files are not written.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and [`Error::Handover`] if the other process or this one refuses or
    /// fails. Nothing runs here then, and the other process continues unless it has ended.
    pub async fn start_from_handover(
        offer: &mut handover::Receiver,
        configuration: impl Into<Configuration>,
        options: Options,
        ports: impl Into<Ports>,
    ) -> Result<(DriverHandle, mpsc::Receiver<Event>), Error> {
        let (sender, outcome) = oneshot::channel();
        let received = offer.take_routers(sender)?;
        let mut configuration = configuration.into();
        configuration.objects = tracked::without_init(&configuration.objects);
        let running = Self::launch(configuration, options, ports.into(), Some(received))?;
        outcome.await.unwrap_or(Err(HandoverError::Closed))?;
        offer.set_running();
        Ok(running)
    }

    fn launch(
        configuration: Configuration,
        options: Options,
        ports: Ports,
        received: Option<ReceivedRouters>,
    ) -> Result<(DriverHandle, mpsc::Receiver<Event>), Error> {
        validate::configuration(&configuration)?;
        let filtered = ports.host.as_ref().is_some_and(|host| host.has_shields());
        if !filtered {
            warn_of_unshielded(&configuration.routers);
        }
        vmac::warn_of_oddities(&configuration.routers);

        let presence = Presence::announce().map(Arc::new);
        let presence = presence
            .inspect_err(|error| warn!(%error, "not told from other drivers in this namespace"))
            .ok();
        // All sockets are made on threads that this one starts: they are in its namespace.
        let address_thread = Idle::start(options)?;
        let watched = Watched::default();
        watched.set(
            handle::watched(&configuration),
            &configuration.carrier_delays,
            &configuration.link_polls,
        );
        let mailbox = Arc::new(Mailbox::default());
        let (event_sender, events) = mpsc::channel(options.event_capacity.max(1));
        let (command_sender, commands) = mpsc::channel(COMMANDS);
        let objects = configuration.objects.clone();
        let (report_sender, reports) = mpsc::channel(REPORTS);
        let (alive, abandoned) = oneshot::channel();
        let (table, latest) = watch::channel(Interfaces::default());

        let setup = Setup {
            configuration,
            options,
            manager: ports.host,
            mailbox: Arc::clone(&mailbox),
            table: latest.clone(),
            commands,
            reports,
            abandoned,
            received,
            presence: presence.clone(),
            events: Events::new(event_sender.clone()),
        };
        let advert_thread = Thread::start("vrrp-advert", options.limit, || setup.start());
        let (_, (interfaces, manager)) = advert_thread.wait()?;

        table.send_replace(interfaces);
        let addresses = address_thread.begin(Work {
            manager,
            mailbox,
            commands: command_sender.clone(),
            events: event_sender,
            watched: watched.clone(),
            table,
        });
        let tracker = Mutex::new(None);
        let scripts = ports.scripts.unwrap_or_else(|| Arc::new(CommandRunner));
        tracked::track(&tracker, objects, &scripts, &report_sender, options.limit)?;
        let handle = DriverHandle {
            commands: command_sender,
            reports: report_sender,
            tracker,
            _alive: alive,
            _presence: presence,
            watched,
            table: latest,
            addresses: Some(addresses),
            scripts,
            filtered,
            options,
        };
        Ok((handle, events))
    }
}

/// What the advert thread begins with.
struct Setup {
    configuration: Configuration,
    options: Options,
    manager: Option<Box<dyn HostPlane>>,
    mailbox: Arc<Mailbox>,
    table: watch::Receiver<Interfaces>,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<(ObjectId, Report)>,
    abandoned: oneshot::Receiver<()>,
    received: Option<ReceivedRouters>,
    presence: Option<Arc<Presence>>,
    events: Events,
}

/// What the thread has seen and gives back when it runs.
type Started = (Interfaces, Option<Box<dyn HostPlane>>);

impl Setup {
    /// Prepares the advert thread, and returns its body.
    fn start(self) -> Result<(Started, impl FnOnce()), Error> {
        let mailbox = Arc::clone(&self.mailbox);
        self.options.scheduling.apply("vrrp-advert");
        let (mut thread, started) = self.prepare()?;
        let body = move || {
            let end = match catch(|| thread.run()) {
                Ok(Ok(end)) => end,
                failed => {
                    match failed {
                        Ok(Err(error)) => error!(%error, "advert thread failed"),
                        Err(panic) => error!("{panic}; please report this"),
                        Ok(Ok(_)) => {}
                    }
                    // A Master that sends nothing is bad, one that keeps its addresses is worse.
                    let resigned = catch(|| thread.resign());
                    error!(resigned = resigned.is_ok(), "all virtual routers stopped");
                    End::Failed
                }
            };
            mailbox.close(end);
        };
        Ok((started, body))
    }

    /// Looks at interfaces, removes left-overs, opens sockets.
    fn prepare(mut self) -> Result<(AdvertThread, Started), Error> {
        let cleaning = Cleaning {
            configuration: &mut self.configuration,
            manager: &mut self.manager,
            presence: self.presence.as_deref(),
        };
        let (interfaces, naming) = look_and_clean(cleaning, self.received.is_some())?;
        let interfaces = polling::first(&self.configuration, interfaces)?;
        let thread = AdvertThread::new(
            (self.configuration, naming),
            (interfaces.clone(), self.table),
            self.mailbox,
            (self.commands, self.reports),
            (self.abandoned, self.received),
            self.events,
            self.options,
        )?;
        Ok((thread, (interfaces, self.manager)))
    }
}

/// On a runtime of its own, which ends with it.
fn look_and_clean(
    cleaning: Cleaning<'_>,
    is_handover: bool,
) -> Result<(Interfaces, Naming), Error> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Thread { source })?;
    runtime.block_on(async {
        let netlink = |operation| move |source| Error::Netlink { operation, source };
        let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
        tokio::spawn(connection);
        if is_handover {
            // The old process uses what is there.
            cleaning.look(&handle).await
        } else {
            cleaning.run(handle).await
        }
    })
}
