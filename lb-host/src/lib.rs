// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the other crates do to the Linux host they run on.
//!
//! The crate knows neither VRRP, IPVS nor health checks: it changes links, addresses, routes, rules and
//! settings of the kernel, runs programs, and prepares threads and namespaces.

#[cfg(feature = "descriptors")]
pub mod descriptors;
pub mod namespace;
pub mod scheduling;
#[cfg(feature = "script")]
pub mod script;
#[cfg(feature = "thread")]
pub mod thread;
