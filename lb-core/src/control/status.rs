// SPDX-License-Identifier: MIT OR Apache-2.0
//! The status document.

use lb_vrrp::status::{
    GroupStatus, InterfaceStatus, ObjectStatus, RouterStatus, StaticStatus, ThreadStatus,
};
use serde::{Deserialize, Serialize};

use crate::director::Health;

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
    /// The IPVS services of checks at the virtual address; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via_services: Vec<ViaServiceStatus>,
}

/// An IPVS service of checks at the virtual address, in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ViaServiceStatus {
    /// As in listings of `lbctl ipvs`: `FWM 65536`.
    pub service: String,
    /// The address of the real server that it leads to.
    pub real_server: String,
    /// The forwarding method, as in listings: `Route`, `Tunnel`.
    pub method: String,
    /// Whether the kernel has it as desired; without it the checks cannot run.
    pub present: bool,
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
    /// Whether its checks rest because none of its addresses is on this host; left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// What the kernel has of it; left out if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelStatus>,
    /// Its real servers in the order of the configuration.
    pub real_servers: Vec<RealServerStatus>,
}

/// What the kernel has of a virtual server, in [`VirtualServerStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KernelStatus {
    /// Whether all of its services are there.
    pub present: bool,
    /// What is not as desired, one phrase each: `192.168.1.61:80 missing`; empty if all is.
    pub differences: Vec<String>,
}

/// A real server in [`VirtualServerStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RealServerStatus {
    /// As in logs: `[192.168.1.61]:tcp:80`.
    pub name: String,
    /// Whether it takes traffic as far as its checks are concerned; a check without a result counts as
    /// passed, with `alpha` as failed.
    pub up: bool,
    /// What its checks know of it; `None` in the document of a daemon that did not report it.
    #[serde(default)]
    pub state: Option<Health>,
    /// Since when a check of it cannot run: RFC 3339, UTC, milliseconds; left out if all can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The check and the reason why it is down or unknown; left out if it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Warnings of its checks, with their kind, as of a certificate that expires soon; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Weight as configured, 0 to 2147483647.
    pub weight: u32,
    /// Weight in the kernel's table; left out if the kernel does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_weight: Option<u32>,
    /// Kinds of its checks that this version does not run; left out if all run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks_not_run: Vec<String>,
}
