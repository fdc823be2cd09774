// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control API: HTTP with JSON bodies on a unix socket, served by hyper.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`]: who is running, its virtual routers and virtual servers |
//! | `POST /v1/reload` | 200 when the file was read and applied, 422 with the diagnostics otherwise |
//!
//! Requests travel as [`Request`] over a bounded channel to the daemon, which answers each once.

mod client;
mod server;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

pub use client::{ClientError, reload, status};
pub use server::{ControlServer, ServeError};

/// A request that waits for the daemon's answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// `GET /v1/status`.
    Status(oneshot::Sender<Status>),
    /// `POST /v1/reload`: the answer is `Err` with one line per finding when nothing was changed.
    Reload(oneshot::Sender<Result<(), Vec<String>>>),
}

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
    /// Virtual servers in the order of the configuration.
    pub virtual_servers: Vec<VirtualServerStatus>,
}

/// A virtual router in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RouterStatus {
    /// Name of the `vrrp_instance`.
    pub name: String,
    /// Interface that carries it.
    pub interface: String,
    /// Virtual router identifier, 1 to 255.
    pub vrid: u8,
    /// `initialize`, `backup`, `master` or `fault`.
    pub state: String,
    /// Effective priority, 1 to 255.
    pub priority: u8,
}

/// A virtual server in [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VirtualServerStatus {
    /// As in logs: `[192.168.1.50]:tcp:80`.
    pub name: String,
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
}
