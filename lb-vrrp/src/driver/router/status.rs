// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status of a router.

use std::sync::Arc;

use super::super::status::{RouterStatus, TrackedStatus};
use super::Router;

impl Router {
    /// The router at this moment.
    pub(in crate::driver) fn status(
        &self,
        group: Option<Arc<str>>,
        tracked: Vec<TrackedStatus>,
    ) -> RouterStatus {
        let engine = &self.engine;
        RouterStatus {
            name: Arc::clone(&self.name),
            vrid: self.key.vrid,
            interface: Arc::clone(&self.key.interface),
            vmac: self.vmac_name().map(Arc::from),
            version: engine.config().version(),
            family: self.key.family,
            state: engine.state(),
            since: engine.since(),
            last_transition: engine.last_transition(),
            faults: engine.faults(),
            problem: self.problem,
            master: engine.master(),
            priority: engine.effective_priority(),
            configured_priority: engine.config().priority(),
            resigned: engine.is_resigned(),
            unshielded: self.unshielded.clone(),
            source: self.source,
            stats: *engine.stats(),
            send_failures: self.send_failures,
            group,
            tracked,
        }
    }
}
