// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes of the set of routers: remaining routers keep their state.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use super::super::error::Error;
use super::super::key::RouterKey;
use super::super::leftovers::external_address;
use super::super::needs::{config_of, interface_of};
use super::super::router::Router;
use super::super::shields::FilterNeeds;
use super::super::vmac::seat_of;
use super::AdvertThread;
use crate::spec::SpecError;
use crate::spec::{Configuration, RouterSpec};
use crate::{AddressFamily, VirtualRouter};
use lb_host::Link;

impl AdvertThread {
    /// Applies another configuration. Remaining routers keep their state.
    pub(super) fn reload(&mut self, mut configuration: Configuration) -> Result<(), Error> {
        self.interfaces = self.table.borrow().clone();
        let mut naming = self.naming.clone();
        naming.settle(&mut configuration.routers, &self.interfaces)?;
        self.claims
            .claim(&configuration.routers, Some(&self.events))?;
        let opened = self.open_ports(&configuration.routers);
        if opened.is_err() {
            let routers = &self.routers;
            self.claims.retain(|key| routers.get(key).is_some());
        }
        opened?;
        self.naming = naming;
        self.mailbox.set_filter(FilterNeeds::new(&configuration));
        let now = Instant::now();
        // First: a removed router must not make its group resign.
        self.groups.configure(&configuration);
        for router in self.routers.values_mut() {
            let grouped = self.groups.group_of(&router.key).is_some();
            router.engine.set_grouped(grouped);
        }
        let mut gone: Vec<RouterKey> = self.routers.keys().cloned().collect();
        for spec in &configuration.routers {
            let key = RouterKey::for_spec(spec);
            gone.retain(|old| *old != key);
            let name: Arc<str> = Arc::from(spec.name.as_str());
            let config = config_of(spec, &self.interfaces);
            let mut kept = false;
            self.act(&key, now, |router| {
                kept =
                    router.spec.vmac == spec.vmac && router.engine.reconfigure(now, config).is_ok();
                if kept {
                    router.set_spec(name, spec.clone());
                }
            });
            if !kept {
                // A new router, or one with another version or MAC address, which counts as new.
                self.remove(&key, now);
                self.clean(spec);
                self.insert(spec.clone())?;
            }
        }
        for key in gone {
            self.remove(&key, now);
        }
        let routers = &self.routers;
        self.claims.retain(|key| routers.get(key).is_some());
        self.tracking.configure(now, &configuration);
        self.statics.replace(configuration.statics);
        self.mailbox.set_statics(Arc::clone(self.statics.wanted()));
        self.log_unknown_vrids = configuration.log_unknown_vrids;
        self.pacing = configuration.pacing;
        self.ask_for_realtime();
        self.settle();
        Ok(())
    }

    pub(super) fn insert(&mut self, spec: RouterSpec) -> Result<(), Error> {
        // The source until the address of the interface is known.
        let primary = match spec.config.family() {
            AddressFamily::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            AddressFamily::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let mut engine =
            VirtualRouter::new(config_of(&spec, &self.interfaces), primary).map_err(|_| {
                SpecError::SourceFamily {
                    router: spec.name.clone(),
                    source_address: primary,
                    family: spec.config.family(),
                }
            })?;
        let key = RouterKey::for_spec(&spec);
        engine.set_grouped(self.groups.group_of(&key).is_some());
        self.routers.insert(Router::new(key, spec, engine));
        Ok(())
    }

    /// Requests the removal of stale addresses of a router, unless it is the address owner.
    pub(super) fn clean(&self, spec: &RouterSpec) {
        if spec.config.priority().is_owner() {
            return;
        }
        let have_marks = self.interfaces.have_marks();
        for address in &spec.virtual_addresses {
            let Some(interface) = self.interfaces.get(interface_of(spec, address)) else {
                continue;
            };
            let link = &interface.link;
            let is_on_macvlan = seat_of(spec, address).is_some();
            let origin = (have_marks, is_on_macvlan);
            let found = self.interfaces.find_stale(link, address, origin);
            for prefix in found.stale {
                let address = address.clone().with_prefix_len(prefix);
                self.mailbox.remove_stale(Link::clone(link), address);
            }
            if found.external {
                self.events
                    .send(external_address(spec, link, address.address));
            }
        }
    }

    pub(super) fn remove(&mut self, key: &RouterKey, now: Instant) {
        self.act(key, now, |router| router.engine.handle_shutdown(now));
        self.routers.remove(key);
        self.tracking.forget(key);
        self.mailbox.retire(key);
    }
}
