// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clients whose files have scripts: for an ordinary user keepalived runs them in the guest alone.

use tests_kernel::client;
use tests_kernel::cluster::{privileged, runs_scripts};

use super::readers::READERS;
use super::{BOTH, TestResult};

/// Plays a story with the software that can run scripts here.
fn play(client: &str, story: &str) -> TestResult {
    let mut software = BOTH.to_vec();
    software.retain(|software| runs_scripts(*software, client));
    client::play(story, READERS, &software)
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

/// Only root can start a program as another user.
#[testbed::namespace_test]
fn metal3() -> TestResult {
    if !privileged() {
        return Ok(());
    }
    play("metal3", include_str!("../clients/metal3.story"))
}
