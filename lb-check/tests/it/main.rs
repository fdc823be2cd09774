// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the crate from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is the failure"
)]

#[cfg(any(feature = "ldap", feature = "sql", feature = "grpc"))]
mod binary;
#[cfg(all(feature = "http-check", feature = "tls"))]
mod certificates;
#[cfg(feature = "tcp")]
mod connections;
#[cfg(feature = "datagram")]
mod datagram;
#[cfg(feature = "script")]
mod factories;
#[cfg(feature = "tls")]
mod hostile;
#[cfg(feature = "http-check")]
mod http_check;
#[cfg(feature = "runtime")]
mod inputs;
#[cfg(feature = "runtime")]
mod panics;
#[cfg(feature = "tcp")]
mod peers;
mod policy;
mod presets;
#[cfg(feature = "script")]
mod programs;
#[cfg(feature = "runtime")]
mod scale;
#[cfg(feature = "runtime")]
mod scheduler;
#[cfg(feature = "script")]
mod scripts;
#[cfg(feature = "http")]
mod servers;
mod state;
#[cfg(all(feature = "text", feature = "tls"))]
mod text;
#[cfg(all(feature = "http", feature = "tls"))]
mod tls;
