// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the other crates do to the Linux host they run on.
//!
//! The crate knows neither VRRP, IPVS nor health checks: it changes links, addresses, routes, rules and
//! settings of the kernel, runs programs, and prepares threads and namespaces.
//!
//! | feature | gives |
//! |---|---|
//! | *(none)* | `namespace`: network namespaces; `scheduling`: real time, processors, locked memory |
//! | `descriptors` | `descriptors`: messages with descriptors between two processes |
//! | `script` | `script`: programs with a deadline, as another user |
//! | `thread` | `thread`: threads with a confirmed start, panics as values |
//! | `netlink` | objects of the kernel over rtnetlink |

#[cfg(feature = "descriptors")]
pub mod descriptors;
pub mod namespace;
pub mod scheduling;
#[cfg(feature = "script")]
pub mod script;
#[cfg(feature = "thread")]
pub mod thread;
