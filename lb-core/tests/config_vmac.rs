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
        .map(|router| router.spec.vmac)
        .collect()
}

// shows vrrp_instance: vmac_xmit_base
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

/// The router of a file with these words, and what was found in it.
fn addresses(global: &str, instance: &str) -> (lb_core::model::VrrpInstance, Vec<String>) {
    let text = format!(
        "global_defs {{\n{global}\n}}\nvrrp_instance VI_1 {{\ninterface eth0\n\
         virtual_router_id 51\n{instance}\n}}\n"
    );
    let parsed = config::parse(&text, "t.conf", &Registry::builtin());
    let found = parsed.diagnostics().iter();
    let messages = found.map(|finding| finding.message.clone()).collect();
    let model = parsed.into_model(Mode::Lenient).unwrap();
    (model.routers[0].clone(), messages)
}

/// The addresses on macvlans.
fn on_macvlans(instance: &lb_core::model::VrrpInstance) -> Vec<String> {
    let held = instance.spec.virtual_addresses.iter();
    let those = held.filter(|address| address.vmac);
    those.map(|held| held.address.to_string()).collect()
}

#[test]
fn addresses_elsewhere_have_the_virtual_mac_address_where_it_is_asked_for() {
    let block = "virtual_ipaddress {\n192.0.2.1\n192.0.2.2 dev eth1\n192.0.2.3 dev eth0\n\
                 192.0.2.4 use_vmac\n192.0.2.5 dev eth2 use_vmac\n}\n\
                 virtual_ipaddress_excluded {\n2001:db8::1\n2001:db8::2 dev eth1\n}";
    let asked = ["192.0.2.4", "192.0.2.5"];
    let elsewhere = [
        "192.0.2.2",
        "192.0.2.4",
        "192.0.2.5",
        "2001:db8::1",
        "2001:db8::2",
    ];
    for (keywords, expected) in [
        ("", &asked[..]),
        ("use_vmac\n", &asked),
        ("use_vmac_addr\n", &elsewhere),
        ("use_vmac\nuse_vmac_addr\n", &elsewhere),
    ] {
        let (router, messages) = addresses("", &format!("{keywords}{block}"));
        let both = ["192.0.2.4", "192.0.2.5"];
        let both = both.map(|address| format!("`use_vmac_addr` beside `use_vmac` of {address}"));
        if keywords.contains("use_vmac_addr") {
            assert_eq!(messages, both);
        } else {
            assert_eq!(messages, Vec::<String>::new());
        }
        assert_eq!(on_macvlans(&router), expected, "{keywords}");
        assert_eq!(router.spec.address_prefix, "vrrp");
    }
    for (global, prefix) in [
        ("vmac_prefix lan", "lan"),
        ("vmac_prefix lan\nvmac_addr_prefix va", "va"),
        ("vmac_addr_prefix va", "va"),
    ] {
        let (router, messages) = addresses(global, block);
        assert_eq!(messages, Vec::<String>::new());
        assert_eq!(router.spec.address_prefix, prefix);
    }
}

#[test]
fn one_interface_has_a_mac_address_once() {
    let second = "virtual_ipaddress {\n192.0.2.1 dev eth1 use_vmac\n}\n}\n\
                  vrrp_instance VI_2 {\ninterface eth1\nvirtual_router_id 51\n\
                  use_vmac\nvirtual_ipaddress {\n192.0.2.2\n}";
    let (router, messages) = addresses("", second);
    assert_eq!(on_macvlans(&router), ["192.0.2.1"]);
    assert_eq!(
        messages,
        ["the MAC address 00:00:5e:00:01:33 is used twice on eth1"]
    );
    let (router, messages) = addresses("", "virtual_ipaddress {\n192.0.2.1 dev lo use_vmac\n}");
    assert_eq!(on_macvlans(&router), Vec::<String>::new());
    assert_eq!(
        messages,
        ["a loopback interface can have no virtual MAC address"]
    );
}
