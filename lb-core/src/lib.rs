// SPDX-License-Identifier: MIT OR Apache-2.0
//! The load balancer: virtual servers over IPVS, virtual addresses over VRRP, health checks between
//! them.
//!
//! ```text
//!  keepalived.conf ──> config ──> model <── Model::builder()          what is wanted
//!                                   │
//!  check verdicts, router states ─> director ──> desired table        who takes traffic
//!                                   │
//!  actual table, ledger ──────────> lb_ipvs::plan ──> changes         what to do about it
//!                                   │
//!                       dataplane (ipvs | memory | yours)             who does it
//! ```
//!
//! Everything above `dataplane` is pure: no socket, no clock, no task. The desired and the actual table
//! are compared by [`lb_ipvs::plan`](fn@lb_ipvs::plan), for a start, a verdict, a reload and a stop
//! alike; so only differences reach the kernel, and what is not owned (see [`ledger`]) is not touched.
//!
//! The crates of which this one is made are re-exported: [`vrrp`], [`ipvs`], [`check`] and, with
//! `daemon`, `host`. A program that embeds the load balancer depends on this crate alone.
//!
//! # Features
//! | feature | default | brings |
//! |---|---|---|
//! | none | | [`model`], [`director`], [`dump`], [`notify`], [`ledger`], [`dataplane`]; no runtime |
//! | `config` | yes | `config`: keepalived.conf with spans and suggestions |
//! | `mail` | with `daemon` | `mail`: notifications over SMTP |
//! | `control` | with `daemon` | `control`: the API on a unix socket |
//! | `daemon` | yes | `daemon`: all of it, running |
//!
//! # Examples
//! A model made in code, and what the director wants for it:
//! ```
//! use lb_core::director::Director;
//! use lb_core::ipvs::{Destination, Ownership, Scheduler, Service, ServiceKey, Table, plan};
//! use lb_core::model::{Model, RealServer, VirtualServer};
//!
//! let key = ServiceKey::tcp("192.168.1.50:80".parse()?);
//! let model = Model::builder()
//!     .virtual_server(
//!         VirtualServer::new(Service::new(key, Scheduler::WeightedRoundRobin))
//!             .with_real_server(RealServer::new(Destination::new("192.168.1.61:80".parse()?))),
//!     )
//!     .build()?;
//! let director = Director::new(model);
//! let plan = plan(&Table::new(), &director.desired_table(), Ownership::All);
//! assert_eq!(plan.changes.len(), 2); // the service, then its destination
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod dataplane;
pub mod director;
pub mod dump;
pub mod ledger;
#[cfg(any(test, feature = "daemon"))]
mod log_line;
#[cfg(feature = "mail")]
pub mod mail;
pub mod model;
pub mod notify;

pub use lb_check as check;
#[cfg(feature = "daemon")]
pub use lb_host as host;
pub use lb_ipvs as ipvs;
pub use lb_vrrp as vrrp;
