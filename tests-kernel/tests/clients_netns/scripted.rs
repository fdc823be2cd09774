// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients whose files have scripts: for an ordinary user keepalived runs them in the guest alone.

use tests_kernel::client;
use tests_kernel::cluster::{Software, runs_scripts};
use tests_kernel::lab::Suite;

use super::readers::READERS;
use super::{BOTH, TestResult};

/// Plays a story where scripts can run. In the namespace of an ordinary user the owner of the host's programs is
/// not root, and scripts are refused.
fn play(client: &str, story: &str) -> TestResult {
    play_with(client, story, &BOTH)
}

fn play_with(client: &str, story: &str, software: &[Software]) -> TestResult {
    if !BOTH.iter().all(|software| runs_scripts(*software, client)) {
        return Ok(());
    }
    client::play(story, READERS, software)
}

#[testbed::namespace_test]
fn openwrt() -> TestResult {
    play("openwrt", include_str!("../clients/openwrt.story"))
}

#[testbed::namespace_test]
fn openshift() -> TestResult {
    play("openshift", include_str!("../clients/openshift.story"))
}

#[testbed::namespace_test]
fn openshift_ipfailover() -> TestResult {
    play(
        "openshift-ipfailover",
        include_str!("../clients/openshift-ipfailover.story"),
    )
}

#[testbed::namespace_test]
fn kolla() -> TestResult {
    play("kolla", include_str!("../clients/kolla.story"))
}

#[testbed::namespace_test]
fn vyos() -> TestResult {
    play("vyos", include_str!("../clients/vyos.story"))
}

#[testbed::namespace_test]
fn cephadm() -> TestResult {
    play("cephadm", include_str!("../clients/cephadm.story"))
}

#[testbed::namespace_test]
fn cloudstack() -> TestResult {
    play("cloudstack", include_str!("../clients/cloudstack.story"))
}

#[testbed::namespace_test]
fn opennebula() -> TestResult {
    play("opennebula", include_str!("../clients/opennebula.story"))
}

#[testbed::namespace_test]
fn ansible_evrardjp() -> TestResult {
    play(
        "ansible-evrardjp",
        include_str!("../clients/ansible-evrardjp.story"),
    )
}

#[testbed::namespace_test]
fn ansible_oefenweb() -> TestResult {
    play(
        "ansible-oefenweb",
        include_str!("../clients/ansible-oefenweb.story"),
    )
}

#[testbed::namespace_test]
fn puppet() -> TestResult {
    play("puppet", include_str!("../clients/puppet.story"))
}

#[testbed::namespace_test]
fn salt() -> TestResult {
    play("salt", include_str!("../clients/salt.story"))
}

#[testbed::namespace_test]
fn osixia() -> TestResult {
    play("osixia", include_str!("../clients/osixia.story"))
}

#[testbed::namespace_test]
fn exporters() -> TestResult {
    play("exporters", include_str!("../clients/exporters.story"))
}

#[testbed::namespace_test]
fn octavia_vrrp() -> TestResult {
    let story = include_str!("../clients/octavia-vrrp.story");
    play("octavia-vrrp", story)
}

/// Only root can start a program as another user. Newer versions of keepalived do not start without root: they
/// report that the daemon runs already.
#[testbed::namespace_test]
fn metal3() -> TestResult {
    let software = match Suite::of_peers() {
        Suite::Newest => &BOTH[1..],
        _ => &BOTH,
    };
    let story = include_str!("../clients/metal3.story");
    play_with("metal3", story, software)
}
