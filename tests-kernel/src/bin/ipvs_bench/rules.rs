// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table that is measured: services with four destinations each.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Destinations of each service.
pub(crate) const DESTINATIONS: u32 = 4;

const PORT: u16 = 80;

/// A service's address, and those of its destinations.
pub(crate) struct Rule {
    pub(crate) service: Ipv4Addr,
    pub(crate) destinations: Vec<Ipv4Addr>,
}

impl Rule {
    pub(crate) const fn port() -> u16 {
        PORT
    }
}

/// The services of a table.
pub(crate) fn rules(services: u32) -> impl Iterator<Item = Rule> {
    (0..services).map(|number| Rule {
        service: Ipv4Addr::from((10 << 24) + 1 + number),
        destinations: (0..DESTINATIONS)
            .map(|position| Ipv4Addr::from((172 << 24) + (16 << 16) + number * 4 + position + 1))
            .collect(),
    })
}

/// The table as `ipvsadm -S -n` writes it.
pub(crate) fn text(services: u32) -> String {
    let mut text = String::new();
    for rule in rules(services) {
        let service = rule.service;
        let _ = writeln!(text, "-A -t {service}:{PORT} -s wrr");
        for destination in rule.destinations {
            let _ = writeln!(
                text,
                "-a -t {service}:{PORT} -r {destination}:{PORT} -m -w 1"
            );
        }
    }
    text
}
