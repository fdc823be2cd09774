// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document of a running daemon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lb_vrrp::State;
use lb_vrrp::status::{DriverStatus, RouterStatus};

use crate::control::{RealServerStatus, Status, VirtualServerStatus};
use crate::director::VirtualServerState;
use crate::model::RouterSpec;

use super::running::Running;

/// Version of the status document.
const SCHEMA: u32 = 1;
/// How long the advert thread may take to answer; adverts come first for it.
const PATIENCE: Duration = Duration::from_secs(1);

impl Running {
    /// The daemon at this moment. Without an answer of the advert thread, states are the last ones
    /// reported, and counters are zero.
    pub(super) async fn status(&self) -> Status {
        let driver = self.driver_status().await;
        let virtual_servers = self
            .director
            .virtual_servers()
            .map(|server| VirtualServerStatus {
                services: services_of_group(&server),
                name: server.name,
                quorum: server.up,
                real_servers: server
                    .real_servers
                    .into_iter()
                    .map(|real| RealServerStatus {
                        name: real.name,
                        up: real.up,
                        weight: real.weight,
                        checks_not_run: real.pending_checks,
                    })
                    .collect(),
            });
        let mut status = Status {
            schema: SCHEMA,
            pid: std::process::id(),
            configuration: self.source.name(),
            findings: self.findings.clone(),
            virtual_servers: virtual_servers.collect(),
            ..Status::default()
        };
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
        let routers = self.parts.routers.as_ref()?;
        let status = tokio::time::timeout(PATIENCE, routers.driver.status());
        status.await.ok().flatten()
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

/// The services of a virtual server with a group; empty without one.
fn services_of_group(server: &VirtualServerState) -> Vec<String> {
    if !server.is_group {
        return Vec::new();
    }
    let keys = std::iter::once(&server.key).chain(&server.further_keys);
    keys.map(ToString::to_string).collect()
}
