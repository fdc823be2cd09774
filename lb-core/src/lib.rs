// SPDX-License-Identifier: MIT OR Apache-2.0
//! lb-core

#[cfg(feature = "config")]
pub mod config;
pub mod dataplane;
pub mod director;
pub mod ledger;
pub mod model;
pub mod plan;
