// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document.

use lb_vrrp::status::{
    GroupStatus, InterfaceStatus, ObjectStatus, RouterStatus, StaticStatus, ThreadStatus,
};
use serde::{Deserialize, Serialize};

/// What the daemon is and does: the answer of `GET /v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// Version of this document; grows when a field changes its meaning.
    pub schema: u32,
    /// Process id of the daemon.
    pub pid: u32,
    /// Configuration file in force.
    pub configuration: String,
    /// Findings of the last time the configuration was read, one line each.
    pub findings: Vec<String>,
    /// Virtual routers in the order of the configuration.
    pub routers: Vec<RouterStatus>,
    /// Their sync groups; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sync_groups: Vec<GroupStatus>,
    /// What they track beside their interfaces; left out if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracked_objects: Vec<ObjectStatus>,
    /// Static addresses, routes and rules that are not installed; left out if all are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub static_items: Vec<StaticStatus>,
    /// The interfaces that carry virtual routers.
    #[serde(default)]
    pub interfaces: Vec<InterfaceStatus>,
    /// The thread that sends and receives advertisements; none without virtual routers, or if it
    /// did not answer.
    #[serde(default)]
    pub driver: Option<ThreadStatus>,
    /// Virtual servers in the order of the configuration.
    pub virtual_servers: Vec<VirtualServerStatus>,
}

/// A virtual server in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VirtualServerStatus {
    /// As in logs: `[192.168.1.50]:tcp:80`.
    pub name: String,
    /// The IPVS services of a group: `TCP 192.168.1.50:80`; left out without a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Whether the quorum is met.
    pub quorum: bool,
    /// Its real servers in the order of the configuration.
    pub real_servers: Vec<RealServerStatus>,
}

/// A real server in [`VirtualServerStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RealServerStatus {
    /// As in logs: `[192.168.1.61]:tcp:80`.
    pub name: String,
    /// Whether all its checks pass.
    pub up: bool,
    /// Weight as configured, 0 to 2147483647.
    pub weight: u32,
    /// Kinds of its checks that this version does not run; left out if all run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks_not_run: Vec<String>,
}
