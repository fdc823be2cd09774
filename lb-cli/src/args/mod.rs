// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command-line grammars: words in, plain data out.
//!
//! Nothing here talks to the kernel, reads a file or looks a name up; what the words mean is
//! decided in [`crate::request`].

pub(crate) mod genhash;
pub(crate) mod getopt;
pub(crate) mod ipvs;
pub(crate) mod keepalived;
pub(crate) mod popt;
pub(crate) mod run;
