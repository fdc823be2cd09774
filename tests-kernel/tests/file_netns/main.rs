// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel shows for a file: `lbctl run -f` and keepalived with the same file, on the
//! host's kernel.

mod bare;
mod common;
mod foreign;
mod groups;
mod holdings;
mod igmp;
mod language;
mod links;
mod mails;
mod notify;
mod protocols;
mod refresh;
mod scripts;
mod sockets;
mod start;
mod statics;
mod vmacs;
mod webhooks;
mod weights;

use common::{BOTH, DEADLINE, TestResult, privileged, runs_scripts};
