// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients whose files have no scripts.

use tests_kernel::client;

use super::readers::READERS;
use super::{BOTH, TestResult};

fn play(story: &str) -> TestResult {
    client::play(story, READERS, &BOTH)
}

#[testbed::host_test]
fn neutron() -> TestResult {
    play(include_str!("../clients/neutron.story"))
}

#[testbed::host_test]
fn yawol() -> TestResult {
    play(include_str!("../clients/yawol.story"))
}

#[testbed::host_test]
fn redhat_cop() -> TestResult {
    play(include_str!("../clients/redhat-cop.story"))
}

#[testbed::host_test]
fn insomnia() -> TestResult {
    play(include_str!("../clients/insomnia.story"))
}

#[testbed::host_test]
fn chef() -> TestResult {
    play(include_str!("../clients/chef.story"))
}

#[testbed::host_test]
fn wait() -> TestResult {
    play(include_str!("../clients/wait.story"))
}
