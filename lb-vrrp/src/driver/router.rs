// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router inside the advert thread: its engine, and what the driver knows about it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use tracing::warn;

use super::desired::{Burst, DesiredRouter, Prepared};
use super::event::{Event, Events, LinkProblem};
use super::handover::RouterState;
use super::key::RouterKey;
use super::limiter::RejectedLimiter;
use super::links::Interfaces;
use super::mailbox::Mailbox;
use super::needs::macvlan_of;
use super::ports::{Place, Ports};
use super::present::Present;
use super::spec::RouterSpec;
use super::vmac::{Macvlan, Outlet, covers_adverts, mac_of};
use crate::{
    AdvertisedPriority, AnnounceReason, Authentication, Output, Received, RouterConfig, State,
    Transmit, VirtualRouter,
};
use lb_host::RoutingEntry;

/// Bursts because of other routers' adverts are at least this far apart; the actuator's repeat
/// follows the last of them in any case.
const BURST_PAUSE: Duration = Duration::from_secs(1);

/// What a router acts on while its outputs are carried out.
pub(super) struct Surroundings<'a> {
    pub(super) ports: &'a mut Ports,
    pub(super) mailbox: &'a Mailbox,
    pub(super) events: &'a mut Events,
}

#[derive(Debug)]
pub(super) struct Router {
    pub(super) key: RouterKey,
    pub(super) name: Arc<str>,
    pub(super) spec: RouterSpec,
    pub(super) engine: VirtualRouter,
    pub(super) source: Option<IpAddr>,
    pub(super) problem: Option<LinkProblem>,
    /// Whether what it sends leaves the host: its interface is up and has carrier.
    pub(super) connected: bool,
    pub(super) started: bool,
    /// Sends adverts with a virtual MAC address.
    pub(super) outlet: Option<Outlet>,
    /// Where its port was last.
    port: Place,
    addresses: Arc<[Prepared]>,
    routing: Arc<[Arc<RoutingEntry>]>,
    /// Its addresses and routes are prepared as the specification has them.
    prepared: bool,
    /// Addresses of this epoch that are on their interface, by interface and address.
    ready: Present,
    /// The same of an old process, until the first epoch begins.
    handed_over: Present,
    held: bool,
    shielded: bool,
    epoch: u64,
    announced: u64,
    bursts: u64,
    burst: Burst,
    last_burst: Option<Instant>,
    limiter: RejectedLimiter,
    pub(super) send_failures: u64,
    sending_fails: bool,
    /// Addresses of which was told that they are not advertised.
    told_excluded: usize,
}

impl Router {
    pub(super) fn new(key: RouterKey, spec: RouterSpec, engine: VirtualRouter) -> Self {
        let name: Arc<str> = Arc::from(spec.name.as_str());
        let burst = Burst::of(&spec.announcements);
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
            ready: Present::default(),
            handed_over: Present::default(),
            held: false,
            shielded: false,
            epoch: 0,
            announced: 0,
            bursts: 0,
            burst,
            last_burst: None,
            limiter: RejectedLimiter::default(),
            send_failures: 0,
            sending_fails: false,
            told_excluded: 0,
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

    /// The same of macvlans for single addresses.
    pub(super) fn address_vmacs(&self) -> Vec<(String, [u8; 6])> {
        let all = Macvlan::list(&self.spec).into_iter();
        let others = all.filter(|of| !of.is_own());
        others
            .filter_map(|of| Some((of.vmac.name?, of.mac.octets())))
            .collect()
    }

    pub(super) fn vmac_name(&self) -> Option<&str> {
        macvlan_of(&self.spec)
    }

    /// Takes note of macvlans that have been made.
    pub(super) fn look(&mut self, interfaces: &Interfaces) {
        for of in &mut self.spec.address_macvlans {
            of.made |= interfaces.get(&of.name).is_some();
        }
    }

    /// Takes over another specification of the same router.
    pub(super) fn respecify(&mut self, name: Arc<str>, spec: RouterSpec) {
        self.name = name;
        self.spec = spec;
        self.prepared = false;
    }

    /// Takes over what its addresses and routes look like on the interfaces there are now.
    pub(super) fn prepare(
        &mut self,
        addresses: Vec<Prepared>,
        routing: Vec<Arc<RoutingEntry>>,
        mailbox: &Mailbox,
    ) {
        let same = *self.addresses == *addresses && *self.routing == *routing;
        if std::mem::replace(&mut self.prepared, true) && same {
            return;
        }
        let there = |(link, address): &(u32, IpAddr)| {
            addresses
                .iter()
                .any(|of| of.link.index == *link && of.address.address == *address)
        };
        self.ready.retain(there);
        self.addresses = addresses.into();
        self.routing = routing.into();
        if self.held {
            self.publish(mailbox);
        }
    }

    /// Advertises what an interface has room for.
    pub(super) fn fit(&mut self, now: Instant, config: RouterConfig) {
        let excluded = config.excluded().len();
        if excluded > 0 && self.told_excluded != excluded {
            warn!(
                instance = %self.name, vrid = %self.key.vrid, ifname = %self.key.interface, excluded,
                "more addresses than an advert has room for on this interface: the last ones are \
                 held but not advertised"
            );
        }
        self.told_excluded = excluded;
        if *self.engine.config() != config {
            // It can: identity and peers are those that it has.
            let _ = self.engine.reconfigure(now, config);
        }
    }

    /// Tells the engine the time of day, if it needs that to sign and to judge signatures.
    #[inline]
    pub(super) fn tell_time(&mut self, now: Instant) {
        let authentication = self.engine.config().authentication();
        if matches!(authentication, Authentication::Hmac(_))
            && let Ok(utc) = UNIX_EPOCH.elapsed()
        {
            self.engine.handle_clock(now, utc);
        }
    }

    /// Gives a packet to the engine; says whether it was good.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        packet: Received<'_>,
        events: &mut Events,
    ) -> bool {
        self.tell_time(now);
        let Err(reason) = self.engine.handle_advertisement(now, packet) else {
            return true;
        };
        if let Some(suppressed) = self.limiter.admit(now, packet.source, &reason) {
            events.tell(Event::Rejected {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                source: packet.source,
                reason,
                suppressed,
            });
        }
        false
    }

    /// Carries out what the engine asks for, in its order.
    pub(super) fn drain(&mut self, now: Instant, around: &mut Surroundings<'_>) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::SendAdvertisement(advert) => self.send(&advert, around.ports),
                other => self.carry_out(other, now, around),
            }
        }
    }

    /// Carries out what is no advert; out of the way of those.
    #[cold]
    fn carry_out(&mut self, output: Output, now: Instant, around: &mut Surroundings<'_>) {
        match output {
            Output::SendAdvertisement(advert) => self.send(&advert, around.ports),
            Output::ShieldAddresses => {
                self.shielded = true;
                // Otherwise with the addresses, which come next.
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
                // The old process has announced these.
                self.ready = std::mem::take(&mut self.handed_over);
                self.publish(around.mailbox);
            }
            Output::RemoveAddresses => {
                self.held = false;
                self.handed_over.clear();
                self.ready.clear();
                self.publish(around.mailbox);
            }
            Output::Announce { reason } => self.announce(now, &reason, around.mailbox),
            Output::Transitioned(transition) => around.events.tell(Event::Transitioned {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                transition,
                priority: self.engine.effective_priority(),
            }),
            Output::Noticed(notice) => around.events.tell(Event::Noticed {
                router: Arc::clone(&self.name),
                vrid: self.key.vrid,
                notice,
            }),
            // The addresses of the specification decide, which may be more than those
            // advertised; `prepare` has published them.
            Output::UpdateAddresses { .. } => {}
        }
    }

    fn send(&mut self, advert: &Transmit, ports: &mut Ports) {
        // The kernel keeps a unicast packet until the peer is resolved, which may be when the
        // carrier is back: a backup would then hear a resignation that is no longer true.
        if advert.priority == AdvertisedPriority::Resign && !self.connected {
            return;
        }
        let sent = if covers_adverts(&self.spec) {
            self.outlet.as_mut().map(|outlet| outlet.send(advert))
        } else {
            let port = ports.of_router(&self.key, &mut self.port);
            port.map(|port| port.send(advert))
        };
        match sent {
            Some(Ok(())) => self.sending_fails = false,
            Some(Err(error)) => self.sending_failed(&error),
            None => self.send_failures += 1,
        }
    }

    #[cold]
    fn sending_failed(&mut self, error: &io::Error) {
        self.send_failures += 1;
        if !std::mem::replace(&mut self.sending_fails, true) {
            warn!(
                instance = %self.name, vrid = %self.key.vrid, ifname = %self.key.interface, %error,
                "advert not sent"
            );
        }
    }

    /// The first burst of an address goes out when it is there; later ones at once.
    fn announce(&mut self, now: Instant, reason: &AnnounceReason, mailbox: &Mailbox) {
        let policy = &self.spec.announcements;
        self.burst = match reason {
            AnnounceReason::BecameMaster | AnnounceReason::AddressesAdded { .. } => return,
            AnnounceReason::LosingAdvertisement { .. } => Burst::lower(policy),
            _ => Burst::of(policy),
        };
        if self.burst.repeat == 0 {
            return;
        }
        let paused = self
            .last_burst
            .is_some_and(|last| now.saturating_duration_since(last) < BURST_PAUSE);
        if !paused {
            self.last_burst = Some(now);
            self.bursts += 1;
            for of in self.addresses.iter() {
                let place = (of.link.index, of.address.address);
                if self.ready.keep(place).is_some()
                    && let Some(announcement) = &of.announcement
                    && announcement.lane.is_none()
                {
                    announcement.send(self.burst.repeat);
                }
            }
        }
        self.announced += 1;
        self.publish(mailbox);
    }

    /// An address has been put on its interface: announces it, unless that has to wait for its turn.
    pub(super) fn address_ready(&mut self, epoch: u64, link: u32, address: IpAddr, keep: bool) {
        if !self.held || self.epoch != epoch {
            return;
        }
        if !self.ready.insert((link, address), keep) {
            return;
        }
        let prepared = self
            .addresses
            .iter()
            .find(|of| of.link.index == link && of.address.address == address);
        if let Some(announcement) = prepared.and_then(|of| of.announcement.as_ref())
            && announcement.lane.is_none()
        {
            announcement.send(self.spec.announcements.repeat);
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
        ready: Present,
        send_failures: u64,
    ) {
        self.started = engine.state() != State::Initialize;
        self.engine = engine;
        self.handed_over = ready;
        self.send_failures = send_failures;
    }
}
