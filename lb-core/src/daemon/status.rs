// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document of a running daemon.

use std::time::{Duration, Instant, SystemTime};

use lb_vrrp::State;
use lb_vrrp::driver::{self, DriverStatus, Lateness};
use lb_vrrp::track::Verdict;

use crate::control::{
    self, InterfaceStatus, LatenessBucket, LatenessStatus, MasterStatus, RealServerStatus,
    RouterStatus, StaticItemStatus, Status, SyncGroupStatus, TrackedObjectStatus, TrackedStatus,
    VirtualServerStatus,
};
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
        let routers = self.director.routers().iter();
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
        Status {
            schema: SCHEMA,
            pid: std::process::id(),
            configuration: self.source.name(),
            findings: self.findings.clone(),
            routers: routers
                .map(|instance| self.router(&instance.spec, driver.as_ref()))
                .collect(),
            sync_groups: driver.as_ref().map_or_else(Vec::new, groups),
            tracked_objects: driver.as_ref().map_or_else(Vec::new, objects),
            static_items: driver.as_ref().map_or_else(Vec::new, statics),
            interfaces: driver.as_ref().map_or_else(Vec::new, interfaces),
            driver: driver.as_ref().map(thread),
            virtual_servers: virtual_servers.collect(),
        }
    }

    /// The advert thread at this moment; none without virtual routers, or if it does not answer.
    pub(super) async fn driver_status(&self) -> Option<DriverStatus> {
        let routers = self.parts.routers.as_ref()?;
        let status = tokio::time::timeout(PATIENCE, routers.driver.status());
        status.await.ok().flatten()
    }

    fn router(&self, instance: &RouterSpec, driver: Option<&DriverStatus>) -> RouterStatus {
        let running = driver.and_then(|driver| {
            let mut routers = driver.routers.iter();
            routers.find(|router| *router.name == *instance.name)
        });
        let config = &instance.config;
        let mut status = RouterStatus {
            name: instance.name.clone(),
            interface: instance.interface.clone(),
            vrid: config.vrid().get(),
            version: config.version().number(),
            family: config.family().to_string(),
            priority: config.priority().get(),
            configured_priority: config.priority().get(),
            ..RouterStatus::default()
        };
        match running {
            Some(router) => running_router(&mut status, router),
            None => {
                let state = self.director.roles().get(&instance.name).copied();
                status.state = state.unwrap_or(State::Initialize).to_string();
            }
        }
        status
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

fn running_router(status: &mut RouterStatus, router: &driver::RouterStatus) {
    let age = router.since.map(|since| since.elapsed());
    status.state = router.state.to_string();
    status.age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    status.since = age
        .and_then(|age| SystemTime::now().checked_sub(age))
        .map(|since| humantime::format_rfc3339_millis(since).to_string());
    status.from = router.last_transition.map(|last| last.from.to_string());
    status.reason = router.last_transition.map(|last| last.reason.to_string());
    status.faults = router
        .faults
        .iter()
        .map(|fault| fault.to_string())
        .collect();
    let own = router.state == State::Master;
    status.master = router.master.map(|(address, priority)| MasterStatus {
        address,
        priority: priority.get(),
        own,
    });
    status.priority = router.priority.get();
    status.configured_priority = router.configured_priority.get();
    status.resigned = router.resigned;
    status.unshielded = router.unshielded.as_deref().map(str::to_owned);
    status.source = router.source;
    status.vmac = router.vmac.as_ref().map(ToString::to_string);
    status.sync_group = router.group.as_ref().map(ToString::to_string);
    status.tracked = router
        .tracked
        .iter()
        .map(|tracked| TrackedStatus {
            object: tracked.object.to_string(),
            change: tracked.change,
            fault: tracked.fault,
        })
        .collect();
    status.counters.stats = router.stats;
    status.counters.send_failures = router.send_failures;
}

fn thread(driver: &DriverStatus) -> control::DriverStatus {
    let lateness = &driver.lateness;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let bounds = Lateness::BOUNDS.into_iter().map(micros).map(Some);
    let buckets = bounds.chain([None]).zip(lateness.buckets);
    control::DriverStatus {
        realtime: driver.realtime,
        events_dropped: driver.events_dropped,
        lateness: LatenessStatus {
            served: lateness.count(),
            max_us: micros(lateness.max),
            sum_us: micros(lateness.sum),
            buckets: buckets
                .map(|(up_to_us, count)| LatenessBucket { up_to_us, count })
                .collect(),
        },
    }
}

fn groups(driver: &DriverStatus) -> Vec<SyncGroupStatus> {
    let groups = driver.groups.iter();
    groups
        .map(|group| SyncGroupStatus {
            name: group.name.to_string(),
            state: group.state.to_string(),
            members: group.members.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn objects(driver: &DriverStatus) -> Vec<TrackedObjectStatus> {
    let objects = driver.objects.iter();
    objects
        .map(|tracked| TrackedObjectStatus {
            object: tracked.object.to_string(),
            state: match tracked.verdict {
                Verdict::Well(true) => "well".to_owned(),
                Verdict::Well(false) => "failed".to_owned(),
                Verdict::Value(value) => value.to_string(),
                _ => "unknown".to_owned(),
            },
        })
        .collect()
}

fn statics(driver: &DriverStatus) -> Vec<StaticItemStatus> {
    let items = driver.statics.iter();
    items
        .map(|entry| StaticItemStatus {
            item: entry.item.to_string(),
            problem: entry.problem.to_string(),
            track_group: entry.group.as_ref().map(ToString::to_string),
        })
        .collect()
}

fn interfaces(driver: &DriverStatus) -> Vec<InterfaceStatus> {
    let interfaces = driver.interfaces.iter();
    interfaces
        .map(|interface| InterfaceStatus {
            name: interface.name.to_string(),
            family: interface.family.to_string(),
            unknown_vrid: interface.unknown_vrid,
            malformed: interface.malformed,
            up: interface.up,
            polled: interface.polled.map(|method| method.keyword().to_owned()),
            changes_in_ms: interface.changes_at.map(|at| {
                let left = at.saturating_duration_since(Instant::now());
                u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
            }),
            receive_buffer: interface.receive_buffer,
        })
        .collect()
}
