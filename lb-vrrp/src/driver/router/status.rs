// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status of a router.

use std::sync::Arc;
use std::time::SystemTime;

use super::Router;
use crate::State;
use crate::status::{MasterStatus, RefusedAddress, RouterCounters, RouterStatus, TrackedStatus};

impl Router {
    /// The router at this moment.
    pub(in crate::driver) fn status(
        &self,
        group: Option<Arc<str>>,
        tracked: Vec<TrackedStatus>,
    ) -> RouterStatus {
        let engine = &self.engine;
        let age = engine.since().map(|since| since.elapsed());
        let last = engine.last_transition();
        let own = engine.state() == State::Master;
        RouterStatus {
            name: Arc::clone(&self.name),
            interface: Arc::clone(&self.key.interface),
            vmac: self.vmac_name().map(Arc::from),
            vrid: self.key.vrid,
            version: Some(engine.config().version()),
            family: Some(self.key.family),
            state: engine.state(),
            since: age.and_then(|age| SystemTime::now().checked_sub(age)),
            age,
            from: last.map(|last| last.from),
            reason: last.map(|last| last.reason.to_string().into()),
            faults: engine.faults(),
            problem: self.problem,
            master: engine.master().map(|(address, priority)| MasterStatus {
                address,
                priority,
                own,
            }),
            priority: engine.effective_priority(),
            configured_priority: Some(engine.config().priority()),
            resigned: engine.is_resigned(),
            source: self.source,
            refused_addresses: self
                .refused
                .iter()
                .map(|(key, problem)| RefusedAddress {
                    address: key.address,
                    problem: Arc::clone(problem),
                })
                .collect(),
            sync_group: group,
            tracked,
            counters: RouterCounters {
                stats: *engine.stats(),
                send_failures: self.send_failures,
            },
        }
    }
}
