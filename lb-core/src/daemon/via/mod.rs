// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks at the virtual address: probes with the mark of a service that leads to one real server.
//!
//! Without that service in the table a probe would be an ordinary client of the virtual server, and any real
//! server could answer. A probe therefore waits until the data plane has the service, and is not made
//! if that takes too long.

mod accept_local;
mod check;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lb_check::{LocalError, ProbeSpec, SourcePorts};
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
        if target.source.is_none_or(|source| source.port() == 0) {
            let ports = gates.ports.entry(target.address);
            let ports = ports.or_insert_with(SourcePorts::ephemeral).clone();
            target = target.with_source_ports(ports);
        }
        let real_server = service.destination.address.ip();
        let probe = ViaCheck::new(Arc::clone(&spec.check), real_server, open);
        let policy = Arc::clone(&spec.policy);
        let identity = Arc::clone(&spec.identity);
        Arc::new(ProbeSpec::with_identity(
            Arc::new(probe),
            identity,
            target,
            policy,
        ))
    }
}

/// The source address of packets from this host to a real server, for packets to a virtual address.
///
/// # Errors
/// When there is no route, or its source address is the virtual address or of another family.
fn source_address(real_server: IpAddr, virtual_address: IpAddr) -> Result<IpAddr, LocalError> {
    let any: SocketAddr = match real_server {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    // A connected UDP socket has looked up its route, and sends nothing.
    let route = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((real_server, 9))?;
        socket.local_addr()
    });
    let source = route.map_err(|error| {
        LocalError::Other(format!("no source address towards {real_server}: {error}"))
    })?;
    let source = source.ip();
    if source == virtual_address || source.is_ipv4() != virtual_address.is_ipv4() {
        let message = format!(
            "{source} towards {real_server} cannot be the source of a check at {virtual_address}: set bindto"
        );
        return Err(LocalError::Other(message));
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_address_is_that_of_the_route() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let other = IpAddr::from([192, 0, 2, 50]);
        assert_eq!(source_address(local, other), Ok(local));
        for (real_server, virtual_address) in
            [(local, local), (local, "2001:db8::50".parse().unwrap())]
        {
            let error = source_address(real_server, virtual_address).unwrap_err();
            assert!(error.to_string().contains("set bindto"), "{error}");
        }
    }
}
