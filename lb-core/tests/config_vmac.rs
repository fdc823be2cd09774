// SPDX-License-Identifier: MIT OR Apache-2.0
//! Virtual MAC addresses as they are read from a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

use lb_check::Registry;
use lb_core::config::{self, Mode};
use lb_vrrp::Vmac;

fn routers(lines: &[&str], global: &str) -> Vec<Option<Vmac>> {
    let mut text = format!("global_defs {{\n{global}\n}}\n");
    for (number, line) in lines.iter().enumerate() {
        let vrid = 51 + number;
        text.push_str(&format!(
            "vrrp_instance VI_{vrid} {{\ninterface eth0\nvirtual_router_id {vrid}\n{line}\n\
             virtual_ipaddress {{\n192.0.2.{vrid}\n}}\n}}\n"
        ));
    }
    let parsed = config::parse(&text, "t.conf", &Registry::builtin());
    assert_eq!(parsed.diagnostics().len(), 0, "{}", parsed.diagnostics());
    let model = parsed.into_model(Mode::Strict).unwrap();
    model
        .routers
        .into_iter()
        .map(|router| router.vmac)
        .collect()
}

#[test]
fn each_word_of_use_vmac_reaches_the_router() {
    let lines = [
        "",
        "use_vmac",
        "use_vmac gw0",
        "use_vmac name group",
        "use_vmac gw1 02:00:00:00:00:01",
        "use_vmac 02:00:00:00:00",
        "use_vmac\nvmac_xmit_base",
    ];
    let mac = |text: &str| text.parse().unwrap();
    assert_eq!(
        routers(&lines, ""),
        [
            None,
            Some(Vmac::new()),
            Some(Vmac::new().with_name("gw0")),
            Some(Vmac::new().with_name("group")),
            Some(
                Vmac::new()
                    .with_name("gw1")
                    .with_mac(mac("02:00:00:00:00:01"))
            ),
            Some(Vmac::new().with_mac(mac("02:00:00:00:00:38"))),
            Some(Vmac::new().with_transmit_from_base(true)),
        ]
    );
}

#[test]
fn the_prefix_of_names_is_everybodys() {
    assert_eq!(
        routers(&["use_vmac", "use_vmac gw0"], "vmac_prefix lan"),
        [
            Some(Vmac::new().with_prefix("lan")),
            Some(Vmac::new().with_prefix("lan").with_name("gw0")),
        ]
    );
}
