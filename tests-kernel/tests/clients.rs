// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that drive or read keepalived, in the guest: those with virtual servers, and those with scripts, which
//! an ordinary user's keepalived cannot run on the host.

#[path = "clients_netns/readers.rs"]
mod readers;
#[path = "clients_netns/scripted.rs"]
mod scripted;

use std::error::Error;

use tests_kernel::client;
use tests_kernel::cluster::Software;

use readers::READERS;

type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// Those whose answers are compared.
const BOTH: [Software; 2] = [Software::Keepalived, Software::Lbctl];

#[testbed::guest_test]
fn octavia() -> TestResult {
    let story = include_str!("clients/octavia.story");
    client::play(story, READERS, &BOTH)
}

#[testbed::guest_test]
fn opennebula_lvs() -> TestResult {
    let story = include_str!("clients/opennebula-lvs.story");
    client::play(story, READERS, &BOTH)
}

#[testbed::guest_test]
fn kube_keepalived_vip() -> TestResult {
    let story = include_str!("clients/kube-keepalived-vip.story");
    client::play(story, READERS, &BOTH)
}
