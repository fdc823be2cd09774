// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts the threads of a driver.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use lb_host::HostPlane;
use lb_host::thread::{Thread, catch};
use tokio::runtime::Builder;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

use super::address_thread::{Idle, Work};
use super::advert::{AdvertThread, Command};
use super::claims::Claims;
use super::error::Error;
use super::event::{self, EventSender, Events};
use super::external::Ports;
use super::handle::Driver;
use super::handover::{HandoverError, ReceivedRouters, Receiver};
use super::key::RouterKey;
use super::leftovers::Cleaning;
use super::links::Interfaces;
use super::mailbox::{End, Mailbox};
use super::monitor::{Used, Watched};
use super::options::DriverOptions;
use super::presence::Presence;
use super::tracked::{self, CommandRunner, ObjectId, Observation};
use super::vmac::{self, Naming};
use super::{polling, validate};
use crate::spec::Configuration;

/// Commands that may wait for the advert thread; their senders wait when it is full.
const COMMANDS: usize = 64;
/// Reports of tracked objects that may wait for the advert thread; their senders wait when it is
/// full.
const REPORTS: usize = 64;
/// Stale objects that are reported without a driver; further ones are removed without an event.
const STALE_EVENTS: usize = 1024;

/// Checks what a start would refuse, and changes nothing: specifications that cannot be run or
/// contradict each other, interfaces that do not exist.
///
/// Call this first if you must acquire other resources before [`Driver::start`] and want to fail
/// early.
///
/// # Errors
///
/// As [`Driver::start`], for these.
pub async fn check(configuration: &Configuration) -> Result<(), Error> {
    validate::configuration(configuration)?;
    let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let interfaces = Interfaces::dump(&handle).await;
    let interfaces = interfaces.map_err(netlink("read links and addresses"))?;
    validate::interfaces(configuration, &interfaces)?;
    Naming::default().settle_early(&mut configuration.routers.clone(), &interfaces)
}

/// Checks that no other process runs one of the routers in the network namespace of the calling thread;
/// changes nothing.
///
/// # Errors
///
/// [`Error::RouterTaken`], as [`Driver::start`].
pub async fn check_unclaimed(configuration: &Configuration) -> Result<(), Error> {
    let routers = &configuration.routers;
    Claims::default().claim_patiently(routers, None).await
}

/// Removes the objects of a driver that crashed from the network namespace of the calling thread, as
/// [`Driver::start`] with an empty configuration would, and starts nothing: addresses, routes and
/// rules with the mark of the driver, unless another driver runs there, and macvlans whose process
/// has ended; settings of interfaces that were changed for them are restored.
///
/// Without such objects this only queries the kernel and needs no capability. The events name the objects that
/// were removed, and those that the kernel refused to remove.
///
/// # Errors
///
/// [`Error::Netlink`] if links and addresses cannot be read or a macvlan cannot be removed,
/// [`Error::MissingCapability`] if that takes `CAP_NET_ADMIN`.
pub async fn remove_stale_objects() -> Result<Events, Error> {
    let presence = announce_presence();
    let (sender, events) = event::channel(STALE_EVENTS);
    let cleaning = Cleaning {
        configuration: &mut Configuration::default(),
        manager: &mut None,
        presence: presence.as_deref(),
        events: Some(&sender),
    };
    let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    cleaning.run(handle).await?;
    Ok(events)
}

impl Driver {
    /// Starts the routers, with addresses by rtnetlink.
    ///
    /// Addresses of these routers that a process which was killed had added to an interface are
    /// removed before the first advert is received, and every other object with the mark of the
    /// driver that the configuration does not contain, unless another driver runs in this network
    /// namespace. Addresses without the mark stay. Before Linux 5.18 addresses have none: those with the
    /// prefix length of a virtual address are removed, unless other addresses of the interface depend on
    /// them.
    ///
    /// Must be called inside a tokio runtime with its timer enabled. The network namespace is that of
    /// the thread that polls the future.
    ///
    /// # Errors
    ///
    /// [`Error`] describes what is missing: an interface (with those that exist), a
    /// capability; or which specifications contradict each other. Nothing runs then.
    ///
    /// # Cancel safety
    ///
    /// Nothing runs on after the future is dropped.
    pub async fn start(
        configuration: impl Into<Configuration>,
        options: DriverOptions,
    ) -> Result<(Self, Events), Error> {
        launch(configuration.into(), options, Ports::default(), None).await
    }

    /// Starts the routers, with `ports` for what the driver does not do itself; a boxed
    /// [`HostPlane`] is one.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(
        configuration: impl Into<Configuration>,
        options: DriverOptions,
        ports: impl Into<Ports>,
    ) -> Result<(Self, Events), Error> {
        launch(configuration.into(), options, ports.into(), None).await
    }

    /// Continues the routers that another process [offers](Self::prepare_handover), with its sockets,
    /// addresses, states, timers, sequence numbers and counters. Peers observe no transition, and no
    /// advert is late. The other process drives the routers until this one is ready; that takes some
    /// milliseconds, and up to the longest interval, at most a second, until a good moment.
    ///
    /// A configuration that differs takes effect as with [`reload`](Self::reload): new routers start
    /// here, removed ones resign in the other process. Tracked files are not written.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and [`Error::Handover`] if one of the two processes refuses or fails.
    /// Nothing runs here then, and the other process continues unless it has ended.
    pub async fn start_from_handover(
        offer: &mut Receiver,
        configuration: impl Into<Configuration>,
        options: DriverOptions,
        ports: impl Into<Ports>,
    ) -> Result<(Self, Events), Error> {
        let (sender, outcome) = oneshot::channel();
        let received = offer.take_routers(sender)?;
        let mut configuration = configuration.into();
        configuration.objects = tracked::without_init(&configuration.objects);
        let running = launch(configuration, options, ports.into(), Some(received)).await?;
        outcome.await.unwrap_or(Err(HandoverError::Closed))?;
        offer.set_running();
        Ok(running)
    }
}

async fn launch(
    configuration: Configuration,
    options: DriverOptions,
    ports: Ports,
    received: Option<ReceivedRouters>,
) -> Result<(Driver, Events), Error> {
    validate::configuration(&configuration)?;
    vmac::warn_missing_link_local(&configuration.routers);

    let presence = announce_presence();
    let watched = Watched::default();
    watched.set(
        Used::new(&configuration),
        &configuration.carrier_delays,
        &configuration.link_polls,
    );
    let mailbox = Arc::new(Mailbox::default());
    let (event_sender, events) = event::channel(options.event_capacity);
    let (command_sender, commands) = mpsc::channel(COMMANDS);
    let sender_of_tracker = event_sender.clone();
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
        events: event_sender.clone(),
    };
    // All sockets are opened on these threads. Both are started before the first await: they are in
    // the network namespace of the calling thread.
    let address_thread = Idle::start(options);
    let advert_thread = Thread::start("vrrp-advert", options.limit, || setup.start());
    let address_thread = address_thread.await?;
    let (_, (interfaces, manager)) = advert_thread.ready().await?;

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
    let channels = (&report_sender, &sender_of_tracker);
    tracked::track(&tracker, objects, &scripts, channels, options.limit).await?;
    let driver = Driver {
        commands: command_sender,
        reports: report_sender,
        events: sender_of_tracker,
        tracker,
        _alive: alive,
        _presence: presence,
        watched,
        table: latest,
        addresses: Some(addresses),
        scripts,
        options,
    };
    Ok((driver, events))
}

/// Shows other drivers in this network namespace that this one runs.
fn announce_presence() -> Option<Arc<Presence>> {
    let presence = Presence::announce().map(Arc::new);
    presence
        .inspect_err(|error| warn!(%error, "cannot register in the network namespace; other instances will not detect this one"))
        .ok()
}

fn netlink(operation: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Netlink { operation, source }
}

/// What the advert thread begins with.
struct Setup {
    configuration: Configuration,
    options: DriverOptions,
    manager: Option<Box<dyn HostPlane>>,
    mailbox: Arc<Mailbox>,
    table: watch::Receiver<Interfaces>,
    commands: mpsc::Receiver<Command>,
    reports: mpsc::Receiver<(ObjectId, Observation)>,
    abandoned: oneshot::Receiver<()>,
    received: Option<ReceivedRouters>,
    presence: Option<Arc<Presence>>,
    events: EventSender,
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
        let received = self.received.as_mut();
        let received = received.map(|received| std::mem::take(&mut received.claims));
        let mut claims = Claims::from_handover(received.unwrap_or_default());
        let cleaning = Cleaning {
            configuration: &mut self.configuration,
            manager: &mut self.manager,
            presence: self.presence.as_deref(),
            events: Some(&self.events),
        };
        let (interfaces, naming) = look_and_clean(cleaning, &mut claims, self.received.is_some())?;
        let interfaces = polling::poll_first(&self.configuration, interfaces)?;
        let thread = AdvertThread::new(
            (self.configuration, naming),
            (interfaces.clone(), self.table),
            self.mailbox,
            (self.commands, self.reports),
            (self.abandoned, self.received),
            (claims, self.events),
            self.options,
        )?;
        Ok((thread, (interfaces, self.manager)))
    }
}

/// On a runtime of its own, which ends with it.
fn look_and_clean(
    cleaning: Cleaning<'_>,
    claims: &mut Claims,
    is_handover: bool,
) -> Result<(Interfaces, Naming), Error> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Thread { source })?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(netlink("connect"))?;
        tokio::spawn(connection);
        let routers = &cleaning.configuration.routers;
        claims.claim_patiently(routers, cleaning.events).await?;
        let keys: BTreeSet<RouterKey> = routers.iter().map(RouterKey::for_spec).collect();
        claims.retain(|key| keys.contains(key));
        if is_handover {
            // The old process uses the objects.
            cleaning.look(&handle).await
        } else {
            cleaning.run(handle).await
        }
    })
}
