// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document of a running daemon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lb_ipvs::ServiceKey;
use lb_vrrp::State;
use lb_vrrp::status::{DriverStatus, RouterStatus};

use crate::control::{
    KernelStatus, RealServerStatus, Status, ViaServiceStatus, VirtualServerStatus,
};
use crate::dataplane::ActualService;
use crate::director::{ViaService, VirtualServerState};
use crate::model::{RealServer, RouterSpec, VirtualServer};

use super::plane::Plane;
use super::report::{self, LoggedFailures};
use super::routers::Routers;
use super::running::Running;
use super::via::ViaGates;

/// The services of the data plane, by key.
type ActualServices = BTreeMap<ServiceKey, ActualService>;

/// Version of the status document.
const SCHEMA: u32 = 1;
/// How long the advert thread and the data plane may take to answer: a status takes less than a second.
const PATIENCE: Duration = Duration::from_millis(700);

impl Running {
    /// The daemon at this moment. Without an answer of the advert thread, states are the last ones
    /// reported, and counters are zero.
    pub(super) async fn status(&mut self) -> Status {
        let failures = &mut self.failures;
        let (driver, services) = tokio::join!(
            driver_status(self.parts.routers.as_ref()),
            actual_services(self.parts.plane.as_mut(), failures),
        );
        let virtual_servers = self.director.configured_virtual_servers();
        let virtual_servers =
            virtual_servers.map(|(spec, server)| virtual_server(spec, server, services.as_ref()));
        let mut status = Status {
            schema: SCHEMA,
            pid: std::process::id(),
            configuration: self.source.name(),
            findings: self.findings.clone(),
            virtual_servers: virtual_servers.collect(),
            ..Status::default()
        };
        let gates = &self.parts.via;
        let via = self.director.via_services();
        status.via_services = via.map(|service| via_service(&service, gates)).collect();
        let mut running = BTreeMap::new();
        if let Some(driver) = driver {
            status.sync_groups = driver.groups;
            status.tracked_objects = driver.objects;
            status.static_items = driver.statics;
            status.interfaces = driver.interfaces;
            status.driver = Some(driver.thread);
            let named = |router: RouterStatus| (Arc::clone(&router.name), router);
            running.extend(driver.routers.into_iter().map(named));
        }
        let routers = self.director.routers().iter();
        status.routers = routers
            .map(|instance| self.router(&instance.spec, &mut running))
            .collect();
        status
    }

    /// The advert thread at this moment; none without virtual routers, or if it does not answer.
    pub(super) async fn driver_status(&self) -> Option<DriverStatus> {
        driver_status(self.parts.routers.as_ref()).await
    }

    fn router(
        &self,
        instance: &RouterSpec,
        running: &mut BTreeMap<Arc<str>, RouterStatus>,
    ) -> RouterStatus {
        running.remove(instance.name.as_str()).unwrap_or_else(|| {
            let state = self.director.roles().get(&instance.name).copied();
            RouterStatus::configured(instance, state.unwrap_or(State::Initialize))
        })
    }
}

async fn driver_status(routers: Option<&Routers>) -> Option<DriverStatus> {
    let status = tokio::time::timeout(PATIENCE, routers?.driver.status());
    status.await.ok().flatten()
}

/// What the kernel has of the desired services; none without a data plane, or if it does not answer.
async fn actual_services(
    plane: Option<&mut Plane>,
    failures: &mut LoggedFailures,
) -> Option<ActualServices> {
    let log = |done| report::log_done(done, failures);
    let services = plane?.actual(PATIENCE, log).await?;
    let services = services.into_iter().map(|service| (service.key, service));
    Some(services.collect())
}

fn via_service(service: &ViaService, gates: &ViaGates) -> ViaServiceStatus {
    ViaServiceStatus {
        service: service.key.to_string(),
        real_server: service.destination.address.ip().to_string(),
        method: service.destination.forwarding.to_string(),
        present: gates.is_open(&service.key),
    }
}

fn virtual_server(
    spec: &VirtualServer,
    state: VirtualServerState,
    services: Option<&ActualServices>,
) -> VirtualServerStatus {
    let real_servers = spec.real_servers.iter().zip(state.real_servers);
    VirtualServerStatus {
        services: match state.is_group {
            true => spec.keys().map(|key| key.to_string()).collect(),
            false => Vec::new(),
        },
        kernel: services.map(|services| kernel(spec, services)),
        name: state.name,
        quorum: state.up,
        suspended: state.suspended,
        real_servers: real_servers
            .map(|(real_server, state)| RealServerStatus {
                kernel_weight: services
                    .and_then(|services| kernel_weight(spec, real_server, services)),
                name: state.name,
                up: state.up,
                state: Some(state.health),
                since: state
                    .since
                    .map(|since| humantime::format_rfc3339_millis(since).to_string()),
                reason: Some(state.reason).filter(|reason| !reason.is_empty()),
                warnings: state.warnings,
                weight: state.weight,
                checks_not_run: state.pending_checks,
            })
            .collect(),
    }
}

/// What the kernel has of the services of a virtual server.
fn kernel(spec: &VirtualServer, services: &ActualServices) -> KernelStatus {
    let mut status = KernelStatus {
        present: true,
        differences: Vec::new(),
    };
    for key in spec.keys() {
        let Some(service) = services.get(&key) else {
            // The data plane has not been asked for it yet.
            status.present = false;
            continue;
        };
        status.present &= service.actual.is_some();
        let differences = service.differences.iter();
        status
            .differences
            .extend(differences.map(|difference| match spec.group {
                Some(_) => format!("{key}: {difference}"),
                None => difference.clone(),
            }));
    }
    status
}

/// The weight of a real server in the first service that has it.
fn kernel_weight(
    spec: &VirtualServer,
    real_server: &RealServer,
    services: &ActualServices,
) -> Option<u32> {
    spec.keys().find_map(|key| {
        let address = spec.destination_for(key, &real_server.destination).address;
        let actual = services.get(&key)?.actual.as_ref()?;
        Some(actual.destination(address)?.weight.get())
    })
}
