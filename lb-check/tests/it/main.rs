// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the crate from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is the failure"
)]

#[cfg(feature = "datagram")]
mod datagram;
#[cfg(feature = "script")]
mod factories;
#[cfg(feature = "runtime")]
mod scheduler;
#[cfg(feature = "script")]
mod scripts;
#[cfg(feature = "http")]
mod servers;
mod state;
#[cfg(feature = "tls")]
mod tls;
