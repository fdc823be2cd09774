// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is ours in the data plane, and what we last asked for each object.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use lb_ipvs::{Destination, ForwardingMethod, Service, ServiceKey};

/// What was last asked of the data plane for one object, and whether that is known to be done.
///
/// The specification is kept as canonical text: it is only ever compared, and a person can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    specification: Box<str>,
    settled: bool,
}

impl Record {
    /// A record from its parts, as a state file holds them.
    pub fn new(specification: impl Into<Box<str>>, settled: bool) -> Self {
        Self {
            specification: specification.into(),
            settled,
        }
    }

    /// Canonical text of what was asked for, without white space.
    pub fn specification(&self) -> &str {
        &self.specification
    }

    /// Whether the data plane confirmed it. A record that is not settled is asked for again.
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether exactly this was asked for and confirmed: nothing to do, whatever was done by hand.
    pub(super) fn holds(&self, specification: &str) -> bool {
        self.settled && *self.specification == *specification
    }

    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }
}

/// A service of ours and those of its destinations that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a service and its destinations, nothing else"
)]
pub struct OwnedService {
    /// The service itself.
    pub service: Record,
    /// Its destinations that are ours, by address.
    pub destinations: BTreeMap<SocketAddr, Record>,
}

impl OwnedService {
    /// Whether the data plane confirmed all of it.
    pub fn is_settled(&self) -> bool {
        self.service.settled && self.destinations.values().all(Record::is_settled)
    }
}

/// All that is ours: the content of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owned {
    services: BTreeMap<ServiceKey, OwnedService>,
}

impl Owned {
    pub(crate) const EMPTY: Self = Self {
        services: BTreeMap::new(),
    };

    /// What of this service is ours, if the service is.
    pub fn get(&self, key: &ServiceKey) -> Option<&OwnedService> {
        self.services.get(key)
    }

    /// All services of ours, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &OwnedService)> {
        self.services.iter()
    }

    /// The first service of ours after `key`, or the very first.
    pub fn after(&self, key: Option<&ServiceKey>) -> Option<ServiceKey> {
        use std::ops::Bound::{Excluded, Unbounded};
        match key {
            Some(key) => self.services.range((Excluded(*key), Unbounded)).next(),
            None => self.services.iter().next(),
        }
        .map(|(key, _)| *key)
    }

    /// Number of services of ours.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether nothing is ours.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Notes what of a service is ours now.
    pub fn set(&mut self, key: ServiceKey, service: Option<OwnedService>) {
        match service {
            Some(service) => self.services.insert(key, service),
            None => self.services.remove(&key),
        };
    }
}

/// Canonical text of a service's configuration, without white space.
pub(super) fn specify_service(service: &Service) -> String {
    let mut text = escape(service.scheduler.as_str());
    if !service.flags.is_empty() {
        append(
            &mut text,
            format_args!(",flags={:#x}", service.flags.bits()),
        );
    }
    if let Some(persistence) = service.persistence {
        append(
            &mut text,
            format_args!(",persistent={}s", persistence.timeout.as_secs()),
        );
    }
    if !service.netmask.is_host() {
        append(&mut text, format_args!(",mask={}", service.netmask));
    }
    if let Some(engine) = &service.persistence_engine {
        append(&mut text, format_args!(",pe={}", escape(engine.as_str())));
    }
    text
}

/// Canonical text of a destination's configuration, without white space.
pub(super) fn specify_destination(destination: &Destination) -> String {
    let mut text = String::new();
    match destination.forwarding {
        ForwardingMethod::Masquerade => text.push_str("masquerade"),
        ForwardingMethod::Local => text.push_str("local"),
        ForwardingMethod::DirectRouting => text.push_str("direct"),
        ForwardingMethod::Bypass => text.push_str("bypass"),
        ForwardingMethod::Tunnel(tunnel) => append(
            &mut text,
            format_args!(
                "tunnel:{}:{}:{:#x}",
                tunnel.kind.number(),
                tunnel.port,
                tunnel.flags.bits()
            ),
        ),
        ForwardingMethod::Other(number) => append(&mut text, format_args!("method:{number}")),
    }
    append(&mut text, format_args!(",weight={}", destination.weight));
    let thresholds = destination.thresholds;
    if thresholds.upper != 0 || thresholds.lower != 0 {
        append(
            &mut text,
            format_args!(",upper={},lower={}", thresholds.upper, thresholds.lower),
        );
    }
    text
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // writing to a String never fails
    let _ = text.write_fmt(arguments);
}

/// Names are the kernel's and may hold any byte; white space, `,`, `?` and `%` are written `%hex;`.
fn escape(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_whitespace() || c.is_control() || matches!(c, ',' | '%' | '?') {
            append(&mut text, format_args!("%{:x};", u32::from(c)));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lb_ipvs::{Scheduler, SchedulerName, Thresholds, Tunnel, TunnelFlags, Weight};

    use super::*;

    #[test]
    fn specifications_are_one_word_and_tell_differences_apart() {
        let key = ServiceKey::tcp("192.168.1.50:80".parse().unwrap());
        let odd = Scheduler::Other(SchedulerName::new("a b,%\n").unwrap());
        assert_eq!(
            specify_service(&Service::new(key, odd)),
            "a%20;b%2c;%25;%a;"
        );
        let plain = Destination::new("192.168.1.61:80".parse().unwrap());
        let variants = [
            plain,
            plain.with_weight(Weight::ZERO),
            plain.with_thresholds(Thresholds {
                upper: 10,
                lower: 0,
            }),
            plain.with_forwarding(ForwardingMethod::Masquerade),
            plain.with_forwarding(ForwardingMethod::Tunnel(Tunnel::ipip())),
            plain.with_forwarding(ForwardingMethod::Tunnel(Tunnel::gue(6080))),
            plain.with_forwarding(ForwardingMethod::Tunnel(
                Tunnel::gue(6080).with_flags(TunnelFlags::CHECKSUM),
            )),
        ];
        let mut texts: Vec<_> = variants.iter().map(specify_destination).collect();
        assert_eq!(texts.first().unwrap(), "direct,weight=1");
        assert!(texts.iter().all(|text| !text.contains(char::is_whitespace)));
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), variants.len());
    }
}
