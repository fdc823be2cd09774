// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router of the advert thread: its engine, and the state that the driver keeps for it.

mod status;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::desired::{Burst, DesiredRouter, Prepared};
use super::event::{Event, EventSender};
use super::handover::RouterState;
use super::key::RouterKey;
use super::links::Interfaces;
use super::mailbox::Mailbox;
use super::needs::{has_macvlan, macvlan_of};
use super::ports::{Place, PortMap};
use super::present::ReadyAddresses;
use super::reports::PacketReports;
use super::vmac::{Macvlan, Outlet, covers_adverts, mac_of};
use crate::spec::RouterSpec;
use crate::status::LinkProblem;
use crate::{
    AdvertisedPriority, AnnounceReason, Authentication, Output, Received, RouterConfig, State,
    Transmit, VirtualRouter,
};
use lb_host::{AddressKey, RoutingEntry};

/// Bursts because of other routers' adverts are at least this far apart; the actuator's repeat
/// follows the last of them in any case.
const BURST_PAUSE: Duration = Duration::from_secs(1);

/// The parts of the advert thread that the outputs of a router act on.
pub(super) struct Surroundings<'a> {
    pub(super) ports: &'a mut PortMap,
    pub(super) mailbox: &'a Mailbox,
    pub(super) events: &'a EventSender,
}

#[derive(Debug)]
pub(super) struct Router {
    pub(super) key: RouterKey,
    pub(super) name: Arc<str>,
    pub(super) spec: RouterSpec,
    pub(super) engine: VirtualRouter,
    pub(super) source: Option<IpAddr>,
    pub(super) problem: Option<LinkProblem>,
    /// Whether the interface is up and has carrier, so that adverts leave the host.
    pub(super) connected: bool,
    pub(super) started: bool,
    /// Sender of adverts with a virtual MAC address.
    pub(super) outlet: Option<Outlet>,
    /// The last known place of its port.
    port: Place,
    addresses: Arc<[Prepared]>,
    routing: Arc<[Arc<RoutingEntry>]>,
    /// Whether addresses and routes are prepared for the present specification.
    prepared: bool,
    /// Addresses of this epoch that are on their interface.
    ready: ReadyAddresses,
    /// The same of an old process, until the first epoch begins.
    handed_over: ReadyAddresses,
    held: bool,
    shielded: bool,
    /// Why packets to the addresses are accepted although they should be dropped.
    pub(super) unshielded: Option<Arc<str>>,
    epoch: u64,
    announced: u64,
    bursts: u64,
    burst: Burst,
    last_burst: Option<Instant>,
    pub(super) reports: PacketReports,
    pub(super) send_failures: u64,
    /// Addresses that the kernel refused to add, with its error.
    refused: BTreeMap<AddressKey, Arc<str>>,
    sending_fails: bool,
    /// Number of addresses that were reported as not advertised.
    reported_excluded: usize,
}

impl Router {
    pub(super) fn new(key: RouterKey, spec: RouterSpec, engine: VirtualRouter) -> Self {
        let name: Arc<str> = Arc::from(spec.name.as_str());
        let burst = Burst::new(&spec.announcements);
        Self {
            key,
            name,
            spec,
            engine,
            source: None,
            problem: None,
            connected: true,
            started: false,
            outlet: None,
            port: Place::default(),
            addresses: Arc::new([]),
            routing: Arc::new([]),
            prepared: false,
            ready: ReadyAddresses::default(),
            handed_over: ReadyAddresses::default(),
            held: false,
            shielded: false,
            unshielded: None,
            epoch: 0,
            announced: 0,
            bursts: 0,
            burst,
            last_burst: None,
            reports: PacketReports::default(),
            send_failures: 0,
            refused: BTreeMap::new(),
            sending_fails: false,
            reported_excluded: 0,
        }
    }

    /// Name and MAC address of its macvlan.
    pub(super) fn vmac(&self) -> Option<(String, [u8; 6])> {
        let vmac = self.spec.vmac.as_ref()?;
        Some((
            vmac.name.clone()?,
            mac_of(&self.spec, self.key.family).octets(),
        ))
    }

    /// Names and MAC addresses of macvlans for single addresses.
    pub(super) fn address_vmacs(&self) -> Vec<(String, [u8; 6])> {
        let all = Macvlan::list(&self.spec).into_iter();
        let others = all.filter(|macvlan| !macvlan.is_own());
        others
            .filter_map(|macvlan| Some((macvlan.vmac.name?, macvlan.mac.octets())))
            .collect()
    }

    pub(super) fn vmac_name(&self) -> Option<&str> {
        macvlan_of(&self.spec)
    }

    /// Marks the macvlans that exist.
    pub(super) fn mark_macvlans(&mut self, interfaces: &Interfaces) {
        let mut macvlans = std::mem::take(&mut self.spec.address_macvlans);
        for macvlan in &mut macvlans {
            let wanted = (&*macvlan.name, &*macvlan.base, macvlan.family);
            macvlan.made |= has_macvlan(&self.spec, interfaces, wanted);
        }
        self.spec.address_macvlans = macvlans;
    }

    /// Sets another specification of the same router.
    pub(super) fn set_spec(&mut self, name: Arc<str>, spec: RouterSpec) {
        self.name = name;
        self.spec = spec;
        self.prepared = false;
    }

    /// Sets the addresses and routes for the present interfaces.
    pub(super) fn prepare(
        &mut self,
        now: Instant,
        (addresses, routing): (Vec<Prepared>, Vec<Arc<RoutingEntry>>),
        mailbox: &Mailbox,
    ) {
        let is_same = *self.addresses == *addresses && *self.routing == *routing;
        if std::mem::replace(&mut self.prepared, true) && is_same {
            return;
        }
        self.ready
            .retain(|key| addresses.iter().any(|prepared| prepared.key() == key));
        self.refused
            .retain(|key, _| addresses.iter().any(|prepared| prepared.key() == *key));
        let has_other_frame = |new: &Prepared| {
            let mut old = self.addresses.iter();
            let old = old.find(|old| old.key() == new.key());
            let frame = |prepared: &Prepared| {
                let announcement = prepared.announcement.as_ref();
                announcement.map(|announcement| Arc::clone(&announcement.frame))
            };
            old.is_some_and(|old| frame(old) != frame(new))
        };
        // Neighbours send to the MAC address that was announced.
        let is_outdated = self.held && addresses.iter().any(has_other_frame);
        self.addresses = addresses.into();
        self.routing = routing.into();
        if is_outdated {
            self.last_burst = None;
            self.announce_again(now, Burst::new(&self.spec.announcements), mailbox);
        }
        if self.held {
            self.publish(mailbox);
        }
    }

    /// Configures the engine; reports addresses that do not fit the MTU of the interface.
    pub(super) fn configure(&mut self, now: Instant, config: RouterConfig, events: &EventSender) {
        let excluded = config.excluded().len();
        if excluded > 0 && self.reported_excluded != excluded {
            events.send(Event::AddressesExcluded {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                interface: Arc::clone(&self.key.interface),
                excluded,
            });
        }
        self.reported_excluded = excluded;
        if *self.engine.config() != config {
            // `reconfigure` cannot fail here: VRID, family and peers are unchanged.
            let _ = self.engine.reconfigure(now, config);
        }
    }

    /// Passes the time of day to the engine, if it signs adverts and verifies signatures.
    #[inline]
    pub(super) fn update_clock(&mut self, now: Instant) {
        let authentication = self.engine.config().authentication();
        if matches!(authentication, Authentication::Hmac(_))
            && let Ok(utc) = UNIX_EPOCH.elapsed()
        {
            self.engine.handle_clock(now, utc);
        }
    }

    /// Passes a packet to the engine; returns whether it was accepted.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        packet: Received<'_>,
        events: &EventSender,
    ) -> bool {
        self.update_clock(now);
        let Err(reason) = self.engine.handle_advertisement(now, packet) else {
            return true;
        };
        let named = (&self.name, self.key.vrid);
        self.reports
            .reject(now, (packet.source, reason), named, events);
        false
    }

    /// Sends the events about packets that were left out until now.
    pub(super) fn send_due_reports(&mut self, now: Instant, events: &EventSender) {
        self.reports
            .send_due(now, (&self.name, self.key.vrid), events);
    }

    /// Whether this host has an address because of the router: the source of adverts, or a virtual address
    /// of a Master.
    pub(super) fn uses(&self, address: IpAddr) -> bool {
        let mut held = self.spec.config.all_addresses();
        self.source == Some(address) || (self.held && held.any(|own| own == address))
    }

    /// Carries out the outputs of the engine, in their order.
    pub(super) fn drain(&mut self, now: Instant, around: &mut Surroundings<'_>) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::SendAdvertisement(advert) => self.send(&advert, around),
                other => self.carry_out(other, now, around),
            }
        }
    }

    /// Carries out any output; adverts normally take the short way in `drain`. Not inlined, to keep the code of adverts small.
    #[cold]
    fn carry_out(&mut self, output: Output, now: Instant, around: &mut Surroundings<'_>) {
        match output {
            Output::SendAdvertisement(advert) => self.send(&advert, around),
            Output::ShieldAddresses => {
                self.shielded = true;
                // Otherwise the shields are published with the addresses, which come next.
                if self.held {
                    self.publish(around.mailbox);
                }
            }
            Output::UnshieldAddresses => {
                self.shielded = false;
                self.publish(around.mailbox);
            }
            Output::AddAddresses => {
                self.held = true;
                self.epoch += 1;
                self.refused.clear();
                // The old process has announced these.
                self.ready = std::mem::take(&mut self.handed_over);
                self.publish(around.mailbox);
            }
            Output::RemoveAddresses => {
                self.held = false;
                self.refused.clear();
                self.handed_over.clear();
                self.ready.clear();
                self.publish(around.mailbox);
            }
            Output::Announce { reason } => self.announce(now, &reason, around.mailbox),
            Output::Transitioned(transition) => around.events.send(Event::Transitioned {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                transition,
                priority: self.engine.effective_priority(),
            }),
            Output::Noticed(notice) => {
                let named = (&self.name, self.key.vrid);
                self.reports.notice(now, notice, named, around.events);
            }
            // The addresses of the specification decide, which may be more than those
            // advertised; `prepare` has published them.
            Output::UpdateAddresses { .. } => {}
        }
    }

    fn send(&mut self, advert: &Transmit, around: &mut Surroundings<'_>) {
        // The kernel keeps a unicast packet until the peer is resolved, which may be after the carrier
        // has returned: a backup would then receive an outdated resignation.
        if advert.priority == AdvertisedPriority::Resign && !self.connected {
            return;
        }
        let sent = if covers_adverts(&self.spec) {
            self.outlet.as_mut().map(|outlet| outlet.send(advert))
        } else {
            let port = around.ports.of_router(&self.key, &mut self.port);
            port.map(|port| port.send(advert))
        };
        match sent {
            Some(Ok(())) => self.sending_fails = false,
            Some(Err(error)) => self.handle_send_failure(error, around.events),
            None => self.send_failures += 1,
        }
    }

    #[cold]
    fn handle_send_failure(&mut self, error: io::Error, events: &EventSender) {
        self.send_failures += 1;
        if !std::mem::replace(&mut self.sending_fails, true) {
            events.send(Event::SendFailed {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                interface: Arc::clone(&self.key.interface),
                error: Arc::new(error),
            });
        }
    }

    /// Announces the addresses again. The first announcement of an address is made by `handle_address_ready`.
    fn announce(&mut self, now: Instant, reason: &AnnounceReason, mailbox: &Mailbox) {
        let policy = &self.spec.announcements;
        let burst = match reason {
            AnnounceReason::BecameMaster | AnnounceReason::AddressesAdded { .. } => return,
            AnnounceReason::LosingAdvertisement { .. } => Burst::lower(policy),
            _ => Burst::new(policy),
        };
        self.announce_again(now, burst, mailbox);
    }

    fn announce_again(&mut self, now: Instant, burst: Burst, mailbox: &Mailbox) {
        self.burst = burst;
        if self.burst.repeat == 0 {
            return;
        }
        let paused = self
            .last_burst
            .is_some_and(|last| now.saturating_duration_since(last) < BURST_PAUSE);
        if !paused {
            self.last_burst = Some(now);
            self.bursts += 1;
            for prepared in self.addresses.iter() {
                if self.ready.keep(prepared.key()).is_some()
                    && let Some(announcement) = &prepared.announcement
                    && announcement.lane.is_none()
                {
                    announcement.send(self.burst.repeat);
                }
            }
        }
        self.announced += 1;
        self.publish(mailbox);
    }

    /// Announces an address that was added to its interface, unless announcements are paced.
    pub(super) fn handle_address_ready(&mut self, epoch: u64, key: AddressKey, keep: bool) {
        self.refused.remove(&key);
        if !self.held || self.epoch != epoch {
            return;
        }
        if !self.ready.insert(key, keep) {
            return;
        }
        let mut addresses = self.addresses.iter();
        let prepared = addresses.find(|prepared| prepared.key() == key);
        if let Some(announcement) = prepared.and_then(|prepared| prepared.announcement.as_ref())
            && announcement.lane.is_none()
        {
            announcement.send(self.spec.announcements.repeat);
        }
    }

    /// Takes note that the kernel refused to add an address.
    pub(super) fn handle_address_refused(&mut self, key: AddressKey, reason: Arc<str>) {
        if self.held {
            self.refused.insert(key, reason);
        }
    }

    fn publish(&mut self, mailbox: &Mailbox) {
        let desired = DesiredRouter {
            router: Arc::clone(&self.name),
            held: self.held,
            shielded: self.shielded,
            owner: self.spec.config.priority().is_owner(),
            epoch: self.epoch,
            announced: self.announced,
            bursts: self.bursts,
            burst: self.burst,
            announcements: self.spec.announcements,
            addresses: Arc::clone(&self.addresses),
            routing: Arc::clone(&self.routing),
        };
        mailbox.publish(self.key.clone(), desired);
    }

    /// The state for a new process.
    pub(super) fn handover_state(&self, now: Instant) -> RouterState {
        RouterState {
            key: self.key.clone(),
            engine: self.engine.handover_state(now),
            vmac: self.vmac(),
            address_vmacs: self.address_vmacs(),
            send_failures: self.send_failures,
        }
    }

    /// Continues a router of an old process, whose addresses are on their interfaces.
    pub(super) fn continue_with(
        &mut self,
        engine: VirtualRouter,
        ready: ReadyAddresses,
        send_failures: u64,
    ) {
        self.started = engine.state() != State::Initialize;
        self.engine = engine;
        self.handed_over = ready;
        self.send_failures = send_failures;
    }
}
