// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks at the virtual address: probes with the mark of a service that leads to one real server.
//!
//! Without that service in the table a probe would be an ordinary client of the virtual server, and any real
//! server could answer. A probe therefore waits until the data plane has the service, and is not made
//! if that takes too long.

mod accept_local;
mod check;
mod source;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lb_check::{ProbeSpec, SourcePorts};
use lb_ipvs::ServiceKey;
use tokio::sync::watch;

use crate::director::ViaService;
use crate::model::CheckSpec;

pub(super) use accept_local::{AcceptLocal, AcceptLocalPlace};
use check::ViaCheck;

/// Which services of checks at the virtual address are in the table; clones share this.
#[derive(Clone, Debug, Default)]
pub(super) struct ViaGates(Arc<Mutex<Gates>>);

#[derive(Debug, Default)]
struct Gates {
    /// By the key of the service: whether it is in the table as desired.
    open: BTreeMap<ServiceKey, watch::Sender<bool>>,
    /// By the virtual address: the source ports of probes.
    ports: BTreeMap<SocketAddr, SourcePorts>,
}

impl ViaGates {
    fn lock(&self) -> MutexGuard<'_, Gates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a service is one of these.
    pub(super) fn knows(&self, key: &ServiceKey) -> bool {
        self.lock().open.contains_key(key)
    }

    /// Whether a service is in the table as desired.
    pub(super) fn is_open(&self, key: &ServiceKey) -> bool {
        self.lock().open.get(key).is_some_and(|gate| *gate.borrow())
    }

    /// Sets whether a service is in the table as desired.
    pub(super) fn set(&self, key: ServiceKey, is_in_place: bool) {
        let mut gates = self.lock();
        let gate = gates.open.entry(key);
        let gate = gate.or_insert_with(|| watch::Sender::new(is_in_place));
        gate.send_replace(is_in_place);
    }

    /// Removes the services that are not among these.
    pub(super) fn retain(&self, services: impl IntoIterator<Item = ViaService>) {
        let keys: Vec<ServiceKey> = services.into_iter().map(|service| service.key).collect();
        self.lock().open.retain(|key, _| keys.contains(key));
    }

    /// The probe of a check at the virtual address: with the mark of the service, from a port that was not
    /// used for a long time.
    pub(super) fn probe(&self, check: &CheckSpec, service: &ViaService) -> Arc<ProbeSpec> {
        let ServiceKey::FirewallMark { mark, .. } = service.key else {
            return Arc::clone(&check.probe);
        };
        let mut gates = self.lock();
        let gate = gates.open.entry(service.key);
        let open = gate
            .or_insert_with(|| watch::Sender::new(false))
            .subscribe();
        let spec = &check.probe;
        let mut target = spec.target.clone().with_mark(mark.get());
        if target.source().is_none_or(|source| source.port() == 0) {
            let ports = gates.ports.entry(target.address);
            let ports = ports.or_insert_with(SourcePorts::ephemeral).clone();
            target = target.with_source_ports(ports);
        }
        let real_server = service.destination.address.ip();
        let probe = Arc::new(ViaCheck::new(spec.check.clone(), real_server, open));
        Arc::new(ProbeSpec::new(probe, target, Arc::clone(&spec.policy)))
    }
}
