// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command-line grammars: words in, plain data out.
//!
//! Nothing here talks to the kernel, reads a file or looks a name up. ipvsadm's grammar is
//! `lb_ipvsadm::command`.

pub(crate) mod boot;
pub(crate) mod genhash;
pub(crate) mod getopt;
pub(crate) mod keepalived;
pub(crate) mod run;
