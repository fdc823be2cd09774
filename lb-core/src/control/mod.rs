// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control API: HTTP with JSON bodies on a unix socket, served by hyper.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`]: who is running, its virtual routers with their counters, its virtual servers |
//! | `POST /v1/reload` | 200 when the file was read and applied, 422 with the diagnostics otherwise |
//! | `POST /v1/instances/NAME/resign` | 200 with a [`Resignation`] when the instance has stepped down, 404 if there is none of that name, 409 if it is not master |
//! | `POST /v1/upgrade` | 202 with [`Started`]: a new process is started, which replaces the daemon; 409 with the reason if it cannot be started |
//! | `POST /v1/handover` | 101: the old and the new process use the connection for the handover of `lbctl run --upgrade` |
//! | `POST /v1/instances/NAME/resume` | 200 with a [`Resumption`]: it preempts again |
//!
//! Requests travel as [`Request`] over a bounded channel to the daemon, which answers each once.

mod client;
mod connections;
#[cfg(feature = "daemon")]
mod handover;
mod resign;
mod server;
mod socket;
mod spare;
mod started;
mod status;

use tokio::net::UnixStream;
use tokio::sync::oneshot;

pub use client::{ClientError, reload, resign, resume, status, upgrade};
#[cfg(feature = "daemon")]
pub(crate) use handover::{Listening, request_handover};
pub use lb_vrrp::status::RouterStatus;
pub use resign::{InstanceRefusal, Resignation, Resumption};
pub use server::{ControlServer, ServeError};
pub use started::Started;
pub use status::{KernelStatus, RealServerStatus, Status, ViaServiceStatus, VirtualServerStatus};

/// A request that waits for the daemon's answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// `GET /v1/status`.
    Status(oneshot::Sender<Status>),
    /// `POST /v1/reload`: the answer is `Err` with one line per finding when nothing was changed.
    Reload(oneshot::Sender<Result<(), Vec<String>>>),
    /// `POST /v1/upgrade`: the answer is `Err` with the reason if no process was started.
    Upgrade(oneshot::Sender<Result<Started, String>>),
    /// `POST /v1/handover`: the connection, and the bytes of the first message that were read.
    Handover(UnixStream, Vec<u8>),
    /// `POST /v1/instances/NAME/resign`.
    Resign {
        /// The instance.
        instance: String,
        /// Takes the answer.
        reply: oneshot::Sender<Result<Resignation, InstanceRefusal>>,
    },
    /// `POST /v1/instances/NAME/resume`.
    Resume {
        /// The instance.
        instance: String,
        /// Takes the answer.
        reply: oneshot::Sender<Result<Resumption, InstanceRefusal>>,
    },
}
