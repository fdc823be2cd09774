// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the other crates do to the Linux host they run on.
//!
//! The crate knows neither VRRP, IPVS nor health checks: it changes links, addresses, routes, rules and
//! settings of the kernel, runs programs, and prepares threads and namespaces.
//!
//! | feature | gives |
//! |---|---|
//! | *(none)* | `namespace`: network namespaces; `scheduling`: real time, processors, locked memory; `sys`: system calls without a safe crate |
//! | `descriptors` | `descriptors`: messages with descriptors between two processes |
//! | `number-file` | `number_file`: the number in a file, followed over inotify |
//! | `script` | `script`: programs with a deadline, as another user |
//! | `thread` | `thread`: threads with a confirmed start, panics as values |
//! | `netlink` | objects of the kernel over rtnetlink, and packet filters over nf_tables |
//! | `serde` | host objects as documents, for another process |
//!
//! # Host objects
//!
//! A program describes what a host is to have as [`HostObject`]s. [`plan`] computes the changes from
//! what is there, a [`Reconciler`] does so step by step for several claimants, with retries, and a
//! `HostPlane` applies them: `Rtnetlink` in the kernel, [`MemoryHost`] in a test.
//!
//! # Reports
//!
//! [`ReportLimiter`] limits the reports that other hosts and programs can cause.

#[cfg(feature = "descriptors")]
pub mod descriptors;
mod family;
pub mod file;
mod filter;
mod interface;
mod key;
mod limiter;
mod link;
mod memory;
pub mod namespace;
#[cfg(feature = "netlink")]
pub mod nftables;
#[cfg(feature = "number-file")]
pub mod number_file;
mod object;
mod plan;
#[cfg(feature = "netlink")]
mod plane;
mod reconcile;
mod routes;
#[cfg(feature = "netlink")]
pub mod rtnetlink;
pub mod scheduling;
#[cfg(feature = "script")]
pub mod script;
pub mod sys;
#[cfg(feature = "thread")]
pub mod thread;

pub use self::family::{AddressFamily, Scope};
pub use self::filter::FilterTable;
pub use self::interface::Link;
pub use self::key::{AddressKey, Key};
pub use self::limiter::{Admitted, ReportLimiter};
pub use self::link::{Macvlan, Setting, SettingName};
pub use self::memory::MemoryHost;
pub use self::object::{Address, HostObject, Owner, Shield};
pub use self::plan::{Change, plan};
#[cfg(feature = "netlink")]
pub use self::plane::HostPlane;
pub use self::reconcile::{Adopted, Applied, Desired, Reconciler, Report};
pub use self::routes::{
    Network, NetworkError, NextHop, PlacedRoute, Route, RouteKind, RouteMetric, RoutePreference,
    RoutingEntry, Rule, RuleAction,
};
#[cfg(feature = "netlink")]
pub use self::rtnetlink::{FoundLink, Rtnetlink};
