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
    /// Counters of all checks; left out without a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<CheckCounters>,
    /// The IPVS services of checks at the virtual address; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via_services: Vec<ViaServiceStatus>,
}

/// Counters of all checks since their thread was started, in [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CheckCounters {
    /// Different probes at present: equal ones run once.
    pub probes: u64,
    /// Probes started.
    pub started: u64,
    /// Probes that passed.
    pub passed: u64,
    /// Probes that failed, those at their deadline too.
    pub failed: u64,
    /// Probes that were ended at their deadline.
    pub timed_out: u64,
    /// Probes that this host could not make, those that panicked too; none counts against its target.
    pub cannot_run: u64,
    /// Checks that panicked.
    pub panicked: u64,
    /// Times passed over because the probe before was still running.
    pub skipped: u64,
    /// Probes started more than 100 ms late.
    pub late: u64,
    /// Those of them that start a script.
    pub late_scripts: u64,
}

impl CheckCounters {
    /// Whether each probe was made, and in time.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.cannot_run == 0 && self.skipped == 0 && self.late == 0
    }
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
    /// Its checks in the order of the configuration; left out if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckStatus>,
    /// Kinds of its checks that this version does not run; left out if all run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks_not_run: Vec<String>,
}

/// A check in [`RealServerStatus`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckStatus {
    /// Its kind: `HTTP_GET`.
    pub kind: String,
    /// What is known by it: unknown before its first result, and while it cannot run.
    pub state: Health,
    /// Since when it cannot run: RFC 3339, UTC, milliseconds; left out if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is unknown or down; left out if it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
