// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ways of checks at the virtual address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lb_ipvs::{AddressFamily, ForwardingMethod};

use super::{CheckSpec, Model, RealServer};

/// The way of a probe from the virtual address to a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ViaPath {
    /// That of the virtual address.
    pub(crate) family: AddressFamily,
    /// Its address.
    pub(crate) real_server: IpAddr,
    /// How packets get there.
    pub(crate) forwarding: ForwardingMethod,
}

impl ViaPath {
    /// The way that a check of a real server takes; none if it connects to the real server itself.
    pub(crate) fn of_check(real_server: &RealServer, check: &CheckSpec) -> Option<Self> {
        check.via_vip.then(|| Self {
            family: AddressFamily::for_address(&check.probe.target.address),
            real_server: real_server.destination.address.ip(),
            forwarding: real_server.destination.forwarding,
        })
    }

    /// The ways of all checks of a model.
    pub(crate) fn of_model(model: &Model) -> BTreeSet<Self> {
        let real_servers = model.virtual_servers.iter();
        let real_servers = real_servers.flat_map(|server| &server.real_servers);
        let paths = real_servers.flat_map(|real| {
            let checks = real.checks.iter();
            checks.filter_map(|check| Self::of_check(real, check))
        });
        paths.collect()
    }
}
