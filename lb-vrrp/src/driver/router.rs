// SPDX-License-Identifier: MIT OR Apache-2.0
//! One virtual router inside the advert thread: its engine, and what the driver knows about it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use tracing::warn;

use super::event::{Event, Events, LinkProblem};
use super::limiter::RejectedLimiter;
use super::mailbox::{Mailbox, PortKey, Prepared, RouterKey, Wanted};
use super::needs::macvlan_of;
use super::port::Port;
use super::routing::RoutingEntry;
use super::spec::RouterSpec;
use super::vmac::{Outlet, Vmac};
use crate::{AnnounceReason, Authentication, Output, Received, Transmit, VirtualRouter};

/// Bursts because of other routers' adverts are at least this far apart; the actuator's repeat
/// follows the last of them in any case.
const BURST_PAUSE: Duration = Duration::from_secs(1);

/// What a router acts on while its outputs are carried out.
pub(super) struct Surroundings<'a> {
    pub(super) ports: &'a mut BTreeMap<PortKey, Port>,
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
    pub(super) started: bool,
    /// Sends adverts with a virtual MAC address.
    pub(super) outlet: Option<Outlet>,
    addresses: Arc<[Prepared]>,
    routing: Arc<[RoutingEntry]>,
    /// Addresses of this epoch that are on their interface, by interface and address.
    ready: BTreeSet<(u32, IpAddr)>,
    held: bool,
    shielded: bool,
    epoch: u64,
    announced: u64,
    last_burst: Option<Instant>,
    limiter: RejectedLimiter,
    pub(super) send_failures: u64,
    sending_fails: bool,
}

impl Router {
    pub(super) fn new(key: RouterKey, spec: RouterSpec, engine: VirtualRouter) -> Self {
        let name: Arc<str> = Arc::from(spec.name.as_str());
        Self {
            key,
            name,
            spec,
            engine,
            source: None,
            problem: None,
            started: false,
            outlet: None,
            addresses: Arc::new([]),
            routing: Arc::new([]),
            ready: BTreeSet::new(),
            held: false,
            shielded: false,
            epoch: 0,
            announced: 0,
            last_burst: None,
            limiter: RejectedLimiter::default(),
            send_failures: 0,
            sending_fails: false,
        }
    }

    pub(super) fn vmac_name(&self) -> Option<&str> {
        macvlan_of(&self.spec)
    }

    /// Takes over another specification of the same router.
    pub(super) fn respecify(&mut self, name: Arc<str>, spec: RouterSpec) {
        self.name = name;
        self.spec = spec;
    }

    /// Takes over what its addresses and routes look like on the interfaces there are now.
    pub(super) fn prepare(
        &mut self,
        addresses: Vec<Prepared>,
        routing: Vec<RoutingEntry>,
        mailbox: &Mailbox,
    ) {
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

    /// Tells the engine the time of day, if it needs that to sign and to judge signatures.
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
                    self.ready.clear();
                    self.publish(around.mailbox);
                }
                Output::RemoveAddresses => {
                    self.held = false;
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
    }

    fn send(&mut self, advert: &Transmit, ports: &mut BTreeMap<PortKey, Port>) {
        let sent = if Vmac::covers_adverts(&self.spec) {
            self.outlet.as_mut().map(|outlet| outlet.send(advert))
        } else {
            let port = ports.get_mut(&self.key.port());
            port.map(|port| port.send(advert))
        };
        let Some(sent) = sent else {
            self.send_failures += 1;
            return;
        };
        match sent {
            Ok(()) => self.sending_fails = false,
            Err(error) => {
                self.send_failures += 1;
                if !std::mem::replace(&mut self.sending_fails, true) {
                    warn!(
                        instance = %self.name, vrid = %self.key.vrid, ifname = %self.key.interface,
                        %error, "advert not sent"
                    );
                }
            }
        }
    }

    /// The first burst of an address goes out when it is there; later ones at once.
    fn announce(&mut self, now: Instant, reason: &AnnounceReason, mailbox: &Mailbox) {
        if matches!(
            reason,
            AnnounceReason::BecameMaster | AnnounceReason::AddressesAdded { .. }
        ) {
            return;
        }
        let paused = self
            .last_burst
            .is_some_and(|last| now.saturating_duration_since(last) < BURST_PAUSE);
        if !paused {
            self.last_burst = Some(now);
            for of in self.addresses.iter() {
                if self.ready.contains(&(of.link.index, of.address.address))
                    && let Some(announcement) = &of.announcement
                {
                    announcement.send(self.spec.announcements.repeat);
                }
            }
        }
        self.announced += 1;
        self.publish(mailbox);
    }

    /// An address has been put on its interface: announces it.
    pub(super) fn address_ready(&mut self, epoch: u64, link: u32, address: IpAddr) {
        if !self.held || self.epoch != epoch || !self.ready.insert((link, address)) {
            return;
        }
        let prepared = self
            .addresses
            .iter()
            .find(|of| of.link.index == link && of.address.address == address);
        if let Some(announcement) = prepared.and_then(|of| of.announcement.as_ref()) {
            announcement.send(self.spec.announcements.repeat);
        }
    }

    fn publish(&self, mailbox: &Mailbox) {
        mailbox.publish(
            self.key.clone(),
            Wanted {
                router: Arc::clone(&self.name),
                held: self.held,
                shielded: self.shielded,
                owner: self.spec.config.priority().is_owner(),
                epoch: self.epoch,
                announced: self.announced,
                announcements: self.spec.announcements,
                addresses: Arc::clone(&self.addresses),
                routing: Arc::clone(&self.routing),
            },
        );
    }
}
