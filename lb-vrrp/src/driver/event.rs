// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events of a driver.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lb_host::{Change, HostObject, RoutingEntry};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::error::{AddressError, Error, InterfaceError};
use super::note::{HostNote, TrackingNote};
use super::routing::RouteError;
use super::tracked::ObjectId;
use crate::status::LinkProblem;
use crate::status::StaticProblem;
use crate::track::Verdict;
use crate::{AddressFamily, Notice, Priority, Rejected, State, Transition, Vrid};

/// An event of a driver. The driver does not wait for the reader: events that do not fit the channel
/// are dropped, and counted in [`ThreadStatus::events_dropped`](crate::status::ThreadStatus::events_dropped).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A router changed its state. Its adverts are sent and its addresses are being changed by then.
    #[non_exhaustive]
    Transitioned {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// From, to, and why.
        transition: Transition,
        /// The effective priority of the router.
        priority: Priority,
    },
    /// A packet was discarded. Sent for the first packet per router, sender and kind of reason, then once
    /// in 30 s to one hour while such packets arrive, less often the longer they do.
    #[non_exhaustive]
    Rejected {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// Sender.
        source: IpAddr,
        /// The fault of the packet.
        reason: Rejected,
        /// Number of similar packets since the last such event.
        suppressed: u64,
        /// Number of packets of other senders without an event, because too many send such packets.
        others: u64,
    },
    /// The engine noticed a condition that an operator should know. Limited as
    /// [`Rejected`](Self::Rejected) is, except for [`Notice::LosingAdvertisement`].
    #[non_exhaustive]
    Noticed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The condition.
        notice: Notice,
        /// Number of similar conditions since the last such event.
        suppressed: u64,
        /// Number of conditions of other senders without an event, because too many cause them.
        others: u64,
    },
    /// An address could not be added or removed. The driver tries again every second; the event is sent
    /// once until that succeeds.
    #[non_exhaustive]
    AddressFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<AddressError>,
    },
    /// The host cannot drop packets to virtual addresses of a family, although the configuration has routers
    /// that do not accept them; the addresses accept packets. Sent at the start and at each reload.
    #[non_exhaustive]
    ShieldsUnavailable {
        /// The family of the addresses.
        family: AddressFamily,
        /// Why the host cannot.
        error: Arc<io::Error>,
    },
    /// Another program had deleted a virtual address of a Master, and the driver added it again.
    #[non_exhaustive]
    AddressRestored {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: Arc<str>,
        /// Number of further ones that were left out since the last event about the same object, or about any
        /// if there are many.
        suppressed: u64,
    },
    /// A route or rule could not be added or removed. The driver tries again every second; the event is
    /// sent once until that succeeds.
    #[non_exhaustive]
    RouteFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<RouteError>,
    },
    /// A route or rule of a Master was missing, and the driver added it again.
    #[non_exhaustive]
    RouteRestored {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The route or rule.
        entry: RoutingEntry,
        /// Number of further ones that were left out since the last event about the same object, or about any
        /// if there are many.
        suppressed: u64,
    },
    /// A static item is missing and could not be added, or is present again.
    #[non_exhaustive]
    StaticChanged {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
        /// Why the item is missing; `None` if it is present.
        problem: Option<StaticProblem>,
    },
    /// A static item was deleted externally, and the driver added it again.
    #[non_exhaustive]
    StaticRestored {
        /// The item, by its [name](crate::StaticItems::names).
        item: Arc<str>,
        /// Number of further ones that were left out since the last event about the same object, or about any
        /// if there are many.
        suppressed: u64,
    },
    /// The macvlan of a router's virtual MAC address could not be made, changed or deleted. The driver
    /// tries again; the event is sent once until that succeeds.
    #[non_exhaustive]
    InterfaceFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The error.
        error: Arc<InterfaceError>,
    },
    /// A macvlan of a router was deleted externally, and the driver added it again.
    #[non_exhaustive]
    InterfaceRestored {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// Name of the macvlan.
        interface: Arc<str>,
        /// Number of further ones that were left out since the last event about the same object, or about any
        /// if there are many.
        suppressed: u64,
    },
    /// A setting of an interface could not be raised, so that neighbours may receive other MAC addresses
    /// than the virtual one, or secondary addresses may be lost; or it could not be restored. The driver
    /// tries again; the event is sent once until that succeeds.
    #[non_exhaustive]
    SettingFailed {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The change.
        change: Change,
        /// The error of the kernel.
        error: Arc<io::Error>,
    },
    /// The interfaces of a router gained or lost what it needs: carrier, or a source for adverts.
    #[non_exhaustive]
    LinkChanged {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The interface of the router.
        interface: Arc<str>,
        /// The fault of the link; `None` once it has ended.
        problem: Option<LinkProblem>,
    },
    /// Tracking changed the priority of a router.
    #[non_exhaustive]
    PriorityChanged {
        /// The router's name.
        router: Arc<str>,
        /// The VRID of the router.
        vrid: Vrid,
        /// The effective priority before.
        from: Priority,
        /// The effective priority from now on.
        to: Priority,
    },
    /// The verdict of a tracked object changed.
    #[non_exhaustive]
    ObjectChanged {
        /// The object.
        object: ObjectId,
        /// The verdict of the object.
        verdict: Verdict,
    },
    /// A tracked object has a condition that is no change of its verdict.
    #[non_exhaustive]
    TrackingNoted {
        /// The object.
        object: ObjectId,
        /// The condition.
        note: TrackingNote,
    },
    /// The host, or the driver as a whole, has a condition that an operator should know.
    #[non_exhaustive]
    HostNoted {
        /// The condition.
        note: HostNote,
    },
    /// A sync group changed its state; the transitions of its routers are events of their own.
    #[non_exhaustive]
    GroupChanged {
        /// The group's name.
        group: Arc<str>,
        /// The state before the change.
        from: State,
        /// The state after the change.
        to: State,
    },
    /// The specification has more addresses than an advert has room for on this interface: the last
    /// ones are held but not advertised.
    #[non_exhaustive]
    AddressesExcluded {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// Its interface.
        interface: Arc<str>,
        /// Number of addresses that are not advertised.
        excluded: usize,
    },
    /// The kernel refused to send an advert. Reported once until an advert is sent.
    #[non_exhaustive]
    SendFailed {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// Its interface.
        interface: Arc<str>,
        /// The error of the kernel.
        error: Arc<io::Error>,
    },
    /// A change of addresses, routes, rules, macvlans or settings that had failed has succeeded.
    #[non_exhaustive]
    ChangeRecovered {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// The change.
        change: Change,
    },
    /// An advert of a virtual router that is not configured here, if
    /// [`log_unknown_vrids`](crate::spec::Configuration::log_unknown_vrids) is set. Reported for the first
    /// advert per sender and VRID, then once in ten minutes to a day while adverts arrive.
    #[non_exhaustive]
    UnknownRouter {
        /// The interface.
        interface: Arc<str>,
        /// The VRID of the advert.
        vrid: Vrid,
        /// The sender.
        source: IpAddr,
        /// Number of adverts of this sender and VRID since the last such event.
        suppressed: u64,
        /// Number of adverts of other senders without an event, because too many send such adverts.
        others: u64,
    },
    /// The raw socket of an interface could not be opened; the driver tries again.
    #[non_exhaustive]
    SocketFailed {
        /// The interface.
        interface: Arc<str>,
        /// The family of the socket.
        family: AddressFamily,
        /// The error of the kernel.
        error: Arc<io::Error>,
    },
    /// An interface has a virtual address that another program added: it stays there in each state of the
    /// router. Reported when the router is added, and when it becomes Master.
    #[non_exhaustive]
    ExternalAddress {
        /// The router's name.
        router: Arc<str>,
        /// Its VRID.
        vrid: Vrid,
        /// The interface of the address.
        interface: Arc<str>,
        /// The address.
        address: IpAddr,
    },
    /// An object of an earlier process was found, and is being removed.
    #[non_exhaustive]
    StaleFound {
        /// The object.
        object: HostObject,
    },
    /// An object that is no longer desired could not be removed; the driver tries again.
    #[non_exhaustive]
    RemovalFailed {
        /// The removal.
        change: Change,
        /// Whether an earlier process added the object; otherwise it is part of a static item.
        is_stale: bool,
        /// The error of the kernel.
        error: Arc<io::Error>,
    },
    /// The advert thread ended unexpectedly; the addresses have been removed.
    #[non_exhaustive]
    Stopped,
}

/// The events of a [`Driver`](super::Driver). One thing that happens to a router precedes the next
/// one; events of different threads of the driver may overtake each other.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    /// Waits for the next event; `None` when the driver has ended and all events are received.
    ///
    /// # Cancel safety
    ///
    /// No event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// Returns the next event if there is one already, and `None` otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when the driver has ended and all events are received.
    pub fn try_recv(&mut self) -> Result<Option<Event>, Error> {
        match self.0.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Error::Stopped),
        }
    }
}

/// Sends events without waiting.
#[derive(Clone, Debug)]
pub(super) struct EventSender {
    sender: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
}

/// Returns the two ends of a channel that holds `capacity` events, at least one.
pub(super) fn channel(capacity: usize) -> (EventSender, Events) {
    let (sender, events) = mpsc::channel(capacity.max(1));
    let dropped = Arc::default();
    (EventSender { sender, dropped }, Events(events))
}

impl EventSender {
    /// Sends an event, or counts the event as dropped if the channel is full.
    pub(super) fn send(&self, event: Event) {
        if self.sender.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends a condition of a tracked object.
    pub(super) fn note_tracking(&self, object: &ObjectId, note: TrackingNote) {
        let object = object.clone();
        self.send(Event::TrackingNoted { object, note });
    }

    /// Sends a condition of the host.
    pub(super) fn note_host(&self, note: HostNote) {
        self.send(Event::HostNoted { note });
    }

    /// Sends an event that must not be dropped; waits while the channel is full.
    pub(super) async fn deliver(&self, event: Event) {
        // Fails without a reader.
        let _ = self.sender.send(event).await;
    }

    /// Number of events that did not fit the channel.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
