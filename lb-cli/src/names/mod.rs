// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of hosts and ports: the system's files first, then the resolver, never for long.

mod files;
mod resolver;

pub(crate) use resolver::SystemNames;
