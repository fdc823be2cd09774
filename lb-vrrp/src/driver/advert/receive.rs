// SPDX-License-Identifier: MIT OR Apache-2.0
//! Received packets: finds their router, and counts those for none.

use std::sync::Arc;
use std::time::Instant;

use super::{AdvertThread, keep_earlier};
use crate::driver::key::{PortKey, RouterKey};
use crate::driver::port::Arrival;
use crate::driver::router::Surroundings;
use crate::driver::socket::{Datagram, Incoming, Protocol};
use crate::wire::AuthenticationHeader;
use crate::{Encapsulation, Received, Vrid};

/// Packets read from one interface before timers and commands have their turn.
const READS: usize = 64;
/// TTL or hop limit of an advert that no router has forwarded.
const HOP_LIMIT: u8 = 255;

impl AdvertThread {
    /// Reads packets from all sockets that may be readable.
    #[inline(never)]
    pub(super) fn read_ports(&mut self) {
        let ports = self.ports.iter().filter(|(_, port)| port.is_readable());
        let keys: Vec<PortKey> = ports.map(|(key, _)| key.clone()).collect();
        for key in keys {
            for _ in 0..READS {
                if !self.read_port(&key) {
                    break;
                }
            }
        }
    }

    /// Reads one packet; returns whether there was one.
    fn read_port(&mut self, port_key: &PortKey) -> bool {
        let Some(port) = self.ports.get_mut(port_key) else {
            return false;
        };
        let (interface, family) = port_key;
        let sticky = port.sticky;
        let (protocol, datagram, is_own) = match port.receive() {
            Ok(Some(Arrival {
                protocol,
                incoming: Incoming::Datagram(datagram),
                is_own,
            })) => (protocol, datagram, is_own),
            Ok(Some(Arrival { .. })) => {
                port.malformed += 1;
                return true;
            }
            Ok(None) => return false,
            Err(error) => {
                // The interface went down; the monitor reports that.
                tracing::debug!(ifname = %interface, %family, %error, "raw socket");
                return false;
            }
        };
        if is_own {
            let routers = self.routers.values();
            let mut on_port = routers.filter(|router| router.key.port() == *port_key);
            if !on_port.any(|router| router.uses(datagram.source)) {
                // The raw socket receives it.
                return true;
            }
        }
        let now = Instant::now();
        let (encapsulation, message) = match protocol {
            Protocol::Vrrp => (Encapsulation::Ip, 0),
            Protocol::AuthenticationHeader => {
                let ip_header = datagram.ip_header.unwrap_or_default();
                let encapsulation = Encapsulation::AuthenticationHeader { ip_header };
                (encapsulation, AuthenticationHeader::LEN)
            }
        };
        let Some(vrid) = datagram
            .payload
            .get(message + 1)
            .and_then(|vrid| Vrid::new(*vrid).ok())
        else {
            port.malformed += 1;
            return true;
        };
        let key = RouterKey {
            interface: Arc::clone(interface),
            family: *family,
            vrid,
        };
        let Some(router) = self.routers.get_mut(&key) else {
            let proves = sticky && is_advertisement(&datagram, message);
            let source = datagram.source;
            port.unknown_vrid += 1;
            if self.log_unknown_vrids {
                let unknown = &mut port.unknown_routers;
                unknown.report(now, (vrid, source), port_key, &self.events);
                keep_earliest(&mut self.reports_at, unknown.next_due());
            }
            if proves {
                self.prove_reception(port_key, now);
            }
            return true;
        };
        let received = Received {
            source: datagram.source,
            destination: datagram.destination,
            hop_limit: datagram.hop_limit,
            encapsulation,
            payload: datagram.payload,
        };
        let proves = router.receive(now, received, &self.events) && sticky;
        let mut around = Surroundings {
            ports: &mut self.ports,
            mailbox: &self.mailbox,
            events: &mut self.events,
        };
        router.drain(now, &mut around);
        keep_earliest(&mut self.reports_at, router.reports.next_due());
        self.follow_member(&key, now);
        if proves {
            self.prove_reception(port_key, now);
        }
        true
    }

    /// Sends the events about packets that were left out, with their number.
    #[cold]
    pub(super) fn send_due_reports(&mut self, now: Instant) {
        self.reports_at = None;
        for router in self.routers.values_mut() {
            router.send_due_reports(now, &self.events);
            keep_earliest(&mut self.reports_at, router.reports.next_due());
        }
        for (key, port) in self.ports.iter_mut() {
            port.unknown_routers.send_due(now, key, &self.events);
            keep_earliest(&mut self.reports_at, port.unknown_routers.next_due());
        }
    }

    /// Notifies the sticky routers of an interface and family that packets arrive there.
    fn prove_reception(&mut self, port: &PortKey, now: Instant) {
        for router in self.routers.values_mut() {
            if router.key.port() == *port && router.engine.config().sticky().is_some() {
                router.engine.handle_received_proof(now);
            }
        }
    }
}

/// Whether a packet for no configured router is an advert, by its first byte and its hop limit.
fn is_advertisement(datagram: &Datagram<'_>, message: usize) -> bool {
    let first = datagram.payload.get(message);
    datagram.hop_limit == HOP_LIMIT && matches!(first, Some(0x21 | 0x31))
}

/// Lowers `next` to `at` if that is earlier.
#[inline]
fn keep_earliest(next: &mut Option<Instant>, at: Option<Instant>) {
    if let Some(at) = at {
        keep_earlier(next, at);
    }
}
