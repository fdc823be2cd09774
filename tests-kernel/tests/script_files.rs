// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests of `file_netns` that have scripts, in the guest: on the host keepalived can run scripts
//! for root alone, because it sets their groups.

#[path = "file_netns/common.rs"]
mod common;
#[path = "file_netns/groups.rs"]
mod groups;
#[path = "file_netns/notify.rs"]
mod notify;
#[path = "file_netns/scripts.rs"]
mod scripts;
#[path = "script_files/server_mails.rs"]
mod server_mails;
#[path = "script_files/servers.rs"]
mod servers;
#[path = "file_netns/weights.rs"]
mod weights;

use common::{BOTH, DEADLINE, TestResult, privileged, runs_scripts};
