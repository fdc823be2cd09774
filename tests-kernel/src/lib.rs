// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real-kernel lab.
//!
//! What the other crates prove with simulations and scripted peers is proven here once more
//! against a kernel: a guest kernel with IPVS boots as an ordinary process (User Mode Linux), test
//! binaries built outside run inside it, and build their networks from namespaces. Nothing is
//! installed on the host and no root is needed.
//!
//! * [`lab`] knows the unpacked packages and the kernels that boot here.
//! * [`guest`] boots the kernel and runs one command in it: `cargo xtask guest -- CMD…`.
//! * [`net`] has what a scenario is made of, on the inside: namespaces, links, small servers, a
//!   polling client, a packet capture.
//! * [`frr`] is another router beside keepalived, and [`cluster`] two directors.
//! * [`peer`] knows the versions of those others, and what differs between them.
//! * [`observer`] sees every frame on a segment and audits one virtual router's.
//! * [`client`] plays the commands of programs that drive keepalived, with keepalived and with ours.
//! * [`usage`] measures processor time and memory of a daemon.
//! * [`testbed`] keeps the tests from running anywhere else, has the namespaces and runs programs
//!   with deadlines.
//!
//! The packages come from `cargo xtask fetch`; `cargo xtask test` does all of it.

pub mod client;
pub mod cluster;
pub mod frr;
pub mod guest;
pub mod lab;
pub mod net;
pub mod observer;
pub mod peer;
pub mod tool;
pub mod usage;

pub use testbed::{gate, process};
