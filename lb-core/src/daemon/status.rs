// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document of a running daemon.

use std::time::Duration;

use lb_vrrp::State;
use lb_vrrp::driver::{self, DriverStatus};

use crate::control::{
    InterfaceStatus, RealServerStatus, RouterCounters, RouterStatus, Status, VirtualServerStatus,
};
use crate::model::VrrpInstance;

use super::running::Running;

/// Version of the status document.
const SCHEMA: u32 = 1;
/// How long the advert thread may take to answer; adverts come first for it.
const PATIENCE: Duration = Duration::from_secs(1);

impl Running {
    /// The daemon at this moment. Without an answer of the advert thread states are the last ones
    /// told, and counters are zero.
    pub(super) async fn status(&self) -> Status {
        let driver = match &self.parts.routers {
            Some(routers) => tokio::time::timeout(PATIENCE, routers.handle.status())
                .await
                .ok()
                .flatten(),
            None => None,
        };
        let routers = self.director.routers().iter();
        let virtual_servers = self
            .director
            .virtual_servers()
            .map(|server| VirtualServerStatus {
                name: server.name,
                quorum: server.up,
                real_servers: server
                    .real_servers
                    .into_iter()
                    .map(|real| RealServerStatus {
                        name: real.name,
                        up: real.up,
                        weight: real.weight,
                    })
                    .collect(),
            });
        Status {
            schema: SCHEMA,
            pid: std::process::id(),
            configuration: self.source.name(),
            findings: self.findings.clone(),
            routers: routers
                .map(|instance| self.router(instance, driver.as_ref()))
                .collect(),
            interfaces: driver.as_ref().map_or_else(Vec::new, interfaces),
            virtual_servers: virtual_servers.collect(),
        }
    }

    fn router(&self, instance: &VrrpInstance, driver: Option<&DriverStatus>) -> RouterStatus {
        let running = driver.and_then(|driver| {
            let mut routers = driver.routers.iter();
            routers.find(|router| *router.name == *instance.name)
        });
        let (state, priority) = match running {
            Some(router) => (router.state, router.priority),
            None => {
                let told = self.states.get(&instance.name).copied();
                (
                    told.unwrap_or(State::Initialize),
                    instance.config.priority(),
                )
            }
        };
        RouterStatus {
            name: instance.name.clone(),
            interface: instance.interface.clone(),
            vrid: instance.config.vrid().get(),
            state: state.to_string(),
            priority: priority.get(),
            counters: running.map_or_else(RouterCounters::default, counters),
        }
    }
}

fn counters(router: &driver::RouterStatus) -> RouterCounters {
    let stats = &router.stats;
    RouterCounters {
        master_transitions: stats.master_transitions,
        advertisements_sent: stats.advertisements_sent,
        advertisements_received: stats.advertisements_received,
        priority_zero_sent: stats.priority_zero_sent,
        priority_zero_received: stats.priority_zero_received,
        packets_received: stats.packets_received,
        rejected: stats.rejected,
        checksum_errors: stats.checksum_errors,
        version_errors: stats.version_errors,
        vrid_errors: stats.vrid_errors,
        ip_ttl_errors: stats.ip_ttl_errors,
        invalid_type_packets_received: stats.invalid_type_packets_received,
        packet_length_errors: stats.packet_length_errors,
        interval_errors: stats.interval_errors,
        address_list_errors: stats.address_list_errors,
        invalid_authentication_type: stats.invalid_authentication_type,
        authentication_type_mismatch: stats.authentication_type_mismatch,
        authentication_failures: stats.authentication_failures,
        destination_errors: stats.destination_errors,
        own_address_packets: stats.own_address_packets,
        send_failures: router.send_failures,
    }
}

fn interfaces(driver: &DriverStatus) -> Vec<InterfaceStatus> {
    let interfaces = driver.interfaces.iter();
    interfaces
        .map(|interface| InterfaceStatus {
            name: interface.name.to_string(),
            unknown_vrid: interface.unknown_vrid,
            malformed: interface.malformed,
        })
        .collect()
}
