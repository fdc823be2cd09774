// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state that the old process hands over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lb_host::{Adopted, HostObject};
use serde::{Deserialize, Serialize};

use crate::driver::key::{Claimant, RouterKey};
use crate::status::Lateness;
use crate::track::Verdict;
use crate::{AddressFamily, HandoverState};

/// All that the old process knows.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct State {
    /// `CLOCK_MONOTONIC` when the routers were frozen.
    pub(in crate::driver) at: Duration,
    pub(in crate::driver) routers: Vec<RouterState>,
    pub(in crate::driver) objects: Vec<ObjectState>,
    pub(in crate::driver) ports: Vec<PortState>,
    pub(in crate::driver) lateness: Lateness,
    pub(in crate::driver) host: HostState,
}

/// A router.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct RouterState {
    pub(in crate::driver) key: RouterKey,
    pub(in crate::driver) engine: HandoverState,
    /// Name and MAC address of the router's macvlan.
    pub(in crate::driver) vmac: Option<(String, [u8; 6])>,
    /// The same of macvlans for single addresses.
    pub(in crate::driver) address_vmacs: Vec<(String, [u8; 6])>,
    pub(in crate::driver) send_failures: u64,
}

/// The verdict of a tracked object.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct ObjectState {
    /// Kind and name.
    pub(in crate::driver) object: String,
    /// The command line of a script.
    pub(in crate::driver) line: Option<String>,
    pub(in crate::driver) verdict: Verdict,
}

/// Counters of packets on an interface that no router received.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::driver) struct PortState {
    pub(in crate::driver) interface: String,
    pub(in crate::driver) family: AddressFamily,
    pub(in crate::driver) unknown_vrid: u64,
    pub(in crate::driver) malformed: u64,
}

/// What the address thread owns on the host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::driver) struct HostState {
    /// The reconciler's objects, in the order of their addition. The new process takes over those of static
    /// items and of routers that it drives, and all settings of interfaces; the old process removes the
    /// others.
    pub(in crate::driver) owned: Vec<(Claimant, Adopted)>,
    /// Static items that are added only once, and were.
    pub(in crate::driver) added_once: BTreeMap<Arc<str>, HostObject>,
}

/// A router that continues in this process, for the address thread.
#[derive(Clone, Debug)]
pub(in crate::driver) struct ContinuedRouter {
    pub(in crate::driver) key: RouterKey,
    pub(in crate::driver) name: Arc<str>,
    /// When the router became Master: announcements are repeated after that.
    pub(in crate::driver) since: Instant,
}
