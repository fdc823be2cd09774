// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel shows of IPVS below `/proc/net`: parsers, pure, that never panic.

mod application;
mod table;

pub(crate) use application::parse as parse_applications;
pub use application::{Application, ApplicationError};
pub(crate) use table::merge;
