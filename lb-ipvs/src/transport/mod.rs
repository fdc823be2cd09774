// SPDX-License-Identifier: MIT OR Apache-2.0
//! One netlink socket: requests, dumps and batches, each reply tied to its request.
//!
//! The kernel carries a request out within the `send` call, so that all replies but the later
//! parts of a dump are in the socket's receive buffer when `send` returns.

mod datagrams;
mod exchange;
mod frame;
mod link;
#[cfg(test)]
mod tests;

pub(crate) use exchange::Transport;
pub(crate) use link::Link;
#[cfg(any(test, feature = "test-util"))]
pub(crate) use link::scripted;
